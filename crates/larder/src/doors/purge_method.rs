//! The method `PURGE`, as plugins of content systems send it to Varnish and others.

use super::secrets::{is_secret, slow_down};
use super::{purge, refused, said};
use crate::config::secret::Secret;
use crate::failures::Failures;
use policy::admission::tags_of;
use policy::fields::Fields;
use policy::name::Name;
use policy::purge::{Force, MAX_SCOPES, Scope, Url};
use policy::request::{Method, Request};
use proxy::doors::{Door, Knock, Said};
use proxy::pictures::spellings;
use proxy::settings::Network;
use serde_json::json;
use std::pin::Pin;

/// The door.
#[derive(Debug)]
pub struct PurgeMethod {
    /// What has to be shown as `Authorization: Bearer`, if anything.
    pub token: Option<Secret>,
    /// Whence it has to come; empty: from anywhere.
    pub addresses: Vec<Network>,
    /// Who showed something else of late.
    pub failures: Failures,
}

/// The name of the method.
const PURGE: &str = "PURGE";
/// The field by which plugins for Varnish say that the URL is a pattern.
const WAY: &str = "x-purge-method";
/// The fields by which clients ask for a soft purge: ours, and Fastly's.
const SOFT: [&str; 2] = ["larder-soft-purge", "fastly-soft-purge"];

impl Door for PurgeMethod {
    fn is_for(&self, request: &Request) -> bool {
        matches!(&request.method, Method::Other(name) if **name == *PURGE)
    }

    fn max_body_bytes(&self) -> usize {
        0
    }

    fn answer<'a>(&'a self, knock: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>> {
        Box::pin(self.purge(knock))
    }
}

impl PurgeMethod {
    async fn purge(&self, knock: Knock<'_>) -> Said {
        let is_within = |client| self.addresses.iter().any(|network| network.contains(client));
        if !self.addresses.is_empty() && !knock.client.is_some_and(is_within) {
            return refused(403, "PURGE is not for this address");
        }
        if let Some(token) = &self.token
            && !is_secret(token, bearer(&knock.request.fields))
        {
            slow_down(&self.failures, knock.client, PURGE).await;
            let mut said = refused(401, "the token is wrong or missing");
            said.fields.push(b"www-authenticate", b"Bearer realm=\"larder\"");
            return said;
        }
        if knock.request.fields.all_named(WAY).any(|way| way.eq_ignore_ascii_case(b"regex")) {
            return refused(
                400,
                "PURGE takes URLs and tags, no patterns: see larder purge --pattern",
            );
        }
        let scopes = scopes(&knock);
        if scopes.len() > MAX_SCOPES {
            return refused(400, "too many tags: send several requests");
        }
        let fields = &knock.request.fields;
        let is_soft = SOFT.iter().any(|name| fields.all_named(name).any(|value| value == b"1"));
        let force = if is_soft { Force::Soft } else { Force::Hard };
        let invalidated = scopes.len();
        match purge(&knock, scopes, force, PURGE).await {
            Err(said) => said,
            Ok(seq) => {
                said(200, &json!({ "success": true, "invalidated": invalidated, "seq": seq }))
            }
        }
    }
}

/// The tags that the request names, else its URL: if that is of a picture, in every spelling under which
/// that is kept.
fn scopes(knock: &Knock<'_>) -> Vec<Scope> {
    let tags = tags_of(&knock.request.fields);
    if !tags.is_empty() {
        let tag = |tag: String| Scope::Tag(Some(knock.site.id), tag.into());
        return tags.into_iter().map(tag).collect();
    }
    let (request, host) = (knock.request, knock.request.hostname().to_ascii_lowercase());
    let spelt = spellings(knock.settings, &request.host, &request.target);
    let targets = std::iter::once(request.target.as_str()).chain(spelt.iter().map(String::as_str));
    let urls = targets
        .map(|target| Scope::Url(Url { host: Some(host.as_str().into()), target: target.into() }));
    let mut scopes: Vec<Scope> = Vec::new();
    for scope in urls.flat_map(|url| url.keyed_by(knock.site.all_rules())) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

/// The token of the one `Authorization`; nothing if there is none such.
fn bearer(fields: &Fields) -> &[u8] {
    let mut all = fields.all(Name::Authorization);
    let value = match (all.next(), all.next()) {
        (Some(value), None) => value,
        _ => return b"",
    };
    match value.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => b"",
    }
}
