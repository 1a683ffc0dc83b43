//! What a purge covers, and what becomes of it (design §5).

use crate::merging::host_name;
use crate::model::Stored;
use crate::says::says;
use crate::script::{Force, Purge, Rules, What};
use crate::text::{self, Lines};

/// For how long stale is served after a paced purge, in milliseconds.
const STALE_WINDOW: u64 = 600_000;

/// A soft purge that a stored response lives on after.
#[derive(Clone, Debug)]
pub struct Softened {
    what: What,
    is_paced: bool,
    pub at: u64,
}

/// The tags that a response names.
pub fn tags(lines: &Lines) -> Vec<String> {
    text::members(lines, "cache-tag")
}

/// Whether a purge covers a response.
pub fn covers(purge: &Purge, stored: &Stored) -> bool {
    match &purge.what {
        What::Everything => true,
        What::Tag(tag) => stored.tags.contains(tag),
        What::Url(host, target) => {
            host_name(&stored.ask.host) == host && stored.ask.target == *target
        }
    }
}

/// What a purge makes of what is stored.
pub fn purge(kept: &mut Vec<Stored>, purge: &Purge, at: u64) {
    if purge.force == Force::Hard {
        return kept.retain(|stored| !covers(purge, stored));
    }
    for stored in kept.iter_mut().filter(|stored| covers(purge, stored)) {
        let (what, is_paced) = (purge.what.clone(), purge.force == Force::Paced);
        stored.softened.push(Softened { what, is_paced, at });
    }
}

/// Until when it is served stale because all that purged it was paced; 0: it is not.
///
/// Decided: of purges by the same name the newest opens the window, of several names the first.
pub fn paced_until(rules: &Rules, stored: &Stored) -> u64 {
    let said = says(&stored.lines);
    let forbids =
        said.has("must-revalidate") || said.has("proxy-revalidate") || said.plain("no-cache");
    if stored.softened.iter().any(|softened| !softened.is_paced) || (forbids && !rules.force) {
        return 0;
    }
    let newest = |what: &What| {
        let same = stored.softened.iter().filter(|softened| softened.what == *what);
        same.map(|softened| softened.at + STALE_WINDOW).max()
    };
    stored.softened.iter().filter_map(|softened| newest(&softened.what)).min().unwrap_or(0)
}
