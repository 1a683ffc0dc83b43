//! A stored body, whichever tier has it.
//!
//! Readers ask for a range and get chunks; they need not know where the bytes lie. A body in
//! memory is one shared buffer, so that a hit copies nothing; one on disk is read piece by piece.

use crate::cost::{ARC_BYTES, SHARED_BYTES, block};
use crate::disk::LargeFile;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A whole stored body. As long as anybody holds one in memory, be it the table or a client that
/// reads slowly what was given up long ago, its bytes count as alive.
#[derive(Clone, Debug)]
pub struct Body {
    id: u64,
    bytes: Lies,
}

#[derive(Clone, Debug)]
enum Lies {
    InMemory(Arc<Counted>),
    OnDisk(Arc<LargeFile>),
}

#[derive(Debug)]
struct Counted {
    bytes: Bytes,
    alive: Arc<AtomicU64>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

/// The chunks of a range of a body, in order.
#[derive(Debug)]
pub struct Chunks(Source);

#[derive(Debug)]
enum Source {
    InMemory(Option<Bytes>),
    OnDisk(Arc<LargeFile>, Range<u64>),
}

impl Body {
    /// Makes one shared buffer of just the right size out of pieces, each of which may be a part
    /// of some larger buffer that would otherwise be kept alive. `alive` counts its bytes.
    pub(crate) fn from_chunks(chunks: &[Bytes], alive: &Arc<AtomicU64>, id: u64) -> Body {
        let mut whole = Vec::with_capacity(chunks.iter().map(Bytes::len).sum());
        for chunk in chunks {
            whole.extend_from_slice(chunk);
        }
        alive.fetch_add(whole.len() as u64, Ordering::Relaxed);
        let counted = Counted { bytes: Bytes::from(whole), alive: alive.clone() };
        Body { id, bytes: Lies::InMemory(Arc::new(counted)) }
    }

    /// A whole body that lies on disk.
    pub(crate) fn on_disk(file: Arc<LargeFile>, id: u64) -> Body {
        Body { id, bytes: Lies::OnDisk(file) }
    }

    /// A number that no other body has, from when it began to come on.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match &self.bytes {
            Lies::InMemory(counted) => counted.bytes.len() as u64,
            Lies::OnDisk(file) => file.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole body, if it lies in memory: what can be written at once.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.bytes {
            Lies::InMemory(counted) => Some(&counted.bytes),
            Lies::OnDisk(_) => None,
        }
    }

    /// The file that it lies in, if it does not lie in memory.
    pub fn file(&self) -> Option<&Arc<LargeFile>> {
        match &self.bytes {
            Lies::InMemory(_) => None,
            Lies::OnDisk(file) => Some(file),
        }
    }

    /// The file that it lies in, if some of it is missing there.
    pub fn with_gaps(&self) -> Option<&Arc<LargeFile>> {
        self.file().filter(|file| file.has_gaps())
    }

    /// The bytes of memory that it holds.
    pub(crate) fn footprint(&self) -> usize {
        let counted = block(ARC_BYTES + size_of::<Counted>()) + SHARED_BYTES;
        self.in_memory().map_or(0, |bytes| counted + block(bytes.len()))
    }

    /// The chunks of a range of offsets, which must lie within the body.
    pub fn chunks(&self, range: Range<u64>) -> Chunks {
        Chunks(match &self.bytes {
            Lies::InMemory(counted) => {
                // Offsets within a buffer in memory fit a usize.
                let range = range.start as usize..range.end as usize;
                Source::InMemory(Some(counted.bytes.slice(range)))
            }
            Lies::OnDisk(file) => Source::OnDisk(file.clone(), range),
        })
    }
}

impl Chunks {
    /// The next chunk; nothing after the last.
    ///
    /// # Errors
    /// When the tier that has the body cannot read it.
    pub async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        match &mut self.0 {
            Source::InMemory(bytes) => Ok(bytes.take().filter(|chunk| !chunk.is_empty())),
            Source::OnDisk(_, range) if range.is_empty() => Ok(None),
            Source::OnDisk(file, range) => {
                let chunk = file.read(range.start, range.end - range.start).await?;
                range.start += chunk.len() as u64;
                if chunk.is_empty() {
                    Err(std::io::ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(Some(chunk))
                }
            }
        }
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
