//! Why nothing hits, said once in words: when the first hundred answers hold no hit, whoever has
//! just put Larder before a site wants to know.

use crate::metrics::Verdict;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// So many answers are looked at.
const LOOKED_AT: u32 = 100;

/// Looks at the first answers.
#[derive(Debug, Default)]
pub struct Diagnosis {
    is_over: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    answers: u32,
    reasons: HashMap<&'static str, u32>,
}

impl Diagnosis {
    /// Looks at an answer. After the first hits or the first hundred answers this is one load.
    pub fn look(&self, verdict: Verdict, reason: Option<&'static str>) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        if matches!(verdict, Verdict::Hit | Verdict::Stale | Verdict::Revalidated) {
            self.is_over.store(true, Ordering::Relaxed);
            return;
        }
        if let Some(advice) = self.count(reason.unwrap_or("none")) {
            tracing::warn!("{advice}");
        }
    }

    fn count(&self, reason: &'static str) -> Option<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.answers += 1;
        *seen.reasons.entry(reason).or_default() += 1;
        if seen.answers < LOOKED_AT || self.is_over.swap(true, Ordering::Relaxed) {
            return None;
        }
        let (reason, count) = seen.reasons.iter().max_by_key(|(_, count)| **count)?;
        Some(format!(
            "none of the first {LOOKED_AT} answers came from the cache; most often ({count} times) \
             because of `{reason}`: {}. docs/not-cached.md explains every reason",
            remedy(reason)
        ))
    }
}

/// What to do about a reason, in words.
fn remedy(reason: &str) -> &'static str {
    match reason {
        "no-freshness" => {
            "the origin does not say how long its answers are fresh; let it send \
             `Cache-Control: s-maxage=60`, or set `ttl` in a rule"
        }
        "no-store" => {
            "the origin forbids storing; let it send `Cache-Control: s-maxage=60` for what \
             everybody may see, or `CDN-Cache-Control`, which browsers ignore"
        }
        "private" => "the origin calls its answers private; is that so for pages seen by all?",
        "set-cookie" => {
            "the answers set cookies, so they are for one visitor; let the origin set them only \
             where they are needed"
        }
        "cookie" => {
            "the visitors send cookies; let the origin say `s-maxage` or `public` where they do \
             not matter, or name them in `ignored_cookies`"
        }
        "authorization" => {
            "the requests bear Authorization; let the origin say `public` or `s-maxage`"
        }
        "expired" => "the answers are stale on arrival (max-age=0); set `ttl` in a rule",
        "method" => "the requests are neither GET nor HEAD",
        "rule-off" => "a rule has `cache = \"off\"`",
        "vary-star" => "the answers have `Vary: *`",
        "uri-miss" | "none" => "every URL was asked for only once",
        _ => "see the page below",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_misses_are_explained_once_and_a_hit_ends_it() {
        let diagnosis = Diagnosis::default();
        for _ in 0..98 {
            assert_eq!(diagnosis.count("no-freshness"), None);
        }
        assert_eq!(diagnosis.count("private"), None);
        let advice = diagnosis.count("private").expect("the hundredth");
        assert!(advice.contains("98 times") && advice.contains("no-freshness"), "{advice}");
        assert_eq!(diagnosis.count("private"), None);

        let hits = Diagnosis::default();
        hits.look(Verdict::Hit, None);
        assert!(hits.is_over.load(Ordering::Relaxed));
    }
}
