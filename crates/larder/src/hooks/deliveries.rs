//! What is remembered of deliveries: which came already, and how the last ones ended.
//!
//! What has come is written to a file of the data folder before it is answered, after its purge: where
//! the process ends between the two, a delivery that comes again purges again, which harms nobody.
//! What was refused is remembered in memory only: anybody can send that.

use super::records::{Line, Records};
use super::verifier::Fingerprint;
use policy::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Deliveries that are recognised when they come again; of more, the oldest is forgotten.
pub const MAX_KNOWN: usize = 10_000;
/// Deliveries that are told of.
const MAX_SHOWN: usize = 200;
/// Refused deliveries that are told of.
const MAX_REFUSED: usize = 50;
/// Tags, URLs and prefixes, of each, that are told of a delivery.
const MAX_NAMED: usize = 20;
/// Characters that are told of each.
const MAX_CHARS: usize = 200;

/// The name of the file within the data folder.
pub const FILE: &str = "hooks.jsonl";

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was purged.
    Purged,
    /// It came before: nothing was done.
    Repeated,
    /// The hook is not for its event: nothing was done.
    Ignored,
    /// The payload gave nothing that the hook's templates ask for.
    Nothing,
    /// It was not believed.
    Refused,
    /// Its payload cannot be read, or what it names cannot be purged.
    BadPayload,
    /// The purge log could not be written: nothing was done.
    NotKept,
}

impl Outcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Purged => "purged",
            Outcome::Repeated => "repeated",
            Outcome::Ignored => "ignored",
            Outcome::Nothing => "nothing",
            Outcome::Refused => "refused",
            Outcome::BadPayload => "bad-payload",
            Outcome::NotKept => "not-kept",
        }
    }

    /// Whether a delivery that ended so is known when it comes again. What did nothing may come again:
    /// perhaps the hook was mended meanwhile.
    fn is_final(self) -> bool {
        self == Outcome::Purged
    }
}

/// A delivery, as it is told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which of this process and its predecessors.
    pub number: u64,
    /// The hook.
    pub hook: Box<str>,
    /// When it came, in milliseconds since 1970.
    pub at: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What happened, as the system calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Box<str>>,
    /// The id that the system gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Box<str>>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The first of the tags that were purged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The first of the URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The first of the prefixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// How many there were together.
    #[serde(default)]
    pub named: usize,
    /// The number of the purge in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What came of verifying it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Value>,
    /// By what it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Delivery {
    /// One that came now and ended so.
    pub fn new(hook: &str, at: Timestamp, outcome: Outcome) -> Delivery {
        Delivery {
            number: 0,
            hook: hook.into(),
            at: at.0,
            outcome,
            event: None,
            id: None,
            error: None,
            tags: Vec::new(),
            urls: Vec::new(),
            prefixes: Vec::new(),
            named: 0,
            seq: None,
            verified: None,
            fingerprint: None,
        }
    }

    /// The same, small enough to be kept.
    fn cut(mut self) -> Delivery {
        for list in [&mut self.tags, &mut self.urls, &mut self.prefixes] {
            *list = list.iter().take(MAX_NAMED).map(|text| short(text)).collect();
        }
        self.error = self.error.map(|error| short(&error));
        self.event = self.event.map(|event| short(&event).into());
        self
    }
}

/// A text as far as it is told of.
pub fn short(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

/// By what a delivery of a hook is known.
pub type Known = (Box<str>, Fingerprint);

/// The memory of deliveries.
#[derive(Debug)]
pub struct Deliveries {
    state: Mutex<State>,
    /// Apart from the state, which is never held while a disk is waited for.
    records: Mutex<Option<Records>>,
}

#[derive(Debug, Default)]
struct State {
    /// The last that were believed, oldest first.
    shown: VecDeque<Delivery>,
    /// The last that were not.
    refused: VecDeque<Delivery>,
    known: HashSet<Known>,
    /// The same, oldest first.
    order: VecDeque<Known>,
    counts: BTreeMap<(Box<str>, Outcome), u64>,
    /// The number of the last one.
    last: u64,
}

impl Deliveries {
    /// What is remembered in a folder, if there is one. Where that cannot be used it is said, and what
    /// comes is remembered as long as the process runs.
    pub fn open(folder: Option<&Path>) -> Deliveries {
        let mut state = State::default();
        let file = folder.map(|folder| folder.join(FILE));
        let opened = file.as_deref().map(|file| Records::open(file, |line| state.read(line)));
        let records = opened.transpose().unwrap_or_else(|error| {
            tracing::warn!(
                "which webhooks came is forgotten at the next start: {} cannot be used ({error})",
                file.unwrap_or_default().display()
            );
            None
        });
        let deliveries = Deliveries { state: Mutex::new(state), records: Mutex::new(records) };
        deliveries.rewrite();
        deliveries
    }

    /// Whether a delivery of a hook came before.
    pub fn knows(&self, hook: &str, fingerprint: Fingerprint) -> bool {
        self.state().known.contains(&(hook.into(), fingerprint))
    }

    /// Notes how a delivery ended; gives its number. Waits for the disk where it will be known again.
    pub fn note(&self, delivery: Delivery) -> u64 {
        let mut delivery = delivery.cut();
        let is_kept = delivery.outcome.is_final();
        if !is_kept {
            delivery.fingerprint = None;
        }
        {
            let mut state = self.state();
            state.last = state.last.saturating_add(1);
            delivery.number = state.last;
            *state.counts.entry((delivery.hook.clone(), delivery.outcome)).or_default() += 1;
            state.know_by(&delivery);
            match delivery.outcome {
                Outcome::Refused => push(&mut state.refused, delivery.clone(), MAX_REFUSED),
                _ => push(&mut state.shown, delivery.clone(), MAX_SHOWN),
            }
        }
        if is_kept {
            self.append(&delivery);
        }
        delivery.number
    }

    /// Notes what came of verifying a delivery. Waits for the disk.
    pub fn note_verified(&self, number: u64, verified: Value) {
        let found = {
            let mut state = self.state();
            let found = state.shown.iter_mut().rev().find(|delivery| delivery.number == number);
            found.map(|delivery| {
                delivery.verified = Some(verified);
                delivery.clone()
            })
        };
        if let Some(delivery) = found {
            self.append(&delivery);
        }
    }

    /// The last deliveries of a hook, newest first: those that were believed, and those that were not.
    pub fn of(&self, hook: &str) -> (Vec<Delivery>, Vec<Delivery>) {
        let state = self.state();
        let of = |all: &VecDeque<Delivery>| -> Vec<Delivery> {
            all.iter().rev().filter(|delivery| *delivery.hook == *hook).cloned().collect()
        };
        (of(&state.shown), of(&state.refused))
    }

    /// How often deliveries of hooks ended how, since the start.
    pub fn counts(&self) -> Vec<(Box<str>, Outcome, u64)> {
        let state = self.state();
        let count = |((hook, outcome), count): (&(Box<str>, Outcome), &u64)| {
            (hook.clone(), *outcome, *count)
        };
        state.counts.iter().map(count).collect()
    }

    fn append(&self, delivery: &Delivery) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &mut *records else { return };
        match file.append(delivery) {
            Ok(()) if file.is_long() => {
                drop(records);
                self.rewrite();
            }
            Ok(()) => {}
            Err(error) => tracing::warn!(
                "the webhook {} is forgotten at the next start: {error}",
                delivery.hook
            ),
        }
    }

    /// Writes what is remembered anew, so that the file stays short.
    fn rewrite(&self) {
        // First of all: what is appended meanwhile would be in neither.
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, shown) = {
            let state = self.state();
            (state.order.clone(), state.shown.clone())
        };
        if let Some(Err(error)) = records.as_mut().map(|file| file.rewrite(&known, &shown)) {
            tracing::warn!("the memory of webhooks cannot be written anew: {error}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn know_by(&mut self, delivery: &Delivery) {
        let fingerprint = delivery.fingerprint.as_deref().and_then(Fingerprint::parse);
        if let Some(fingerprint) = fingerprint {
            self.know((delivery.hook.clone(), fingerprint));
        }
    }

    fn know(&mut self, known: Known) {
        if self.known.insert(known.clone()) {
            self.order.push_back(known);
        }
        if self.order.len() > MAX_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Takes over a line of the file.
    fn read(&mut self, line: Line) {
        match line {
            Line::Delivery(delivery) => self.show(*delivery),
            Line::Known { hook, fingerprint } => {
                if let Some(fingerprint) = Fingerprint::parse(&fingerprint) {
                    self.know((hook, fingerprint));
                }
            }
        }
    }

    /// Takes over what was written; the newest record of a number counts.
    fn show(&mut self, delivery: Delivery) {
        self.last = self.last.max(delivery.number);
        self.know_by(&delivery);
        match self.shown.iter_mut().find(|known| known.number == delivery.number) {
            Some(known) => *known = delivery,
            None => push(&mut self.shown, delivery, MAX_SHOWN),
        }
    }
}

fn push(all: &mut VecDeque<Delivery>, delivery: Delivery, most: usize) {
    if all.len() >= most {
        all.pop_front();
    }
    all.push_back(delivery);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    fn fingerprint(number: usize) -> Fingerprint {
        Fingerprint((number as u128).to_be_bytes())
    }

    fn delivery(hook: &str, number: usize, outcome: Outcome) -> Delivery {
        let fingerprint = Some(fingerprint(number).to_string());
        Delivery { fingerprint, ..Delivery::new(hook, Timestamp(7), outcome) }
    }

    fn folder() -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("larder-hooks-{}", random::hex::<4>()));
        std::fs::create_dir(&folder).expect("a folder");
        folder
    }

    #[test]
    fn what_was_done_is_known_after_a_restart_and_what_failed_is_not() {
        let folder = folder();
        let first = Deliveries::open(Some(&folder));
        for (number, outcome) in [
            (1, Outcome::Purged),
            (2, Outcome::Ignored),
            (3, Outcome::Nothing),
            (4, Outcome::BadPayload),
            (5, Outcome::NotKept),
            (6, Outcome::Refused),
        ] {
            first.note(delivery("cms", number, outcome));
        }
        first.note_verified(1, serde_json::json!({ "urls": [] }));
        // A line that is longer than any, and one that a power cut tore.
        let mut text = std::fs::read_to_string(folder.join(FILE)).expect("the file");
        text.push_str(&("x".repeat(3 << 20) + "{\"number\":9}\n{\"number\":9,\"hoo"));
        std::fs::write(folder.join(FILE), text).expect("the file");
        let second = Deliveries::open(Some(&folder));
        for deliveries in [&first, &second] {
            let known: Vec<usize> =
                (0..9).filter(|number| deliveries.knows("cms", fingerprint(*number))).collect();
            assert_eq!(known, [1]);
            assert!(!deliveries.knows("other", fingerprint(1)), "another hook's");
        }
        let (shown, refused) = second.of("cms");
        let numbers: Vec<u64> = shown.iter().map(|delivery| delivery.number).collect();
        assert_eq!((numbers, refused.len()), (vec![1], 0));
        assert!(shown[0].verified.is_some());
        assert_eq!(second.note(delivery("cms", 7, Outcome::Purged)), 2, "numbers go on");
        assert_eq!(first.of("cms").1.len(), 1);
        std::fs::remove_dir_all(&folder).expect("it was made here");
    }

    #[test]
    fn the_memory_and_the_file_stay_bounded() {
        let folder = folder();
        let deliveries = Deliveries::open(Some(&folder));
        for number in 0..MAX_KNOWN + 5 {
            deliveries.state().know(("cms".into(), fingerprint(number)));
        }
        assert!(
            !deliveries.knows("cms", fingerprint(4)) && deliveries.knows("cms", fingerprint(5))
        );
        deliveries.rewrite();
        let again = Deliveries::open(Some(&folder));
        assert!(!again.knows("cms", fingerprint(4)) && again.knows("cms", fingerprint(5)));
        let long = Delivery {
            tags: vec!["x".repeat(1000); 1000],
            named: 1000,
            ..delivery("cms", 1, Outcome::Purged)
        };
        let long = long.cut();
        assert_eq!((long.tags.len(), long.tags[0].len()), (MAX_NAMED, MAX_CHARS));
        for _ in 0..300 {
            again.note(Delivery::new("cms", Timestamp(7), Outcome::Refused));
            again.note(Delivery::new("cms", Timestamp(7), Outcome::Repeated));
        }
        let (shown, refused) = again.of("cms");
        assert_eq!((shown.len(), refused.len()), (MAX_SHOWN, MAX_REFUSED));
        let counts = again.counts();
        assert_eq!(counts.iter().map(|(.., count)| count).sum::<u64>(), 600);
        std::fs::remove_dir_all(&folder).expect("it was made here");
    }

    #[test]
    fn without_a_folder_it_remembers_while_it_runs() {
        let deliveries = Deliveries::open(Some(Path::new("/proc/self/larder")));
        deliveries.note(delivery("cms", 1, Outcome::Purged));
        assert!(deliveries.knows("cms", fingerprint(1)));
    }
}
