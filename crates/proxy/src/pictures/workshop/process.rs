//! One process that makes pictures, and the pipe to it.
//!
//! Toward it: the lengths of the job and of what follows it, four bytes each, little-endian, the job, the
//! watermark and the source, which it may use while it comes. Back: the same of what came of it and of what
//! was made, or that all must be sent once more. At its beginning it says what it is shut in by.

use super::Done;
use super::supply::{Fed, Supplies, Supply};
use crate::pictures::gather::Lost;
use bytes::Bytes;
use imaging::fault::Fault;
use imaging::job::{Job, Outcome};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest word on what came of a job, in bytes.
const MAX_WORD_BYTES: usize = 64 << 10;
/// The longest picture that is taken, in bytes.
const MAX_MADE_BYTES: usize = 64 << 20;
/// How long a process may take to begin.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// What it is called where processes are listed.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// One more, for what nobody waits for.
    pub patient: String,
    /// All that is in its environment.
    pub environment: Vec<(String, String)>,
    /// Whether none is used that is not shut in by all that there is.
    pub must_be_shut_in: bool,
}

/// What a process says when it has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the system does not have of what should shut it in; empty: nothing is missing.
    pub missing: Vec<String>,
}

/// A process that waits for a job.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pipe: UnixStream,
}

/// Why nothing came of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The process was gone before it took anything.
    Gone,
    /// It ended within the job.
    Died,
    /// It took too long.
    TimedOut,
    /// The source broke off on its way.
    Lost(Lost),
}

/// What came of a job, and the process, unless it has ended by itself.
type Answer = (Result<Done, Fault>, Option<Process>);

impl Process {
    /// Begins one, and waits until it is shut in.
    ///
    /// # Errors
    /// When the system gives none, or it says nothing sensible.
    pub fn begin(program: &Program, is_patient: bool) -> io::Result<(Process, Hello)> {
        let (pipe, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&program.path);
        command.arg0(&program.name);
        command.args(&program.arguments).env_clear();
        command.envs(program.environment.iter().map(|(name, value)| (name, value)));
        if is_patient {
            command.arg(&program.patient);
        }
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        let child = command.spawn()?;
        // The command holds their end, which has to be closed for us to hear of their end.
        drop(command);
        let mut process = Process { child, pipe };
        let hello = process.hello(Instant::now() + BEGINS_WITHIN)?;
        if program.must_be_shut_in && !hello.missing.is_empty() {
            let missing = hello.missing.join(", ");
            return Err(io::Error::other(format!("it is not shut in, for want of {missing}")));
        }
        Ok((process, hello))
    }

    fn hello(&mut self, until: Instant) -> io::Result<Hello> {
        let (word, _) = self.receive(until).map_err(|failed| {
            io::Error::other(match failed {
                Failed::TimedOut => "it does not begin",
                Failed::Gone | Failed::Died | Failed::Lost(_) => "it ended at its beginning",
            })
        })?;
        let text = String::from_utf8_lossy(&word).into_owned();
        let missing = text.lines().map(str::to_owned).collect();
        Ok(Hello { missing })
    }

    /// Has a job done.
    ///
    /// # Errors
    /// Why nothing came of it. The process is no more then.
    pub fn make(
        mut self,
        job: &Job,
        supplies: &Supplies,
        patience: Duration,
    ) -> Result<Answer, Failed> {
        let until = Instant::now() + patience;
        let (mut outcome, mut made) = self.asked(job, supplies, until)?;
        if outcome == Outcome::Unknown {
            let once_more = Job { is_whole: true, ..*job };
            (outcome, made) = self.asked(&once_more, supplies, until)?;
        }
        let done = match outcome {
            Outcome::Picture { media, .. } => {
                Ok(Done { media_type: media.media_type(), bytes: made.into() })
            }
            Outcome::Info(info) => {
                Ok(Done { media_type: "application/json", bytes: Bytes::from(info.to_json()) })
            }
            Outcome::Placeholder(which) => {
                Ok(Done { media_type: which.media_type(), bytes: made.into() })
            }
            Outcome::Fault(fault) => Err(fault),
            // It was sent whole.
            Outcome::Unknown => return Err(Failed::Died),
        };
        Ok((done, self.unless_ended()))
    }

    fn asked(
        &mut self,
        job: &Job,
        supplies: &Supplies,
        until: Instant,
    ) -> Result<(Outcome, Vec<u8>), Failed> {
        self.hand_over(&job.encode(), supplies, until)?;
        let (word, made) = self.receive(until)?;
        Ok((Outcome::decode(&word).ok_or(Failed::Died)?, made))
    }

    /// The process, unless it ended itself to give memory back.
    fn unless_ended(mut self) -> Option<Process> {
        match self.child.try_wait() {
            Ok(None) => Some(self),
            Ok(Some(_)) | Err(_) => None,
        }
    }

    fn hand_over(&mut self, job: &[u8], supplies: &Supplies, until: Instant) -> Result<(), Failed> {
        let Supplies { source, mark } = supplies;
        let mut head = Vec::with_capacity(8 + job.len());
        for length in [job.len() as u64, source.len() + mark.len() as u64] {
            // What is longer than 4 GiB was refused long before.
            let length = u32::try_from(length).map_err(|_| Failed::Died)?;
            head.extend_from_slice(&length.to_le_bytes());
        }
        head.extend_from_slice(job);
        self.write(&head, until).map_err(|failed| match failed {
            Failed::Died => Failed::Gone,
            failed => failed,
        })?;
        self.write(mark, until)?;
        match source {
            Supply::Memory(bytes) => self.write(bytes, until),
            Supply::Fed(fed) => self.pass_on(fed, until),
        }
    }

    /// Writes a source as it comes. Where it breaks off, the process is left with a part of it, so it
    /// must be of no more use.
    fn pass_on(&mut self, fed: &Fed, until: Instant) -> Result<(), Failed> {
        let mut pieces = fed.pieces(until);
        while let Some(piece) = pieces.next().map_err(Failed::Lost)? {
            self.write(&piece, until)?;
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8], until: Instant) -> Result<(), Failed> {
        while !bytes.is_empty() {
            self.pipe.set_write_timeout(Some(left(until)?)).map_err(|_| Failed::Died)?;
            match self.pipe.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) => failed(&error)?,
            }
        }
        Ok(())
    }

    fn receive(&mut self, until: Instant) -> Result<(Vec<u8>, Vec<u8>), Failed> {
        let head = self.read(8, until)?;
        let length = |at: usize| {
            let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(usize::MAX, |bytes| u32::from_le_bytes(bytes) as usize)
        };
        let (word, made) = (length(0), length(4));
        // It may have been taken over: what it says is not believed.
        if word > MAX_WORD_BYTES || made > MAX_MADE_BYTES {
            return Err(Failed::Died);
        }
        Ok((self.read(word, until)?, self.read(made, until)?))
    }

    fn read(&mut self, length: usize, until: Instant) -> Result<Vec<u8>, Failed> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            self.pipe.set_read_timeout(Some(left(until)?)).map_err(|_| Failed::Died)?;
            match self.pipe.read(&mut bytes[filled..]) {
                Ok(0) => return Err(Failed::Died),
                Ok(read) => filled += read,
                Err(error) => failed(&error)?,
            }
        }
        Ok(bytes)
    }
}

/// However it is left, it ends, and leaves nothing behind.
impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn left(until: Instant) -> Result<Duration, Failed> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Failed::TimedOut) } else { Ok(left) }
}

/// Goes on after an interruption, or where the time is over looks again whether it is.
fn failed(error: &io::Error) -> Result<(), Failed> {
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(()),
        _ => Err(Failed::Died),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that says what it lacks, and then `word`.
    fn program(missing: &str, word: &str, must_be_shut_in: bool) -> Program {
        let said = format!("\\{:o}\\0\\0\\0\\0\\0\\0\\0{missing}", missing.len());
        let script = format!("printf '{said}' >&0; {word}");
        Program {
            path: "/bin/sh".into(),
            name: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script],
            patient: String::new(),
            environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            must_be_shut_in,
        }
    }

    fn made(word: &str) -> Result<(), Failed> {
        let (task, limits) = (imaging::job::Task::Info, imaging::Limits::default());
        let job = Job { task, limits, mark_bytes: 0, is_whole: false };
        let source = Supply::Memory(vec![7; 1 << 20].into());
        let supplies = Supplies { source, mark: Bytes::new() };
        let (process, _) = Process::begin(&program("", word, true), false).expect("it begins");
        process.make(&job, &supplies, Duration::from_millis(300)).map(|_| ())
    }

    #[test]
    fn one_that_is_not_shut_in_is_not_used_where_it_has_to_be() {
        for (missing, must, is_used) in [
            ("", true, true),
            ("", false, true),
            ("landlock", false, true),
            ("landlock", true, false),
        ] {
            let begun = Process::begin(&program(missing, "cat >&2", must), false);
            assert_eq!(begun.is_ok(), is_used, "{missing} {must}");
        }
    }

    #[test]
    fn whoever_was_taken_over_holds_nothing_up_and_is_not_believed() {
        for (what, word, failed) in [
            ("reads nothing", "sleep 9", Failed::TimedOut),
            ("ends", "exit 0", Failed::Died),
            (
                "says half a word",
                "exec 3<&0; cat <&3 >/dev/null & printf '\\1\\0' >&0; sleep 9",
                Failed::TimedOut,
            ),
            (
                "says too much",
                "exec 3<&0; cat <&3 >/dev/null & printf '\\1\\0\\0\\0\\0\\0\\0\\377' >&0; sleep 9",
                Failed::Died,
            ),
            (
                "says no outcome",
                "exec 3<&0; cat <&3 >/dev/null & printf '\\1\\0\\0\\0\\0\\0\\0\\0x' >&0; sleep 9",
                Failed::Died,
            ),
        ] {
            let found = made(word).expect_err(what);
            // It may be gone before the head is written.
            let found = if found == Failed::Gone { Failed::Died } else { found };
            assert_eq!(found, failed, "{what}");
        }
    }
}
