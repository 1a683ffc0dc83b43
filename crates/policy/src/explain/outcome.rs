//! What would happen to a request.

use super::way::Way;
use crate::name::Name;
use crate::reason::{WhyFetch, WhyPass};
use crate::request::Request;
use crate::reuse::{Found, Refresh, Reuse, reuse};
use crate::time::Timestamp;

/// What would happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered without an origin, for that reason.
    Here(&'static str),
    /// Straight to the origin and back.
    Pass(WhyPass),
    /// Answered from the cache.
    Hit,
    /// Answered from the cache although it is stale.
    Stale(Refresh),
    /// Answered from the cache, since the origin took away what is kept for pages from before.
    Kept,
    /// Answered from what is here of it; the rest is fetched.
    Parts,
    /// The origin is asked whether what is stored is still good.
    Revalidate(WhyFetch),
    /// The origin is asked.
    Miss(WhyFetch),
    /// The request wants no origin asked, and nothing stored will do.
    Refused,
}

/// What is known beside what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of the body that was found go out, and some of it is missing.
    pub has_gaps: bool,
    /// The origin took it away of late, and it is kept all the same.
    pub is_kept: bool,
    /// Earlier answers are known not to be shareable.
    pub is_marked: bool,
}

impl Outcome {
    /// What would happen to a request that goes that way, where this was found under its key.
    pub fn of(
        way: &Way<'_>,
        found: Found<'_>,
        facts: Facts,
        request: &Request,
        now: Timestamp,
    ) -> Outcome {
        if let Err(why) = way.key {
            return Outcome::Pass(why);
        }
        match reuse(found, request, now) {
            Reuse::Fresh | Reuse::Stale(_)
                if facts.has_gaps
                    && request.directives().only_if_cached
                    && !request.fields.has(Name::Range) =>
            {
                Outcome::Refused
            }
            Reuse::Fresh | Reuse::Stale(_) if facts.has_gaps => Outcome::Parts,
            Reuse::Fresh => Outcome::Hit,
            Reuse::Stale(refresh) => Outcome::Stale(refresh),
            Reuse::Revalidate(WhyFetch::Stale) if facts.is_kept => Outcome::Kept,
            Reuse::Revalidate(why) => Outcome::Revalidate(why),
            Reuse::Fetch(why) => Outcome::Miss(why.where_known(facts.is_marked, false)),
            Reuse::Unsatisfiable => Outcome::Refused,
        }
    }

    /// The word for it.
    pub fn token(self) -> &'static str {
        match self {
            Outcome::Here(_) => "here",
            Outcome::Pass(_) => "pass",
            Outcome::Hit => "hit",
            Outcome::Stale(_) | Outcome::Kept => "stale",
            Outcome::Parts => "parts",
            Outcome::Revalidate(_) => "revalidate",
            Outcome::Miss(_) => "miss",
            Outcome::Refused => "refused",
        }
    }

    /// The reason, as `Cache-Status` would give it in `detail`; nothing for a fresh hit.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Outcome::Here(why) => Some(why),
            Outcome::Pass(why) => Some(why.token()),
            Outcome::Hit => None,
            Outcome::Stale(Refresh::InBackground) => Some("stale-while-revalidate"),
            Outcome::Stale(Refresh::Paced) => Some("paced-purge"),
            Outcome::Stale(Refresh::Not) => Some("max-stale"),
            Outcome::Kept => Some("kept-asset"),
            Outcome::Parts => Some(WhyFetch::Gaps.token()),
            Outcome::Revalidate(why) | Outcome::Miss(why) => Some(why.token()),
            Outcome::Refused => Some("only-if-cached"),
        }
    }

    /// It, in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Here(_) => "answered here, without asking the origin",
            Outcome::Pass(_) => "passes by the cache, to the origin and back",
            Outcome::Hit => "a hit: answered from the cache",
            Outcome::Stale(Refresh::InBackground) => {
                "stale: answered from the cache, and refreshed in the background"
            }
            Outcome::Stale(Refresh::Paced) => {
                "stale: answered from the cache, and made anew when it is its turn"
            }
            Outcome::Kept => "stale: kept, though the origin does not have it any more",
            Outcome::Stale(Refresh::Not) => {
                "stale: answered from the cache, since the request accepts that"
            }
            Outcome::Parts => "answered from the parts that are here; the rest is fetched",
            Outcome::Revalidate(_) => "the origin is asked whether what is stored is still good",
            Outcome::Miss(_) => "a miss: the origin is asked",
            Outcome::Refused => "answered 504: the request wants only what is stored",
        }
    }
}
