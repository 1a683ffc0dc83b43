//! Larder as the soak has it: TLS and a plain listener, little memory, short time-outs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::certificate::{Certificate, Files};
use crate::peers::PinnedProcess;
use crate::{get, machine};

/// The host whose origin echoes.
pub const ECHO_HOST: &str = "echo.test";
/// What Larder may store: little, so that it is full all the time.
pub const MEMORY_MIB: usize = 32;

const READY_WITHIN: Duration = Duration::from_secs(15);
const READY_POLL: Duration = Duration::from_millis(20);
/// How much of what Larder wrote is shown.
const OUTPUT_BYTES: usize = 4000;

/// A started Larder. Dropped: it is ended, then its folder is removed.
pub struct Larder {
    /// Where it speaks TLS.
    pub tls: SocketAddr,
    /// Where it speaks plain HTTP.
    pub plain: SocketAddr,
    /// Where it speaks of itself.
    pub admin: SocketAddr,
    // The order matters: the process ends before its folder goes.
    process: PinnedProcess,
    log: PathBuf,
    _folder: TempDir,
}

impl Larder {
    /// Starts it on all cores before two origins and waits until it is ready.
    pub fn start(
        program: &Path,
        origin: SocketAddr,
        echo: SocketAddr,
        certificate: &Certificate,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("making a temporary folder")?;
        let files = certificate.write(folder.path()).context("writing the certificate")?;
        let (tls, plain) = (machine::free_address()?, machine::free_address()?);
        let admin = machine::free_address()?;
        let file = folder.path().join("larder.toml");
        let text = configuration([tls, plain, admin], [origin, echo], &files);
        std::fs::write(&file, text).context("writing the configuration")?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(file);
        command.arg("--data").arg(folder.path().join("data"));
        let log = folder.path().join("output.log");
        let process = PinnedProcess::start(command, None, &log)?;
        let mut larder = Self { tls, plain, admin, process, log, _folder: folder };
        larder.wait_until_ready()?;
        Ok(larder)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.process.has_ended()?)
    }

    /// The end of what it has written.
    pub fn output(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(OUTPUT_BYTES)..]).into_owned()
    }

    /// The panics that it has written of: those of a request end nothing else and would not show.
    pub fn panics(&self) -> anyhow::Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.log).context("reading what Larder has written")?;
        let panics = text.lines().filter(|line| line.contains("panicked"));
        Ok(panics.take(5).map(|line| format!("a panic: {line}")).collect())
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if get::is_ok(self.admin, "/ready") {
                return Ok(());
            }
            if self.has_ended()? {
                bail!("Larder ended at once: {}", self.output());
            }
            std::thread::sleep(READY_POLL);
        }
        bail!("Larder was not ready within {READY_WITHIN:?}: {}", self.output())
    }
}

/// Time-outs are short, so that Larder's own cuts happen within the run.
fn configuration(listen: [SocketAddr; 3], origins: [SocketAddr; 2], files: &Files) -> String {
    let ([tls, plain, admin], [origin, echo]) = (listen, origins);
    let Files { certificate, key } = files;
    format!(
        "[server]
listen = [\"{tls}\"]
listen_plain = [\"{plain}\"]
tls = {{ certificate = {certificate:?}, key = {key:?} }}
limits.header_timeout = \"3s\"
limits.idle_timeout = \"5s\"
limits.body_timeout = \"3s\"
limits.send_timeout = \"3s\"

[admin]
listen = \"{admin}\"

[storage]
memory = \"{MEMORY_MIB}MiB\"

[[site]]
hosts = [\"{ECHO_HOST}\"]
origin = \"http://{echo}\"

[[site]]
origin = \"http://{origin}\"
"
    )
}
