//! The thread that writes: takes what waits, writes it in batches, and reclaims room.
//!
//! It alone appends records and moves slots, so that the order of records on disk is the order in
//! which things were asked for. When a write fails, what it was to keep is forgotten in memory, so
//! that nothing older is found in its place; that this must be noted on disk is owed until writes
//! go well again.

use super::batch::{Batch, Change, Staged};
use super::held::{Held, held};
use super::log::Log;
use super::look::LoadedBody;
use super::op::{Act, DiskBody, Op};
use super::reclaim::Reclaim;
use super::record::{Content, Place, Record, Target, identity};
use super::room::Room;
use super::shared::Shared;
use super::stats::count;
use super::tier::MAX_SMALL_BODY_BYTES;
use policy::conditional;
use policy::key::Key;
use policy::meta::Meta;
use policy::meta_code;
use policy::time::Timestamp;
use policy::vary::Variant;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How much is taken from the queue and written at once, in bytes, about.
const BATCH_BYTES: usize = 1 << 20;
/// After so many milliseconds a failing disk is tried again.
const RETRY_MILLIS: u64 = 10_000;
/// Notes that are owed to a failing disk at the most.
const MAX_OWED: usize = 65_536;

/// The one who writes.
pub(crate) struct Worker {
    pub shared: Arc<Shared>,
    pub log: Log,
    pub batch: Batch,
    pub reclaim: Option<Reclaim>,
    owed: VecDeque<Arc<Op>>,
    failing_since: Option<Timestamp>,
    /// How often `LOOK_BYTES` were written when the free space was last looked at.
    pub looked_at: u64,
}

impl Worker {
    /// Goes on behind what `log` has.
    pub fn new(shared: Arc<Shared>, log: Log) -> Worker {
        let (batch, owed) = (Batch::default(), VecDeque::new());
        Worker { shared, log, batch, reclaim: None, owed, failing_since: None, looked_at: 0 }
    }

    /// Works until the queue is closed and empty, and then seals what is written.
    pub fn run(mut self) {
        let _over = Over(self.shared.clone());
        while !self.shared.queue.is_over() {
            let patience = if self.reclaim.is_some() { 0 } else { 1 };
            self.turn(Duration::from_secs(patience));
        }
        self.end();
    }

    /// Does some of what waits. Says whether there was anything to do.
    pub fn turn(&mut self, patience: Duration) -> bool {
        self.try_again_if_due();
        let ops = self.shared.queue.take(BATCH_BYTES, patience);
        for op in &ops {
            self.act(op);
        }
        if let Err(error) = self.flush() {
            self.fail(&error);
        }
        self.reclaim_some();
        self.shared.queue.done(&ops);
        !ops.is_empty() || self.reclaim.is_some()
    }

    /// Writes the list beside the segment that is being written, so that the next start is quick.
    pub fn end(&mut self) {
        self.try_again_if_due();
        self.reclaim = None;
        if let Err(error) = self.flush().and_then(|()| self.log.close(&self.shared)) {
            self.fail(&error);
        }
    }

    fn act(&mut self, op: &Arc<Op>) {
        if self.failing_since.is_some() {
            return self.forgo(op);
        }
        if let Err(error) = self.stage(op, false) {
            self.fail(&error);
            self.forgo(op);
        }
    }

    fn stage(&mut self, op: &Arc<Op>, is_owed: bool) -> io::Result<()> {
        if !matches!(op.act, Act::Put { .. }) && self.batch.has_url(op.url) {
            // What comes next looks for what is to be published first.
            self.flush()?;
        }
        match &op.act {
            Act::Put { key, meta, body, must_validate } => {
                self.stage_put(op, key, meta, body, *must_validate)
            }
            Act::Update { key, old, meta, must_validate } => {
                self.stage_update(op, (key, old), meta, *must_validate)
            }
            Act::Forget { key, variant } => self.stage_forget(op, key, variant, is_owed),
            Act::Invalidate => self.mark_all(op),
            Act::MakeRoom { bytes, .. } => {
                let made = self.make_large_room(*bytes);
                let room = made.is_ok().then(|| Room::taken(self.shared.clone(), *bytes));
                op.act.answer(room);
                // A body too many is no fault of the disk.
                made.or_else(|error| match error.kind() {
                    io::ErrorKind::StorageFull => Ok(()),
                    _ => Err(error),
                })
            }
        }
    }

    fn stage_put(
        &mut self,
        op: &Arc<Op>,
        key: &Key,
        meta: &Meta,
        body: &DiskBody,
        must_validate: bool,
    ) -> io::Result<()> {
        let code = meta_code(meta);
        let content = match body {
            DiskBody::Whole(body) if body.len() as u64 > MAX_SMALL_BODY_BYTES => {
                let file = match self.spill(op.url, key, body) {
                    Ok(file) => file,
                    // A body too many is no fault of the disk.
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                        self.forgo(op);
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                };
                Content::Large { meta: &code, file: file.number, bytes: file.len() }
            }
            DiskBody::Whole(body) => Content::Full { meta: &code, body },
            DiskBody::File(file) => {
                Content::Large { meta: &code, file: file.number, bytes: file.len() }
            }
        };
        let identity = self.identity(key, &meta.variant);
        let key = key.as_ref().bytes();
        let record = Record { seq: op.seq, url: op.url, identity, must_validate, key, content };
        self.make_room(record.length())?;
        self.append(&record, Change::Supersede, Some((op, true)));
        Ok(())
    }

    fn stage_update(
        &mut self,
        op: &Arc<Op>,
        (key, old): (&Key, &Variant),
        meta: &Meta,
        must_validate: bool,
    ) -> io::Result<()> {
        let code = meta_code(meta);
        let (before, after) = (self.identity(key, old), self.identity(key, &meta.variant));
        let (key, moves) = (key.as_ref().bytes(), before != after);
        let (seq, url) = (op.seq, op.url);
        let content = Content::Update { meta: &code, target: NO_TARGET };
        let record = Record { seq, url, identity: after, must_validate, key, content };
        let (before_code, after_code) = (variant_code(old), variant_code(&meta.variant));
        let forget = |identity, variant| {
            let content = Content::Forget { variant };
            Record { seq, url, identity, must_validate: false, key, content }
        };
        let forgets = [forget(before, &before_code), forget(after, &after_code)];
        // What is found below must not move before it is staged.
        self.make_room_for(&[&record, &forgets[0], &forgets[1]].map(Record::length))?;
        let mut olds = held(&self.shared, url, key, before);
        let mut others = if moves { held(&self.shared, url, key, after) } else { Vec::new() };
        let is_it = |old: &Held| old.became(meta) && old.content_with(&code).is_some();
        let stored = olds.iter().position(is_it);
        let Some(stored) = stored.map(|at| olds.swap_remove(at)) else {
            // What is there must not be found in the place of what was confirmed.
            for (forget, held) in forgets.iter().zip([olds, others]) {
                if !held.is_empty() {
                    self.append(forget, Change::Remove(held), None);
                    self.flush()?;
                }
            }
            self.complete(op);
            return Ok(());
        };
        others.append(&mut olds);
        let Some(content) = stored.content_with(&code) else { return Ok(()) };
        let record = Record { content, ..record };
        let old = stored.clone();
        let change = Change::Replace { old, others, keeps_mark: false, uses: None };
        self.append(&record, change, Some((op, !moves)));
        if moves {
            self.append(&forgets[0], Change::Remove(Vec::new()), Some((op, true)));
        }
        Ok(())
    }

    fn stage_forget(
        &mut self,
        op: &Arc<Op>,
        key: &Key,
        variant: &Variant,
        is_owed: bool,
    ) -> io::Result<()> {
        let (code, identity) = (variant_code(variant), self.identity(key, variant));
        let key = key.as_ref().bytes();
        let content = Content::Forget { variant: &code };
        let record =
            Record { seq: op.seq, url: op.url, identity, must_validate: false, key, content };
        self.make_room(record.length())?;
        let olds = held(&self.shared, op.url, key, identity);
        if olds.is_empty() && !is_owed {
            self.complete(op);
            return Ok(());
        }
        self.append(&record, Change::Remove(olds), Some((op, true)));
        Ok(())
    }

    /// Notes on disk of each response of the URL that it must be validated, one after the other.
    fn mark_all(&mut self, op: &Arc<Op>) -> io::Result<()> {
        while let Some(unmarked) = self.unmarked(op) {
            let Some(loaded) = &unmarked.loaded else { break };
            let (key, meta, identity) = (loaded.key.clone(), loaded.meta.clone(), loaded.identity);
            let Some(content) = unmarked.content_with(&meta) else { break };
            let record = Record {
                seq: op.seq,
                url: op.url,
                identity,
                must_validate: true,
                key: &key,
                content,
            };
            if !self.log.has_room(&self.batch, record.length(), self.reserved()) {
                self.make_room(record.length())?;
                // It may have moved meanwhile.
                continue;
            }
            let change = Change::Replace {
                old: unmarked,
                others: Vec::new(),
                keeps_mark: false,
                uses: None,
            };
            self.append(&record, change, None);
            self.flush()?;
        }
        let mut shard = self.shared.index.shard(op.url);
        // Those that cannot be read just now too.
        shard.change_url(op.url, |slot| slot.with_must_validate(true));
        shard.written(op);
        Ok(())
    }

    /// A response of the URL whose record does not have the mark.
    fn unmarked(&self, op: &Op) -> Option<Held> {
        let all = super::held::of_url(&self.shared, op.url);
        all.into_iter().find(|found| {
            let is_unmarked = |loaded: &Arc<super::look::Loaded>| {
                loaded.url == op.url && !loaded.must_validate && loaded.seq < op.seq
            };
            found.loaded.as_ref().is_some_and(is_unmarked)
        })
    }

    /// Appends a record to the batch. There is room for it.
    pub fn append(&mut self, record: &Record<'_>, change: Change, op: Option<(&Arc<Op>, bool)>) {
        let place = self.log.place(&self.batch);
        let (op, completes) = op.map_or((None, false), |(op, last)| (Some(op.clone()), last));
        self.batch.append(record, self.shared.format.seed, place, (change, op, completes));
    }

    /// Makes room for a record in the batch, if need be in a new segment.
    fn make_room(&mut self, length: usize) -> io::Result<()> {
        self.make_room_for(&[length])
    }

    fn make_room_for(&mut self, lengths: &[usize]) -> io::Result<()> {
        let length = lengths.iter().map(|length| super::record::aligned(*length)).sum();
        if self.log.has_room(&self.batch, length, self.reserved()) {
            return Ok(());
        }
        self.flush()?;
        self.end_reclaim()?;
        if !self.log.has_room(&self.batch, length, 0) {
            self.roll()?;
        }
        Ok(())
    }

    /// Hands the batch to the system, and lets it be found.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.log.write(&self.shared, &self.batch)?;
        for staged in self.batch.take() {
            self.publish(&staged);
        }
        self.watch_free_space()
    }

    fn publish(&self, staged: &Staged) {
        staged.publish(&self.shared, self.log.segment());
    }

    fn complete(&self, op: &Arc<Op>) {
        self.shared.index.shard(op.url).written(op);
    }

    /// Gives up the batch, and writing for a while.
    pub fn fail(&mut self, error: &io::Error) {
        self.failing_since = Some((self.shared.settings.clock)());
        self.shared.set_failing(Some(error.to_string()));
        self.reclaim = None;
        for op in self.batch.take().into_iter().filter_map(|staged| staged.op) {
            self.forgo(&op);
        }
    }

    /// Does in memory what cannot be done on disk: what was to be superseded is not found.
    fn forgo(&mut self, op: &Arc<Op>) {
        match &op.act {
            Act::MakeRoom { .. } => return op.act.answer(None),
            Act::Put { key, meta, body, .. } => {
                count(&self.shared.counts.dropped_puts, 1);
                if let DiskBody::File(file) = body {
                    // What cannot be removed now is given up by its age.
                    let _ = self.shared.remove_large(file.number);
                }
                self.forgo_response(op, key, &meta.variant);
            }
            Act::Update { key, old, meta, .. } => {
                self.forgo_response(op, key, old);
                if meta.variant != *old {
                    self.forgo_response(op, key, &meta.variant);
                }
            }
            Act::Forget { key, variant } => self.forgo_response(op, key, variant),
            Act::Invalidate => {
                let mark = |slot: super::index::Slot| slot.with_must_validate(true);
                self.shared.index.shard(op.url).change_url(op.url, mark);
                self.owe(op.clone());
            }
        }
        self.complete(op);
    }

    fn forgo_response(&mut self, op: &Op, key: &Key, variant: &Variant) {
        let identity = self.identity(key, variant);
        let olds = held(&self.shared, op.url, key.as_ref().bytes(), identity);
        olds.iter().for_each(|old| old.remove(&self.shared));
        let act = Act::Forget { key: key.clone(), variant: variant.clone() };
        self.owe(Op::new(op.seq, op.url, act));
    }

    fn owe(&mut self, op: Arc<Op>) {
        if self.owed.len() >= MAX_OWED {
            self.owed.pop_front();
            count(&self.shared.counts.lost_notes, 1);
        }
        self.owed.push_back(op);
    }

    fn try_again_if_due(&mut self) {
        let Some(since) = self.failing_since else { return };
        if (self.shared.settings.clock)().millis_since(since) < RETRY_MILLIS {
            return;
        }
        self.failing_since = None;
        let owed = std::mem::take(&mut self.owed);
        for (at, op) in owed.iter().enumerate() {
            if let Err(error) = self.stage(op, true).and_then(|()| self.flush()) {
                self.fail(&error);
                self.owed.extend(owed.range(at..).cloned());
                return;
            }
        }
        if self.log.try_write(&self.shared).is_ok() {
            self.shared.set_failing(None);
        }
    }

    fn identity(&self, key: &Key, variant: &Variant) -> u64 {
        identity(self.shared.format.seed, key.as_ref().bytes(), &variant_code(variant))
    }
}

/// However the thread ends, nobody waits for it afterwards.
struct Over(Arc<Shared>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}

impl Held {
    /// Whether it is the response that was confirmed as `meta`, not another that took its place.
    fn became(&self, meta: &Meta) -> bool {
        let stored = self.loaded.as_ref().and_then(|loaded| meta_code::decode(&loaded.meta).ok());
        stored.is_some_and(|stored| conditional::became(&stored, meta))
    }

    /// What a record of this response says under another meta; nothing if it has no body.
    pub fn content_with<'a>(&self, meta: &'a [u8]) -> Option<Content<'a>> {
        let loaded = self.loaded.as_ref()?;
        match loaded.body {
            LoadedBody::Here(_) => Some(Content::Update { meta, target: loaded.here }),
            LoadedBody::Elsewhere(target) => Some(Content::Update { meta, target }),
            LoadedBody::File { number, bytes } => {
                Some(Content::Large { meta, file: number, bytes })
            }
            LoadedBody::None => None,
        }
    }
}

/// For the length of an Update alone.
const NO_TARGET: Target = Target { place: Place { uid: 0, offset: 0 }, length: 0, seq: 0 };

fn meta_code(meta: &Meta) -> Vec<u8> {
    let mut code = Vec::new();
    meta_code::encode(meta, &mut code);
    code
}

fn variant_code(variant: &Variant) -> Vec<u8> {
    let mut code = Vec::new();
    meta_code::encode_variant(variant, &mut code);
    code
}
