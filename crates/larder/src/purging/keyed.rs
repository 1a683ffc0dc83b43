//! Scopes of purges as the configuration knows them: its sites, the keys of their rules, and the
//! spellings under which pictures are kept.

use imaging::plan::OWN_ROOT;
use policy::prefix::Prefix;
use policy::purge::{PathPrefix, Pattern, Scope, Url};
use policy::rule::{Rule, Site, SiteId};
use proxy::pictures::{PathReach, path_reach, spellings};
use proxy::settings::SiteSettings;

/// The site that has a host, or is called so.
pub fn site_called<'s>(sites: &'s [SiteSettings], name: &str) -> Option<&'s Site> {
    let name = name.to_ascii_lowercase();
    sites.iter().map(|site| &site.site).find(|site| {
        let is_for_all = site.hosts.is_empty() && name == SiteId::EVERY_HOST;
        is_for_all || site.name == name || site.hosts.iter().any(|host| host.as_str() == name)
    })
}

/// The scopes as the rules of all sites write keys: parts of a query may be left out of them.
pub fn keyed(scopes: Box<[Scope]>, sites: &[SiteSettings]) -> Box<[Scope]> {
    let rules: Vec<&Rule> = sites
        .iter()
        .flat_map(|site| site.site.rules.iter().chain([&site.site.default_rule]))
        .collect();
    let scopes = scopes.into_iter().flat_map(|scope| spelt(scope, sites));
    scopes.flat_map(|scope| scope.keyed_by(rules.iter().copied())).collect()
}

/// A scope and, if it is the URL of a picture, those under which that is kept; if it leads to pictures by
/// a path or a pattern, all of those that its hosts have.
pub fn spelt(scope: Scope, sites: &[SiteSettings]) -> Vec<Scope> {
    let mut all = vec![scope];
    all.extend(kept_below(&all[0], sites));
    if let Scope::Url(Url { host, target }) = all[0].clone() {
        let named = host.as_deref().unwrap_or_default();
        for target in sites.iter().flat_map(|site| spellings(site, named, &target)) {
            let scope = Scope::Url(Url { host: host.clone(), target: target.into() });
            if !all.contains(&scope) {
                all.push(scope);
            }
        }
    }
    all
}

/// All pictures of the hosts that a scope names, where its path is one below which pictures are asked for
/// and not kept. What of them it means in the words of a dialect is not looked into.
fn kept_below(scope: &Scope, sites: &[SiteSettings]) -> Option<Scope> {
    let reaches = |host, path| {
        let pictures = meant(sites, host).filter_map(|site| site.pictures.as_deref());
        pictures.map(move |pictures| path_reach(pictures, path))
    };
    match scope {
        Scope::Prefix(prefix) => {
            let (host, path) = (prefix.get().host().unwrap_or_default(), prefix.get().target());
            let leads = reaches(host, path).any(|reach| reach != PathReach::None);
            let kept = format!("{host}{}", OWN_ROOT.trim_end_matches('/'));
            let kept = leads.then(|| Prefix::parse(&kept)).flatten();
            kept.and_then(PathPrefix::new).map(Scope::Prefix)
        }
        Scope::Pattern(pattern) => {
            let (host, path) = pattern.as_str().split_at(pattern.as_str().find('/')?);
            // What is written around them, as "/_next/*", is for what else is there.
            let leads = reaches(host, path).any(|reach| reach == PathReach::Within);
            let kept = leads.then(|| Pattern::new(&format!("{host}{OWN_ROOT}*")));
            kept.flatten().map(Scope::Pattern)
        }
        _ => None,
    }
}

/// The sites whose paths are meant where that host is named: its own, or all where it is none in particular.
fn meant<'s>(sites: &'s [SiteSettings], host: &str) -> impl Iterator<Item = &'s SiteSettings> {
    let is_one = !host.is_empty() && !host.contains('*');
    let mut own = sites.iter().filter(|site| !site.site.hosts.is_empty());
    let own = own.find(|site| site.site.answers_for(host)).map(|site| site.site.id);
    let of_all = || sites.iter().find(|site| site.site.hosts.is_empty()).map(|site| site.site.id);
    let one = is_one.then(|| own.or_else(of_all));
    sites.iter().filter(move |site| one.is_none_or(|one| one == Some(site.site.id)))
}
