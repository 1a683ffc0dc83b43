//! What a fill knows at one moment: how it begins, what of it is kept, who reads it and how far.

use super::{Head, Limits};
use bytes::Bytes;
use policy::fields::Fields;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Body, Entry, LargeFile, Writer};

/// Chunks that follow one another are put together up to this.
pub const JOINED_CHUNK_BYTES: usize = 1 << 10;
/// What is kept for a single reader of a body that is not stored.
pub const SOLE_READER_WINDOW_BYTES: u64 = 64 << 10;
/// What is kept in memory of a body that goes to a file, beside what the file does not have yet.
pub const FILE_WINDOW_BYTES: u64 = 256 << 10;

/// The state of a fill.
#[derive(Debug)]
pub struct State {
    /// How the response begins, once that is known.
    pub head: Option<Head>,
    /// Chunks that are kept, each with the offset of its first byte.
    pub chunks: VecDeque<(u64, Bytes)>,
    /// What counts the chunks of a body that broke off until its readers are through.
    pub counted: Option<Writer>,
    /// The file that has all but what came last, where it is stored in one: then only a window of
    /// chunks is kept.
    pub file: Option<Arc<LargeFile>>,
    /// The whole, once it is stored: then no chunk is kept.
    pub whole: Option<Body>,
    /// What it is stored as.
    pub stored: Option<Arc<Entry>>,
    /// Bytes of the body that came so far.
    pub length: u64,
    /// How the body ended, once it did: whole with its trailers, or broken off.
    pub end: Option<Result<Fields, ()>>,
    /// Whether all chunks are kept since the body is being stored.
    pub keeps_all: bool,
    /// It is stored to its end, whoever reads it, if no more than this is missing.
    pub goes_on_bytes: u64,
    /// Whether new readers may come.
    pub is_open: bool,
    /// How many read it.
    pub readers: usize,
    /// Whether there was ever more than one: then one may lag behind another, also one that left.
    pub had_several: bool,
    /// The greatest offset up to which a reader has read.
    pub fastest: u64,
    /// Up to where each has read, by its number; nothing for those that left.
    pub places: Vec<Option<u64>>,
    /// Whether the slowest reader sets the pace, where not all is kept.
    pub waits_for_all: bool,
    /// Where the body stood when the last reader left.
    pub left_at: Option<u64>,
}

/// Whether the writer may go on.
pub enum Room {
    /// It may.
    Some,
    /// It has to wait for a reader.
    None,
    /// Nobody reads it, and too much is missing to go on.
    Abandoned,
}

impl Default for State {
    fn default() -> State {
        State {
            head: None,
            chunks: VecDeque::new(),
            counted: None,
            file: None,
            whole: None,
            stored: None,
            length: 0,
            end: None,
            keeps_all: true,
            goes_on_bytes: 0,
            is_open: true,
            readers: 0,
            had_several: false,
            fastest: 0,
            places: Vec::new(),
            waits_for_all: false,
            left_at: None,
        }
    }
}

impl State {
    /// Counts one more; gives its number.
    pub fn count_reader(&mut self) -> usize {
        self.readers += 1;
        self.had_several |= self.readers > 1;
        match self.places.iter().position(Option::is_none) {
            Some(free) => {
                self.places[free] = Some(0);
                free
            }
            None => {
                self.places.push(Some(0));
                self.places.len() - 1
            }
        }
    }

    /// Up to where the slowest has read.
    pub fn slowest(&self) -> u64 {
        self.places.iter().flatten().copied().min().unwrap_or(self.length)
    }

    /// Keeps a chunk. Small ones are put together: each that is kept costs more than its bytes.
    pub fn append(&mut self, chunk: Bytes) {
        let start = self.length;
        self.length += chunk.len() as u64;
        match self.chunks.back_mut() {
            Some((_, last)) if last.len() + chunk.len() <= JOINED_CHUNK_BYTES => {
                *last = [&last[..], &chunk[..]].concat().into();
            }
            _ => self.chunks.push_back((start, chunk)),
        }
    }

    pub fn room(&mut self, limits: &Limits, announced: Option<u64>) -> Room {
        // A refresh goes on for what it stores, with readers or without.
        if self.readers == 0 && !(limits.unattended && self.keeps_all) {
            let left_at = *self.left_at.get_or_insert(self.length);
            let missing = match announced {
                Some(announced) => announced.saturating_sub(self.length),
                None => self.length - left_at,
            };
            let most = limits.finish_bytes.max(self.goes_on_bytes);
            let worth = self.keeps_all && missing <= most;
            return if worth { Room::Some } else { Room::Abandoned };
        }
        if self.keeps_all {
            self.forget_what_a_file_has();
            return Room::Some;
        }
        if self.waits_for_all {
            self.forget_before(self.slowest());
            let ahead = self.length.saturating_sub(self.slowest());
            return if ahead <= SOLE_READER_WINDOW_BYTES { Room::Some } else { Room::None };
        }
        let window = match self.had_several {
            false => limits.window_bytes.min(SOLE_READER_WINDOW_BYTES),
            true => limits.window_bytes,
        };
        self.forget_behind(window);
        let ahead = self.length.saturating_sub(self.fastest);
        if self.readers == 0 || ahead <= window { Room::Some } else { Room::None }
    }

    /// Keeps only the last chunks of what can be read from a file.
    pub fn forget_what_a_file_has(&mut self) {
        let Some(file) = &self.file else { return };
        self.forget_before(file.len().min(self.length.saturating_sub(FILE_WINDOW_BYTES)));
    }

    pub fn forget_behind(&mut self, window: u64) {
        self.forget_before(self.fastest.saturating_sub(window));
    }

    pub fn forget_before(&mut self, keep_from: u64) {
        while let Some((start, chunk)) = self.chunks.front() {
            if start + chunk.len() as u64 > keep_from {
                break;
            }
            self.chunks.pop_front();
        }
    }

    pub fn chunk_at(&self, offset: u64) -> Option<Bytes> {
        if let Some(whole) = self.whole.as_ref().and_then(Body::in_memory) {
            // An offset within a buffer in memory is a usize.
            let rest = whole.slice(usize::try_from(offset).ok()?.min(whole.len())..);
            return (!rest.is_empty()).then_some(rest);
        }
        let at = self.chunks.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        let (start, chunk) = &self.chunks[at];
        // The offset lies within the chunk, whose length is a usize.
        let skipped = usize::try_from(offset - start).ok()?;
        (skipped < chunk.len()).then(|| chunk.slice(skipped..))
    }
}
