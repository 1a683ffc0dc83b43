//! Larder on a folder that stays when it ends, so that it can be killed and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use super::connection::Connection;
use crate::peers::PinnedProcess;
use crate::{get, machine};

/// The tag that a rule gives to everything.
pub const TAG_OF_ALL: &str = "all";

const READY_WITHIN: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(1);

/// Where Larder keeps things and listens, run after run.
pub struct Place {
    program: PathBuf,
    folder: TempDir,
    /// Where it answers.
    pub address: SocketAddr,
    admin: SocketAddr,
}

/// A started Larder. Dropped: it is ended.
pub struct Larder<'p> {
    place: &'p Place,
    process: PinnedProcess,
    token: String,
}

impl Place {
    /// A folder on a real disk (`TMPDIR` says which), with a configuration.
    pub fn new(program: &Path, origin: SocketAddr) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("larder-bench-").tempdir();
        let folder = folder.context("making a temporary folder")?;
        let (address, admin) = (machine::free_address()?, machine::free_address()?);
        let text = format!(
            "[server]\nlisten = [\"{address}\"]\n\n[admin]\nlisten = \"{admin}\"\n\n\
             [storage]\ndisk.min_free = \"0B\"\n\n[[site]]\norigin = \"http://{origin}\"\n\n\
             [[site.rule]]\nmatch = {{ path = \"/*\" }}\ntags = [\"{TAG_OF_ALL}\"]\n"
        );
        std::fs::write(folder.path().join("larder.toml"), text)?;
        Ok(Self { program: program.to_owned(), folder, address, admin })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts Larder, on one core or on any, and waits until it is ready.
    pub fn start(&self, core: Option<usize>) -> anyhow::Result<Larder<'_>> {
        let data = self.folder().join("data");
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--config").arg(self.folder().join("larder.toml"));
        command.arg("--data").arg(&data);
        let log = self.folder().join("output.log");
        let mut process = PinnedProcess::start(command, core, &log)?;
        let deadline = Instant::now() + READY_WITHIN;
        while !get::is_ok(self.admin, "/ready") {
            if process.has_ended()? || Instant::now() > deadline {
                let output = std::fs::read(&log).unwrap_or_default();
                bail!("Larder does not start: {}", String::from_utf8_lossy(&output));
            }
            std::thread::sleep(READY_POLL);
        }
        let token = std::fs::read_to_string(data.join("admin.token")).context("the token")?;
        Ok(Larder { place: self, process, token: token.trim().to_owned() })
    }
}

impl Larder<'_> {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its secret for purges.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A connection to what it serves.
    pub fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.place.address)
    }

    /// A connection to its admin listener.
    pub fn connect_admin(&self) -> anyhow::Result<Connection> {
        Connection::open(self.place.admin)
    }

    /// One of the numbers of its `/metrics`, by name and labels.
    pub fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let text = get::body(self.place.admin, "/metrics")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.with_context(|| format!("no metric {name}"))?.trim().parse().context(name.to_owned())
    }

    /// Ends it as `kill -9` does.
    pub fn kill(self) -> anyhow::Result<()> {
        self.process.kill()
    }
}
