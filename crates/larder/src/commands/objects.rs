//! `larder objects`: lists what a running Larder has stored.

use super::ask::get_json;
use super::{Failure, printable, say};
use crate::admin::encode;
use crate::cli::Objects;
use serde_json::{Value, json};

/// The most that one page may have.
const PAGE: usize = 1000;

/// Lists what is stored, page after page.
///
/// # Errors
/// When a page cannot be had.
pub fn run(arguments: &Objects) -> Result<(), Failure> {
    let (mut left, mut cursor) = (arguments.limit, String::new());
    let mut all = Vec::new();
    let mut is_cut = false;
    while left > 0 {
        let prefix = encode(arguments.prefix.as_deref().unwrap_or_default());
        let target = format!("/v1/objects?limit={}&prefix={prefix}{cursor}", left.min(PAGE));
        let page = get_json(&arguments.asking, &target)?;
        let objects = page["objects"].as_array().cloned().unwrap_or_default();
        left -= objects.len().min(left);
        match arguments.json {
            true => all.extend(objects),
            false => say(&objects.iter().map(line).collect::<String>())?,
        }
        is_cut = page["next_cursor"].is_string();
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={}", encode(next));
    }
    if arguments.json {
        say(&format!("{:#}\n", json!({ "objects": all, "truncated": is_cut })))?;
    } else if is_cut {
        super::say_aside("there are more: --limit N shows more of them, --prefix P others\n");
    }
    Ok(())
}

/// One response on one line: status, tiers, age, how long it is still fresh, bytes, URL.
fn line(object: &Value) -> String {
    let state = match (object["invalid"].as_bool(), object["ttl"].as_i64().unwrap_or_default()) {
        (Some(true), _) => "invalid".to_owned(),
        (_, ttl) if ttl < 0 => format!("stale {}s", -ttl),
        (_, ttl) => format!("fresh {ttl}s"),
    };
    let tiers: Vec<&str> =
        object["tiers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let variant = object["variant"].as_object();
    let chosen: String = variant
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("  {name}: {}", value.as_str().unwrap_or("-")))
        .collect();
    let line = format!(
        "{:>3}  {:<11}  age {:>6}s  {:<12}  {:>10}  {}{chosen}",
        object["status"],
        tiers.join("+"),
        object["age"],
        state,
        object["body_bytes"],
        object["url"].as_str().unwrap_or_default(),
    );
    printable(&line) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_most_important_and_nothing_that_moves_the_cursor() {
        let object = json!({
            "status": 200, "tiers": ["memory", "disk"], "age": 3, "ttl": -7, "invalid": false,
            "body_bytes": 12, "url": "http://a.b/\u{1b}[2J", "variant": { "accept": null },
        });
        let line = line(&object);
        assert!(line.contains("200  memory+disk") && line.contains("stale 7s"), "{line}");
        assert!(line.contains("accept: -") && !line.contains('\u{1b}'), "{line}");
    }
}
