//! What a soft purge makes of what it covers.

use crate::freshness::{Life, Staleness};
use crate::meta::Meta;
use crate::targeted;
use crate::time::{Seconds, Timestamp};

/// How a response lives on after a soft purge: it is stale `since` then, unless it was stale before.
/// After a paced one (`window` says for how long) it is served stale meanwhile, whatever the origin
/// says of that but `must-revalidate` and the like.
pub fn soften(meta: &Meta, since: Timestamp, window: Option<Seconds>) -> Life {
    let life = meta.life.ended_at(since);
    let is_forbidden =
        || life.stale == Staleness::Forbidden && targeted::winner(&meta.fields).1.forbids_stale();
    match window {
        Some(window) if !is_forbidden() => Life { paced_until: since.plus(window), ..life },
        _ => Life { paced_until: Timestamp(0), ..life },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reuse::tests::stored;

    #[test]
    fn a_paced_purge_lets_it_be_served_unless_the_origin_forbids_it() {
        let (at, window) = (Timestamp::from_seconds(30), Seconds::new(600));
        for (cache_control, stale, until) in [
            ("max-age=60", Staleness::WhenUnreachable, 630),
            ("s-maxage=60", Staleness::Forbidden, 630),
            ("max-age=60, must-revalidate", Staleness::Forbidden, 0),
            ("max-age=60, proxy-revalidate", Staleness::Forbidden, 0),
        ] {
            let mut meta = stored(stale);
            meta.fields = [("Cache-Control", cache_control)].into_iter().collect();
            let paced = soften(&meta, at, Some(window));
            assert_eq!(paced.lifetime, Seconds::new(30), "{cache_control}");
            assert_eq!(paced.paced_until, Timestamp::from_seconds(until), "{cache_control}");
            let plain = soften(&Meta { life: paced, ..meta }, at, None);
            assert_eq!(plain.paced_until, Timestamp(0), "{cache_control}");
        }
    }
}
