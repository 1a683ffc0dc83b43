//! `GET /v1/object`: all that is stored of one URL, and one response of it whole.

use super::Admin;
use super::listed::{Fingerprints, fields, show};
use super::problem::Problem;
use super::query::Query;
use crate::asked::Asked;
use axum::Json;
use axum::extract::{RawQuery, State};
use policy::key::{KeyRef, url_scope};
use policy::request::{Request, Scheme};
use policy::time::Timestamp;
use proxy::core::Shared;
use proxy::pictures::{looked_up, spellings};
use proxy::settings::SiteSettings;
use proxy::shelf;
use serde_json::{Value, json};
use store::Listed;

/// Responses of one URL that are listed.
const MAX_LISTED: usize = 1000;

/// All that is stored of a URL, and the response that a request would find whole.
pub async fn object(
    State(admin): State<Admin>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::parse(query.as_deref(), &["url", "header"])?;
    let asked = Asked::read(query.one("url")?, query.all("header"), None)?;
    let fingerprints = admin.fingerprints.clone();
    let walked = admin.walk(move |shared| look(&asked, shared, &fingerprints));
    walked.await?.map(Json).ok_or_else(|| {
        Problem::new(
            404,
            "nothing-stored",
            "Nothing is stored of this URL",
            "check host and query, each byte of which counts; GET /v1/objects lists what is stored",
        )
    })
}

/// What is stored; nothing where that is nothing.
fn look(asked: &Asked, shared: &Shared, fingerprints: &Fingerprints) -> Option<Value> {
    let settings = &shared.settings;
    let site = settings.site_number(asked.host()).map(|number| &settings.sites[number]);
    let mut stored = stored(shared, site, &asked.by(Scheme::Http));
    stored.retain(|listed| !asked.is_entry || listed.key.as_ref().is_entry());
    if stored.is_empty() {
        return None;
    }
    let mut picked = None;
    for scheme in [Scheme::Https, Scheme::Http] {
        if asked.scheme.is_none_or(|asked| asked == scheme) {
            let request = asked.by(scheme);
            picked = picked.or(site.and_then(|site| pick(site, &request, &stored)));
        }
    }
    // Who tells nothing of the request means the one that there is.
    let only = stored.first().filter(|_| stored.len() == 1 && !asked.has_headers);
    let now = shared.clock.now();
    let whole = picked.or(only).map(|listed| whole(listed, now, fingerprints));
    let list = stored.iter().take(MAX_LISTED).map(|one| show(one, now, fingerprints));
    let list: Vec<Value> = list.map(Value::Object).collect();
    Some(json!({ "picked": whole, "stored": list, "truncated": stored.len() > MAX_LISTED }))
}

/// All that is stored of a URL, whichever rule made its key.
fn stored(shared: &Shared, site: Option<&SiteSettings>, request: &Request) -> Vec<Listed> {
    let rules = site.into_iter().flat_map(|site| site.site.all_rules());
    let mut scopes: Vec<Vec<u8>> =
        rules.map(|rule| url_scope(request.hostname(), &request.target, rule)).collect();
    // What a site stored that is no longer there.
    scopes.push([request.hostname().as_bytes(), b"\0", request.target.as_bytes()].concat());
    if let Some(site) = site {
        // Pictures are kept under one spelling for all who ask for the same.
        let spellings = spellings(site, &request.host, &request.target).into_iter();
        scopes.extend(
            spellings
                .map(|target| url_scope(request.hostname(), &target, site.site.rule_for(request))),
        );
        // What lies on this machine is kept under the name of its content.
        let shelved = shelf::looked_up(site, request);
        scopes.push(url_scope(shelved.hostname(), &shelved.target, site.site.rule_for(&shelved)));
        // With its fields, of which some make parts of the query count no more.
        let rule = site.site.rule_for(request);
        scopes.push(KeyRef::build(request, rule, &mut Vec::new()).url().to_vec());
    }
    scopes.sort();
    scopes.dedup();
    scopes.iter().flat_map(|scope| shared.store.objects_of(scope)).collect()
}

/// The response that the request would find.
fn pick<'l>(site: &SiteSettings, request: &Request, stored: &'l [Listed]) -> Option<&'l Listed> {
    let mut buffer = Vec::new();
    let request = looked_up(site, request);
    let request = shelf::looked_up(site, &request);
    let key = KeyRef::build(&request, site.site.rule_for(&request), &mut buffer);
    let answers = |listed: &&Listed| {
        listed.key.as_ref() == key && listed.meta.variant.answers(&request.fields)
    };
    stored.iter().filter(answers).max_by_key(|listed| listed.meta.life.answered)
}

fn whole(listed: &Listed, now: Timestamp, fingerprints: &Fingerprints) -> Value {
    let mut shown = show(listed, now, fingerprints);
    shown.insert("headers".to_owned(), json!(fields(listed)));
    Value::Object(shown)
}
