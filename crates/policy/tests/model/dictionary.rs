//! A plain reader of structured dictionaries (RFC 9651 §3.2), as far as targeted cache control
//! has to know them (RFC 9213 §2.1).

use crate::text::Directive;

/// A member's value; of lists and of types without a use here only that they are there.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Integer(i64),
    Text(String),
    Boolean(bool),
    Other,
}

const NUMBERS: [&str; 4] = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"];
const FLAGS: [&str; 6] =
    ["no-store", "public", "must-revalidate", "proxy-revalidate", "must-understand", "immutable"];
const QUALIFIED: [&str; 2] = ["no-cache", "private"];

/// The directives of a targeted field; nothing if it is empty, no dictionary, or if a member
/// that is known has not the type that it must have (RFC 9213 §2.1; design §3).
pub fn directives(values: &[&str]) -> Option<Vec<Directive>> {
    let members = parse(&values.join(", "))?;
    if members.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for (name, item) in members {
        let known =
            NUMBERS.contains(&&*name) || FLAGS.contains(&&*name) || QUALIFIED.contains(&&*name);
        match item {
            // Decided: a negative number has the right type; no time is left.
            Item::Integer(number) if NUMBERS.contains(&&*name) => {
                found.push((name, Some(number.max(0).to_string())));
            }
            _ if NUMBERS.contains(&&*name) => return None,
            Item::Boolean(true) => found.push((name, None)),
            Item::Boolean(false) => {}
            Item::Text(names) if QUALIFIED.contains(&&*name) => found.push((name, Some(names))),
            _ if known => return None,
            _ => {}
        }
    }
    Some(found)
}

/// The members; of a name given twice the last (RFC 9651 §4.2.2).
fn parse(text: &str) -> Option<Vec<(String, Item)>> {
    let mut members: Vec<(String, Item)> = Vec::new();
    let mut rest = text.trim_matches(' ');
    while !rest.is_empty() {
        let (name, after) = key(rest)?;
        let (item, after) = match after.strip_prefix('=') {
            Some(after) if after.starts_with('(') => (Item::Other, inner_list(after)?),
            Some(after) => bare(after)?,
            None => (Item::Boolean(true), after),
        };
        let after = parameters(after)?.trim_start_matches([' ', '\t']);
        members.retain(|(known, _)| *known != name);
        members.push((name, item));
        rest = match after.strip_prefix(',') {
            Some(after) if after.trim_matches([' ', '\t']).is_empty() => return None,
            Some(after) => after.trim_start_matches([' ', '\t']),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(members)
}

fn taken(text: &str, fits: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !fits(c)).unwrap_or(text.len()))
}

fn key(text: &str) -> Option<(String, &str)> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.*".contains(c);
    let (name, rest) = taken(text, fits);
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '*');
    begins.then(|| (name.to_owned(), rest))
}

fn bare(text: &str) -> Option<(Item, &str)> {
    match text.chars().next()? {
        '"' => string(&text[1..]),
        '?' => match text.get(..2)? {
            "?1" => Some((Item::Boolean(true), &text[2..])),
            "?0" => Some((Item::Boolean(false), &text[2..])),
            _ => None,
        },
        c if c.is_ascii_alphabetic() || c == '*' => {
            let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c);
            Some((Item::Other, taken(text, fits).1))
        }
        _ => number(text),
    }
}

/// At most 15 digits; a decimal has at most 12 before its point and 1 to 3 behind it.
fn number(text: &str) -> Option<(Item, &str)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = taken(unsigned, |c| c.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 {
        return None;
    }
    if let Some(behind) = rest.strip_prefix('.') {
        let (fraction, rest) = taken(behind, |c| c.is_ascii_digit());
        let fits = whole.len() <= 12 && (1..=3).contains(&fraction.len());
        return fits.then_some((Item::Other, rest));
    }
    let value: i64 = whole.parse().ok()?;
    Some((Item::Integer(if text.starts_with('-') { -value } else { value }), rest))
}

/// What follows the opening quote.
fn string(text: &str) -> Option<(Item, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Item::Text(value), &text[at + 1..])),
            '\\' => value.push(chars.next().map(|(_, c)| c).filter(|c| "\\\"".contains(*c))?),
            ' '..='~' => value.push(c),
            _ => return None,
        }
    }
    None
}

fn inner_list(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('(')?;
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(after) = rest.strip_prefix(')') {
            return Some(after);
        }
        rest = parameters(bare(rest)?.1)?;
        if !rest.starts_with([' ', ')']) {
            return None;
        }
    }
}

fn parameters(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix(';') {
        let (_, after) = key(after.trim_start_matches(' '))?;
        rest = match after.strip_prefix('=') {
            Some(after) => bare(after)?.1,
            None => after,
        };
    }
    Some(rest)
}
