//! How what something is made of comes to the thread that hands it to a process.
//!
//! What lies on disk is not read by that thread: a disk may be one of a network that is gone, and the
//! thread would be, too. So it asks, and whoever waits for the picture reads for it, at most until the
//! thread's own time is over. A new process begins with a new question, and gets all from the start.

use super::Material;
use crate::pictures::gather::Lost;
use crate::pictures::held::Held;
use crate::pictures::on_disk::OnDisk;
use bytes::Bytes;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

/// What a thread has of a job beside its words.
#[derive(Debug)]
pub struct Supplies {
    /// The source.
    pub source: Supply,
    /// What is drawn over it; nothing where it is empty.
    pub mark: Bytes,
}

/// A source, for a thread.
#[derive(Debug)]
pub enum Supply {
    /// It is there.
    Memory(Bytes),
    /// It is read by whoever waits.
    Fed(Fed),
}

/// A source that is asked for as often as it is needed.
#[derive(Debug)]
pub struct Fed {
    bytes: u64,
    asks: mpsc::Sender<Ask>,
}

/// Asks for a source from its start.
#[derive(Debug)]
struct Ask {
    to: mpsc::Sender<Result<Bytes, Lost>>,
    /// How long it is waited for.
    until: Instant,
}

/// The pieces of a source as they come to a thread.
#[derive(Debug)]
pub struct Arriving {
    pieces: mpsc::Receiver<Result<Bytes, Lost>>,
    left: u64,
}

/// Reads a source for a thread that asks.
#[derive(Debug)]
pub struct Feeder {
    source: OnDisk,
    asked: mpsc::Receiver<Ask>,
}

/// What a thread gets of that material, and who has to be run beside it, if anybody.
pub fn supplies(material: Material) -> (Supplies, Option<Feeder>) {
    let Material { source, mark } = material;
    match source {
        Held::Memory(bytes, _) => (Supplies { source: Supply::Memory(bytes), mark }, None),
        Held::Disk(source) => {
            let (asks, asked) = mpsc::channel(1);
            let fed = Fed { bytes: source.len(), asks };
            (Supplies { source: Supply::Fed(fed), mark }, Some(Feeder { source, asked }))
        }
    }
}

impl Supply {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Supply::Memory(bytes) => bytes.len() as u64,
            Supply::Fed(fed) => fed.bytes,
        }
    }
}

impl Fed {
    /// Asks for all of it. For threads only that may be blocked.
    pub fn pieces(&self, until: Instant) -> Arriving {
        // One waits while another is written.
        let (to, pieces) = mpsc::channel(1);
        // Where nobody waits for the picture any more, the first piece does not come.
        let _ = self.asks.blocking_send(Ask { to, until });
        Arriving { pieces, left: self.bytes }
    }
}

impl Arriving {
    /// Waits for the next piece; nothing after the last.
    ///
    /// # Errors
    /// Why no more comes. Where nobody waits for the picture any more, it broke off.
    pub fn next(&mut self) -> Result<Option<Bytes>, Lost> {
        if self.left == 0 {
            return Ok(None);
        }
        let piece = self.pieces.blocking_recv().unwrap_or(Err(Lost::Broken))?;
        // More than was announced would be taken for the next job.
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(Lost::Broken)?;
        Ok(Some(piece))
    }
}

impl Feeder {
    /// Answers each question, until none can come any more.
    pub async fn run(mut self) {
        while let Some(Ask { to, until }) = self.asked.recv().await {
            tokio::select! {
                biased;
                // Its process died, or its time is over.
                () = to.closed() => {}
                () = feed(&self.source, &to, until) => {}
            }
        }
    }
}

/// Sends a source, or why it breaks off.
async fn feed(source: &OnDisk, to: &mpsc::Sender<Result<Bytes, Lost>>, until: Instant) {
    let mut pieces = source.pieces();
    // A piece is read when there is room for it: so two of them are in memory, and no more.
    while let Ok(room) = to.reserve().await {
        let read = timeout_at(until.into(), pieces.next()).await;
        match read.unwrap_or(Err(Lost::TooSlow)).transpose() {
            Some(Ok(piece)) => room.send(Ok(piece)),
            Some(Err(lost)) => return room.send(Err(lost)),
            None => return,
        }
    }
}
