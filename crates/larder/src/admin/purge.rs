//! `POST /v1/purge`: makes Larder forget.

use super::Admin;
use super::access::Caller;
use super::problem::Problem;
use crate::purging::{NotWatched, Watched, covered, keyed, site_called};
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use policy::purge::{Fault, Force, Purge, Scope, TableLimits, Wanted};
use proxy::core::Shared;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::ControlFlow;

/// The longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 1024;

/// What is asked for (design of the API: docs/purge.md).
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    tags: Vec<String>,
    urls: Vec<String>,
    prefixes: Vec<String>,
    patterns: Vec<String>,
    sites: Vec<String>,
    everything: bool,
    soft: bool,
    paced: bool,
    verify: bool,
    dry_run: bool,
    reason: String,
}

/// Purges what the body names, and answers when that lasts.
pub async fn purge(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let wrong = |error: String| {
        Problem::bad_request(format!("the body is not what a purge is written like: {error}"))
    };
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(wrong("it is no JSON object".to_owned()));
    }
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
    let shared = admin.shared();
    let (is_verified, urls) = (asked.verify, asked.urls.clone());
    let (dry_run, named, purge) = understand(asked, caller, &shared)?;
    if dry_run {
        return count(&admin, named, purge).await;
    }
    let watched = match is_verified {
        true => Some(watch(&admin, urls, purge.clone()).await?),
        false => None,
    };
    let seq = shared.store.purge(purge).await.map_err(Problem::of_purge)?;
    let mut said = json!({ "success": true, "invalidated": named, "seq": seq });
    if let Some(watched) = watched {
        said["verified"] = watched.verify(&admin.shared(), &admin.verifying).await;
    }
    Ok(Json(said))
}

/// Takes note of what is stored before it is purged.
async fn watch(admin: &Admin, urls: Vec<String>, purge: Purge) -> Result<Watched, Problem> {
    let watched = admin.verifying.watch(admin.shared(), urls, purge).await;
    watched.map_err(|error| match error {
        NotWatched::Unclear(unclear) => unclear.into(),
        NotWatched::Failed => Problem::new(500, "internal", "Looking failed", "see the log"),
    })
}

fn understand(
    asked: Asked,
    caller: Caller,
    shared: &Shared,
) -> Result<(bool, usize, Purge), Problem> {
    let Asked { tags, urls, prefixes, patterns, sites, everything, soft, .. } = asked;
    if asked.reason.len() > MAX_REASON_BYTES {
        let what = format!("reason is longer than {MAX_REASON_BYTES} bytes");
        return Err(Problem::bad_request(what));
    }
    let wanted = Wanted { everything, sites, tags, urls, prefixes, patterns };
    let called = |name: &str| site_called(&shared.settings.sites, name).map(|site| site.id);
    let scopes = wanted.scopes(called).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        Problem::bad_request(faults.join("; "))
    })?;
    let patterns = scopes.iter().filter(|scope| matches!(scope, Scope::Pattern(_))).count();
    if patterns > TableLimits::default().patterns {
        let what = format!("more than {} patterns", TableLimits::default().patterns);
        return Err(Problem::bad_request(what));
    }
    let named = scopes.len();
    let purge = Purge {
        scopes: keyed(scopes, &shared.settings.sites),
        force: match (asked.paced, soft) {
            (true, _) => Force::Paced,
            (false, true) => Force::Soft,
            (false, false) => Force::Hard,
        },
        at: shared.clock.now(),
        by: caller.name,
        why: asked.reason.into(),
    };
    Ok((asked.dry_run, named, purge))
}

/// Counts what a purge would cover.
async fn count(admin: &Admin, named: usize, purge: Purge) -> Result<Json<Value>, Problem> {
    let counted = admin.walk(move |shared| {
        let mut count = 0_u64;
        let is_all = covered(shared, &purge, |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        (count, is_all)
    });
    let (count, is_all) = counted.await?;
    let which = if is_all { "objects" } else { "objects_at_least" };
    Ok(Json(json!({ "success": true, "dry_run": true, "invalidated": named, which: count })))
}
