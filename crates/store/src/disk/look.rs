//! Looking for what is stored of a key: index, records, and what waits to be written.

use super::contents::Entry;
use super::index::Slot;
use super::large::LargeFile;
use super::op::{Act, DiskBody, Op};
use super::record::{Content, Place, Record, Target, aligned};
use super::segments::Segment;
use super::shared::Shared;
use super::stats::count;
use bytes::Bytes;
use policy::conditional::became;
use policy::key::Key;
use policy::meta::Meta;
use policy::meta_code;
use std::io;
use std::sync::Arc;

/// How often a look starts again when records move while it reads.
const TRIES: usize = 8;

/// Records that are read where others wait for the thread; for more a thread of the pool is asked.
const MOST_AT_ONCE: usize = 8;
/// Records of one URL that are looked at, of all its keys and variants.
const MOST_LOOKED_AT: usize = 256;

/// A response that was found.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What is known of it besides its body.
    pub meta: Meta,
    /// Its body.
    pub body: DiskBody,
    /// Its URL was made invalid since it was stored.
    pub must_validate: bool,
    pub(crate) seq: u64,
}

/// The look would wait for a disk.
#[derive(Debug)]
pub(crate) struct WouldWait;

/// A record that was read, with its parts.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub seq: u64,
    pub url: u64,
    pub identity: u64,
    pub must_validate: bool,
    pub key: Bytes,
    pub meta: Bytes,
    pub body: LoadedBody,
    /// The record as a target.
    pub here: Target,
}

/// Where the body of a record is.
#[derive(Debug)]
pub(crate) enum LoadedBody {
    Here(Bytes),
    Elsewhere(Target),
    File { number: u64, bytes: u64 },
    None,
}

/// Why a record was not read.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// That would wait for a disk.
    WouldWait,
    /// It is damaged.
    Damaged,
    /// What it refers to was given up.
    Gone,
    /// The system did not let us, just now.
    Unreadable,
}

impl Trouble {
    /// What an error of the device means: only what was read can be damaged.
    fn of(error: &io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::NotFound => Trouble::Gone,
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Trouble::Damaged,
            _ => Trouble::Unreadable,
        }
    }
}

enum Outcome {
    Seen(Vec<Stored>),
    /// Something moved meanwhile.
    Moved,
}

/// What stands in the index for a URL at one moment.
struct View {
    waiting: Vec<Arc<Op>>,
    slots: Vec<(Slot, Arc<Segment>)>,
}

/// All that is stored under a key now. Waits for a disk only if it may.
pub(crate) fn look(shared: &Shared, key: &Key, may_wait: bool) -> Result<Vec<Stored>, WouldWait> {
    see(shared, key, may_wait, true)
}

/// The same for who looks in from outside, which is no use of it.
pub(crate) fn glance(shared: &Shared, key: &Key) -> Result<Vec<Stored>, WouldWait> {
    see(shared, key, true, false)
}

fn see(shared: &Shared, key: &Key, may_wait: bool, is_use: bool) -> Result<Vec<Stored>, WouldWait> {
    let url = shared.url_hash(key.as_ref().url());
    for _ in 0..TRIES {
        let view = View::take(shared, url, is_use);
        if view.slots.len() > MOST_AT_ONCE && !may_wait {
            return Err(WouldWait);
        }
        if let Outcome::Seen(mut seen) = read_all(shared, url, key, &view, may_wait)? {
            view.waiting.iter().for_each(|op| apply(op, key, &mut seen));
            return Ok(seen);
        }
    }
    Ok(Vec::new())
}

impl View {
    fn take(shared: &Shared, url: u64, is_use: bool) -> View {
        let mut shard = shared.index.shard(url);
        if is_use {
            shard.count_use(url);
        }
        let of_slot = |slot: Slot| Some((slot, shared.segments.at(slot.lies().segment)?));
        View {
            waiting: shard.waiting(url).to_vec(),
            slots: shard.of_url(url).filter_map(of_slot).take(MOST_LOOKED_AT).collect(),
        }
    }
}

fn read_all(
    shared: &Shared,
    url: u64,
    key: &Key,
    view: &View,
    may_wait: bool,
) -> Result<Outcome, WouldWait> {
    let mut seen = Vec::new();
    for (slot, segment) in &view.slots {
        match stored(shared, *slot, segment, key, may_wait) {
            Ok(stored) => seen.extend(stored),
            Err(Trouble::WouldWait) => return Err(WouldWait),
            Err(Trouble::Unreadable) => count(&shared.counts.read_errors, 1),
            Err(trouble) => {
                if !shared.discard(url, *slot, segment) {
                    return Ok(Outcome::Moved);
                }
                if let Trouble::Damaged = trouble {
                    shared.tell_damage(segment.uid, slot.lies().offset);
                }
            }
        }
    }
    Ok(Outcome::Seen(seen))
}

/// What a slot stands for, unless that is of another key.
fn stored(
    shared: &Shared,
    slot: Slot,
    segment: &Segment,
    key: &Key,
    may_wait: bool,
) -> Result<Option<Stored>, Trouble> {
    let loaded = load_slot(shared, slot, segment, may_wait)?;
    if loaded.key != key.as_ref().bytes() {
        return Ok(None);
    }
    let mut meta = meta_code::decode(&loaded.meta).map_err(|_| Trouble::Damaged)?;
    let body = body_of(shared, &loaded, may_wait)?;
    meta.body_bytes = body.len();
    let must_validate = loaded.must_validate || slot.must_validate();
    Ok(Some(Stored { meta, body, must_validate, seq: loaded.seq }))
}

/// The body of a record, wherever it is.
pub(crate) fn body_of(
    shared: &Shared,
    loaded: &Loaded,
    may_wait: bool,
) -> Result<DiskBody, Trouble> {
    match &loaded.body {
        LoadedBody::Here(bytes) => Ok(DiskBody::Whole(bytes.clone())),
        LoadedBody::Elsewhere(target) => {
            let segment = shared.segments.of_uid(target.place.uid).ok_or(Trouble::Gone)?;
            let length = aligned(target.length as usize);
            let at = load(shared, &segment, target.place.offset, length, may_wait)?;
            match at.body {
                LoadedBody::Here(bytes) if at.seq == target.seq && at.key == loaded.key => {
                    Ok(DiskBody::Whole(bytes))
                }
                _ => Err(Trouble::Damaged),
            }
        }
        LoadedBody::File { number, bytes } => {
            large(shared, (*number, *bytes), &loaded.key, may_wait).map(DiskBody::File)
        }
        LoadedBody::None => Err(Trouble::Damaged),
    }
}

fn large(
    shared: &Shared,
    (number, bytes): (u64, u64),
    key: &[u8],
    may_wait: bool,
) -> Result<Arc<LargeFile>, Trouble> {
    if shared.large.is_damaged(number) {
        return Err(Trouble::Damaged);
    }
    if let Some(file) = shared.large.open(number) {
        return Ok(file);
    }
    if !may_wait {
        return Err(Trouble::WouldWait);
    }
    let (of, help) = ((number, shared.format.seed), shared.help());
    match LargeFile::open(&*shared.device, of, (key, bytes), help) {
        Ok(file) => Ok(shared.large.opened(Arc::new(file))),
        Err(error) => Err(Trouble::of(&error)),
    }
}

/// Reads the record of a slot.
pub(crate) fn load_slot(
    shared: &Shared,
    slot: Slot,
    segment: &Segment,
    may_wait: bool,
) -> Result<Loaded, Trouble> {
    let lies = slot.lies();
    load(shared, segment, lies.offset, lies.length as usize, may_wait)
}

fn load(
    shared: &Shared,
    segment: &Segment,
    offset: u32,
    length: usize,
    may_wait: bool,
) -> Result<Loaded, Trouble> {
    let mut bytes = vec![0; length];
    if !segment.file.read_at_if_cached(&mut bytes, offset.into()) {
        if !may_wait {
            return Err(Trouble::WouldWait);
        }
        let read =
            segment.file.read_at(&mut bytes, offset.into()).map_err(|error| Trouble::of(&error))?;
        bytes.truncate(read);
    }
    let bytes = Bytes::from(bytes);
    let place = Place { uid: segment.uid, offset };
    let record = Record::read(&bytes, shared.format.seed, place).map_err(|_| Trouble::Damaged)?;
    Ok(loaded(&bytes, &record, place))
}

/// Reads the record of an entry of a segment's list; waits for the disk.
pub(crate) fn load_at(shared: &Shared, segment: &Segment, entry: &Entry) -> Option<Loaded> {
    load(shared, segment, entry.offset, entry.length as usize, true).ok()
}

fn loaded(bytes: &Bytes, record: &Record<'_>, place: Place) -> Loaded {
    let body = match record.content {
        Content::Full { body, .. } => LoadedBody::Here(bytes.slice_ref(body)),
        Content::Update { target, .. } => LoadedBody::Elsewhere(target),
        Content::Large { file, bytes, .. } => LoadedBody::File { number: file, bytes },
        Content::Forget { .. } => LoadedBody::None,
    };
    Loaded {
        seq: record.seq,
        url: record.url,
        identity: record.identity,
        must_validate: record.must_validate,
        key: bytes.slice_ref(record.key),
        meta: bytes.slice_ref(record.meta()),
        body,
        here: Target { place, length: record.length() as u32, seq: record.seq },
    }
}

/// Changes what was seen by what waits, as if it were written.
fn apply(op: &Op, key: &Key, seen: &mut Vec<Stored>) {
    match &op.act {
        Act::Invalidate => {
            for stored in seen.iter_mut().filter(|stored| stored.seq < op.seq) {
                stored.must_validate = true;
            }
        }
        Act::Put { key: of, meta, body, must_validate } if of == key => {
            let stands = |stored: &Stored| stored.meta.variant == meta.variant;
            if seen.iter().any(|stored| stands(stored) && stored.seq >= op.seq) {
                return;
            }
            seen.retain(|stored| !stands(stored));
            let (meta, body, must_validate) = (meta.clone(), body.clone(), *must_validate);
            seen.push(Stored { meta, body, must_validate, seq: op.seq });
        }
        Act::Update { key: of, old, meta, must_validate } if of == key => {
            let is_old = |stored: &Stored| stored.meta.variant == *old && stored.seq < op.seq;
            // Of another that took its place it says nothing.
            let is_it = |stored: &Stored| is_old(stored) && became(&stored.meta, meta);
            let body = seen.iter().position(is_it).map(|at| seen.swap_remove(at).body);
            // One that moves is written before it is done: that record is the update itself.
            let is_new =
                |stored: &Stored| stored.meta.variant == meta.variant && stored.seq < op.seq;
            seen.retain(|stored| !is_old(stored) && !is_new(stored));
            let Some(body) = body else { return };
            let meta = Meta { body_bytes: body.len(), ..meta.clone() };
            seen.push(Stored { meta, body, must_validate: *must_validate, seq: op.seq });
        }
        Act::Forget { key: of, variant } if of == key => {
            seen.retain(|stored| stored.meta.variant != *variant || stored.seq > op.seq);
        }
        Act::Put { .. } | Act::Update { .. } | Act::Forget { .. } | Act::MakeRoom { .. } => {}
    }
}
