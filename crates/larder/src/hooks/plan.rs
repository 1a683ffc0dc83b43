//! What a payload purges by a hook: its templates filled in, read as strictly as a purge by hand.

use super::hook::{Hook, SiteOfHook};
use super::template::{For, Template};
use crate::purging::keyed;
use policy::purge::{Fault, PathPrefix, Purge, Scope, Url, Wanted};
use policy::tag_template::printable;
use policy::time::Timestamp;
use proxy::settings::SiteSettings;
use serde_json::Value;

/// What is to be purged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Tags.
    pub tags: Vec<String>,
    /// URLs.
    pub urls: Vec<String>,
    /// Prefixes.
    pub prefixes: Vec<String>,
    /// Templates that the payload gave nothing for.
    pub empty: Vec<String>,
    scopes: Box<[Scope]>,
}

/// Makes a plan.
///
/// # Errors
/// What cannot be purged of it, in words.
pub fn plan(hook: &Hook, payload: &Value, sites: &[SiteSettings]) -> Result<Plan, String> {
    let mut plan = Plan::default();
    plan.tags = plan.fill(&hook.tags, payload, For::Tag)?;
    plan.urls = plan.fill(&hook.urls, payload, For::Url)?;
    plan.prefixes = plan.fill(&hook.prefixes, payload, For::Url)?;
    let wanted = Wanted {
        tags: spellings(&plan.tags),
        urls: plan.urls.clone(),
        prefixes: plan.prefixes.clone(),
        ..Wanted::default()
    };
    if wanted == Wanted::default() {
        return Ok(plan);
    }
    let scopes = wanted.scopes(|_| None).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        format!("what the payload names cannot be purged: {}", faults.join("; "))
    })?;
    let scopes = match &hook.site {
        None => scopes,
        Some(site) => {
            check_hosts(&scopes, site)?;
            scopes.into_iter().flat_map(|scope| of_site(scope, site)).collect()
        }
    };
    plan.scopes = keyed(scopes, sites);
    Ok(plan)
}

impl Plan {
    /// Whether it purges nothing.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// How many tags, URLs and prefixes it names.
    pub fn named(&self) -> usize {
        self.tags.len() + self.urls.len() + self.prefixes.len()
    }

    /// The URLs that an origin is asked for to verify it: those of a hook of one site on its hosts only.
    pub fn urls_to_ask(&self, hook: &Hook) -> Vec<String> {
        let Some(site) = &hook.site else { return self.urls.clone() };
        let on_its_hosts = |url: &String| -> Vec<String> {
            match url.starts_with('/') && !url.starts_with("//") {
                true => site.hosts.iter().map(|host| format!("{host}{url}")).collect(),
                false => vec![url.clone()],
            }
        };
        self.urls.iter().flat_map(on_its_hosts).collect()
    }

    /// The purge.
    pub fn purge(&self, hook: &Hook, at: Timestamp, why: &str) -> Purge {
        let by = format!("hook {}", hook.name).into();
        Purge { scopes: self.scopes.clone(), force: hook.force, at, by, why: why.into() }
    }

    fn fill(
        &mut self,
        templates: &[Template],
        payload: &Value,
        what: For,
    ) -> Result<Vec<String>, String> {
        let mut all: Vec<String> = Vec::new();
        for template in templates {
            let texts = template.fill(payload, what).map_err(|_| {
                format!("{template} makes too many of this payload: select fewer by its path")
            })?;
            if texts.is_empty() {
                self.empty.push(template.to_string());
            }
            all.extend(texts);
        }
        let mut known = std::collections::HashSet::new();
        all.retain(|text| known.insert(text.clone()));
        Ok(all)
    }
}

/// Tags, and as a rule's templates write them where that differs: without spaces.
fn spellings(tags: &[String]) -> Vec<String> {
    let other = |tag: &String| {
        let other = printable(tag.as_bytes()).into_owned();
        (other != *tag).then_some(other)
    };
    let others: Vec<String> = tags.iter().filter_map(other).collect();
    tags.iter().cloned().chain(others).collect()
}

/// A hook of one site names no other's hosts.
fn check_hosts(scopes: &[Scope], site: &SiteOfHook) -> Result<(), String> {
    let hosts = scopes.iter().filter_map(|scope| match scope {
        Scope::Url(url) => url.host.as_deref(),
        Scope::Prefix(prefix) => prefix.get().host(),
        _ => None,
    });
    match hosts.into_iter().find(|host| !site.has(host)) {
        None => Ok(()),
        Some(host) => Err(format!("{host} is no host of {}, whose hook this is", site.name)),
    }
}

/// A scope as it is meant by who speaks for one site.
fn of_site(scope: Scope, site: &SiteOfHook) -> Vec<Scope> {
    match scope {
        Scope::Tag(None, tag) => vec![Scope::Tag(Some(site.id), tag)],
        Scope::Url(Url { host: None, target }) if !target.contains('?') => {
            vec![Scope::SitePath(site.id, target)]
        }
        Scope::Url(Url { host: None, target }) => match site.all_hosts() {
            // Too much is purged rather than too little.
            None => vec![Scope::Url(Url { host: None, target })],
            Some(hosts) => {
                let url = |host: &str| Url { host: Some(host.into()), target: target.clone() };
                hosts.iter().map(|host| Scope::Url(url(host))).collect()
            }
        },
        Scope::Prefix(prefix) if prefix.get().host().is_none() => prefixes(&prefix, site),
        scope => vec![scope],
    }
}

fn prefixes(prefix: &PathPrefix, site: &SiteOfHook) -> Vec<Scope> {
    if prefix.get().target() == "/" {
        return vec![Scope::Site(site.id)];
    }
    let on = |host: &str| {
        let text = format!("{host}{}", prefix.get().target());
        let prefix = policy::prefix::Prefix::parse(&text)?;
        PathPrefix::new(prefix).map(Scope::Prefix)
    };
    match site.all_hosts() {
        None => vec![Scope::Prefix(prefix.clone())],
        Some(hosts) => hosts.iter().filter_map(|host| on(host)).collect(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::super::verifier::Kind;
    use super::*;
    use crate::config::{File, Flags, understand};
    use policy::glob::Glob;
    use policy::purge::Force;
    use policy::rule::SiteId;
    use serde_json::json;

    /// A hook with those tags, URLs and prefixes.
    pub fn hook(tags: &[&str], urls: &[&str], prefixes: &[&str]) -> Hook {
        let all = |texts: &[&str]| -> Box<[Template]> {
            texts.iter().map(|text| Template::parse(text).expect(text)).collect()
        };
        Hook {
            name: "cms".into(),
            kind: Kind::GitHub,
            secrets: ["0123456789abcdef".parse().expect("long enough")].into(),
            path: "/_larder/hooks/cms".into(),
            site: None,
            events: None,
            tags: all(tags),
            urls: all(urls),
            prefixes: all(prefixes),
            force: Force::Hard,
            is_verified: false,
        }
    }

    fn scopes(hook: &Hook, payload: &Value) -> Result<Vec<String>, String> {
        let text = "[[site]]\norigin = \"http://a\"\n";
        let (meant, _) = understand(File { name: "t", text }, &Flags::default(), &|_| None);
        let sites = meant.expect("it is right").settings.sites;
        let plan = plan(hook, payload, &sites)?;
        Ok(plan.scopes.iter().map(Scope::to_string).collect())
    }

    #[test]
    fn templates_become_scopes() {
        let payload = json!({ "slug": "a", "host": "b.example", "tags": ["x", "x", "s t"] });
        for (tags, urls, prefixes, expected) in [
            (&["post:{$.slug}"][..], &[][..], &[][..], &["tag post:a"][..]),
            (&["{$.tags[*]}"], &[], &[], &["tag x", "tag s t", "tag s%20t"]),
            (&[], &["/{$.slug}/", "https://{$.host}/"], &[], &["url /a/", "url b.example/"]),
            (&[], &[], &["/{$.slug}"], &["prefix /a"]),
            (&["{$.none}"], &["/{$.none}"], &[], &[]),
            (&["news"], &["/{$.none}"], &[], &["tag news"]),
        ] {
            let hook = hook(tags, urls, prefixes);
            let found = scopes(&hook, &payload).expect("it can be purged");
            assert_eq!(found, expected, "{tags:?} {urls:?} {prefixes:?}");
        }
    }

    #[test]
    fn what_a_hook_of_one_site_names_is_of_that_site() {
        let id = SiteId::of_host("a.example");
        let hosts: Box<[Box<str>]> = ["a.example".into(), "www.a.example".into()].into();
        let globs = ["a.example", "www.a.example"].map(Glob::new).into();
        let site = SiteOfHook { id, name: "a.example".into(), hosts, globs };
        let every = SiteOfHook { hosts: [].into(), globs: [].into(), ..site.clone() };
        // No purge by host would cover those that a pattern stands for.
        let wide = SiteOfHook {
            hosts: ["a.example".into()].into(),
            globs: ["a.example", "*.a.example"].map(Glob::new).into(),
            ..site.clone()
        };
        let shown = |scope: Scope| scope.to_string();
        let whole = shown(Scope::Site(id));
        let tag = shown(Scope::Tag(Some(id), "t".into()));
        let path = shown(Scope::SitePath(id, "/p".into()));
        for (site, tags, urls, prefixes, expected) in [
            (&site, &["t"][..], &["/p"][..], &["/"][..], &[&*tag, &path, &whole][..]),
            (&site, &[], &["/p?q"], &[], &["url a.example/p?q", "url www.a.example/p?q"]),
            (&site, &[], &[], &["/d"], &["prefix a.example/d", "prefix www.a.example/d"]),
            (&wide, &[], &["https://X.a.example/p"], &[], &["url x.a.example/p"]),
            (&wide, &[], &["/p?q"], &["/d"], &["url /p?q", "prefix /d"]),
            (&every, &[], &["c.example/p"], &[], &["url c.example/p"]),
            (&every, &[], &["/p?q"], &["/d"], &["url /p?q", "prefix /d"]),
        ] {
            let hook = Hook { site: Some(site.clone()), ..hook(tags, urls, prefixes) };
            assert_eq!(scopes(&hook, &json!({})).expect("it can be purged"), expected);
        }
        for (urls, prefixes) in [(&["c.example/p"][..], &[][..]), (&[], &["c.example"])] {
            let hook = Hook { site: Some(site.clone()), ..hook(&[], urls, prefixes) };
            let error = scopes(&hook, &json!({})).expect_err("another's host");
            assert!(error.contains("c.example is no host of a.example"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_purged_is_said() {
        let many =
            json!({ "all": vec![json!("x"); 65], "word": "news", "long": "x".repeat(20_000) });
        for (tags, urls, words) in [
            (&[][..], &["{$.word}"][..], "urls[0]"),
            (&["{$.long}"], &[], "tags[0]"),
            (&["{$.all[*]}{$.all[*]}"], &[], "too many"),
        ] {
            let error = scopes(&hook(tags, urls, &[]), &many).expect_err("it cannot be purged");
            assert!(error.contains(words), "{error}");
        }
    }
}
