//! The table that purges are folded into: what was purged by which number.

use super::compact::{Compact, Line, MAX_SEQ};
use super::identity::Identity;
use super::{Born, Force, Pattern, Purge, Scope, Subject};
use crate::time::Timestamp;
use std::collections::HashMap;

/// What purges say of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None covers it.
    Valid,
    /// A soft one does: it is stale since then, unless it was stale before.
    StaleSince(Timestamp),
    /// Only paced ones do: it is stale since then, unless it was stale before, and served meanwhile.
    PacedSince(Timestamp),
    /// A hard one does, or it cannot be told: it is never used again.
    Gone,
}

/// How much a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// Scopes that are told apart, hard and soft ones.
    pub scopes: usize,
    /// Patterns: each new one is run once over each response that is asked for.
    pub patterns: usize,
}

impl Default for TableLimits {
    fn default() -> TableLimits {
        TableLimits { scopes: 1_000_000, patterns: 256 }
    }
}

/// Sizes of a table at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Scopes that are told apart.
    pub scopes: usize,
    /// Patterns that may have to be run.
    pub patterns: usize,
    /// Sites and hosts, and everything, whose older responses all count as stale because there
    /// were more purges than the limits let be told apart.
    pub floors: usize,
    /// Scopes and patterns that went into floors since the table was made.
    pub folded: u64,
    /// Bytes that it holds in memory, but for the patterns.
    pub bytes: usize,
}

impl TableStats {
    /// Whether nothing is purged as far as the table knows.
    pub fn is_empty(&self) -> bool {
        self.scopes + self.patterns + self.floors == 0
    }
}

/// One line of the table, to be written to disk and read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A scope that was purged hard.
    Hard(Place),
    /// A scope that was purged softly, and when.
    Soft(Place, Timestamp),
    /// A scope that was purged softly at a pace, and when.
    Paced(Place, Timestamp),
    /// A floor, and since when all that is older is stale.
    Floor(Place, Timestamp),
    /// Purges up to this number were given up: what was born before it counts as purged.
    Forgotten(u64),
}

/// What a mark is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The scope.
    pub identity: Identity,
    /// The scope that takes its place where there are too many; nothing where it is one of few.
    pub enclosing: Option<Identity>,
    /// The number of the newest purge that named it, at most 2^48 - 1.
    pub seq: u64,
}

/// A pattern of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedPattern {
    /// The pattern.
    pub pattern: Pattern,
    /// What it does.
    pub force: Force,
    /// The number of the newest purge that named it.
    pub seq: u64,
    /// When that was.
    pub at: Timestamp,
}

/// What the soft purges that cover a response say, put together. A plain one wins over a paced one:
/// it allows less.
#[derive(Clone, Copy, Default)]
struct Softly {
    plain: Option<Timestamp>,
    paced: Option<Timestamp>,
}

impl Softly {
    fn add(&mut self, at: Timestamp, is_paced: bool) {
        let since = if is_paced { &mut self.paced } else { &mut self.plain };
        *since = Some(since.map_or(at, |before| before.min(at)));
    }

    fn verdict(self) -> Verdict {
        match (self.plain, self.paced) {
            (None, None) => Verdict::Valid,
            // A hard purge was folded into a floor: what it covers is gone, and some more.
            (Some(FOLDED_HARD), _) => Verdict::Gone,
            (Some(plain), paced) => Verdict::StaleSince(paced.map_or(plain, |it| it.min(plain))),
            (None, Some(paced)) => Verdict::PacedSince(paced),
        }
    }
}

/// What a table has of one scope: the numbers of the newest purges, and when.
pub(super) struct Lines {
    pub hard: Option<u64>,
    pub soft: Option<(u64, Timestamp)>,
    pub paced: Option<(u64, Timestamp)>,
    pub floor: Option<Floor>,
}

/// A floor: whether a hard purge went into it.
pub(super) enum Floor {
    Hard(u64),
    Soft(u64, Timestamp),
}

/// The time of a floor that a hard purge went into.
const FOLDED_HARD: Timestamp = Timestamp(0);

/// All purges up to a head, folded: of each scope the newest purge of each force.
///
/// Past a limit the oldest sixteenth goes into *floors*: all that is older of that site or host counts
/// as stale, or, where a hard purge went into it, is gone, so that nothing is used that a purge covers.
#[derive(Debug)]
pub struct Table {
    limits: TableLimits,
    log_id: u64,
    head: u64,
    hard: Compact<()>,
    soft: Compact<Timestamp>,
    /// Beside the soft ones, so that neither takes the place of the other.
    paced: Compact<Timestamp>,
    floors: Compact<Timestamp>,
    /// In the order of their numbers.
    patterns: Vec<MarkedPattern>,
    enclosings: Enclosings,
    folded: u64,
    /// Purges up to this number were given up, since nothing was stored that was born before it.
    forgotten: u64,
}

impl Table {
    /// The greatest number of a purge.
    pub const MAX_SEQ: u64 = MAX_SEQ;

    /// A table of the log of that name, with nothing purged up to `head`.
    pub fn new(log_id: u64, head: u64, limits: TableLimits) -> Table {
        Table {
            limits,
            log_id,
            head,
            hard: Compact::default(),
            soft: Compact::default(),
            paced: Compact::default(),
            floors: Compact::default(),
            patterns: Vec::new(),
            enclosings: Enclosings::default(),
            folded: 0,
            forgotten: 0,
        }
    }

    /// The log and the number of the newest purge in the table.
    pub fn head(&self) -> Born {
        Born { log_id: self.log_id, seq: self.head }
    }

    /// Takes in the next purge. `seq` is greater than the head, and at most [`Table::MAX_SEQ`].
    pub fn apply(&mut self, seq: u64, purge: &Purge) {
        debug_assert!(self.head < seq && seq <= MAX_SEQ, "numbers rise");
        for scope in &purge.scopes {
            match (scope, scope.identity()) {
                (Scope::Pattern(pattern), _) => {
                    let (force, at) = (purge.force, purge.at);
                    self.put_pattern(MarkedPattern { pattern: pattern.clone(), force, seq, at });
                }
                (_, Some(identity)) => {
                    let place = Place { identity, enclosing: scope.enclosing(), seq };
                    self.put_mark(match purge.force {
                        Force::Hard => Mark::Hard(place),
                        Force::Soft => Mark::Soft(place, purge.at),
                        Force::Paced => Mark::Paced(place, purge.at),
                    });
                }
                (_, None) => debug_assert!(false, "only patterns have no identity"),
            }
        }
        self.head = seq;
    }

    /// Takes in one mark of a table that was written.
    pub fn put_mark(&mut self, mark: Mark) {
        match mark {
            Mark::Hard(place) => self.hard.put(self.enclosings.line(place, ())),
            Mark::Soft(place, at) => self.soft.put(self.enclosings.line(place, at)),
            Mark::Paced(place, at) => self.paced.put(self.enclosings.line(place, at)),
            Mark::Floor(place, at) => self.put_floor(place.identity, place.seq, at),
            Mark::Forgotten(least) => self.forgotten = self.forgotten.max(least),
        }
        if self.scopes() > self.limits.scopes {
            self.fold();
        }
    }

    /// Takes in a pattern, in the place of the same one with the same force. It is no older than
    /// those that are there.
    pub fn put_pattern(&mut self, new: MarkedPattern) {
        let is_same = |old: &MarkedPattern| (old.force, &old.pattern) == (new.force, &new.pattern);
        self.patterns.retain(|old| !is_same(old));
        self.patterns.push(new);
        if self.patterns.len() > self.limits.patterns {
            let MarkedPattern { pattern, force, seq, at } = self.patterns.remove(0);
            let since = if force == Force::Hard { FOLDED_HARD } else { at };
            let enclosing = Scope::Pattern(pattern).enclosing();
            self.put_floor(enclosing.unwrap_or(Identity::EVERYTHING), seq, since);
            self.folded += 1;
        }
    }

    /// What purges say of a response that was born so. `since` is a head at which the table
    /// was asked of it before and said [`Verdict::Valid`], or 0: older patterns are not run again.
    pub fn check(&self, subject: &Subject<'_>, born: Born, since: u64) -> Verdict {
        if born.log_id != self.log_id || born.seq > self.head || born.seq < self.forgotten {
            return Verdict::Gone;
        }
        if born.seq == self.head {
            return Verdict::Valid;
        }
        let is_newer = |line: &Line<()>| line.seq() > born.seq;
        let identities = subject.identities().iter();
        if self.hard.newest() > born.seq
            && identities.clone().any(|id| self.hard.find(*id).is_some_and(is_newer))
        {
            return Verdict::Gone;
        }
        let mut softly = Softly::default();
        for (table, is_paced) in [(&self.soft, false), (&self.paced, true), (&self.floors, false)] {
            if table.newest() > born.seq {
                let found = identities.clone().filter_map(|identity| table.find(*identity));
                let newer = found.filter(|line| line.seq() > born.seq);
                newer.for_each(|line| softly.add(line.beside, is_paced));
            }
        }
        self.check_patterns(subject, born.seq.max(since), softly)
    }

    fn check_patterns(&self, subject: &Subject<'_>, since: u64, mut softly: Softly) -> Verdict {
        let newer = self.patterns.partition_point(|marked| marked.seq <= since);
        if let newer @ [_, ..] = &self.patterns[newer..] {
            let texts = subject.texts();
            for marked in newer.iter().filter(|marked| texts.fit(&marked.pattern)) {
                match marked.force {
                    Force::Hard => return Verdict::Gone,
                    Force::Soft => softly.add(marked.at, false),
                    Force::Paced => softly.add(marked.at, true),
                }
            }
        }
        softly.verdict()
    }

    /// Gives up what matters to no response that was born at `least` or later. Should there be one
    /// that was born earlier after all, it is gone.
    pub fn forget_until(&mut self, least: u64) {
        self.forgotten = self.forgotten.max(least);
        self.hard.take_out(|line| line.seq() <= least, |_| {});
        self.soft.take_out(|line| line.seq() <= least, |_| {});
        self.paced.take_out(|line| line.seq() <= least, |_| {});
        self.floors.take_out(|line| line.seq() <= least, |_| {});
        self.patterns.retain(|marked| marked.seq > least);
    }

    /// All lines of the table but for the patterns.
    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        let place = |line: &Line<Timestamp>| (self.enclosings.place(line), line.beside);
        let hard = self.hard.lines().iter().map(|line| Mark::Hard(self.enclosings.place(line)));
        let soft = self.soft.lines().iter().map(place).map(|(place, at)| Mark::Soft(place, at));
        let paced = self.paced.lines().iter().map(place).map(|(place, at)| Mark::Paced(place, at));
        let floors = self.floors.lines().iter().map(place);
        let floors = floors.map(|(place, at)| Mark::Floor(place, at));
        let forgotten = (self.forgotten > 0).then_some(Mark::Forgotten(self.forgotten));
        hard.chain(soft).chain(paced).chain(floors).chain(forgotten)
    }

    /// What the table has of one scope.
    pub(super) fn lines_of(&self, identity: Identity) -> Lines {
        let of =
            |table: &Compact<Timestamp>| table.find(identity).map(|line| (line.seq(), line.beside));
        Lines {
            hard: self.hard.find(identity).map(Line::seq),
            soft: of(&self.soft),
            paced: of(&self.paced),
            floor: of(&self.floors).map(|(seq, since)| match since {
                FOLDED_HARD => Floor::Hard(seq),
                since => Floor::Soft(seq, since),
            }),
        }
    }

    /// The patterns, in the order of their numbers.
    pub fn patterns(&self) -> &[MarkedPattern] {
        &self.patterns
    }

    /// Sizes now.
    pub fn stats(&self) -> TableStats {
        TableStats {
            scopes: self.scopes(),
            patterns: self.patterns.len(),
            floors: self.floors.len(),
            folded: self.folded,
            bytes: self.hard.bytes()
                + self.soft.bytes()
                + self.paced.bytes()
                + self.floors.bytes()
                + self.enclosings.bytes(),
        }
    }

    fn scopes(&self) -> usize {
        self.hard.len() + self.soft.len() + self.paced.len()
    }

    /// Of a floor the number only rises and the time only falls.
    fn put_floor(&mut self, identity: Identity, seq: u64, at: Timestamp) {
        let (seq, at) = match self.floors.find(identity) {
            Some(known) => (known.seq().max(seq), known.beside.min(at)),
            None => (seq, at),
        };
        self.floors.put(Line::new(identity, seq, Enclosings::NONE, at));
    }

    /// Folds the oldest, so that a sixteenth is free.
    fn fold(&mut self) {
        let keeps = self.limits.scopes - self.limits.scopes / 16;
        let excess = self.scopes().saturating_sub(keeps);
        let hard = self.hard.lines().iter().filter(|line| folds(line)).map(Line::seq);
        let soft = self.soft.lines().iter().chain(self.paced.lines());
        let soft = soft.filter(|line| folds(line)).map(Line::seq);
        let mut numbers: Vec<u64> = hard.chain(soft).collect();
        let Some(last) = excess.min(numbers.len()).checked_sub(1) else { return };
        let (_, limit, _) = numbers.select_nth_unstable(last);
        let limit = *limit;
        let mut floors: Vec<(u16, u64, Timestamp)> = Vec::new();
        self.hard.take_out(
            |line| folds(line) && line.seq() <= limit,
            |line| floors.push((line.enclosing(), line.seq(), FOLDED_HARD)),
        );
        for table in [&mut self.soft, &mut self.paced] {
            table.take_out(
                |line| folds(line) && line.seq() <= limit,
                |line| floors.push((line.enclosing(), line.seq(), line.beside)),
            );
        }
        self.folded += floors.len() as u64;
        for (enclosing, seq, at) in floors {
            let enclosing = self.enclosings.identity(enclosing).unwrap_or(Identity::EVERYTHING);
            self.put_floor(enclosing, seq, at);
        }
    }
}

fn folds<T>(line: &Line<T>) -> bool {
    line.enclosing() != Enclosings::NONE
}

/// The enclosing scopes that lines refer to by sixteen bits. Where these are used up, everything
/// stands for the rest.
#[derive(Debug)]
struct Enclosings {
    identities: Vec<Identity>,
    places: HashMap<Identity, u16>,
}

impl Default for Enclosings {
    fn default() -> Enclosings {
        let places = HashMap::from([(Identity::EVERYTHING, Enclosings::EVERYTHING)]);
        // The first stands for no enclosing scope and is never read.
        Enclosings { identities: vec![Identity::EVERYTHING; 2], places }
    }
}

impl Enclosings {
    /// The place that says that there is none.
    const NONE: u16 = 0;
    const EVERYTHING: u16 = 1;

    fn bytes(&self) -> usize {
        let place = size_of::<(Identity, u16)>() + 1;
        self.identities.capacity() * size_of::<Identity>() + self.places.capacity() * place
    }

    fn line<T>(&mut self, place: Place, beside: T) -> Line<T> {
        let enclosing = place.enclosing.map_or(Enclosings::NONE, |identity| self.take(identity));
        Line::new(place.identity, place.seq, enclosing, beside)
    }

    fn take(&mut self, identity: Identity) -> u16 {
        let next = u16::try_from(self.identities.len());
        match (self.places.get(&identity), next) {
            (Some(place), _) => *place,
            (None, Err(_)) => Enclosings::EVERYTHING,
            (None, Ok(next)) => {
                self.identities.push(identity);
                self.places.insert(identity, next);
                next
            }
        }
    }

    fn identity(&self, place: u16) -> Option<Identity> {
        let is_one = place != Enclosings::NONE;
        self.identities.get(usize::from(place)).copied().filter(|_| is_one)
    }

    fn place<T>(&self, line: &Line<T>) -> Place {
        let enclosing = self.identity(line.enclosing());
        Place { identity: line.identity, enclosing, seq: line.seq() }
    }
}
