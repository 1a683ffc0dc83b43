//! A response on its way into the store.

use crate::body::Body;
use crate::door::Store;
use crate::entry::{Entry, Forms, Heads, Parts};
use crate::scopes::Departure;
use bytes::Bytes;
use policy::key::Key;
use policy::meta::Meta;
use policy::reason::WhySkip;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a further piece costs beside its bytes: its place in the list and its own allocation.
const CHUNK_BYTES: usize = 96;

/// Takes a body piece by piece. Nothing is visible before [`Writer::finish`], and a writer that
/// is dropped leaves nothing behind.
#[derive(Debug)]
pub struct Writer {
    store: Arc<Store>,
    chunks: Vec<Bytes>,
    length: u64,
    /// The number of the body.
    id: u64,
    /// Bytes taken from `in_flight_bytes`; given back on drop.
    reserved: u64,
}

impl Writer {
    /// `announced` is the length that the response claims, if it does.
    ///
    /// # Errors
    /// Why there is no room for it.
    pub(crate) fn new(store: Arc<Store>, announced: Option<u64>) -> Result<Writer, WhySkip> {
        let id = store.bodies.fetch_add(1, Ordering::Relaxed);
        let mut writer = Writer { store, chunks: Vec::new(), length: 0, id, reserved: 0 };
        let announced = announced.unwrap_or(0);
        if announced > writer.store.limits.max_object_bytes {
            return Err(WhySkip::TooLarge);
        }
        writer.reserve(announced)?;
        Ok(writer)
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// Why the body cannot be stored after all; the writer is of no more use then.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), WhySkip> {
        self.length += chunk.len() as u64;
        if self.length > self.store.limits.max_object_bytes {
            return Err(WhySkip::TooLarge);
        }
        let held = self.length + (self.chunks.len() * CHUNK_BYTES) as u64;
        if held > self.reserved {
            self.reserve(held - self.reserved)?;
        }
        self.chunks.push(chunk);
        Ok(())
    }

    /// The number that the body will have: [`Body::id`].
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many bytes it has taken.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes the response visible under its key, in the place of an older one for the same
    /// requests and of `replaced`.
    pub fn finish(
        self,
        key: &Key,
        mut meta: Meta,
        heads: Heads,
        departure: &Departure,
        replaced: Option<&Arc<Entry>>,
    ) -> Arc<Entry> {
        let body = self.body();
        meta.body_bytes = body.len();
        let parts = Parts { meta, heads, body, forms: Forms::default(), must_validate: false };
        self.store.keep(key, parts, departure, replaced)
    }

    /// Makes a body of what it has taken, for a form of something stored.
    pub fn into_body(self) -> Body {
        self.body()
    }

    fn body(&self) -> Body {
        Body::from_chunks(&self.chunks, &self.store.alive, self.id)
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), WhySkip> {
        let limits = &self.store.limits;
        let before = self.store.in_flight.fetch_add(bytes, Ordering::Relaxed);
        self.reserved += bytes;
        // What is stored has its own bound; what is alive beyond it counts here.
        let given_up = self.store.alive.load(Ordering::Relaxed);
        let given_up = given_up.saturating_sub(limits.memory_bytes as u64);
        if before + bytes + given_up > limits.in_flight_bytes {
            // What was reserved is given back when the writer is dropped.
            return Err(WhySkip::InFlight);
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.store.in_flight.fetch_sub(self.reserved, Ordering::Relaxed);
    }
}
