//! An explanation as text, in 80 columns.

use super::super::{printable, staleness};
use policy::time::Timestamp;
use serde_json::Value;

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Columns of the names of lines.
const NAMES: usize = 10;
/// Characters of a header's value that are shown.
const LONGEST_VALUE: usize = 300;

/// The explanation.
pub fn of(told: &Value) -> String {
    let mut text = Text::default();
    let verdict = &told["verdict"];
    let reason = verdict["reason"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
    text.free(&format!("{}{reason}", word(&verdict["words"])));
    text.free(&format!("{} {}", word(&told["method"]), word(&told["url"])));
    text.blank();
    if let Some(meaning) = verdict["meaning"].as_str() {
        text.line("meaning", meaning);
    }
    text.line("site", &site(&told["site"]));
    text.line("rule", &rule(&told["rule"]));
    if told["rule"]["path_is_ambiguous"] == true {
        text.line("", "an origin could read the path differently: rules that prolong are left out");
    }
    key(&told["key"], &mut text);
    headers("request", &told["request"], &mut text);
    for cookie in items(&told["request"]["cookies"]) {
        let what = cookie_role(word(&cookie["role"]));
        text.line("cookie", &format!("{}: {what}", word(&cookie["name"])));
    }
    stored(told, &mut text);
    if let Some(seconds) = told["uncacheable_for"].as_u64() {
        let what =
            format!("an answer could not be shared: for {seconds}s nobody waits for another");
        text.line("marked", &what);
    }
    if told["paused"] == true {
        text.line("paused", "a refresh failed of late: the origin is left alone for a while");
    }
    if told["coming"] == true {
        text.line("now", "it is being fetched");
    }
    fetched(&told["fetched"], &mut text);
    if told["fetched"].is_null() && verdict["outcome"] == "miss" {
        text.blank();
        text.free("--fetch asks the origin too, and tells whether its answer would be stored");
    }
    let changes = items(&told["change"]);
    if !changes.is_empty() {
        text.blank();
        text.free("to change it");
        for change in changes {
            text.wrapped(
                "  ",
                &format!("{}: {}", word(&change["reason"]), word(&change["remedy"])),
            );
        }
    }
    text.0
}

fn site(site: &Value) -> String {
    let preset = Some(word(&site["preset"])).filter(|preset| *preset != "none");
    let preset = preset.map(|preset| format!(", preset {preset}")).unwrap_or_default();
    format!("{}{preset}", word(&site["name"]))
}

fn rule(rule: &Value) -> String {
    let words = |list: &Value| items(list).iter().map(word).collect::<Vec<_>>().join("; ");
    let told: Vec<String> = [words(&rule["matches"]), words(&rule["sets"])].into();
    let told: Vec<String> = told.into_iter().filter(|words| !words.is_empty()).collect();
    let told = told.join(" → ");
    match (word(&rule["of"]), rule["number"].as_u64()) {
        ("preset", Some(number)) => format!("{number} of the preset: {told}"),
        (_, Some(number)) => format!("{number}: {told}"),
        ("built-in", None) => format!("built in: {told}"),
        (_, None) if told.is_empty() => "none matches: the origin's headers decide".to_owned(),
        (_, None) => format!("none matches; for all else: {told}"),
    }
}

fn key(key: &Value, text: &mut Text) {
    if key.is_null() {
        return;
    }
    let query = key["query"].as_str().map(|query| format!("?{query}")).unwrap_or_default();
    let (scheme, host) = (word(&key["scheme"]), word(&key["host"]));
    text.line("key", &format!("{scheme} {host} {}{query}", word(&key["path"])));
    for part in items(&key["parts"]) {
        let value = part["value"].as_str().unwrap_or("none");
        text.line("", &format!("with {}: {value}", word(&part["name"])));
    }
    for dropped in items(&key["dropped"]) {
        let note = match dropped["reaches_origin"] == true {
            true => ", which the origin is sent nevertheless",
            false => "",
        };
        text.line("", &format!("without {}{note}", word(&dropped["parameter"])));
    }
}

fn stored(told: &Value, text: &mut Text) {
    let (one, others) = (&told["stored"], items(&told["others"]));
    if told["key"].is_null() {
        return;
    }
    if one.is_null() {
        let what = if others.is_empty() { "nothing under this key" } else { "for other requests:" };
        text.line("stored", what);
        for other in others {
            let gone = if other["gone"] == true { " (purged)" } else { "" };
            text.line("", &format!("{}{gone}", variant(&other["variant"])));
        }
        return;
    }
    let tiers: Vec<&str> = items(&one["tiers"]).iter().map(word).collect();
    let bytes = match one["there_bytes"].as_u64() {
        Some(there) => format!("{there} of {} bytes", one["body_bytes"]),
        None => format!("{} bytes", one["body_bytes"]),
    };
    let others = match others.len() {
        0 => String::new(),
        more => format!("; {more} more for other requests"),
    };
    let is_gone = one["purged"]["effect"] == "gone";
    let tiers = tiers.join(" and ").replace("memory", "in memory").replace("disk", "on disk");
    text.line("stored", &format!("{}, {bytes}, {tiers}{others}", one["status"]));
    purged(&one["purged"], text);
    if is_gone {
        return;
    }
    headers("", one, text);
    if one["variant"].as_object().is_some_and(|fields| !fields.is_empty()) {
        text.line("variant", &variant(&one["variant"]));
    }
    text.line("fresh", &fresh(one));
    text.line(
        "age",
        &format!(
            "{}s: {}s when it came, {}s since",
            one["age"], one["age_on_arrival"], one["age_since"]
        ),
    );
    text.line("stale", &staleness::words(&one["stale"]));
    if one["paced_until"].is_u64() {
        text.line("", &format!("after the paced purge until {}", time(&one["paced_until"])));
    }
    if one["invalid"] == true {
        text.line("invalid", "made so by an unsafe request: the origin is asked first");
    }
    let tags: Vec<&str> = items(&one["tags"]).iter().map(word).collect();
    if !tags.is_empty() {
        text.line("tags", &tags.join(", "));
    }
}

/// The request fields that tell a response apart.
fn variant(variant: &Value) -> String {
    let fields = variant.as_object().into_iter().flatten();
    let told = fields.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or("none")));
    told.collect::<Vec<_>>().join(", ")
}

fn fresh(one: &Value) -> String {
    let says = &one["says"];
    let lifetime = format!("{}s by {}", says["lifetime"], by(says));
    if one["must_validate"] == true {
        return format!("{lifetime}; must be validated each time");
    }
    let left = match one["ttl"].as_i64().unwrap_or_default() {
        ttl if ttl < 0 => format!("ended {}s ago,", -ttl),
        ttl => format!("{ttl}s left, until"),
    };
    format!("{lifetime}; {left} {}", time(&one["expires_at"]))
}

/// Where a lifetime is from.
fn by(says: &Value) -> String {
    let speaker = says["speaker"].as_str().unwrap_or("no header");
    match word(&says["lifetime_by"]) {
        "rule" => "the rule".to_owned(),
        "expires" => "Expires".to_owned(),
        "last-modified" => "Last-Modified, of which a tenth is taken".to_owned(),
        "preset" => "the framework, which says that it is old".to_owned(),
        "nothing" => "nothing that says so".to_owned(),
        "purge" => "a soft purge".to_owned(),
        "earlier-rules" => "rules of another time".to_owned(),
        directive => format!("{directive} of {speaker}"),
    }
}

fn purged(purged: &Value, text: &mut Text) {
    if purged.is_null() {
        return;
    }
    let effect = if purged["effect"] == "gone" { "gone" } else { "stale since" };
    if items(&purged["by"]).is_empty() {
        text.line(
            "purged",
            &format!("{effect}: the purge log that it was stored under is no more"),
        );
    }
    for purge in items(&purged["by"]) {
        let folded = if purge["folded"] == true { "all older of " } else { "" };
        let mut what = format!(
            "{} by purge {} of {folded}{}",
            word(&purge["force"]),
            purge["seq"],
            word(&purge["scope"])
        );
        if purge["at"].is_u64() {
            what.push_str(&format!(", {}", time(&purge["at"])));
        }
        if let Some(who) = purge["by"].as_str() {
            what.push_str(&format!(", by {who}"));
        }
        if let Some(why) = purge["why"].as_str() {
            what.push_str(&format!(": {why}"));
        }
        text.line("purged", &what);
    }
}

fn fetched(fetched: &Value, text: &mut Text) {
    if fetched.is_null() {
        return;
    }
    text.blank();
    let error = &fetched["error"];
    if error.is_object() {
        let reason = error["reason"].as_str().map(|why| format!("{why}: ")).unwrap_or_default();
        text.line("fetched", &format!("{reason}{}", word(&error["words"])));
        return;
    }
    let bytes = fetched["body_bytes"].as_u64().map(|bytes| format!(", {bytes} bytes"));
    let bytes = bytes.unwrap_or_default();
    let (status, took) = (&fetched["status"], &fetched["milliseconds"]);
    text.line("fetched", &format!("{status}{bytes}, after {took} ms"));
    headers("", fetched, text);
    match fetched["reason"].as_str() {
        Some(why) => {
            let meaning = fetched["meaning"].as_str().unwrap_or_default();
            text.line("verdict", &format!("not stored ({why}). {meaning}"));
        }
        None => {
            let says = &fetched["says"];
            let validated = match fetched["must_validate"] == true {
                true => ", and validated each time",
                false => "",
            };
            let lifetime = format!("fresh for {}s by {}{validated}", says["lifetime"], by(says));
            text.line("verdict", &format!("would be stored: {lifetime}"));
            text.line("stale", &staleness::words(&fetched["stale"]));
        }
    }
}

/// The header fields of a request or response.
fn headers(name: &str, of: &Value, text: &mut Text) {
    let is_ruled = of["says"]["lifetime_by"] == "rule";
    // Cookies are told one by one, and every response has a date.
    let tells = |header: &&Value| header["role"] != "cookies" && header["name"] != "date";
    for (at, header) in items(&of["headers"]).iter().filter(tells).enumerate() {
        let value = header["value"].as_str().map(|value| {
            let short: String = value.chars().take(LONGEST_VALUE).collect();
            if short.len() < value.len() { short + "…" } else { short }
        });
        let value = value.unwrap_or_else(|| "(not shown)".to_owned());
        let role = match word(&header["role"]) {
            "speaks" if is_ruled => "  (a rule says how long it is fresh)",
            role => header_role(role),
        };
        let told = format!("{}: {value}{role}", word(&header["name"]));
        text.line(if at == 0 { name } else { "" }, &told);
    }
}

/// What a header did, where that does not go without saying.
fn header_role(role: &str) -> &'static str {
    match role {
        "speaks" => "  ← decides",
        "overruled" => "  (overruled)",
        "unheard" => "  (malformed or says nothing: not heard)",
        "sets-cookie" => "  ← for one visitor",
        "authorizes" => "  ← for one visitor",
        _ => "",
    }
}

fn cookie_role(role: &str) -> &'static str {
    match role {
        "session" => "a session's, so the request passes by",
        "keyed" => "part of the key",
        "ignored" => "does not count",
        _ => "may be a visitor's: stored only on explicit shared freshness",
    }
}

/// Text of the documentation without the addresses of its links, and with what they say.
fn without_links(text: &str) -> String {
    let mut parts = text.split("](");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match (out.rfind('['), part.split_once(')')) {
            (Some(at), Some((_, rest))) => {
                out.remove(at);
                out.push_str(rest);
            }
            _ => {
                out.push_str("](");
                out.push_str(part);
            }
        }
    }
    out
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A time in seconds since 1970.
fn time(seconds: &Value) -> String {
    Timestamp::from_seconds(seconds.as_u64().unwrap_or_default()).to_http()
}

/// Text that grows by lines, each wrapped.
#[derive(Default)]
struct Text(String);

impl Text {
    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn free(&mut self, text: &str) {
        self.wrapped("", text);
    }

    /// A line with a name before it, which further lines are indented to.
    fn line(&mut self, name: &str, text: &str) {
        self.wrapped(&format!("{name:<NAMES$}"), text);
    }

    fn wrapped(&mut self, first: &str, text: &str) {
        let text = printable(&without_links(text));
        let mut line = first.to_owned();
        let mut has_words = false;
        for word in text.split(' ') {
            let columns = line.chars().count() + 1 + word.chars().count();
            if has_words && columns > WIDTH {
                self.0.push_str(line.trim_end());
                self.0.push('\n');
                line = " ".repeat(first.chars().count());
                has_words = false;
            }
            if has_words {
                line.push(' ');
            }
            line.push_str(word);
            has_words = true;
        }
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }
}
