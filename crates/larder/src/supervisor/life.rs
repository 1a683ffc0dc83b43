//! One life of the app: its guard, the socket to that, and what it prints.

use super::guard::{COMMAND, Told, Word};
use super::launch::Launch;
use super::relay::Relays;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The program that this process was begun from, even if another lies in its place by now.
const SELF: &str = "/proc/self/exe";

/// An app that runs, or has just ended. When it is dropped, all of it is killed.
#[derive(Debug)]
pub struct Life {
    guard: Child,
    words: Lines<BufReader<OwnedReadHalf>>,
    orders: OwnedWriteHalf,
    relays: Relays,
    /// The app's process group, while it may have members.
    group: Option<Pid>,
}

impl Life {
    /// Begins one at that port.
    ///
    /// # Errors
    /// When the guard cannot be started.
    pub fn begin(launch: &Launch, port: u16) -> io::Result<Life> {
        let (socket, theirs) = std::os::unix::net::UnixStream::pair()?;
        socket.set_nonblocking(true)?;
        let (words, orders) = UnixStream::from_std(socket)?.into_split();
        let mut command = Command::new(SELF);
        command.arg0("larder").arg(COMMAND).arg("--").args(launch.command_at(port));
        command.envs(launch.environment_at(port));
        // What is typed to end Larder must not end the guard before the app.
        command.process_group(0).stdin(Stdio::from(OwnedFd::from(theirs)));
        let mut guard = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // The command holds their end, which has to be closed for us to hear of their end.
        drop(command);
        let (output, errors) = (guard.stdout.take(), guard.stderr.take());
        let (Some(output), Some(errors)) = (output, errors) else {
            return Err(io::Error::other("its output is no pipe"));
        };
        let relays = Relays::begin(output, errors, launch.marks_output);
        let words = BufReader::new(words).lines();
        Ok(Life { guard, words, orders, relays, group: None })
    }

    /// The number of the guard's process.
    pub fn guard(&self) -> i32 {
        // Numbers of processes are small.
        i32::try_from(self.guard.id()).unwrap_or_default()
    }

    /// The next word of the guard; nothing once all have ended. May be dropped and called again.
    pub async fn hear(&mut self) -> Option<Word> {
        let line = self.words.next_line().await.ok()??;
        let word = Word::parse(&line)?;
        if let Word::Started(pid) = word {
            self.group = i32::try_from(pid).ok().and_then(Pid::from_raw);
        }
        Some(word)
    }

    /// Tells the guard something.
    pub fn tell(&self, told: Told) {
        // A byte has room. Where the guard has ended, that is heard of.
        let _ = self.orders.try_write(&[told as u8]);
    }

    /// All have ended: waits for the guard and for the last lines of output.
    pub async fn bury(self) {
        let Life { mut guard, words, orders, relays, group } = self;
        // If it has not ended yet, it does so when nobody is at the other end.
        drop((words, orders));
        let is_well = guard.wait().is_ok_and(|status| status.success());
        if let Some(group) = group.filter(|_| !is_well) {
            // Somebody killed the guard, so what it would have done is ours. The app's processes
            // come to us where we are the first of all.
            let _ = kill_process_group(group, Signal::KILL);
            while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
        }
        relays.finish().await;
    }
}
