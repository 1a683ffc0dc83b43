//! `[[hook]]`: where a content system says what was published.

use crate::config::reading::OneOrMany;
use crate::config::secret::Secret;
use crate::config::words::{FieldName, HookName, HookTemplate, HostPattern, NamePattern, OwnPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[[hook]]`: where a content system says what was published, and what is purged then. Pages of
/// docs/hooks/ have one for each system to begin with; `larder hook test NAME payload.json` shows what
/// a payload would purge.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hook {
    /// Its name. Each hook needs one of its own.
    #[schemars(example = &"cms")]
    pub name: Option<HookName>,
    /// How its deliveries prove where they come from: "contentful", "sanity", "ghost", "shopify",
    /// "github" and "standard" (Standard Webhooks) are signed in that system's way; "header" is for
    /// all others, which send the secret itself in a header.
    #[schemars(example = &"sanity")]
    pub kind: Option<HookKind>,
    /// What its deliveries are signed with, at least 8 characters, 24 and more are safe: a secret, or a
    /// list of them while a new one takes the place of an old one.
    #[schemars(example = "${HOOK_SECRET}")]
    pub secret: Option<OneOrMany<Secret>>,
    /// The header of the secret where `kind` is "header". A secret in `Authorization` may stand
    /// behind `Bearer `.
    pub header: FieldName,
    /// Its path on the sites' listeners. Not set: `/_larder/hooks/` and its name. It is
    /// `/v1/hooks/` and its name on the admin listener.
    #[schemars(example = "/_larder/hooks/cms")]
    pub path: Option<OwnPath>,
    /// The site whose it is, by one of its hosts: it is asked there only, and tags, paths and
    /// prefixes are that site's. Not set: every site.
    #[schemars(example = "example.com")]
    pub site: Option<HostPattern>,
    /// The events that it is for, as the system calls them; `*` stands for any characters. Not set:
    /// all. They stand in `X-Contentful-Topic`, `sanity-operation`, `X-Shopify-Topic` and
    /// `X-GitHub-Event`, in `type` of a payload of "standard" and in `event` of one of "header".
    #[schemars(example = ["ContentManagement.Entry.*publish"])]
    pub events: Option<Vec<NamePattern>>,
    /// Tags to purge. What stands in braces is a JSONPath (RFC 9535) into the payload; where it
    /// selects several values there are as many tags, and where it selects none there is none.
    #[schemars(example = ["post:{$.slug}"])]
    pub tags: Option<Vec<HookTemplate>>,
    /// URLs to purge, made in the same way: `/page`, or with a host.
    #[schemars(example = ["/blog/{$.slug}"])]
    pub urls: Option<Vec<HookTemplate>>,
    /// Prefixes to purge, made in the same way: a path and all below it. `/` is the whole site.
    #[schemars(example = ["/blog"])]
    pub prefixes: Option<Vec<HookTemplate>>,
    /// Whether what is purged becomes stale rather than gone.
    pub soft: bool,
    /// The same, but it is served stale for `purge.stale_window`, and made anew no faster than
    /// `purge.paced_rate`: for what covers a whole site, such as a deploy.
    pub paced: bool,
    /// Whether the origin is then asked until it gives something new, for a minute at the most:
    /// for systems whose own cache goes on giving the old for a while. The answer does not wait for
    /// it; what came of it stands in `/v1/hooks`.
    pub verify: bool,
}

/// `kind`: how deliveries prove where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum HookKind {
    /// Contentful.
    Contentful,
    /// Sanity.
    Sanity,
    /// Ghost.
    Ghost,
    /// Shopify.
    Shopify,
    /// GitHub.
    GitHub,
    /// Standard Webhooks.
    Standard,
    /// A header of one's own.
    Header,
}

impl Default for Hook {
    fn default() -> Hook {
        Hook {
            name: None,
            kind: None,
            secret: None,
            header: FieldName("authorization".to_owned()),
            path: None,
            site: None,
            events: None,
            tags: None,
            urls: None,
            prefixes: None,
            soft: false,
            paced: false,
            verify: false,
        }
    }
}
