//! A process of ours on a core of its own: started, and ended with all that it started.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal};

use crate::{cpu, machine};

const END_WITHIN: Duration = Duration::from_secs(5);
const END_POLL: Duration = Duration::from_millis(10);

/// Dropped: asked to end by SIGTERM, and made to after 5 s, by its number and those of its
/// descendants.
pub struct PinnedProcess {
    child: Child,
}

impl PinnedProcess {
    /// Starts the command, on one core or on any; what it writes goes to the file `log`.
    pub fn start(mut command: Command, core: Option<usize>, log: &Path) -> anyhow::Result<Self> {
        let log = File::create(log).context("making the log of a process")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let prepare = move || {
            // Should the bench be killed, its servers shall not stay.
            rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
            core.map_or(Ok(()), machine::pin_to)?;
            Ok(())
        };
        // SAFETY: between fork and exec at most two system calls are made; nothing is allocated and
        // no lock is taken.
        unsafe { command.pre_exec(prepare) };
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child })
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("killing a process")?;
        self.child.wait().context("waiting for the end of a process")?;
        Ok(())
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(END_POLL);
        }
        false
    }
}

impl Drop for PinnedProcess {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let tree = cpu::tree(self.pid()).unwrap_or_default();
        signal(self.pid(), Signal::TERM);
        if !self.ends_within(END_WITHIN) {
            // Both may only fail because it has ended meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        tree.iter().skip(1).for_each(|(pid, stat)| end_if_left(*pid, stat.started));
    }
}

/// A descendant that its parent did not end. The start time makes sure that it is still the same.
fn end_if_left(pid: u32, started: u64) {
    let lives = || cpu::process(pid).is_some_and(|stat| stat.started == started);
    let deadline = Instant::now() + Duration::from_secs(1);
    while lives() && Instant::now() < deadline {
        std::thread::sleep(END_POLL);
    }
    if lives() {
        signal(pid, Signal::KILL);
    }
}

/// Fails only when the process has ended, which is what was wanted.
fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_and_its_child_are_gone() {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & wait"]);
        let process = PinnedProcess::start(command, Some(0), &folder.path().join("log"))
            .expect("every machine has a shell");
        let deadline = Instant::now() + Duration::from_secs(5);
        let tree = loop {
            let tree = cpu::tree(process.pid()).expect("it lives");
            if tree.len() == 2 || Instant::now() > deadline {
                break tree;
            }
            std::thread::sleep(END_POLL);
        };
        assert_eq!(tree.len(), 2, "shell and sleep");
        drop(process);
        // What init has not buried yet is a zombie, without threads or memory.
        let dead = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        while !tree.iter().all(|(pid, _)| dead(*pid)) && Instant::now() < deadline {
            std::thread::sleep(END_POLL);
        }
        assert!(tree.iter().all(|(pid, _)| dead(*pid)));
    }
}
