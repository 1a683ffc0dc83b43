//! Scopes of purges as the configuration knows them: its sites, and the keys of their rules.

use policy::purge::Scope;
use policy::rule::{Rule, Site, SiteId};
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
    scopes.into_iter().flat_map(|scope| scope.keyed_by(rules.iter().copied())).collect()
}
