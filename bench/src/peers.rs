//! The peers: which there are, and how one is started for a row and ended after it.
//!
//! Each peer's file writes its configuration and gives the command; starting, pinning, waiting
//! until it answers and ending are the same for all.

mod bare;
mod haproxy;
mod larder;
mod nginx;
mod process;
mod varnish;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;
use tempfile::TempDir;

pub use process::PinnedProcess;

use crate::certificate::{Certificate, Files};
use crate::{get, machine};

const READY_WITHIN: Duration = Duration::from_secs(15);
const READY_POLL: Duration = Duration::from_millis(20);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// A server that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What this repository builds.
    Larder,
    /// The measure of the ratios.
    Nginx,
    /// nginx that keeps its cache's files open (`open_file_cache`), which few set.
    NginxTuned,
    /// HAProxy with its memory cache.
    Haproxy,
    /// Varnish with its memory cache.
    Varnish,
    /// The floor: an epoll loop of ours that does nothing else.
    Bare,
}

impl Kind {
    /// Whether this bench sets it up to speak TLS with clients.
    fn speaks_tls(self) -> bool {
        matches!(self, Self::Larder | Self::Nginx | Self::NginxTuned)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Larder => "larder",
            Self::Nginx => "nginx",
            Self::NginxTuned => "nginx-tuned",
            Self::Haproxy => "haproxy",
            Self::Varnish => "varnish",
            Self::Bare => "bare",
        })
    }
}

/// How a row wants the peers to be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What cache they have.
    pub cache: Cache,
    /// Whether requests go through to the origin, so that the floor is a relay.
    pub reaches_origin: bool,
    /// Whether they speak TLS 1.3 with clients, and over it HTTP/2 and HTTP/1.1.
    pub tls: bool,
}

/// What cache a peer has. Varnish and nginx take memory as they need it and get room for all in
/// both cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Larder without any configuration, which means 64 MiB of memory.
    Default,
    /// 512 MiB of memory.
    Large,
    /// On a disk, and of memory next to none.
    Disk,
    /// None: every request is passed on.
    Off,
}

/// What a peer's configuration is written from.
pub struct Site {
    /// The server behind the peer.
    pub origin: SocketAddr,
    /// Where the peer listens.
    pub listen: SocketAddr,
    /// Where its admin listens, if it has one.
    pub admin: SocketAddr,
    /// The peer's own folder, in memory unless the cache is to be on a disk; removed after it was
    /// stopped.
    pub folder: PathBuf,
    /// What the row wants.
    pub setup: Setup,
    /// What the peer shows where it speaks TLS.
    pub certificate: Option<Files>,
}

impl Site {
    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// A peer that can be started.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Which.
    pub kind: Kind,
    /// Its program.
    pub program: PathBuf,
}

impl Peer {
    /// Looks for the peer's program; the error says where it was looked for.
    pub fn find(kind: Kind, larder: &Path) -> anyhow::Result<Self> {
        let program = match kind {
            Kind::Larder => larder.is_file().then(|| larder.to_owned()),
            Kind::Nginx | Kind::NginxTuned => in_path("nginx"),
            Kind::Haproxy => in_path("haproxy"),
            Kind::Varnish => in_path("varnishd"),
            Kind::Bare => Some(std::env::current_exe().context("finding the bench's program")?),
        };
        let missing = || match kind {
            Kind::Larder => format!("no program at {} (see --larder)", larder.display()),
            _ => "not installed".to_owned(),
        };
        Ok(Self { kind, program: program.with_context(missing)? })
    }

    /// What the program says of its version, in one line.
    pub fn version(&self) -> String {
        let flag = match self.kind {
            Kind::Nginx | Kind::NginxTuned | Kind::Haproxy => "-v",
            Kind::Varnish => "-V",
            Kind::Larder | Kind::Bare => "--version",
        };
        let Ok(output) = Command::new(&self.program).arg(flag).output() else {
            return "unknown".into();
        };
        let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        String::from_utf8_lossy(&said).lines().next().unwrap_or("unknown").to_owned()
    }

    /// Starts the peer on one core and waits until it is ready.
    pub fn start(
        &self,
        origin: SocketAddr,
        setup: Setup,
        certificate: &Certificate,
        core: usize,
    ) -> anyhow::Result<Running> {
        let has_disk = matches!(self.kind, Kind::Larder | Kind::Nginx | Kind::NginxTuned);
        if setup.cache == Cache::Disk && !has_disk {
            bail!("it has no cache on disk that the bench sets up");
        }
        if setup.tls && !self.kind.speaks_tls() {
            bail!("the bench does not set it up for TLS");
        }
        let folder = temporary_folder(setup.cache == Cache::Disk)?;
        let files = setup.tls.then(|| certificate.write(folder.path())).transpose();
        let site = Site {
            origin,
            listen: machine::free_address()?,
            admin: machine::free_address()?,
            folder: folder.path().to_owned(),
            setup,
            certificate: files.context("writing the certificate")?,
        };
        let command = self.command(&site).context("writing the configuration")?;
        let process = PinnedProcess::start(command, Some(core), &folder.path().join("output.log"))?;
        let mut running = Running { kind: self.kind, address: site.listen, process, folder };
        running.wait_until_ready(site.admin)?;
        Ok(running)
    }

    fn command(&self, site: &Site) -> io::Result<Command> {
        match self.kind {
            Kind::Larder => larder::command(&self.program, site),
            Kind::Nginx => nginx::command(&self.program, site, ""),
            Kind::NginxTuned => nginx::command(&self.program, site, nginx::TUNING),
            Kind::Haproxy => haproxy::command(&self.program, site),
            Kind::Varnish => varnish::command(&self.program, site),
            Kind::Bare => Ok(bare::command(&self.program, site)),
        }
    }
}

/// A started peer. Dropped: it is ended, then its folder is removed.
pub struct Running {
    /// Which.
    pub kind: Kind,
    /// Where it answers.
    pub address: SocketAddr,
    // The order matters: the process ends before its folder goes.
    process: PinnedProcess,
    folder: TempDir,
}

impl Running {
    /// The process whose tree is measured.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn wait_until_ready(&mut self, admin: SocketAddr) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let ready = match self.kind {
                Kind::Larder => get::is_ok(admin, "/ready"),
                _ => TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT).is_ok(),
            };
            if ready {
                return Ok(());
            }
            if self.process.has_ended()? {
                bail!("{} ended at once: {}", self.kind, self.output());
            }
            std::thread::sleep(READY_POLL);
        }
        bail!("{} was not ready within {READY_WITHIN:?}: {}", self.kind, self.output())
    }

    /// The end of what the peer has written.
    fn output(&self) -> String {
        let path = self.folder.path().join("output.log");
        let text = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned()
    }
}

/// In memory where the machine has such a place, so that no peer waits for a disk; or on a disk, where
/// that is what is measured.
pub fn temporary_folder(on_disk: bool) -> anyhow::Result<TempDir> {
    let shm = Path::new("/dev/shm");
    let in_memory = !on_disk && shm.is_dir();
    let base = if in_memory { shm.to_owned() } else { std::env::temp_dir() };
    let builder = &mut tempfile::Builder::new();
    builder.prefix("larder-bench-").tempdir_in(base).context("making a temporary folder")
}

/// Servers are often installed where only root's PATH leads.
fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}
