//! What a response says about its caching, read anew from its lines: the one field that counts,
//! and its directives (RFC 9111 §5.2.2, RFC 9213 §2).

use crate::dictionary;
use crate::text::{self, Directive, Lines};

/// The directives of the field that counts.
#[derive(Clone, Debug)]
pub struct Says {
    /// Whether it is a targeted field (RFC 9213).
    pub targeted: bool,
    list: Vec<Directive>,
}

const KNOWN: [&str; 12] = [
    "max-age",
    "s-maxage",
    "stale-while-revalidate",
    "stale-if-error",
    "no-store",
    "no-cache",
    "private",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "immutable",
];

/// The fields by which a cache decides, or reads the body.
///
/// Decided: `private="…"` or `no-cache="…"` that names one of them counts as the plain form, since
/// a stored response without them would be used by rules that are not its own.
const DECISIVE: [&str; 13] = [
    "age",
    "cache-control",
    "cdn-cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "larder-cache-control",
    "last-modified",
    "surrogate-control",
    "vary",
];

/// The first valid field counts whole (RFC 9213 §2.2; the order is design §3's).
pub fn says(lines: &Lines) -> Says {
    for name in ["larder-cache-control", "cdn-cache-control"] {
        if let Some(list) = dictionary::directives(&text::all(lines, name)) {
            return Says { targeted: true, list };
        }
    }
    let surrogate = text::directives(lines, "surrogate-control");
    // Decided: a `Surrogate-Control` that speaks of other things than caching (`content=…`)
    // takes nothing from `Cache-Control`.
    if surrogate.iter().any(|(name, _)| KNOWN.contains(&name.as_str())) {
        return Says { targeted: true, list: surrogate };
    }
    Says { targeted: false, list: text::directives(lines, "cache-control") }
}

impl Says {
    /// Whether a directive is there, in whatever form.
    pub fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(found, _)| found == name)
    }

    /// Whether `no-cache` or `private` concerns the whole response (§5.2.2.4, §5.2.2.7).
    /// Decided: a qualified form without a name is the plain one.
    pub fn plain(&self, name: &str) -> bool {
        let named = self.list.iter().filter(|(found, _)| found == name).map(names);
        named.into_iter().any(|names| {
            names.is_empty() || names.iter().any(|name| DECISIVE.contains(&name.as_str()))
        })
    }

    /// The fields that a qualified form keeps from being stored.
    pub fn withheld(&self) -> Vec<String> {
        let qualified =
            self.list.iter().filter(|(name, _)| name == "no-cache" || name == "private");
        let all = qualified.flat_map(names);
        all.filter(|name| !DECISIVE.contains(&name.as_str())).collect()
    }

    /// A lifetime: of several the first counts, and what is no number is stale (§4.2.1).
    pub fn lifetime(&self, name: &str) -> Option<u64> {
        let (_, argument) = self.list.iter().find(|(found, _)| found == name)?;
        Some(argument.as_deref().and_then(text::seconds).unwrap_or(0))
    }

    /// A stale window (RFC 5861). Decided: the first that can be read; without a number it says
    /// nothing (design §4).
    pub fn window(&self, name: &str) -> Option<u64> {
        let named = self.list.iter().filter(|(found, _)| found == name);
        named.filter_map(|(_, argument)| argument.as_deref().and_then(text::seconds)).next()
    }
}

fn names((_, argument): &Directive) -> Vec<String> {
    let parts = argument.as_deref().unwrap_or_default().split(',');
    parts.map(|part| part.trim().to_lowercase()).filter(|part| !part.is_empty()).collect()
}
