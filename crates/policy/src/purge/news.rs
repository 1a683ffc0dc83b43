//! What a purge says to who holds tagged values of a site elsewhere: which tags, or all.

use super::{Force, Purge, Scope, Subject};
use crate::entry::ROOT;
use crate::rule::SiteId;
use crate::time::Timestamp;

/// A purge that concerns tags, or all of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Its number.
    pub seq: u64,
    /// What it does.
    pub force: Force,
    /// When it was asked for.
    pub at: Timestamp,
    /// Tags of one site, or of every site.
    tags: Box<[(Option<SiteId>, Box<str>)]>,
    /// What may cover all that a site keeps.
    wider: Box<[Scope]>,
}

/// A site that is to be told.
#[derive(Debug)]
pub struct Audience<'a> {
    site: SiteId,
    /// What stands before all of its entries.
    root: Subject<'a>,
}

/// What a purge says to a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'n> {
    /// The tags that it names.
    pub tags: Vec<&'n str>,
    /// Whether it covers all of the site's entries, whatever their tags.
    pub everything: bool,
}

impl<'a> Audience<'a> {
    /// A site by its number and by the URL scope below which its entries are
    /// ([`crate::entry::root_of`]).
    pub fn new(site: SiteId, root: &'a [u8]) -> Audience<'a> {
        Audience { site, root: Subject::new(root, site, &[], &[]) }
    }

    fn is_covered_by(&self, scope: &Scope) -> bool {
        match (scope, scope.identity()) {
            (Scope::Pattern(pattern), _) => self.root.texts().fit(pattern),
            (_, identity) => identity.is_some_and(|it| self.root.identities().contains(&it)),
        }
    }
}

impl News {
    /// What is to be told of a purge; nothing where it names neither tags nor anything as wide as all
    /// that a site keeps.
    pub fn of(seq: u64, purge: &Purge) -> Option<News> {
        let tags = purge.scopes.iter().filter_map(|scope| match scope {
            Scope::Tag(site, tag) => Some((*site, tag.clone())),
            _ => None,
        });
        let (force, at) = (purge.force, purge.at);
        let wider = purge.scopes.iter().filter(|scope| may_be_all(scope)).cloned();
        let news = News { seq, force, at, tags: tags.collect(), wider: wider.collect() };
        (!news.tags.is_empty() || !news.wider.is_empty()).then_some(news)
    }

    /// The bytes it holds in memory, about.
    pub fn footprint(&self) -> usize {
        let tag = |(_, tag): &(Option<SiteId>, Box<str>)| {
            size_of::<(Option<SiteId>, Box<str>)>() + tag.len()
        };
        let wider = |scope: &Scope| size_of::<Scope>() + scope.to_string().len();
        size_of::<News>()
            + self.tags.iter().map(tag).sum::<usize>()
            + self.wider.iter().map(wider).sum::<usize>()
    }

    /// What it says to a site; nothing where it does not concern it.
    pub fn told(&self, audience: &Audience<'_>) -> Option<Told<'_>> {
        let is_its = |site: &Option<SiteId>| site.is_none_or(|site| site == audience.site);
        let tags = self.tags.iter().filter(|(site, _)| is_its(site)).map(|(_, tag)| &**tag);
        let everything = self.wider.iter().any(|scope| audience.is_covered_by(scope));
        let told = Told { tags: tags.collect(), everything };
        (!told.tags.is_empty() || told.everything).then_some(told)
    }
}

/// Whether a scope can cover all entries of a site.
fn may_be_all(scope: &Scope) -> bool {
    match scope {
        Scope::Everything | Scope::Site(_) | Scope::Pattern(_) => true,
        Scope::Prefix(prefix) => ROOT.starts_with(prefix.get().target()),
        Scope::Url(_) | Scope::SitePath(..) | Scope::Tag(..) | Scope::Group { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix::Prefix;
    use crate::purge::{PathPrefix, Pattern, Url};

    fn told(scopes: &[Scope]) -> Option<(Vec<String>, bool)> {
        let (by, why) = ("".into(), "".into());
        let purge = Purge { scopes: scopes.into(), force: Force::Soft, at: Timestamp(1), by, why };
        let news = News::of(9, &purge)?;
        assert_eq!((news.seq, news.force, news.at), (9, Force::Soft, Timestamp(1)));
        let told = news.told(&Audience::new(SiteId(1), b"a.b\0/_larder/entries/"))?;
        Some((told.tags.iter().map(|tag| (*tag).to_owned()).collect(), told.everything))
    }

    #[test]
    fn a_site_is_told_of_its_tags_and_of_what_covers_all_its_entries() {
        let prefix = |text: &str| {
            let prefix = Prefix::parse(text).and_then(PathPrefix::new);
            Scope::Prefix(prefix.expect("a short prefix"))
        };
        let pattern = |text: &str| Scope::Pattern(Pattern::new(text).expect("a pattern"));
        let url = Scope::Url(Url { host: None, target: "/".into() });
        let tag = |site: Option<u64>, tag: &str| Scope::Tag(site.map(SiteId), tag.into());
        for (scopes, tags, everything) in [
            (vec![tag(None, "a"), tag(Some(1), "b"), tag(Some(2), "c")], vec!["a", "b"], false),
            (vec![tag(None, "a"), Scope::Everything], vec!["a"], true),
            (vec![Scope::Site(SiteId(1))], vec![], true),
            (vec![prefix("a.b")], vec![], true),
            (vec![prefix("/")], vec![], true),
            (vec![prefix("a.b/_larder/entries")], vec![], true),
            (vec![pattern("*")], vec![], true),
            (vec![pattern("a.b/*")], vec![], true),
            (vec![url.clone(), tag(None, "a")], vec!["a"], false),
        ] {
            let tags = tags.into_iter().map(str::to_owned).collect();
            assert_eq!(told(&scopes), Some((tags, everything)), "{scopes:?}");
        }
        for scope in [
            url,
            tag(Some(2), "c"),
            Scope::Site(SiteId(2)),
            prefix("c.d"),
            prefix("/_larder/entries/x"),
            prefix("/news"),
            pattern("*.html"),
            Scope::SitePath(SiteId(1), "/".into()),
        ] {
            assert_eq!(told(std::slice::from_ref(&scope)), None, "{scope:?}");
        }
    }
}
