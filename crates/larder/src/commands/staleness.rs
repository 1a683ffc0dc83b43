//! What may be served stale, in words.

use serde_json::Value;

/// What stands for any length of time (RFC 9111 §1.2.2), in seconds.
const FOR_EVER: u64 = 1 << 31;

/// What a response's `stale` says. What is served while it is refreshed stands in for a failed
/// origin too.
pub fn words(stale: &Value) -> String {
    let seconds = |key: &str| stale[key].as_u64().unwrap_or_default();
    let length = |seconds: u64| match seconds {
        FOR_EVER.. => "for ever".to_owned(),
        _ => format!("{seconds}s"),
    };
    match stale["when"].as_str() {
        Some("within") => {
            let (refreshed, failed) = (seconds("while_revalidate"), seconds("if_error"));
            let failed = length(failed.max(refreshed));
            format!("{} while it is refreshed, {failed} when the origin fails", length(refreshed))
        }
        Some("origin-unreachable") => "only when the origin is out of reach".to_owned(),
        _ => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn windows_are_told_as_they_hold() {
        let within = |revalidate: u64, error: u64| json!({ "when": "within", "while_revalidate": revalidate, "if_error": error });
        for (stale, said) in [
            (within(5, 9), "5s while it is refreshed, 9s when the origin fails"),
            (within(9, 5), "9s while it is refreshed, 9s when the origin fails"),
            (within(1 << 31, 0), "for ever while it is refreshed, for ever when the origin fails"),
            (json!({ "when": "origin-unreachable" }), "only when the origin is out of reach"),
            (json!({ "when": "never" }), "never"),
        ] {
            assert_eq!(words(&stale), said);
        }
    }
}
