//! 512 MB and half a core for one process and its children, where the system has control groups that
//! may be written (version 1 or 2).

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of memory.
const MEMORY_BYTES: u64 = 512 << 20;
/// Of a hundred milliseconds, so many microseconds of a core.
const QUOTA_MICROS: u64 = 50_000;

/// What was bounded. The groups go when it is dropped.
pub struct Room {
    groups: Vec<PathBuf>,
    has_memory: bool,
    has_cpu: bool,
}

impl Room {
    /// Puts a process there.
    pub fn around(pid: u32) -> Self {
        let mut room = Self { groups: Vec::new(), has_memory: false, has_cpu: false };
        let top = Path::new("/sys/fs/cgroup");
        if top.join("cgroup.controllers").exists() {
            let group = top.join(format!("larder-bench-{pid}"));
            if room.make(&group) {
                room.has_memory = write(&group, "memory.max", &MEMORY_BYTES.to_string());
                room.has_cpu = write(&group, "cpu.max", &format!("{QUOTA_MICROS} 100000"));
                write(&group, "cgroup.procs", &pid.to_string());
            }
            return room;
        }
        let memory = top.join(format!("memory/larder-bench-{pid}"));
        if room.make(&memory) {
            room.has_memory = write(&memory, "memory.limit_in_bytes", &MEMORY_BYTES.to_string())
                && write(&memory, "cgroup.procs", &pid.to_string());
        }
        let cpu = top.join(format!("cpu/larder-bench-{pid}"));
        if room.make(&cpu) {
            room.has_cpu = write(&cpu, "cpu.cfs_quota_us", &QUOTA_MICROS.to_string())
                && write(&cpu, "cgroup.procs", &pid.to_string());
        }
        room
    }

    fn make(&mut self, group: &Path) -> bool {
        let made = fs::create_dir(group).is_ok();
        if made {
            self.groups.push(group.to_owned());
        }
        made
    }

    /// What is bounded.
    pub fn told(&self) -> String {
        let bounded = |is: bool| if is { "by a control group" } else { "not bounded here" };
        format!(
            "memory of 512 MiB: {}; half a core: {}",
            bounded(self.has_memory),
            bounded(self.has_cpu)
        )
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Those within have ended, or go on without; an empty group that stays costs nothing.
        for group in &self.groups {
            let _ = fs::remove_dir(group);
        }
    }
}

fn write(group: &Path, name: &str, value: &str) -> bool {
    fs::write(group.join(name), value).is_ok()
}
