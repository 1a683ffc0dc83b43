//! What becomes of items: which of them stay, in which order, with which fields and names.

use crate::plan::edit::Stretch;
use crate::plan::fault::Fault;
use crate::plan::json::at_path;
use crate::plan::recipe::{Shape, Sort};
use crate::plan::tree::{Kind, Member, Node};
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::Offset;
use std::cmp::Ordering;
use std::ops::Range;

/// What an item is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum By {
    Number(f64),
    Text(String),
}

/// The items that are published, by their number, in their order.
pub(super) fn order(items: usize, by: &[Option<By>], shape: &Shape) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items).collect();
    if let Some(sort) = &shape.sort {
        let keys = keys(by);
        order.sort_by(|a, b| compare(keys.get(*a), keys.get(*b), sort.descending));
    }
    order.truncate(shape.limit.unwrap_or(usize::MAX));
    order
}

/// A sort key; all of one list are of one kind.
enum Key {
    Number(f64),
    Date(i128),
    Text(String),
}

/// As numbers if all are, as dates if all are, else as text.
fn keys(by: &[Option<By>]) -> Vec<Option<Key>> {
    let number = |by: &By| match by {
        By::Number(number) => Some(Key::Number(*number)),
        By::Text(_) => None,
    };
    let date = |by: &By| match by {
        By::Number(_) => None,
        By::Text(text) => date(text).map(Key::Date),
    };
    let text = |by: &By| match by {
        By::Number(number) => Some(Key::Text(number.to_string())),
        By::Text(text) => Some(Key::Text(text.clone())),
    };
    all(by, number).or_else(|| all(by, date)).or_else(|| all(by, text)).unwrap_or_default()
}

fn all(by: &[Option<By>], read: impl Fn(&By) -> Option<Key>) -> Option<Vec<Option<Key>>> {
    by.iter().map(|by| by.as_ref().map_or(Some(None), |by| read(by).map(Some))).collect()
}

fn compare(a: Option<&Option<Key>>, b: Option<&Option<Key>>, descending: bool) -> Ordering {
    let ordering = match (a.and_then(Option::as_ref), b.and_then(Option::as_ref)) {
        (Some(Key::Number(a)), Some(Key::Number(b))) => a.total_cmp(b),
        (Some(Key::Date(a)), Some(Key::Date(b))) => a.cmp(b),
        (Some(Key::Text(a)), Some(Key::Text(b))) => a.cmp(b),
        // Whatever the order, what has no value is last.
        (a, b) => return b.is_some().cmp(&a.is_some()),
    };
    if descending { ordering.reverse() } else { ordering }
}

/// Nanoseconds since 1970 of a date of RFC 3339 or RFC 2822; without a zone it is taken for UTC.
fn date(text: &str) -> Option<i128> {
    let text = text.trim();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_nanosecond());
    }
    if let Ok(time) = rfc2822::DateTimeParser::new().parse_timestamp(text) {
        return Some(time.as_nanosecond());
    }
    let civil: DateTime = text.parse().ok()?;
    Offset::UTC.to_timestamp(civil).ok().map(jiff::Timestamp::as_nanosecond)
}

/// What the items of JSON are sorted by.
pub(super) fn json_keys(text: &str, items: &[&Node], sort: &Sort) -> Vec<Option<By>> {
    let by = |item: &&Node| {
        let node = at_path(text, item, &sort.path)?;
        if let Some(said) = node.said(text) {
            return Some(By::Text(said.text().to_owned()));
        }
        match node.to_value(text) {
            serde_json::Value::Number(number) => number.as_f64().map(By::Number),
            serde_json::Value::Bool(is) => Some(By::Text(is.to_string())),
            _ => None,
        }
    };
    items.iter().map(by).collect()
}

/// The stretches of a document whose items are `items`, of which those in `order` are published, each as
/// `item` writes it. What stands between items stays where it stands; what would stand before one that is
/// not there stays only where `keeps_gap` says so.
pub(super) fn arrange(
    items: &[Range<usize>],
    length: usize,
    order: &[usize],
    item: impl Fn(usize) -> Vec<Stretch>,
    keeps_gap: impl Fn(Range<usize>) -> bool,
) -> Vec<Stretch> {
    let (Some(first), Some(last)) = (items.first(), items.last()) else {
        return vec![Stretch::Copy(0..length)];
    };
    let mut stretches = vec![Stretch::Copy(0..first.start)];
    for place in 0..items.len() {
        if place > 0 {
            let gap = items[place - 1].end..items[place].start;
            if place < order.len() || keeps_gap(gap.clone()) {
                stretches.push(Stretch::Copy(gap));
            }
        }
        stretches.extend(order.get(place).into_iter().flat_map(|number| item(*number)));
    }
    stretches.push(Stretch::Copy(last.end..length));
    stretches
}

/// Whether items are neighbours in one array, so that they may change places.
///
/// # Errors
/// When they are not and the shape asks for it.
pub(super) fn check_neighbours(
    text: &str,
    items: &[Range<usize>],
    shape: &Shape,
) -> Result<(), Fault> {
    let asks = shape.sort.is_some() || shape.limit.is_some();
    let parted = |two: &[Range<usize>]| text[two[0].end..two[1].start].trim() != ",";
    if asks && items.windows(2).any(parted) {
        let what = "sort and limit need items that stand in one array: leave them out, or let items select one";
        return Err(Fault::Shape { what: what.to_owned() });
    }
    Ok(())
}

/// An item of JSON with the fields that are picked, under their names.
pub(super) fn fields(text: &str, item: &Node, shape: &Shape) -> Vec<Stretch> {
    let Kind::Object(members) = &item.kind else { return vec![Stretch::Copy(item.range.clone())] };
    if shape.pick.is_empty() && shape.rename.is_empty() {
        return vec![Stretch::Copy(item.range.clone())];
    }
    let chosen: Vec<(&Member, Option<&str>)> = members
        .iter()
        .map(|member| (member, member.name(text).text().to_owned()))
        .filter(|(_, name)| shape.pick.is_empty() || shape.pick.contains(name))
        .map(|(member, name)| (member, renamed(&name, shape)))
        .collect();
    let taken: Vec<&str> = chosen.iter().filter_map(|(_, new)| *new).collect();
    let mut stretches = vec![Stretch::Say("{".into())];
    for (member, new) in chosen {
        // What gets a name takes it from who had it.
        if new.is_none() && taken.contains(&member.name(text).text()) {
            continue;
        }
        if stretches.len() > 1 {
            stretches.push(Stretch::Say(",".into()));
        }
        let value = &member.value.range;
        match new {
            None => stretches.push(Stretch::Copy(member.key.start..value.end)),
            Some(new) => {
                let name = serde_json::Value::from(new).to_string();
                stretches.push(Stretch::Say(name.into()));
                stretches.push(Stretch::Copy(member.key.end..value.end));
            }
        }
    }
    stretches.push(Stretch::Say("}".into()));
    stretches
}

fn renamed<'a>(name: &str, shape: &'a Shape) -> Option<&'a str> {
    shape.rename.iter().find(|(from, _)| from == name).map(|(_, to)| to.as_str())
}
