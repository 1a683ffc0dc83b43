//! What the configuration means: validated values, built once and whole.

use super::secret::Secret;
use super::written::{AccessLog, Level, Scope};
use crate::certificates::Served;
use crate::doors::Regenerate;
use crate::hooks::Hook;
use policy::glob::Glob;
use proxy::settings::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What is kept on disk, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The folder.
    pub path: PathBuf,
    /// Bytes that it may hold: nothing if that is for us to say, 0 for no disk at all.
    pub size_bytes: Option<u64>,
    /// Bytes of the file system that stay free.
    pub min_free_bytes: u64,
    /// Bytes that may wait to be written.
    pub queue_bytes: usize,
    /// Threads for reads that wait.
    pub readers: usize,
}

/// Where the admin listener stands, and who may use it.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Its address. Not on loopback only where there are tokens.
    pub listen: SocketAddr,
    /// Its certificates, where it speaks TLS.
    pub tls: Option<Served>,
    /// The tokens that are configured.
    pub tokens: Vec<Token>,
    /// Names by which it is asked beside its own.
    pub hosts: Vec<Glob>,
}

/// Who sends this secret may do what.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The name in the log.
    pub name: String,
    /// The secret.
    pub secret: Secret,
    /// What it may be used for.
    pub may: Vec<Scope>,
}

/// A configuration that holds no mistake.
#[derive(Clone, Debug)]
pub struct Meant {
    /// What the data path is told.
    pub settings: Settings,
    /// Whether the configuration names this node, or its name was made up.
    pub node_is_named: bool,
    /// The certificates, where TLS is spoken.
    pub tls: Option<Served>,
    /// The admin listener.
    pub admin: Admin,
    /// The hooks.
    pub hooks: Arc<[Arc<Hook>]>,
    /// Where feeds are fetched anew, by site.
    pub regenerate: Vec<Regenerate>,
    /// The feeds.
    pub feeds: mirror::settings::Settings,
    /// The file of authorities that are believed of feeds' servers, where one is named.
    pub feeds_ca: Option<PathBuf>,
    /// Bytes of memory for stored responses.
    pub memory_bytes: u64,
    /// What is kept on disk.
    pub disk: Disk,
    /// Bytes of memory that making a picture may take.
    pub worker_memory_bytes: u64,
    /// Whether nothing is served where those that make pictures cannot be shut in.
    pub require_sandbox: bool,
    /// Variants kept of one URL.
    pub max_variants: usize,
    /// The form of the access log.
    pub access_log: AccessLog,
    /// The least grave messages shown.
    pub level: Level,
    /// The folder for what outlives the process. It may not exist yet, nor be writable.
    pub data: PathBuf,
}
