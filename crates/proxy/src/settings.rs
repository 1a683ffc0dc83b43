//! What the data path is told: validated values that `larder` makes from the configuration.
//!
//! Every queue, buffer, pool, body and wait has a limit here, with a name of its own.

mod pictures;

pub use crate::upstream::{Begun, Open, Reach};
pub use pictures::{Folder, OnError, PictureLimits, PictureSettings, RemoteSource, Wildcard};

use crate::doors::Door;
use crate::shelf::Shelf;
use policy::glob::Glob;
use policy::rule::Site;
use policy::time::Seconds;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// All settings of the data path.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses to serve on.
    pub listen: Vec<Listen>,
    /// Peers that say by the PROXY protocol for whom they speak; each connection of theirs has to
    /// begin so.
    pub proxy_protocol: Vec<Network>,
    /// Peers whose `X-Forwarded-*` and `Forwarded` are believed.
    pub trusted_proxies: Vec<Network>,
    /// The name of this node in `CDN-Loop`, a token that no other node has.
    pub node: String,
    /// Sites in order; the first that answers for a host serves it. A site for every host is
    /// the last resort wherever it stands.
    pub sites: Vec<SiteSettings>,
    /// Limits toward clients.
    pub client: ClientLimits,
    /// Limits toward origins.
    pub origin: OriginLimits,
    /// Limits of filling the cache.
    pub fill: FillLimits,
    /// How purges go about.
    pub purge: PurgeLimits,
    /// Limits of making pictures.
    pub pictures: PictureLimits,
}

/// An address to serve on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// Whether TLS is spoken there.
    pub is_tls: bool,
}

/// One site and where its responses come from.
#[derive(Clone, Debug)]
pub struct SiteSettings {
    /// Its hosts and rules.
    pub site: Site,
    /// Where its responses come from: one server, or several that give the same.
    pub origins: Vec<OriginAddress>,
    /// How TLS is spoken with those that speak it.
    pub origin_tls: Option<OriginTls>,
    /// How they are asked whether they are well, if they are.
    pub health_check: Option<HealthCheck>,
    /// What is answered here, whatever the origin has there.
    pub doors: Vec<Arc<dyn Door>>,
    /// What lies on this machine in the place of what the origin has.
    pub shelves: Vec<Arc<dyn Shelf>>,
    /// The `Host` that the origin is sent.
    pub origin_host: OriginHost,
    /// Which addresses of the origins' names may be connected to.
    pub reach: Reach,
    /// Which pictures are made for it, if any are.
    pub pictures: Option<Arc<PictureSettings>>,
}

/// How TLS is spoken with origins.
#[derive(Clone, Debug)]
pub struct OriginTls {
    /// Whom to believe, and in which protocols to speak.
    pub config: Arc<ClientConfig>,
    /// The name that the certificate has to be for, where it is not the origin's own.
    pub name: Option<ServerName<'static>>,
}

/// How origins are asked whether they are well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path that is asked for; any answer below 400 is a good one.
    pub path: String,
    /// How often.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// An origin server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginAddress {
    /// By TLS or not.
    pub is_tls: bool,
    /// Name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Which `Host` the origin is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OriginHost {
    /// The one that the client sent.
    #[default]
    Keep,
    /// The origin's own name and port.
    Origin,
    /// This one.
    Value(String),
}

/// An IP network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address of the network.
    pub address: IpAddr,
    /// How many leading bits count: at most 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

/// Limits toward clients.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// Connections at once; further ones get 503 with `Retry-After`.
    pub max_connections: usize,
    /// Bytes of the request line's target; more gets 414.
    pub max_target_bytes: usize,
    /// Bytes of a request head; more gets 431.
    pub max_head_bytes: usize,
    /// Header fields of a request; more gets 431.
    pub max_fields: usize,
    /// Bytes of a request body; more gets 413.
    pub max_body_bytes: u64,
    /// From a request's first byte to the end of its head; longer gets 408.
    pub header_timeout: Duration,
    /// Without a request on a kept connection; then it is closed.
    pub idle_timeout: Duration,
    /// Between two reads of a request body; longer gets 408.
    pub body_timeout: Duration,
    /// Without any byte of a response being taken; then the connection is cut.
    pub send_timeout: Duration,
    /// Bytes a second of a response that a client has to take, once it was waited for
    /// `send_timeout` in all; a slower one is cut.
    pub min_send_bytes: u64,
    /// Streams of one HTTP/2 connection at once; further ones are refused.
    pub max_streams: usize,
    /// Connections at once that go on in another protocol, and event streams; further ones that
    /// want to are answered 503.
    pub max_long_streams: usize,
    /// Without a byte in either direction on such a connection, or of an event stream.
    pub long_stream_timeout: Duration,
    /// From the signal to stop until what still runs is cut.
    pub drain_timeout: Duration,
}

/// Limits toward each origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginLimits {
    /// To connect, name look-up included.
    pub connect_timeout: Duration,
    /// From the request sent to the head of the response.
    pub first_byte_timeout: Duration,
    /// Between two reads of a response body.
    pub between_bytes_timeout: Duration,
    /// Requests under way at once to one origin.
    pub concurrency: usize,
    /// Requests that wait for their turn to one origin; further ones get 503.
    pub queue: usize,
    /// The longest wait for a turn; longer gets 503.
    pub queue_timeout: Duration,
    /// Idle connections kept to one origin, on each core.
    pub max_idle_connections: usize,
    /// How long an idle connection is kept: less than the 5 s after which Node closes its own.
    pub idle_timeout: Duration,
    /// Bytes of a response head; more gets 502. At least 8 KiB.
    pub max_head_bytes: usize,
    /// Header fields of a response; more gets 502.
    pub max_fields: usize,
    /// Failures in a row after which an origin of several is left out for a while; the last one
    /// never is.
    pub eject_after: u32,
    /// For how long the first time; each further time so much longer, up to ten times.
    pub eject_for: Duration,
    /// Of a hundred requests, how many may be tried again at another server of the origin.
    pub retry_percent: u32,
    /// How long an address that a name resolved to is used before it is asked for again.
    pub dns_ttl: Duration,
}

/// Limits of filling the cache.
#[derive(Clone, Debug)]
pub struct FillLimits {
    /// The longest body that is stored, in bytes.
    pub max_object_bytes: u64,
    /// Bytes of bodies that are on their way into the cache, all together.
    pub in_flight_bytes: u64,
    /// How far, in bytes, a reader of a body that is not stored may lag behind the first.
    pub window_bytes: u64,
    /// A fill that nobody reads any more is ended only if more than this is missing, in bytes.
    pub finish_bytes: u64,
    /// How long an URL whose answer could not be shared is fetched without waiting for others.
    pub uncacheable_ttl: Duration,
    /// Refreshes in the background that may be under way or waiting.
    pub background_queue: usize,
    /// The longest pause before what could not be refreshed is asked for again; the first is a
    /// second, and each is twice the one before.
    pub refresh_pause: Duration,
    /// Bodies that may be compressed at once; further ones go out as they are.
    pub max_compressions: usize,
}

/// How purges go about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeLimits {
    /// Pages a second of one site that are made anew after a paced purge.
    pub paced_per_second: usize,
    /// For how long they are served stale meanwhile, whatever the origin says of that.
    pub stale_window: Seconds,
}

impl Default for PurgeLimits {
    fn default() -> PurgeLimits {
        PurgeLimits { paced_per_second: 10, stale_window: Seconds::new(600) }
    }
}

impl Network {
    /// Whether the address lies within; IPv4 addresses mapped to IPv6 count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |a: IpAddr| match a {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let ((own, own_length), (other, other_length)) =
            (bits(self.address.to_canonical()), bits(address.to_canonical()));
        let shift = 128 - u32::from(self.prefix.min(own_length));
        own_length == other_length && (shift == 128 || own >> shift == other >> shift)
    }
}

impl Settings {
    /// The number of the site for a host: the first that names it, else one for every host.
    pub fn site_number(&self, host: &str) -> Option<usize> {
        let named = |site: &SiteSettings| !site.site.hosts.is_empty();
        let sites = &self.sites;
        let of_host = sites.iter().position(|site| named(site) && site.site.answers_for(host));
        of_host.or_else(|| sites.iter().position(|site| !named(site)))
    }
}

impl SiteSettings {
    /// Other origins that its pictures are made of.
    pub fn sources(&self) -> impl Iterator<Item = &SiteSettings> {
        let sources = self.pictures.iter().flat_map(|pictures| &pictures.sources);
        sources.map(|source| &source.settings)
    }

    /// The `Host` that origins are asked with whether they are well; empty: their own.
    pub fn host_of_checks(&self) -> &str {
        match &self.origin_host {
            OriginHost::Value(host) => host,
            OriginHost::Origin => "",
            OriginHost::Keep => {
                let names = self.site.hosts.iter().map(Glob::as_str);
                names.into_iter().find(|name| !name.contains(['*', '?'])).unwrap_or_default()
            }
        }
    }
}

impl OriginAddress {
    /// Name and port as a `Host` field has them.
    pub fn authority(&self) -> String {
        let bracketed = self.host.contains(':');
        let host = if bracketed { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.is_tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// The origin's URL.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

impl Default for ClientLimits {
    fn default() -> ClientLimits {
        ClientLimits {
            max_connections: 16_384,
            max_target_bytes: 8 << 10,
            max_head_bytes: 32 << 10,
            max_fields: 100,
            max_body_bytes: 1 << 30,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            send_timeout: Duration::from_secs(30),
            min_send_bytes: 1 << 10,
            max_streams: 128,
            max_long_streams: 4096,
            long_stream_timeout: Duration::from_secs(3600),
            drain_timeout: Duration::from_secs(25),
        }
    }
}

impl Default for OriginLimits {
    fn default() -> OriginLimits {
        OriginLimits {
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(60),
            between_bytes_timeout: Duration::from_secs(30),
            concurrency: 1024,
            queue: 1024,
            queue_timeout: Duration::from_secs(10),
            max_idle_connections: 64,
            idle_timeout: Duration::from_secs(4),
            max_head_bytes: 64 << 10,
            max_fields: 100,
            eject_after: 3,
            eject_for: Duration::from_secs(10),
            retry_percent: 20,
            dns_ttl: Duration::from_secs(30),
        }
    }
}

impl Default for FillLimits {
    fn default() -> FillLimits {
        FillLimits {
            max_object_bytes: 4 << 30,
            in_flight_bytes: 64 << 20,
            window_bytes: 1 << 20,
            finish_bytes: 1 << 20,
            uncacheable_ttl: Duration::from_secs(120),
            background_queue: 1024,
            refresh_pause: Duration::from_secs(60),
            max_compressions: 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        for (network, prefix, address, within) in [
            ("10.0.0.0", 8, "10.255.0.1", true),
            ("10.0.0.0", 8, "11.0.0.1", false),
            ("127.0.0.1", 32, "127.0.0.1", true),
            ("127.0.0.1", 32, "::ffff:127.0.0.1", true),
            ("0.0.0.0", 0, "8.8.8.8", true),
            ("0.0.0.0", 0, "::1", false),
            ("fd00::", 8, "fd12::1", true),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            let network = Network { address: network.parse().expect("an address"), prefix };
            assert_eq!(network.contains(address), within, "{network:?} {address}");
        }
    }
}
