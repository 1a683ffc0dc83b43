//! `POST /api/revalidate`: a content system says which pages changed.

use super::secrets::{is_secret, slow_down};
use super::{MAX_BODY_BYTES, purge, refused, said};
use crate::config::secret::Secret;
use crate::failures::Failures;
use policy::purge::{Force, MAX_SCOPE_BYTES, MAX_SCOPES, Scope};
use policy::request::{Method, Request};
use policy::rule::SiteId;
use proxy::doors::{Door, Knock, Said};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;
use std::pin::Pin;

/// The door.
#[derive(Debug)]
pub struct Revalidate {
    /// Its path.
    pub path: Box<str>,
    /// What has to be shown.
    pub secret: Secret,
    /// Who showed something else of late.
    pub failures: Failures,
}

/// The secret, as it stands in the body; the rest is looked through and not kept. What is parsed takes
/// up to a hundred times the memory of what was sent, and anybody may have sent it.
#[derive(Deserialize)]
struct Offered<'b> {
    #[serde(borrow, default)]
    secret: Option<&'b RawValue>,
}

/// What is asked for, beside the secret.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    secret: IgnoredAny,
    paths: Vec<String>,
    tags: Vec<String>,
    soft: bool,
}

impl Door for Revalidate {
    fn is_for(&self, request: &Request) -> bool {
        request.path() == &*self.path
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn answer<'a>(&'a self, knock: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>> {
        Box::pin(self.revalidate(knock))
    }
}

impl Revalidate {
    async fn revalidate(&self, mut knock: Knock<'_>) -> Said {
        if knock.request.method != Method::Post {
            let mut said = refused(405, "this path takes POST");
            said.fields.push(b"allow", b"POST");
            return said;
        }
        // A stranger's body is only looked through, and not kept while he waits.
        let body = std::mem::take(&mut knock.body);
        let Some(offered) = secret_in(&body) else {
            return refused(400, "the body is no JSON object");
        };
        if !is_secret(&self.secret, offered.as_bytes()) {
            drop(body);
            slow_down(&self.failures, knock.client, &self.path).await;
            return refused(401, "the secret is wrong or missing");
        }
        let (asked, scopes) = match understood(&body, knock.site.id) {
            Ok(understood) => understood,
            Err(wrong) => return refused(400, &wrong),
        };
        let force = if asked.soft { Force::Soft } else { Force::Hard };
        let invalidated = scopes.len();
        match purge(&knock, scopes, force, &self.path).await {
            Err(said) => said,
            Ok(_) => {
                let paths = asked.paths;
                said(200, &json!({ "success": true, "invalidated": invalidated, "paths": paths }))
            }
        }
    }
}

/// The secret in a body, empty where it has none; nothing if the body is no object of JSON.
fn secret_in(body: &[u8]) -> Option<String> {
    // A list would be read as the values of the fields.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let offered: Offered<'_> = serde_json::from_slice(body).ok().filter(|_| is_object)?;
    let text = offered.secret.and_then(|value| serde_json::from_str(value.get()).ok());
    Some(text.unwrap_or_default())
}

/// What is to be purged, or what is wrong with what was asked.
fn understood(body: &[u8], site: SiteId) -> Result<(Asked, Vec<Scope>), String> {
    let asked: Asked = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let _ = asked.secret;
    let named = asked.paths.len() + asked.tags.len();
    if named == 0 {
        return Err("name paths or tags: {\"paths\": [\"/news\"]}".to_owned());
    }
    if named > MAX_SCOPES {
        return Err(format!("more than {MAX_SCOPES} paths and tags: send several requests"));
    }
    let long = asked.paths.iter().chain(&asked.tags).find(|text| text.len() > MAX_SCOPE_BYTES);
    if long.is_some() {
        return Err(format!("a path or tag has more than {MAX_SCOPE_BYTES} bytes"));
    }
    let mut scopes = Vec::with_capacity(named);
    for path in &asked.paths {
        scopes.push(Scope::SitePath(site, path_of(path)?.into()));
    }
    for tag in &asked.tags {
        if tag.is_empty() || tag.chars().any(char::is_control) {
            return Err(format!("{tag:?} is no tag"));
        }
        scopes.push(Scope::Tag(Some(site), tag.as_str().into()));
    }
    Ok((asked, scopes))
}

fn path_of(path: &str) -> Result<&str, String> {
    let wrong = match () {
        () if !path.starts_with('/') => "a path begins with /",
        () if path.contains('?') => "leave out the query: a path covers all of its queries",
        () if path.contains('#') => "a fragment (#) is never sent to a server",
        () if !path.bytes().all(|b| b.is_ascii_graphic()) => {
            "it has a character that no URL has: encode it as %XX"
        }
        () => return Ok(path),
    };
    Err(format!("{path:?}: {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_read_without_the_rest() {
        for (body, secret) in [
            (r#"{"secret": "x", "paths": [{"a": 0}]}"#, Some("x")),
            (r#" {"paths": 1, "secret": "\u0078"}"#, Some("x")),
            (r#"{"secret": 1}"#, Some("")),
            (r#"{"secret": {"secret": "x"}}"#, Some("")),
            (r#"{"secret": null}"#, Some("")),
            ("{}", Some("")),
            (r#"{"secret": "x", "secret": "y"}"#, None),
            (r#"["x"]"#, None),
            (r#""x""#, None),
            (r#"{"secret": "x""#, None),
            ("", None),
        ] {
            assert_eq!(secret_in(body.as_bytes()).as_deref(), secret, "{body}");
        }
    }

    #[test]
    fn what_is_asked_for_is_understood_whole_or_not_at_all() {
        for (body, scopes) in [
            (json!({ "paths": ["/a", "/b/c"] }), Ok(2)),
            (json!({ "secret": "x", "tags": ["t"], "soft": true }), Ok(1)),
            (json!({ "paths": ["/a"], "tags": ["t"] }), Ok(2)),
            (json!({}), Err("name paths or tags")),
            (json!({ "paths": [], "tags": [] }), Err("name paths or tags")),
            (json!({ "paths": "/a" }), Err("invalid type")),
            (json!({ "path": ["/a"] }), Err("unknown field `path`")),
            (json!({ "paths": ["/a", 1] }), Err("invalid type")),
            (json!({ "paths": ["a"] }), Err("begins with /")),
            (json!({ "paths": ["/a?b"] }), Err("leave out the query")),
            (json!({ "paths": ["/a b"] }), Err("encode it")),
            (json!({ "paths": ["http://a.b/c"] }), Err("begins with /")),
            (json!({ "paths": vec!["/a"; MAX_SCOPES + 1] }), Err("send several")),
            (json!({ "paths": ["/".repeat(MAX_SCOPE_BYTES + 1)] }), Err("bytes")),
            (json!({ "tags": [""] }), Err("is no tag")),
            (json!([]), Ok(0)),
        ] {
            let found =
                understood(body.to_string().as_bytes(), SiteId(1)).map(|(_, scopes)| scopes.len());
            match scopes {
                Ok(0) => assert!(found.is_err()),
                Ok(count) => assert_eq!(found, Ok(count), "{body}"),
                Err(part) => assert!(found.is_err_and(|wrong| wrong.contains(part)), "{body}"),
            }
        }
    }
}
