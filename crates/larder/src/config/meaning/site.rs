//! What the sites mean, and that no two of them want the same host.

use super::rule::{globs, rule};
use super::shadow::{covers, glob_covers};
use super::{Notes, doors, images, origin_tls, picture_urls};
use crate::config::Flags;
use crate::config::address::Origin;
use crate::config::place::Place;
use crate::config::reading::OneOrMany;
use crate::config::words::HostPattern;
use crate::config::written;
use crate::config::written::Written;
use policy::preset::Preset;
use policy::rule::{Rule, Site, SiteId};
use policy::time::Seconds;
use proxy::settings::{HealthCheck, Listen, OriginAddress, Reach, SiteSettings};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// The most sites that are taken.
const MAX_SITES: usize = 4096;

/// Works out the sites; `None` if one of them has no meaning. `own`: where this process listens, and all
/// addresses but those.
pub fn sites(
    written: &Written,
    flags: &Flags,
    own: (&[Listen], &Reach),
    notes: &mut Notes<'_, '_>,
) -> Option<Vec<SiteSettings>> {
    let (listen, not_us) = own;
    let top = Place::top().key("site");
    if written.site.len() > MAX_SITES {
        let mend = format!("write at most {MAX_SITES}");
        notes.error(&top.index(MAX_SITES), "there are too many sites", mend);
        return None;
    }
    let written_sites = with_flag(written, flags, notes)?;
    check_hosts(&written_sites, &top, notes);
    check_ids(&written_sites, &top, notes);
    let work_out = |(i, site): (usize, &written::Site)| {
        let place = top.index(i);
        let origins = origins(site, listen, &place, notes);
        let meant = one(site, written, &place, notes);
        let origin_tls = origin_tls::origin_tls(site, &place, notes);
        let health_check = health_check(&site.health_check, &place, notes);
        let doors = doors::doors(site, &written.server.trusted_proxies, &place, notes);
        let pictures = images::pictures(site, meant.id, written, not_us, &place, notes);
        if let Some(pictures) = &pictures {
            picture_urls::warn_of_rules(pictures, &site.rule, &place.key("rule"), notes);
        }
        origins.map(|origins| SiteSettings {
            site: meant,
            origins,
            origin_tls,
            health_check,
            doors,
            shelves: Vec::new(),
            origin_host: site.origin_host.0.clone(),
            reach: Reach::Anywhere,
            pictures,
        })
    };
    // All are worked out before any is given up, so that each mistake is noted.
    let sites: Vec<Option<SiteSettings>> = written_sites.iter().enumerate().map(work_out).collect();
    sites.into_iter().collect()
}

/// The sites as written, with the origin that the command line says.
fn with_flag(
    written: &Written,
    flags: &Flags,
    notes: &mut Notes<'_, '_>,
) -> Option<Vec<written::Site>> {
    let mut sites = written.site.clone();
    let place = Place::top().key("site");
    if let Some(app) = &flags.app {
        return with_app(sites, app, &place, notes);
    }
    match (&flags.origin, sites.len()) {
        (Some(_), 0) => sites.push(written::Site::default()),
        (None, 0) if notes.document.has_lost_below(&place) => return None,
        (None, 0) => {
            let mend = "write [[site]] and below it origin = \"http://127.0.0.1:4321\", or give \
                        --origin URL";
            notes.error(&place, "there is no site to serve", mend);
            return None;
        }
        (Some(_), 2..) => {
            let mend = "leave --origin out, or name a file with one site";
            let what = "--origin is for one site, and here are several";
            notes.error(&place.index(1), what, mend);
            return None;
        }
        _ => {}
    }
    if let (Some(origin), Some(site)) = (&flags.origin, sites.first_mut()) {
        site.origin = OneOrMany(vec![origin.clone()]);
    }
    Some(sites)
}

/// The sites, of which those without an origin have the app as theirs.
fn with_app(
    mut sites: Vec<written::Site>,
    app: &Origin,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<Vec<written::Site>> {
    if sites.is_empty() && notes.document.has_lost_below(place) {
        return None;
    }
    if sites.is_empty() {
        sites.push(written::Site::default());
    }
    if sites.iter().all(|site| !site.origin.0.is_empty()) {
        let what = "every site names its origin: nobody would ask the app that `larder run` starts";
        let mend = "leave origin out where the app is the origin, or use larder serve";
        notes.error(&place.index(0).key("origin"), what, mend);
    }
    for site in sites.iter_mut().filter(|site| site.origin.0.is_empty()) {
        site.origin = OneOrMany(vec![app.clone()]);
    }
    Some(sites)
}

fn one(written: &written::Site, all: &Written, place: &Place, notes: &mut Notes<'_, '_>) -> Site {
    let rules = rules(&written.rule, &place.key("rule"), notes);
    check_cookies(written, place, notes);
    let everywhere = is_for_every_host(written);
    let name = written.hosts.first().map_or("default", |host| host.0.as_str());
    let mut site = Site {
        id: id(written),
        name: if everywhere { "default".to_owned() } else { name.to_owned() },
        hosts: if everywhere {
            Vec::new()
        } else {
            written.hosts.iter().map(HostPattern::glob).collect()
        },
        rules,
        default_rule: Rule::default(),
        session_cookies: globs(&written.session_cookies),
        ignored_cookies: globs(&written.ignored_cookies),
        heuristic_max: all.storage.heuristic_max.0,
        show_tags: written.show_tags,
        show_cache_status: written.show_cache_status,
        keep_assets: keep_assets(written),
        https_port: written.redirect_to_https.then_some(written.https_port),
        hsts: hsts(&written.hsts),
        preset: match written.preset {
            written::Preset::None => Preset::None,
            written::Preset::NextJs => Preset::NextJs,
            written::Preset::Astro => Preset::Astro,
        },
    };
    if images::are_made(written, place, notes) {
        images::keep_from_rules(&mut site);
    }
    site.preset.dress(&mut site);
    policy::rule::tell_apart(&mut site);
    site
}

/// How long hashed assets are kept: under a preset they are known to be made anew by each deploy.
fn keep_assets(written: &written::Site) -> Seconds {
    const UNDER_A_PRESET: Seconds = Seconds::new(7 * 86_400);
    let usual = match written.preset {
        written::Preset::None => Seconds::ZERO,
        written::Preset::NextJs | written::Preset::Astro => UNDER_A_PRESET,
    };
    written.keep_assets.map_or(usual, |window| window.0)
}

fn hsts(written: &written::Hsts) -> String {
    let Some(max_age) = written.max_age else { return String::new() };
    let mut value = format!("max-age={}", max_age.0.get());
    for (wanted, word) in
        [(written.subdomains, "; includeSubDomains"), (written.preload, "; preload")]
    {
        value.push_str(if wanted { word } else { "" });
    }
    value
}

/// Which site it is: what is stored of it, and purges of it, are known by that in every run.
fn id(site: &written::Site) -> SiteId {
    let first = site.hosts.first().map(|host| host.0.as_str());
    SiteId::of_host(first.filter(|_| !is_for_every_host(site)).unwrap_or(SiteId::EVERY_HOST))
}

fn is_for_every_host(site: &written::Site) -> bool {
    site.hosts.is_empty() || site.hosts.iter().any(|host| host.0 == "*")
}

fn rules(written: &[written::Rule], place: &Place, notes: &mut Notes<'_, '_>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (i, written) in written.iter().enumerate() {
        let here = place.index(i);
        let rule = rule(written, &here, notes);
        let before = rules.iter().position(|before| covers(&before.matches, &rule.matches));
        if let Some(before) = before {
            let line = notes.line(&place.index(before));
            let what =
                format!("this rule is never reached: the one of {line} takes all it matches");
            notes.warn(&here, what, "put it before that one");
        }
        rules.push(rule);
    }
    rules
}

fn origins(
    site: &written::Site,
    listen: &[Listen],
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<Vec<OriginAddress>> {
    let place = place.key("origin");
    let mut origins: Vec<OriginAddress> = Vec::new();
    for (i, Origin(origin)) in site.origin.0.iter().enumerate() {
        let listed = place.index(i);
        let place = if notes.document.has(&listed) { listed } else { place.clone() };
        if listen.iter().any(|own| is_own_listener(origin, own.address)) {
            let mend =
                "name the address of the server behind Larder, or give Larder another --listen";
            notes.error(&place, "this origin is Larder itself", mend);
        }
        if origins.contains(origin) {
            notes.error(&place, "this origin is named twice", "name it once");
        }
        origins.push(origin.clone());
    }
    if origins.is_empty() && !notes.document.has_lost_below(&place) {
        let mend = "add origin = \"http://127.0.0.1:4321\", with host and port of your server; \
                    where `larder run` starts that, check the file by `larder check --run`";
        notes.error(&place, "this site has no origin", mend);
    }
    (!origins.is_empty()).then_some(origins)
}

fn health_check(
    check: &written::HealthCheck,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<HealthCheck> {
    let path = check.path.clone()?;
    if !path.starts_with('/') || path.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        let place = place.key("health_check").key("path");
        notes.error(&place, "this is no path", "write it as in \"/healthz\"");
    }
    Some(HealthCheck { path, every: check.every.0, timeout: check.timeout.0 })
}

/// Whether an origin on this machine is what listens on `own`.
fn is_own_listener(origin: &OriginAddress, own: SocketAddr) -> bool {
    let address: Option<IpAddr> = origin.host.parse().ok();
    let here = origin.host == "localhost" || address.is_some_and(|ip| ip.is_loopback());
    let same = address == Some(own.ip()) || here && own.ip().is_unspecified();
    // Port 0 is any that is free; the origin of an app that has no place yet has it too.
    own.port() != 0
        && origin.port == own.port()
        && (same || origin.host == "localhost" && own.ip().is_loopback())
}

fn check_cookies(site: &written::Site, place: &Place, notes: &mut Notes<'_, '_>) {
    for (i, name) in site.session_cookies.iter().enumerate() {
        if site.ignored_cookies.iter().any(|ignored| glob_covers(&ignored.glob(), &name.glob())) {
            let what = format!("the cookie {name} is ignored and a session's at once");
            let mend = "take it out of session_cookies or of ignored_cookies";
            notes.error(&place.key("session_cookies").index(i), what, mend);
        }
    }
}

/// Notes hosts that are named twice, or that a site before takes.
fn check_hosts(sites: &[written::Site], top: &Place, notes: &mut Notes<'_, '_>) {
    let mut known: Vec<(&HostPattern, Place)> = Vec::new();
    let mut everywhere: Option<Place> = None;
    for (i, site) in sites.iter().enumerate() {
        let here = top.index(i);
        if is_for_every_host(site) {
            if let Some(before) = &everywhere {
                let what = format!("the site of {} is for every host already", notes.line(before));
                notes.error(&here, what, "name this one's hosts: hosts = [\"example.com\"]");
            }
            everywhere.get_or_insert_with(|| here.clone());
        }
        for (j, host) in site.hosts.iter().enumerate().filter(|(_, host)| host.0 != "*") {
            let place = here.key("hosts").index(j);
            check_host(host, &place, &known, notes);
            known.push((host, place));
        }
    }
}

/// Notes sites that would be taken for one another by their first hosts, which are others.
fn check_ids(sites: &[written::Site], top: &Place, notes: &mut Notes<'_, '_>) {
    let Some((before, after)) = twins(sites.iter().map(id)) else { return };
    if sites[before].hosts.first() != sites[after].hosts.first() {
        let before = notes.line(&top.index(before));
        let what = format!("the first host of this site cannot be told from that of {before}");
        let mend = "put another of its hosts first";
        notes.error(&top.index(after).key("hosts").index(0), what, mend);
    }
}

/// The first two that have the same identity.
fn twins(ids: impl Iterator<Item = SiteId>) -> Option<(usize, usize)> {
    let mut known: HashMap<SiteId, usize> = HashMap::new();
    ids.enumerate().find_map(|(i, id)| known.insert(id, i).map(|before| (before, i)))
}

fn check_host(
    host: &HostPattern,
    place: &Place,
    known: &[(&HostPattern, Place)],
    notes: &mut Notes<'_, '_>,
) {
    if let Some((_, before)) = known.iter().find(|(other, _)| *other == host) {
        let what = format!("the host {host} is named already in {}", notes.line(before));
        return notes.error(place, what, "name each host once");
    }
    let taken = known.iter().find(|(other, before)| {
        before.steps().get(1) != place.steps().get(1) && glob_covers(&other.glob(), &host.glob())
    });
    if let Some((other, before)) = taken {
        let what = format!("{host} is served by the site of {other} ({})", notes.line(before));
        notes.warn(place, what, "put this site before that one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_found_among_many() {
        for (ids, found) in
            [(&[1, 2, 3][..], None), (&[1, 2, 1], Some((0, 2))), (&[4, 4, 1, 1], Some((0, 1)))]
        {
            assert_eq!(twins(ids.iter().map(|id| SiteId(*id))), found, "{ids:?}");
        }
    }

    #[test]
    fn a_site_is_the_same_wherever_it_stands() {
        let site = |hosts: &[&str]| written::Site {
            hosts: hosts.iter().map(|host| HostPattern((*host).to_owned())).collect(),
            ..written::Site::default()
        };
        assert_eq!(id(&site(&["a.b", "c.d"])), SiteId::of_host("a.b"));
        for everywhere in [&[][..], &["*"], &["a.b", "*"]] {
            assert_eq!(id(&site(everywhere)), SiteId::of_host(SiteId::EVERY_HOST));
        }
    }
}
