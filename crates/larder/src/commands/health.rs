//! `larder health`: asks a running Larder whether it is ready.

use super::ask::{Answer, get};
use super::{Failure, say};
use crate::cli::Health;
use anyhow::{Context, anyhow};

/// Asks `GET /ready`; fails unless the answer is 200.
pub fn run(arguments: &Health) -> Result<(), Failure> {
    let answer = get(&arguments.admin.0, "/ready")
        .with_context(|| format!("no answer from {}", arguments.admin));
    let ready = answer.as_ref().is_ok_and(|answer| answer.status == 200);
    if arguments.json {
        say(&format!("{}\n", as_json(&answer)))?;
        return if ready { Ok(()) } else { Err(Failure::Reported) };
    }
    let answer = answer?;
    let words = answer.body.trim();
    if ready {
        return say(
            if words.is_empty() { "ready\n".to_owned() } else { format!("{words}\n") }.as_str()
        );
    }
    Err(anyhow!("not ready (status {}): {words}", answer.status).into())
}

fn as_json(answer: &anyhow::Result<Answer>) -> serde_json::Value {
    match answer {
        Ok(Answer { status, body }) => serde_json::json!({
            "ready": *status == 200, "status": status, "detail": body.trim(),
        }),
        Err(error) => serde_json::json!({ "ready": false, "detail": format!("{error:#}") }),
    }
}
