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
    let Purge { urls, tags, prefixes, patterns, sites, all, soft, dry_run, reason, .. } = arguments;
    let body = json!({
        "urls": urls, "tags": tags, "prefixes": prefixes, "patterns": patterns, "sites": sites,
        "everything": all, "soft": soft, "dry_run": dry_run, "reason": reason,
    });
    let answer = post_json(&arguments.asking, "/v1/purge", &body)?;
    match arguments.json {
        true => say(&format!("{answer:#}\n")),
        false => say(&words(&answer, *soft)),
    }
}

fn words(answer: &Value, soft: bool) -> String {
    let named = answer["invalidated"].as_u64().unwrap_or_default();
    let covered = |key: &str| answer[key].as_u64();
    match (covered("objects"), covered("objects_at_least")) {
        (Some(objects), _) => format!("would cover {objects} stored responses\n"),
        (None, Some(objects)) => format!("would cover at least {objects} stored responses\n"),
        (None, None) => {
            let how = if soft { "softly purged" } else { "purged" };
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
        for (answer, soft, said) in [
            (
                json!({ "invalidated": 1, "seq": 7 }),
                false,
                "purged: 1 scope, number 7 in the log\n",
            ),
            (
                json!({ "invalidated": 2, "seq": 7 }),
                true,
                "softly purged: 2 scopes, number 7 in the log\n",
            ),
            (json!({ "objects": 3 }), false, "would cover 3 stored responses\n"),
            (json!({ "objects_at_least": 3 }), false, "would cover at least 3 stored responses\n"),
        ] {
            assert_eq!(words(&answer, soft), said);
        }
    }
}
