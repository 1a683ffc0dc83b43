//! Varnish: its memory cache, and the built-in rules.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Cache, Site};

/// Writes the VCL and gives the command.
pub fn command(program: &Path, site: &Site) -> io::Result<Command> {
    let file = site.write("bench.vcl", &vcl(site))?;
    let mut command = Command::new(program);
    command.args(["-F", "-j", "none", "-T", "none", "-s", "malloc,512m"]);
    command.arg("-n").arg(site.folder.join("varnish"));
    command.args(["-a", &site.listen.to_string()]).arg("-f").arg(file);
    Ok(command)
}

fn vcl(site: &Site) -> String {
    let (host, port) = (site.origin.ip(), site.origin.port());
    let pass = match site.setup.cache {
        Cache::Default | Cache::Large | Cache::Disk => "",
        Cache::Off => "sub vcl_recv { return (pass); }\n",
    };
    format!("vcl 4.1;\nbackend default {{ .host = \"{host}\"; .port = \"{port}\"; }}\n{pass}")
}
