//! One life of the app: its guard, the socket to that, and what it prints.

use super::guard::{COMMAND, Told, Word};
use super::launch::Launch;
use super::orphans::{self, Earlier};
use super::processes;
use super::relay::Relays;
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
        Ok(Life { guard, words, orders, relays })
    }

    /// The number of the guard's process.
    pub fn guard(&self) -> i32 {
        // Numbers of processes are small.
        i32::try_from(self.guard.id()).unwrap_or_default()
    }

    /// The next word of the guard; nothing once all have ended. May be dropped and called again.
    pub async fn hear(&mut self) -> Option<Word> {
        let line = self.words.next_line().await.ok()??;
        Word::parse(&line)
    }

    /// Tells the guard something.
    pub fn tell(&self, told: Told) {
        // A byte has room. Where the guard has ended, that is heard of.
        let _ = self.orders.try_write(&[told as u8]);
    }

    /// Those below the guard, for people.
    pub fn left(&self) -> String {
        let mut tree = processes::tree(self.guard(), &processes::all());
        tree.retain(|pid| *pid != self.guard());
        processes::named(&tree)
    }

    /// Kills the guard, which does not do what it is told: what it had to end comes to us.
    pub fn kill_guard(&mut self) {
        // It may have ended.
        let _ = self.guard.kill();
    }

    /// All have ended: waits for the guard and for the last lines of output. Where the guard was
    /// killed, what it would have ended is ended here.
    pub async fn bury(self, earlier: &Earlier) {
        let Life { mut guard, words, orders, relays } = self;
        // If it has not ended yet, it does so when nobody is at the other end.
        drop((words, orders));
        let is_well = guard.wait().is_ok_and(|status| status.success());
        if !is_well {
            let left = orphans::end(earlier).await;
            if !left.is_empty() {
                tracing::error!("cannot be killed: {}", processes::named(&left));
            }
        }
        relays.finish().await;
    }
}
