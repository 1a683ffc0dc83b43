//! Which purges cover a stored response, for who asks why: the same table that decides
//! ([`Table::check`]), asked scope by scope, each by its name.

use super::table::{Floor, Lines};
use super::{Born, Force, Identity, PathPrefix, Scope, Source, Subject, Table, Url, Verdict};
use crate::groups;
use crate::key::KeyRef;
use crate::meta::Meta;
use crate::prefix::Prefix;
use crate::rule::SiteId;
use crate::time::Timestamp;

/// How a stored response stands before the purges that came since its request left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the table says of it.
    pub verdict: Verdict,
    /// What covers it, the newest first. Empty where nothing does, and where it is gone since the log
    /// that it was born under is not the one of now.
    pub covered_by: Vec<Covering>,
}

/// A purge that covers a stored response, or what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covering {
    /// Its number in the log, or that of a newer one of the same scope.
    pub seq: u64,
    /// What it does.
    pub force: Force,
    /// What it named.
    pub scope: Scope,
    /// When it came; not kept of hard ones.
    pub at: Option<Timestamp>,
    /// There were so many purges that this one was folded into all that is older of its host or site,
    /// which `scope` is then.
    pub is_floor: bool,
}

/// All that can cover a stored response, by its names: made before the table is asked, which others
/// wait for.
#[derive(Debug)]
pub struct Candidates<'a> {
    subject: Subject<'a>,
    born: Born,
    scopes: Vec<(Identity, Scope)>,
}

impl<'a> Candidates<'a> {
    /// What can cover a response of that key and metadata.
    pub fn of(key: KeyRef<'a>, meta: &'a Meta) -> Candidates<'a> {
        let scopes = scopes_of(key, meta).into_iter();
        let scopes = scopes.filter_map(|scope| scope.identity().map(|identity| (identity, scope)));
        Candidates { subject: Subject::of(key, meta), born: meta.born, scopes: scopes.collect() }
    }
}

impl Table {
    /// Which of them do cover it.
    pub fn standing(&self, candidates: &Candidates<'_>) -> Standing {
        let Candidates { subject, born, scopes } = candidates;
        let verdict = self.check(subject, *born, 0);
        if verdict == Verdict::Valid || born.log_id != self.head().log_id {
            return Standing { verdict, covered_by: Vec::new() };
        }
        let mut covered_by = Vec::new();
        for (identity, scope) in scopes {
            let Lines { hard, soft, paced, floor } = self.lines_of(*identity);
            let of = |seq, force, at, is_floor| {
                let scope = scope.clone();
                Covering { seq, force, scope, at, is_floor }
            };
            covered_by.extend(hard.map(|seq| of(seq, Force::Hard, None, false)));
            covered_by.extend(soft.map(|(seq, at)| of(seq, Force::Soft, Some(at), false)));
            covered_by.extend(paced.map(|(seq, at)| of(seq, Force::Paced, Some(at), false)));
            covered_by.extend(floor.map(|floor| match floor {
                Floor::Hard(seq) => of(seq, Force::Hard, None, true),
                Floor::Soft(seq, at) => of(seq, Force::Soft, Some(at), true),
            }));
        }
        let texts = subject.texts();
        let newer = self.patterns().iter().filter(|marked| marked.seq > born.seq);
        let fitting = newer.filter(|marked| texts.fit(&marked.pattern));
        covered_by.extend(fitting.map(|marked| Covering {
            seq: marked.seq,
            force: marked.force,
            scope: Scope::Pattern(marked.pattern.clone()),
            at: Some(marked.at),
            is_floor: false,
        }));
        covered_by.retain(|covering| covering.seq > born.seq);
        covered_by.sort_by_key(|covering| std::cmp::Reverse((covering.seq, covering.force)));
        covered_by.dedup();
        Standing { verdict, covered_by }
    }
}

/// All scopes that cover a response, but for patterns.
fn scopes_of(key: KeyRef<'_>, meta: &Meta) -> Vec<Scope> {
    let mut scopes = vec![Scope::Everything, Scope::Site(meta.site)];
    push_url(&mut scopes, meta.site, key.url());
    let origin = groups::origin_of(key);
    let group =
        |group: String| Scope::Group { origin: origin.as_str().into(), group: group.into() };
    scopes.extend(groups::groups(&meta.fields).into_iter().map(group));
    meta.tags.iter().for_each(|tag| push_tag(&mut scopes, meta.site, tag));
    for source in &meta.sources {
        match source {
            Source::Url(url) => push_url(&mut scopes, meta.site, url),
            Source::Tag(site, tag) => push_tag(&mut scopes, *site, tag),
            Source::Site(site) => scopes.push(Scope::Site(*site)),
        }
    }
    scopes
}

fn push_tag(scopes: &mut Vec<Scope>, site: SiteId, tag: &str) {
    scopes.extend([Scope::Tag(Some(site), tag.into()), Scope::Tag(None, tag.into())]);
}

fn push_url(scopes: &mut Vec<Scope>, site: SiteId, url: &[u8]) {
    let url = String::from_utf8_lossy(url);
    let (host, target) = url.split_once('\0').unwrap_or((&url, ""));
    let path = target.split('?').next().unwrap_or_default();
    scopes.push(Scope::SitePath(site, path.into()));
    for host in [Some(host), None] {
        scopes.push(Scope::Url(Url { host: host.map(Into::into), target: target.into() }));
        let mut ends = vec![0];
        // With the slash that ends a segment, and without it.
        ends.extend(path.match_indices('/').flat_map(|(at, _)| [at, at + 1]).skip(1));
        ends.push(path.len());
        ends.dedup();
        for end in ends {
            let prefix = format!("{}{}", host.unwrap_or_default(), &path[..end]);
            // Longer ones cannot be purged by.
            let Some(prefix) = Prefix::parse(&prefix).and_then(PathPrefix::new) else { continue };
            scopes.push(Scope::Prefix(prefix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purge::{Purge, TableLimits};
    use crate::request::Request;
    use crate::reuse::tests::stored;
    use crate::rule::Rule;

    #[test]
    fn a_group_is_named_and_the_newest_comes_first() {
        let request = Request { host: "a.b".into(), target: "/p".into(), ..Request::default() };
        let mut buffer = Vec::new();
        let key = KeyRef::build(&request, &Rule::default(), &mut buffer);
        let mut meta = stored(crate::freshness::Staleness::Forbidden);
        meta.fields = [("Cache-Groups", "\"g\"")].into_iter().collect();
        let mut table = Table::new(meta.born.log_id, 0, TableLimits::default());
        let group = Scope::Group { origin: "http://a.b".into(), group: "g".into() };
        let at = Timestamp(9);
        for (seq, scope, force) in
            [(1, group.clone(), Force::Paced), (2, Scope::Everything, Force::Soft)]
        {
            let (by, why) = ("".into(), "".into());
            table.apply(seq, &Purge { scopes: [scope].into(), force, at, by, why });
        }
        let Standing { verdict, covered_by } = table.standing(&Candidates::of(key, &meta));
        assert_eq!(verdict, Verdict::StaleSince(at));
        let found: Vec<_> = covered_by.iter().map(|one| (one.seq, one.force)).collect();
        assert_eq!(found, [(2, Force::Soft), (1, Force::Paced)]);
        assert_eq!(covered_by[1].scope, group);
    }
}
