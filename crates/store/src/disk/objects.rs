//! Looking in: which responses are stored at a place of the index.

use super::index::Slot;
use super::large::Form;
use super::look::{Loaded, LoadedBody, Trouble, body_of, glance, load_slot};
use super::op::{Act, DiskBody, Op};
use super::shared::Shared;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::meta_code;
use std::sync::Arc;

/// How often a place is looked at again when records move meanwhile.
const TRIES: usize = 8;

/// One stored response.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its key.
    pub key: Key,
    /// What is known of it besides its body.
    pub meta: Meta,
    /// Its URL was made invalid since it was stored.
    pub must_validate: bool,
    /// How many bytes of its body are there, if some are missing; to a slice or so.
    pub there_bytes: Option<u64>,
}

/// What moved while it was read.
struct Moved;

/// What is stored at a place under the keys that are wanted, what waits to be written included. What
/// cannot be read is left out.
pub(crate) fn objects_at(
    shared: &Shared,
    place: u64,
    wanted: &dyn Fn(KeyRef<'_>) -> bool,
) -> Vec<Object> {
    for _ in 0..TRIES {
        let (slots, waiting) = shared.index.shard_at(place).at(place);
        if let Ok(objects) = read(shared, &slots, &waiting, wanted) {
            return objects;
        }
    }
    Vec::new()
}

fn read(
    shared: &Shared,
    slots: &[Slot],
    waiting: &[Arc<Op>],
    wanted: &dyn Fn(KeyRef<'_>) -> bool,
) -> Result<Vec<Object>, Moved> {
    let mut loaded = Vec::new();
    for slot in slots {
        let Some(segment) = shared.segments.at(slot.lies().segment) else { return Err(Moved) };
        match load_slot(shared, *slot, &segment, true) {
            Ok(record) if wanted(Key::from_bytes(&record.key).as_ref()) => {
                loaded.push((*slot, record));
            }
            Err(Trouble::Gone) => return Err(Moved),
            Ok(_) | Err(_) => {}
        }
    }
    if waiting.is_empty() {
        let objects = loaded.iter().map(|(slot, record)| object(shared, *slot, record));
        return Ok(objects.collect::<Result<Vec<_>, Moved>>()?.into_iter().flatten().collect());
    }
    // What waits changes what is written: for those few each key is looked up as a request would.
    let mut keys: Vec<Key> =
        loaded.iter().map(|(_, record)| Key::from_bytes(&record.key)).collect();
    keys.extend(waiting.iter().filter_map(|op| match &op.act {
        Act::Put { key, .. } | Act::Update { key, .. } => Some(key.clone()),
        Act::Forget { .. } | Act::Invalidate | Act::MakeRoom { .. } => None,
    }));
    keys.retain(|key| wanted(key.as_ref()));
    keys.sort_unstable_by(|one, other| one.as_ref().bytes().cmp(other.as_ref().bytes()));
    keys.dedup();
    let of_key = |key: &Key| {
        let seen = glance(shared, key).unwrap_or_default().into_iter();
        let key = key.clone();
        seen.map(move |stored| Object {
            key: key.clone(),
            there_bytes: match &stored.body {
                DiskBody::File(file) => there(shared, &key, file.number, file.len()),
                DiskBody::Whole(_) => None,
            },
            meta: stored.meta,
            must_validate: stored.must_validate,
        })
    };
    Ok(keys.iter().flat_map(of_key).collect())
}

/// What a record stands for; nothing if it cannot be read.
fn object(shared: &Shared, slot: Slot, record: &Loaded) -> Result<Option<Object>, Moved> {
    let Ok(mut meta) = meta_code::decode(&record.meta) else { return Ok(None) };
    meta.body_bytes = match &record.body {
        LoadedBody::Here(bytes) => bytes.len() as u64,
        // No file is opened for a look at the list.
        LoadedBody::File { bytes, .. } => *bytes,
        LoadedBody::Elsewhere(_) | LoadedBody::None => match body_of(shared, record, true) {
            Ok(body) => body.len(),
            Err(Trouble::Gone) => return Err(Moved),
            Err(_) => return Ok(None),
        },
    };
    let must_validate = slot.must_validate() || record.must_validate;
    let key = Key::from_bytes(&record.key);
    let there_bytes = match &record.body {
        LoadedBody::File { number, bytes } => there(shared, &key, *number, *bytes),
        _ => None,
    };
    Ok(Some(Object { key, meta, must_validate, there_bytes }))
}

/// How much of a large body is there, by what its file takes; nothing if it is all.
fn there(shared: &Shared, key: &Key, number: u64, bytes: u64) -> Option<u64> {
    let taken = shared.large.bytes_of(number)?;
    let around = Form::WithGaps.file_bytes(key.as_ref().bytes().len(), bytes) - bytes;
    let there = taken.saturating_sub(around);
    (there < bytes).then_some(there)
}
