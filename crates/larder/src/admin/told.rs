//! What explains a request, as JSON. What is shown of a visitor was said by who asks: values of
//! stored variants are fingerprints, as everywhere.

use super::listed::{Fingerprints, show, stale, variant};
use policy::admission::may_guess;
use policy::explain::{
    About, Header, KeyTold, Outcome, Role, RulePlace, Said, about, matches, of_request,
    of_response, sets,
};
use policy::purge::{Covering, Force, Scope, Standing, Verdict};
use policy::reason::WhyFetch;
use policy::request::Request;
use policy::rule::SiteId;
use proxy::Error;
use proxy::core::Shared;
use proxy::explain::{Fetched, Look, NotFetched, PictureLook};
use serde_json::{Map, Value, json};
use store::Examined;

/// Purges that are named of those that cover one response.
const MAX_PURGES: usize = 8;
/// Other responses under the key that are named.
const MAX_OTHERS: usize = 16;

/// What would happen to a request, and why.
pub fn explained(
    shared: &Shared,
    request: &Request,
    look: &Look<'_>,
    fingerprints: &Fingerprints,
) -> Map<String, Value> {
    let site = &look.site.site;
    let picked = look.stored.picked();
    let told = json!({
        "url": format!("{}://{}{}", request.scheme.as_str(), request.host, request.target),
        "method": request.method.as_str(),
        "verdict": {
            "outcome": look.outcome.token(),
            "reason": look.outcome.reason(),
            "words": look.outcome.words(),
            "meaning": meaning(look),
        },
        "change": changes(look),
        "site": {
            "name": site.name,
            "hosts": list(&site.hosts, |host| json!(host.as_str())),
            "preset": site.preset.token(),
        },
        "rule": rule(look),
        "request": {
            "headers": list(of_request(request), header),
            "cookies": list(&look.way.cookies, |(name, role)| {
                json!({ "name": name, "role": role.token() })
            }),
        },
        "key": look.way.key.as_ref().ok().map(|told| key(told, request)),
        "stored": picked.map(|picked| stored(shared, look, picked, fingerprints)),
        "others": others(look, fingerprints),
        "coming": look.is_coming,
        "paused": look.is_paused,
        "uncacheable_for": look.marked_seconds,
        "fetched": null,
    });
    match told {
        Value::Object(told) => told,
        _ => Map::new(),
    }
}

/// Adds what came of asking the origin; `fetched` is nothing where it was not asked.
pub fn add_fetched(
    told: &mut Map<String, Value>,
    look: &Look<'_>,
    request: &Request,
    fetched: Option<Result<Fetched, NotFetched>>,
) {
    let (shown, changes) = match fetched {
        None | Some(Err(NotFetched::Passes)) => {
            let words = "such a request is not answered by way of the cache, so none was sent";
            (json!({ "error": { "reason": null, "words": words } }), None)
        }
        Some(Err(error)) => {
            let (shown, reason) = failed(&error);
            (shown, reason.map(change))
        }
        Some(Ok(fetched)) => {
            // That nothing is there, or could be shared, is told by why, or mended by the next request.
            let is_mended =
                matches!(look.outcome, Outcome::Miss(WhyFetch::UriMiss | WhyFetch::Uncacheable));
            let changes = match &fetched.verdict {
                Err(why) => Some(change(why.token())),
                Ok(_) => is_mended.then_some(None),
            };
            (response(&fetched, look, request), changes)
        }
    };
    told.insert("fetched".to_owned(), shown);
    if let Some(changes) = changes {
        told.insert("change".to_owned(), list(changes, |change| change));
    }
}

/// What the reason means.
fn meaning(look: &Look<'_>) -> Option<String> {
    if look.stored.picked().is_some_and(Examined::is_gone) {
        return Some("It was purged: what is stored is not used any more.".to_owned());
    }
    let reason = look.outcome.reason();
    if let Some(says) = &look.says {
        return Some(says.clone());
    }
    match (&look.picture, look.outcome) {
        (Some(look), Outcome::Miss(_)) => Some(of_picture(look, "It is not kept, and made of")),
        (Some(look), Outcome::Revalidate(_)) => Some(of_picture(
            look,
            "It is kept, and made anew only where its source has changed, that is",
        )),
        _ => reason.and_then(about).map(|about| about.meaning),
    }
}

/// What a picture is made of, and as what.
fn of_picture(look: &PictureLook, begins: &str) -> String {
    let PictureLook { picture, is_source_kept } = look;
    let source = match is_source_kept {
        Some(true) => "which is kept",
        Some(false) => "which is not kept either: its origin is asked",
        None => "which is looked at there",
    };
    let snapped = picture.snapped.map(|(asked, made)| {
        format!(" Widths of unsigned URLs are those of images.widths: {asked} pixels are {made}.")
    });
    let (from, target) = (&picture.source, &picture.target);
    format!("{begins} {from}, {source}; it is known as {target}.{}", snapped.unwrap_or_default())
}

/// What to change so that it is answered from the cache.
fn changes(look: &Look<'_>) -> Value {
    if look.stored.picked().is_some_and(Examined::is_gone) {
        let remedy = "nothing: the next answer of the origin is stored anew.";
        return json!([{ "reason": "purged", "remedy": remedy }]);
    }
    if look.picture.is_some() && look.outcome == Outcome::Miss(WhyFetch::UriMiss) {
        let remedy = "nothing: the next request for it finds it kept, if its source may be.";
        return json!([{ "reason": WhyFetch::UriMiss.token(), "remedy": remedy }]);
    }
    let why = match look.outcome {
        Outcome::Stale(_) | Outcome::Kept => None,
        outcome => outcome.reason(),
    };
    list(why.and_then(change), |change| change)
}

fn change(reason: &'static str) -> Option<Value> {
    about(reason).map(|About { remedy, .. }| json!({ "reason": reason, "remedy": remedy }))
}

fn rule(look: &Look<'_>) -> Value {
    let (of, number) = match look.way.place {
        RulePlace::Own(number) => ("site", Some(number)),
        RulePlace::Preset(number) => ("preset", Some(number)),
        RulePlace::BuiltIn => ("built-in", None),
        RulePlace::Default => ("default", None),
    };
    json!({
        "of": of,
        "number": number,
        "matches": matches(&look.way.rule.matches),
        "sets": sets(look.way.rule),
        "path_is_ambiguous": look.way.is_ambiguous,
    })
}

fn key(told: &KeyTold, request: &Request) -> Value {
    json!({
        "scheme": request.scheme.as_str(),
        "host": request.host,
        "path": told.path,
        "query": told.query,
        "dropped": list(&told.dropped, |dropped| {
            json!({ "parameter": dropped.parameter, "reaches_origin": dropped.reaches_origin })
        }),
        "parts": list(&told.parts, |(name, value)| json!({ "name": name, "value": value })),
    })
}

fn header(header: Header) -> Value {
    let Header { name, value, role } = header;
    json!({ "name": name, "value": value, "role": role.token() })
}

/// The stored response that the request would find.
fn stored(
    shared: &Shared,
    look: &Look<'_>,
    examined: &Examined,
    fingerprints: &Fingerprints,
) -> Value {
    let (listed, life) = (&examined.listed, &examined.listed.meta.life);
    let mut shown = show(listed, look.now, fingerprints);
    let ended = match examined.standing.verdict {
        Verdict::StaleSince(since) | Verdict::PacedSince(since) => Some(since),
        Verdict::Valid | Verdict::Gone => None,
    };
    let said = Said::by_stored((&look.site.site, look.way.rule), &listed.meta, ended);
    let headers = of_response(&listed.meta.fields);
    shown.insert("fresh".to_owned(), json!(shown["fresh"] == true && !examined.is_gone()));
    shown.insert("age_on_arrival".to_owned(), json!(said.initial_age / 1000));
    shown.insert("age_since".to_owned(), json!(look.now.millis_since(life.answered) / 1000));
    let paced_until = life.is_paced().then(|| life.paced_until.seconds());
    shown.insert("paced_until".to_owned(), json!(paced_until));
    shown.insert("says".to_owned(), says(&said, &headers));
    shown.insert("headers".to_owned(), list(headers, header));
    shown.insert("purged".to_owned(), purged(shared, examined));
    Value::Object(shown)
}

/// What is stored under the key for other requests, by the fields that tell it apart.
fn others(look: &Look<'_>, fingerprints: &Fingerprints) -> Value {
    let all = look.stored.all.iter().enumerate();
    let others = all.filter(|(at, _)| Some(*at) != look.stored.picked).map(|(_, one)| one);
    list(
        others.take(MAX_OTHERS),
        |one| json!({ "variant": variant(&one.listed, fingerprints), "gone": one.is_gone() }),
    )
}

fn says(said: &Said, headers: &[Header]) -> Value {
    let speaks = headers.iter().find(|header| header.role == Role::Speaks);
    json!({
        "speaker": speaks.map(|header| header.name),
        "directives": said.directives,
        "lifetime": said.lifetime.get(),
        "lifetime_by": said.source.token(),
    })
}

/// The purges that cover a stored response; null where none does.
fn purged(shared: &Shared, examined: &Examined) -> Value {
    let Standing { verdict, covered_by } = &examined.standing;
    let (effect, since) = match verdict {
        Verdict::Valid => return Value::Null,
        Verdict::StaleSince(since) | Verdict::PacedSince(since) => ("stale", Some(since.seconds())),
        Verdict::Gone => ("gone", None),
    };
    let by = list(covered_by.iter().take(MAX_PURGES), |covering| {
        let Covering { seq, force, scope, at, is_floor } = covering;
        let noted = shared.store.purge_noted(*seq);
        let at = at.or(noted.as_ref().map(|noted| noted.at));
        json!({
            "seq": seq,
            "force": match force {
                Force::Hard => "hard",
                Force::Soft => "soft",
                Force::Paced => "paced",
            },
            "scope": scope_text(shared, scope),
            "at": at.map(|at| at.seconds()),
            "by": noted.as_ref().map(|noted| &noted.by),
            "why": noted.as_ref().map(|noted| &noted.why).filter(|why| !why.is_empty()),
            "folded": is_floor,
        })
    });
    json!({ "effect": effect, "since": since, "by": by })
}

/// A scope, with sites by their names.
fn scope_text(shared: &Shared, scope: &Scope) -> String {
    let name = |id: &SiteId| {
        let known = shared.settings.sites.iter().find(|site| site.site.id == *id);
        known.map_or_else(|| format!("{:016x}", id.0), |site| site.site.name.clone())
    };
    match scope {
        Scope::Site(id) => format!("site {}", name(id)),
        Scope::Tag(Some(id), tag) => format!("tag {tag} of site {}", name(id)),
        Scope::SitePath(id, path) => format!("path {path} of site {}", name(id)),
        other => other.to_string(),
    }
}

/// What the origin answered.
fn response(fetched: &Fetched, look: &Look<'_>, request: &Request) -> Value {
    let Fetched { status, fields, exchange, length, body, verdict } = fetched;
    let rule = (&look.site.site, look.way.rule);
    let guesses = may_guess(&look.site.site, request);
    let said = Said::by(rule, *status, fields, *exchange, guesses);
    let headers = of_response(fields);
    let why = verdict.as_ref().err().map(|why| why.token());
    let meta = verdict.as_ref().ok();
    let vary = meta.map(|meta| list(meta.variant.names(), |name| json!(name)));
    json!({
        "status": status,
        "stored": verdict.is_ok(),
        "reason": why,
        "meaning": why.and_then(about).map(|about| about.meaning),
        "says": says(&said, &headers),
        "headers": list(headers, header),
        "age_on_arrival": said.initial_age / 1000,
        "must_validate": meta.map(|meta| meta.life.always_validate),
        "stale": stale(said.stale),
        "vary": vary,
        "tags": meta.map(|meta| &meta.tags),
        "body_bytes": length.or(body.filter(|(_, whole)| *whole).map(|(bytes, _)| bytes)),
        "body_came_whole": body.map(|(_, whole)| whole),
        "milliseconds": exchange.answered.millis_since(exchange.asked),
        "error": null,
    })
}

/// Why there is no response.
fn failed(error: &NotFetched) -> (Value, Option<&'static str>) {
    let (reason, words) = match error {
        NotFetched::Passes => (None, String::new()),
        NotFetched::Failed(error) => (Some(error.token()), error.explanation()),
        NotFetched::TooSlow => {
            let words = "The origin did not answer within the time that is spent on a question.";
            (Some(Error::OriginTimeout.token()), words.to_owned())
        }
        NotFetched::System(error) => (None, format!("The origin could not be asked: {error}.")),
    };
    (json!({ "error": { "reason": reason, "words": words } }), reason)
}

/// Each of them told; an empty list where there is none.
fn list<T>(items: impl IntoIterator<Item = T>, tell: impl Fn(T) -> Value) -> Value {
    json!(items.into_iter().map(tell).collect::<Vec<Value>>())
}
