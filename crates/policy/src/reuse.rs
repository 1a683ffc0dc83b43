//! The second decision: may what is stored answer this request (RFC 9111 §4)?

use crate::cache_control::RequestDirectives;
use crate::freshness::Staleness;
use crate::meta::Meta;
use crate::name::Name;
use crate::reason::WhyFetch;
use crate::request::Request;
use crate::time::{Seconds, Timestamp};

/// The verdict on what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Serve it.
    Fresh,
    /// Serve it although it is stale: refresh it in the background, or the client said that it
    /// accepts stale answers.
    Stale(Refresh),
    /// Ask the origin, with the validators of what is stored if it has any.
    Revalidate(WhyFetch),
    /// Ask the origin; what is stored does not count for this request.
    Fetch(WhyFetch),
    /// The request wants no origin asked, and nothing stored will do (504, §5.2.1.7).
    Unsatisfiable,
}

/// What is to be done beside serving a stale response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Refresh it in the background (RFC 5861 §3).
    InBackground,
    /// The same, at the pace of the purge that made it stale.
    Paced,
    /// Nothing: the request's `max-stale` allows it (§5.2.1.2).
    Not,
}

/// What the store found under the key of a request.
#[derive(Clone, Copy, Debug)]
pub enum Found<'m> {
    /// Nothing.
    Nothing,
    /// Only responses to requests that `Vary` tells apart from this one.
    OtherVariants,
    /// A response; `invalid` if an unsafe request made it so.
    Response {
        /// What is known of it.
        meta: &'m Meta,
        /// Whether it must be validated before use, whatever its age (§4.4).
        invalid: bool,
    },
}

/// How asking the origin failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Out of reach: no connection, no answer in time, or the connection was dropped.
    Unreachable,
    /// It answered with this status.
    Status(u16),
    /// It took away what is kept all the same ([`crate::kept::keeps`]).
    TookAway,
}

/// Decides whether what was found answers the request.
pub fn reuse(found: Found<'_>, request: &Request, now: Timestamp) -> Reuse {
    let directives = request.directives();
    let verdict = match found {
        Found::Nothing => Reuse::Fetch(WhyFetch::UriMiss),
        Found::OtherVariants => Reuse::Fetch(WhyFetch::VaryMiss),
        Found::Response { meta, invalid } => judge(meta, invalid, request, now),
    };
    match verdict {
        Reuse::Fetch(_) | Reuse::Revalidate(_) if directives.only_if_cached => Reuse::Unsatisfiable,
        other => other,
    }
}

fn judge(meta: &Meta, invalid: bool, request: &Request, now: Timestamp) -> Reuse {
    if request.fields.has(Name::Authorization) && !meta.life.shares_authorized {
        return Reuse::Fetch(WhyFetch::Authorization);
    }
    if invalid {
        return Reuse::Revalidate(WhyFetch::Invalidated);
    }
    if meta.life.always_validate {
        return Reuse::Revalidate(WhyFetch::NoCache);
    }
    let asks = request.directives();
    let life = &meta.life;
    let too_old = asks.max_age.is_some_and(|max| life.age(now) > max.millis());
    let lives_until = |min: Seconds| life.age(now).saturating_add(min.millis());
    let too_short = asks.min_fresh.is_some_and(|min| life.lifetime.millis() < lives_until(min));
    if asks.no_cache || too_old || too_short {
        return Reuse::Revalidate(WhyFetch::Request);
    }
    if life.is_fresh(now) {
        return Reuse::Fresh;
    }
    stale(meta, asks, now)
}

/// What is to be done with a stale response that nothing else speaks against.
fn stale(meta: &Meta, asks: RequestDirectives, now: Timestamp) -> Reuse {
    let staleness = meta.life.staleness(now);
    // §5.2.1.1: with `max-age` and without `max-stale` the client wants nothing stale.
    if asks.max_age.is_some() && asks.max_stale.is_none() {
        return Reuse::Revalidate(WhyFetch::Request);
    }
    let depends_on_visitor = meta.variant.depends_on_visitor();
    let in_background = if meta.life.is_paced() { Refresh::Paced } else { Refresh::InBackground };
    if now < meta.life.paced_until && !depends_on_visitor {
        return Reuse::Stale(in_background);
    }
    match meta.life.stale {
        // A response chosen by who asks cannot be refreshed for nobody in particular.
        Staleness::Windows { revalidate, .. }
            if staleness < revalidate.millis() && !depends_on_visitor =>
        {
            Reuse::Stale(in_background)
        }
        // Where windows are named they say all: `s-maxage` may stand behind them, which forbids
        // more whatever the client accepts.
        Staleness::WhenUnreachable
            if asks.max_stale.is_some_and(|accepted| staleness <= accepted.millis()) =>
        {
            Reuse::Stale(Refresh::Not)
        }
        _ => Reuse::Revalidate(WhyFetch::Stale),
    }
}

/// Whether a stored response may stand in for an origin that failed (RFC 9111 §4.2.4, RFC 5861
/// §4). Never one that an unsafe request made invalid, nor for a request that demands to ask.
pub fn stands_in(
    meta: &Meta,
    invalid: bool,
    request: &Request,
    failure: Failure,
    now: Timestamp,
) -> bool {
    let asks = request.directives();
    let demanded = asks.no_cache || asks.max_age.is_some() || asks.min_fresh.is_some();
    let shared = !request.fields.has(Name::Authorization) || meta.life.shares_authorized;
    if invalid || meta.life.always_validate || demanded || !shared {
        return false;
    }
    let staleness = meta.life.staleness(now);
    match (meta.life.stale, failure) {
        (_, Failure::Status(status)) if !is_error(status) => false,
        (_, Failure::TookAway) => true,
        _ if now < meta.life.paced_until => true,
        (Staleness::Forbidden, _) => meta.life.is_fresh(now),
        (Staleness::Windows { revalidate, error }, _) => staleness < revalidate.max(error).millis(),
        (Staleness::WhenUnreachable, Failure::Unreachable) => true,
        (Staleness::WhenUnreachable, Failure::Status(_)) => false,
    }
}

/// The statuses that RFC 5861 §4 calls errors.
fn is_error(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fields::Fields;
    use crate::freshness::Life;
    use crate::purge::Born;
    use crate::rule::SiteId;
    use crate::vary::Variant;

    /// A response that came at 0 and is fresh for 60 s, for tests.
    pub fn stored(stale: Staleness) -> Meta {
        Meta {
            status: 200,
            fields: Fields::new(),
            body_bytes: 0,
            variant: Variant::default(),
            has_forms: false,
            life: Life { lifetime: Seconds::new(60), stale, ..Life::default() },
            born: Born::default(),
            site: SiteId(0),
            tags: Box::default(),
            sources: Box::default(),
        }
    }

    fn asking(value: &str) -> Request {
        Request { fields: [("Cache-Control", value)].into_iter().collect(), ..Request::default() }
    }

    fn windows(revalidate: u64, error: u64) -> Staleness {
        Staleness::Windows { revalidate: Seconds::new(revalidate), error: Seconds::new(error) }
    }

    #[test]
    fn age_and_the_requests_wishes_decide() {
        use Reuse::*;
        use WhyFetch::{Request as Asked, Stale as Old};
        let away = Staleness::WhenUnreachable;
        for (stale, asks, second, verdict) in [
            (away, "", 59, Fresh),
            (away, "", 60, Revalidate(Old)),
            (away, "no-cache", 1, Revalidate(Asked)),
            (away, "max-age=10", 10, Fresh),
            (away, "max-age=10", 11, Revalidate(Asked)),
            (away, "min-fresh=10", 50, Fresh),
            (away, "min-fresh=10", 51, Revalidate(Asked)),
            (away, "max-stale", 600, Stale(Refresh::Not)),
            (away, "max-stale=5", 65, Stale(Refresh::Not)),
            (away, "max-stale=5", 66, Revalidate(Old)),
            (windows(5, 0), "max-stale", 65, Revalidate(Old)),
            (windows(5, 0), "max-age=99", 61, Revalidate(Asked)),
            (windows(5, 0), "min-fresh=0", 61, Revalidate(Asked)),
            (Staleness::Forbidden, "max-stale", 61, Revalidate(Old)),
            (windows(5, 0), "", 64, Stale(Refresh::InBackground)),
            (windows(5, 0), "", 65, Revalidate(Old)),
            (windows(0, 5), "", 61, Revalidate(Old)),
            (away, "only-if-cached", 59, Fresh),
            (away, "only-if-cached", 60, Unsatisfiable),
            (away, "only-if-cached, max-stale", 60, Stale(Refresh::Not)),
        ] {
            let meta = stored(stale);
            let found = Found::Response { meta: &meta, invalid: false };
            let found = reuse(found, &asking(asks), Timestamp::from_seconds(second));
            assert_eq!(found, verdict, "{stale:?} {asks:?} at {second}");
        }
    }

    #[test]
    fn nothing_stored_is_fetched_or_unsatisfiable() {
        let now = Timestamp(0);
        assert_eq!(reuse(Found::Nothing, &asking(""), now), Reuse::Fetch(WhyFetch::UriMiss));
        assert_eq!(reuse(Found::OtherVariants, &asking(""), now), Reuse::Fetch(WhyFetch::VaryMiss));
        assert_eq!(reuse(Found::Nothing, &asking("only-if-cached"), now), Reuse::Unsatisfiable);
    }

    #[test]
    fn what_must_be_validated_is_never_served_unasked() {
        let mut meta = stored(windows(100, 100));
        let invalid = Found::Response { meta: &meta, invalid: true };
        assert_eq!(
            reuse(invalid, &asking(""), Timestamp(0)),
            Reuse::Revalidate(WhyFetch::Invalidated)
        );
        meta.life.always_validate = true;
        let found = Found::Response { meta: &meta, invalid: false };
        assert_eq!(
            reuse(found, &asking("max-stale"), Timestamp(0)),
            Reuse::Revalidate(WhyFetch::NoCache)
        );
    }

    #[test]
    fn authorized_requests_get_only_what_is_shared_with_them() {
        let mut meta = stored(Staleness::Forbidden);
        let request = Request {
            fields: [("Authorization", "Bearer x")].into_iter().collect(),
            ..Request::default()
        };
        let verdict =
            |meta: &Meta| reuse(Found::Response { meta, invalid: false }, &request, Timestamp(0));
        assert_eq!(verdict(&meta), Reuse::Fetch(WhyFetch::Authorization));
        meta.life.shares_authorized = true;
        assert_eq!(verdict(&meta), Reuse::Fresh);
    }

    #[test]
    fn a_stored_response_stands_in_only_where_it_is_allowed() {
        use Failure::*;
        let away = Staleness::WhenUnreachable;
        for (stale, asks, failure, second, stands) in [
            (away, "", Unreachable, 9999, true),
            (away, "", Status(503), 61, false),
            (away, "no-cache", Unreachable, 1, false),
            (away, "max-age=0", Unreachable, 1, false),
            (Staleness::Forbidden, "", Unreachable, 61, false),
            (Staleness::Forbidden, "", Unreachable, 59, true),
            (windows(0, 5), "", Status(500), 64, true),
            (windows(0, 5), "", Status(502), 64, true),
            (windows(0, 5), "", Status(404), 64, false),
            (windows(0, 5), "", Status(500), 65, false),
            (windows(0, 5), "", Unreachable, 65, false),
            (windows(5, 0), "", Unreachable, 64, true),
            (Staleness::Forbidden, "", TookAway, 9999, true),
            (away, "no-cache", TookAway, 61, false),
        ] {
            let meta = stored(stale);
            let now = Timestamp::from_seconds(second);
            let found = stands_in(&meta, false, &asking(asks), failure, now);
            assert_eq!(found, stands, "{stale:?} {asks:?} {failure:?} at {second}");
            assert!(!stands_in(&meta, true, &asking(asks), failure, now));
        }
    }
}
