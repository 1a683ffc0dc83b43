//! `larder show`: one stored response of a running Larder, whole.

use super::ask::get_json;
use super::{Failure, printable, say, staleness};
use crate::admin::encode;
use crate::cli::Show;
use serde_json::Value;

/// Shows what a request would find, and all that is stored of its URL beside.
///
/// # Errors
/// When nothing is stored, or the question cannot be asked.
pub fn run(arguments: &Show) -> Result<(), Failure> {
    let mut target = format!("/v1/object?url={}", encode(&arguments.url));
    for header in &arguments.header {
        target.push_str(&format!("&header={}", encode(header)));
    }
    let shown = get_json(&arguments.asking, &target)?;
    if arguments.json {
        return say(&format!("{shown:#}\n"));
    }
    let stored = shown["stored"].as_array().cloned().unwrap_or_default();
    let mut text = String::new();
    if shown["picked"].is_object() {
        text.push_str(&whole(&shown["picked"]));
    } else {
        text.push_str("no stored response is for this request; stored of this URL:\n");
    }
    let others = stored.len().saturating_sub(usize::from(shown["picked"].is_object()));
    match (shown["picked"].is_object(), others) {
        (true, 0) => {}
        (true, _) => text.push_str(&format!("\nof this URL {} are stored:\n", stored.len())),
        (false, _) => {}
    }
    if others > 0 {
        text.extend(stored.iter().map(|one| format!("  {}\n", printable(&in_short(one)))));
        text.push_str("\n-H 'Name: value' tells of the request, so that its response is picked\n");
    }
    say(&text)
}

fn whole(picked: &Value) -> String {
    let mut lines = vec![
        format!("{} {}", picked["status"], word(&picked["url"])),
        format!("key       {}", key(picked)),
        format!("variant   {}", variant(picked)),
        format!("tiers     {}", list(&picked["tiers"])),
        format!("tags      {}", list(&picked["tags"])),
        format!("forms     {}", list(&picked["forms"])),
        match picked["there_bytes"].as_u64() {
            Some(there) => {
                format!("body      {} bytes, {there} of them here", picked["body_bytes"])
            }
            None => format!("body      {} bytes", picked["body_bytes"]),
        },
        format!("age       {}s", picked["age"]),
        format!("expires   {}", expiry(picked)),
        format!("stale     {}", staleness::words(&picked["stale"])),
        String::new(),
    ];
    for field in picked["headers"].as_array().into_iter().flatten() {
        lines.push(format!("{}: {}", word(&field[0]), word(&field[1])));
    }
    lines.iter().map(|line| printable(line) + "\n").collect()
}

fn in_short(one: &Value) -> String {
    format!("{} {}  {}  {}", one["status"], word(&one["url"]), key(one), variant(one))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn key(one: &Value) -> String {
    let key = &one["key"];
    let added = key["added"].as_str().map(|added| format!(" with {added}")).unwrap_or_default();
    format!("{} {} {}{added}", word(&key["scheme"]), word(&key["host"]), word(&key["target"]))
}

fn variant(one: &Value) -> String {
    let fields = one["variant"].as_object().into_iter().flatten();
    let fields: Vec<String> =
        fields.map(|(name, value)| format!("{name}: {}", word(value))).collect();
    if fields.is_empty() { "all requests".to_owned() } else { fields.join(", ") }
}

fn list(values: &Value) -> String {
    let words: Vec<&str> = values.as_array().into_iter().flatten().map(word).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

fn expiry(one: &Value) -> String {
    let invalid = one["invalid"].as_bool() == Some(true);
    let note = if invalid { "; made invalid: the origin is asked first" } else { "" };
    match one["ttl"].as_i64().unwrap_or_default() {
        ttl if ttl < 0 => format!("{}s ago{note}", -ttl),
        ttl => format!("in {ttl}s{note}"),
    }
}
