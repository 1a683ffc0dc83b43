//! Looking in: which responses are stored, page by page.

use super::index::Slot;
use super::look::{LoadedBody, load_slot};
use super::shared::Shared;
use policy::key::Key;
use policy::meta::Meta;
use policy::meta_code;

/// Records that are read for one page at the most, so that a rare prefix does not take for ever.
const MAX_LOOKED_AT: usize = 20_000;

/// One page of what is stored.
#[derive(Debug, Default)]
pub struct Listing {
    /// In the order of their hashes.
    pub objects: Vec<Object>,
    /// Where the next page begins; nothing after the last. A page may be empty and not the last.
    pub next: Option<u64>,
}

/// One stored response.
#[derive(Debug)]
pub struct Object {
    /// Its key; [`policy::key::KeyRef::url`] of it is its URL.
    pub key: Key,
    /// What is known of it besides its body.
    pub meta: Meta,
    /// Its URL was made invalid since it was stored.
    pub must_validate: bool,
    /// Its body is a file of its own.
    pub is_large: bool,
    /// Bytes of its record, and of its file.
    pub bytes: u64,
}

/// A page of `limit` responses whose URL scope begins with `prefix`; more only where the last
/// have one URL. What waits to be written is not in it.
pub(crate) fn objects(shared: &Shared, prefix: &[u8], from: u64, limit: usize) -> Listing {
    let mut listing = Listing::default();
    let mut last = None;
    for (looked_at, (place, slot)) in shared.index.from(from).enumerate() {
        let is_full = listing.objects.len() >= limit || looked_at >= MAX_LOOKED_AT;
        // Those of one URL stay together.
        if is_full && last != Some(place) {
            listing.next = Some(place);
            break;
        }
        last = Some(place);
        let object = object(shared, slot);
        listing.objects.extend(object.filter(|o| o.key.as_ref().url().starts_with(prefix)));
    }
    listing
}

fn object(shared: &Shared, slot: Slot) -> Option<Object> {
    let segment = shared.segments.at(slot.lies().segment)?;
    let loaded = load_slot(shared, slot, &segment, true).ok()?;
    let mut meta = meta_code::decode(&loaded.meta).ok()?;
    let mut bytes = u64::from(slot.lies().length);
    let is_large = slot.lies().is_large;
    if let LoadedBody::File { bytes: body, .. } = loaded.body {
        meta.body_bytes = body;
        bytes += body;
    }
    let must_validate = slot.must_validate() || loaded.must_validate;
    Some(Object { key: Key::from_bytes(&loaded.key), meta, must_validate, is_large, bytes })
}
