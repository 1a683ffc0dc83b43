//! The disk tier under chance: puts, updates, invalidations, forgets, looks, ends, kills, power
//! cuts and faults from a printed seed, against a model that remembers everything.
//!
//! In one run without a crash what is found is exactly the newest, or nothing. After a crash it is
//! a state that once was, and none older than the last one known to last: of a kill all that was
//! handed to the system lasts, of a power cut what stood at the last clean end.

use super::faulty_device_tests::{Chance, Faults, FaultyDevice};
use super::fixture_tests::{Hands, Tier, asks, body_of, key, meta, settings, variant};
use super::large::LargeFile;
use super::look::Stored;
use super::op::DiskBody;
use super::reply::wait_for;
use policy::key::Key;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const SCHEMES: [&str; 2] = ["http", "https"];
const VARIANTS: [&str; 2] = ["a", "b"];
const STEPS: u64 = 250;

/// One state of a response: the number of the put that its body is of, when it was answered, and
/// whether it must be validated.
type State = Option<(u64, u64, bool)>;

/// What happened to one key and variant.
#[derive(Default)]
struct History {
    /// All states in order; the last is now.
    states: Vec<State>,
    /// States before this one are gone after a kill.
    kept: usize,
    /// States before this one are gone after a power cut.
    lasting: usize,
}

struct Run {
    chance: Chance,
    device: FaultyDevice,
    hands: Hands,
    tier: Option<Tier>,
    histories: Vec<History>,
    /// The length of each body, by its number.
    lengths: HashMap<u64, u64>,
    time: u64,
    /// What is on disk may be damaged: older states may come back after a start.
    is_damaged: bool,
    hits: u64,
}

impl History {
    fn now(&self) -> State {
        self.states.last().copied().flatten()
    }

    fn change(&mut self, state: State) {
        self.states.push(state);
    }
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut chance = Chance(seed);
        let paths = 2 + chance.below(60);
        let device = FaultyDevice::new(chance.next(), u64::MAX);
        let histories = (0..paths * 4).map(|_| History::default()).collect();
        let mut run = Run {
            chance,
            device,
            hands: Hands::default(),
            tier: None,
            histories,
            lengths: HashMap::new(),
            time: 0,
            is_damaged: false,
            hits: 0,
        };
        run.tier = run.open();
        run
    }

    /// Opens the folder; fails only if the power is cut meanwhile.
    fn open(&self) -> Option<Tier> {
        match Tier::open(&self.device, settings(&self.hands)) {
            Err(error) if !self.device.is_off() => panic!("it does not open: {error}"),
            tier => tier.ok(),
        }
    }

    fn tier(&mut self) -> &mut Tier {
        self.tier.as_mut().expect("it is open but while it starts again")
    }

    /// A key and variant by chance: the number of its history.
    fn pick(&mut self) -> usize {
        self.chance.below(self.histories.len() as u64) as usize
    }

    fn step(&mut self) {
        let which = self.pick();
        match self.chance.below(100) {
            0..36 => self.put(which),
            36..40 => self.put_large(which),
            40..50 => self.update(which),
            50..55 => self.forget(which),
            55..60 => self.invalidate(which),
            60..75 => self.look(which),
            75..92 => {
                let tier = self.tier();
                tier.worker.turn(std::time::Duration::ZERO);
            }
            92..94 => self.faults(),
            94..95 => self.hands.turn(5_000),
            95..96 => self.end(),
            96..97 => self.kill(),
            97..98 => {
                let changes = self.chance.below(30);
                self.device.cut_power_in(changes);
            }
            _ => self.look_at_all(),
        }
        if self.device.is_off() && self.chance.once_in(4) {
            self.power_cut();
        }
    }

    fn put(&mut self, which: usize) {
        self.time += 1;
        let (key, value) = place(which);
        let most = if self.chance.once_in(3) { 3000 } else { 200 };
        let length = self.chance.below(most) as usize;
        let is_overtaken = self.chance.once_in(20);
        let body = body(which, self.time, length);
        self.lengths.insert(self.time, body.len() as u64);
        let meta = meta(value, self.time);
        let is_kept = self.tier().disk.put(&key, meta, bytes::Bytes::from(body), || is_overtaken);
        let state = is_kept.then_some((self.time, self.time, is_overtaken));
        self.histories[which].change(state);
    }

    fn put_large(&mut self, which: usize) {
        self.time += 1;
        let (key, value) = place(which);
        let length = self.chance.below(9_000) as usize;
        let (is_overtaken, is_left) = (self.chance.once_in(20), self.chance.once_in(10));
        let (body, meta) = (body(which, self.time, length), meta(value, self.time));
        self.lengths.insert(self.time, body.len() as u64);
        let file = write_large(self.tier(), &key, body, is_left);
        let Ok(file) = file else { return };
        let is_kept = self.tier().disk.put(&key, meta, file, || is_overtaken);
        let state = is_kept.then_some((self.time, self.time, is_overtaken));
        self.histories[which].change(state);
    }

    fn update(&mut self, which: usize) {
        self.time += 1;
        let (key, value) = place(which);
        // Now and then it is of another variant than it was.
        let to = if self.chance.once_in(4) { which ^ 1 } else { which };
        let meta = meta(place(to).1, self.time);
        let now = self.histories[which].now();
        let bytes = now.map_or(0, |(body, ..)| self.lengths[&body]);
        self.tier().update(&key, (value, bytes), meta);
        let Some((body, ..)) = now else { return };
        if to != which {
            self.histories[which].change(None);
        }
        self.histories[to].change(Some((body, self.time, false)));
    }

    fn forget(&mut self, which: usize) {
        let (key, value) = place(which);
        self.tier().disk.forget(&key, &variant(value));
        self.histories[which].change(None);
    }

    fn invalidate(&mut self, which: usize) {
        let (key, _) = place(which);
        self.tier().disk.invalidate(key.as_ref().url());
        let first = which / 4 * 4;
        for history in &mut self.histories[first..first + 4] {
            let state = history.now().map(|(body, answered, _)| (body, answered, true));
            history.change(state);
        }
    }

    fn look(&mut self, which: usize) {
        let seen = self.seen(which);
        let now = self.histories[which].now();
        if let Some((body, answered, must_validate)) = seen {
            self.hits += 1;
            let (is_body, is_answered, is_marked) = now.expect("found, though it was forgotten");
            assert_eq!(
                (body, answered),
                (is_body, is_answered),
                "another than the newest: {which}"
            );
            assert!(must_validate || !is_marked, "a mark was lost: {which}");
        }
    }

    fn look_at_all(&mut self) {
        (0..self.histories.len()).for_each(|which| self.look(which));
    }

    fn seen(&mut self, which: usize) -> State {
        let (key, value) = place(which);
        let stored = self.tier().find(&key, &asks(value))?;
        let found = &whole(&stored)?[..];
        let number = u64::from_le_bytes(found[..8].try_into().expect("each body has its number"));
        let of = stored_of(found);
        assert!(of == which || of == which ^ 1, "a body of another key");
        assert_eq!(found, body(of, number, found.len() - 16), "a damaged body");
        Some((number, stored.meta.life.answered.0, stored.must_validate))
    }

    fn faults(&mut self) {
        let faults = match self.chance.below(6) {
            0 => Faults { write_error: 1 + self.chance.below(20), ..Faults::default() },
            1 => Faults { read_error: 1 + self.chance.below(20), ..Faults::default() },
            2 => Faults { bit_flip: 1 + self.chance.below(20), ..Faults::default() },
            _ => Faults::default(),
        };
        self.is_damaged |= faults.read_error > 0 || faults.bit_flip > 0;
        self.device.set_faults(faults);
        let is_small = self.chance.once_in(4);
        let capacity = if is_small { self.chance.below(128 << 10) } else { u64::MAX };
        self.device.set_capacity(capacity);
    }

    /// Nothing fails while it starts.
    fn mend(&mut self) {
        self.device.set_faults(Faults::default());
        self.device.set_capacity(u64::MAX);
    }

    fn end(&mut self) {
        if self.device.is_off() {
            return;
        }
        self.mend();
        self.hands.turn(10_000);
        let Some(mut tier) = self.tier.take() else { return };
        tier.work();
        tier.worker.end();
        self.note_lasting(&tier, true);
        drop(tier);
        match self.device.is_off() {
            true => self.power_cut(),
            false => self.start_again(|history| history.kept),
        }
    }

    fn kill(&mut self) {
        if self.device.is_off() {
            return;
        }
        if self.chance.once_in(2) {
            let mut tier = self.tier.take().expect("it is open");
            tier.work();
            self.note_lasting(&tier, false);
            self.tier = Some(tier);
        }
        self.mend();
        self.tier = None;
        if self.device.is_off() {
            return self.power_cut();
        }
        self.start_again(|history| history.kept);
    }

    fn power_cut(&mut self) {
        self.tier = None;
        self.mend();
        self.device.switch_on();
        self.start_again(|history| history.lasting);
    }

    /// All that was asked is handed to the system, and synced or not.
    fn note_lasting(&mut self, tier: &Tier, is_synced: bool) {
        let stats = tier.disk.stats();
        if self.device.is_off() || stats.failing.is_some() || stats.lost_notes > 0 {
            return;
        }
        for history in &mut self.histories {
            history.kept = history.states.len().saturating_sub(1);
            if is_synced {
                history.lasting = history.kept;
            }
        }
    }

    fn start_again(&mut self, floor: impl Fn(&History) -> usize) {
        self.tier = self.open();
        if self.tier.is_none() {
            return self.power_cut();
        }
        for which in 0..self.histories.len() {
            let seen = self.seen(which);
            let history = &mut self.histories[which];
            let floor = if self.is_damaged { 0 } else { floor(history) };
            let once_was = history.states[floor.min(history.states.len())..].contains(&seen);
            // A mark more than was asked for costs a question only.
            let unmarked = seen.map(|(body, answered, _)| (body, answered, false));
            let but_for_mark =
                seen.is_some_and(|seen| seen.2) && history.states[floor..].contains(&unmarked);
            assert!(
                seen.is_none() || once_was || but_for_mark,
                "older than what lasts: {which}: {seen:?} of {:?}",
                &history.states[floor.saturating_sub(3)..]
            );
            // What came back is what there is now; what lasts of older states is not known.
            history.change(seen);
        }
    }

    fn check_bound(&self) {
        let bound = settings(&self.hands).size_bytes + FORMAT_BYTES;
        assert!(self.device.most_bytes() <= bound, "{} bytes", self.device.most_bytes());
    }
}

/// The file `format` and its temporary name.
const FORMAT_BYTES: u64 = 128;

/// Writes a large body, or leaves it half-way; the worker works meanwhile.
fn write_large(
    Tier { disk, worker }: &mut Tier,
    key: &Key,
    body: Vec<u8>,
    is_left: bool,
) -> io::Result<Arc<LargeFile>> {
    let mut written = pin!(async {
        let mut writer = disk.begin_large(key).await?;
        writer.write(bytes::Bytes::from(body)).await?;
        if is_left { Err(io::Error::other("left")) } else { writer.finish().await }
    });
    loop {
        match written.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(file) => return file,
            Poll::Pending => worker.turn(std::time::Duration::ZERO),
        };
    }
}

/// The body, if it can be read: a large one may be damaged.
fn whole(stored: &Stored) -> Option<Vec<u8>> {
    let DiskBody::File(file) = &stored.body else { return Some(body_of(stored).to_vec()) };
    let mut whole = Vec::new();
    loop {
        let piece = wait_for(file.read(whole.len() as u64, u64::MAX)).ok()?;
        if piece.is_empty() {
            return Some(whole);
        }
        whole.extend_from_slice(&piece);
    }
}

/// Key and variant of a history: four of a URL, two of a key.
fn place(which: usize) -> (Key, &'static str) {
    let path = format!("/{}", which / 4);
    (key(SCHEMES[which / 2 % 2], &path), VARIANTS[which % 2])
}

/// A body that tells of what and which put it is.
fn body(which: usize, number: u64, length: usize) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend_from_slice(&(which as u64).to_le_bytes());
    body.extend((0..length).map(|at| (number as usize * 31 + at) as u8));
    body
}

fn stored_of(body: &[u8]) -> usize {
    u64::from_le_bytes(body[8..16].try_into().expect("each body says of what it is")) as usize
}

fn run(seed: u64) -> u64 {
    let mut run = Run::new(seed);
    for _ in 0..STEPS {
        run.step();
    }
    run.check_bound();
    run.hits
}

#[test]
fn nothing_wrong_and_nothing_older_is_ever_found() {
    let (seeds, hits) = crate::seeds::run(1, run);
    assert!(hits > seeds * 10, "only {hits} hits: the test tests nothing");
}
