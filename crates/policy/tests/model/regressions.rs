//! One test for each bug that the sequences found, named by what it was.

use crate::agree;
use crate::script::{Ask, Behaviour, Rules, Sequence, Step, Template, Value, Wait};

type Pairs<'p> = &'p [(&'p str, &'p str)];

fn step(wait: Wait, method: &str, target: &str, lines: Pairs<'_>, origin: Behaviour) -> Step {
    let lines = lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let ask = Ask {
        method: method.to_owned(),
        host: "a.test".to_owned(),
        target: target.to_owned(),
        lines: lines.collect(),
        has_body: false,
    };
    Step { wait, ask, delay: 0, origin, again: Behaviour::Unreachable, purge: None }
}

const AT_ONCE: Wait = Wait::Millis(0);

fn get(lines: Pairs<'_>, origin: Behaviour) -> Step {
    step(AT_ONCE, "GET", "/p", lines, origin)
}

fn after(millis: u64, lines: Pairs<'_>, origin: Behaviour) -> Step {
    step(Wait::Millis(millis), "GET", "/p", lines, origin)
}

fn template(lines: Pairs<'_>) -> Template {
    let text = |value: &str| match value {
        "(sent, strong)" => Value::SentTagStrong,
        value => Value::Text(value.to_owned()),
    };
    let lines = lines.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
    Template { status: 200, lines: lines.collect(), length: 10, cut: false }
}

fn answers(lines: Pairs<'_>) -> Behaviour {
    Behaviour::Answer(template(lines))
}

fn confirms(lines: Pairs<'_>) -> Behaviour {
    Behaviour::Confirm(template(lines))
}

fn holds(steps: Vec<Step>) {
    agree(&Sequence { rules: Rules::default(), steps }).expect("policy does what the model does");
}

const FRESH: (&str, &str) = ("Cache-Control", "max-age=60");
const TAG: (&str, &str) = ("ETag", "\"a\"");

#[test]
fn what_varies_on_the_clients_address_was_shared() {
    for name in ["X-Forwarded-For", "forwarded"] {
        holds(vec![get(&[], answers(&[FRESH, ("Vary", name)])), get(&[], answers(&[]))]);
    }
}

#[test]
fn a_nominated_field_that_was_empty_matched_one_that_was_absent() {
    let stored = answers(&[FRESH, ("Vary", "X-A")]);
    holds(vec![get(&[], stored), get(&[("x-a", "")], answers(&[FRESH]))]);
}

#[test]
fn a_withheld_field_that_decides_was_lost_from_the_store() {
    for value in ["no-cache=\"vary\"", "private=\"etag\"", "private=\"Cache-Control\""] {
        let stored =
            [("Cache-Control", "max-age=60"), ("Cache-Control", value), ("Vary", "X-A"), TAG];
        holds(vec![
            get(&[("x-a", "1")], answers(&stored)),
            get(&[("x-a", "1"), ("cache-control", "no-cache")], confirms(&[])),
            get(&[("x-a", "2")], answers(&[])),
        ]);
    }
}

#[test]
fn a_confirmation_that_is_not_kept_told_its_age_twice_and_wrong() {
    let unkept = [("Age", "50"), ("Cache-Control", "no-store")];
    holds(vec![get(&[], answers(&[TAG])), get(&[], confirms(&unkept))]);
}

#[test]
fn a_304_made_a_weak_tag_strong() {
    holds(vec![
        get(&[], answers(&[("ETag", "W/\"a\""), ("Cache-Control", "max-age=0")])),
        get(&[], confirms(&[("ETag", "(sent, strong)"), FRESH])),
        get(&[("range", "bytes=0-1"), ("if-range", "\"a\"")], answers(&[])),
    ]);
}

#[test]
fn a_304_with_a_weak_tag_of_its_own_and_another_date_confirmed() {
    let dates = ["Sun, 09 Sep 2001 01:30:00 GMT", "Sun, 09 Sep 2001 01:40:00 GMT"];
    holds(vec![
        get(&[], answers(&[("Last-Modified", dates[0]), ("Cache-Control", "max-age=0")])),
        get(&[], confirms(&[("ETag", "W/\"a\""), ("Last-Modified", dates[1])])),
    ]);
}

#[test]
fn max_stale_reached_beyond_the_window_that_lifts_s_maxage() {
    let windowed = answers(&[("Cache-Control", "s-maxage=5, stale-while-revalidate=5")]);
    let asks = [("cache-control", "max-stale")];
    holds(vec![get(&[], windowed), after(20_000, &asks, answers(&[]))]);
}

#[test]
fn a_client_with_max_age_got_what_was_stale() {
    let windowed = answers(&[("Cache-Control", "max-age=5, stale-while-revalidate=20")]);
    let asks = [("cache-control", "max-age=1000")];
    holds(vec![get(&[], windowed), after(6_000, &asks, answers(&[]))]);
}

#[test]
fn min_fresh_of_nothing_accepted_what_was_stale() {
    let windowed = answers(&[("Cache-Control", "max-age=5, stale-while-revalidate=20")]);
    let asks = [("cache-control", "min-fresh=0")];
    holds(vec![get(&[], windowed), after(6_000, &asks, answers(&[]))]);
}

#[test]
fn max_stale_without_a_value_had_an_end() {
    let old = answers(&[("Age", "99999999999"), ("Last-Modified", "junk")]);
    holds(vec![get(&[], old), after(1, &[("cache-control", "max-stale")], Behaviour::Unreachable)]);
}

#[test]
fn a_surrogate_control_about_other_things_silenced_private() {
    let private = [("Cache-Control", "private, max-age=60"), TAG];
    let esi = ("Surrogate-Control", "content=\"ESI/1.0\"");
    holds(vec![get(&[], answers(&[private[0], private[1], esi])), get(&[], answers(&[]))]);
}

#[test]
fn a_refresh_without_referer_took_the_place_of_one_with_it() {
    let value = "max-age=5, stale-while-revalidate=20";
    let windowed = answers(&[("Cache-Control", value), ("Vary", "Referer"), TAG]);
    let asks = [("referer", "http://r.test/1")];
    holds(vec![get(&asks, windowed), after(6_000, &asks, confirms(&[])), get(&[], answers(&[]))]);
}

#[test]
fn the_end_of_an_empty_body_was_unsatisfiable() {
    let empty = Behaviour::Answer(Template { length: 0, ..template(&[FRESH]) });
    holds(vec![get(&[], empty), get(&[("range", "bytes=-5")], answers(&[]))]);
}

#[test]
fn a_location_relative_to_the_target_made_another_url_invalid() {
    for (target, reference) in [("/p?q=1", "../p"), ("/p?q=1", "./x/../p"), ("/d/x", "../p")] {
        let moved = answers(&[("Location", reference)]);
        holds(vec![get(&[], answers(&[FRESH])), step(AT_ONCE, "POST", target, &[], moved)]);
    }
    let queried = step(AT_ONCE, "GET", "/p?q=1", &[], answers(&[FRESH]));
    let moved = answers(&[("Location", "?q=1")]);
    holds(vec![queried, step(AT_ONCE, "POST", "/p", &[], moved)]);
}
