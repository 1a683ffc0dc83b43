//! The app's parent: a process of Larder's own between it and the app. All that the app begins belongs
//! to it in the end (it is their subreaper, prctl(2)), so that nothing outlives it unseen.
//!
//! It is told by a socket, its standard input, and tells by it: see [`Told`] and [`Word`]. When that
//! ends, Larder has ended, however that came: then all is killed. It is not Larder itself that does
//! this, since nobody does anything upon SIGKILL; and it can hear of the end of any process, where
//! Larder would take away the exit status of a process that somebody else in it waits for.

use super::crashes::Exit;
use super::{processes, unstartable};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group,
    set_child_subreaper, test_kill_process_group, wait,
};
use rustix::thread::set_name;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// The name under which lists of processes show it; systems keep 15 bytes of it.
const NAME: &CStr = c"larder-guard";

/// Who is left is looked up once all that have ended were heard of, or so many: each look reads all of
/// `/proc`, and of many that are killed each end would cost one.
const LOOK_AFTER: usize = 64;

/// The word by which the process is begun.
pub const COMMAND: &str = "app-guard";

/// What it is told: one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Told {
    /// To send SIGTERM to the app's process group, and leave it time.
    Stop = b'T',
    /// To send SIGUSR1 to the app.
    First = b'1',
    /// To send SIGUSR2 to the app.
    Second = b'2',
    /// To kill all there is.
    Kill = b'K',
}

/// What it tells: a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The app runs as that process, which leads its process group.
    Started(u32),
    /// It cannot be started, and why.
    NotStarted(u8, String),
    /// The app ended; what it began may not have.
    Ended(Exit),
    /// The app was told to end and has, with its group; others that it began were told to by now.
    Rests,
}

impl Word {
    /// The line without its end.
    fn line(&self) -> String {
        match self {
            Word::Started(pid) => format!("started {pid}"),
            Word::NotStarted(code, why) => format!("not-started {code} {why}"),
            Word::Ended(Exit::Signal(number)) => format!("signal {number}"),
            Word::Ended(Exit::Code(code)) => format!("code {code}"),
            Word::Ended(exit) => format!("code {}", exit.code()),
            Word::Rests => "rests".to_owned(),
        }
    }

    /// Reads one.
    pub fn parse(line: &str) -> Option<Word> {
        if line == "rests" {
            return Some(Word::Rests);
        }
        let (word, rest) = line.split_once(' ')?;
        match word {
            "started" => rest.parse().ok().map(Word::Started),
            "not-started" => {
                let (code, why) = rest.split_once(' ')?;
                Some(Word::NotStarted(code.parse().ok()?, why.to_owned()))
            }
            "signal" => Some(Word::Ended(Exit::Signal(rest.parse().ok()?))),
            "code" => Some(Word::Ended(Exit::Code(rest.parse().ok()?))),
            _ => None,
        }
    }
}

/// What is guarded.
struct Guarded {
    /// The app, which leads its group.
    app: Pid,
    /// Whether the app was told to end: then what it began has time to end too.
    is_told: AtomicBool,
    /// Whether all is to be killed.
    is_over: AtomicBool,
}

/// Starts the app, and ends when it and all that it began have ended.
///
/// # Errors
/// When the system does not let it be what it has to be.
pub fn run(command: &[OsString]) -> io::Result<()> {
    // It was begun from `/proc/self/exe`, and would be called `exe`.
    set_name(NAME)?;
    outlive_signals()?;
    set_child_subreaper(Some(getpid()))?;
    let mut pipe = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(program);
    // Nobody types for it, and it must not read what is meant for this process.
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return say(&mut pipe, &not_started(program, &error)),
    };
    let (is_told, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let guarded = Arc::new(Guarded { app: Pid::from_child(&child), is_told, is_over });
    // Larder may have ended meanwhile: who listens hears of that, and nothing here may leave before.
    let _ = say(&mut pipe, &Word::Started(child.id()));
    let listens = guarded.clone().begin_to_listen(&pipe);
    if listens.is_err() {
        guarded.is_over.store(true, Ordering::SeqCst);
        guarded.kill();
    }
    guarded.hear_of_ends(&mut pipe);
    listens
}

/// What is sent to a whole group or container to end it is no word to this process: it ends when
/// Larder says so, or has ended. The signals are caught and not ignored, since who is begun by this
/// process would ignore them too.
fn outlive_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _within = runtime.enter();
    // Once caught they stay so, also when nobody listens any more.
    let caught = |kind| signal(kind).map(drop);
    let to_end = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let for_app = [SignalKind::user_defined1(), SignalKind::user_defined2()];
    let others = [SignalKind::quit(), SignalKind::alarm()];
    to_end.into_iter().chain(others).chain(for_app).try_for_each(caught)
}

impl Guarded {
    /// Does what it is told from a thread of its own.
    fn begin_to_listen(self: Arc<Guarded>, pipe: &File) -> io::Result<()> {
        let pipe = pipe.try_clone()?;
        let thread = std::thread::Builder::new().name("told".into());
        thread.spawn(move || self.listen(pipe)).map(|_| ())
    }

    /// Does what it is told, until there is nobody to tell it.
    fn listen(&self, mut pipe: File) {
        let mut byte = [0];
        loop {
            match pipe.read(&mut byte) {
                Ok(1) if byte[0] == Told::Stop as u8 => {
                    self.is_told.store(true, Ordering::SeqCst);
                    // It may have ended.
                    let _ = kill_process_group(self.app, Signal::TERM);
                }
                Ok(1) if byte[0] == Told::First as u8 => self.signal(Signal::USR1),
                Ok(1) if byte[0] == Told::Second as u8 => self.signal(Signal::USR2),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                heard => {
                    self.is_over.store(true, Ordering::SeqCst);
                    self.kill();
                    if !matches!(heard, Ok(1)) {
                        return;
                    }
                }
            }
        }
    }

    /// Passes a signal on to the app alone, as it would have got it without Larder.
    fn signal(&self, signal: Signal) {
        // It may have ended.
        let _ = kill_process(self.app, signal);
    }

    /// Waits for all to end, and tells how the app did.
    fn hear_of_ends(&self, pipe: &mut File) {
        let (mut has_ended, mut rests, mut unseen) = (false, false, 0);
        loop {
            let options = if unseen == 0 { WaitOptions::empty() } else { WaitOptions::NOHANG };
            let ended = match wait(options) {
                Ok(ended) => ended,
                Err(Errno::INTR) => continue,
                // There is nobody left to wait for.
                Err(_) => return,
            };
            if let Some((pid, status)) = ended {
                unseen += 1;
                if pid == self.app {
                    has_ended = true;
                    if !self.is_told.load(Ordering::SeqCst) {
                        self.is_over.store(true, Ordering::SeqCst);
                    }
                    // Larder may have ended.
                    let _ = say(pipe, &Word::Ended(exit(status)));
                }
                if unseen < LOOK_AFTER {
                    continue;
                }
            }
            unseen = 0;
            // Those whose parent just ended are ours by now.
            if self.is_over.load(Ordering::SeqCst) {
                self.kill();
            } else if has_ended && !rests && test_kill_process_group(self.app).is_err() {
                rests = true;
                terminate_all_below();
                let _ = say(pipe, &Word::Rests);
            }
        }
    }

    /// Kills the app's group, and whoever left that and belongs to this process. Those below them
    /// come to this process when they are gone, which is when it kills again.
    fn kill(&self) {
        let _ = kill_process_group(self.app, Signal::KILL);
        let own = getpid().as_raw_nonzero().get();
        for process in processes::all().iter().filter(|process| process.parent == own) {
            if let Some(pid) = Pid::from_raw(process.pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Tells all to end that are below this process: those that left the app's group, and so did not hear
/// what it was told.
fn terminate_all_below() {
    let own = getpid();
    let tree = processes::tree(own.as_raw_nonzero().get(), &processes::all());
    for pid in tree.into_iter().filter_map(Pid::from_raw).filter(|pid| *pid != own) {
        // It may have ended.
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn exit(status: WaitStatus) -> Exit {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(byte(code)),
        (_, Some(signal)) => Exit::Signal(byte(signal)),
        _ => Exit::Unseen,
    }
}

fn not_started(program: &OsStr, error: &io::Error) -> Word {
    let (code, why) = unstartable::why(program, error, std::env::var_os("PATH").as_deref());
    Word::NotStarted(code, why.replace('\n', " "))
}

fn say(pipe: &mut File, word: &Word) -> io::Result<()> {
    pipe.write_all((word.line() + "\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for word in [
            Word::Started(7),
            Word::NotStarted(127, "No such file".to_owned()),
            Word::Ended(Exit::Code(0)),
            Word::Ended(Exit::Code(3)),
            Word::Ended(Exit::Signal(9)),
            Word::Rests,
        ] {
            assert_eq!(Word::parse(&word.line()), Some(word));
        }
        for line in ["", "started", "started x", "code 256", "bye 1"] {
            assert_eq!(Word::parse(line), None, "{line}");
        }
    }
}
