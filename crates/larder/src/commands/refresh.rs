//! `larder refresh`: a feed is fetched at once.

use super::ask::{get_json, post_json_with};
use super::feeds::counted;
use super::progress::Progress;
use super::{Failure, printable, say};
use crate::admin::encode;
use crate::cli::Refresh;
use serde_json::{Value, json};

/// Cells of the bar.
const BAR: u64 = 24;

/// Has it fetched, and says what came of it.
///
/// # Errors
/// When nothing new was published.
pub fn run(arguments: &Refresh) -> Result<(), Failure> {
    let Refresh { name, asking, .. } = arguments;
    let target = format!("/v1/feeds/{}/refresh", encode(name));
    let body = json!({ "accept_shrink": arguments.accept_shrink });
    let (watched, watching) = (name.clone(), asking.clone());
    let more = move || {
        let told = get_json(&watching, "/v1/feeds").unwrap_or_default();
        let feeds = told["feeds"].as_array().cloned().unwrap_or_default();
        let feed = feeds.into_iter().find(|feed| feed["name"] == *watched);
        bar(&feed.unwrap_or_default()["progress"])
    };
    let progress = Progress::begin(&format!("fetching {name}"), Some(Box::new(more)));
    let told = post_json_with(asking, &target, &body, progress)?;
    say(&if arguments.json { format!("{told:#}\n") } else { words(&told) })
}

/// How many of the pictures are there.
fn bar(progress: &Value) -> String {
    let number = |key: &str| progress[key].as_u64().unwrap_or_default();
    let (done, all) = (number("done"), number("all"));
    if all == 0 {
        return String::new();
    }
    let full = (done.min(all) * BAR / all) as usize;
    let (full, rest) = ("█".repeat(full), "░".repeat(BAR as usize - full));
    format!("  {full}{rest} {done} of {all} pictures")
}

fn words(told: &Value) -> String {
    let name = printable(told["name"].as_str().unwrap_or_default());
    if told["running"] == true {
        return format!("{name} takes long, and goes on: `larder feeds` says how far it is\n");
    }
    let what = if told["published"] == true { "published" } else { "nothing new" };
    let (items, missing) = (counted(&told["items"], "item"), &told["missing"]);
    let pictures = counted(&told["pictures"], "picture");
    let mut words = format!("{name}: {what}; {items}, {pictures}");
    if missing.as_u64() > Some(0) {
        words += &format!(", {missing} that keep their URLs (`larder feeds` says why)");
    }
    let beyond = &told["beyond_max_images"];
    if beyond.as_u64() > Some(0) {
        words += &format!(", {beyond} more than max_images, which keep theirs");
    }
    words + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_full_as_what_is_there() {
        assert_eq!(bar(&json!({ "done": 0, "all": 0 })), "");
        let half = bar(&json!({ "done": 5, "all": 10 }));
        assert_eq!(half.matches('█').count(), 12);
        assert!(half.ends_with(" 5 of 10 pictures"));
        assert_eq!(bar(&json!({ "done": 9, "all": 3 })).matches('░').count(), 0);
    }
}
