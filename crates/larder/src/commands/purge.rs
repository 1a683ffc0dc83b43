//! `larder purge`: makes a running Larder forget.

use super::ask::{post_json, post_json_slowly};
use super::{Failure, printable, say};
use crate::cli::Purge;
use serde_json::{Value, json};

/// Purges what is named, or says how much that would be.
///
/// # Errors
/// When it was not purged.
pub fn run(arguments: &Purge) -> Result<(), Failure> {
    let Purge { urls, tags, prefixes, patterns, sites, all, .. } = arguments;
    let Purge { soft, paced, dry_run, verify, reason, .. } = arguments;
    let body = json!({
        "urls": urls, "tags": tags, "prefixes": prefixes, "patterns": patterns, "sites": sites,
        "everything": all, "soft": soft, "paced": paced, "dry_run": dry_run, "verify": verify,
        "reason": reason,
    });
    let answer = match verify {
        true => post_json_slowly(&arguments.asking, "/v1/purge", &body, "asking the origin")?,
        false => post_json(&arguments.asking, "/v1/purge", &body)?,
    };
    match arguments.json {
        true => say(&format!("{answer:#}\n")),
        false => say(&(words(&answer, how(*soft, *paced)) + &verified(&answer["verified"]))),
    }?;
    let urls = answer["verified"]["urls"].as_array();
    let has_failed = urls.is_some_and(|urls| urls.iter().any(|url| url["outcome"] == "failed"));
    if has_failed { Err(Failure::Reported) } else { Ok(()) }
}

/// A line for each URL that was verified.
fn verified(verified: &Value) -> String {
    let mut lines = String::new();
    for url in verified["urls"].as_array().into_iter().flatten() {
        let text = |key: &str| printable(url[key].as_str().unwrap_or_default());
        let status = url["status"].as_u64().map_or("no answer".to_owned(), |it| it.to_string());
        let tries = if url["tries"] == 1 { "try" } else { "tries" };
        let (outcome, of) = (text("outcome"), text("url"));
        lines += &format!("{outcome:<10}{of} ({status}, {} {tries})\n", url["tries"]);
    }
    if verified["truncated"] == true {
        lines += "and more that were not verified\n";
    }
    lines
}

fn how(soft: bool, paced: bool) -> &'static str {
    match (soft, paced) {
        (_, true) => "purged at a pace",
        (true, false) => "softly purged",
        (false, false) => "purged",
    }
}

fn words(answer: &Value, how: &str) -> String {
    let named = answer["invalidated"].as_u64().unwrap_or_default();
    let covered = |key: &str| answer[key].as_u64();
    match (covered("objects"), covered("objects_at_least")) {
        (Some(objects), _) => format!("would cover {objects} stored responses\n"),
        (None, Some(objects)) => format!("would cover at least {objects} stored responses\n"),
        (None, None) => {
            let scopes = if named == 1 { "scope" } else { "scopes" };
            format!("{how}: {named} {scopes}, number {} in the log\n", answer["seq"])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_words() {
        for (answer, how, said) in [
            (
                json!({ "invalidated": 1, "seq": 7 }),
                how(false, false),
                "purged: 1 scope, number 7 in the log\n",
            ),
            (
                json!({ "invalidated": 2, "seq": 7 }),
                how(true, false),
                "softly purged: 2 scopes, number 7 in the log\n",
            ),
            (json!({ "objects": 3 }), "", "would cover 3 stored responses\n"),
            (json!({ "objects_at_least": 3 }), "", "would cover at least 3 stored responses\n"),
        ] {
            assert_eq!(words(&answer, how), said);
        }
    }
}
