//! The app's port: one that is free, and that hardly anybody else takes.

use super::launch::{HOST, address};
use super::listening;
use crate::config::address::Origin;
use crate::random;
use proxy::settings::{Begun, Open, OriginAddress, Reach, Settings};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::RangeInclusive;

/// Below the ports that systems give to outgoing connections (from 32768 on Linux), any of which
/// might take a port before the app does.
const PORTS: RangeInclusive<u16> = 20_000..=32_000;
/// So many of them are tried before the system is asked for any.
const TRIES: usize = 64;

/// The port of an app that has none yet; no server has it.
pub const UNPLACED: u16 = 0;

/// The origin of an app that has no port yet.
pub fn unplaced() -> Origin {
    Origin(at(UNPLACED))
}

/// The origin at that port.
pub fn at(port: u16) -> OriginAddress {
    OriginAddress { is_tls: false, host: HOST.to_string(), port }
}

/// Moves sites from one port of the app to another, where they ask it while it is there by `open`.
pub fn place(settings: &mut Settings, from: &OriginAddress, to: u16, open: &Open) {
    for site in &mut settings.sites {
        for origin in site.origins.iter_mut().filter(|origin| *origin == from) {
            *origin = at(to);
            site.reach = Reach::Begun(Begun::new(to, open.clone()));
        }
    }
}

/// Ports that others have, or are going to have.
#[derive(Clone, Debug)]
pub struct Taken(Vec<u16>);

impl Taken {
    /// Those of the configuration.
    pub fn of(settings: &Settings, admin: SocketAddr) -> Taken {
        let origins = settings.sites.iter().flat_map(|site| &site.origins);
        let origins = origins.map(|origin| origin.port);
        let listeners = settings.listen.iter().map(|listen| listen.address.port());
        Taken(origins.chain(listeners).chain([admin.port()]).collect())
    }

    /// One that is free.
    ///
    /// # Errors
    /// When the system has none.
    pub fn choose(&self) -> io::Result<u16> {
        let free = |port: &u16| !self.0.contains(port) && is_free(*port);
        match (0..TRIES).map(|_| any()).find(free) {
            Some(port) => Ok(port),
            None => Ok(TcpListener::bind(address(0))?.local_addr()?.port()),
        }
    }
}

/// Whether it can be listened there.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(address(port)).is_ok()
}

/// Who has a port that cannot be listened at, for people: also connections that have ended keep it for
/// a minute, where who listened did without SO_REUSEADDR.
pub fn holder(port: u16) -> &'static str {
    match listening::is_listened_at(address(port)) {
        Some(false) => "connections that ended a moment ago still hold",
        _ => "another process took",
    }
}

fn any() -> u16 {
    let digits = random::hex::<4>();
    let number = u32::from_str_radix(&digits, 16).unwrap_or_default();
    let count = u32::from(PORTS.end() - PORTS.start()) + 1;
    // Less than the count of ports, so it fits.
    PORTS.start() + u16::try_from(number % count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_nobody_elses() {
        let ports = Taken(Vec::new());
        let port = ports.choose().expect("there are ports");
        assert!(PORTS.contains(&port) && is_free(port));
        let held = TcpListener::bind(address(port)).expect("it is free");
        assert!(!is_free(port));
        drop(held);
        let all_but_one = Taken(PORTS.filter(|other| *other != port).collect());
        let found = all_but_one.choose().expect("the system has one");
        assert!(found == port || !PORTS.contains(&found));
    }

    #[test]
    fn connections_that_have_ended_are_no_process() {
        use socket2::{Domain, Socket, Type};
        // Without SO_REUSEADDR, which the standard library sets.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
        let port = Taken(Vec::new()).choose().expect("there are ports");
        socket.bind(&address(port).into()).expect("it is free");
        socket.listen(1).expect("it is bound");
        assert!(!is_free(port) && holder(port).starts_with("another process"));
        let client = std::net::TcpStream::connect(address(port)).expect("it is listened");
        // Who closes first has the connection's end on its hands.
        drop(socket.accept().expect("a client is there"));
        drop((socket, client));
        assert!(!is_free(port) && holder(port).starts_with("connections that ended"));
    }

    #[test]
    fn ports_are_spread() {
        let mut found: Vec<u16> = (0..100).map(|_| any()).collect();
        assert!(found.iter().all(|port| PORTS.contains(port)));
        found.sort_unstable();
        found.dedup();
        assert!(found.len() > 90);
    }
}
