//! `/v1/hooks`: webhooks that come to this listener, what came of those that did, and what one would
//! do.

use super::Admin;
use super::fields::fields;
use super::problem::Problem;
use super::query::Query;
use super::server::Connection;
use crate::hooks::{Arrived, Delivery, Hook, trial};
use crate::purging::covered;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Deliveries of a hook that are told of.
const MAX_TOLD: usize = 20;

/// Lists the hooks, with their last deliveries.
pub async fn hooks(State(admin): State<Admin>) -> Json<Value> {
    let counts = admin.hooks.deliveries().counts();
    let hooks: Vec<Value> = admin
        .hooks
        .all()
        .iter()
        .map(|hook| {
            let counts: BTreeMap<&str, u64> = counts
                .iter()
                .filter(|(name, ..)| *name == hook.name)
                .map(|(_, outcome, count)| (outcome.word(), *count))
                .collect();
            let (deliveries, refused) = admin.hooks.deliveries().of(&hook.name);
            json!({
                "name": hook.name,
                "kind": hook.kind.word(),
                "path": hook.path,
                "site": hook.site.as_ref().map(|site| &site.name),
                "force": hook.force_word(),
                "verify": hook.is_verified,
                "counts": counts,
                "deliveries": told(&deliveries),
                "refused": told(&refused),
            })
        })
        .collect();
    Json(json!({ "hooks": hooks }))
}

fn told(deliveries: &[Delivery]) -> Vec<Value> {
    let told = |delivery: &Delivery| {
        let mut told = json!(delivery);
        if let Some(members) = told.as_object_mut() {
            // Of use to nobody else.
            members.remove("hook");
            members.remove("fingerprint");
        }
        told
    };
    deliveries.iter().take(MAX_TOLD).map(told).collect()
}

/// Takes a delivery.
pub async fn deliver(
    State(admin): State<Admin>,
    Extension(connection): Extension<Connection>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Nobody has shown anything yet, so it is not told which there are.
    let Some(hook) = admin.hooks.named(&name) else {
        let detail = "larder hook list names those that there are";
        return Problem::new(404, "unknown-hook", "There is no such hook", detail).into_response();
    };
    let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let client = Some(connection.peer.ip());
    let fields = fields(&headers);
    let arrived = Arrived { method: "POST".to_owned(), target, fields, body, client };
    let reply = admin.hooks.clone().receive(hook, admin.shared(), arrived).await;
    if reply.status() == 200 {
        return Json(reply.body).into_response();
    }
    let error = reply.body["error"].as_str().unwrap_or_default().to_owned();
    Problem::new(reply.status(), reply.outcome.word(), "This delivery was not taken", error)
        .into_response()
}

/// Tells what a payload would purge.
pub async fn test(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let hook = named(&admin, &name)?;
    let query = Query::parse(query.as_deref(), &["event"])?;
    let event = query.one("event")?.map(str::to_owned);
    let payload: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the payload is no JSON: {error}")))?;
    let tried = admin.walk(move |shared| {
        let sites = &shared.settings.sites;
        let (plan, mut told) = trial(&hook, &payload, event.as_deref(), sites)?;
        if let Some(plan) = plan {
            let mut count = 0_u64;
            let is_all = covered(shared, &plan.purge(&hook, shared.clock.now(), ""), |_| {
                count += 1;
                ControlFlow::Continue(())
            });
            told[if is_all { "objects" } else { "objects_at_least" }] = json!(count);
        }
        Ok::<Value, String>(told)
    });
    tried.await?.map(Json).map_err(Problem::bad_request)
}

fn named(admin: &Admin, name: &str) -> Result<Arc<Hook>, Problem> {
    admin.hooks.named(name).ok_or_else(|| {
        let all = admin.hooks.all();
        let names: Vec<&str> = all.iter().map(|hook| &*hook.name).collect();
        let detail = match names.as_slice() {
            [] => "none is configured: write a [[hook]]".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        Problem::new(404, "unknown-hook", "There is no such hook", detail)
    })
}
