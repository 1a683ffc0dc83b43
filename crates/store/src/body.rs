//! A stored body, whichever tier has it.
//!
//! Readers ask for a range and get chunks; they need not know where the bytes lie. A body in
//! memory is one shared buffer, so that a hit copies nothing.

use bytes::Bytes;
use std::ops::Range;

/// A whole stored body.
#[derive(Clone, Debug, Default)]
pub struct Body(Bytes);

/// The chunks of a range of a body, in order.
#[derive(Debug)]
pub struct Chunks(Option<Bytes>);

impl Body {
    /// Makes one shared buffer of just the right size out of pieces, each of which may be a part
    /// of some larger buffer that would otherwise be kept alive.
    pub fn from_chunks(chunks: &[Bytes]) -> Body {
        let mut whole = Vec::with_capacity(chunks.iter().map(Bytes::len).sum());
        for chunk in chunks {
            whole.extend_from_slice(chunk);
        }
        Body(Bytes::from(whole))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The whole body, if it lies in memory: what can be written at once.
    pub fn in_memory(&self) -> Option<&Bytes> {
        Some(&self.0)
    }

    /// The chunks of a range of offsets, which must lie within the body.
    pub fn chunks(&self, range: Range<u64>) -> Chunks {
        // Offsets within a buffer in memory fit a usize.
        Chunks(Some(self.0.slice(range.start as usize..range.end as usize)))
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
        let body = Body::from_chunks(&[large.slice(0..3), Bytes::from_static(b"ab")]);
        assert_eq!(body.len(), 5);
        assert_eq!(body.in_memory().map(|b| &b[..]), Some(&b"\x07\x07\x07ab"[..]));
    }
}
