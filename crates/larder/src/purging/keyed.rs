//! Scopes of purges as the configuration knows them: its sites, the keys of their rules, and the
//! spellings under which pictures are kept.

use policy::purge::{Scope, Url};
use policy::rule::{Rule, Site, SiteId};
use proxy::pictures::spellings;
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

/// A scope and, if it is the URL of a picture, those under which that is kept.
pub fn spelt(scope: Scope, sites: &[SiteSettings]) -> Vec<Scope> {
    let mut all = vec![scope];
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
