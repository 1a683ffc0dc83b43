//! What the configuration means: validated values, built once and whole.

use super::written::{AccessLog, Level};
use crate::certificates::Served;
use proxy::settings::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// Variants kept of one URL.
    pub max_variants: usize,
    /// The form of the access log.
    pub access_log: AccessLog,
    /// The least grave messages shown.
    pub level: Level,
    /// The folder for what outlives the process. It may not exist yet, nor be writable.
    pub data: PathBuf,
}
