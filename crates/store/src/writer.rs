//! A response on its way into the store.

use crate::body::Body;
use crate::disk::{LargeFile, LargeWriter};
use crate::door::{Store, Tiers};
use crate::entry::{Entry, Forms, Heads, Parts};
use crate::reservation::Reservation;
use crate::scopes::Departure;
use bytes::Bytes;
use policy::key::Key;
use policy::meta::Meta;
use policy::reason::WhySkip;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a further piece costs beside its bytes: its place in the list and its own allocation.
const CHUNK_BYTES: usize = 96;
/// What is kept in memory only may take one part of so many of it.
const SHARE_OF_ONE: usize = 8;
/// What a body that goes to a file holds in memory: a slice that fills, one that is written, and the
/// window of those who read along.
const FILE_BYTES: u64 = 384 << 10;

/// Takes a body piece by piece: into memory, or into a file where it is longer than what memory is
/// for. Nothing is visible before [`Writer::finish`], and a writer that is dropped leaves nothing
/// behind.
#[derive(Debug)]
pub struct Writer {
    /// What it holds of `in_flight_bytes`.
    reserved: Reservation,
    /// Whose body it is; nothing for what is only kept in memory.
    key: Option<Key>,
    taken: Taken,
    length: u64,
    /// It is announced to be too long for memory.
    goes_to_file: bool,
    /// The longest body that is kept in memory, in bytes.
    most_in_memory: u64,
    /// The number of the body.
    id: u64,
}

#[derive(Debug)]
enum Taken {
    InMemory(Vec<Bytes>),
    IntoFile(Box<LargeWriter>),
}

impl Store {
    /// Begins to take a body. `announced` is its claimed length.
    ///
    /// # Errors
    /// Why there is no room for it.
    pub fn begin(self: &Arc<Store>, key: &Key, announced: Option<u64>) -> Result<Writer, WhySkip> {
        Writer::new(self.clone(), Some(key), announced, self.limits.max_in_memory_bytes)
    }

    /// Begins to take a body that is kept in memory only, since it is at hand elsewhere.
    ///
    /// # Errors
    /// Why there is no room for it.
    pub fn begin_in_memory(self: &Arc<Store>, announced: Option<u64>) -> Result<Writer, WhySkip> {
        // No file will take what is longer.
        let most = (self.limits.memory_bytes / SHARE_OF_ONE) as u64;
        let most = most.max(self.limits.max_in_memory_bytes);
        Writer::new(self.clone(), None, announced, most)
    }

    /// Begins to take a form of something stored, which is kept in memory only. `length` is that of
    /// what it is made of, where it is known: for so much there is room then, and a form that gets
    /// longer is of no use.
    ///
    /// # Errors
    /// Why there is no room for it.
    pub fn begin_form(self: &Arc<Store>, length: Option<u64>) -> Result<Writer, WhySkip> {
        Writer::new(self.clone(), None, length, self.limits.max_in_memory_bytes)
    }
}

impl Writer {
    /// `announced` is the length that the response claims, if it does; what is longer than
    /// `most_in_memory` bytes goes to a file.
    ///
    /// # Errors
    /// Why there is no room for it.
    pub(crate) fn new(
        store: Arc<Store>,
        key: Option<&Key>,
        announced: Option<u64>,
        most_in_memory: u64,
    ) -> Result<Writer, WhySkip> {
        let id = store.bodies.fetch_add(1, Ordering::Relaxed);
        let taken = Taken::InMemory(Vec::new());
        let reserved = Reservation::new(store);
        let (key, goes_to_file) = (key.cloned(), false);
        let mut writer =
            Writer { reserved, key, taken, length: 0, goes_to_file, most_in_memory, id };
        let announced = announced.unwrap_or(0);
        if announced > writer.store().limits.max_object_bytes {
            return Err(WhySkip::TooLarge);
        }
        if announced > most_in_memory && !writer.may_go_to_file() {
            return Err(WhySkip::TooLarge);
        }
        match announced > most_in_memory {
            // One body is not worth half of all that is stored.
            true if writer.store().disk().is_some_and(|disk| announced > disk.max_body_bytes()) => {
                return Err(WhySkip::TooLarge);
            }
            // Its file is made when the first of it comes: that waits for the disk.
            true => {
                writer.goes_to_file = true;
                writer.reserved.add(FILE_BYTES)?;
            }
            false => writer.reserved.add(announced)?,
        }
        Ok(writer)
    }

    /// Takes the next piece of the body. Waits for the disk where it goes to a file.
    ///
    /// # Errors
    /// Why the body cannot be stored after all; the writer is of no more use then.
    pub async fn push(&mut self, chunk: Bytes) -> Result<(), WhySkip> {
        self.length += chunk.len() as u64;
        let limits = self.store().limits;
        if self.length > limits.max_object_bytes {
            return Err(WhySkip::TooLarge);
        }
        let is_long = self.goes_to_file || self.length > self.most_in_memory;
        if matches!(self.taken, Taken::InMemory(_)) && is_long {
            for chunk in self.go_to_file().await? {
                self.write(chunk).await?;
            }
        }
        match &mut self.taken {
            Taken::IntoFile(_) => self.write(chunk).await,
            Taken::InMemory(chunks) => {
                let held = self.length + (chunks.len() * CHUNK_BYTES) as u64;
                chunks.push(chunk);
                match held > self.reserved.bytes() {
                    true => self.reserved.add(held - self.reserved.bytes()),
                    false => Ok(()),
                }
            }
        }
    }

    /// How many bytes it has taken.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The number that the body will have: [`Body::id`].
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The file that the body goes to, as far as it is there, if it goes to one.
    pub fn file(&self) -> Option<&Arc<LargeFile>> {
        match &self.taken {
            Taken::InMemory(_) => None,
            Taken::IntoFile(file) => Some(file.file()),
        }
    }

    /// Makes the response visible under its key, in the place of an older one for the same
    /// requests and of `replaced`.
    ///
    /// # Errors
    /// When the disk fails in the end.
    pub async fn finish(
        mut self,
        key: &Key,
        meta: Meta,
        heads: Heads,
        departure: &Departure,
        replaced: Option<&Arc<Entry>>,
    ) -> Result<Arc<Entry>, WhySkip> {
        let tiers = if self.key.is_some() { Tiers::All } else { Tiers::Memory };
        let body = self.whole().await?;
        let parts = parts(meta, heads, body);
        Ok(self.store().keep(key, parts, departure, replaced, tiers).0)
    }

    /// Makes an entry visible under its key, in the place of an older one. Says no if it is not kept,
    /// since a purge came meanwhile that covers it, or one that was worked out later stands there.
    ///
    /// # Errors
    /// When the disk fails in the end.
    pub async fn finish_entry(
        mut self,
        key: &Key,
        meta: Meta,
        departure: &Departure,
    ) -> Result<bool, WhySkip> {
        let body = self.whole().await?;
        // What comes from now on is seen by the departure.
        let is_late = self.store().has_later(key, meta.site, meta.born).await;
        if is_late {
            if let (Some(disk), Some(file)) = (self.store().disk(), body.file()) {
                disk.discard(file);
            }
            return Ok(false);
        }
        let parts = parts(meta, Heads::default(), body);
        Ok(self.store().keep(key, parts, departure, None, Tiers::All).1)
    }

    async fn whole(&mut self) -> Result<Body, WhySkip> {
        match std::mem::replace(&mut self.taken, Taken::InMemory(Vec::new())) {
            Taken::InMemory(chunks) => Ok(Body::from_chunks(&chunks, &self.store().alive, self.id)),
            Taken::IntoFile(writer) => {
                let file = writer.finish().await.map_err(|_| WhySkip::Disk)?;
                Ok(Body::on_disk(file, self.id))
            }
        }
    }

    /// Makes a body of what it has taken, for a form of something stored.
    pub fn into_body(self) -> Option<Body> {
        match &self.taken {
            Taken::InMemory(chunks) => {
                Some(Body::from_chunks(chunks, &self.store().alive, self.id))
            }
            Taken::IntoFile(_) => None,
        }
    }

    fn may_go_to_file(&self) -> bool {
        self.key.is_some() && self.store().disk().is_some()
    }

    /// Goes on into a file; gives what was taken so far.
    async fn go_to_file(&mut self) -> Result<Vec<Bytes>, WhySkip> {
        let (Some(key), Some(disk)) = (&self.key, self.store().disk()) else {
            return Err(WhySkip::TooLarge);
        };
        let writer = disk.begin_large(key).await.map_err(|_| WhySkip::Disk)?;
        if !self.goes_to_file {
            self.reserved.add(FILE_BYTES)?;
        }
        match std::mem::replace(&mut self.taken, Taken::IntoFile(Box::new(writer))) {
            Taken::InMemory(chunks) => Ok(chunks),
            Taken::IntoFile(_) => Ok(Vec::new()),
        }
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), WhySkip> {
        let Taken::IntoFile(file) = &mut self.taken else { return Ok(()) };
        file.write(chunk).await.map_err(|_| WhySkip::Disk)
    }

    fn store(&self) -> &Arc<Store> {
        &self.reserved.store
    }
}

fn parts(mut meta: Meta, heads: Heads, body: Body) -> Parts {
    meta.body_bytes = body.len();
    Parts { meta, heads, body, forms: Forms::default(), must_validate: false }
}
