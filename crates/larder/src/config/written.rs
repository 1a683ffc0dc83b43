//! What the configuration file says, section by section.
//!
//! Everything is optional; unknown keys are refused. The doc comment of a field is its help: the
//! JSON Schema and `larder.example.toml` show it with the field's name and its default, which
//! the `Default` of its section holds. What it all means is worked out in
//! [`meant`](super::meant).

mod admin;
mod feed;
mod hook;
mod images;
mod imgproxy;
mod limits;
mod rule;
mod site;
mod thumbor;

pub use admin::{Admin, Scope, Token};
pub use feed::{BeforeFirst, Feed, FeedFormat, Feeds};
pub use hook::{Hook, HookKind};
pub use images::{FolderOf, ImageDialect, ImageFormat, ImageProfile, Images, SiteImages};
pub use imgproxy::ImagesByImgproxy;
pub use limits::{Disk, Limits, Origins, Purges, Storage};
pub use rule::{Cache, Compress, Cors, Headers, Key, Matching, Query, Rule, Wanted};
pub use site::{HealthCheck, Hsts, Preset, PurgeMethod, Regenerate, Revalidate, Site};
pub use thumbor::ImagesByThumbor;

use super::address::{Listener, Peers};
use super::reading::TableOrMany;
use super::words::NodeName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The configuration of Larder.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "larder.toml")]
pub struct Written {
    /// Toward clients.
    pub server: Server,
    /// The listener for operators: `/health`, `/ready`, `/metrics`, and `/v1/…`.
    pub admin: Admin,
    /// What is kept, and how much of it.
    pub storage: Storage,
    /// Limits toward each origin.
    pub origin: Origins,
    /// How purges go about.
    pub purge: Purges,
    /// How pictures are made, for all sites.
    pub images: Images,
    /// What holds for all feeds.
    pub feeds: Feeds,
    /// What is logged: requests to standard output, all else to standard error.
    pub log: Log,
    /// Sites, each with its hosts, its origin and its rules. The first that answers for a host
    /// serves it; one without hosts serves what no other does.
    pub site: Vec<Site>,
    /// Webhooks of content systems: what is published there is purged here.
    pub hook: Vec<Hook>,
    /// Documents of other servers that are fetched on a schedule and kept, with their pictures.
    pub feed: Vec<Feed>,
}

/// `[server]`: toward clients.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Addresses to serve on. `--listen` wins over this.
    pub listen: Vec<Listener>,
    /// Certificates, as PEM files: `certificate` has the server's own first, then its chain;
    /// `key` the private key. One table or a list of them, of which the name that a client asks
    /// for chooses; the first is for all others. Where set, every address of `listen` speaks TLS
    /// (HTTP/2 and HTTP/1.1). The files are read again when they change.
    #[schemars(example = Tls::example())]
    pub tls: TableOrMany<Tls>,
    /// Addresses to serve on without TLS beside those of `listen`, where `tls` is set.
    #[schemars(example = ["0.0.0.0:8081"])]
    pub listen_plain: Vec<Listener>,
    /// Balancers in front of Larder that say by the PROXY protocol (version 1 or 2) for whom they
    /// speak, as addresses or networks. Each connection from there has to begin so.
    #[schemars(example = ["10.0.0.0/8"])]
    pub proxy_protocol: Vec<Peers>,
    /// Proxies in front of Larder, as addresses or networks. Only their `X-Forwarded-*` and
    /// `Forwarded` are believed: from anybody else these headers would be a way to pretend.
    #[schemars(example = ["10.0.0.0/8"])]
    pub trusted_proxies: Vec<Peers>,
    /// The name of this node in `CDN-Loop`, by which a request that comes back to it is
    /// recognised and refused. No two nodes may share one. Not set: a new random name at each
    /// start.
    #[schemars(example = "edge-1")]
    pub node: Option<NodeName>,
    /// Limits toward clients.
    pub limits: Limits,
}

/// `tls`: a certificate and its key.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The file of the certificate and its chain.
    pub certificate: PathBuf,
    /// The file of the private key.
    pub key: PathBuf,
}

impl Tls {
    pub(super) fn example() -> Tls {
        Tls { certificate: "fullchain.pem".into(), key: "privkey.pem".into() }
    }
}

/// `[log]`: what is logged.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// One line a request: "off", "json", or "common" (the format of old that many tools read).
    /// Off by default: at thousands of requests a second the log costs more than the hits.
    pub access: AccessLog,
    /// The least grave messages shown: "error", "warn", "info", "debug" or "trace".
    pub level: Level,
}

/// The form of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum AccessLog {
    /// None.
    #[default]
    Off,
    /// One JSON object a line.
    Json,
    /// The Common Log Format.
    Common,
}

/// The least grave messages that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Level {
    /// What needs a person.
    Error,
    /// What may need a person.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// What helps to find a mistake.
    Debug,
    /// Everything.
    Trace,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: vec![Listener(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)))],
            tls: TableOrMany::default(),
            listen_plain: Vec::new(),
            proxy_protocol: Vec::new(),
            trusted_proxies: Vec::new(),
            node: None,
            limits: Limits::default(),
        }
    }
}
