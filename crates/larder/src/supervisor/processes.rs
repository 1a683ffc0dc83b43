//! The processes of this system, as `/proc` tells of them (proc(5)).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs;
use std::future::pending;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::time::sleep;

/// How often it is looked whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// That of its parent.
    pub parent: i32,
    /// That of its process group.
    pub group: i32,
    /// That of its session.
    pub session: i32,
    /// Whether it has ended and nobody has heard of it yet.
    pub is_zombie: bool,
}

/// All processes; none where `/proc` is missing, or is that of other numbers than ours.
pub fn all() -> Vec<Process> {
    let own = std::process::id().to_string();
    if fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() != own.as_str()) {
        return Vec::new();
    }
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let names = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let pids = names.filter(|name| name.bytes().all(|b| b.is_ascii_digit()));
    // Who ended meanwhile has no file any more.
    pids.filter_map(|pid| parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).collect()
}

/// Those that have `root` among their ancestors, and itself.
pub fn tree(root: i32, all: &[Process]) -> Vec<i32> {
    let mut tree = vec![root];
    let mut at = 0;
    while at < tree.len() {
        let children = all.iter().filter(|process| process.parent == tree[at]);
        let new: Vec<i32> =
            children.map(|process| process.pid).filter(|pid| !tree.contains(pid)).collect();
        tree.extend(new);
        at += 1;
    }
    tree
}

/// The names of processes with their numbers, for people.
pub fn named(pids: &[i32]) -> String {
    let name = |pid: &i32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let name: String = name.trim_end().chars().filter(|c| !c.is_control()).collect();
        Some(format!("{name} ({pid})"))
    };
    let names: Vec<String> = pids.iter().filter_map(name).collect();
    names.join(", ")
}

/// Waits until a process has ended, whoever began it; for ever where the system does not tell, or it was
/// gone before.
pub async fn end(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let opened = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let Some(process) = opened else { return pending().await };
    while !has_ended(&process) {
        sleep(LOOK_EVERY).await;
    }
}

/// It can be read once all threads of the process have ended, also before its parent has heard of that
/// (pidfd_open(2)).
fn has_ended(process: &OwnedFd) -> bool {
    let mut found = [PollFd::new(process, PollFlags::IN)];
    poll(&mut found, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// A line of `/proc/PID/stat`: the name, the second word, stands in parentheses and may hold any.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let is_zombie = words.next()? == "Z";
    let parent = words.next()?.parse().ok()?;
    let group = words.next()?.parse().ok()?;
    let session = words.next()?.parse().ok()?;
    Some(Process { pid: pid.parse().ok()?, parent, group, session, is_zombie })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_whatever_it_is_called() {
        let parent = |stat: &str| {
            parse(stat).map(|it| (it.pid, it.parent, [it.group, it.session], it.is_zombie))
        };
        for (stat, found) in [
            ("7 (sh) S 3 7 5 0 -1 4194304", Some((7, 3, [7, 5], false))),
            ("8 (a) Z (b) Z 1 8 9 0", Some((8, 1, [8, 9], true))),
            ("8 (a) Z", None),
            ("", None),
        ] {
            assert_eq!(parent(stat), found, "{stat}");
        }
    }

    #[test]
    fn a_tree_is_all_below_its_root() {
        let process =
            |(pid, parent)| Process { pid, parent, group: 1, session: 1, is_zombie: false };
        let all = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (6, 3)].map(process);
        assert_eq!(tree(2, &all), [2, 3, 4, 6]);
        assert_eq!(tree(9, &all), [9]);
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_seen_before_its_parent_hears_of_it() {
        let mut child = std::process::Command::new("true").spawn().expect("there is one");
        let pid = child.id();
        end(pid).await;
        assert!(all().iter().any(|it| it.is_zombie && it.pid.cast_unsigned() == pid));
        assert!(child.wait().expect("it is ours").success());
        tokio::select! {
            biased;
            () = end(std::process::id()) => panic!("we are here"),
            () = std::future::ready(()) => {}
        }
    }

    #[test]
    fn this_process_is_among_them() {
        let own = i32::try_from(std::process::id()).expect("numbers of processes are small");
        assert!(all().iter().any(|process| process.pid == own && !process.is_zombie));
        let named = named(&[own, i32::MAX]);
        assert!(named.ends_with(&format!(" ({own})")) && !named.contains(','), "{named}");
    }
}
