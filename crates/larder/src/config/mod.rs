//! The configuration, in two stages: what was [`written`] and what it means ([`meant`]).
//!
//! [`understand`] does both and reports all mistakes at once, each with its line and remedy,
//! before anything is opened or bound.

pub mod address;
pub mod environment;
pub mod example;
pub mod fault;
pub mod meant;
pub mod place;
pub mod quantity;
pub mod reading;
pub mod report;
pub mod secret;
pub mod settings;
pub mod words;
pub mod written;

mod document;
mod explain;
mod grammar;
mod meaning;

use address::{Listener, Origin};
use document::Document;
use environment::{Environment, Hidden};
use fault::Fault;
use grammar::Broken;
pub use meaning::data_folder::choose as data_folder;
use meant::Meant;
use place::Place;
use report::{Finding, Report, Severity};
use serde::Deserialize;
use std::ops::Range;
use std::path::PathBuf;
use written::Written;

/// What the command line says; it wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--origin`
    pub origin: Option<Origin>,
    /// The app that `larder run` starts: the origin of the sites that name none.
    pub app: Option<Origin>,
    /// `--listen`, if any was given.
    pub listen: Vec<Listener>,
    /// `--admin`
    pub admin: Option<Listener>,
    /// `--data`
    pub data: Option<PathBuf>,
}

/// A configuration file and its name.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// The name by which findings refer to it.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// No file at all: everything is at its default or said by flags.
pub const NO_FILE: File<'static> = File { name: "command line", text: "" };

/// How many mistakes are looked for before the rest is left for the next time.
const MAX_MISTAKES: usize = 100;

/// Works out what a file and flags mean. The report has every mistake and every doubt; there is
/// a meaning only if there is no mistake.
pub fn understand(
    file: File<'_>,
    flags: &Flags,
    environment: Environment<'_>,
) -> (Option<Meant>, Report) {
    let (mut document, errors) = Document::parse(file.text);
    let broken = Broken::sort_out(file.text, &errors);
    let (hidden, unset) = environment::fill_in(&mut document, environment);
    let mut findings = Vec::new();
    findings.extend(unset.into_iter().map(|(span, fault)| mistake(Some(span), fault)));
    let written = read(&mut document, &mut findings);
    findings.retain(|finding| broken.leaves_sure(finding.span.as_ref()));
    // Where the grammar is broken, what seems to be missing may only have been skipped.
    let meant = written.filter(|_| broken.is_none()).and_then(|written| {
        let (meant, found) = meaning::work_out(&written, flags, environment, &document);
        findings.extend(found);
        meant
    });
    findings.extend(broken.findings);
    // Lines are shown with what is wrong in them, but no secret.
    let report = Report::new(file.name, &secret::mask(file.text), hide(findings, &hidden));
    let meant = meant.filter(|_| report.count(Severity::Error) == 0);
    (meant, report)
}

/// Reads the document. What does not fit is reported and taken out, until the rest fits; `None`
/// if there is no end of it.
fn read(document: &mut Document<'_>, findings: &mut Vec<Finding>) -> Option<Written> {
    for _ in 0..MAX_MISTAKES {
        let tree = toml::de::Deserializer::from(document.tree());
        let error = match Written::deserialize(tree) {
            Ok(written) => return Some(written),
            Err(error) => error,
        };
        let span = error.span();
        let place = span.as_ref().and_then(|span| document.place_at(span));
        let fault = explain::explain(error.message(), place.as_ref().unwrap_or(&Place::top()));
        findings.push(mistake(span, fault));
        // Without a place there is nothing to take out, and the same error would come for ever.
        if !place.is_some_and(|place| document.remove(&place)) {
            break;
        }
    }
    None
}

fn mistake(span: Option<Range<usize>>, fault: Fault) -> Finding {
    Finding { severity: Severity::Error, span, what: fault.what, mend: fault.mend }
}

fn hide(findings: Vec<Finding>, hidden: &Hidden) -> Vec<Finding> {
    let hide = |finding: Finding| Finding {
        what: hidden.hide(&finding.what),
        mend: hidden.hide(&finding.mend),
        ..finding
    };
    findings.into_iter().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::words::HostPattern;
    use policy::rule::CacheMode;
    use proxy::settings::{Listen, OriginHost};
    use written::Level;

    fn understand_text(text: &str, flags: &Flags) -> (Option<Meant>, Report) {
        understand(File { name: "t", text }, flags, &|_| None)
    }

    fn meant(text: &str, flags: &Flags) -> Meant {
        let (meant, report) = understand_text(text, flags);
        meant.unwrap_or_else(|| panic!("{report}"))
    }

    fn origin(url: &str) -> Flags {
        Flags { origin: url.parse().ok(), ..Flags::default() }
    }

    #[test]
    fn an_origin_alone_is_enough() {
        let meant = meant("", &origin("http://app:4321"));
        let [site] = meant.settings.sites.as_slice() else { panic!("not one site: {meant:?}") };
        assert_eq!((site.origins[0].host.as_str(), site.origins[0].port), ("app", 4321));
        assert_eq!((site.site.name.as_str(), site.site.hosts.len()), ("default", 0));
        assert_eq!(site.origin_host, OriginHost::Keep);
        let address = "0.0.0.0:8080".parse().expect("an address");
        assert_eq!(meant.settings.listen, [Listen { address, is_tls: false }]);
        assert_eq!(meant.admin.listen.to_string(), "127.0.0.1:9090");
        assert_eq!((meant.memory_bytes, meant.max_variants), (64 << 20, 64));
        assert!(meant.settings.node.starts_with("larder-"), "{}", meant.settings.node);
    }

    #[test]
    fn an_app_is_the_origin_of_the_sites_that_name_none() {
        let app = Flags { app: "http://app".parse().ok(), ..Flags::default() };
        let (one, both) = ("[[site]]\nhosts = [\"a.b\"]\n", "[[site]]\norigin = \"http://c\"\n");
        for (text, found) in [
            (String::new(), &["app"][..]),
            (one.to_owned(), &["app"]),
            (format!("{one}{both}"), &["app", "c"]),
        ] {
            let sites = meant(&text, &app).settings.sites;
            let origins: Vec<&str> = sites.iter().map(|site| &*site.origins[0].host).collect();
            assert_eq!(origins, found, "{text}");
        }
        let (none, report) = understand_text(both, &app);
        assert!(none.is_none() && report.to_string().contains("nobody would ask the app"));
        let (none, report) = understand_text(one, &Flags::default());
        assert!(none.is_none() && report.to_string().contains("larder check --run"));
    }

    #[test]
    fn flags_win_over_the_file() {
        let text = "[server]\nlisten = [\"127.0.0.1:1\"]\n[admin]\nlisten = \"127.0.0.1:2\"\n\
                    [[site]]\norigin = \"http://file\"\norigin_host = \"origin\"\n";
        let flags = Flags {
            listen: vec!["127.0.0.1:3".parse().expect("an address")],
            admin: "127.0.0.1:4".parse().ok(),
            data: Some("/d".into()),
            ..origin("http://flag")
        };
        let meant = meant(text, &flags);
        assert_eq!(meant.settings.listen[0].address.port(), 3);
        assert_eq!(meant.admin.listen.port(), 4);
        assert_eq!(meant.data, PathBuf::from("/d"));
        assert_eq!(meant.settings.sites[0].origins[0].host, "flag");
        assert_eq!(meant.settings.sites[0].origin_host, OriginHost::Origin);
    }

    #[test]
    fn a_file_is_understood_to_the_last_setting() {
        let text = r#"
            log = { access = "json", level = "debug" }
            server.trusted_proxies = ["10.0.0.0/8"]
            server.node = "edge-1"
            storage.heuristic_max = "0s"
            [[site]]
            hosts = ["Example.com", "*.example.com"]
            origin = "http://a"
            [[site.rule]]
            match = { path = "/api/*", method = ["GET"], cookie = { beta = true } }
            ttl = "5m"
            cache = "force"
            key = { query = { drop = ["utm_*"] }, version = "v2" }
            headers = { remove = ["X-Powered-By"], add = { Link = ["a", "b"] } }
            tags = ["api"]
        "#;
        let meant = meant(text, &Flags::default());
        assert_eq!((meant.level, meant.settings.node.as_str()), (Level::Debug, "edge-1"));
        assert_eq!(meant.settings.trusted_proxies[0].prefix, 8);
        let site = &meant.settings.sites[0].site;
        assert_eq!((site.name.as_str(), site.hosts.len()), ("example.com", 2));
        assert_eq!(site.heuristic_max.get(), 0);
        let rule = &site.rules[0];
        assert_eq!((rule.ttl.map(|ttl| ttl.get()), rule.cache), (Some(300), CacheMode::Force));
        assert_eq!((rule.matches.paths.len(), rule.matches.cookies.len()), (1, 1));
        assert_eq!((rule.key.version.as_str(), rule.key.query.drop.len()), ("v2", 1));
        assert_eq!(rule.response_fields.remove, ["x-powered-by"]);
        let links = [("link".to_owned(), "a".to_owned()), ("link".to_owned(), "b".to_owned())];
        assert_eq!(rule.response_fields.add, links);
    }

    #[test]
    fn what_one_mistake_brings_along_is_not_a_mistake_of_its_own() {
        for text in [
            "[[site]]\norigin = \"app\"\n",
            "site = 1\n",
            "[[site]]\norigin = \"${NOT_SET}\"\n",
            "[server]\nlisten = [\"x\"]\n[[site]]\norigin = \"http://a\"\n",
            "[[site]]\norigin = \"http://a\"\n[[site.rule]]\ncache = \"force\"\nttl = \"x\"\n",
        ] {
            let (meant, report) = understand_text(text, &Flags::default());
            assert!(meant.is_none(), "{text}");
            assert_eq!(report.count(Severity::Error), 1, "{text}\n{report}");
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let text = include_str!("../../tests/golden/mistakes.toml");
        for end in (0..text.len()).step_by(11).filter(|end| text.is_char_boundary(*end)) {
            let (meant, report) = understand_text(&text[..end], &Flags::default());
            assert!(meant.is_none() && !report.to_string().is_empty(), "{}", &text[..end]);
            let (_, report) = understand_text(&text[end..], &Flags::default());
            assert!(!report.to_json().is_null());
        }
    }

    #[test]
    fn sites_that_want_the_same_are_told_apart_from_those_that_do_not() {
        let site = |host: &str| {
            let host: HostPattern = host.parse().expect("a host");
            format!("[[site]]\norigin = \"http://a\"\nhosts = [\"{host}\"]\n")
        };
        for (hosts, errors, warnings) in [
            (["a.example", "b.example"], 0, 0),
            (["a.example", "A.example"], 1, 0),
            (["*.example", "a.example"], 0, 1),
            (["a.example", "*.example"], 0, 0),
            (["*", "a.example"], 0, 0),
            (["*", "*"], 1, 0),
        ] {
            let (_, report) = understand_text(&hosts.map(site).concat(), &Flags::default());
            let found = (report.count(Severity::Error), report.count(Severity::Warning));
            assert_eq!(found, (errors, warnings), "{hosts:?}\n{report}");
        }
        let two = ["a.example", "b.example"].map(site).concat();
        let (meant, report) = understand_text(&two, &origin("http://x"));
        assert!(meant.is_none() && report.to_string().contains("--origin"), "{report}");
    }
}
