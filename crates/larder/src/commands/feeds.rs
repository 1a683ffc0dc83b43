//! `larder feeds`: how feeds stand, and their files.

use super::ask::{delete, get_json, post_json};
use super::{Failure, printable, say};
use crate::admin::encode;
use crate::cli::{Feeds, FeedsCommand, FeedsDrop, FeedsSweep};
use serde_json::{Value, json};

/// Pictures that are named of those that keep their URLs.
const MAX_NAMED: usize = 3;

/// Does one of them.
///
/// # Errors
/// When it cannot be done.
pub fn run(arguments: &Feeds) -> Result<(), Failure> {
    match &arguments.command {
        Some(FeedsCommand::Sweep(sweep)) => self::sweep(sweep),
        Some(FeedsCommand::Drop(drop)) => self::drop(drop),
        None => list(arguments),
    }
}

fn list(arguments: &Feeds) -> Result<(), Failure> {
    let told = get_json(&arguments.asking, "/v1/feeds")?;
    if arguments.json {
        return say(&format!("{told:#}\n"));
    }
    let feeds = told["feeds"].as_array().cloned().unwrap_or_default();
    let left: String =
        told["left_over"].as_array().into_iter().flatten().map(lines_of_left_over).collect();
    match feeds.is_empty() {
        true => say(&format!("no feed is configured: write a [[feed]]\n{left}")),
        false => say(&(feeds.iter().map(lines_of).collect::<String>() + &left)),
    }
}

fn lines_of_left_over(left: &Value) -> String {
    let name = printable(left["name"].as_str().unwrap_or_default());
    let bytes = size(left["bytes"].as_u64().unwrap_or_default());
    format!(
        "{name}  not in the configuration\n  files     {bytes}, which stay until \
         `larder feeds drop {name}`\n"
    )
}

fn lines_of(feed: &Value) -> String {
    let text = |value: &Value| printable(value.as_str().unwrap_or("–"));
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (edition, progress) = (&feed["edition"], &feed["progress"]);
    let state = match feed["state"].as_str() {
        Some("fetching") if number(&progress["all"]) > 0 => {
            format!("fetching, {} of {} pictures", progress["done"], progress["all"])
        }
        _ => text(&feed["state"]),
    };
    let mut lines = vec![
        format!("{}  {}", text(&feed["name"]), state),
        format!("  at        {} of {}", text(&feed["serve_at"]), site(&feed["site"])),
        format!("  from      {} ({})", text(&feed["url"]), text(&feed["schedule"])),
    ];
    if edition.is_null() {
        lines.push("  edition   none yet".to_owned());
    } else {
        lines.push(format!(
            "  edition   {}: {}, {}, {}; published {}, {} old",
            edition["number"],
            counted(&edition["items"], "item"),
            counted(&edition["pictures"], "picture"),
            size(number(&feed["bytes"])),
            text(&edition["published"]),
            age(number(&edition["age_seconds"])),
        ));
    }
    lines.push(format!(
        "  runs      last {}, next {}",
        text(&feed["last_run"]),
        text(&feed["next_run"])
    ));
    if !feed["last_error"].is_null() {
        let error = &feed["last_error"];
        lines.push(format!(
            "  failed    {} in a row; {}: {}",
            feed["failed_in_a_row"],
            text(&error["at"]),
            text(&error["error"])
        ));
    }
    lines.extend(left_out(edition));
    for note in feed["notes"].as_array().into_iter().flatten() {
        lines.push(format!("  note      {}", text(note)));
    }
    lines.join("\n") + "\n"
}

/// What of its pictures does not lie here.
fn left_out(edition: &Value) -> Vec<String> {
    let text = |value: &Value| printable(value.as_str().unwrap_or("–"));
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let mut lines = Vec::new();
    let missing = number(&edition["missing"]);
    if missing > 0 {
        let keep = if missing == 1 { "picture keeps its URL" } else { "pictures keep their URLs" };
        lines.push(format!("  missing   {missing} {keep}"));
        let named = edition["missing_urls"].as_array().cloned().unwrap_or_default();
        for one in named.iter().take(MAX_NAMED) {
            lines.push(format!("            {}: {}", text(&one["url"]), text(&one["why"])));
        }
    }
    let beyond = number(&edition["beyond_max_images"]);
    if beyond > 0 {
        lines.push(match beyond {
            1 => "  beyond    1 picture more than max_images keeps its URL".to_owned(),
            _ => format!("  beyond    {beyond} pictures more than max_images keep their URLs"),
        });
    }
    lines
}

/// So many of a thing.
pub fn counted(number: &Value, thing: &str) -> String {
    let plural = if *number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

fn site(site: &Value) -> String {
    site.as_str().map_or("every site".to_owned(), printable)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn sweep(arguments: &FeedsSweep) -> Result<(), Failure> {
    let FeedsSweep { name, dry_run, asking, json } = arguments;
    let target = format!("/v1/feeds/{}/sweep", encode(name));
    let told = post_json(asking, &target, &json!({ "dry_run": dry_run }))?;
    if *json {
        return say(&format!("{told:#}\n"));
    }
    let names = told["names"].as_array().cloned().unwrap_or_default();
    let names: String =
        names.iter().filter_map(Value::as_str).map(|it| format!("  {}\n", printable(it))).collect();
    let would = if *dry_run { "would be" } else { "are" };
    let bytes = size(told["bytes"].as_u64().unwrap_or_default());
    say(&format!("{} files with {bytes} {would} gone\n{names}", told["files"]))
}

fn drop(arguments: &FeedsDrop) -> Result<(), Failure> {
    let FeedsDrop { name, asking, json } = arguments;
    delete(asking, &format!("/v1/feeds/{}", encode(name)))?;
    match json {
        true => say(&format!("{:#}\n", json!({ "name": name, "dropped": true }))),
        false => say(&format!(
            "{} has nothing any more; if it is configured, its next run brings it back\n",
            printable(name)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_told_of_with_what_failed_and_what_is_missing() {
        let feed = json!({
            "name": "news", "url": "https://api.test/news", "serve_at": "/api/news.json",
            "site": null, "schedule": "every 2h", "state": "retrying", "bytes": 5 << 20,
            "edition": {
                "number": 3, "published": "2026-01-01T00:00:00.000Z", "age_seconds": 7300,
                "items": 12, "pictures": 10, "missing": 1, "beyond_max_images": 7,
                "missing_urls": [{ "url": "https://cdn.test/a\u{1b}.jpg", "why": "it is no picture" }],
            },
            "last_run": "2026-01-01T02:00:00.000Z", "next_run": null,
            "last_error": { "at": "2026-01-01T02:00:01.000Z", "error": "the upstream answered 500" },
            "failed_in_a_row": 2, "notes": ["images[0] selects nothing"],
            "progress": { "done": 0, "all": 0 },
        });
        let lines = lines_of(&feed);
        for part in [
            "news  retrying\n",
            "at        /api/news.json of every site\n",
            "3: 12 items, 10 pictures, 5 MiB; published 2026-01-01T00:00:00.000Z, 2 h old\n",
            "last 2026-01-01T02:00:00.000Z, next –\n",
            "2 in a row; 2026-01-01T02:00:01.000Z: the upstream answered 500\n",
            "https://cdn.test/a\u{fffd}.jpg: it is no picture\n",
            "beyond    7 pictures more than max_images keep their URLs\n",
            "note      images[0] selects nothing\n",
        ] {
            assert!(lines.contains(part), "{part} in {lines}");
        }
        let none =
            json!({ "name": "news", "state": "fetching", "progress": { "done": 1, "all": 4 } });
        assert!(lines_of(&none).contains("news  fetching, 1 of 4 pictures\n"));
        assert!(lines_of(&none).contains("none yet"));
        let left = lines_of_left_over(&json!({ "name": "old", "bytes": 5 << 20 }));
        assert!(left.starts_with("old  not in the configuration\n"), "{left}");
        assert!(left.ends_with("5 MiB, which stay until `larder feeds drop old`\n"), "{left}");
    }
}
