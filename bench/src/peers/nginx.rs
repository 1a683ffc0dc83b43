//! nginx: one worker, the cache in memory-backed files, upstream connections kept alive.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Cache, Site};

/// Spares nginx the opening of a file a hit, at the price of as many open files.
pub const TUNING: &str = "open_file_cache max=20000 inactive=1h; open_file_cache_valid 1h;";

/// Writes the configuration, with `tuning` among its settings, and gives the command.
pub fn command(program: &Path, site: &Site, tuning: &str) -> io::Result<Command> {
    let file = site.write("nginx.conf", &configuration(site, tuning))?;
    let mut command = Command::new(program);
    command.arg("-p").arg(&site.folder).arg("-c").arg(file);
    // Without it nginx tries the compiled-in log before it has read the configuration.
    command.arg("-e").arg(site.folder.join("error.log"));
    Ok(command)
}

fn configuration(site: &Site, tuning: &str) -> String {
    let Site { origin, listen, folder, setup, .. } = site;
    let folder = folder.display();
    // The worker must read what the master has made: the folder is for its owner only.
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    let cache = match setup.cache {
        Cache::Default | Cache::Large | Cache::Disk => CACHE,
        Cache::Off => "",
    };
    let (ssl, tls) = site.certificate.as_ref().map_or(("", String::new()), |files| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let files = format!("ssl_certificate {certificate}; ssl_certificate_key {key};");
        ("ssl http2 ", format!("{files} ssl_protocols TLSv1.3;"))
    });
    format!(
        "{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    {tuning}
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache levels=1:2 keys_zone=c:64m max_size=2g inactive=1h use_temp_path=off;
    upstream origin {{
        server {origin};
        keepalive 512;
        keepalive_requests 100000000;
    }}
    server {{
        listen {listen} {ssl}backlog=4096;
        {tls}
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            {cache}
        }}
    }}
}}
"
    )
}

const CACHE: &str = "proxy_cache c; proxy_cache_valid 200 1h; proxy_cache_lock on;";
