//! A stored response as the admin listener shows it.
//!
//! What a visitor sent may be a secret: values of headers and cookies in keys and variants are shown
//! as fingerprints. A fingerprint tells two values apart and says nothing else, since it is made with
//! a key of this process.

use policy::freshness::Staleness;
use policy::key::Parts;
use policy::name::Name;
use policy::time::Timestamp;
use serde_json::{Map, Value, json};
use std::hash::{BuildHasher, RandomState};
use store::Listed;

/// Request fields whose values say nothing about who asked, shown as they are.
const HARMLESS: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "origin",
    "rsc",
    "next-router-prefetch",
    "sec-ch-ua-mobile",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "x-forwarded-proto",
    "x-requested-with",
];

/// Makes fingerprints of what may be secret.
#[derive(Debug, Default)]
pub struct Fingerprints(RandomState);

impl Fingerprints {
    fn of(&self, value: &[u8]) -> String {
        format!("#{:08x}", self.0.hash_one(value) >> 32)
    }
}

/// A stored response, without its header fields.
pub fn show(listed: &Listed, now: Timestamp, fingerprints: &Fingerprints) -> Map<String, Value> {
    let parts = listed.key.as_ref().parts();
    let (meta, life) = (&listed.meta, &listed.meta.life);
    let until = life.answered.0.saturating_add(life.lifetime.millis());
    let tiers = [("memory", listed.in_memory), ("disk", listed.on_disk)];
    let tiers: Vec<&str> = tiers.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let forms: Vec<&str> = listed.forms.iter().map(|coding| coding.token()).collect();
    let shown = json!({
        "url": url(parts),
        "key": key(parts, fingerprints),
        "variant": variant(listed, fingerprints),
        "status": meta.status,
        "content_type": meta.fields.text(Name::ContentType),
        "body_bytes": meta.body_bytes,
        "there_bytes": listed.there_bytes,
        "stored_at": life.answered.seconds(),
        "expires_at": until.saturating_sub(life.initial_age) / 1000,
        "age": life.age_seconds(now),
        "ttl": life.ttl(now),
        "fresh": life.is_fresh(now) && !listed.is_invalid,
        "must_validate": life.always_validate || listed.is_invalid,
        "invalid": listed.is_invalid,
        "stale": stale(life.stale),
        "tags": meta.tags,
        "tiers": tiers,
        "forms": forms,
    });
    match shown {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}

/// The header fields that are stored, in order.
pub fn fields(listed: &Listed) -> Vec<[String; 2]> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    listed.meta.fields.iter().map(|field| [field.name.to_owned(), text(field.value)]).collect()
}

fn url(parts: Parts<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (scheme, host, port) = (text(parts.scheme), text(parts.hostname), text(parts.port));
    format!("{scheme}://{host}{port}{}", text(parts.target))
}

fn key(parts: Parts<'_>, fingerprints: &Fingerprints) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let added = (!parts.added.is_empty()).then(|| fingerprints.of(parts.added));
    json!({
        "scheme": text(parts.scheme),
        "host": text(parts.hostname) + &text(parts.port),
        "target": text(parts.target),
        "added": added,
    })
}

/// The request fields by which it was chosen; null for one that the request did not have.
pub fn variant(listed: &Listed, fingerprints: &Fingerprints) -> Value {
    let shown = |name: &str, value: &[u8]| match (value, HARMLESS.contains(&name)) {
        ([0], _) => Value::Null,
        (_, true) => Value::String(String::from_utf8_lossy(value).into_owned()),
        (_, false) => Value::String(fingerprints.of(value)),
    };
    let nominated = listed.meta.variant.nominated().iter();
    nominated
        .map(|(name, value)| (name.to_string(), shown(name, value)))
        .collect::<Map<_, _>>()
        .into()
}

/// What may be served stale.
pub fn stale(stale: Staleness) -> Value {
    match stale {
        Staleness::Forbidden => json!({ "when": "never" }),
        Staleness::WhenUnreachable => json!({ "when": "origin-unreachable" }),
        Staleness::Windows { revalidate, error } => json!({
            "when": "within", "while_revalidate": revalidate.get(), "if_error": error.get(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::fields::Fields;
    use policy::freshness::Life;
    use policy::key::KeyRef;
    use policy::meta::Meta;
    use policy::purge::Born;
    use policy::request::Request;
    use policy::rule::{KeyParts, Rule, SiteId};
    use policy::time::Seconds;
    use policy::vary::Variant;

    fn listed(asked: &[(&str, &str)]) -> Listed {
        let request = Request {
            host: "a.b:81".into(),
            target: "/p?q".into(),
            fields: asked.iter().copied().collect(),
            ..Request::default()
        };
        let key = KeyParts {
            headers: vec!["x-tenant".into()],
            cookies: vec!["plan".into()],
            ..KeyParts::default()
        };
        let rule = Rule { key, ..Rule::default() };
        let vary: Fields = [("Vary", "Accept-Language, Cookie, X-Absent")].into_iter().collect();
        let life = Life {
            answered: Timestamp::from_seconds(1000),
            initial_age: 5_000,
            lifetime: Seconds::new(60),
            ..Life::default()
        };
        Listed {
            key: KeyRef::build(&request, &rule, &mut Vec::new()).to_key(),
            meta: Meta {
                status: 200,
                fields: [("Content-Type", "text/html")].into_iter().collect(),
                body_bytes: 4,
                variant: Variant::of(&vary, &request.fields, &[]).expect("no star"),
                has_forms: true,
                life,
                born: Born::default(),
                site: SiteId(0),
                tags: Box::new(["t".into()]),
                sources: Box::default(),
            },
            in_memory: true,
            on_disk: false,
            is_invalid: false,
            forms: Vec::new(),
            there_bytes: None,
        }
    }

    #[test]
    fn what_is_known_is_shown_in_plain_numbers() {
        let now = Timestamp::from_seconds(1010);
        let shown = Value::Object(show(
            &listed(&[("Accept-Language", "de")]),
            now,
            &Fingerprints::default(),
        ));
        assert_eq!(shown["url"], "http://a.b:81/p?q");
        assert_eq!((&shown["age"], &shown["ttl"]), (&15.into(), &45.into()));
        assert_eq!((&shown["stored_at"], &shown["expires_at"]), (&1000.into(), &1055.into()));
        assert_eq!((&shown["fresh"], &shown["stale"]["when"]), (&true.into(), &"never".into()));
        assert_eq!((&shown["tiers"], &shown["tags"]), (&json!(["memory"]), &json!(["t"])));
        assert_eq!(shown["variant"]["accept-language"], "de");
        assert_eq!(shown["variant"]["x-absent"], Value::Null);
    }

    #[test]
    fn what_a_visitor_sent_is_told_apart_and_not_shown() {
        let (now, prints) = (Timestamp::from_seconds(1000), Fingerprints::default());
        let shown = |asked: &[(&str, &str)]| Value::Object(show(&listed(asked), now, &prints));
        let one = shown(&[("X-Tenant", "tenant-secret"), ("Cookie", "plan=cookie-secret")]);
        let other = shown(&[("X-Tenant", "tenant-other"), ("Cookie", "plan=cookie-secret")]);
        assert!(!one.to_string().contains("secret") && !other.to_string().contains("tenant"));
        assert_ne!(one["key"]["added"], other["key"]["added"]);
        assert_eq!(one["variant"]["cookie"], other["variant"]["cookie"]);
    }
}
