//! How many pictures of one source anybody may have kept: heights, crops, points, colours and effects are
//! free, so whoever asks for them could fill the cache with one photograph.
//!
//! What is kept is counted by source for a day at the least, in a table of bounded size whose older half
//! is forgotten when the younger is full. What is beyond is made and answered, and not kept.

use super::asked::Making;
use crate::fill::Errand;
use imaging::plan::{Output, Plan, Wanted};
use policy::rule::SiteId;
use policy::time::{Seconds, Timestamp};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// How long one counts at the least, unless so many others come; at the most it is twice as long.
const COUNTED_FOR: Seconds = Seconds::new(24 * 3600);
/// The most that are known of each half: a few MiB where each is of another source.
const MAX_COUNTED: usize = 32_768;

/// One picture of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    source: u64,
    plan: u32,
}

impl Variant {
    /// What counts of what is made; nothing where whoever asks could have only few others: the URL is
    /// signed, is as a preset of the site says, or says no more than a width of its ladder.
    pub fn of(making: &Making, site: SiteId) -> Option<Variant> {
        let Wanted::Picture(plan) = making.asked.wanted else { return None };
        if making.is_given || is_plain(making, plan) {
            return None;
        }
        let mut source = Xxh3::new();
        source.update(format!("{site:?} {:?} ", making.place).as_bytes());
        source.update(making.asked.source.as_str().as_bytes());
        // The same for clients that take other formats is one.
        let output = if making.varies { Output::Auto } else { plan.output };
        let mut text = Plan { output, ..plan }.to_string();
        if let Some(mark) = &making.asked.watermark {
            let _ = write!(text, " {}", mark.as_str());
        }
        Some(Variant { source: source.digest(), plan: xxh3_64(text.as_bytes()) as u32 })
    }
}

fn is_plain(making: &Making, plan: Plan) -> bool {
    let told = Plan { width: plan.width, output: plan.output, ..Plan::default() };
    let usual = Some(making.settings.quality);
    !making.settings.widths.is_empty() && plan == Plan { quality: usual, ..told }
}

/// What is kept of which sources.
#[derive(Debug, Default)]
pub struct Variants(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    young: Half,
    old: Half,
    turned: Timestamp,
}

#[derive(Debug, Default)]
struct Half {
    of: HashMap<u64, Vec<u32>>,
    all: usize,
}

impl Variants {
    /// Whether one may be kept, beside all that are; if so, it counts from now on.
    /// `is_kept`: whether it takes the place of what is kept of it already.
    pub fn admit(&self, it: Variant, most: usize, is_kept: bool, now: Timestamp) -> bool {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.turn(now);
        let fits = is_kept || halves.has_room(it, most);
        if fits {
            halves.count(it);
        }
        fits
    }

    /// Whether one might be kept; nothing is counted.
    pub fn would_admit(&self, it: Variant, most: usize, now: Timestamp) -> bool {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.turn(now);
        halves.has_room(it, most)
    }
}

impl Halves {
    fn turn(&mut self, now: Timestamp) {
        let ends = self.turned.plus(COUNTED_FOR);
        if ends <= now || self.young.all >= MAX_COUNTED {
            self.old = std::mem::take(&mut self.young);
            self.turned = now;
        }
        if ends.plus(COUNTED_FOR) <= now {
            self.old = Half::default();
        }
    }

    fn has_room(&self, it: Variant, most: usize) -> bool {
        let (young, old) = (self.young.plans(it), self.old.plans(it));
        young.contains(&it.plan) || old.contains(&it.plan) || young.len() + old.len() < most
    }

    fn count(&mut self, it: Variant) {
        self.old.remove(it);
        if !self.young.plans(it).contains(&it.plan) {
            self.young.of.entry(it.source).or_default().push(it.plan);
            self.young.all += 1;
        }
    }
}

impl Half {
    fn plans(&self, it: Variant) -> &[u32] {
        self.of.get(&it.source).map_or(&[], Vec::as_slice)
    }

    fn remove(&mut self, it: Variant) {
        if let Some(plans) = self.of.get_mut(&it.source) {
            plans.retain(|plan| *plan != it.plan);
        }
    }
}

impl Errand {
    /// Whether a picture may be kept beside all that are kept of its source. From now on it counts.
    pub fn admits_variant(&self) -> bool {
        let now = self.core.shared.clock.now();
        self.of_variant(|variants, variant, most| {
            variants.admit(variant, most, self.stored.is_some(), now)
        })
    }

    /// Whether it might be, were it asked for; nothing is counted.
    pub fn would_admit_variant(&self) -> bool {
        let now = self.core.shared.clock.now();
        self.of_variant(|variants, variant, most| variants.would_admit(variant, most, now))
    }

    fn of_variant(&self, ask: impl Fn(&Variants, Variant, usize) -> bool) -> bool {
        let Some(making) = &self.making else { return true };
        let counted = Variant::of(making, self.site.settings.site.id);
        let most = making.settings.variants;
        counted.is_none_or(|variant| ask(&self.core.shared.variants, variant, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000_000);

    fn one(source: u64, plan: u32) -> Variant {
        Variant { source, plan }
    }

    #[test]
    fn of_one_source_so_many_are_kept_and_what_is_kept_may_be_renewed() {
        let variants = Variants::default();
        let admit = |it, is_kept| variants.admit(it, 3, is_kept, START);
        assert!((0..3).all(|plan| admit(one(1, plan), false)));
        assert!(!admit(one(1, 3), false) && !variants.would_admit(one(1, 3), 3, START));
        assert!(admit(one(1, 2), false), "it counts already");
        assert!(admit(one(2, 3), false), "of another source");
        assert!(admit(one(1, 7), true), "it is kept, but was forgotten");
        assert!(!variants.admit(one(3, 1), 0, false, START));
        assert!(variants.would_admit(one(4, 1), 1, START) && admit(one(4, 2), false));
        assert!(admit(one(4, 3), false) && admit(one(4, 4), false), "a look counts nothing");
    }

    #[test]
    fn what_was_not_asked_for_in_two_days_counts_no_more() {
        let variants = Variants::default();
        let later = |days: u64| START.plus(Seconds::new(days * COUNTED_FOR.get()));
        let admit = |plan, days| variants.admit(one(1, plan), 2, false, later(days));
        assert!(admit(1, 0) && admit(2, 0) && !admit(3, 0));
        assert!(!admit(3, 1), "the older half counts");
        assert!(admit(1, 1), "asked for again, it is of the younger half");
        assert!(admit(3, 2), "the other is forgotten");
        assert!(!admit(2, 2) && admit(1, 2));
        assert!(admit(7, 4) && admit(8, 4), "where nobody asks for days, all are");
    }

    #[test]
    fn the_table_is_bounded() {
        let variants = Variants::default();
        for source in 0..3 * MAX_COUNTED as u64 {
            assert!(variants.admit(one(source, 1), 1, false, START));
        }
        let halves = variants.0.lock().expect("not poisoned");
        assert!(halves.young.of.len() + halves.old.of.len() <= 2 * MAX_COUNTED);
    }
}
