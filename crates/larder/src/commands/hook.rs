//! `larder hook`: webhooks as they are configured, and what came of those that came.

use super::ask::{get_json, post_json};
use super::serve::read;
use super::{Failure, printable, say, say_aside};
use crate::admin::encode;
use crate::cli::{HookCommand, HookList, HookTest};
use crate::config::{self, Flags, environment, understand};
use crate::hooks::{MAX_BODY_BYTES, trial};
use anyhow::{Context, anyhow};
use serde_json::Value;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

/// Deliveries of a hook that are listed.
const MAX_LISTED: usize = 5;

/// Does one of them.
///
/// # Errors
/// When it cannot be told.
pub fn run(command: &HookCommand) -> Result<(), Failure> {
    match command {
        HookCommand::Test(arguments) => test(arguments),
        HookCommand::List(arguments) => list(arguments),
    }
}

/// Tells what a payload would purge.
fn test(arguments: &HookTest) -> Result<(), Failure> {
    let payload = payload(&arguments.payload)?;
    let told = match &arguments.config {
        Some(config) => try_by(config, arguments, &payload)?,
        None => {
            let event = arguments.event.as_deref();
            let event = event.map_or(String::new(), |event| format!("?event={}", encode(event)));
            let target = format!("/v1/hooks/{}/test{event}", encode(&arguments.name));
            post_json(&arguments.asking, &target, &payload)?
        }
    };
    say(&if arguments.json { format!("{told:#}\n") } else { words(&told) })
}

/// What is in a file, `-` for what is piped in: a payload no longer than hooks take.
fn payload(file: &Path) -> anyhow::Result<Value> {
    let is_piped = file == Path::new("-");
    let name = if is_piped { "what was piped in".to_owned() } else { file.display().to_string() };
    let mut bytes = Vec::new();
    let mut read =
        |from: &mut dyn Read| from.take(MAX_BODY_BYTES as u64 + 1).read_to_end(&mut bytes);
    let came = match is_piped {
        true => read(&mut stdin().lock()),
        false => File::open(file).and_then(|mut file| read(&mut file)),
    };
    came.with_context(|| format!("cannot read {name}"))?;
    if bytes.len() > MAX_BODY_BYTES {
        return Err(anyhow!("{name} has more than {MAX_BODY_BYTES} bytes, which no hook takes"));
    }
    // Editors put a mark before a text.
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    serde_json::from_slice(text).with_context(|| format!("{name} is no JSON"))
}

/// Tells it by a configuration file, without a Larder that runs.
fn try_by(config: &Path, arguments: &HookTest, payload: &Value) -> Result<Value, Failure> {
    let (name, text) = (config.display().to_string(), read(config)?);
    let file = config::File { name: &name, text: &text };
    let (meant, report) = understand(file, &Flags::default(), &environment::of_process);
    let Some(meant) = meant else {
        say_aside(&report.to_string());
        return Err(Failure::Reported);
    };
    let hook = meant.hooks.iter().find(|hook| *hook.name == *arguments.name);
    let hook = hook.with_context(|| format!("{name} has no hook called {}", arguments.name))?;
    let event = arguments.event.as_deref();
    let (_, told) = trial(hook, payload, event, &meant.settings.sites)
        .map_err(|error| Failure::Failed(anyhow!(error)))?;
    Ok(told)
}

fn words(told: &Value) -> String {
    let text = |key: &str| printable(told[key].as_str().unwrap_or_default());
    let event = told["event"].as_str().map_or("no event is named".to_owned(), |event| {
        format!("the event is {}", printable(event))
    });
    let mut words = match told["outcome"].as_str() {
        Some("ignored") => format!("nothing: {event}, and the hook's events are others\n"),
        Some("nothing") => "nothing: the payload gives none of its templates anything\n".to_owned(),
        _ => {
            let site = told["site"]
                .as_str()
                .map_or(String::new(), |site| format!(" of the site {}", printable(site)));
            let verified = if told["verify"] == true { ", then verified" } else { "" };
            format!("would purge ({}{verified}){site}:\n", text("force"))
        }
    };
    if told["outcome"] == "purged" {
        for (key, word) in [("tags", "tag"), ("urls", "url"), ("prefixes", "prefix")] {
            for one in told[key].as_array().into_iter().flatten().filter_map(Value::as_str) {
                words += &format!("  {word:<7} {}\n", printable(one));
            }
        }
    }
    for template in told["empty"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        words += &format!("the payload has nothing for {}\n", printable(template));
    }
    match (told["objects"].as_u64(), told["objects_at_least"].as_u64()) {
        (Some(1), _) => words + "that is 1 stored response now\n",
        (Some(count), _) => words + &format!("that is {count} stored responses now\n"),
        (None, Some(count)) => words + &format!("that is at least {count} stored responses now\n"),
        (None, None) => words,
    }
}

/// Lists the hooks and their last deliveries.
fn list(arguments: &HookList) -> Result<(), Failure> {
    let told = get_json(&arguments.asking, "/v1/hooks")?;
    if arguments.json {
        return say(&format!("{told:#}\n"));
    }
    let hooks = told["hooks"].as_array().cloned().unwrap_or_default();
    match hooks.is_empty() {
        true => say("no hook is configured: write a [[hook]]\n"),
        false => say(&hooks.iter().map(lines_of).collect::<String>()),
    }
}

fn lines_of(hook: &Value) -> String {
    let text = |value: &Value| printable(value.as_str().unwrap_or_default());
    let mut lines =
        format!("{} ({}) at {}\n", text(&hook["name"]), text(&hook["kind"]), text(&hook["path"]));
    let all = |key: &str| hook[key].as_array().cloned().unwrap_or_default();
    let mut deliveries = [all("deliveries"), all("refused")].concat();
    deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery["at"].as_u64()));
    for delivery in deliveries.iter().take(MAX_LISTED) {
        let names = ["tags", "urls", "prefixes"]
            .map(|key| delivery[key].as_array().cloned().unwrap_or_default())
            .concat();
        let names: Vec<String> = names.iter().map(text).collect();
        let error = text(&delivery["error"]);
        let what = [names.join(" "), error].into_iter().find(|text| !text.is_empty());
        let at = delivery["at"].as_u64().unwrap_or_default();
        let when = policy::time::Timestamp(at).to_http();
        let outcome = text(&delivery["outcome"]);
        lines += &format!("  {when}  {outcome:<11}  {}\n", what.unwrap_or_default());
    }
    if deliveries.is_empty() {
        lines += "  nothing came yet\n";
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_would_be_done_is_said_in_words() {
        for (told, said) in [
            (
                json!({ "outcome": "purged", "force": "soft", "verify": true, "tags": ["a"],
                        "urls": ["/b"], "prefixes": [], "empty": ["{$.c}"], "objects": 1 }),
                "would purge (soft, then verified):\n  tag     a\n  url     /b\nthe payload has \
                 nothing for {$.c}\nthat is 1 stored response now\n",
            ),
            (
                json!({ "outcome": "purged", "force": "hard", "site": "a.b", "tags": ["a\u{1b}"],
                        "objects_at_least": 7 }),
                "would purge (hard) of the site a.b:\n  tag     a\u{fffd}\nthat is at least 7 stored \
                 responses now\n",
            ),
            (
                json!({ "outcome": "ignored", "event": "ping", "tags": ["a"] }),
                "nothing: the event is ping, and the hook's events are others\n",
            ),
            (
                json!({ "outcome": "nothing", "empty": ["{$.a}"] }),
                "nothing: the payload gives none of its templates anything\nthe payload has nothing \
                 for {$.a}\n",
            ),
        ] {
            assert_eq!(words(&told), said);
        }
    }

    #[test]
    fn hooks_are_listed_with_their_last_deliveries() {
        let hook = json!({
            "name": "cms", "kind": "sanity", "path": "/h",
            "deliveries": [{ "at": 2000, "outcome": "purged", "tags": ["a", "b"] }],
            "refused": [{ "at": 3000, "outcome": "refused", "error": "wrong" }],
        });
        let said = lines_of(&hook);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "cms (sanity) at /h");
        assert!(lines[1].contains("refused") && lines[1].ends_with("wrong"), "{said}");
        assert!(lines[2].contains("purged") && lines[2].ends_with("a b"), "{said}");
    }
}
