//! What the tests of the disk tier share: responses, and a tier that is driven by hand.

use super::format::Format;
use super::look::Stored;
use super::open::open;
use super::reply::wait_for;
use super::shared::Settings;
use super::tier::{Disk, Found};
use super::worker::Worker;
use super::{Device, OpenError};
use bytes::Bytes;
use policy::fields::Fields;
use policy::key::Key;
use policy::meta::Meta;
use policy::meta_code;
use policy::time::Timestamp;
use policy::vary::Variant;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) const SEGMENT: u64 = 16 << 10;

/// A clock that is turned by hand.
#[derive(Clone, Default)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub fn turn(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

pub(crate) fn settings(hands: &Hands) -> Settings {
    let hands = hands.clone();
    Settings {
        size_bytes: 8 * SEGMENT,
        segment_bytes: SEGMENT,
        min_free_bytes: 0,
        queue_bytes: 64 << 10,
        readers: 0,
        fresh: Format { seed: 1, log_id: 2 },
        clock: Arc::new(move || Timestamp(hands.0.load(Ordering::Relaxed))),
    }
}

/// A tier whose worker works when it is told to.
pub(crate) struct Tier {
    pub disk: Disk,
    pub worker: Worker,
}

impl Tier {
    pub fn open(
        device: &(impl Device + Clone + 'static),
        settings: Settings,
    ) -> Result<Tier, OpenError> {
        let worker = open(Arc::new(device.clone()), settings)?;
        Ok(Tier { disk: Disk::by_hand(&worker), worker })
    }

    /// Does all that waits.
    pub fn work(&mut self) {
        while self.worker.turn(Duration::ZERO) {}
    }

    /// Ends as a process does that is told to.
    pub fn close(mut self) {
        self.work();
        self.worker.end();
    }

    pub fn put(&self, key: &Key, meta: Meta, body: &[u8]) -> bool {
        self.disk.put(key, meta, Bytes::copy_from_slice(body), || false)
    }

    /// Confirms what has a body of so many bytes.
    pub fn update(&self, key: &Key, (old, body_bytes): (&str, u64), meta: Meta) {
        self.disk.update(key, &variant(old), Meta { body_bytes, ..meta }, || false);
    }

    pub fn find(&self, key: &Key, request: &Fields) -> Option<Stored> {
        match wait_for(self.disk.find(key, request)) {
            Found::Response(stored) => Some(*stored),
            Found::OtherVariants(_) | Found::Nothing => None,
        }
    }
}

/// A key of a URL; keys of the same URL differ by scheme.
pub(crate) fn key(scheme: &str, path: &str) -> Key {
    Key::from_bytes(format!("{scheme}\0host\0{path}\0").as_bytes())
}

/// A request with that `X-A`.
pub(crate) fn asks(value: &str) -> Fields {
    [("x-a", value)].into_iter().collect()
}

pub(crate) fn variant(value: &str) -> Variant {
    Variant::from_nominated([("x-a".into(), value.as_bytes().into())].into())
}

/// Meta that says when it was answered, and is told apart by that.
pub(crate) fn meta(value: &str, answered: u64) -> Meta {
    let mut meta = meta_code::decode(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    meta.status = 200;
    meta.variant = variant(value);
    meta.life.answered = Timestamp(answered);
    meta.fields.push(b"etag", b"\"1\"");
    meta
}

pub(crate) fn body_of(stored: &Stored) -> &[u8] {
    match &stored.body {
        super::DiskBody::Whole(bytes) => bytes,
        super::DiskBody::File(_) => panic!("the body is a file"),
    }
}
