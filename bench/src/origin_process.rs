//! The bench's own origin, as a process of its own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::peers::PinnedProcess;
use crate::{get, machine};

const READY_WITHIN: Duration = Duration::from_secs(5);

/// The origin, once it answers. Dropped: it is ended.
pub struct OriginProcess {
    /// Where it answers.
    pub address: SocketAddr,
    _process: PinnedProcess,
    _folder: TempDir,
}

impl OriginProcess {
    /// Starts it, on one core or on any, and waits until it answers.
    pub fn start(core: Option<usize>) -> anyhow::Result<Self> {
        let address = machine::free_address()?;
        let folder = tempfile::tempdir().context("making a temporary folder")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["origin", "--listen", &address.to_string()]);
        let process = PinnedProcess::start(command, core, &folder.path().join("origin.log"))?;
        let deadline = Instant::now() + READY_WITHIN;
        while get::origin_requests(address, "/").is_err() {
            if Instant::now() > deadline {
                bail!("the bench's own origin does not answer on {address}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { address, _process: process, _folder: folder })
    }
}
