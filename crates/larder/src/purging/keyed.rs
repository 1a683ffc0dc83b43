//! Scopes of purges as the configuration knows them: its sites, and the keys of their rules.

use policy::purge::Scope;
use policy::rule::{Rule, SiteId};
use proxy::core::Shared;

/// The site that has a host, or is called so.
pub fn site_called(shared: &Shared, name: &str) -> Option<SiteId> {
    let name = name.to_ascii_lowercase();
    let sites = || shared.settings.sites.iter().map(|site| &site.site);
    let called = sites().find(|site| {
        let is_for_all = site.hosts.is_empty() && name == SiteId::EVERY_HOST;
        is_for_all || site.name == name || site.hosts.iter().any(|host| host.as_str() == name)
    });
    called.map(|site| site.id)
}

/// The scopes as the rules of all sites write keys: parts of a query may be left out of them.
pub fn keyed(scopes: Box<[Scope]>, shared: &Shared) -> Box<[Scope]> {
    let sites = || shared.settings.sites.iter().map(|site| &site.site);
    let rules = || -> Vec<&Rule> {
        sites().flat_map(|site| site.rules.iter().chain([&site.default_rule])).collect()
    };
    let rules = rules();
    scopes.into_iter().flat_map(|scope| scope.keyed_by(rules.iter().copied())).collect()
}
