//! What is asked of the disk tier and waits to be written.

use super::large::LargeFile;
use super::reply::Answer;
use super::room::Room;
use bytes::Bytes;
use policy::key::Key;
use policy::meta::Meta;
use policy::vary::Variant;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What an op takes beside its bytes: its own size, its places in queue and table.
const OP_BYTES: usize = 256;

/// One act that was asked for.
#[derive(Debug)]
pub(crate) struct Op {
    /// Its number in the order of all acts.
    pub seq: u64,
    /// The hash of the URL scope it is about.
    pub url: u64,
    /// What is asked.
    pub act: Act,
    cancelled: AtomicBool,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Act {
    /// To keep a response in the place of an older one.
    Put { key: Key, meta: Meta, body: DiskBody, must_validate: bool },
    /// To give a response new meta.
    Update { key: Key, old: Variant, meta: Meta, must_validate: bool },
    /// To keep a response no more.
    Forget { key: Key, variant: Variant },
    /// To mark all responses of the URL as to be validated.
    Invalidate,
    /// To make room for so many bytes of a large file, and say whether there is.
    MakeRoom { bytes: u64, answer: Mutex<Option<Answer<Room>>> },
}

/// A body on disk, or on its way there.
#[derive(Clone, Debug)]
pub enum DiskBody {
    /// All of it, in memory.
    Whole(Bytes),
    /// A file of its own.
    File(Arc<LargeFile>),
}

impl DiskBody {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            DiskBody::Whole(bytes) => bytes.len() as u64,
            DiskBody::File(file) => file.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for DiskBody {
    fn from(bytes: Bytes) -> DiskBody {
        DiskBody::Whole(bytes)
    }
}

impl From<Arc<LargeFile>> for DiskBody {
    fn from(file: Arc<LargeFile>) -> DiskBody {
        DiskBody::File(file)
    }
}

impl Op {
    /// An op that waits.
    pub fn new(seq: u64, url: u64, act: Act) -> Arc<Op> {
        Arc::new(Op { seq, url, act, cancelled: AtomicBool::new(false) })
    }

    /// Gives it up: it may be written, but is not found.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was given up. Asked and changed under the lock of its shard.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Act {
    /// The bytes it holds in memory.
    pub fn footprint(&self) -> usize {
        let held = |key: &Key, meta: &Meta| key.as_ref().bytes().len() + meta.footprint();
        OP_BYTES
            + match self {
                Act::Put { key, meta, body: DiskBody::Whole(body), .. } => {
                    held(key, meta) + body.len()
                }
                Act::Put { key, meta, .. } => held(key, meta),
                Act::Update { key, old, meta, .. } => held(key, meta) + old.footprint(),
                Act::Forget { key, variant } => key.as_ref().bytes().len() + variant.footprint(),
                Act::Invalidate | Act::MakeRoom { .. } => 0,
            }
    }

    /// Answers a wish for room: with the room, or by nothing that there is none.
    pub fn answer(&self, room: Option<Room>) {
        if let Act::MakeRoom { answer, .. } = self {
            let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let (Some(answer), Some(room)) = (answer, room) {
                answer.send(room);
            }
        }
    }

    /// Whether it takes something away, so that it must not get lost.
    pub fn takes_away(&self) -> bool {
        matches!(self, Act::Forget { .. } | Act::Invalidate)
    }
}
