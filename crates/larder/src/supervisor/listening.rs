//! Where processes listen, as `/proc` tells (proc(5)): to say what is wrong where an app listens
//! elsewhere than it was told.

use super::processes;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state of a socket that listens.
const LISTEN: &str = "0A";

/// Where a process and those below it listen; nothing where the system does not tell.
pub fn by_tree(root: i32) -> Option<Vec<SocketAddr>> {
    let all = processes::all();
    if !all.iter().any(|process| process.pid == root) {
        return None;
    }
    let mut sockets = HashSet::new();
    for pid in processes::tree(root, &all) {
        sockets.extend(sockets_of(pid)?);
    }
    let all = all_listening(&root.to_string())?.into_iter();
    let own = all.filter(|(_, socket)| sockets.contains(socket));
    let mut addresses: Vec<SocketAddr> = own.map(|(address, _)| address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Some(addresses)
}

/// Whether any process listens where connections to `wanted` come; nothing where the system does not
/// tell.
pub fn is_listened_at(wanted: SocketAddr) -> Option<bool> {
    Some(all_listening("self")?.iter().any(|(at, _)| takes(at, wanted)))
}

/// Whether who listens on `at` gets connections to `wanted`.
pub fn takes(at: &SocketAddr, wanted: SocketAddr) -> bool {
    // `[::]` takes those of IPv4 too, unless it was told otherwise.
    at.port() == wanted.port() && (at.ip().is_unspecified() || at.ip() == wanted.ip())
}

/// Where the system of a process is listened at, and the numbers of the sockets.
fn all_listening(process: &str) -> Option<Vec<(SocketAddr, u64)>> {
    let table = |name| fs::read_to_string(format!("/proc/{process}/net/{name}"));
    let (tcp, tcp6) = (table("tcp").ok()?, table("tcp6"));
    // There is none where the system does without IPv6.
    let rows = tcp.lines().chain(tcp6.as_deref().unwrap_or_default().lines());
    Some(rows.filter_map(parse).collect())
}

/// The numbers of the sockets that a process has open; nothing where we may not know, as of one that
/// has become another user.
fn sockets_of(pid: i32) -> Option<Vec<u64>> {
    let folder = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
        // It has ended meanwhile.
        Err(_) => return Some(Vec::new()),
    };
    let socket = |entry: io::Result<fs::DirEntry>| {
        let link = fs::read_link(entry.ok()?.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    Some(folder.filter_map(socket).collect())
}

/// Address and number of a socket that listens, of a row of `/proc/net/tcp` or `tcp6`.
fn parse(row: &str) -> Option<(SocketAddr, u64)> {
    let mut words = row.split_ascii_whitespace();
    let local = words.nth(1)?;
    let state = words.nth(1)?;
    let socket = words.nth(5)?.parse().ok()?;
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == LISTEN).then_some((SocketAddr::new(parse_ip(ip)?, port), socket))
}

/// Words of 32 bits, each in the byte order of this machine.
fn parse_ip(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(digits.get(at..at + 8)?, 16).ok();
    let bytes = |at: usize| word(at).map(u32::to_ne_bytes);
    match digits.len() {
        8 => bytes(0).map(|bytes| Ipv4Addr::from(bytes).into()),
        32 => {
            let words = [bytes(0)?, bytes(8)?, bytes(16)?, bytes(24)?];
            let mut all = [0; 16];
            all.iter_mut().zip(words.concat()).for_each(|(to, from)| *to = from);
            Some(Ipv6Addr::from(all).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_of_the_table_are_read() {
        let rest = "00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0";
        let row = |local: &str, state: &str| {
            parse(&format!("   0: {local} 00000000:0000 {state} {rest}"))
                .map(|(address, socket)| (address.to_string(), socket))
        };
        for (local, state, found) in [
            ("0100007F:10E1", "0A", Some("127.0.0.1:4321")),
            ("00000000:0050", "0A", Some("0.0.0.0:80")),
            ("00000000000000000000000001000000:0BB8", "0A", Some("[::1]:3000")),
            ("0100007F:10E1", "01", None),
            ("7F:10E1", "0A", None),
        ] {
            let found = found.map(|address| (address.to_owned(), 4711));
            assert_eq!(row(local, state), found, "{local} {state}");
        }
        assert_eq!(parse("  sl  local_address rem_address   st tx_queue rx_queue"), None);
    }

    #[test]
    fn what_this_process_listens_on_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
        let address = listener.local_addr().expect("it is bound");
        let own = i32::try_from(std::process::id()).expect("numbers of processes are small");
        assert!(by_tree(own).is_some_and(|found| found.contains(&address)));
        assert_eq!(by_tree(i32::MAX), None);
    }
}
