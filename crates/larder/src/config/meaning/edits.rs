//! Changes to header fields, and which fields nobody may change.

use super::Notes;
use crate::config::place::Place;
use crate::config::written::Headers;
use policy::name::Name;
use policy::rule::FieldEdits;

/// Which messages are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Responses toward clients.
    Responses,
    /// Requests toward the origin.
    Requests,
}

/// The changes that were written, with a note of each that cannot be made.
pub fn edits(written: &Headers, of: Of, place: &Place, notes: &mut Notes<'_, '_>) -> FieldEdits {
    for (i, name) in written.remove.iter().enumerate() {
        refuse(&name.0, of, &place.key("remove").index(i), notes);
    }
    for name in written.set.keys() {
        refuse(&name.0, of, &place.key("set").key(&name.0), notes);
    }
    for name in written.add.keys() {
        refuse(&name.0, of, &place.key("add").key(&name.0), notes);
    }
    let added = written.add.iter().flat_map(|(name, values)| {
        values.0.iter().map(move |value| (name.0.clone(), value.0.clone()))
    });
    FieldEdits {
        remove: written.remove.iter().map(|name| name.0.clone()).collect(),
        set: written.set.iter().map(|(name, value)| (name.0.clone(), value.0.clone())).collect(),
        add: added.collect(),
    }
}

fn refuse(name: &str, of: Of, place: &Place, notes: &mut Notes<'_, '_>) {
    if let Some(mend) = owner(Name::of(name.as_bytes()), of) {
        notes.error(place, format!("the header {name} is not a rule's to change"), mend);
    }
}

/// Why a rule may not touch the field; `None` if it may.
fn owner(name: Name, of: Of) -> Option<&'static str> {
    match (name, of) {
        (Name::ContentLength | Name::Expect, _) => {
            Some("leave it out: it speaks of the body that is sent")
        }
        (name, _) if name.is_hop_by_hop() => {
            Some("leave it out: it speaks of one connection (RFC 9110 §7.6.1)")
        }
        (Name::Host, _) => Some("set origin_host in [[site]]"),
        (Name::CdnLoop | Name::Via | Name::Age, _) => {
            Some("leave it out: Larder writes it, and caches behind it rely on it")
        }
        (
            Name::Range
            | Name::IfMatch
            | Name::IfNoneMatch
            | Name::IfRange
            | Name::IfModifiedSince
            | Name::IfUnmodifiedSince,
            Of::Requests,
        ) => Some("leave it out: Larder asks by conditions of its own"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_and_what_caches_rely_on_stay_as_they_are() {
        for (name, of, refused) in [
            ("x-frame-options", Of::Responses, false),
            ("set-cookie", Of::Responses, false),
            ("content-length", Of::Responses, true),
            ("transfer-encoding", Of::Responses, true),
            ("connection", Of::Requests, true),
            ("host", Of::Requests, true),
            ("via", Of::Responses, true),
            ("range", Of::Requests, true),
            ("authorization", Of::Requests, false),
        ] {
            assert_eq!(owner(Name::of(name.as_bytes()), of).is_some(), refused, "{name}");
        }
    }
}
