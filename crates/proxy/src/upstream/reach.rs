//! Which addresses may be connected to where a stranger names what is asked for (server-side request
//! forgery). A name is resolved once, and what is connected to is what was looked at here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

/// Which addresses of an origin's name may be connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All: the operator names the origin.
    #[default]
    Anywhere,
    /// All but those where this server itself listens on this machine.
    NotUs(Box<[u16]>),
    /// Only those of the public Internet.
    Public,
    /// All but a server that this process begins itself, which is asked only while it is known to be
    /// there.
    Begun(Begun),
}

/// A server at a port of this machine that this process begins and ends. Whoever else listens there
/// while it is not there is a stranger.
#[derive(Clone, Debug)]
pub struct Begun {
    port: u16,
    open: Open,
}

/// The port of this machine at which such a server is known to be; 0: none.
pub type Open = Arc<AtomicU16>;

impl Begun {
    /// The server at that port, as `open` says it while it is there.
    pub fn new(port: u16, open: Open) -> Begun {
        Begun { port, open }
    }

    fn allows(&self, address: SocketAddr) -> bool {
        let is_its = address.ip().is_loopback() && address.port() == self.port;
        !is_its || self.open.load(Ordering::Acquire) == self.port
    }
}

impl PartialEq for Begun {
    fn eq(&self, other: &Begun) -> bool {
        self.port == other.port && Arc::ptr_eq(&self.open, &other.open)
    }
}

impl Eq for Begun {}

impl Reach {
    /// Whether that address may be connected to.
    pub fn allows(&self, address: SocketAddr) -> bool {
        match self {
            Reach::Anywhere => true,
            Reach::NotUs(ports) => {
                let ip = bare(address.ip());
                let is_here = ip.is_loopback() || ip.is_unspecified();
                !(is_here && ports.contains(&address.port()))
            }
            Reach::Public => is_public(address.ip()),
            Reach::Begun(begun) => begun.allows(address),
        }
    }
}

/// The address that is meant: IPv4 within IPv6, mapped or translated (NAT64, 6to4, Teredo), is IPv4.
fn bare(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let embedded = |high: u16, low: u16| {
        IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    match v6.segments() {
        // ::ffff:0:0/96 mapped, ::ffff:0:0:0/96 translated, ::/96 compatible.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            embedded(high, low)
        }
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => embedded(high, low),
        // 64:ff9b::/96 and 64:ff9b:1::/48 (RFC 6052, RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, 1, .., high, low] => embedded(high, low),
        // 2002::/16 (RFC 3056).
        [0x2002, high, low, ..] => embedded(high, low),
        // 2001::/32 (RFC 4380): the client's address, inverted.
        [0x2001, 0, .., high, low] => embedded(!high, !low),
        _ => address,
    }
}

/// Whether an address is of the public Internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match bare(address) {
        IpAddr::V4(v4) => !is_special_v4(v4),
        // Global unicast is 2000::/3; all else is special.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000 && !is_special_v6(v6),
    }
}

fn is_special_v4(v4: Ipv4Addr) -> bool {
    let within = |network: [u8; 4], prefix: u32| {
        let shift = 32 - prefix;
        v4.to_bits() >> shift == Ipv4Addr::from(network).to_bits() >> shift
    };
    const SPECIAL: [([u8; 4], u32); 15] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    SPECIAL.iter().any(|(network, prefix)| within(*network, *prefix))
}

fn is_special_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    // 2001::/23 of the IETF, 2001:db8::/32 and 3fff::/20 for documents.
    segments[0] == 0x2001 && (segments[1] < 0x200 || segments[1] == 0x0db8)
        || segments[0] == 0x3fff && segments[1] < 0x1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_reached() {
        for (address, is_public) in [
            ("8.8.8.8", true),
            ("1.1.1.1", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("2606:4700::1", true),
            ("2a00:1450:4001::1", true),
            ("64:ff9b::808:808", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.8", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:0:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b:1::a9fe:a9fe", false),
            ("2002:a00:1::1", false),
            ("2001:0:1:2:3:4:f5ff:fffe", false),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("100::1", false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            let found = Reach::Public.allows(SocketAddr::new(address, 443));
            assert_eq!(found, is_public, "{address}");
        }
    }

    #[test]
    fn this_server_asks_not_itself() {
        let reach = Reach::NotUs([8080].into());
        for (address, allowed) in [
            ("127.0.0.1:8080", false),
            ("127.0.0.2:8080", false),
            ("0.0.0.0:8080", false),
            ("[::1]:8080", false),
            ("[::ffff:127.0.0.1]:8080", false),
            ("127.0.0.1:8081", true),
            ("10.0.0.1:8080", true),
        ] {
            assert_eq!(reach.allows(address.parse().expect("an address")), allowed, "{address}");
        }
        assert!(Reach::Anywhere.allows("127.0.0.1:8080".parse().expect("an address")));
    }

    #[test]
    fn a_server_that_is_begun_here_is_asked_while_it_is_there() {
        let open = Open::default();
        let reach = Reach::Begun(Begun::new(81, open.clone()));
        // Where it is, whether it is asked, and another port of this machine.
        for (at, allowed) in [(0, false), (81, true), (82, false)] {
            open.store(at, Ordering::Release);
            assert_eq!(reach.allows("127.0.0.1:81".parse().expect("an address")), allowed, "{at}");
            assert!(reach.allows("127.0.0.1:80".parse().expect("an address")));
        }
    }
}
