//! A picture, asked for over a connection of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, bail};
use memchr::memmem;

use super::PATIENCE;

const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// The bytes of a picture; anything but a 200 is an error.
pub fn picture(server: SocketAddr, target: &str, accept: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {server}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    body(&answer).with_context(|| format!("GET {target}"))
}

/// Whether somebody listens there.
pub fn answers(server: SocketAddr) -> bool {
    TcpStream::connect_timeout(&server, PATIENCE).is_ok()
}

fn body(answer: &[u8]) -> anyhow::Result<Vec<u8>> {
    let end = memmem::find(answer, b"\r\n\r\n").context("the answer has no end of its head")?;
    let (head, body) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    if !head.starts_with("HTTP/1.1 200") {
        let said = String::from_utf8_lossy(&body[..body.len().min(200)]);
        bail!("{}: {said}", head.lines().next().unwrap_or_default());
    }
    let head = head.to_ascii_lowercase();
    let field = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    if field("transfer-encoding").is_some_and(|value| value == "chunked") {
        return unchunked(body);
    }
    match field("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length != body.len() => {
            bail!("{} bytes came of {length}", body.len())
        }
        _ => Ok(body.to_vec()),
    }
}

fn unchunked(mut coded: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = memmem::find(coded, b"\r\n").context("a chunk without its size")?;
        let size = std::str::from_utf8(&coded[..end])?.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).context("the size of a chunk")?;
        let rest = &coded[end + 2..];
        if size == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(rest.get(..size).context("a chunk that breaks off")?);
        coded = rest.get(size + 2..).context("a chunk without its end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_taken_out_of_either_framing() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                        3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n";
        assert_eq!(body(whole).expect("a body"), b"hello");
        assert_eq!(body(chunked).expect("a body"), b"hello");
    }

    #[test]
    fn what_breaks_off_or_fails_is_an_error() {
        for bad in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"[..],
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhel",
            b"HTTP/1.1 200 OK\r\n",
        ] {
            assert!(body(bad).is_err());
        }
    }
}
