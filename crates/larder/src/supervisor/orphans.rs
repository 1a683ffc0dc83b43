//! Processes that come to Larder because their parents are gone: those of an app whose guard was killed,
//! and, where Larder is the first process of a container, all others.

use super::processes::{self, Process};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};
use std::io;
use std::time::Duration;

/// How long it is waited for those that were killed, and how often it is looked.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Who was there before the app, as where a shell began something and then became Larder.
#[derive(Clone, Debug)]
pub struct Earlier(Vec<i32>);

/// From now on all that an app leaves behind comes to this process when its guard is gone.
///
/// # Errors
/// When the system does not let it.
pub fn adopt() -> io::Result<Earlier> {
    set_child_subreaper(Some(getpid()))?;
    let own = own();
    let all = processes::all().into_iter();
    Ok(Earlier(all.filter(|process| process.parent == own).map(|process| process.pid).collect()))
}

/// The guard of an app was killed: kills what came to this process by that, and what comes when it is
/// gone. Gives those that it could not end.
pub async fn end(earlier: &Earlier) -> Vec<i32> {
    let until = tokio::time::Instant::now() + GONE_WITHIN;
    loop {
        let orphans = adopted(&processes::all(), own(), &earlier.0);
        if orphans.is_empty() || tokio::time::Instant::now() >= until {
            return orphans;
        }
        for pid in orphans.into_iter().filter_map(Pid::from_raw) {
            // It may have ended; then it waits for us to hear of it.
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The children of `own` that it did not begin: those that it begins stay in its process group, but for
/// the guard, and an app's processes are in others.
fn adopted(all: &[Process], own: i32, earlier: &[i32]) -> Vec<i32> {
    let Some(group) = all.iter().find(|it| it.pid == own).map(|it| it.group) else {
        return Vec::new();
    };
    let is_orphan = |it: &&Process| it.parent == own && it.group != group;
    let orphans = all.iter().filter(is_orphan).map(|it| it.pid);
    orphans.filter(|pid| !earlier.contains(pid)).collect()
}

/// Hears of all who ended as children of this process without having been begun by it, as the first
/// process of a system owes it to them, so that they do not stay as zombies. Our own children are of
/// our session and waited for by who began them.
pub fn reap() {
    if !getpid().is_init() {
        return;
    }
    let (all, own) = (processes::all(), own());
    // Its session may have begun outside of this system, and then has no number here.
    let Some(session) = all.iter().find(|it| it.pid == own).map(|it| it.session) else { return };
    let is_orphan = |process: &&Process| {
        process.is_zombie && process.parent == own && process.session != session
    };
    for pid in all.iter().filter(is_orphan).filter_map(|process| Pid::from_raw(process.pid)) {
        // Where it was heard of meanwhile, there is none.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

fn own() -> i32 {
    getpid().as_raw_nonzero().get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adopted_are_children_of_another_group_that_were_not_there_before() {
        let process =
            |(pid, parent, group)| Process { pid, parent, group, session: 1, is_zombie: false };
        // Larder, a worker of its own, what a shell began before, an app, what left its group, below.
        let all = [(5, 1, 5), (6, 5, 5), (4, 5, 4), (8, 5, 8), (9, 5, 9), (10, 9, 9)].map(process);
        assert_eq!(adopted(&all, 5, &[4]), [8, 9]);
        assert_eq!(adopted(&all, 7, &[]), [0; 0]);
        assert_eq!(adopted(&[], 5, &[]), [0; 0]);
    }
}
