//! A source that lies on disk, and stays there: it is read in pieces, as often as it is needed.
//!
//! It is read through once to know its length, its hash and how it begins. A file may be overwritten
//! after that, so whoever reads it again gets its last piece only where the hash is still the same: of
//! bytes that were never together, nothing is made. A stored body is checksummed where it lies.

use super::gather::Lost;
use bytes::{Bytes, BytesMut};
use rustix::io::{ReadWriteFlags, preadv2};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use store::{Body, Chunks};
use tokio::task::{spawn_blocking, yield_now};
use xxhash_rust::xxh3::Xxh3;

/// The longest piece of a file, in bytes. The store reads pieces of its own.
const PIECE_BYTES: usize = 128 << 10;
/// As many pieces are on their way at once: one is written, and one is read or waits.
const PIECES: usize = 2;
/// By so many of its first bytes it is told what a source is.
const FIRST_BYTES: usize = 4 << 10;

/// Where a source lies.
#[derive(Clone, Debug)]
pub enum Lies {
    /// In a file, which others may write.
    File(Arc<File>),
    /// Among what is stored, whole and not in memory.
    Stored(Body),
}

/// A source on disk that was read through.
#[derive(Clone, Debug)]
pub struct OnDisk {
    lies: Lies,
    bytes: u64,
    hash: u128,
    first: Bytes,
}

/// The pieces of a source, from the first on.
pub struct Pieces {
    at: At,
    left: u64,
}

enum At {
    File(FileAt),
    Stored(Chunks),
}

/// How far a file was read.
struct FileAt {
    file: Arc<File>,
    at: u64,
    /// Of all that was read by now.
    hash: Box<Xxh3>,
    /// What it has to be in the end.
    whole: u128,
    /// The last pieces, the oldest first. Whoever got that has done with it: its memory is used again.
    last: VecDeque<Bytes>,
}

impl OnDisk {
    /// Reads a source through.
    ///
    /// # Errors
    /// When it is longer than `most` bytes, or cannot be read.
    pub async fn read_through(lies: Lies, most: u64) -> Result<OnDisk, Lost> {
        let look = match &lies {
            Lies::File(file) => {
                let file = file.clone();
                spawn_blocking(move || look_at_file(&file, most)).await.map_err(|_| Lost::Broken)?
            }
            Lies::Stored(body) => look_at_body(body, most).await,
        }?;
        let Look { bytes, hash, first, .. } = look;
        Ok(OnDisk { lies, bytes, hash: hash.digest128(), first: first.into() })
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Its hash: xxh3 of 128 bits.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// How it begins: 4 KiB at the most.
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// Its pieces, from the first on.
    pub fn pieces(&self) -> Pieces {
        let at = match &self.lies {
            Lies::File(file) => {
                let (file, whole) = (file.clone(), self.hash);
                let last = VecDeque::with_capacity(PIECES);
                At::File(FileAt { file, at: 0, hash: Box::default(), whole, last })
            }
            Lies::Stored(body) => At::Stored(body.chunks(0..self.bytes)),
        };
        Pieces { at, left: self.bytes }
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// When it is not any more what it was.
    pub async fn gather(&self) -> Result<Bytes, Lost> {
        let mut whole = BytesMut::with_capacity(usize::try_from(self.bytes).unwrap_or_default());
        let mut pieces = self.pieces();
        while let Some(piece) = pieces.next().await? {
            whole.extend_from_slice(&piece);
            // What is in the system's memory is there at once, and others are to have their turn.
            yield_now().await;
        }
        Ok(whole.freeze())
    }
}

impl Pieces {
    /// The next piece; nothing after the last. What is dropped while it waits gives no more.
    ///
    /// # Errors
    /// When the source is not any more what it was, or cannot be read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Lost> {
        if self.left == 0 {
            return Ok(None);
        }
        let piece = match &mut self.at {
            At::File(file) => file.next(self.left).await?,
            At::Stored(chunks) => chunks.next().await.ok().flatten().ok_or(Lost::Broken)?,
        };
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(Lost::Broken)?;
        Ok(Some(piece))
    }
}

impl FileAt {
    /// The next piece, where so many bytes are left.
    async fn next(&mut self, left: u64) -> Result<Bytes, Lost> {
        let mut piece = self.memory();
        piece.resize(PIECE_BYTES.min(usize::try_from(left).unwrap_or(PIECE_BYTES)), 0);
        if !is_read_at_once(&self.file, &mut piece, self.at) {
            let (file, at) = (self.file.clone(), self.at);
            let reading =
                spawn_blocking(move || file.read_exact_at(&mut piece, at).map(|()| piece));
            piece = reading.await.ok().and_then(Result::ok).ok_or(Lost::Broken)?;
        }
        self.at += piece.len() as u64;
        self.hash.update(&piece);
        if piece.len() as u64 == left && self.hash.digest128() != self.whole {
            return Err(Lost::Broken);
        }
        let piece = piece.freeze();
        self.last.push_back(piece.clone());
        Ok(piece)
    }

    /// The memory of a piece that nobody reads any more, or else new one.
    fn memory(&mut self) -> BytesMut {
        let oldest = if self.last.len() < PIECES { None } else { self.last.pop_front() };
        let again = oldest.and_then(|oldest| oldest.try_into_mut().ok());
        again.unwrap_or_else(|| BytesMut::with_capacity(PIECE_BYTES))
    }
}

/// Reads a piece if the system has all of it in its memory, as it has what was read through before: another
/// thread would take longer to be woken.
fn is_read_at_once(file: &File, piece: &mut [u8], at: u64) -> bool {
    #[cfg(test)]
    if tests::NOTHING_IS_CACHED.get() {
        return false;
    }
    let length = piece.len();
    let read = preadv2(file, &mut [IoSliceMut::new(piece)], at, ReadWriteFlags::NOWAIT);
    read.is_ok_and(|read| read == length)
}

/// What is known of a source as far as it was read.
struct Look {
    most: u64,
    bytes: u64,
    hash: Box<Xxh3>,
    first: Vec<u8>,
}

impl Look {
    fn of(most: u64) -> Look {
        Look { most, bytes: 0, hash: Box::default(), first: Vec::with_capacity(FIRST_BYTES) }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Lost> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.most {
            return Err(Lost::TooLong);
        }
        let missing = FIRST_BYTES - self.first.len();
        self.first.extend_from_slice(&piece[..missing.min(piece.len())]);
        self.hash.update(piece);
        Ok(())
    }
}

fn look_at_file(file: &File, most: u64) -> Result<Look, Lost> {
    let (mut look, mut piece) = (Look::of(most), vec![0; PIECE_BYTES]);
    loop {
        match file.read_at(&mut piece, look.bytes) {
            Ok(0) => return Ok(look),
            Ok(read) => look.take(&piece[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Lost::Broken),
        }
    }
}

async fn look_at_body(body: &Body, most: u64) -> Result<Look, Lost> {
    let (mut look, bytes) = (Look::of(most), body.len());
    if bytes > most {
        return Err(Lost::TooLong);
    }
    let mut chunks = body.chunks(0..bytes);
    while let Some(piece) = chunks.next().await.map_err(|_| Lost::Broken)? {
        look.take(&piece)?;
        // As where it is gathered.
        yield_now().await;
    }
    if look.bytes == bytes { Ok(look) } else { Err(Lost::Broken) }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use xxhash_rust::xxh3::xxh3_128;

    const LONG: usize = 3 * PIECE_BYTES + 5;

    thread_local! {
        /// Whether the system seems to have nothing of a file in its memory.
        pub static NOTHING_IS_CACHED: Cell<bool> = const { Cell::new(false) };
    }

    /// A file of a test, gone with it.
    pub struct Temporary(pub PathBuf);

    impl Temporary {
        pub fn of(bytes: &[u8]) -> Temporary {
            static MADE: AtomicUsize = AtomicUsize::new(0);
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let name = format!("larder-on-disk-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::write(&path, bytes).expect("a file");
            Temporary(path)
        }

        pub fn lies(&self) -> Lies {
            Lies::File(Arc::new(File::open(&self.0).expect("it is there")))
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    /// Bytes of which none repeats what stands a piece before it.
    pub fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    /// The lengths of the pieces, and how it ends.
    async fn lengths(source: &OnDisk) -> (Vec<usize>, Result<(), Lost>) {
        let (mut pieces, mut lengths) = (source.pieces(), Vec::new());
        loop {
            match pieces.next().await {
                Ok(Some(piece)) => lengths.push(piece.len()),
                Ok(None) => return (lengths, Ok(())),
                Err(lost) => return (lengths, Err(lost)),
            }
        }
    }

    #[tokio::test]
    async fn pieces_add_up_as_often_as_they_are_read() {
        for length in [0, 1, FIRST_BYTES + 1, PIECE_BYTES, PIECE_BYTES + 1, LONG] {
            let bytes = bytes(length);
            let file = Temporary::of(&bytes);
            let source = OnDisk::read_through(file.lies(), length as u64).await.expect("it fits");
            assert_eq!((source.len(), source.hash()), (length as u64, xxh3_128(&bytes)));
            assert_eq!(source.first(), &bytes[..length.min(FIRST_BYTES)]);
            for is_cached in [true, false] {
                NOTHING_IS_CACHED.set(!is_cached);
                assert!(source.gather().await.expect("all of it") == bytes, "{length}");
            }
            let (lengths, end) = lengths(&source).await;
            assert_eq!((lengths.len(), end), (length.div_ceil(PIECE_BYTES), Ok(())));
        }
    }

    #[tokio::test]
    async fn the_longest_is_as_long_as_may_be() {
        let file = Temporary::of(&bytes(LONG));
        for (most, is_taken) in [(LONG, true), (LONG - 1, false), (0, false)] {
            let read = OnDisk::read_through(file.lies(), most as u64).await;
            assert_eq!(read.err(), (!is_taken).then_some(Lost::TooLong), "{most}");
        }
    }

    #[tokio::test]
    async fn what_was_passed_on_gives_its_memory_to_what_comes() {
        let file = Temporary::of(&bytes(9 * PIECE_BYTES));
        let source = OnDisk::read_through(file.lies(), u64::MAX).await.expect("a file");
        let (mut pieces, mut places) = (source.pieces(), BTreeSet::new());
        let mut written = Bytes::new();
        while let Some(piece) = pieces.next().await.expect("all of it") {
            places.insert(piece.as_ptr());
            drop(std::mem::replace(&mut written, piece));
        }
        assert!(places.len() <= PIECES, "{places:?}");
        // Of those that are kept each has its own.
        let (mut pieces, mut kept) = (source.pieces(), Vec::new());
        while let Some(piece) = pieces.next().await.expect("all of it") {
            kept.push(piece);
        }
        assert!(kept.concat() == bytes(9 * PIECE_BYTES));
    }

    #[tokio::test]
    async fn of_a_file_that_changes_the_last_piece_is_held_back() {
        let (before, mut after) = (bytes(LONG), bytes(LONG));
        after[LONG / 2] ^= 1;
        for (what, now, pieces) in [
            ("one byte is another", &after[..], 3),
            ("it is shorter", &before[..LONG - 1], 3),
            ("half of it is there", &before[..LONG / 2], 1),
            ("it is empty", &[], 0),
        ] {
            let file = Temporary::of(&before);
            let source = OnDisk::read_through(file.lies(), u64::MAX).await.expect("a file");
            fs::write(&file.0, now).expect("it is ours");
            let (lengths, end) = lengths(&source).await;
            assert_eq!((lengths.len(), end), (pieces, Err(Lost::Broken)), "{what}");
            assert_eq!(source.gather().await, Err(Lost::Broken), "{what}");
        }
    }

    #[tokio::test]
    async fn of_a_file_that_grows_or_is_replaced_goes_on_what_was_read() {
        let before = bytes(LONG);
        let file = Temporary::of(&before);
        let source = OnDisk::read_through(file.lies(), u64::MAX).await.expect("a file");
        fs::write(&file.0, [&before[..], b"more"].concat()).expect("it is ours");
        assert!(source.gather().await.expect("its first part is the same") == before);
        let other = Temporary::of(b"other");
        fs::rename(&other.0, &file.0).expect("it is ours");
        assert!(source.gather().await.expect("what is open stays") == before);
    }
}
