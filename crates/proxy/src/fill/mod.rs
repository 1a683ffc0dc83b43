//! A fill: one response on its way from an origin, read by all who wait for it.
//!
//! One task writes, any number of readers read from the first byte, each at its own pace. While
//! the body is being stored all of it is kept, so nobody holds anybody up. A body that is not
//! stored keeps a window only: the writer waits for the fastest reader, never for the slowest,
//! and a reader that falls out of the window has to go on by its own means.

mod filler;
mod table;

pub use filler::{
    Arrival, Conditions, EndOnDrop, Errand, UNREAD, fill_in_background, keep_alone, lead,
};
pub use table::{Fills, Join};

use crate::error::Error;
use crate::upstream::Upstream;
use bytes::Bytes;
use policy::fields::Fields;
use policy::meta::Meta;
use policy::reason::WhySkip;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Body, Departure, Entry, LargeFile, Writer};
use tokio::sync::Notify;

/// A response on its way.
#[derive(Debug)]
pub struct Fill {
    state: Mutex<State>,
    /// Told to readers when anything comes.
    changed: Notify,
    /// Told to the writer when a reader takes something or leaves.
    room: Notify,
    /// When its request left: what was made invalid since must not be joined.
    departure: Departure,
    limits: Limits,
}

/// Chunks that follow one another are put together up to this.
const JOINED_CHUNK_BYTES: usize = 1 << 10;
/// What is kept for a single reader of a body that is not stored.
const SOLE_READER_WINDOW_BYTES: u64 = 64 << 10;

/// What is kept in memory of a body that goes to a file, beside what the file does not have yet.
const FILE_WINDOW_BYTES: u64 = 256 << 10;

/// How much a fill keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes kept before and behind the fastest reader of a body that is not stored.
    pub window_bytes: u64,
    /// A fill that nobody reads goes on if no more than this is missing.
    pub finish_bytes: u64,
    /// Whether it goes on in any case, as a refresh in the background does.
    pub unattended: bool,
}

/// How the response begins.
#[derive(Clone, Debug)]
pub enum Head {
    /// It comes with a body.
    Flowing(Arc<Flowing>),
    /// What is stored is good again; `kept` if it may answer others too.
    Confirmed {
        /// The response, with its fields updated.
        entry: Arc<Entry>,
        /// Nothing if it is kept, or why it is not.
        skipped: Option<WhySkip>,
    },
    /// There is none.
    Failed(Error),
}

/// A response that comes with a body.
#[derive(Debug)]
pub struct Flowing {
    /// Its status.
    pub status: u16,
    /// Its fields as clients get them.
    pub shown: Fields,
    /// The announced length of its body.
    pub length: Option<u64>,
    /// What it is stored as, or why it is not.
    pub admission: Result<Box<Meta>, WhySkip>,
    /// The number of the body where it is being stored: [`Body::id`].
    pub body_id: Option<u64>,
}

/// What a reader gets next.
#[derive(Debug)]
pub enum Next {
    /// Bytes.
    Data(Bytes),
    /// The end, and the trailers.
    End(Fields),
    /// The response broke off: what was read is not the whole.
    Broken,
    /// The reader fell out of the window.
    Lagged,
}

#[derive(Debug)]
struct State {
    head: Option<Head>,
    /// Chunks that are kept, each with the offset of its first byte.
    chunks: VecDeque<(u64, Bytes)>,
    /// What counts the chunks of a body that broke off until its readers are through.
    counted: Option<Writer>,
    /// The file that has all but what came last, where it is stored in one: then only a window of
    /// chunks is kept.
    file: Option<Arc<LargeFile>>,
    /// The whole, once it is stored: then no chunk is kept.
    whole: Option<Body>,
    /// What it is stored as.
    stored: Option<Arc<Entry>>,
    length: u64,
    end: Option<Result<Fields, ()>>,
    /// Whether all chunks are kept since the body is being stored.
    keeps_all: bool,
    /// Whether new readers may come.
    is_open: bool,
    readers: usize,
    /// Whether there was ever more than one: then one may lag behind another, also one that left.
    had_several: bool,
    /// The greatest offset up to which a reader has read.
    fastest: u64,
    /// Up to where each has read, by its number; nothing for those that left.
    places: Vec<Option<u64>>,
    /// Whether the slowest reader sets the pace, where not all is kept.
    waits_for_all: bool,
    /// Where the body stood when the last reader left.
    left_at: Option<u64>,
}

/// One reader of a fill.
#[derive(Debug)]
pub struct Reader {
    fill: Arc<Fill>,
    /// Its place among the readers.
    number: usize,
    offset: u64,
}

impl Fill {
    /// A fill whose request leaves now.
    pub fn new(departure: Departure, limits: Limits) -> Fill {
        let state = State {
            head: None,
            chunks: VecDeque::new(),
            counted: None,
            file: None,
            whole: None,
            stored: None,
            length: 0,
            end: None,
            keeps_all: true,
            is_open: true,
            readers: 0,
            had_several: false,
            fastest: 0,
            places: Vec::new(),
            waits_for_all: false,
            left_at: None,
        };
        Fill {
            state: Mutex::new(state),
            changed: Notify::new(),
            room: Notify::new(),
            departure,
            limits,
        }
    }

    /// A reader of a body that is stored already, as if it had just come.
    pub fn reader_of(body: Body, departure: Departure) -> Reader {
        let limits = Limits { window_bytes: 0, finish_bytes: 0, unattended: false };
        let fill = Arc::new(Fill::new(departure, limits));
        fill.state().length = body.len();
        fill.is_stored_as(body, None);
        fill.end(Ok(Fields::new()));
        fill.first_reader()
    }

    /// A reader from the first byte, unless it is too late for one.
    pub fn reader(self: &Arc<Fill>) -> Option<Reader> {
        let mut state = self.state();
        let begins =
            state.file.is_some() || state.chunks.front().is_none_or(|(start, _)| *start == 0);
        if !state.is_open || !begins || self.departure.is_overtaken() {
            return None;
        }
        let number = state.count_reader();
        state.left_at = None;
        drop(state);
        self.room.notify_one();
        Some(Reader { fill: self.clone(), number, offset: 0 })
    }

    /// The reader of whoever leads: there is always one, however late it is for others. It begins
    /// at the first byte.
    pub fn first_reader(self: &Arc<Fill>) -> Reader {
        let number = self.state().count_reader();
        Reader { fill: self.clone(), number, offset: 0 }
    }

    /// Ends a fill that nobody will write: those who joined meanwhile look elsewhere.
    pub fn abandon(&self) {
        self.begin(Head::Failed(Error::OriginDropped), false, false);
        self.end(Err(()));
    }

    /// When its request left.
    pub fn departure(&self) -> &Departure {
        &self.departure
    }

    /// Says how the response begins, and whether new readers may still come.
    fn begin(&self, head: Head, is_open: bool, keeps_all: bool) {
        let mut state = self.state();
        state.head = Some(head);
        state.is_open = is_open;
        state.keeps_all = keeps_all;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Notes that the body goes to a file, from which those who fall out of the window read.
    pub fn goes_to(&self, file: &Arc<LargeFile>) {
        self.state().file.get_or_insert_with(|| file.clone());
    }

    /// Notes that the body is not stored after all; from now on a window is kept.
    pub fn keep_window_only(&self) {
        let mut state = self.state();
        state.file = None;
        state.keeps_all = false;
        state.is_open = false;
    }

    /// Notes that not all is kept any more, and that nobody may fall behind all the same: the writer
    /// waits for the slowest from now on.
    pub fn wait_for_the_slowest(&self) {
        let mut state = self.state();
        state.keeps_all = false;
        state.is_open = false;
        state.waits_for_all = true;
    }

    /// Hands a chunk on and waits until a reader has room for more. `false`: nobody wants more.
    pub async fn push(&self, chunk: Bytes, announced: Option<u64>) -> bool {
        {
            let mut state = self.state();
            state.append(chunk);
        }
        self.changed.notify_waiters();
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.state().room(&self.limits, announced) {
                Room::Some => return true,
                Room::Abandoned => return false,
                Room::None => {}
            }
            room.await;
        }
    }

    /// Waits until nobody has read for so long.
    pub async fn is_left_for(&self, time: Duration) {
        if self.limits.unattended {
            return std::future::pending().await;
        }
        loop {
            self.is_left().await;
            tokio::time::sleep(time).await;
            if self.state().readers == 0 {
                return;
            }
        }
    }

    /// Waits until nobody waits for it and there is no place to go on all the same.
    async fn is_left_without_a_place(&self, upstream: &Upstream) {
        if self.limits.unattended {
            return std::future::pending().await;
        }
        loop {
            self.readers_are(|readers| readers == 0).await;
            let Some(_place) = upstream.go_on_unattended() else { return };
            self.readers_are(|readers| readers > 0).await;
        }
    }

    /// Waits until nobody reads any more.
    async fn is_left(&self) {
        self.readers_are(|readers| readers == 0).await;
    }

    async fn readers_are(&self, wanted: impl Fn(usize) -> bool) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if wanted(self.state().readers) {
                return;
            }
            room.await;
        }
    }

    /// Gives the body as it is stored: whoever still reads goes on with that, and nothing is kept
    /// twice. `entry` is what it is stored as, where it is not only a form of something.
    pub fn is_stored_as(&self, body: Body, entry: Option<Arc<Entry>>) {
        let mut state = self.state();
        if body.in_memory().is_some() {
            state.chunks.clear();
        }
        state.whole = Some(body);
        state.stored = entry;
    }

    /// Ends a body that broke off while it was stored. What came of it stays until all have read
    /// it, and counts so long.
    fn breaks_off(&self, writer: Option<Writer>) {
        self.state().counted = writer;
        self.end(Err(()));
    }

    /// Whether its body has ended.
    pub fn has_ended(&self) -> bool {
        self.state().end.is_some()
    }

    /// Ends the body: whole, with its trailers, or broken off.
    pub fn end(&self, end: Result<Fields, ()>) {
        let mut state = self.state();
        if state.head.is_none() {
            state.head = Some(Head::Failed(Error::OriginDropped));
        }
        state.end = Some(end);
        state.is_open = false;
        drop(state);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Room {
    Some,
    None,
    Abandoned,
}

impl State {
    /// Counts one more; gives its number.
    fn count_reader(&mut self) -> usize {
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
    fn slowest(&self) -> u64 {
        self.places.iter().flatten().copied().min().unwrap_or(self.length)
    }

    /// Keeps a chunk. Small ones are put together: each that is kept costs more than its bytes.
    fn append(&mut self, chunk: Bytes) {
        let start = self.length;
        self.length += chunk.len() as u64;
        match self.chunks.back_mut() {
            Some((_, last)) if last.len() + chunk.len() <= JOINED_CHUNK_BYTES => {
                *last = [&last[..], &chunk[..]].concat().into();
            }
            _ => self.chunks.push_back((start, chunk)),
        }
    }

    fn room(&mut self, limits: &Limits, announced: Option<u64>) -> Room {
        // A refresh goes on for what it stores, with readers or without.
        if self.readers == 0 && !(limits.unattended && self.keeps_all) {
            let left_at = *self.left_at.get_or_insert(self.length);
            let missing = match announced {
                Some(announced) => announced.saturating_sub(self.length),
                None => self.length - left_at,
            };
            let worth = self.keeps_all && missing <= limits.finish_bytes;
            return if worth { Room::Some } else { Room::Abandoned };
        }
        if self.keeps_all {
            self.forget_what_a_file_has();
            return Room::Some;
        }
        if self.waits_for_all {
            self.forget_before(self.slowest());
            let ahead = self.length - self.slowest();
            return if ahead <= SOLE_READER_WINDOW_BYTES { Room::Some } else { Room::None };
        }
        let window = match self.had_several {
            false => limits.window_bytes.min(SOLE_READER_WINDOW_BYTES),
            true => limits.window_bytes,
        };
        self.forget_behind(window);
        let ahead = self.length - self.fastest;
        if self.readers == 0 || ahead <= window { Room::Some } else { Room::None }
    }

    /// Keeps only the last chunks of what can be read from a file.
    fn forget_what_a_file_has(&mut self) {
        let Some(file) = &self.file else { return };
        self.forget_before(file.len().min(self.length.saturating_sub(FILE_WINDOW_BYTES)));
    }

    fn forget_behind(&mut self, window: u64) {
        self.forget_before(self.fastest.saturating_sub(window));
    }

    fn forget_before(&mut self, keep_from: u64) {
        while let Some((start, chunk)) = self.chunks.front() {
            if start + chunk.len() as u64 > keep_from {
                break;
            }
            self.chunks.pop_front();
        }
    }

    fn chunk_at(&self, offset: u64) -> Option<Bytes> {
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

impl Reader {
    /// Waits for the head.
    pub async fn head(&self) -> Head {
        loop {
            let changed = self.fill.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let head = self.fill.state().head.clone();
            match head {
                Some(head) => return head,
                None => changed.await,
            }
        }
    }

    /// Waits for the next bytes.
    pub async fn next(&mut self) -> Next {
        let fill = self.fill.clone();
        loop {
            let changed = fill.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.look() {
                Some(Look::Next(next)) => return next,
                Some(Look::InFile(file)) => return self.read_from(&file).await,
                None => changed.await,
            }
        }
    }

    async fn read_from(&mut self, file: &Arc<LargeFile>) -> Next {
        match file.read(self.offset).await {
            Ok(data) if !data.is_empty() => {
                self.offset += data.len() as u64;
                Next::Data(data)
            }
            Ok(_) | Err(_) => Next::Lagged,
        }
    }

    /// Another reader of the same, from the first byte.
    pub fn again(&self) -> Reader {
        self.fill.first_reader()
    }

    /// Whether all of it is kept, so that nobody can fall behind.
    pub fn is_kept(&self) -> bool {
        self.fill.state().keeps_all
    }

    /// What it is stored as, once it has ended and if it is.
    pub fn stored(&self) -> Option<Arc<Entry>> {
        self.fill.state().stored.clone()
    }

    /// Whether its URL was made invalid since the request left.
    pub fn is_overtaken(&self) -> bool {
        self.fill.departure.is_overtaken()
    }

    /// Whether what it would read next is not kept any more.
    pub fn is_left_behind(&self) -> bool {
        let state = self.fill.state();
        let kept = state.file.is_some() || state.chunk_at(self.offset).is_some();
        self.offset < state.length && !kept
    }

    fn look(&mut self) -> Option<Look> {
        let mut state = self.fill.state();
        if let Some(data) = state.chunk_at(self.offset) {
            self.offset += data.len() as u64;
            let is_fastest = self.offset > state.fastest;
            state.fastest = state.fastest.max(self.offset);
            state.places[self.number] = Some(self.offset);
            let writer_may_wait = (is_fastest || state.waits_for_all) && !state.keeps_all;
            drop(state);
            if writer_may_wait {
                self.fill.room.notify_one();
            }
            return Some(Look::Next(Next::Data(data)));
        }
        if self.offset < state.length {
            let lagged = Look::Next(Next::Lagged);
            return Some(state.file.clone().map_or(lagged, Look::InFile));
        }
        match &state.end {
            None => None,
            Some(Ok(trailers)) => Some(Look::Next(Next::End(trailers.clone()))),
            Some(Err(())) => Some(Look::Next(Next::Broken)),
        }
    }
}

/// Where the next bytes are.
enum Look {
    Next(Next),
    /// In the file.
    InFile(Arc<LargeFile>),
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.fill.state();
        state.readers -= 1;
        state.places[self.number] = None;
        drop(state);
        self.fill.room.notify_one();
    }
}

#[cfg(test)]
mod tests;
