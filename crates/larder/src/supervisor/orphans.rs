//! What the first process of a container owes the others: to hear of the end of those whose parents
//! are gone, so that they do not stay as zombies.

use super::processes;
use rustix::process::{Pid, WaitOptions, getpid, waitpid};

/// Hears of all who ended as children of this process without having been begun by it. Only the first
/// process of a system has such; our own children are of our session and waited for by who began them.
pub fn reap() {
    let own = getpid();
    if !own.is_init() {
        return;
    }
    let (all, own) = (processes::all(), own.as_raw_nonzero().get());
    // Its session may have begun outside of this system, and then has no number here.
    let Some(session) = all.iter().find(|it| it.pid == own).map(|it| it.session) else { return };
    let is_orphan = |process: &&processes::Process| {
        process.is_zombie && process.parent == own && process.session != session
    };
    for pid in all.iter().filter(is_orphan).filter_map(|process| Pid::from_raw(process.pid)) {
        // Nobody else waits for it, so it is still there.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}
