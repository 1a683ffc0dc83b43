//! One life of the app: its guard, the socket to that, and what it prints.

use super::guard::{COMMAND, Told, Word};
use super::launch::Launch;
use super::orphans::{self, Earlier};
use super::processes;
use super::relay::Relays;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::UnixStream;

/// The program that this process was begun from, even if another lies in its place by now.
const SELF: &str = "/proc/self/exe";

/// An app that runs, or has just ended. When it is dropped, all of it is killed.
#[derive(Debug)]
pub struct Life {
    guard: Child,
    line: Line,
    relays: Relays,
}

/// Our end of the socket to a guard.
#[derive(Debug)]
struct Line {
    words: Lines<BufReader<UnixStream>>,
    /// The same socket, written to past the runtime: that would not try before it has heard once that
    /// there is room, and what is told in the first moments of a life would be lost.
    orders: Socket,
}

impl Line {
    fn over(socket: Socket) -> io::Result<Line> {
        socket.set_nonblocking(true)?;
        let orders = socket.try_clone()?;
        Ok(Line { words: BufReader::new(UnixStream::from_std(socket)?).lines(), orders })
    }

    fn tell(&self, told: Told) {
        // A byte has room. Where the guard has ended, that is heard of.
        let _ = (&self.orders).write(&[told as u8]);
    }
}

impl Life {
    /// Begins one at that port.
    ///
    /// # Errors
    /// When the guard cannot be started, or no thread can be had for what the app prints.
    pub fn begin(launch: &Launch, port: u16) -> io::Result<Life> {
        let (ours, theirs) = Socket::pair()?;
        let line = Line::over(ours)?;
        let (output, its_output) = io::pipe()?;
        let (errors, its_errors) = io::pipe()?;
        // Before the guard: where there is no thread to be had, nothing has begun.
        let relays = Relays::begin(output, errors, launch.marks_output)?;
        let mut command = Command::new(SELF);
        command.arg0("larder").arg(COMMAND).arg("--").args(launch.command_at(port));
        command.envs(launch.environment_at(port));
        // What is typed to end Larder must not end the guard before the app.
        command.process_group(0).stdin(Stdio::from(OwnedFd::from(theirs)));
        // The command holds their ends, and is gone with this: so we hear of theirs.
        let guard = command.stdout(its_output).stderr(its_errors).spawn()?;
        Ok(Life { guard, line, relays })
    }

    /// The number of the guard's process.
    pub fn guard(&self) -> i32 {
        // Numbers of processes are small.
        i32::try_from(self.guard.id()).unwrap_or_default()
    }

    /// The next word of the guard; nothing once all have ended. May be dropped and called again.
    pub async fn hear(&mut self) -> Option<Word> {
        let line = self.line.words.next_line().await.ok()??;
        Word::parse(&line)
    }

    /// Tells the guard something.
    pub fn tell(&self, told: Told) {
        if matches!(told, Told::Stop | Told::Kill) {
            self.relays.hurry();
        }
        self.line.tell(told);
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
        let Life { mut guard, line, relays } = self;
        // If it has not ended yet, it does so when nobody is at the other end.
        drop(line);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[tokio::test]
    async fn what_is_told_at_once_is_heard() {
        let (ours, mut theirs) = Socket::pair().expect("sockets");
        let line = Line::over(ours).expect("a runtime");
        // Nothing was waited for yet, so the runtime knows nothing of the socket.
        line.tell(Told::Stop);
        line.tell(Told::First);
        let mut heard = [0; 2];
        theirs.set_nonblocking(true).expect("it is open");
        theirs.read_exact(&mut heard).expect("it was written");
        assert_eq!(heard, [Told::Stop as u8, Told::First as u8]);
    }
}
