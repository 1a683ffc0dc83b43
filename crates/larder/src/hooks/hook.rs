//! One hook, as configured.

use super::template::Template;
use super::verifier::Kind;
use crate::config::secret::Secret;
use policy::glob::Glob;
use policy::purge;
use policy::rule::SiteId;

/// What a hook's purges do to what they cover.
pub type Force = purge::Force;

/// A hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its name, which stands in its path, in the log and in metrics.
    pub name: Box<str>,
    /// How its deliveries prove where they come from.
    pub kind: Kind,
    /// Any of them signs; several while a new one takes the place of an old one.
    pub secrets: Box<[Secret]>,
    /// Its path on the sites' listeners.
    pub path: Box<str>,
    /// Whose it is; nothing: that of all sites.
    pub site: Option<SiteOfHook>,
    /// The events that it is for; nothing: all.
    pub events: Option<Box<[Glob]>>,
    /// The tags that are purged.
    pub tags: Box<[Template]>,
    /// The URLs that are purged.
    pub urls: Box<[Template]>,
    /// The prefixes that are purged.
    pub prefixes: Box<[Template]>,
    /// What is done to them.
    pub force: Force,
    /// Whether the origin is then asked until something new comes.
    pub is_verified: bool,
}

/// The site of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteOfHook {
    /// Which.
    pub id: SiteId,
    /// Its name, as people know it.
    pub name: Box<str>,
    /// Those of its hosts that are written out.
    pub hosts: Box<[Box<str>]>,
    /// All of them; empty: every host.
    pub globs: Box<[Glob]>,
}

impl SiteOfHook {
    /// Its hosts, where all of them are written out; nothing where some are patterns, which no purge by
    /// host would cover.
    pub fn all_hosts(&self) -> Option<&[Box<str>]> {
        let is_pattern = |glob: &Glob| glob.as_str().contains(['*', '?']);
        let are_all = !self.hosts.is_empty() && !self.globs.iter().any(is_pattern);
        are_all.then_some(&self.hosts)
    }

    /// Whether a host, in lower case and without port, is one of its.
    pub fn has(&self, host: &str) -> bool {
        self.globs.is_empty() || self.globs.iter().any(|glob| glob.matches(host.as_bytes()))
    }
}

impl Hook {
    /// Whether it is for an event. What names no event is for it only if all are.
    pub fn is_for(&self, event: Option<&str>) -> bool {
        let Some(events) = &self.events else { return true };
        event.is_some_and(|event| events.iter().any(|glob| glob.matches(event.as_bytes())))
    }

    /// Whether its templates look into payloads.
    pub fn reads_payload(&self) -> bool {
        let events = self.events.is_some() && self.kind.names_event_in_payload();
        events || self.templates().any(Template::reads_payload)
    }

    /// All its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.tags.iter().chain(&self.urls).chain(&self.prefixes)
    }

    /// The word for what its purges do.
    pub fn force_word(&self) -> &'static str {
        match self.force {
            Force::Hard => "hard",
            Force::Soft => "soft",
            Force::Paced => "paced",
        }
    }
}
