//! Larder: without any configuration where the row allows, else with the few lines it needs.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Cache, Site};
use crate::certificate::Files;

/// Writes what configuration there is and gives the command.
pub fn command(program: &Path, site: &Site) -> io::Result<Command> {
    let mut command = Command::new(program);
    command.arg("serve").arg("--data").arg(site.folder.join("data"));
    match configuration(site) {
        Some(text) => {
            command.arg("--config").arg(site.write("larder.toml", &text)?);
        }
        None => {
            command.args(["--origin", &format!("http://{}", site.origin)]);
            command.args(["--listen", &site.listen.to_string()]);
            command.args(["--admin", &site.admin.to_string()]);
        }
    }
    Ok(command)
}

fn configuration(site: &Site) -> Option<String> {
    let (storage, rule) = match site.setup.cache {
        Cache::Default if site.certificate.is_none() => return None,
        Cache::Default => ("", ""),
        Cache::Large => ("[storage]\nmemory = \"512MiB\"\n\n", ""),
        Cache::Disk => ("[storage]\nmemory = \"1MiB\"\ndisk.min_free = \"0B\"\n\n", ""),
        Cache::Off => ("", "\n[[site.rule]]\nmatch = { path = \"/*\" }\ncache = \"off\"\n"),
    };
    let Site { origin, listen, admin, .. } = site;
    let tls = site.certificate.as_ref().map_or(String::new(), |files| {
        let Files { certificate, key } = files;
        format!("tls = {{ certificate = {certificate:?}, key = {key:?} }}\n")
    });
    Some(format!(
        "[server]\nlisten = [\"{listen}\"]\n{tls}\n[admin]\nlisten = \"{admin}\"\n\n\
         {storage}[[site]]\norigin = \"http://{origin}\"\n{rule}"
    ))
}
