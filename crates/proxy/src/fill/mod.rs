//! A fill: one response on its way from an origin, read by all who wait for it.
//!
//! One task writes, any number of readers read from the first byte, each at its own pace. While
//! the body is being stored all of it is kept, so nobody holds anybody up. A body that is not
//! stored keeps a window only: the writer waits for the fastest reader, never for the slowest,
//! and a reader that falls out of the window has to go on by its own means.

mod errand;
mod filler;
mod state;
mod table;

pub use errand::{Arrival, Conditions, Confirmed, Errand};
pub use filler::{EndOnDrop, UNREAD, fill_in_background, keep_alone, lead};
pub use table::{FillName, Fills, Join};

use crate::error::Error;
use crate::upstream::Upstream;
use bytes::Bytes;
use policy::fields::Fields;
use policy::meta::Meta;
use policy::reason::WhySkip;
use state::{Room, State};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Body, Departure, Entry, LargeFile, Writer};
use tokio::sync::Notify;

/// Who wants a part of a body waits for it where no more than this comes before it, in bytes.
const NEAR_BYTES: u64 = 1 << 20;

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
    /// What is stored is good again.
    Confirmed(Confirmed),
    /// It is stored by now, or begins to be: what is there of its body can be read, the rest is
    /// fetched as it is asked for.
    Stored {
        /// The response.
        entry: Arc<Entry>,
        /// The origin's status, if it was asked.
        status: Option<u16>,
    },
    /// The part that came is not stored: each asks for its own.
    Refused,
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
    /// The tags that it bears, where it is not stored.
    pub tags: Box<[Box<str>]>,
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

/// One reader of a fill.
#[derive(Debug)]
pub struct Reader {
    fill: Arc<Fill>,
    /// Its place among the readers.
    number: usize,
    offset: u64,
    /// The head of the purge log when it joined.
    joined: u64,
}

impl Fill {
    /// A fill whose request leaves now.
    pub fn new(departure: Departure, limits: Limits) -> Fill {
        Fill {
            state: Mutex::default(),
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
        let joined = self.departure.head();
        if !state.is_open || !begins || self.is_overtaken(&state, joined) {
            return None;
        }
        let number = state.count_reader();
        state.left_at = None;
        drop(state);
        self.room.notify_one();
        Some(Reader { fill: self.clone(), number, offset: 0, joined })
    }

    /// Whether it is not for who joined at a head of the purge log: what comes after that does not
    /// matter to him.
    fn is_overtaken(&self, state: &State, joined: u64) -> bool {
        if self.departure.is_overtaken() {
            return true;
        }
        if joined == self.departure.born().seq {
            return false;
        }
        let brings = match &state.head {
            Some(Head::Flowing(flowing)) => flowing.admission.as_deref().ok(),
            Some(Head::Confirmed(Confirmed { entry, .. }) | Head::Stored { entry, .. }) => {
                Some(&entry.meta)
            }
            Some(Head::Refused | Head::Failed(_)) | None => None,
        };
        self.departure.is_purged(brings)
    }

    /// The reader of whoever leads: there is always one, however late it is for others. It begins
    /// at the first byte.
    pub fn first_reader(self: &Arc<Fill>) -> Reader {
        let number = self.state().count_reader();
        let joined = self.departure.born().seq;
        Reader { fill: self.clone(), number, offset: 0, joined }
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
    pub fn begin(&self, head: Head, is_open: bool, keeps_all: bool) {
        let mut state = self.state();
        state.head = Some(head);
        state.is_open = is_open;
        state.keeps_all = keeps_all;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Lets the body be stored to its end, whoever reads it, if no more than this is missing.
    pub fn go_on_for(&self, bytes: u64) {
        self.state().goes_on_bytes = bytes;
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
        match file.read(self.offset, u64::MAX).await {
            Ok(data) if !data.is_empty() => {
                self.offset += data.len() as u64;
                Next::Data(data)
            }
            Ok(_) | Err(_) => Next::Lagged,
        }
    }

    /// Goes on from another offset.
    pub fn skip_to(&mut self, offset: u64) {
        self.offset = offset;
        let mut state = self.fill.state();
        state.fastest = state.fastest.max(offset);
        state.places[self.number] = Some(offset);
    }

    /// Whether an offset is there, or will be soon.
    pub fn is_near(&self, offset: u64) -> bool {
        offset <= self.fill.state().length.saturating_add(NEAR_BYTES)
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

    /// Whether what it brings was purged, or its URL made invalid, since the request left.
    pub fn is_overtaken(&self) -> bool {
        self.fill.is_overtaken(&self.fill.state(), self.joined)
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
