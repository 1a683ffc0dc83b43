//! What the configuration means: validated values, built once and whole.

use super::written::{AccessLog, Level};
use crate::certificates::Served;
use proxy::settings::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;

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

/// A configuration that holds no mistake.
#[derive(Clone, Debug)]
pub struct Meant {
    /// What the data path is told.
    pub settings: Settings,
    /// Whether the configuration names this node, or its name was made up.
    pub node_is_named: bool,
    /// The certificates, where TLS is spoken.
    pub tls: Option<Served>,
    /// Where the admin listener stands; always on loopback.
    pub admin_listen: SocketAddr,
    /// Bytes of memory for stored responses.
    pub memory_bytes: u64,
    /// What is kept on disk.
    pub disk: Disk,
    /// Variants kept of one URL.
    pub max_variants: usize,
    /// The form of the access log.
    pub access_log: AccessLog,
    /// The least grave messages shown.
    pub level: Level,
    /// The folder for what outlives the process. It may not exist yet, nor be writable.
    pub data: PathBuf,
}
