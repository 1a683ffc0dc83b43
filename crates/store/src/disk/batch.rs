//! Records that are written together, and what changes in the index when they are.

use super::contents::Entry;
use super::held::{Held, held};
use super::index::{Lies, Slot};
use super::look::LoadedBody;
use super::op::{Act, Op};
use super::record::{Kind, Place, Record};
use super::segments::Segment;
use super::shared::Shared;
use hashbrown::HashSet;
use policy::purge::Born;
use std::sync::Arc;

/// Records that wait to be written together.
#[derive(Default)]
pub(crate) struct Batch {
    pub bytes: Vec<u8>,
    staged: Vec<Staged>,
    urls: HashSet<u64, foldhash::fast::FixedState>,
}

/// One record of a batch.
pub(crate) struct Staged {
    /// What asked for it.
    pub op: Option<Arc<Op>>,
    /// Whether with it all is done that was asked.
    completes: bool,
    pub entry: Entry,
    pub seq: u64,
    /// When the response was born, if it is one.
    pub born: Option<Born>,
    change: Change,
}

/// What changes in the index.
pub(crate) enum Change {
    /// The record takes the place of all of the same key and variant.
    Supersede,
    /// The record takes the place of `old`, if that stands, and of `others`.
    Replace {
        /// What it stands for until now.
        old: Held,
        /// What is superseded besides.
        others: Vec<Held>,
        /// Whether a mark that was set meanwhile stays.
        keeps_mark: bool,
        /// The count of uses it gets; nothing: what it had.
        uses: Option<u8>,
    },
    /// Those go.
    Remove(Vec<Held>),
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.staged.is_empty()
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.staged.len()
    }

    /// Whether it has a record of that URL.
    pub fn has_url(&self, url: u64) -> bool {
        self.urls.contains(&url)
    }

    /// The records in order.
    pub fn staged(&self) -> &[Staged] {
        &self.staged
    }

    /// Takes all records out.
    pub fn take(&mut self) -> Vec<Staged> {
        self.bytes.clear();
        self.urls.clear();
        std::mem::take(&mut self.staged)
    }

    /// Adds a record.
    pub fn append(
        &mut self,
        record: &Record<'_>,
        seed: u64,
        place: Place,
        (change, op, completes): (Change, Option<Arc<Op>>, bool),
    ) {
        record.append(seed, place, &mut self.bytes);
        self.urls.insert(record.url);
        let entry = Entry::of(record, place.offset);
        let born = record.born();
        self.staged.push(Staged { op, completes, entry, seq: record.seq, born, change });
    }
}

impl Staged {
    /// Changes the index, now that the record is written to `segment`.
    pub fn publish(&self, shared: &Shared, segment: &Segment) {
        let stands = match &self.change {
            Change::Supersede => self.supersede(shared, segment),
            Change::Replace { old, others, keeps_mark, uses } => {
                others.iter().for_each(|other| other.remove(shared));
                self.replace(shared, segment, (old, *keeps_mark, *uses))
            }
            Change::Remove(olds) => {
                olds.iter().for_each(|old| old.remove(shared));
                true
            }
        };
        if !stands {
            segment.bury(self.entry.length.into());
        }
        if let Some(op) = self.op.as_ref().filter(|_| self.completes) {
            shared.index.shard(op.url).written(op);
        }
    }

    fn supersede(&self, shared: &Shared, segment: &Segment) -> bool {
        let Some(op) = &self.op else { return false };
        let Act::Put { key, .. } = &op.act else { return false };
        let olds = held(shared, op.url, key.as_ref().bytes(), self.entry.identity);
        let mut shard = shared.index.shard(op.url);
        let mut slot = self.slot(segment);
        let mut gone = Vec::new();
        for old in &olds {
            if let Some(last) = shard.remove(old.slot) {
                slot = slot.with_uses(last.uses());
                gone.push(old);
            }
        }
        let stands = !op.is_cancelled();
        if stands {
            shard.insert(slot);
        }
        // In one step with the slot, so that a look finds the response exactly once.
        shard.written(op);
        drop(shard);
        gone.iter().for_each(|old| old.bury(shared));
        stands
    }

    fn replace(
        &self,
        shared: &Shared,
        segment: &Segment,
        (old, keeps_mark, uses): (&Held, bool, Option<u8>),
    ) -> bool {
        let mut shard = shared.index.shard(old.url);
        let Some(last) = shard.remove(old.slot) else { return false };
        let mark = self.entry.must_validate || keeps_mark && last.must_validate();
        let uses = uses.unwrap_or(last.uses());
        shard.insert(self.slot(segment).with_must_validate(mark).with_uses(uses));
        if let Some(op) = self.op.as_ref().filter(|_| self.completes) {
            shard.written(op);
        }
        drop(shard);
        // The record of a Full lives on as the body of an Update.
        let lives_on = matches!(old.loaded.as_ref().map(|l| &l.body), Some(LoadedBody::Here(_)));
        if !lives_on || self.entry.kind == Kind::Full {
            old.bury_record();
        }
        true
    }

    fn slot(&self, segment: &Segment) -> Slot {
        let Entry { url, identity, offset, length, kind, must_validate, .. } = self.entry;
        let lies = Lies {
            segment: segment.slot,
            offset,
            length,
            is_update: kind == Kind::Update,
            is_large: kind == Kind::Large,
        };
        Slot::new(url, identity, lies).with_must_validate(must_validate)
    }
}
