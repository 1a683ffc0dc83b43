//! What the hooks mean.

use super::Notes;
use super::admin::warn_of_short;
use crate::config::place::Place;
use crate::config::words::HookTemplate;
use crate::config::written::{self, HookKind, Written};
use crate::hooks::{Force, Hook, Kind, SiteOfHook, Template, standard_key_is_whole};
use crate::purging::site_called;
use proxy::settings::SiteSettings;
use std::sync::Arc;

/// The most hooks that are taken.
const MAX_HOOKS: usize = 256;
/// What begins the paths of hooks that name none.
const PATH: &str = "/_larder/hooks/";

/// Works out the hooks; those with a mistake are left out, which is noted.
pub fn hooks(
    written: &Written,
    sites: &[SiteSettings],
    notes: &mut Notes<'_, '_>,
) -> Arc<[Arc<Hook>]> {
    let top = Place::top().key("hook");
    if written.hook.len() > MAX_HOOKS {
        let mend = format!("write at most {MAX_HOOKS}");
        notes.error(&top.index(MAX_HOOKS), "there are too many hooks", mend);
    }
    let mut known: Vec<Arc<Hook>> = Vec::new();
    for (i, hook) in written.hook.iter().enumerate().take(MAX_HOOKS) {
        let place = top.index(i);
        let Some(hook) = one(hook, sites, &place, notes) else { continue };
        if known.iter().any(|other| other.name == hook.name) {
            notes.error(&place.key("name"), "another hook has this name", "give each its own");
        } else if known.iter().any(|other| other.path == hook.path && share_a_site(other, &hook)) {
            notes.error(&place.key("path"), "another hook has this path", "give each its own");
        }
        let is_revalidate = |site: &written::Site| {
            site.revalidate.secret.is_some() && *site.revalidate.path.0 == *hook.path
        };
        if written.site.iter().any(is_revalidate) {
            let what = "this is the path of a site's revalidate";
            notes.error(&place.key("path"), what, "give the hook another path");
        }
        known.push(Arc::new(hook));
    }
    known.into()
}

fn share_a_site(one: &Hook, other: &Hook) -> bool {
    match (&one.site, &other.site) {
        (Some(one), Some(other)) => one.id == other.id,
        _ => true,
    }
}

/// One hook; nothing if it is not a whole one.
fn one(
    written: &written::Hook,
    sites: &[SiteSettings],
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<Hook> {
    let is_lost = |notes: &Notes<'_, '_>, key: &str| notes.document.has_lost_below(&place.key(key));
    if written.name.is_none() && !is_lost(notes, "name") {
        notes.error(place, "this hook has no name", "write name = \"cms\": its path has it");
    }
    if written.kind.is_none() && !is_lost(notes, "kind") {
        let mend = "write kind = \"sanity\", \"contentful\", \"ghost\", \"shopify\", \"github\", \
                    \"standard\" or \"header\"";
        notes.error(place, "this hook has no kind", mend);
    }
    let secrets = written.secret.as_ref().map(|all| all.0.as_slice()).unwrap_or_default();
    if secrets.is_empty() && !is_lost(notes, "secret") {
        let mend = "write secret = \"${HOOK_SECRET}\", and set it in the environment";
        notes.error(place, "this hook has no secret", mend);
    }
    for secret in secrets {
        warn_of_short(secret, &place.key("secret"), notes);
    }
    let lists = ["tags", "urls", "prefixes"];
    let is_idle = [&written.tags, &written.urls, &written.prefixes]
        .iter()
        .all(|list| list.as_ref().is_none_or(Vec::is_empty));
    if is_idle && !lists.iter().any(|list| is_lost(notes, list)) {
        let mend = "write tags = [\"post:{$.slug}\"], urls or prefixes";
        notes.error(place, "this hook purges nothing", mend);
    }
    check_relative(written, place, notes);
    let site = site(written, sites, place, notes)?;
    let (name, kind) = (written.name.as_ref()?, kind(written, place, notes)?);
    let path = written.path.as_ref().map_or(format!("{PATH}{name}"), |path| path.0.clone());
    let templates = |list: &Option<Vec<HookTemplate>>| -> Box<[Template]> {
        list.iter().flatten().filter_map(HookTemplate::template).collect()
    };
    Some(Hook {
        name: name.0.as_str().into(),
        kind,
        secrets: secrets.into(),
        path: path.into(),
        site,
        events: written.events.as_ref().map(|all| all.iter().map(|event| event.glob()).collect()),
        tags: templates(&written.tags),
        urls: templates(&written.urls),
        prefixes: templates(&written.prefixes),
        force: match (written.paced, written.soft) {
            (true, _) => Force::Paced,
            (false, true) => Force::Soft,
            (false, false) => Force::Hard,
        },
        is_verified: written.verify,
    })
}

fn kind(written: &written::Hook, place: &Place, notes: &mut Notes<'_, '_>) -> Option<Kind> {
    let kind = match written.kind? {
        HookKind::Contentful => Kind::Contentful,
        HookKind::Sanity => Kind::Sanity,
        HookKind::Ghost => Kind::Ghost,
        HookKind::Shopify => Kind::Shopify,
        HookKind::GitHub => Kind::GitHub,
        HookKind::Standard => Kind::Standard,
        HookKind::Header => Kind::Header(written.header.0.as_str().into()),
    };
    if kind == Kind::Ghost && written.events.is_some() {
        let mend = "leave it out, and make a webhook in Ghost for each event";
        notes.error(&place.key("events"), "Ghost does not say which event it was", mend);
    }
    if !matches!(kind, Kind::Header(_)) && notes.document.has(&place.key("header")) {
        let mend = "leave it out: the signature has a header of its own";
        notes.warn(&place.key("header"), "only kind = \"header\" has use for it", mend);
    }
    if kind == Kind::Standard {
        check_encoded(written, place, notes);
    }
    Some(kind)
}

/// A secret that is read in another way than its sender reads it makes each signature wrong.
fn check_encoded(written: &written::Hook, place: &Place, notes: &mut Notes<'_, '_>) {
    let secrets = written.secret.as_ref().map(|all| all.0.as_slice()).unwrap_or_default();
    let whole: Vec<Option<bool>> = secrets.iter().map(standard_key_is_whole).collect();
    let mend = "write it as the sender shows it";
    if whole.contains(&Some(false)) {
        let what = "what stands behind whsec_ is no base64: a part of the secret is missing";
        notes.error(&place.key("secret"), what, mend);
    }
    if whole.contains(&None) {
        let what =
            "a secret of Standard Webhooks begins with whsec_: this one is taken as it stands";
        notes.warn(&place.key("secret"), what, mend);
    }
}

/// The site that is meant, if one is; nothing if it is none.
fn site(
    written: &written::Hook,
    sites: &[SiteSettings],
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<Option<SiteOfHook>> {
    let Some(host) = &written.site else { return Some(None) };
    let Some(site) = site_called(sites, &host.0) else {
        notes.error(&place.key("site"), "no site has this host", "write one of its hosts");
        return None;
    };
    let hosts = site.hosts.iter().map(|host| host.as_str());
    let hosts = hosts.filter(|host| !host.contains(['*', '?'])).map(Box::from).collect();
    let (name, globs) = (site.name.as_str().into(), site.hosts.as_slice().into());
    Some(Some(SiteOfHook { id: site.id, name, hosts, globs }))
}

/// What begins with neither a slash nor a host is refused when it comes: better now.
fn check_relative(written: &written::Hook, place: &Place, notes: &mut Notes<'_, '_>) {
    for (key, list) in [("urls", &written.urls), ("prefixes", &written.prefixes)] {
        for (i, template) in list.iter().flatten().enumerate() {
            let begin = template.0.split('{').next().unwrap_or_default();
            let has_host = begin.contains(['.', ':']) || begin == "localhost";
            if !template.0.starts_with(['/', '{']) && !has_host {
                let mend = format!("write \"/{template}\"");
                let what = "this begins with neither / nor a host";
                notes.error(&place.key(key).index(i), what, mend);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::report::Severity;
    use crate::config::{File, Flags, understand};
    use crate::hooks::Force;

    const WHOLE: &str = "name = \"cms\"\nkind = \"sanity\"\nsecret = \"0123456789abcdef01234567\"\n\
                         tags = [\"post:{$.slug}\"]\n";

    /// The errors and warnings that hooks bring, and all that is said.
    fn found(text: &str) -> (usize, usize, String) {
        let sites = "[[site]]\nhosts = [\"a.example\", \"*.a.example\"]\norigin = \"http://a\"\n\
                     revalidate.secret = \"0123456789abcdef01234567\"\n";
        let text = format!("{sites}{text}");
        let (_, report) = understand(File { name: "t", text: &text }, &Flags::default(), &|_| None);
        (report.count(Severity::Error), report.count(Severity::Warning), report.to_string())
    }

    #[test]
    fn mistakes_of_hooks_are_told_with_their_remedies() {
        let hook = |lines: &str| format!("[[hook]]\n{lines}");
        let and = |line: &str| hook(&format!("{WHOLE}{line}\n"));
        let of = |from: &str, to: &str| hook(&WHOLE.replace(from, to));
        let standard = |secret: &str| {
            of("\"sanity\"", "\"standard\"").replace("0123456789abcdef01234567", secret)
        };
        for (text, errors, warnings, words) in [
            (and(""), 0, 0, ""),
            (and("site = \"a.example\""), 0, 0, ""),
            (and("site = \"b.example\""), 1, 0, "no site has this host"),
            (and("path = \"/api/revalidate\""), 1, 0, "revalidate"),
            (and("path = \"hooks\""), 1, 0, "no path"),
            (and("urls = [\"blog/{$.slug}\"]"), 1, 0, "write \"/blog/{$.slug}\""),
            (and("urls = [\"{$.url}\", \"a.example/x\"]"), 0, 0, ""),
            (and("prefixes = [\"{slug}\"]"), 1, 0, "does not begin with $"),
            (and("header = \"x-token\""), 0, 1, "only kind"),
            (and("event = []"), 1, 0, "events"),
            (of("tags = [\"post:{$.slug}\"]", ""), 1, 0, "purges nothing"),
            (of("{$.slug}", "{$.slug"), 1, 0, "brace"),
            (of("\"cms\"", "\"a/b\""), 1, 0, "no name of a hook"),
            (of("\"sanity\"", "\"sanitly\""), 1, 0, "sanity"),
            (of("\"sanity\"", "\"standard\""), 0, 1, "whsec_"),
            (standard("v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"), 0, 0, ""),
            (standard("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY==="), 1, 0, "no base64"),
            (of("\"sanity\"", "\"ghost\"\nevents = [\"x\"]"), 1, 0, "Ghost does not say"),
            (of("0123456789abcdef01234567", "0123456789"), 0, 1, "guessed"),
            (of("0123456789abcdef01234567", "01234"), 1, 0, "at least 8"),
            (hook(""), 4, 0, "no kind"),
            (and("") + &and(""), 1, 0, "another hook has this name"),
            (
                and("") + &of("\"cms\"", "\"b\"\npath = \"/_larder/hooks/cms\""),
                1,
                0,
                "another hook has this path",
            ),
        ] {
            let (found_errors, found_warnings, shown) = found(&text);
            assert_eq!((found_errors, found_warnings), (errors, warnings), "{text}\n{shown}");
            assert!(shown.contains(words), "{text}\n{shown}");
            assert!(!shown.contains("0123456"), "{shown}");
        }
    }

    #[test]
    fn a_hook_is_what_was_written() {
        let text = "[[site]]\norigin = \"http://a\"\n[[hook]]\nname = \"deploy\"\nkind = \"header\"\n\
                    secret = [\"0123456789abcdef01234567\", \"another-0123456789abcdef\"]\n\
                    prefixes = [\"/\"]\npaced = true\nverify = true\nevents = [\"a.*\"]\n";
        let (meant, report) = understand(File { name: "t", text }, &Flags::default(), &|_| None);
        let meant = meant.unwrap_or_else(|| panic!("{report}"));
        let hook = &meant.hooks[0];
        assert_eq!(&*hook.path, "/_larder/hooks/deploy");
        assert_eq!((hook.force, hook.is_verified, hook.secrets.len()), (Force::Paced, true, 2));
        assert!(hook.is_for(Some("a.b")) && !hook.is_for(Some("b")) && !hook.is_for(None));
        assert!(!format!("{meant:?}").contains("0123456789"));
    }
}
