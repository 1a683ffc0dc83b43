//! A rule in the words of the configuration. Values that may be secret are not told: those that a
//! rule looks for in headers and cookies, and those of header fields that it sets.

use crate::glob::Glob;
use crate::path_pattern::PathPattern;
use crate::rule::{CacheMode, Compress, Echo, FieldEdits, KeyParts, Match, QueryRule, Rule, Site};
use crate::time::Seconds;

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulePlace {
    /// Among the rules of the site, counted from 1.
    Own(usize),
    /// Among those that the preset puts before them, counted from 1.
    Preset(usize),
    /// Nobody wrote it: it comes with what the site does.
    BuiltIn,
    /// It is for what no other rule matches.
    Default,
}

/// Where a rule of a site stands.
pub fn place(site: &Site, rule: &Rule) -> RulePlace {
    let of_preset = site.preset.own_rules().len();
    match site.rules.iter().position(|known| std::ptr::eq(known, rule)) {
        None => RulePlace::Default,
        Some(at) if at < of_preset => RulePlace::Preset(at + 1),
        Some(_) if rule.is_built_in => RulePlace::BuiltIn,
        Some(at) => {
            let before = &site.rules[of_preset..=at];
            RulePlace::Own(before.iter().filter(|rule| !rule.is_built_in).count())
        }
    }
}

/// Which requests a rule is for; empty: all.
pub fn matches(matches: &Match) -> Vec<String> {
    let Match { paths, methods, headers, cookies, query } = matches;
    let mut told = Vec::new();
    if !paths.is_empty() {
        let paths: Vec<&str> = paths.iter().map(PathPattern::as_str).collect();
        told.push(format!("path {}", paths.join(" or ")));
    }
    if !methods.is_empty() {
        let names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
        told.push(format!("method {}", names.join(" or ")));
    }
    for (kind, pairs) in [("header", headers), ("cookie", cookies)] {
        told.extend(pairs.iter().map(|(name, value)| match value {
            Some(_) => format!("{kind} {name} with its value"),
            None => format!("{kind} {name}"),
        }));
    }
    if !query.is_empty() {
        told.push(format!("query {}", all(query, " or ")));
    }
    told
}

fn all(globs: &[Glob], between: &str) -> String {
    globs.iter().map(Glob::as_str).collect::<Vec<_>>().join(between)
}

/// What a rule sets.
pub fn sets(rule: &Rule) -> Vec<String> {
    // By name, so that whoever adds a setting has to tell it here.
    let Rule {
        matches: _,
        ttl,
        negative_ttl,
        revalidate,
        stale_while_revalidate,
        stale_if_error,
        keep_assets,
        browser_ttl,
        cache,
        key,
        response_fields,
        request_fields,
        tags,
        cors,
        compress,
        is_built_in: _,
    } = rule;
    let times = [
        ("ttl", ttl),
        ("negative_ttl", negative_ttl),
        ("revalidate", revalidate),
        ("stale_while_revalidate", stale_while_revalidate),
        ("stale_if_error", stale_if_error),
        ("keep_assets", keep_assets),
        ("browser_ttl", browser_ttl),
    ];
    let time = |(name, time): &(&str, &Option<Seconds>)| {
        time.map(|time| format!("{name} {}s", time.get()))
    };
    let mut told: Vec<String> = times.iter().filter_map(time).collect();
    let words = [
        match cache {
            CacheMode::Auto => None,
            CacheMode::Off => Some("cache off"),
            CacheMode::Force => Some("cache force"),
        },
        match compress {
            Compress::Auto => None,
            Compress::Off => Some("compress off"),
            Compress::Always => Some("compress always"),
        },
        cors.as_ref().map(|_| "cors"),
    ];
    told.extend(words.into_iter().flatten().map(str::to_owned));
    told.extend(sets_of_key(key));
    for (name, edits) in [("headers", response_fields), ("request_headers", request_fields)] {
        let FieldEdits { remove, set, add } = edits;
        let names = remove.iter().chain(set.iter().chain(add).map(|(name, _)| name));
        let names: Vec<&str> = names.map(String::as_str).collect();
        if !names.is_empty() {
            told.push(format!("{name} {}", names.join(", ")));
        }
    }
    if !tags.is_empty() {
        let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        told.push(format!("tags {}", tags.join(", ")));
    }
    told
}

fn sets_of_key(parts: &KeyParts) -> Vec<String> {
    let KeyParts { query, headers, cookies, device, languages, version, rule: _ } = parts;
    let mut told = Vec::new();
    let QueryRule { drop, only, sort, forward, echo } = query;
    for (name, globs) in [("drop", drop), ("forward", forward)] {
        if !globs.is_empty() {
            told.push(format!("key.query {name} {}", all(globs, ", ")));
        }
    }
    told.extend(only.as_ref().map(|only| format!("key.query only {}", all(only, ", "))));
    if *sort {
        told.push("key.query sort".to_owned());
    }
    told.extend(echo.map(|Echo { parameter, header, value }| {
        format!("key.query forward {parameter} beside header {header}: {value}")
    }));
    for (name, values) in [("headers", headers), ("cookies", cookies), ("languages", languages)] {
        if !values.is_empty() {
            told.push(format!("key.{name} {}", values.join(", ")));
        }
    }
    if *device {
        told.push("key.device".to_owned());
    }
    if !version.is_empty() {
        told.push(format!("key.version {version}"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Preset;
    use crate::rule::tests::plain_site;
    use crate::tag_template::TagTemplate;

    #[test]
    fn a_rule_is_known_by_its_place_in_the_configuration() {
        let mut site = plain_site();
        let built_in = Rule { is_built_in: true, ..Rule::default() };
        site.rules = vec![Rule::default(), built_in, Rule::default()];
        site.preset = Preset::Astro;
        site.preset.dress(&mut site);
        assert_eq!(place(&site, &site.rules[0]), RulePlace::Preset(1));
        assert_eq!(place(&site, &site.rules[4]), RulePlace::BuiltIn);
        assert_eq!(place(&site, &site.rules[5]), RulePlace::Own(2));
        assert_eq!(place(&site, &site.default_rule), RulePlace::Default);
    }

    #[test]
    fn a_rule_is_told_in_words_of_the_configuration_without_its_secrets() {
        let secret = || Some(Glob::new("s3cret"));
        let rule = Rule {
            matches: Match {
                paths: vec![PathPattern::glob("/a/*"), PathPattern::glob("/b")],
                headers: vec![("x-key".into(), secret()), ("rsc".into(), None)],
                cookies: vec![("plan".into(), secret())],
                ..Match::default()
            },
            ttl: Some(Seconds::new(60)),
            cache: CacheMode::Force,
            tags: vec![TagTemplate::parse("post:{slug}").expect("a template")],
            request_fields: FieldEdits {
                set: vec![("Authorization".into(), "s3cret".into())],
                ..FieldEdits::default()
            },
            ..Rule::default()
        };
        let told = [matches(&rule.matches), sets(&rule)].concat().join("; ");
        let wanted = "path /a/* or /b; header x-key with its value; header rsc; cookie plan with \
                      its value; ttl 60s; cache force; request_headers Authorization; tags post:{slug}";
        assert_eq!(told, wanted);
    }
}
