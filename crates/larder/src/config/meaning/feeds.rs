//! What the feeds mean.

use super::{Notes, feed_checks, origin_tls};
use crate::config::place::Place;
use crate::config::words::JsonPathText;
use crate::config::written::{self, FeedFormat, Written};
use crate::hooks::Hook;
use crate::purging::site_called;
use mirror::plan::{Format, JsonPath, Recipe, Shape, Sort};
use mirror::schedule::{Fault, Schedule};
use mirror::settings::{BeforeFirst, Feed, Least, Limits, Settings};
use policy::fields::Fields;
use policy::rule::SiteId;
use proxy::outward::Ways;
use proxy::settings::{OriginTls, Reach, SiteSettings};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The most feeds that are taken.
const MAX_FEEDS: usize = 64;
/// How often a feed is fetched that does not say.
const USUAL_PERIOD: Duration = Duration::from_secs(3600);
/// The longest period: who waits longer has forgotten what it was for.
const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 3600);
/// The most pictures that one feed fetches at once.
const MAX_CONCURRENCY: usize = 64;

/// Works out the feeds, and whom to believe of their servers; those with a mistake are left out, which
/// is noted. `not_us`: how far they may lead at the most.
pub fn feeds(
    written: &Written,
    sites: &[SiteSettings],
    hooks: &[Arc<Hook>],
    not_us: &Reach,
    notes: &mut Notes<'_, '_>,
) -> (Vec<Arc<Feed>>, Option<OriginTls>) {
    let top = Place::top().key("feed");
    check_counts(written, &top, notes);
    let mut known: Vec<Arc<Feed>> = Vec::new();
    for (i, feed) in written.feed.iter().enumerate().take(MAX_FEEDS) {
        let place = top.index(i);
        let Some(feed) = one(feed, sites, not_us, &place, notes) else { continue };
        check_apart(&feed, &known, &place, notes);
        feed_checks::check_path(&feed, (written, sites, hooks), &place.key("serve_at"), notes);
        known.push(Arc::new(feed));
    }
    if known.is_empty() {
        return (known, None);
    }
    let needs_tls = known.iter().any(|feed| feed.url.starts_with("https:"));
    let place = Place::top().key("feeds").key("ca");
    let tls = origin_tls::of_feeds(&written.feeds, needs_tls, &place, notes);
    (known, tls)
}

fn check_counts(written: &Written, top: &Place, notes: &mut Notes<'_, '_>) {
    if written.feed.len() > MAX_FEEDS {
        let mend = format!("write at most {MAX_FEEDS}");
        notes.error(&top.index(MAX_FEEDS), "there are too many feeds", mend);
    }
    if written.feeds.concurrency.0 > MAX_CONCURRENCY {
        let place = Place::top().key("feeds").key("concurrency");
        let mend = format!("write at most {MAX_CONCURRENCY}");
        notes.error(&place, "these are more pictures at once than are fetched", mend);
    }
}

/// No two feeds have one name, nor one path of the same site.
fn check_apart(feed: &Feed, known: &[Arc<Feed>], place: &Place, notes: &mut Notes<'_, '_>) {
    let shares_site = |other: &Feed| match (other.site_id, feed.site_id) {
        (Some(its), Some(own)) => its == own,
        _ => true,
    };
    if known.iter().any(|other| other.name == feed.name) {
        notes.error(&place.key("name"), "another feed has this name", "give each its own");
    }
    if known.iter().any(|other| other.serve_at == feed.serve_at && shares_site(other)) {
        notes.error(&place.key("serve_at"), "another feed has this path", "give each its own");
    }
}

/// What the feeds are told.
pub fn settings(
    written: &Written,
    feeds: Vec<Arc<Feed>>,
    tls: Option<OriginTls>,
    folder: PathBuf,
    node: String,
) -> Settings {
    Settings {
        folder,
        size_bytes: written.feeds.size.0,
        concurrency: written.feeds.concurrency.0,
        node,
        origin: (&written.origin).into(),
        tls,
        feeds,
    }
}

/// One feed; nothing if it is not a whole one.
fn one(
    written: &written::Feed,
    sites: &[SiteSettings],
    not_us: &Reach,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<Feed> {
    check_whole(written, place, notes);
    let (site, site_id) = site(written, sites, place, notes)?;
    let (name, url) = (written.name.as_ref()?, written.url.as_ref()?);
    let serve_at = written.serve_at.as_ref()?;
    feed_checks::check(written, place, notes);
    let (schedule, recipe) = (schedule(written, place, notes)?, recipe(written, place, notes)?);
    let named = if written.allow_private { not_us.clone() } else { Reach::Public };
    Some(Feed {
        name: name.0.as_str().into(),
        url: url.0.as_str().into(),
        headers: headers(written),
        schedule,
        jitter: written.jitter.0,
        timeout: written.timeout.0,
        retries: u32::try_from(written.retries.0).unwrap_or(u32::MAX),
        recipe,
        serve_at: serve_at.0.as_str().into(),
        site,
        site_id,
        cache_control: written.cache_control.0.as_str().into(),
        public_url: written.public_url.as_ref().map(|it| it.0.url()).unwrap_or_default().into(),
        before_first: match written.before_first {
            written::BeforeFirst::Unavailable => BeforeFirst::Unavailable,
            written::BeforeFirst::Pass => BeforeFirst::Pass,
        },
        // The operator names the document's server, and it names others.
        ways: Ways { first: not_us.clone(), further: named.clone() },
        picture_ways: Ways { first: named.clone(), further: named },
        limits: limits(written),
        least: Least {
            items: written.min_items.0,
            max_shrink_percent: written.max_shrink.min(100),
        },
        grace: written.grace.0,
    })
}

fn headers(written: &written::Feed) -> Fields {
    let mut headers = Fields::new();
    for (name, value) in &written.headers {
        headers.push(name.0.as_bytes(), value.0.as_bytes());
    }
    headers
}

fn limits(written: &written::Feed) -> Limits {
    Limits {
        document_bytes: written.max_size.0,
        picture_bytes: written.max_image_size.0,
        pictures: written.max_images.0,
        pictures_time: written.images_timeout.0,
    }
}

fn check_whole(written: &written::Feed, place: &Place, notes: &mut Notes<'_, '_>) {
    for (key, is_missing, mend) in [
        ("name", written.name.is_none(), "write name = \"news\": the URLs of its pictures have it"),
        ("url", written.url.is_none(), "write url = \"https://api.example.com/news\""),
        ("serve_at", written.serve_at.is_none(), "write serve_at = \"/api/news.json\""),
    ] {
        if is_missing && !notes.document.has_lost_below(&place.key(key)) {
            notes.error(place, format!("this feed has no {key}"), mend);
        }
    }
}

/// The site of a feed, by the host that it names; every site where it names none.
fn site(
    written: &written::Feed,
    sites: &[SiteSettings],
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<(Option<Box<str>>, Option<SiteId>)> {
    let Some(host) = &written.site else { return Some((None, None)) };
    match site_called(sites, &host.0) {
        Some(site) => Some((Some(host.0.as_str().into()), Some(site.id))),
        None if sites.is_empty() => None,
        None => {
            let mend = "name a host as a [[site]] does, or leave it out: every site";
            notes.error(&place.key("site"), "no site has this host", mend);
            None
        }
    }
}

fn schedule(written: &written::Feed, place: &Place, notes: &mut Notes<'_, '_>) -> Option<Schedule> {
    let Some(cron) = &written.schedule else { return period(written, place, notes) };
    if written.every.is_some() {
        let mend = "write one of both";
        notes.error(&place.key("every"), "schedule says already when it is fetched", mend);
        return None;
    }
    check_timezone(&written.timezone, &place.key("timezone"), notes);
    let mend = "write it as in schedule = \"0 */2 * * *\", or every = \"2h\"";
    match Schedule::cron(cron, &written.timezone) {
        Ok(schedule) => return Some(schedule),
        // It was said of the time zone.
        Err(Fault::Zone { .. }) => {}
        Err(fault) => notes.error(&place.key("schedule"), fault.to_string(), mend),
    }
    None
}

fn check_timezone(timezone: &str, place: &Place, notes: &mut Notes<'_, '_>) {
    // Any schedule will do to ask.
    if let Err(Fault::Zone { written, meant }) = Schedule::cron("@hourly", timezone) {
        let usual = "write an IANA name such as Europe/Berlin".to_owned();
        let mend = meant.map_or(usual, |meant| format!("write \"{meant}\""));
        notes.error(place, format!("{written:?} is no time zone"), mend);
    }
}

fn period(written: &written::Feed, place: &Place, notes: &mut Notes<'_, '_>) -> Option<Schedule> {
    if notes.document.has(&place.key("timezone")) {
        let mend = "write schedule = \"0 6 * * *\", or leave the time zone out";
        notes.warn(&place.key("timezone"), "only a schedule has use for it", mend);
    }
    let (period, place_of_period) =
        (written.every.map_or(USUAL_PERIOD, |every| every.0), place.key("every"));
    if written.jitter.0 > period / 2 {
        let what = "this is longer than half the period, which is what counts";
        notes.warn(&place.key("jitter"), what, "write a shorter one");
    }
    if period > MAX_PERIOD {
        let mend = "write a year (\"366d\") or less";
        notes.error(&place_of_period, "a feed is fetched once a year at the least", mend);
        return None;
    }
    let mend = "write whole seconds, as in every = \"2h\"";
    Schedule::every(period)
        .map_err(|fault| notes.error(&place_of_period, fault.to_string(), mend))
        .ok()
}

fn recipe(written: &written::Feed, place: &Place, notes: &mut Notes<'_, '_>) -> Option<Recipe> {
    let paths = |all: &[JsonPathText]| -> Vec<JsonPath> {
        all.iter().filter_map(JsonPathText::path).collect()
    };
    let sort = written.sort.as_deref().map(Sort::parse).transpose();
    let mend = "name a field of items, as in sort = \"-published\"";
    let sort =
        sort.map_err(|fault| notes.error(&place.key("sort"), fault.to_string(), mend)).ok()?;
    let recipe = Recipe {
        format: written.format.map(format),
        items: written.items.as_ref().and_then(JsonPathText::path),
        images: paths(&written.images),
        srcsets: paths(&written.srcsets),
        html: paths(&written.html),
        keep_original_as: written.keep_original_as.clone(),
        shape: Shape {
            pick: written.pick.clone(),
            rename: written.rename.iter().map(|(old, new)| (old.clone(), new.clone())).collect(),
            limit: written.limit.map(|count| count.0),
            sort,
        },
        max_items: written.max_items.0,
        max_values: written.max_values.0,
        max_pictures: written.max_images.0,
        ..Recipe::default()
    };
    if feed_checks::check_format(written, place, notes) {
        return None;
    }
    let mend = "leave it out, or write format = \"json\"";
    recipe.check().map_err(|fault| notes.error(place, fault.to_string(), mend)).ok()?;
    Some(recipe)
}

fn format(written: FeedFormat) -> Format {
    match written {
        FeedFormat::Json => Format::Json,
        FeedFormat::JsonFeed => Format::JsonFeed,
        FeedFormat::Rss => Format::Rss,
        FeedFormat::Atom => Format::Atom,
    }
}
