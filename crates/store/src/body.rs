//! A stored body, whichever tier has it.
//!
//! Readers ask for a range and get chunks; they need not know where the bytes lie. A body in
//! memory is one shared buffer, so that a hit copies nothing.

use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A whole stored body. As long as anybody holds it, be it the table or a client that reads slowly
/// what was given up long ago, its bytes count as alive.
#[derive(Clone, Debug)]
pub struct Body(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    bytes: Bytes,
    alive: Arc<AtomicU64>,
    id: u64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

/// The chunks of a range of a body, in order.
#[derive(Debug)]
pub struct Chunks(Option<Bytes>);

impl Body {
    /// Makes one shared buffer of just the right size out of pieces, each of which may be a part
    /// of some larger buffer that would otherwise be kept alive. `alive` counts its bytes.
    pub(crate) fn from_chunks(chunks: &[Bytes], alive: &Arc<AtomicU64>, id: u64) -> Body {
        let mut whole = Vec::with_capacity(chunks.iter().map(Bytes::len).sum());
        for chunk in chunks {
            whole.extend_from_slice(chunk);
        }
        alive.fetch_add(whole.len() as u64, Ordering::Relaxed);
        Body(Arc::new(Counted { bytes: Bytes::from(whole), alive: alive.clone(), id }))
    }

    /// A number that no other body has, from when it began to come on.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.0.bytes.len() as u64
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.bytes.is_empty()
    }

    /// The whole body, if it lies in memory: what can be written at once.
    pub fn in_memory(&self) -> Option<&Bytes> {
        Some(&self.0.bytes)
    }

    /// The chunks of a range of offsets, which must lie within the body.
    pub fn chunks(&self, range: Range<u64>) -> Chunks {
        // Offsets within a buffer in memory fit a usize.
        Chunks(Some(self.0.bytes.slice(range.start as usize..range.end as usize)))
    }
}

impl Chunks {
    /// The next chunk; nothing after the last.
    ///
    /// # Errors
    /// When the tier that has the body cannot read it.
    pub async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        Ok(self.0.take().filter(|chunk| !chunk.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_one_buffer_of_their_total_size() {
        let large = Bytes::from(vec![7; 4096]);
        let alive = Arc::new(AtomicU64::new(0));
        let body = Body::from_chunks(&[large.slice(0..3), Bytes::from_static(b"ab")], &alive, 1);
        assert_eq!((body.len(), alive.load(Ordering::Relaxed)), (5, 5));
        assert_eq!(body.in_memory().map(|b| &b[..]), Some(&b"\x07\x07\x07ab"[..]));
        drop(body.clone());
        assert_eq!(alive.load(Ordering::Relaxed), 5);
        drop(body);
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}
