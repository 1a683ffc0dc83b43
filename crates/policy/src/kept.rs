//! Assets that outlive their deploy: a page that is still open in a browser asks for the scripts it
//! was built with, which the origin does not have any more.

use crate::fields::Fields;
use crate::meta::Meta;
use crate::name::Name;
use crate::rule::{Rule, Site};
use crate::targeted;
use crate::time::{Seconds, Timestamp};

/// Whether an origin's `status` says that it took away what is stored as `meta`, which is kept all
/// the same: it was `immutable` (RFC 8246), so nobody meant another thing by its name, or a rule
/// says that it is kept. It is kept from when it ceased to be fresh, and never against
/// `must-revalidate` and the like.
pub fn keeps(site: &Site, rule: &Rule, meta: &Meta, status: u16, now: Timestamp) -> bool {
    let window = match rule.keep_assets {
        Some(window) => window,
        None if is_immutable(&meta.fields) => site.keep_assets,
        None => Seconds::ZERO,
    };
    is_away(status)
        && meta.status == 200
        && meta.life.staleness(now) < window.millis()
        && !targeted::winner(&meta.fields).1.forbids_stale()
}

/// The statuses by which an origin says that it does not have something any more.
pub fn is_away(status: u16) -> bool {
    matches!(status, 404 | 410)
}

/// Whether a response says that it never changes (RFC 8246).
pub fn is_immutable(fields: &Fields) -> bool {
    fields.members(Name::CacheControl).any(|value| value.eq_ignore_ascii_case(b"immutable"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::Staleness;
    use crate::reuse::tests::stored;
    use crate::rule::tests::plain_site;

    #[test]
    fn what_is_immutable_or_under_a_rule_outlives_its_deploy_for_a_while() {
        let week = Seconds::new(7 * 86_400);
        let site = Site { keep_assets: week, ..plain_site() };
        let plain = Rule::default();
        let ruled = Rule { keep_assets: Some(Seconds::new(100)), ..Rule::default() };
        let never = Rule { keep_assets: Some(Seconds::ZERO), ..Rule::default() };
        let hashed = "max-age=60, immutable";
        // What is stored is fresh for 60 s.
        for (rule, cache_control, status, second, kept) in [
            (&plain, hashed, 404, 61, true),
            (&plain, hashed, 410, 61, true),
            (&plain, hashed, 404, 59 + 7 * 86_400, true),
            (&plain, hashed, 404, 60 + 7 * 86_400, false),
            (&plain, hashed, 403, 61, false),
            (&plain, hashed, 500, 61, false),
            (&plain, "max-age=60", 404, 61, false),
            (&plain, "max-age=60, immutable, must-revalidate", 404, 61, false),
            (&ruled, "max-age=60", 404, 159, true),
            (&ruled, "max-age=60", 404, 160, false),
            (&never, hashed, 404, 61, false),
        ] {
            let mut meta = stored(Staleness::WhenUnreachable);
            meta.fields = [("Cache-Control", cache_control)].into_iter().collect();
            let now = Timestamp::from_seconds(second);
            let found = keeps(&site, rule, &meta, status, now);
            assert_eq!(found, kept, "{cache_control} {status} at {second}");
        }
        let mut meta = stored(Staleness::WhenUnreachable);
        meta.fields = [("Cache-Control", hashed)].into_iter().collect();
        let now = Timestamp::from_seconds(61);
        assert!(!keeps(&plain_site(), &plain, &meta, 404, now), "only where it is switched on");
        meta.status = 404;
        assert!(!keeps(&site, &plain, &meta, 404, now), "an old 404 is no asset");
    }
}
