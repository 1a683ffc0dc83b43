//! Purges, and the table that they are folded into, as bytes that outlive the process.

use super::identity::Identity;
use super::table::Place;
use super::{Force, Mark, MarkedPattern, PathPrefix, Pattern, Purge, Scope, Table, Url};
use crate::code::{Malformed, Reader, push_bytes, push_number};
use crate::prefix::Prefix;
use crate::rule::SiteId;
use crate::time::Timestamp;

const HARD: u8 = 0;
const SOFT: u8 = 1;
const PACED: u8 = 2;

const EVERYTHING: u8 = 0;
const SITE: u8 = 1;
const URL: u8 = 2;
const PATH: u8 = 3;
const PREFIX: u8 = 4;
const TAG: u8 = 5;
const TAG_ANYWHERE: u8 = 6;
const PATTERN: u8 = 7;
const GROUP: u8 = 8;
const SITE_PATH: u8 = 9;

const MARK_HARD: u8 = 0;
const MARK_SOFT: u8 = 1;
const MARK_FLOOR: u8 = 2;
const MARK_PACED: u8 = 3;
const MARK_FORGOTTEN: u8 = 4;

/// Appends the code of a purge.
pub fn encode(purge: &Purge, out: &mut Vec<u8>) {
    out.push(force_code(purge.force));
    push_number(out, purge.at.0);
    push_bytes(out, purge.by.as_bytes());
    push_bytes(out, purge.why.as_bytes());
    push_number(out, purge.scopes.len() as u64);
    purge.scopes.iter().for_each(|scope| push_scope(out, scope));
}

/// Reads what [`encode`] wrote, and nothing else.
///
/// # Errors
/// If it is anything else.
pub fn decode(bytes: &[u8]) -> Result<Purge, Malformed> {
    let mut rest = Reader(bytes);
    let purge = Purge {
        force: force(&mut rest)?,
        at: Timestamp(rest.number()?),
        by: rest.text()?,
        why: rest.text()?,
        scopes: rest.list(scope)?,
    };
    rest.end(purge)
}

/// Appends the code of a mark.
pub fn encode_mark(mark: &Mark, out: &mut Vec<u8>) {
    let (kind, place, at) = match mark {
        Mark::Hard(place) => (MARK_HARD, place, None),
        Mark::Soft(place, at) => (MARK_SOFT, place, Some(at)),
        Mark::Paced(place, at) => (MARK_PACED, place, Some(at)),
        Mark::Floor(place, at) => (MARK_FLOOR, place, Some(at)),
        Mark::Forgotten(least) => {
            out.push(MARK_FORGOTTEN);
            return push_number(out, *least);
        }
    };
    out.push(kind);
    out.extend_from_slice(&place.identity.0.to_le_bytes());
    push_number(out, place.seq);
    out.push(place.enclosing.is_some().into());
    if let Some(enclosing) = place.enclosing {
        out.extend_from_slice(&enclosing.0.to_le_bytes());
    }
    if let Some(at) = at {
        push_number(out, at.0);
    }
}

/// Reads marks that [`encode_mark`] wrote one behind the other, and nothing else.
///
/// # Errors
/// If it is anything else.
pub fn decode_marks(bytes: &[u8]) -> Result<Vec<Mark>, Malformed> {
    let mut rest = Reader(bytes);
    let mut marks = Vec::new();
    while !rest.0.is_empty() {
        marks.push(mark(&mut rest)?);
    }
    Ok(marks)
}

/// Appends the code of a pattern of the table.
pub fn encode_pattern(marked: &MarkedPattern, out: &mut Vec<u8>) {
    out.push(force_code(marked.force));
    push_number(out, marked.seq);
    push_number(out, marked.at.0);
    push_bytes(out, marked.pattern.as_str().as_bytes());
}

/// Reads patterns that [`encode_pattern`] wrote one behind the other, and nothing else.
///
/// # Errors
/// If it is anything else.
pub fn decode_patterns(bytes: &[u8]) -> Result<Vec<MarkedPattern>, Malformed> {
    let mut rest = Reader(bytes);
    let mut patterns = Vec::new();
    while !rest.0.is_empty() {
        patterns.push(MarkedPattern {
            force: force(&mut rest)?,
            seq: seq(&mut rest)?,
            at: Timestamp(rest.number()?),
            pattern: pattern(&mut rest)?,
        });
    }
    Ok(patterns)
}

fn push_scope(out: &mut Vec<u8>, scope: &Scope) {
    match scope {
        Scope::Everything => out.push(EVERYTHING),
        Scope::Site(site) => {
            out.push(SITE);
            push_number(out, site.0);
        }
        Scope::Url(Url { host: Some(host), target }) => {
            out.push(URL);
            push_bytes(out, host.as_bytes());
            push_bytes(out, target.as_bytes());
        }
        Scope::Url(Url { host: None, target }) => {
            out.push(PATH);
            push_bytes(out, target.as_bytes());
        }
        Scope::SitePath(site, path) => {
            out.push(SITE_PATH);
            push_number(out, site.0);
            push_bytes(out, path.as_bytes());
        }
        Scope::Prefix(prefix) => {
            out.push(PREFIX);
            push_bytes(out, prefix.get().host().unwrap_or_default().as_bytes());
            push_bytes(out, prefix.get().target().as_bytes());
        }
        Scope::Tag(Some(site), tag) => {
            out.push(TAG);
            push_number(out, site.0);
            push_bytes(out, tag.as_bytes());
        }
        Scope::Tag(None, tag) => {
            out.push(TAG_ANYWHERE);
            push_bytes(out, tag.as_bytes());
        }
        Scope::Group { origin, group } => {
            out.push(GROUP);
            push_bytes(out, origin.as_bytes());
            push_bytes(out, group.as_bytes());
        }
        Scope::Pattern(pattern) => {
            out.push(PATTERN);
            push_bytes(out, pattern.as_str().as_bytes());
        }
    }
}

fn scope(rest: &mut Reader<'_>) -> Result<Scope, Malformed> {
    Ok(match rest.byte()? {
        EVERYTHING => Scope::Everything,
        SITE => Scope::Site(SiteId(rest.number()?)),
        URL => Scope::Url(Url { host: Some(rest.text()?), target: rest.text()? }),
        PATH => Scope::Url(Url { host: None, target: rest.text()? }),
        SITE_PATH => Scope::SitePath(SiteId(rest.number()?), rest.text()?),
        PREFIX => Scope::Prefix(prefix(rest)?),
        TAG => Scope::Tag(Some(SiteId(rest.number()?)), rest.text()?),
        TAG_ANYWHERE => Scope::Tag(None, rest.text()?),
        GROUP => Scope::Group { origin: rest.text()?, group: rest.text()? },
        PATTERN => Scope::Pattern(pattern(rest)?),
        _ => return Err(Malformed),
    })
}

fn prefix(rest: &mut Reader<'_>) -> Result<PathPrefix, Malformed> {
    let text = [rest.str()?, rest.str()?].concat();
    Prefix::parse(&text).and_then(PathPrefix::new).ok_or(Malformed)
}

fn pattern(rest: &mut Reader<'_>) -> Result<Pattern, Malformed> {
    Pattern::new(rest.str()?).ok_or(Malformed)
}

fn mark(rest: &mut Reader<'_>) -> Result<Mark, Malformed> {
    let kind = rest.byte()?;
    if kind == MARK_FORGOTTEN {
        return seq(rest).map(Mark::Forgotten);
    }
    let identity = Identity(rest.long()?);
    let seq = seq(rest)?;
    let enclosing = match rest.byte()? {
        0 => None,
        1 => Some(Identity(rest.long()?)),
        _ => return Err(Malformed),
    };
    let place = Place { identity, enclosing, seq };
    match kind {
        MARK_HARD => Ok(Mark::Hard(place)),
        MARK_SOFT => Ok(Mark::Soft(place, Timestamp(rest.number()?))),
        MARK_PACED => Ok(Mark::Paced(place, Timestamp(rest.number()?))),
        MARK_FLOOR => Ok(Mark::Floor(place, Timestamp(rest.number()?))),
        _ => Err(Malformed),
    }
}

fn seq(rest: &mut Reader<'_>) -> Result<u64, Malformed> {
    rest.number().and_then(|seq| if seq <= Table::MAX_SEQ { Ok(seq) } else { Err(Malformed) })
}

fn force(rest: &mut Reader<'_>) -> Result<Force, Malformed> {
    match rest.byte()? {
        HARD => Ok(Force::Hard),
        SOFT => Ok(Force::Soft),
        PACED => Ok(Force::Paced),
        _ => Err(Malformed),
    }
}

fn force_code(force: Force) -> u8 {
    match force {
        Force::Hard => HARD,
        Force::Soft => SOFT,
        Force::Paced => PACED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn a_scope() -> impl Strategy<Value = Scope> {
        let prefix = |text: &str| Prefix::parse(text).and_then(PathPrefix::new);
        prop_oneof![
            Just(Scope::Everything),
            any::<u64>().prop_map(|site| Scope::Site(SiteId(site))),
            (prop::option::of(".{0,9}"), ".{0,9}").prop_map(|(host, target)| {
                Scope::Url(Url { host: host.map(Into::into), target: target.into() })
            }),
            "([a-z]{1,3})?(/[a-z]{0,3}){0,4}"
                .prop_map(move |text| Scope::Prefix(prefix(&text).expect("a short prefix"))),
            (prop::option::of(any::<u64>()), ".{0,9}")
                .prop_map(|(site, tag)| Scope::Tag(site.map(SiteId), tag.into())),
            (any::<u64>(), ".{0,9}")
                .prop_map(|(site, path)| Scope::SitePath(SiteId(site), path.into())),
            (".{0,9}", ".{0,9}").prop_map(|(origin, group)| {
                Scope::Group { origin: origin.into(), group: group.into() }
            }),
            "[a-z*?/]{1,9}"
                .prop_filter_map("short", |text| { Pattern::new(&text).map(Scope::Pattern) }),
        ]
    }

    prop_compose! {
        fn a_purge()(
            scopes in prop::collection::vec(a_scope(), 0..9),
            force in prop::sample::select(&[Force::Hard, Force::Soft, Force::Paced][..]),
            at in any::<u64>(),
            (by, why) in (".{0,9}", ".{0,9}"),
        ) -> Purge {
            let (by, why) = (by.into(), why.into());
            Purge { scopes: scopes.into(), force, at: Timestamp(at), by, why }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_a_part_is_no_whole(
            purge in a_purge(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut code = Vec::new();
            encode(&purge, &mut code);
            prop_assert_eq!(decode(&code), Ok(purge));
            prop_assert!(decode(&code[..cut.index(code.len())]).is_err());
            code.push(0);
            prop_assert!(decode(&code).is_err());
        }

        #[test]
        fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode_marks(&bytes);
            let _ = decode_patterns(&bytes);
        }
    }
}
