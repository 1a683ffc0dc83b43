//! The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt): a balancer in front says
//! for whom it speaks, before anything else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The longest line of version 1, its end included.
const MOST_LINE_BYTES: usize = 107;
/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes behind the signature: version and command, family, length.
const FIXED_BYTES: usize = SIGNATURE.len() + 4;
/// Addresses and what may stand behind them, at most.
const MOST_REST_BYTES: usize = 4 << 10;

/// Reads the header and nothing behind it; gives the address of the client, or nothing where the
/// balancer speaks for itself, as in its health checks.
///
/// # Errors
/// When the connection does not begin so.
pub async fn read(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let mut header = Vec::with_capacity(FIXED_BYTES);
    loop {
        // Byte by byte: what stands behind the header is another's to read.
        header.push(stream.read_u8().await?);
        match parse(&header) {
            Parsed::Client(address) => return Ok(address),
            Parsed::More => {}
            Parsed::Wrong => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole header.
    Client(Option<IpAddr>),
    /// The beginning of one.
    More,
    /// No header.
    Wrong,
}

/// Parses a header that ends where `bytes` end.
pub fn parse(bytes: &[u8]) -> Parsed {
    if bytes.starts_with(b"PROXY ") {
        return parse_line(bytes);
    }
    let begins = |whole: &[u8]| bytes.len() < whole.len() && whole.starts_with(bytes);
    if begins(b"PROXY ") || begins(SIGNATURE) {
        return Parsed::More;
    }
    if bytes.starts_with(SIGNATURE) { parse_binary(bytes) } else { Parsed::Wrong }
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`.
fn parse_line(bytes: &[u8]) -> Parsed {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        let over = bytes.len() >= MOST_LINE_BYTES || bytes.contains(&b'\n');
        return if over { Parsed::Wrong } else { Parsed::More };
    };
    let Ok(line) = std::str::from_utf8(line) else { return Parsed::Wrong };
    let words: Vec<&str> = line.split(' ').collect();
    let is_port = |word: &str| word.parse::<u16>().is_ok();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Parsed::Client(None),
        ["PROXY", "TCP4", client, own, from, to] if is_port(from) && is_port(to) => {
            let both = (client.parse::<Ipv4Addr>(), own.parse::<Ipv4Addr>());
            both.0
                .and(both.1.and(client.parse()))
                .map_or(Parsed::Wrong, |a| Parsed::Client(Some(a)))
        }
        ["PROXY", "TCP6", client, own, from, to] if is_port(from) && is_port(to) => {
            let both = (client.parse::<Ipv6Addr>(), own.parse::<Ipv6Addr>());
            both.0
                .and(both.1.and(client.parse()))
                .map_or(Parsed::Wrong, |a| Parsed::Client(Some(a)))
        }
        _ => Parsed::Wrong,
    }
}

fn parse_binary(bytes: &[u8]) -> Parsed {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return Parsed::More;
    };
    let [version_and_command, family, high, low] = fixed[SIGNATURE.len()..] else {
        return Parsed::Wrong;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version_and_command >> 4 != 2 || length > MOST_REST_BYTES {
        return Parsed::Wrong;
    }
    if rest.len() < length {
        return Parsed::More;
    }
    match (version_and_command & 0xf, family) {
        (0, _) => Parsed::Client(None),
        (1, 0x11) if length >= 12 => match rest.first_chunk::<4>() {
            Some(address) => Parsed::Client(Some(Ipv4Addr::from(*address).into())),
            None => Parsed::Wrong,
        },
        (1, 0x21) if length >= 36 => match rest.first_chunk::<16>() {
            Some(address) => Parsed::Client(Some(Ipv6Addr::from(*address).into())),
            None => Parsed::Wrong,
        },
        (1, 0x00) => Parsed::Client(None),
        _ => Parsed::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of bytes that are read one by one, and how many are left.
    fn read(bytes: &[u8]) -> (Parsed, usize) {
        for end in 1..=bytes.len() {
            let parsed = parse(&bytes[..end]);
            if parsed != Parsed::More {
                return (parsed, bytes.len() - end);
            }
        }
        (Parsed::More, 0)
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, rest].concat()
    }

    #[test]
    fn lines_tell_the_client_and_nothing_behind_them_is_taken() {
        let v4 = Parsed::Client(Some([192, 0, 2, 1].into()));
        let v6 = Parsed::Client(Some("2001:db8::1".parse().expect("an address")));
        for (text, parsed) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET /", v4),
            ("PROXY TCP6 2001:db8::1 ::1 56324 443\r\nGET /", v6),
            ("PROXY UNKNOWN\r\nGET /", Parsed::Client(None)),
            ("PROXY UNKNOWN ffff::1 ::1 1 2\r\nGET /", Parsed::Client(None)),
        ] {
            assert_eq!(read(text.as_bytes()), (parsed, "GET /".len()), "{text}");
        }
        for text in [
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
            "PROXY TCP4 192.0.2.999 198.51.100.1 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.1 1 70000\r\n",
            "PROXY TCP9 1 2 3 4\r\n",
            "PROXY \n",
            &format!("PROXY TCP4 {}", "1".repeat(200)),
        ] {
            assert_eq!(read(text.as_bytes()).0, Parsed::Wrong, "{text}");
        }
    }

    #[test]
    fn binary_headers_tell_the_client_whatever_stands_behind_the_addresses() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0, 1, 0, 2];
        let more = [&v4[..], b"\x04\0\x03abc"].concat();
        let v6 = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 20]].concat();
        for (bytes, parsed) in [
            (binary(1, 0x11, &v4), Parsed::Client(Some([192, 0, 2, 1].into()))),
            (binary(1, 0x11, &more), Parsed::Client(Some([192, 0, 2, 1].into()))),
            (binary(1, 0x21, &v6), Parsed::Client(Some(Ipv6Addr::LOCALHOST.into()))),
            (binary(0, 0, &[]), Parsed::Client(None)),
            (binary(1, 0, &[]), Parsed::Client(None)),
            (binary(1, 0x11, &[1, 2, 3]), Parsed::Wrong),
            (binary(7, 0x11, &v4), Parsed::Wrong),
            (binary(1, 0x31, &[0; 216]), Parsed::Wrong),
            (binary(1, 0x11, &[0; 5000]), Parsed::Wrong),
            (binary(1, 0x11, &v4)[..20].to_vec(), Parsed::More),
        ] {
            assert_eq!(read(&bytes).0, parsed, "{bytes:?}");
        }
    }
}
