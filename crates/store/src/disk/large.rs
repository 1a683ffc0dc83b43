//! Bodies that are too long for a segment: one file each, which ordinary tools can read.
//!
//! The file begins with a head of a multiple of 4096 bytes, whose first line is text and says where
//! the body begins and how long it is; then the length of the key (4 bytes) and the key. Behind the
//! body stands xxh3-64 of each slice of 64 KiB, and at the end xxh3-64 of the head and this table,
//! all under the store's seed and the number of the file.
//!
//! A body with gaps (`larder-part`) has a table of 16 bytes a slice: the checksum of the bytes that
//! are there, and which of the slice they are; the sum at the end is that of the head. The bytes that
//! are missing are holes of the file.

use super::device::{Device, DeviceFile};
use super::format::LARGE;
use super::larges::Larges;
use super::pool::Pool;
use super::reply::{Answer, Reply, reply};
use super::slice_map::{ENTRY_BYTES, SliceMap, slices};
use crate::reservation::Reservation;
use bytes::Bytes;
use policy::partial::SLICE_BYTES;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A slice of a body has so many bytes, but for the last.
pub(crate) const SLICE: usize = SLICE_BYTES as usize;
/// Slices that are read at once: 256 KiB. Fewer and longer writes cost less, and wake clients less
/// often; longer ones than this gain little, and each slow client holds as much.
const MOST_SLICES: usize = 4;
const PAGE: usize = 4096;
/// The longest head that is read, in bytes.
const MAX_HEAD: usize = 1 << 20;

/// A body in a file of its own, whole or still on its way.
pub struct LargeFile {
    /// The number in its name.
    pub(crate) number: u64,
    pub(super) seed: u64,
    /// Where the body begins.
    pub(super) at: u64,
    pub(super) file: Arc<dyn DeviceFile>,
    pool: Arc<Pool>,
    /// Where it is told that a slice is damaged, and how much there is of a body with gaps.
    pub(super) larges: Arc<Larges>,
    growth: Mutex<Growth>,
    /// What is there of a body with gaps.
    pub(super) map: Option<SliceMap>,
    /// Held by the one who adds to a body with gaps.
    pub(super) adding: Mutex<()>,
    /// What counts the map, once somebody reads by it.
    pub(super) counted: OnceLock<Reservation>,
}

#[derive(Default)]
struct Growth {
    /// Bytes of the body that can be read.
    bytes: u64,
    sums: Vec<u64>,
    state: State,
    waiting: Vec<Answer<()>>,
}

/// Slices that are read together.
struct Slices {
    /// Where they begin in the body.
    begin: u64,
    /// Bytes of all.
    length: usize,
    sums: Box<[u64]>,
    /// What is wanted of the body, as far as they have it.
    wanted: Range<u64>,
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

/// How a file holds a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    WithGaps,
}

impl Form {
    /// The bytes of the file's table.
    fn table_bytes(self, body: u64) -> u64 {
        slices(body) as u64
            * match self {
                Form::Whole => 8,
                Form::WithGaps => ENTRY_BYTES as u64,
            }
    }

    /// The bytes of the file of a body.
    pub fn file_bytes(self, key: usize, body: u64) -> u64 {
        head_bytes(key) as u64 + body + self.table_bytes(body) + 8
    }
}

/// The bytes of the file of a body.
pub(crate) fn file_bytes(key: usize, body: u64) -> u64 {
    Form::Whole.file_bytes(key, body)
}

pub(super) fn head_bytes(key: usize) -> usize {
    (first_line(Form::Whole, 0, 0).len() + 4 + key).next_multiple_of(PAGE)
}

fn first_line(form: Form, at: u64, bytes: u64) -> String {
    let name = match form {
        Form::Whole => "larder-body",
        Form::WithGaps => "larder-part",
    };
    format!("{name} 1 at {at:010} bytes {bytes:020} slice {SLICE:010}\n")
}

pub(super) fn head(form: Form, key: &[u8], bytes: u64) -> Vec<u8> {
    let length = head_bytes(key.len());
    let mut head = first_line(form, length as u64, bytes).into_bytes();
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
        let file = create(device, number)?;
        let (at, growth) = (head_bytes(key.len()) as u64, Mutex::default());
        let (seed, adding) = (seed ^ number, Mutex::default());
        Ok(Arc::new(LargeFile {
            number,
            seed,
            at,
            file,
            pool,
            larges,
            growth,
            map: None,
            adding,
            counted: OnceLock::new(),
        }))
    }

    /// Makes the file of a body of so many bytes, of which none is there yet; waits for the disk.
    pub(crate) fn begin_with_gaps(
        device: &dyn Device,
        (number, seed): (u64, u64),
        (key, bytes): (&[u8], u64),
        (pool, larges): (Arc<Pool>, Arc<Larges>),
    ) -> io::Result<LargeFile> {
        let (file, head) = (create(device, number)?, head(Form::WithGaps, key, bytes));
        let (seed, at) = (seed ^ number, head.len() as u64);
        let sum = sum_of(seed, &head, &[]).to_le_bytes();
        let end = Form::WithGaps.file_bytes(key.len(), bytes) - sum.len() as u64;
        let written = file.write_at(&head, 0).and_then(|()| file.write_at(&sum, end));
        let named = || device.rename(&temporary_name(number), &body_name(number));
        if let Err(error) = written.and_then(|()| named()) {
            // What cannot be removed now is removed at the next start.
            let _ = device.remove(&temporary_name(number));
            return Err(error);
        }
        let growth = Growth { bytes, state: State::Whole, ..Growth::default() };
        let (growth, map) = (Mutex::new(growth), Some(SliceMap::empty(bytes)));
        let adding = Mutex::default();
        let counted = OnceLock::new();
        Ok(LargeFile { number, seed, at, file, pool, larges, growth, map, adding, counted })
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
        if length > MAX_HEAD {
            return Err(damaged());
        }
        let mut head = vec![0; length];
        file.read_at(&mut head, 0)?;
        let is_of = |form: &Form| head == self::head(*form, key, bytes);
        let form = [Form::Whole, Form::WithGaps].into_iter().find(is_of).ok_or_else(damaged)?;
        if file.len()? != form.file_bytes(key.len(), bytes) {
            return Err(damaged());
        }
        let mut table = vec![0; form.table_bytes(bytes) as usize + 8];
        file.read_at(&mut table, length as u64 + bytes)?;
        let seed = seed ^ number;
        let (table, sum) = table.split_last_chunk::<8>().ok_or_else(damaged)?;
        // Each slice of a body with gaps vouches for itself.
        let summed = if form == Form::Whole { table } else { &[] };
        if sum_of(seed, &head, summed).to_le_bytes() != *sum {
            return Err(damaged());
        }
        let (sums, map) = match form {
            Form::Whole => (sums_in(table), None),
            Form::WithGaps => (Vec::new(), Some(SliceMap::read(bytes, table))),
        };
        let growth = Growth { bytes, sums, state: State::Whole, waiting: Vec::new() };
        let (at, growth) = (length as u64, Mutex::new(growth));
        let adding = Mutex::default();
        let counted = OnceLock::new();
        Ok(LargeFile { number, seed, at, file, pool, larges, growth, map, adding, counted })
    }

    /// The bytes of the body that are there by now.
    pub fn len(&self) -> u64 {
        self.lock().bytes
    }

    /// Whether no byte of the body is there by now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next piece of the body from an offset on, at most `most` bytes and 256 KiB; an empty one
    /// at its end. Waits for what is still on its way.
    ///
    /// # Errors
    /// If the disk fails, the bytes are damaged, or whoever wrote the body gave it up.
    pub async fn read(self: &Arc<LargeFile>, offset: u64, most: u64) -> io::Result<Bytes> {
        while let Some(more) = self.more(offset)? {
            more.await;
        }
        let Some(slices) = self.slices(offset, most) else { return Ok(Bytes::new()) };
        if let Some(piece) = self.piece_if_cached(&slices)? {
            return Ok(piece);
        }
        let file = self.clone();
        self.on_pool(move || file.piece(&slices)).await
    }

    /// Does on a thread of the pool what waits for the disk.
    pub(super) async fn on_pool<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let done = self.pool.ask_surely(job).await;
        done.unwrap_or_else(|| Err(io::Error::other("the store is closed")))
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

    /// What to read for `most` bytes from an offset on, which is never nothing; nothing at the end,
    /// and where bytes are missing.
    fn slices(&self, offset: u64, most: u64) -> Option<Slices> {
        if let Some(map) = &self.map {
            let (begin, length, sums) = map.stretch(offset, MOST_SLICES)?;
            let wanted = offset..(begin + length as u64).min(offset.saturating_add(most.max(1)));
            return Some(Slices { begin, length, sums, wanted });
        }
        let growth = self.lock();
        let wanted = offset..growth.bytes.min(offset.saturating_add(most.max(1)));
        let begin = offset - offset % SLICE as u64;
        let first = (begin / SLICE as u64) as usize;
        let count = wanted.end.saturating_sub(begin).div_ceil(SLICE as u64);
        let last = growth.sums.len().min(first + (count as usize).min(MOST_SLICES));
        let sums = growth.sums.get(first..last).filter(|sums| !sums.is_empty())?.into();
        let length = growth.bytes.saturating_sub(begin).min(((last - first) * SLICE) as u64);
        (!wanted.is_empty()).then_some(Slices { begin, length: length as usize, sums, wanted })
    }

    fn piece_if_cached(&self, slices: &Slices) -> io::Result<Option<Bytes>> {
        let mut piece = vec![0; slices.length];
        match self.file.read_at_if_cached(&mut piece, self.at + slices.begin) {
            true => self.checked(piece, slices).map(Some),
            false => Ok(None),
        }
    }

    fn piece(&self, slices: &Slices) -> io::Result<Bytes> {
        let mut piece = vec![0; slices.length];
        let read = self.file.read_at(&mut piece, self.at + slices.begin)?;
        piece.truncate(read);
        self.checked(piece, slices)
    }

    /// The slice at an offset from there on; waits for the disk.
    pub(crate) fn slice(&self, offset: u64) -> io::Result<Bytes> {
        self.slices(offset, 1).map_or(Ok(Bytes::new()), |slices| self.piece(&slices))
    }

    /// What is wanted of a piece, as far as its slices are good.
    fn checked(&self, mut piece: Vec<u8>, slices: &Slices) -> io::Result<Bytes> {
        let is_good = |(slice, sum): (&[u8], &u64)| xxh3_64_with_seed(slice, self.seed) == *sum;
        let good = piece.chunks(SLICE).zip(&slices.sums).take_while(|pair| is_good(*pair)).count();
        if good < slices.sums.len() {
            let damaged = slices.begin + (good * SLICE) as u64;
            match &self.map {
                // It is a gap from now on, unless something else is there meanwhile.
                Some(map) => {
                    self.larges.shrink(self.number, map.lose(damaged, slices.sums[good]));
                }
                // The next who looks for it finds nothing.
                None => self.larges.is_found_damaged(self.number),
            }
            piece.truncate(good * SLICE);
        }
        let from = (slices.wanted.start - slices.begin) as usize;
        let end = piece.len().min((slices.wanted.end - slices.begin) as usize);
        match from < end {
            true => Ok(Bytes::from(piece).slice(from..end)),
            false => Err(io::Error::new(io::ErrorKind::InvalidData, "a damaged slice")),
        }
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
        let head = head(Form::Whole, key, bytes);
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

fn create(device: &dyn Device, number: u64) -> io::Result<Arc<dyn DeviceFile>> {
    device.make_folder(&large_folder(number as u8))?;
    device.create_new(&temporary_name(number))
}

fn sums_in(table: &[u8]) -> Vec<u64> {
    table.as_chunks::<8>().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect()
}

pub(super) fn sum_of(seed: u64, head: &[u8], table: &[u8]) -> u64 {
    xxh3_64_with_seed(table, xxh3_64_with_seed(head, seed))
}

impl fmt::Debug for LargeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LargeFile").field("number", &self.number).finish_non_exhaustive()
    }
}
