//! `[[site]]`: a site, its hosts and its origin.

use super::{Rule, SiteImages};
use crate::config::address::{HostSent, Origin, Peers};
use crate::config::quantity::{Length, Lifetime};
use crate::config::reading::OneOrMany;
use crate::config::secret::Secret;
use crate::config::words::{HostPattern, NamePattern, OwnPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[[site]]`: a site.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// Hosts that the site answers for, without ports; `*` stands for any characters. Empty:
    /// every host.
    #[schemars(example = ["example.com", "*.example.com"])]
    pub hosts: Vec<HostPattern>,
    /// Where its responses come from: an URL, or a list of them that give the same and are asked
    /// in turn. By https:// HTTP/2 is spoken where the origin speaks it. Each site needs one;
    /// where there is only one site, `--origin` wins over this. Under `larder run` the app is that of
    /// sites without.
    #[schemars(example = "http://127.0.0.1:4321")]
    pub origin: OneOrMany<Origin>,
    /// Whom to believe of https:// origins.
    pub origin_tls: OriginTls,
    /// Whether origins are asked again and again whether they are well. Without it, what becomes
    /// of the requests tells.
    pub health_check: HealthCheck,
    /// The framework that the site is made with: "nextjs", "astro" or "none". What it marks as one
    /// visitor's passes by the cache, and what it says in its own way is understood.
    pub preset: Preset,
    /// The `Host` that the origin is sent: "keep" the client's, "origin" for the origin's own
    /// name, or a host to send. Keep is what frameworks expect that build absolute URLs.
    pub origin_host: HostSent,
    /// Names of cookies that make a request a session's; `*` stands for any characters. Such
    /// requests pass by the cache.
    #[schemars(example = ["session", "wordpress_logged_in_*"])]
    pub session_cookies: Vec<NamePattern>,
    /// Names of cookies that only scripts in the browser read. A request that has no others
    /// counts as one without cookies. The default is what well-known analytics set.
    pub ignored_cookies: Vec<NamePattern>,
    /// Whether `Cache-Tag`, `Surrogate-Key` and other fields of tags go out to clients.
    pub show_tags: bool,
    /// Whether answers say how they came about in `X-Cache-Status` (HIT, STALE, MISS, …) and
    /// `X-Cache-Age`, for tools that do not read `Cache-Status`.
    pub show_cache_status: bool,
    /// How long files that are `immutable`, such as scripts with a hash in their name, are still
    /// answered after a deploy took them away from the origin, so that no page that is still open
    /// somewhere misses its own. Not set: "7d" under a preset, else "0s". A hard purge takes them
    /// away at once.
    #[schemars(example = "7d")]
    pub keep_assets: Option<Lifetime>,
    /// Whether plain requests are sent to https: by 301 for GET and HEAD, 308 else. Behind a proxy
    /// that ends TLS, name it in `trusted_proxies`, so that its X-Forwarded-Proto tells.
    pub redirect_to_https: bool,
    /// The port that they are sent to.
    pub https_port: u16,
    /// `Strict-Transport-Security` of answers over TLS: for how long browsers ask by https only.
    pub hsts: Hsts,
    /// A path where content systems say which pages changed.
    pub revalidate: Revalidate,
    /// Where its feeds are fetched anew at once, by `POST` with `X-API-Key`.
    pub regenerate: Regenerate,
    /// The method PURGE, as plugins of content systems send it. Without `token` and `addresses` it
    /// goes on to the origin like any other.
    pub purge_method: PurgeMethod,
    /// Pictures of this site.
    pub images: SiteImages,
    /// Rules; the first that matches wins. No rule at all is right for most sites: the origin's
    /// headers decide.
    pub rule: Vec<Rule>,
}

/// `origin_tls`: whom to believe of https:// origins.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OriginTls {
    /// A PEM file of authorities that are believed. Not set: those that the system believes.
    #[schemars(example = "ca.pem")]
    pub ca: Option<PathBuf>,
    /// The name that the certificate has to be for. Not set: the one in the origin's URL.
    #[schemars(example = "app.internal")]
    pub name: Option<String>,
}

/// `preset`: the framework that a site is made with.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Preset {
    /// None that is known.
    #[default]
    None,
    /// Next.js.
    #[value(name = "nextjs")]
    NextJs,
    /// Astro.
    Astro,
}

/// `hsts`: for how long browsers ask by https only (RFC 6797).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hsts {
    /// For how long. Not set: nothing is said. Begin with "5m": it cannot be taken back.
    #[schemars(example = "365d")]
    pub max_age: Option<Lifetime>,
    /// Whether for all hosts below this one too.
    pub subdomains: bool,
    /// Whether the host may be put on the lists that browsers come with.
    pub preload: bool,
}

/// `revalidate`: where content systems say which pages changed, by
/// `POST {"secret": "…", "paths": ["/news"]}` or `"tags"`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Revalidate {
    /// The path.
    pub path: OwnPath,
    /// What callers have to show: at least 8 characters, 24 and more are safe. Not set: the path
    /// is the origin's.
    #[schemars(example = "${REVALIDATE_SECRET}")]
    pub secret: Option<Secret>,
}

impl Default for Revalidate {
    fn default() -> Revalidate {
        Revalidate { path: OwnPath("/api/revalidate".to_owned()), secret: None }
    }
}

/// `regenerate`: where the feeds of a site are fetched anew at once, by `POST` with `X-API-Key`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Regenerate {
    /// The path.
    pub path: OwnPath,
    /// What callers have to show as `X-API-Key`: at least 8 characters, 24 and more are safe. Not set:
    /// the path is the origin's.
    #[schemars(example = "${REGENERATE_KEY}")]
    pub key: Option<Secret>,
}

impl Default for Regenerate {
    fn default() -> Regenerate {
        Regenerate { path: OwnPath("/api/regenerate".to_owned()), key: None }
    }
}

/// `purge_method`: who may send PURGE. Where both are set, both are needed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PurgeMethod {
    /// What has to be shown as `Authorization: Bearer …`.
    #[schemars(example = "${PURGE_TOKEN}")]
    pub token: Option<Secret>,
    /// Addresses or networks whence it has to come.
    #[schemars(example = ["10.0.0.0/8"])]
    pub addresses: Vec<Peers>,
}

/// `health_check`: how origins are asked whether they are well.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// The path that is asked for by GET; any answer below 400 is a good one. Not set: no checks.
    #[schemars(example = "/healthz")]
    pub path: Option<String>,
    /// How often.
    pub every: Length<1>,
    /// How long an answer may take.
    pub timeout: Length<1>,
}

impl Default for HealthCheck {
    fn default() -> HealthCheck {
        let (every, timeout) = (Duration::from_secs(10), Duration::from_secs(2));
        HealthCheck { path: None, every: Length(every), timeout: Length(timeout) }
    }
}

/// Cookies that well-known analytics and advertising scripts set for themselves. Cookies that a
/// server may well read (experiments, customer data platforms, forms) are left out.
const COOKIES_OF_SCRIPTS: [&str; 25] = [
    "_ga*",          // Google Analytics
    "_gid",          // Google Analytics
    "_gac_*",        // Google Ads
    "_gcl_*",        // Google Ads
    "__gads",        // Google Ad Manager
    "__gpi",         // Google Ad Manager
    "__eoi",         // Google Ad Manager
    "__utm*",        // Google Analytics of old
    "_fbp",          // Meta
    "_fbc",          // Meta
    "_hj*",          // Hotjar
    "_clck",         // Microsoft Clarity
    "_clsk",         // Microsoft Clarity
    "_uetsid",       // Microsoft Advertising
    "_uetvid",       // Microsoft Advertising
    "_pk_*",         // Matomo
    "_ym_*",         // Yandex Metrica
    "_ttp",          // TikTok
    "_pin_unauth",   // Pinterest
    "_scid*",        // Snapchat
    "_rdt_uuid",     // Reddit
    "_hp2_*",        // Heap
    "mp_*_mixpanel", // Mixpanel
    "__hs*",         // HubSpot
    "_dd_s",         // Datadog
];

impl Default for Site {
    fn default() -> Site {
        Site {
            hosts: Vec::new(),
            origin: OneOrMany::default(),
            origin_tls: OriginTls::default(),
            health_check: HealthCheck::default(),
            preset: Preset::default(),
            origin_host: HostSent::default(),
            session_cookies: Vec::new(),
            ignored_cookies: COOKIES_OF_SCRIPTS.map(|name| NamePattern(name.to_owned())).into(),
            show_tags: false,
            show_cache_status: false,
            keep_assets: None,
            redirect_to_https: false,
            https_port: 443,
            hsts: Hsts::default(),
            revalidate: Revalidate::default(),
            regenerate: Regenerate::default(),
            purge_method: PurgeMethod::default(),
            images: SiteImages::default(),
            rule: Vec::new(),
        }
    }
}
