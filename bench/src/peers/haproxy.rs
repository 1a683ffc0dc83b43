//! HAProxy: one thread, its memory cache (which it takes from the system at once), upstream connections shared and kept alive.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Cache, Site};

/// Writes the configuration and gives the command.
pub fn command(program: &Path, site: &Site) -> io::Result<Command> {
    let file = site.write("haproxy.cfg", &configuration(site))?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}

fn configuration(site: &Site) -> String {
    let Site { origin, listen, setup, .. } = site;
    let (cache, use_cache) = match setup.cache {
        Cache::Default => (cache_section(64), USE_CACHE),
        Cache::Large | Cache::Disk => (cache_section(512), USE_CACHE),
        Cache::Off => (String::new(), ""),
    };
    format!(
        "global
    nbthread 1
    maxconn 8000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
{cache}frontend f
    bind {listen}
    {use_cache}
    default_backend b
backend b
    server o {origin}
"
    )
}

/// HAProxy keeps nothing larger than `max-object-size`: it must cover the largest row's bodies.
fn cache_section(megabytes: u32) -> String {
    format!(
        "cache c
    total-max-size {megabytes}
    max-object-size 4194304
    max-age 3600
"
    )
}

const USE_CACHE: &str = "http-request cache-use c\n    http-response cache-store c";
