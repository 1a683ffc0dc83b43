//! Which field of a response speaks for its freshness (RFC 9213, design order).
//!
//! `Larder-Cache-Control` wins over `CDN-Cache-Control`, which wins over `Surrogate-Control`,
//! then `Cache-Control` with `Expires`. The winner counts whole and what stands below it is not
//! looked at. A targeted field must be a valid structured dictionary (RFC 9651) whose known
//! members have the right type; otherwise it is ignored whole (RFC 9213 §2.1).

use crate::cache_control::ResponseDirectives;
use crate::fields::Fields;
use crate::name::Name;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// The field that speaks for a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// `Larder-Cache-Control`.
    Larder,
    /// `CDN-Cache-Control`.
    Cdn,
    /// `Surrogate-Control`.
    Surrogate,
    /// `Cache-Control`, and `Expires` where it names no lifetime.
    CacheControl,
}

impl Speaker {
    /// Whether the field is meant for shared caches and for nobody else.
    pub fn is_targeted(self) -> bool {
        self != Speaker::CacheControl
    }
}

/// The winning field and what it says.
pub fn winner(fields: &Fields) -> (Speaker, ResponseDirectives) {
    let targets =
        [(Speaker::Larder, Name::LarderCacheControl), (Speaker::Cdn, Name::CdnCacheControl)];
    for (speaker, name) in targets {
        if fields.has(name)
            && let Some(directives) = dictionary(fields, name)
        {
            return (speaker, directives);
        }
    }
    if fields.members(Name::SurrogateControl).any(speaks_of_caching) {
        let directives = ResponseDirectives::parse(fields.all(Name::SurrogateControl));
        return (Speaker::Surrogate, directives);
    }
    (Speaker::CacheControl, ResponseDirectives::parse(fields.all(Name::CacheControl)))
}

/// Reads a targeted field; nothing if it is invalid or empty (RFC 9213 §2.1, §2.2).
fn dictionary(fields: &Fields, name: Name) -> Option<ResponseDirectives> {
    let joined = fields.all(name).collect::<Vec<_>>().join(&b", "[..]);
    let members: Dictionary = Parser::new(&joined).parse().ok()?;
    let mut found = ResponseDirectives::default();
    for (key, entry) in &members {
        let ListEntry::Item(item) = entry else {
            if is_known(key.as_str()) {
                return None;
            }
            continue;
        };
        take(&mut found, key.as_str(), &item.bare_item)?;
    }
    (!members.is_empty()).then_some(found)
}

/// Takes one member; nothing if its name is known and its type is not the one it has.
fn take(found: &mut ResponseDirectives, key: &str, value: &BareItem) -> Option<()> {
    match (key, value) {
        ("max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error", value) => {
            // A negative number has the right type and no meaning: a lifetime of 0.
            let seconds = i64::from(value.as_integer()?).max(0).to_string();
            found.take(key, Some(&seconds));
        }
        ("no-cache" | "private", BareItem::String(names)) => found.take(key, Some(names.as_str())),
        (_, BareItem::Boolean(true)) => found.take(key, None),
        (_, BareItem::Boolean(false)) => {}
        (key, _) if is_known(key) => return None,
        _ => {}
    }
    Some(())
}

/// Whether a member of `Surrogate-Control` has a say here: `content="ESI/1.0"` alone must not
/// silence a `Cache-Control: private`.
fn speaks_of_caching(member: &[u8]) -> bool {
    let name = member.split(|&b| b == b'=').next().unwrap_or_default();
    is_known(&String::from_utf8_lossy(name).to_ascii_lowercase())
}

fn is_known(key: &str) -> bool {
    matches!(
        key,
        "max-age"
            | "s-maxage"
            | "stale-while-revalidate"
            | "stale-if-error"
            | "no-store"
            | "no-cache"
            | "private"
            | "public"
            | "must-revalidate"
            | "proxy-revalidate"
            | "must-understand"
            | "immutable"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Seconds;

    #[test]
    fn the_first_valid_field_wins_whole() {
        use Speaker::*;
        for (fields, speaker, max_age) in [
            (
                vec![("Larder-Cache-Control", "max-age=1"), ("CDN-Cache-Control", "max-age=2")],
                Larder,
                Some(1),
            ),
            (vec![("CDN-Cache-Control", "max-age=2"), ("Cache-Control", "no-store")], Cdn, Some(2)),
            (
                vec![("CDN-Cache-Control", "max-age=\"2\""), ("Cache-Control", "max-age=3")],
                CacheControl,
                Some(3),
            ),
            (
                vec![("CDN-Cache-Control", "max-age=2.5"), ("Cache-Control", "max-age=3")],
                CacheControl,
                Some(3),
            ),
            (
                vec![("CDN-Cache-Control", "max-age"), ("Cache-Control", "max-age=3")],
                CacheControl,
                Some(3),
            ),
            (
                vec![("CDN-Cache-Control", "(a b), max-age=2"), ("Cache-Control", "max-age=3")],
                CacheControl,
                Some(3),
            ),
            (
                vec![("CDN-Cache-Control", "no-store=1"), ("Cache-Control", "max-age=3")],
                CacheControl,
                Some(3),
            ),
            (
                vec![("CDN-Cache-Control", ""), ("Cache-Control", "max-age=3")],
                CacheControl,
                Some(3),
            ),
            (vec![("CDN-Cache-Control", "unheard-of=(1 2), max-age=2")], Cdn, Some(2)),
            (vec![("CDN-Cache-Control", "max-age=1, max-age=2")], Cdn, Some(2)),
            (
                vec![("CDN-Cache-Control", "MAX-AGE=2"), ("Cache-Control", "max-age=3")],
                CacheControl,
                Some(3),
            ),
            (vec![("CDN-Cache-Control", "max-age=-5")], Cdn, Some(0)),
            (
                vec![
                    ("Surrogate-Control", "max-age=4, content=\"ESI/1.0\""),
                    ("Cache-Control", "no-store"),
                ],
                Surrogate,
                Some(4),
            ),
            (vec![("Cache-Control", "max-age=5")], CacheControl, Some(5)),
            (vec![], CacheControl, None),
        ] {
            let list: Fields = fields.iter().copied().collect();
            let (found, directives) = winner(&list);
            assert_eq!(
                (found, directives.max_age),
                (speaker, max_age.map(Seconds::new)),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn a_targeted_field_over_several_lines_is_one_dictionary() {
        let list: Fields = [("CDN-Cache-Control", "max-age=1"), ("CDN-Cache-Control", "no-store")]
            .into_iter()
            .collect();
        assert!(winner(&list).1.no_store);
        let off: Fields = [("CDN-Cache-Control", "no-store=?0, max-age=1")].into_iter().collect();
        assert!(!winner(&off).1.no_store);
    }
}
