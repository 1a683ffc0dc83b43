//! The most memory that a server and its children hold within a while.
//!
//! Looked at as often as the kernel tells: what is shared counts once so, which the kernel's own high
//! water marks, given beside, cannot do.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::cpu;

const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What was seen at the most, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peak {
    /// Proportional memory of all at one moment.
    pub pss: u64,
    /// The high water marks of all, added up: shared pages count several times, and the moments differ.
    pub resident: u64,
}

/// Somebody who looks.
pub struct Watch {
    root: u32,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    /// Begins to look; high water marks begin anew.
    pub fn begin(root: u32) -> anyhow::Result<Self> {
        for (pid, _) in cpu::tree(root)? {
            // See proc(5): 5 has the mark of resident memory begin anew.
            fs::write(format!("/proc/{pid}/clear_refs"), "5").context("clear_refs")?;
        }
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let thread = thread::spawn(move || {
            let mut most = 0;
            while !told.load(Ordering::Relaxed) {
                // A child may end between the two reads of one look.
                most = most.max(cpu::memory(root).map_or(0, |memory| memory.pss));
                thread::sleep(LOOK_EVERY);
            }
            most
        });
        Ok(Self { root, ends, thread })
    }

    /// Ends it.
    pub fn end(self) -> anyhow::Result<Peak> {
        self.ends.store(true, Ordering::Relaxed);
        let pss = self.thread.join().map_err(|_| anyhow!("who looked at memory panicked"))?;
        let mut resident = 0;
        for (pid, _) in cpu::tree(self.root)? {
            resident += high_water(&fs::read_to_string(format!("/proc/{pid}/status"))?);
        }
        Ok(Peak { pss, resident })
    }
}

fn high_water(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_read_in_bytes() {
        assert_eq!(high_water("VmPeak:\t  9 kB\nVmHWM:\t    2048 kB\n"), 2 << 20);
        assert_eq!(high_water(""), 0);
    }
}
