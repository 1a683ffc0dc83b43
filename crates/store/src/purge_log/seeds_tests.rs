//! The purge log under chance: purges, starts, kills, power cuts, full and failing disks and damage
//! from a printed seed, against a list of all that was answered.
//!
//! What is answered is in force, whatever happens, for all that was born before it, or the log has
//! another name. The name changes only where something was damaged or could not be read. A purge is
//! there whole or not at all, no number is given twice, and what was refused is not in force.

use super::keeper::Keeper;
use super::{Appended, PurgeLog, Refused, Settings, open};
use crate::disk::faulty_device_tests::{Chance, Faults, FaultyDevice};
use crate::disk::{Format, take_format};
use policy::purge::{Born, Force, Purge, Scope, Subject, Verdict};
use policy::rule::SiteId;
use policy::time::Timestamp;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const STEPS: u64 = 120;
/// A disk that is always large enough.
const ROOM: u64 = 1 << 30;

/// What is known of a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It waits, or waited when the process ended.
    Nothing,
    Answered(Born),
    Refused,
    /// Refused, and what the failed write left was not cut off when the process ended: it may be in
    /// force since.
    RefusedBefore,
}

/// A stored response: where it was born, and how many purges were answered then.
struct Stored {
    born: Born,
    answered: usize,
}

struct Run {
    chance: Chance,
    device: FaultyDevice,
    running: Option<(PurgeLog, Keeper)>,
    purges: Vec<(u64, Known)>,
    /// Answered purges, in the order of their answers.
    answered: Vec<usize>,
    waiting: Vec<(usize, Appended)>,
    stored: Vec<Stored>,
    numbers: HashMap<(u64, u64), usize>,
    faults: Faults,
    /// The name may change at the next start.
    is_damaged: bool,
    checks: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut chance = Chance(seed);
        let device = FaultyDevice::new(chance.next(), ROOM);
        take_format(&device, Format { seed: 1, log_id: 2 }).expect("nothing fails yet");
        let mut run = Run {
            chance,
            device,
            running: None,
            purges: Vec::new(),
            answered: Vec::new(),
            waiting: Vec::new(),
            stored: Vec::new(),
            numbers: HashMap::new(),
            faults: Faults::default(),
            is_damaged: true,
            checks: 0,
        };
        run.start();
        run
    }

    fn log(&self) -> &PurgeLog {
        &self.running.as_ref().expect("it runs between starts").0
    }

    fn keeper(&mut self) -> &mut Keeper {
        &mut self.running.as_mut().expect("it runs between starts").1
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..20 => self.append(),
            20..60 => self.turn(),
            60..70 => self.store(),
            70..76 => self.set_faults(),
            76..80 => self.fill_up(),
            80..86 => {
                let _ = self.keeper().rewrite();
            }
            86..90 => {
                let changes = self.chance.below(12);
                self.device.cut_power_in(changes);
            }
            90..94 => self.kill(),
            94..96 => self.damage(),
            96..97 => self.cut_off(),
            _ => self.mend(),
        }
        if self.device.is_off() && self.chance.once_in(3) {
            self.power_cut();
        }
        if self.chance.once_in(8) {
            self.check();
        }
    }

    fn append(&mut self) {
        for _ in 0..=self.chance.below(4) {
            let parts = 1 + self.chance.below(3);
            let which = self.purges.len();
            let (by, why) = ("".into(), "x".repeat(self.chance.below(300) as usize).into());
            let scopes = (0..parts).map(|part| Scope::Tag(None, tag(which, part).into()));
            let force = Force::Hard;
            let purge = Purge { scopes: scopes.collect(), force, at: Timestamp(1), by, why };
            let appended = self.log().append(purge);
            self.purges.push((parts, Known::Nothing));
            self.waiting.push((which, appended));
        }
    }

    fn turn(&mut self) {
        self.keeper().turn(Duration::ZERO);
        let mut context = Context::from_waker(Waker::noop());
        for (which, mut appended) in std::mem::take(&mut self.waiting) {
            match Pin::new(&mut appended).poll(&mut context) {
                Poll::Pending => self.waiting.push((which, appended)),
                Poll::Ready(Ok(seq)) => self.answer(which, seq),
                Poll::Ready(Err(why)) => {
                    assert!(matches!(why, Refused::Io(_) | Refused::NoSpace), "{why:?}");
                    self.purges[which].1 = Known::Refused;
                }
            }
        }
    }

    fn answer(&mut self, which: usize, seq: u64) {
        let Born { log_id, seq: head } = self.log().born();
        assert!(seq <= head, "answered before it is in force");
        let before = self.numbers.insert((log_id, seq), which);
        assert_eq!(before, None, "a number is given twice");
        self.purges[which].1 = Known::Answered(Born { log_id, seq });
        self.answered.push(which);
    }

    fn store(&mut self) {
        let born = self.log().born();
        if self.stored.len() == 8 {
            self.stored.swap_remove(self.chance.below(8) as usize);
        }
        self.stored.push(Stored { born, answered: self.answered.len() });
    }

    fn set_faults(&mut self) {
        self.faults = Faults { write_error: 1 + self.chance.below(6), ..Faults::default() };
        self.device.set_faults(self.faults);
    }

    /// There is room for a few bytes more.
    fn fill_up(&mut self) {
        self.device.set_capacity(0);
        if self.chance.once_in(2) {
            let bytes = self.device.most_bytes() + self.chance.below(200);
            self.device.set_capacity(bytes);
        }
    }

    fn mend(&mut self) {
        self.faults = Faults::default();
        self.device.set_faults(self.faults);
        self.device.set_capacity(ROOM);
    }

    fn kill(&mut self) {
        self.end();
        if self.device.is_off() {
            return self.power_cut();
        }
        if self.chance.once_in(8) {
            self.faults.read_error = 4;
            self.is_damaged = true;
        }
        self.device.set_faults(self.faults);
        self.start();
    }

    fn power_cut(&mut self) {
        self.end();
        self.device.switch_on();
        self.start();
    }

    fn end(&mut self) {
        let is_broken = self.running.take().is_some_and(|(log, _)| log.stats().is_broken);
        self.waiting.clear();
        for (_, known) in &mut self.purges {
            if *known == Known::Refused && is_broken {
                *known = Known::RefusedBefore;
            }
        }
    }

    /// A bit flips in the file, after it was noted how much of it is durable.
    fn damage(&mut self) {
        self.mend();
        self.kill();
        self.end();
        if self.device.is_off() {
            return self.power_cut();
        }
        self.device.damage("purges/log", 0.0);
        self.is_damaged = true;
        self.start();
    }

    /// The end of the file is lost, and responses know of it.
    fn cut_off(&mut self) {
        self.mend();
        self.kill();
        self.store();
        self.end();
        if self.device.is_off() {
            return self.power_cut();
        }
        self.device.truncate("purges/log", 1 + self.chance.below(600) as usize);
        self.is_damaged = true;
        self.start();
    }

    /// Opens the log. If that fails, what fails is mended first.
    fn start(&mut self) {
        let name_before = self.stored.last().map(|stored| stored.born.log_id);
        let known = self.stored.iter().map(|stored| stored.born);
        let known = known.filter(|born| Some(born.log_id) == name_before);
        let known = known.max_by_key(|born| born.seq);
        loop {
            let fresh_log_id = self.chance.next();
            let settings = Settings { fresh_log_id, known, ..Settings::default() };
            match open(Arc::new(self.device.clone()), settings) {
                Ok(keeper) => {
                    let log = PurgeLog::by_hand(&keeper);
                    let is_new = log.born() == Born { log_id: fresh_log_id, seq: 0 };
                    assert!(!is_new || self.is_damaged, "it begins anew for nothing");
                    self.running = Some((log, keeper));
                    break;
                }
                Err(_) if self.device.is_off() => self.device.switch_on(),
                Err(why) => {
                    let fails = self.faults.write_error > 0 || self.faults.read_error > 0;
                    assert!(fails || self.is_full(), "it does not open: {why}");
                    self.mend();
                }
            }
        }
        self.is_damaged = false;
        self.faults.read_error = 0;
        self.device.set_faults(self.faults);
        self.check();
    }

    fn is_full(&self) -> bool {
        use crate::disk::Device as _;
        self.device.free_bytes().is_ok_and(|bytes| bytes < 4096)
    }

    fn check(&mut self) {
        let Born { log_id, .. } = self.log().born();
        for (which, (parts, known)) in self.purges.iter().enumerate() {
            let begin = Born { log_id, seq: 0 };
            let verdicts: Vec<Verdict> =
                (0..*parts).map(|part| self.ask(which, part, begin)).collect();
            assert!(verdicts.windows(2).all(|pair| pair[0] == pair[1]), "half of {which}");
            match known {
                Known::Answered(at) if at.log_id == log_id => {
                    assert_eq!(verdicts[0], Verdict::Gone, "{which} is lost: {at:?}");
                }
                Known::Refused => assert_eq!(verdicts[0], Verdict::Valid, "{which} was refused"),
                _ => {}
            }
        }
        for stored in &self.stored {
            for (order, which) in self.answered.iter().enumerate() {
                let verdict = self.ask(*which, 0, stored.born);
                if order >= stored.answered {
                    assert_eq!(verdict, Verdict::Gone, "{which} after {:?}", stored.born);
                } else if stored.born.log_id == log_id {
                    assert_eq!(verdict, Verdict::Valid, "{which} before {:?}", stored.born);
                }
                self.checks += 1;
            }
        }
    }

    fn ask(&self, which: usize, part: u64, born: Born) -> Verdict {
        let tags = [tag(which, part).into()];
        let subject = Subject::new(b"a.b\0/", SiteId(1), &tags, &[]);
        self.log().check(&subject, born, 0)
    }
}

fn tag(which: usize, part: u64) -> String {
    format!("{which}.{part}")
}

fn run(seed: u64) -> u64 {
    let mut run = Run::new(seed);
    for _ in 0..STEPS {
        run.step();
    }
    // When all is well again, purges are accepted again.
    run.mend();
    if run.device.is_off() {
        run.power_cut();
    }
    run.device.cut_power_in(u64::MAX);
    run.turn();
    run.append();
    run.turn();
    assert!(run.waiting.is_empty());
    let (_, last) = run.purges.last().expect("one was just appended");
    assert!(matches!(last, Known::Answered(_)), "{last:?}");
    run.check();
    run.checks
}

#[test]
fn what_is_answered_is_never_lost_unless_the_log_begins_anew() {
    let (seeds, checks) = crate::seeds::run(1, run);
    assert!(checks > seeds * 500, "only {checks} checks: the test tests nothing");
}
