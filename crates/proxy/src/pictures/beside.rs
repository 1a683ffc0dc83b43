//! What the URL of a picture says to who asks by it, and to nobody else: under which name it is saved, and
//! until when. It is no part of what is kept, so it is told beside that.

use super::asked::Making;
use super::disposition::disposition;
use crate::answer::{Answer, Content};
use crate::heads::field_of;
use imaging::plan::Asked;
use policy::fields::Fields;
use policy::name::Name;
use policy::time::Timestamp;

/// The fields of an answer that its URL has a say in; they take the place of those that are kept.
pub fn beside(
    making: &Making,
    answer: &Answer,
    beside: Option<Box<Fields>>,
    now: Timestamp,
) -> Option<Box<Fields>> {
    let own = [
        saved_as(making, answer).map(|value| ("content-disposition", value)),
        ends(making, answer, now).map(|value| ("cache-control", value)),
    ];
    if own.iter().all(Option::is_none) {
        return beside;
    }
    let mut fields = beside.unwrap_or_default();
    for (name, value) in own.into_iter().flatten() {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    Some(fields)
}

fn saved_as(making: &Making, answer: &Answer) -> Option<String> {
    let delivery = &making.delivery;
    let is_told = delivery.name.is_some() || delivery.is_attachment;
    if !is_told || !matches!(answer.status(), 200 | 206) {
        return None;
    }
    let media_type = shown(answer, Name::ContentType)?;
    let kind = media_type.strip_prefix("image/")?.trim_end_matches("+xml");
    let asked = Asked { delivery: delivery.clone(), ..making.asked.clone() };
    disposition(&asked, &kind.replace("jpeg", "jpg"))
}

fn ends(making: &Making, answer: &Answer, now: Timestamp) -> Option<String> {
    let left = making.expires?.saturating_sub(now.seconds());
    let age = match &answer.content {
        Content::Stored { age, .. } => *age,
        _ => 0,
    };
    ended(&shown(answer, Name::CacheControl)?, left.saturating_add(age))
}

/// A `Cache-Control` by which nothing is used for longer than that many seconds; nothing where it says so
/// already.
fn ended(told: &str, most: u64) -> Option<String> {
    let all = || told.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let seconds = |directive: &str| {
        let (name, value) = directive.split_once('=')?;
        let value = value.trim().trim_matches('"').parse::<u64>().ok();
        Some((name.trim().to_ascii_lowercase(), value.unwrap_or(u64::MAX)))
    };
    let longest = |names: [&str; 2]| {
        let of = |(name, seconds): (String, u64)| names.contains(&&*name).then_some(seconds);
        all().filter_map(seconds).filter_map(of).max().unwrap_or_default()
    };
    let (fresh, stale) = (longest(LIVES), longest(WINDOWS));
    if fresh.saturating_add(stale) <= most {
        return None;
    }
    let kept = all().filter_map(|directive| match seconds(directive) {
        Some((name, seconds)) if LIVES.contains(&&*name) => {
            Some(format!("{name}={}", seconds.min(most)))
        }
        Some((name, _)) if WINDOWS.contains(&&*name) => None,
        _ if directive.eq_ignore_ascii_case("immutable") => None,
        _ => Some(directive.to_owned()),
    });
    Some(kept.collect::<Vec<_>>().join(", "))
}

/// The directives that say how long something is fresh.
const LIVES: [&str; 2] = ["max-age", "s-maxage"];
/// Those that say for how long it may be used beyond that.
const WINDOWS: [&str; 2] = ["stale-while-revalidate", "stale-if-error"];

/// What an answer shows as a field.
fn shown(answer: &Answer, name: Name) -> Option<String> {
    match &answer.content {
        Content::Stored { entry, .. } => field_of(&entry.heads.full, name),
        Content::Flowing { head, .. } => head.shown.text(name).map(str::to_owned),
        Content::Passing { shown, .. } => shown.text(name).map(str::to_owned),
        Content::Switched { .. } | Content::Made { .. } | Content::Own(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_used_for_longer_than_its_url() {
        for (told, most, wanted) in [
            ("max-age=60", 60, None),
            ("max-age=60", 59, Some("max-age=59")),
            ("public, max-age=31536000, immutable", 100, Some("public, max-age=100")),
            ("Public , S-MaxAge=9,max-age=\"200\"", 100, Some("Public, s-maxage=9, max-age=100")),
            ("max-age=60, stale-while-revalidate=60", 100, Some("max-age=60")),
            ("max-age=60, stale-if-error=30", 100, None),
            ("max-age=x", 100, Some("max-age=100")),
            ("max-age=60", 0, Some("max-age=0")),
            ("private, no-store", 0, None),
            ("no-cache", 0, None),
        ] {
            assert_eq!(ended(told, most).as_deref(), wanted, "{told} {most}");
        }
    }
}
