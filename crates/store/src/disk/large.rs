//! Bodies that are too long for a segment: one file each, which ordinary tools can read.
//!
//! The file begins with a head of a multiple of 4096 bytes, whose first line is text and says where
//! the body begins and how long it is; then the length of the key (4 bytes) and the key. Behind the
//! body stands xxh3-64 of each slice of 64 KiB, and at the end xxh3-64 of the head and this table,
//! all under the store's seed and the number of the file.

use super::device::{Device, DeviceFile};
use super::format::LARGE;
use super::larges::Larges;
use super::pool::Pool;
use super::reply::{Answer, Reply, reply};
use bytes::Bytes;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A slice of a body has so many bytes, but for the last.
pub(crate) const SLICE: usize = 64 << 10;
const PAGE: usize = 4096;
/// The longest head that is read, in bytes.
const MAX_HEAD: usize = 1 << 20;

/// A body in a file of its own, whole or still on its way.
pub struct LargeFile {
    /// The number in its name.
    pub(crate) number: u64,
    seed: u64,
    /// Where the body begins.
    at: u64,
    file: Arc<dyn DeviceFile>,
    pool: Arc<Pool>,
    /// Where it is told that a slice is damaged.
    larges: Arc<Larges>,
    growth: Mutex<Growth>,
}

#[derive(Default)]
struct Growth {
    /// Bytes of the body that can be read.
    bytes: u64,
    sums: Vec<u64>,
    state: State,
    waiting: Vec<Answer<()>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Grows,
    Whole,
    GivenUp,
}

/// The folder of the files whose numbers end so.
pub(crate) fn large_folder(end: u8) -> String {
    format!("{LARGE}/{end:02x}")
}

/// The name of a body's file.
pub(crate) fn body_name(number: u64) -> String {
    format!("{LARGE}/{:02x}/{number:016x}.body", number as u8)
}

/// Its name while it is written.
pub(crate) fn temporary_name(number: u64) -> String {
    format!("{LARGE}/{:02x}/{number:016x}.tmp", number as u8)
}

/// The bytes of the file of a body.
pub(crate) fn file_bytes(key: usize, body: u64) -> u64 {
    head_bytes(key) as u64 + body + (body.div_ceil(SLICE as u64) + 1) * 8
}

fn head_bytes(key: usize) -> usize {
    (first_line(0, 0).len() + 4 + key).next_multiple_of(PAGE)
}

fn first_line(at: u64, bytes: u64) -> String {
    format!("larder-body 1 at {at:010} bytes {bytes:020} slice {SLICE:010}\n")
}

fn head(key: &[u8], bytes: u64) -> Vec<u8> {
    let length = head_bytes(key.len());
    let mut head = first_line(length as u64, bytes).into_bytes();
    head.extend_from_slice(&(key.len() as u32).to_le_bytes());
    head.extend_from_slice(key);
    head.resize(length, 0);
    head
}

impl LargeFile {
    /// A body that will come.
    pub(crate) fn begin(
        device: &dyn Device,
        (number, seed): (u64, u64),
        key: &[u8],
        (pool, larges): (Arc<Pool>, Arc<Larges>),
    ) -> io::Result<Arc<LargeFile>> {
        device.make_folder(&large_folder(number as u8))?;
        let file = device.create_new(&temporary_name(number))?;
        let (at, growth) = (head_bytes(key.len()) as u64, Mutex::default());
        Ok(Arc::new(LargeFile { number, seed: seed ^ number, at, file, pool, larges, growth }))
    }

    /// Opens the whole body of a key; waits for the disk.
    pub(crate) fn open(
        device: &dyn Device,
        (number, seed): (u64, u64),
        (key, bytes): (&[u8], u64),
        (pool, larges): (Arc<Pool>, Arc<Larges>),
    ) -> io::Result<LargeFile> {
        let file = device.open(&body_name(number))?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a damaged large file");
        let length = head_bytes(key.len());
        if length > MAX_HEAD || file.len()? != file_bytes(key.len(), bytes) {
            return Err(damaged());
        }
        let mut head = vec![0; length];
        file.read_at(&mut head, 0)?;
        let mut table = vec![0; (file_bytes(key.len(), bytes) - bytes) as usize - length];
        file.read_at(&mut table, length as u64 + bytes)?;
        let seed = seed ^ number;
        let (table, sum) = table.split_last_chunk::<8>().ok_or_else(damaged)?;
        if head != self::head(key, bytes) || sum_of(seed, &head, table).to_le_bytes() != *sum {
            return Err(damaged());
        }
        let sums = table.as_chunks::<8>().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect();
        let growth = Growth { bytes, sums, state: State::Whole, waiting: Vec::new() };
        let (at, growth) = (length as u64, Mutex::new(growth));
        Ok(LargeFile { number, seed, at, file, pool, larges, growth })
    }

    /// The bytes of the body that are there by now.
    pub fn len(&self) -> u64 {
        self.lock().bytes
    }

    /// Whether no byte of the body is there by now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next piece of the body from an offset on, at most 64 KiB; an empty one at its end.
    /// Waits for what is still on its way.
    ///
    /// # Errors
    /// If the disk fails, the bytes are damaged, or whoever wrote the body gave it up.
    pub async fn read(self: &Arc<LargeFile>, offset: u64) -> io::Result<Bytes> {
        while let Some(more) = self.more(offset)? {
            more.await;
        }
        if let Some(slice) = self.slice_if_cached(offset)? {
            return Ok(slice);
        }
        let file = self.clone();
        let read = self.pool.ask_surely(move || file.slice(offset)).await;
        read.unwrap_or_else(|| Err(io::Error::other("the store is closed")))
    }

    /// What to wait for until there is something at an offset; nothing if there is, or never will.
    fn more(&self, offset: u64) -> io::Result<Option<Reply<()>>> {
        let mut growth = self.lock();
        match growth.state {
            _ if offset < growth.bytes => Ok(None),
            State::Whole => Ok(None),
            State::GivenUp => Err(io::Error::other("the body was given up")),
            State::Grows => {
                let (answer, reply) = reply();
                growth.waiting.push(answer);
                Ok(Some(reply))
            }
        }
    }

    /// Of the slice at an offset: its begin, its length and its checksum.
    fn of_slice(&self, offset: u64) -> Option<(u64, usize, u64)> {
        let growth = self.lock();
        let begin = offset - offset % SLICE as u64;
        let length = growth.bytes.saturating_sub(begin).min(SLICE as u64) as usize;
        let sum = growth.sums.get((begin / SLICE as u64) as usize)?;
        (offset < growth.bytes).then_some((begin, length, *sum))
    }

    fn slice_if_cached(&self, offset: u64) -> io::Result<Option<Bytes>> {
        let Some((begin, length, sum)) = self.of_slice(offset) else {
            return Ok(Some(Bytes::new()));
        };
        let mut slice = vec![0; length];
        match self.file.read_at_if_cached(&mut slice, self.at + begin) {
            true => self.checked(slice, sum, (offset - begin) as usize).map(Some),
            false => Ok(None),
        }
    }

    /// The slice at an offset from there on; waits for the disk.
    pub(crate) fn slice(&self, offset: u64) -> io::Result<Bytes> {
        let Some((begin, length, sum)) = self.of_slice(offset) else { return Ok(Bytes::new()) };
        let mut slice = vec![0; length];
        let read = self.file.read_at(&mut slice, self.at + begin)?;
        slice.truncate(read);
        self.checked(slice, sum, (offset - begin) as usize)
    }

    fn checked(&self, slice: Vec<u8>, sum: u64, from: usize) -> io::Result<Bytes> {
        if xxh3_64_with_seed(&slice, self.seed) != sum || from > slice.len() {
            // The next who looks for it finds nothing.
            self.larges.is_found_damaged(self.number);
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a damaged slice"));
        }
        Ok(Bytes::from(slice).slice(from..))
    }

    /// Writes the next slice; waits for the disk. All slices but the last are full.
    pub(crate) fn append(&self, slice: &[u8]) -> io::Result<()> {
        let at = self.at + self.len();
        self.file.write_at(slice, at)?;
        let mut growth = self.lock();
        growth.bytes += slice.len() as u64;
        growth.sums.push(xxh3_64_with_seed(slice, self.seed));
        growth.wake();
        Ok(())
    }

    /// Writes what stands around the body, and gives the file its name; waits for the disk.
    pub(crate) fn complete(&self, device: &dyn Device, key: &[u8]) -> io::Result<()> {
        let bytes = self.len();
        let head = head(key, bytes);
        let mut table: Vec<u8> =
            self.lock().sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        let sum = sum_of(self.seed, &head, &table);
        table.extend_from_slice(&sum.to_le_bytes());
        self.file.write_at(&table, self.at + bytes)?;
        self.file.write_at(&head, 0)?;
        device.rename(&temporary_name(self.number), &body_name(self.number))?;
        self.end(State::Whole);
        Ok(())
    }

    /// Lets all know that no more will come.
    pub(crate) fn give_up(&self) {
        self.end(State::GivenUp);
    }

    fn end(&self, state: State) {
        let mut growth = self.lock();
        growth.state = state;
        growth.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Growth> {
        self.growth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Growth {
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(|waiting| waiting.send(()));
    }
}

fn sum_of(seed: u64, head: &[u8], table: &[u8]) -> u64 {
    xxh3_64_with_seed(table, xxh3_64_with_seed(head, seed))
}

impl fmt::Debug for LargeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LargeFile").field("number", &self.number).finish_non_exhaustive()
    }
}
