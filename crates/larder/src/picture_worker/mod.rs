//! The process that makes pictures: it takes jobs and the bytes of strangers from a pipe, and gives
//! pictures back. It shuts itself in before it takes the first.
//!
//! `larder serve` begins it from its own file (`larder picture-worker`, which no help shows).

mod confinement;

use imaging::job::{Job, MAX_BYTES};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

pub use confinement::Confined;

/// The word by which the process is begun.
pub const COMMAND: &str = "picture-worker";
/// What is said before how much memory a picture may take, in bytes.
pub const MEMORY: &str = "--memory";
/// What it is told beside where nobody waits for what it makes.
pub const PATIENT: &str = "--patient";
/// What it is called in lists of processes that show no arguments.
const NAME: &CStr = c"larder-picture";
/// Memory that the system gives it, in bytes, beside what the limits of pictures allow: code, stack,
/// a source and what is made of it.
const MEMORY_BESIDE: u64 = 256 << 20;
/// If it still holds more than this after a job, in pages of 4 KiB, it ends, so that the memory goes back.
const RECYCLED_PAGES: u64 = (64 << 20) / (4 << 10);

/// Makes pictures until there is nobody to make them for.
///
/// # Errors
/// When the pipe breaks within a job, or it is not one.
pub fn run(confined: &Confined) -> io::Result<()> {
    // Else lists that show no arguments show `exe`, the link that it was begun by.
    rustix::thread::set_name(NAME)?;
    // Who began it may end before it does.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let pipe: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let mut pipe = File::from(pipe);
    // What it says of itself from here on goes nowhere, not into Larder's log.
    rustix::stdio::dup2_stderr(io::stdout())?;
    // Afterwards nothing can be opened.
    let held = File::open("/proc/self/statm");
    let missing = confined.shut_in(MEMORY_BESIDE)?;
    say(&mut pipe, missing.join("\n").as_bytes(), &[])?;
    loop {
        let Some((job, bytes)) = next(&mut pipe)? else { return Ok(()) };
        let (outcome, made) = job.run_from(&mut pipe, bytes.into())?;
        say(&mut pipe, &outcome.encode(), &made)?;
        drop(made);
        if held.as_ref().is_ok_and(|held| pages(held) > RECYCLED_PAGES) {
            return Ok(());
        }
    }
}

/// The next job, and how many bytes follow it; nothing at the end.
fn next(pipe: &mut File) -> io::Result<Option<(Job, u32)>> {
    let mut head = [0; 8];
    match pipe.read(&mut head)? {
        0 => return Ok(None),
        read => pipe.read_exact(&mut head[read..])?,
    }
    let length = |bytes: [u8; 4]| u32::from_le_bytes(bytes);
    let [a, b, c, d, e, f, g, h] = head;
    let (job_bytes, bytes_behind) = (length([a, b, c, d]), length([e, f, g, h]));
    if job_bytes as usize > MAX_BYTES {
        return Err(io::Error::other("a job is shorter"));
    }
    let mut job = vec![0; job_bytes as usize];
    pipe.read_exact(&mut job)?;
    let job = Job::decode(&job).ok_or_else(|| io::Error::other("this is no job"))?;
    Ok(Some((job, bytes_behind)))
}

fn say(pipe: &mut File, word: &[u8], made: &[u8]) -> io::Result<()> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
    let head = [length(word)?.to_le_bytes(), length(made)?.to_le_bytes()].concat();
    pipe.write_all(&[&head, word].concat())?;
    pipe.write_all(made)
}

/// The memory that it holds, in pages: the second number of `statm` (proc(5)).
fn pages(statm: &File) -> u64 {
    let mut text = [0; 128];
    let read = statm.read_at(&mut text, 0).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..read]);
    text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default()
}
