//! What a server costs: CPU time and memory of a process and all its descendants, from /proc.
//!
//! nginx has master and worker, Varnish manager and child: the whole tree counts.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// What /proc/PID/stat tells of a process, all its threads together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// The process that started it.
    pub parent: u32,
    /// User and system time, its own and that of children that have ended, in clock ticks.
    pub cpu_ticks: u64,
    /// When it started, in clock ticks since boot: tells it from a later one with the same number.
    pub started: u64,
}

/// Memory of a process tree, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident pages; shared ones count once a process.
    pub rss: u64,
    /// Resident pages; shared ones are divided among those who share them.
    pub pss: u64,
}

/// User and system time that the process and its descendants have used.
pub fn cpu_time(root: u32) -> anyhow::Result<Duration> {
    let ticks: u64 = tree(root)?.iter().map(|(_, stat)| stat.cpu_ticks).sum();
    let ticks_a_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_a_second as f64))
}

/// Memory of the process and its living descendants.
pub fn memory(root: u32) -> anyhow::Result<Memory> {
    let mut sum = Memory::default();
    for (pid, _) in tree(root)? {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let one = parse_smaps_rollup(&text).with_context(|| format!("understanding {path}"))?;
        sum = Memory { rss: sum.rss + one.rss, pss: sum.pss + one.pss };
    }
    Ok(sum)
}

/// The process and its living descendants.
pub fn tree(root: u32) -> anyhow::Result<Vec<(u32, ProcessStat)>> {
    let all = all_processes().context("reading /proc")?;
    let root_stat = *all.get(&root).with_context(|| format!("process {root} is gone"))?;
    let mut found = vec![(root, root_stat)];
    let mut at = 0;
    while let Some(&(parent, _)) = found.get(at) {
        let children = all.iter().filter(|(_, stat)| stat.parent == parent);
        found.extend(children.map(|(&pid, &stat)| (pid, stat)));
        at += 1;
    }
    Ok(found)
}

/// One process as it is now; `None` when it is gone.
pub fn process(pid: u32) -> Option<ProcessStat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn all_processes() -> std::io::Result<HashMap<u32, ProcessStat>> {
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let pids = fs::read_dir("/proc")?.filter_map(|entry| pid(entry.ok()?));
    // A process may end between the two reads: then it is left out.
    Ok(pids.filter_map(|pid| Some((pid, process(pid)?))).collect())
}

/// The name, in parentheses, may itself hold spaces and parentheses: fields count from the last
/// one. See proc_pid_stat(5) for their numbers.
fn parse_stat(text: &str) -> Option<ProcessStat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(ProcessStat {
        parent: u32::try_from(field(4)?).ok()?,
        cpu_ticks: field(14)? + field(15)? + field(16)? + field(17)?,
        started: field(22)?,
    })
}

fn parse_smaps_rollup(text: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    };
    Some(Memory { rss: bytes("Rss:")?, pss: bytes("Pss:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_name_with_spaces_and_parentheses() {
        let text = "1234 (a (b) c) S 77 1234 1234 0 -1 4194560 1 2 3 4 150 25 9 9 20 0 3 0 4242 1";
        let stat = ProcessStat { parent: 77, cpu_ticks: 193, started: 4242 };
        assert_eq!(parse_stat(text), Some(stat));
    }

    #[test]
    fn truncated_stat_is_refused() {
        assert_eq!(parse_stat("1234 (a) S 77 1234"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn rollup_gives_rss_and_pss_in_bytes() {
        let text = "5600-7ffd ---p 00000000 00:00 0    [rollup]\n\
                    Rss:                2048 kB\nPss:                1024 kB\n\
                    Pss_Dirty:             4 kB\n";
        assert_eq!(parse_smaps_rollup(text), Some(Memory { rss: 2 << 20, pss: 1 << 20 }));
        assert_eq!(parse_smaps_rollup("Rss: 1 kB\n"), None);
    }

    #[test]
    fn this_process_is_in_its_own_tree() {
        let me = std::process::id();
        assert_eq!(tree(me).expect("we live").first().map(|(pid, _)| *pid), Some(me));
        assert!(memory(me).expect("we live").pss > 0);
    }
}
