//! What a response says of its freshness, and what comes of it under a rule.

use crate::fields::Fields;
use crate::freshness::{self, Exchange, Life, Origin, Staleness};
use crate::meta::Meta;
use crate::rule::{Rule, Site};
use crate::targeted::{self, Speaker};
use crate::time::{Seconds, Timestamp};

/// What a response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The field that speaks for it.
    pub speaker: Speaker,
    /// What that field says, as it is understood; nothing of what is not known here.
    pub directives: Vec<String>,
    /// For how long it is fresh.
    pub lifetime: Seconds,
    /// Where that is from.
    pub source: Source,
    /// What may be served stale.
    pub stale: Staleness,
    /// Its age when it came, in milliseconds.
    pub initial_age: u64,
}

/// Where a lifetime is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A rule of the operator.
    Rule,
    /// `s-maxage` or `max-age` of the field that speaks.
    Directive(&'static str),
    /// `Expires` less `Date`.
    Expires,
    /// A tenth of the time since `Last-Modified`.
    Heuristic,
    /// The framework says that it is old already.
    Preset,
    /// Nothing says so.
    Nothing,
    /// A soft purge ended it.
    Purge,
    /// Not what the rules of now would give: it was stored under others.
    Earlier,
}

impl Source {
    /// The word for it.
    pub fn token(self) -> &'static str {
        match self {
            Source::Rule => "rule",
            Source::Directive(name) => name,
            Source::Expires => "expires",
            Source::Heuristic => "last-modified",
            Source::Preset => "preset",
            Source::Nothing => "nothing",
            Source::Purge => "purge",
            Source::Earlier => "earlier-rules",
        }
    }
}

impl Said {
    /// What a response says that came in this exchange. `guesses`: heuristics may find a lifetime.
    pub fn by(
        (site, rule): (&Site, &Rule),
        status: u16,
        fields: &Fields,
        exchange: Exchange,
        guesses: bool,
    ) -> Said {
        let (speaker, mut directives) = targeted::winner(fields);
        site.preset.read(&mut directives);
        let max = if guesses { site.heuristic_max } else { Seconds::ZERO };
        let answered = exchange.answered;
        let (lifetime, origin) =
            freshness::lifetime(status, fields, (speaker, &directives), rule, answered, max);
        let source = match (origin, directives.lifetime()) {
            _ if site.preset.calls_stale(fields) => Source::Preset,
            (Origin::Rule, _) => Source::Rule,
            (Origin::Explicit, Some((name, _))) => Source::Directive(name),
            (Origin::Explicit, None) => Source::Expires,
            (Origin::Heuristic, _) if guesses => Source::Heuristic,
            (Origin::Heuristic | Origin::Unknown, _) => Source::Nothing,
        };
        Said {
            speaker,
            lifetime: if source == Source::Preset { Seconds::ZERO } else { lifetime },
            source,
            stale: freshness::staleness(status, &directives, rule),
            initial_age: freshness::initial_age(fields, exchange),
            directives: directives.told(),
        }
    }

    /// What a stored response says, and where the lifetime is from that it has. `ended`: the time
    /// from which on a soft or paced purge has it stale.
    pub fn by_stored((site, rule): (&Site, &Rule), meta: &Meta, ended: Option<Timestamp>) -> Said {
        let Life { answered, lifetime, initial_age, stale, .. } = meta.life;
        let exchange = Exchange { asked: answered, answered };
        let by = |guesses| Said::by((site, rule), meta.status, &meta.fields, exchange, guesses);
        let (guessed, told) = (by(true), by(false));
        let counted = |said: &Said| match said.source {
            Source::Rule => freshness::from_arrival(said.lifetime, initial_age),
            _ => said.lifetime,
        };
        let found = [&guessed, &told].into_iter().find(|said| counted(said) == lifetime);
        let source = match (found, ended) {
            (Some(said), _) => said.source,
            (None, Some(_)) => Source::Purge,
            (None, None) => Source::Earlier,
        };
        Said { lifetime, source, stale, initial_age, ..guessed }
    }
}
