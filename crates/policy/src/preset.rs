//! What is known of frameworks: how they mark pages that are for one visitor, and where what they
//! say means something else than HTTP has it. Nothing here holds for a site without a preset.

use crate::cache_control::ResponseDirectives;
use crate::fields::Fields;
use crate::glob::Glob;
use crate::kept::is_immutable;
use crate::name::Name;
use crate::path_pattern::PathPattern;
use crate::request::{Request, split_target};
use crate::rule::{CacheMode, Echo, Match, Rule, Site};
use crate::time::Seconds;

/// The framework that a site is made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// None that is known.
    #[default]
    None,
    /// Next.js, version 13 and later.
    NextJs,
    /// Astro, version 5 and later.
    Astro,
}

/// Request headers by which Next tells what a page's script wants of it from the page itself. They
/// are in its `Vary`; what stands before it may have dropped that.
const NEXT_KEYED: [&str; 5] = [
    "next-router-prefetch",
    "next-router-segment-prefetch",
    "next-router-state-tree",
    "rsc",
    "x-nextjs-data",
];
/// The field by which parts of a page are asked for in advance.
const NEXT_PART: &str = "next-router-segment-prefetch";
/// In `_rsc`, Next's scripts repeat what those fields say, as a hash, for caches that do not know
/// them: with `Next-Url`, the page that one comes from, so that what is the same would be kept once
/// for each page that links to it. Next says in `Vary` where that matters.
const NEXT_ECHO: Echo = Echo { parameter: "_rsc", header: "rsc", value: "1" };
/// Cookies of those who preview drafts.
const NEXT_PREVIEW: [&str; 2] = ["__prerender_bypass", "__next_preview_data"];
/// The cookie of Astro's sessions.
const ASTRO_SESSION: &str = "astro-session";
/// How long a `stale-while-revalidate` without a value lasts: frameworks mean "until it is new".
const UNTIL_NEW: Seconds = Seconds::new(365 * 24 * 3600);

impl Preset {
    /// Its name in the configuration.
    pub fn token(self) -> &'static str {
        match self {
            Preset::None => "none",
            Preset::NextJs => "nextjs",
            Preset::Astro => "astro",
        }
    }

    /// Its own rules, which come before those of the site: they let pass what is one visitor's.
    pub fn own_rules(self) -> Vec<Rule> {
        let pass = |matches: Match| Rule { matches, cache: CacheMode::Off, ..Rule::default() };
        let paths = |paths: &[&str]| Match {
            paths: paths.iter().copied().map(PathPattern::glob).collect(),
            ..Match::default()
        };
        let action = || Match { query: vec![Glob::new("_action")], ..Match::default() };
        match self {
            Preset::None | Preset::NextJs => Vec::new(),
            Preset::Astro => vec![
                pass(paths(&["/_actions/*", "*/_actions/*"])),
                pass(paths(&["/_server-islands/*", "*/_server-islands/*"])),
                pass(action()),
            ],
        }
    }

    /// Gives a site what the framework needs. The site's own rules come after those that let pass
    /// what is one visitor's.
    pub fn dress(self, site: &mut Site) {
        match self {
            Preset::None => {}
            Preset::NextJs => {
                site.session_cookies.extend(NEXT_PREVIEW.map(Glob::new));
                for rule in site.rules.iter_mut().chain([&mut site.default_rule]) {
                    let missing = NEXT_KEYED
                        .iter()
                        .filter(|name| !rule.key.headers.iter().any(|known| known == *name));
                    let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
                    rule.key.headers.extend(missing);
                    rule.key.query.echo = Some(NEXT_ECHO);
                }
            }
            Preset::Astro => site.session_cookies.push(Glob::new(ASTRO_SESSION)),
        }
        site.rules.splice(0..0, self.own_rules());
    }

    /// What a response's directives mean, as the framework writes them.
    pub fn read(self, directives: &mut ResponseDirectives) {
        if self == Preset::None {
            return;
        }
        if directives.stale_while_revalidate.is_none() && directives.revalidates_for_ever {
            directives.stale_while_revalidate = Some(UNTIL_NEW);
        }
    }

    /// Whether the framework says that what it hands out is old already: Next sends the page from
    /// before with the whole lifetime of the one to come.
    pub fn calls_stale(self, fields: &Fields) -> bool {
        self == Preset::NextJs && fields.all_named("x-nextjs-cache").any(|state| state == b"STALE")
    }

    /// Whether a request asks for a part of a page in advance, for which Next makes no stale page anew.
    pub fn asks_for_a_part(self, request: &Request) -> bool {
        self == Preset::NextJs && request.fields.all_named(NEXT_PART).next().is_some()
    }

    /// Where the framework wants asked again what it was asked under the wrong name: Next sends who
    /// asks for a payload to the `_rsc` that belongs to the other fields, and `_rsc` does not count.
    pub fn asks_again(
        self,
        request: &Request,
        target: &str,
        status: u16,
        fields: &Fields,
    ) -> Option<String> {
        let is_payload = NEXT_ECHO.is_of(&request.fields);
        if self != Preset::NextJs || status != 307 || !is_payload {
            return None;
        }
        let again = fields.text(Name::Location)?;
        let is_same = again != target && without_echo(again) == without_echo(target);
        is_same.then(|| again.to_owned())
    }

    /// Whether the framework takes a request field for its own word, which nobody outside may say.
    pub fn is_internal(self, name: &str) -> bool {
        const PREFIXES: [&str; 2] = ["x-invoke-", "x-middleware-"];
        const NAMES: [&str; 2] = ["x-matched-path", "x-now-route-matches"];
        self == Preset::NextJs
            && (NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
    }

    /// The fields of a 304 or of the answer to a HEAD that may update what is stored. The server of
    /// Astro's hashed files says `immutable` with their bytes only, and `max-age=0` without them.
    pub fn updating(self, stored: &Fields, update: &Fields) -> Fields {
        let mut update = update.clone();
        let said = ResponseDirectives::parse(update.all(Name::CacheControl));
        let is_taken_back = said.private || said.no_store;
        let keeps = self != Preset::None && !is_taken_back;
        if keeps && is_immutable(stored) {
            update.remove(Name::CacheControl);
            update.remove(Name::Expires);
        }
        update
    }
}

/// The path and those parameters of a target that say something by themselves.
fn without_echo(target: &str) -> (&str, Vec<&str>) {
    let (path, query) = split_target(target);
    let parameters = query.unwrap_or_default().split('&');
    let says = |parameter: &&str| parameter.split('=').next() != Some(NEXT_ECHO.parameter);
    (path, parameters.filter(|parameter| !parameter.is_empty()).filter(says).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;
    use crate::route::{Route, route};
    use crate::rule::tests::plain_site;

    fn site(preset: Preset, rules: Vec<Rule>) -> Site {
        let mut site = Site { preset, rules, ..plain_site() };
        preset.dress(&mut site);
        site
    }

    fn passes(site: &Site, target: &str, fields: &[(&str, &str)]) -> bool {
        let request = Request {
            method: Method::Get,
            target: target.to_owned(),
            fields: fields.iter().copied().collect(),
            ..Request::default()
        };
        let mut buffer = Vec::new();
        matches!(route(site, site.rule_for(&request), &request, &mut buffer), Route::Pass(_))
    }

    #[test]
    fn astros_islands_actions_and_sessions_pass_whatever_the_rules_say() {
        let ruled = Rule { ttl: Some(Seconds::new(60)), ..Rule::default() };
        let site = site(Preset::Astro, vec![ruled]);
        for (target, fields, expected) in [
            ("/", vec![], false),
            ("/", vec![("Cookie", "theme=dark")], false),
            ("/", vec![("Cookie", "theme=dark; astro-session=1")], true),
            ("/_server-islands/Greeting?e=x", vec![], true),
            ("/base/_server-islands/Greeting", vec![], true),
            ("/_actions/contact", vec![], true),
            ("/contact?_action=contact", vec![], true),
            ("/contact?x=_action", vec![], false),
            ("/_astro/page.css", vec![], false),
        ] {
            assert_eq!(passes(&site, target, &fields), expected, "{target} {fields:?}");
        }
    }

    #[test]
    fn nexts_previews_pass_and_its_payloads_have_keys_of_their_own() {
        let site = site(Preset::NextJs, vec![Rule::default()]);
        for cookie in ["__prerender_bypass=garbage", "__next_preview_data=x"] {
            assert!(passes(&site, "/", &[("Cookie", cookie)]));
        }
        assert!(!passes(&site, "/", &[("Cookie", "other=1")]));
        let key = |target: &str, fields: &[(&str, &str)]| {
            let request = Request {
                target: target.to_owned(),
                fields: fields.iter().copied().collect(),
                ..Request::default()
            };
            let mut buffer = Vec::new();
            match route(&site, site.rule_for(&request), &request, &mut buffer) {
                Route::Cached(key) => key.to_key(),
                Route::Pass(why) => panic!("{why:?}"),
            }
        };
        let page = key("/p?_rsc=abc", &[]);
        let rsc = [("RSC", "1")];
        assert_ne!(page, key("/p?_rsc=abc", &rsc));
        assert_ne!(page, key("/p", &[]));
        assert_ne!(key("/p", &[]), key("/p?_rsc=abc", &rsc));
        assert_eq!(key("/p?_rsc=abc", &rsc), key("/p?_rsc=xyz", &rsc));
        assert_ne!(key("/p?a=1&_rsc=abc", &rsc), key("/p?a=2&_rsc=abc", &rsc));
        let prefetch = [("RSC", "1"), ("Next-Router-Prefetch", "1")];
        assert_ne!(key("/p?_rsc=abc", &rsc), key("/p?_rsc=abc", &prefetch));
        assert_eq!(page, key("/p?_rsc=abc", &[("Accept", "x")]));
        // An answer that was made of another query is never taken for the page.
        for odd in ["", "0", "1, 1"] {
            assert_ne!(key("/p", &[]), key("/p?_rsc=abc", &[("RSC", odd)]), "{odd:?}");
        }
    }

    #[test]
    fn who_asks_for_a_payload_under_the_wrong_name_is_sent_to_the_right_one() {
        let asked = |fields: &[(&str, &str)]| Request {
            fields: fields.iter().copied().collect(),
            ..Request::default()
        };
        let rsc = asked(&[("RSC", "1")]);
        let next = Preset::NextJs;
        for (preset, request, target, status, location, again) in [
            (next, &rsc, "/p?_rsc=x", 307, "/p?_rsc=abc", true),
            (next, &rsc, "/p", 307, "/p?_rsc", true),
            (next, &rsc, "/p?a=1&_rsc=x&b=2", 307, "/p?a=1&b=2&_rsc=abc", true),
            (next, &rsc, "/p?_rsc=abc", 307, "/p?_rsc=abc", false),
            (next, &rsc, "/p?_rsc=x", 307, "/q?_rsc=abc", false),
            (next, &rsc, "/p?a=1&_rsc=x", 307, "/p?a=2&_rsc=abc", false),
            (next, &rsc, "/p?_rsc=x", 307, "http://a.b/p?_rsc=abc", false),
            (next, &rsc, "/p?_rsc=x", 308, "/p?_rsc=abc", false),
            (next, &asked(&[]), "/p?_rsc=x", 307, "/p?_rsc=abc", false),
            (Preset::None, &rsc, "/p?_rsc=x", 307, "/p?_rsc=abc", false),
        ] {
            let fields: Fields = [("Location", location)].into_iter().collect();
            let found = preset.asks_again(request, target, status, &fields);
            assert_eq!(found.as_deref(), again.then_some(location), "{target} to {location}");
        }
        assert_eq!(next.asks_again(&rsc, "/p", 307, &Fields::new()), None);
    }

    #[test]
    fn what_next_calls_stale_is_not_fresh() {
        let fields: Fields = [("x-nextjs-cache", "STALE")].into_iter().collect();
        assert!(Preset::NextJs.calls_stale(&fields));
        assert!(!Preset::NextJs.calls_stale(&Fields::new()) && !Preset::None.calls_stale(&fields));
    }

    #[test]
    fn parts_of_pages_are_known_by_their_field() {
        let asked = |fields: &[(&str, &str)]| Request {
            fields: fields.iter().copied().collect(),
            ..Request::default()
        };
        let part = asked(&[("RSC", "1"), ("Next-Router-Segment-Prefetch", "/_tree")]);
        assert!(Preset::NextJs.asks_for_a_part(&part) && !Preset::None.asks_for_a_part(&part));
        assert!(!Preset::NextJs.asks_for_a_part(&asked(&[("RSC", "1")])));
    }

    #[test]
    fn nobody_outside_may_speak_as_next_itself() {
        for name in ["x-middleware-prefetch", "x-invoke-status", "x-matched-path"] {
            assert!(Preset::NextJs.is_internal(name) && !Preset::Astro.is_internal(name), "{name}");
        }
        assert!(!Preset::NextJs.is_internal("x-nextjs-data"), "pages say so themselves");
    }

    #[test]
    fn a_window_without_a_value_lasts_until_there_is_something_new() {
        for (preset, value, window) in [
            (Preset::NextJs, "s-maxage=1, stale-while-revalidate", Some(UNTIL_NEW)),
            (Preset::Astro, "s-maxage=1, stale-while-revalidate", Some(UNTIL_NEW)),
            (Preset::None, "s-maxage=1, stale-while-revalidate", None),
            (Preset::NextJs, "s-maxage=1, stale-while-revalidate=9", Some(Seconds::new(9))),
            (Preset::NextJs, "s-maxage=1", None),
        ] {
            let mut directives = ResponseDirectives::parse([value.as_bytes()].into_iter());
            preset.read(&mut directives);
            assert_eq!(directives.stale_while_revalidate, window, "{preset:?} {value}");
        }
    }

    #[test]
    fn what_is_immutable_stays_so_whatever_a_304_says() {
        let immutable: Fields =
            [("Cache-Control", "public, max-age=31536000, immutable")].into_iter().collect();
        let update: Fields =
            [("Cache-Control", "public, max-age=0"), ("ETag", "x")].into_iter().collect();
        assert!(!Preset::Astro.updating(&immutable, &update).has(Name::CacheControl));
        assert!(Preset::Astro.updating(&immutable, &update).has(Name::Etag));
        assert!(Preset::Astro.updating(&Fields::new(), &update).has(Name::CacheControl));
        assert!(Preset::None.updating(&immutable, &update).has(Name::CacheControl));
        let back: Fields = [("Cache-Control", "private, max-age=0")].into_iter().collect();
        assert!(Preset::Astro.updating(&immutable, &back).has(Name::CacheControl));
    }
}
