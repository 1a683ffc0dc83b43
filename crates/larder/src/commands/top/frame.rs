//! What `larder top` shows: two samples of the status made into lines.

use super::super::printable;
use super::per_second;
use serde_json::Value;
use std::time::Instant;

/// The most reasons that are shown.
const MOST_REASONS: usize = 12;
/// Columns of a site's name.
const NAME_COLUMNS: usize = 23;

/// The numbers at one moment.
pub struct Sample {
    /// What `/v1/status` said.
    pub status: Value,
    at: Instant,
}

impl Sample {
    /// What was said at that moment.
    pub fn new(status: Value, at: Instant) -> Sample {
        Sample { status, at }
    }
}

/// The lines of a frame for so many columns and rows.
pub fn render(before: &Sample, now: &Sample, (columns, rows): (usize, usize)) -> Vec<String> {
    let seconds = now.at.duration_since(before.at).as_secs_f64();
    let (old, new) = (&before.status, &now.status);
    let mut lines = head(old, new, seconds);
    lines.push(String::new());
    lines.extend(sites(old, new, seconds));
    lines.push(String::new());
    // One row is the screen's own.
    let room = rows.saturating_sub(lines.len() + 2).min(MOST_REASONS);
    lines.extend(reasons(old, new, seconds, room));
    lines.iter().map(|line| printable(line).chars().take(columns).collect()).collect()
}

fn head(old: &Value, new: &Value, seconds: f64) -> Vec<String> {
    let rate = |pointer: &str| per_second(at(old, pointer), at(new, pointer), seconds);
    let sum = |pointer: &str| {
        let of = |status: &Value| -> f64 {
            let sites = status["by_site"].as_array().map(Vec::as_slice).unwrap_or_default();
            sites.iter().filter_map(|site| at(site, pointer).as_f64()).sum()
        };
        per_second(&of(old).into(), &of(new).into(), seconds)
    };
    let disk = match (new["disk"].is_null(), new["disk"]["failing"].as_str()) {
        (true, _) => "none".to_owned(),
        (_, Some(why)) => format!("cannot be written: {why}"),
        _ => tier(&new["disk"]),
    };
    let purges = &new["purges"];
    let log = match purges["failing"].as_str() {
        Some(why) => format!("refused: {why}"),
        None => format!("{} scopes told apart", count(&purges["scopes"])),
    };
    let stopping = if new["stopping"] == true { ", stopping" } else { "" };
    vec![
        format!(
            "larder {}, up {}{stopping}, {} sites, {} resident",
            new["version"].as_str().unwrap_or("?"),
            uptime(&new["uptime_seconds"]),
            new["sites"],
            size(&new["resident_bytes"]),
        ),
        format!(
            "requests  {}/s, from the cache {}; to clients {}/s; origins {}/s",
            short(rate("/requests/total")),
            share(&old["requests"], &new["requests"], seconds),
            size(&sum("/body_bytes").into()),
            short(sum("/origin/requests")),
        ),
        format!(
            "memory    {}; {}/s evicted",
            tier(&new["memory"]),
            short(rate("/memory/evictions"))
        ),
        format!("disk      {disk}"),
        format!(
            "now       {} connections, {} fills, {} refreshes, {} on their way in",
            new["in_flight"]["connections"],
            new["in_flight"]["fills"],
            new["in_flight"]["refreshes"],
            size(&new["in_flight"]["bytes"]),
        ),
        format!("purges    {} since the start, {log}", count(&purges["taken"])),
    ]
}

/// A line a site, the busiest first.
fn sites(old: &Value, new: &Value, seconds: f64) -> Vec<String> {
    const NOTHING: &Value = &Value::Null;
    let mut lines: Vec<(f64, String)> = Vec::new();
    for site in new["by_site"].as_array().into_iter().flatten() {
        let sites = old["by_site"].as_array().map(Vec::as_slice).unwrap_or_default();
        let known = sites.iter().find(|known| known["name"] == site["name"]).unwrap_or(NOTHING);
        let rate = |pointer: &str| per_second(at(known, pointer), at(site, pointer), seconds);
        let answers = rate("/origin/answers");
        let millis = (answers > 0.0).then(|| rate("/origin/seconds") / answers * 1000.0);
        let name: String =
            site["name"].as_str().unwrap_or("?").chars().take(NAME_COLUMNS).collect();
        let column = |pointer: &str| format!("{:>7}", short(rate(pointer)));
        let line = format!(
            "{name:<NAME_COLUMNS$}{}{:>8}{}{}{}{}{}{:>7}",
            column("/requests/total"),
            share(&known["requests"], &site["requests"], seconds),
            column("/requests/hit"),
            column("/requests/stale"),
            column("/requests/miss"),
            column("/requests/pass"),
            column("/origin/requests"),
            millis.map_or("-".to_owned(), |millis| format!("{millis:.0}")),
        );
        lines.push((rate("/requests/total"), line));
    }
    lines.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let head = format!(
        "{:<NAME_COLUMNS$}{:>7}{:>8}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}",
        "SITE", "REQ/S", "CACHE", "HIT", "STALE", "MISS", "PASS", "ORIGIN", "MS"
    );
    std::iter::once(head).chain(lines.into_iter().map(|(_, line)| line)).collect()
}

/// Why answers did not come from the cache, the most frequent of late first.
fn reasons(old: &Value, new: &Value, seconds: f64, room: usize) -> Vec<String> {
    let given = new["reasons"].as_object().into_iter().flatten();
    let mut reasons: Vec<(f64, u64, &str)> = given
        .map(|(reason, sum)| {
            let rate = per_second(&old["reasons"][reason.as_str()], sum, seconds);
            (rate, sum.as_u64().unwrap_or_default(), reason.as_str())
        })
        .collect();
    reasons.sort_by(|one, other| other.0.total_cmp(&one.0).then(other.1.cmp(&one.1)));
    let line = |(rate, sum, reason): (f64, u64, &str)| {
        format!("{reason:<NAME_COLUMNS$}{:>7}{sum:>12}", short(rate))
    };
    let head = format!("{:<NAME_COLUMNS$}{:>7}{:>12}", "WHY NOT A PLAIN HIT", "/S", "IN ALL");
    std::iter::once(head).chain(reasons.into_iter().take(room).map(line)).collect()
}

fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    const NOTHING: &Value = &Value::Null;
    value.pointer(pointer).unwrap_or(NOTHING)
}

/// The share of the requests of late that needed no body from an origin.
fn share(old: &Value, new: &Value, seconds: f64) -> String {
    let rate = |name: &str| per_second(&old[name], &new[name], seconds);
    let saved: f64 = ["hit", "stale", "revalidated", "collapsed"].map(rate).iter().sum();
    let asked = saved + rate("miss") + rate("pass");
    if asked > 0.0 { format!("{:.1} %", saved / asked * 100.0) } else { "-".to_owned() }
}

fn tier(tier: &Value) -> String {
    let (bytes, most) = (size(&tier["bytes"]), size(&tier["size_bytes"]));
    format!("{} stored, {bytes} of {most}", count(&tier["objects"]))
}

/// A rate in few digits.
fn short(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        ..9.95 => format!("{rate:.1}"),
        ..99_999.5 => format!("{rate:.0}"),
        _ => format!("{:.0}k", rate / 1000.0),
    }
}

fn size(bytes: &Value) -> String {
    let mut amount = bytes.as_f64().unwrap_or_default();
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            let digits = usize::from(amount < 10.0 && unit != "B");
            return format!("{amount:.digits$} {unit}");
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}

/// A whole number with its thousands apart.
fn count(number: &Value) -> String {
    let digits = number.as_u64().unwrap_or_default().to_string();
    let mut apart = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

fn uptime(seconds: &Value) -> String {
    let seconds = seconds.as_u64().unwrap_or_default();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) if minutes == 0 => format!("{seconds} s"),
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn status(factor: u64) -> Value {
        let requests = |times: u64| {
            json!({
                "hit": 80 * times, "stale": 5 * times, "revalidated": 0, "collapsed": 5 * times,
                "miss": 8 * times, "pass": 2 * times, "total": 100 * times,
            })
        };
        let site = |name: &str, times: u64| {
            json!({
                "name": name, "requests": requests(times), "body_bytes": times << 20,
                "origin": { "requests": 10 * times, "answers": 10 * times, "seconds": 0.45 * times as f64 },
            })
        };
        json!({
            "version": "1.2.3", "uptime_seconds": 90_000, "sites": 2, "stopping": false,
            "resident_bytes": 108 << 20,
            "memory": { "objects": 51_234, "bytes": 60 << 20, "size_bytes": 64 << 20, "evictions": 0 },
            "disk": { "objects": 1_203_441, "bytes": 3_435_973_836_u64, "size_bytes": 10_u64 << 30 },
            "in_flight": { "connections": 231, "fills": 4, "refreshes": 2, "bytes": 4096 },
            "purges": { "taken": 17, "scopes": 12, "failing": null },
            "requests": requests(3 * factor),
            "by_site": [site("quiet.example", factor), site("busy.example\u{1b}[2J", 2 * factor)],
            "reasons": { "uri-miss": 20 * factor, "no-store": factor, "method": 9 },
        })
    }

    #[test]
    fn a_frame_shows_what_changed_in_a_second() {
        let begun = Instant::now();
        let later = begun + Duration::from_secs(2);
        let (before, now) = (Sample::new(status(1), begun), Sample::new(status(3), later));
        let frame = render(&before, &now, (80, 24));
        let expected = "\
larder 1.2.3, up 1 d 1 h, 2 sites, 108 MiB resident
requests  300/s, from the cache 90.0 %; to clients 3.0 MiB/s; origins 30/s
memory    51,234 stored, 60 MiB of 64 MiB; 0/s evicted
disk      1,203,441 stored, 3.2 GiB of 10 GiB
now       231 connections, 4 fills, 2 refreshes, 4.0 KiB on their way in
purges    17 since the start, 12 scopes told apart

SITE                     REQ/S   CACHE    HIT  STALE   MISS   PASS ORIGIN     MS
busy.example\u{fffd}[2J           200  90.0 %    160     10     16    4.0     20     45
quiet.example              100  90.0 %     80    5.0    8.0    2.0     10     45

WHY NOT A PLAIN HIT         /S      IN ALL
uri-miss                    20          60
no-store                   1.0           3
method                       0           9";
        let expected: Vec<String> =
            expected.lines().map(|line| line.chars().take(80).collect()).collect();
        assert_eq!(frame, expected, "\n{}", frame.join("\n"));
    }

    #[test]
    fn a_restart_and_a_small_window_are_borne() {
        let begun = Instant::now();
        let later = begun + Duration::from_secs(1);
        let (before, now) = (Sample::new(status(9), begun), Sample::new(status(1), later));
        let frame = render(&before, &now, (20, 3));
        assert!(frame.iter().all(|line| line.chars().count() <= 20), "{frame:?}");
        assert!(!frame.concat().contains("/s, from the cache -"), "{frame:?}");
        let nothing = Sample::new(Value::Null, begun);
        assert!(!render(&nothing, &Sample::new(Value::Null, later), (80, 24)).is_empty());
    }

    #[test]
    fn numbers_are_short() {
        for (rate, text) in
            [(0.0, "0"), (0.25, "0.2"), (9.94, "9.9"), (10.0, "10"), (123_456.0, "123k")]
        {
            assert_eq!(short(rate), text);
        }
        for (bytes, text) in
            [(0_u64, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (12 << 20, "12 MiB")]
        {
            assert_eq!(size(&bytes.into()), text);
        }
        for (seconds, text) in [(5, "5 s"), (65, "1 min"), (3700, "1 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(uptime(&seconds.into()), text);
        }
        assert_eq!(count(&1_234_567.into()), "1,234,567");
    }
}
