//! `larder purge`: makes a running Larder forget.

use super::ask::post_json;
use super::{Failure, say};
use crate::cli::Purge;
use serde_json::{Value, json};

/// Purges what is named, or says how much that would be.
///
/// # Errors
/// When it was not purged.
pub fn run(arguments: &Purge) -> Result<(), Failure> {
    let Purge { urls, tags, prefixes, patterns, sites, all, .. } = arguments;
    let Purge { soft, paced, dry_run, reason, .. } = arguments;
    let body = json!({
        "urls": urls, "tags": tags, "prefixes": prefixes, "patterns": patterns, "sites": sites,
        "everything": all, "soft": soft, "paced": paced, "dry_run": dry_run, "reason": reason,
    });
    let answer = post_json(&arguments.asking, "/v1/purge", &body)?;
    match arguments.json {
        true => say(&format!("{answer:#}\n")),
        false => say(&words(&answer, how(*soft, *paced))),
    }
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
