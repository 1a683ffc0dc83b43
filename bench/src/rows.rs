//! The rows of the table: what is asked of every peer, in which setup.

use crate::load::Version;
use crate::origin::etag;
use crate::peers::{Cache, Setup};

/// One row.
pub struct Row {
    /// How the command line names it.
    pub name: &'static str,
    /// How the table names it.
    pub title: &'static str,
    /// How the peers are set up for it.
    pub setup: Setup,
    /// What is asked of them.
    pub work: Work,
}

/// What a row asks.
pub enum Work {
    /// Load, after each URL was asked for once.
    Load(LoadWork),
    /// A storm on an URL that is new in every round.
    Storm(StormWork),
}

/// Steady load.
pub struct LoadWork {
    /// The URLs.
    pub pattern: &'static str,
    /// How many requests warm the peer up, in order of the URLs.
    pub warm_up: u64,
    /// How many connections are kept busy.
    pub connections: u32,
    /// One more header line.
    pub header: Option<String>,
    /// The status that is expected.
    pub status: u16,
    /// What is spoken over TLS; `None`: plain HTTP/1.1.
    pub version: Option<Version>,
}

/// Many clients at once.
pub struct StormWork {
    /// The path, to which each round adds a name.
    pub path: &'static str,
    /// How many clients.
    pub clients: u32,
}

const HITS: Setup = Setup { cache: Cache::Default, reaches_origin: false, tls: false };
const LARGE_HITS: Setup = Setup { cache: Cache::Large, ..HITS };
const DISK_HITS: Setup = Setup { cache: Cache::Disk, ..HITS };
const PASS: Setup = Setup { cache: Cache::Off, reaches_origin: true, tls: false };
const THROUGH: Setup = Setup { cache: Cache::Default, ..PASS };
const TLS_HITS: Setup = Setup { tls: true, ..HITS };
const LARGE_TLS_HITS: Setup = Setup { tls: true, ..LARGE_HITS };

/// What the rows of HTTP/2 keep busy: as many requests at once as on 32 connections of HTTP/1.1.
const HTTP2_CONNECTIONS: u32 = 4;
const HTTP2: Version = Version::Http2 { streams: 8 };

/// All rows, in the table's order.
pub fn all() -> Vec<Row> {
    let thousand = "/size/1024/{0..10000}";
    let large = "/size/16384/{0..2000}";
    vec![
        load("1k-c32", "hit 1K c32 (10,000 URLs)", HITS, work(thousand, 10_000, 32)),
        load("1k-c256", "hit 1K c256 (10,000 URLs)", HITS, work(thousand, 10_000, 256)),
        load("16k", "hit 16K c32 (2,000 URLs)", LARGE_HITS, work(large, 2_000, 32)),
        load("128k", "hit 128K c32 (200 URLs)", LARGE_HITS, work("/size/131072/{0..200}", 200, 32)),
        load("1m", "hit 1M c32 (20 URLs)", LARGE_HITS, work("/size/1048576/{0..20}", 20, 32)),
        load("disk-1k", "disk hit 1K c32 (10,000 URLs)", DISK_HITS, work(thousand, 10_000, 32)),
        load("disk-16k", "disk hit 16K c32 (2,000 URLs)", DISK_HITS, work(large, 2_000, 32)),
        load(
            "disk-128k",
            "disk hit 128K c32 (200 URLs)",
            DISK_HITS,
            work("/size/131072/{0..200}", 200, 32),
        ),
        load(
            "disk-1m",
            "disk hit 1M c32 (20 URLs)",
            DISK_HITS,
            work("/size/1048576/{0..20}", 20, 32),
        ),
        load("304", "304 c32 (10,000 URLs)", HITS, not_modified(thousand)),
        load("pass-through", "pass-through 1K c64", PASS, work("/size/1024/{0..100}", 1_000, 64)),
        load("no-store", "no-store learnt 1K c64", THROUGH, work("/nostore/1024/one", 1_000, 64)),
        load(
            "tls-h1-1k",
            "TLS hit 1K h1 c32 (10,000 URLs)",
            TLS_HITS,
            over_http1(work(thousand, 10_000, 32)),
        ),
        load(
            "tls-h1-16k",
            "TLS hit 16K h1 c32 (2,000 URLs)",
            LARGE_TLS_HITS,
            over_http1(work(large, 2_000, 32)),
        ),
        load(
            "tls-h2-1k",
            "TLS hit 1K h2 c4×8 (10,000 URLs)",
            TLS_HITS,
            over_http2(thousand, 10_000),
        ),
        load(
            "tls-h2-16k",
            "TLS hit 16K h2 c4×8 (2,000 URLs)",
            LARGE_TLS_HITS,
            over_http2(large, 2_000),
        ),
        storm("storm", "500 at once, cacheable", "/slow/500/1024/"),
        storm("storm-no-store", "500 at once, no-store", "/slownostore/500/1024/"),
    ]
}

fn load(name: &'static str, title: &'static str, setup: Setup, work: LoadWork) -> Row {
    Row { name, title, setup, work: Work::Load(work) }
}

fn work(pattern: &'static str, warm_up: u64, connections: u32) -> LoadWork {
    LoadWork { pattern, warm_up, connections, header: None, status: 200, version: None }
}

fn not_modified(pattern: &'static str) -> LoadWork {
    let header = Some(format!("If-None-Match: {}", etag(1024)));
    LoadWork { header, status: 304, ..work(pattern, 10_000, 32) }
}

fn over_http1(work: LoadWork) -> LoadWork {
    LoadWork { version: Some(Version::Http1), ..work }
}

fn over_http2(pattern: &'static str, warm_up: u64) -> LoadWork {
    LoadWork { version: Some(HTTP2), ..work(pattern, warm_up, HTTP2_CONNECTIONS) }
}

fn storm(name: &'static str, title: &'static str, path: &'static str) -> Row {
    Row { name, title, setup: THROUGH, work: Work::Storm(StormWork { path, clients: 500 }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::UrlPattern;

    #[test]
    fn every_warm_up_asks_for_every_url() {
        for row in all() {
            let Work::Load(work) = row.work else { continue };
            let pattern: UrlPattern = work.pattern.parse().expect("the rows' patterns are good");
            assert!(work.warm_up >= pattern.len(), "{}", row.name);
        }
    }

    #[test]
    fn whoever_is_asked_over_tls_is_set_up_for_it() {
        for row in all() {
            let Work::Load(work) = row.work else { continue };
            assert_eq!(work.version.is_some(), row.setup.tls, "{}", row.name);
        }
    }
}
