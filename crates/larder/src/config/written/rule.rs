//! `[[site.rule]]`: what holds for some requests of a site.

use crate::config::quantity::Lifetime;
use crate::config::reading::OneOrMany;
use crate::config::words::{
    CookieName, FieldName, FieldValue, Language, MethodName, NamePattern, PathPattern, Tag, Version,
};
use policy::glob::Glob;
use schemars::JsonSchema;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// `[[site.rule]]`: a rule of a site.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Which requests the rule is for; all that is set must fit. Nothing set: every request.
    #[serde(rename = "match")]
    pub matching: Matching,
    /// How long responses of status 200, 203, 301 and 308 are fresh, whatever the origin says;
    /// but never against `no-store`, `private` or `Set-Cookie`.
    #[schemars(example = "5m")]
    pub ttl: Option<Lifetime>,
    /// The same for 404 and 410. Not set: "10s" where `ttl` is set.
    #[schemars(example = "10s")]
    pub negative_ttl: Option<Lifetime>,
    /// Pages are made anew after so long (incremental regeneration): until then they are fresh,
    /// whatever the origin says, and then they are served as they are while one request makes them
    /// anew, for `stale_while_revalidate` or else for ever. What fails leaves the page as it is.
    /// It takes the place of `ttl`, and like it is never against `no-store`, `private` or
    /// `Set-Cookie`, nor against `must-revalidate`.
    #[schemars(example = "60s")]
    pub revalidate: Option<Lifetime>,
    /// How long a stale response is still served while it is refreshed in the background.
    #[schemars(example = "1h")]
    pub stale_while_revalidate: Option<Lifetime>,
    /// How long a stale response is still served when the origin fails.
    #[schemars(example = "1d")]
    pub stale_if_error: Option<Lifetime>,
    /// How long a file is kept after the origin took it away, `immutable` or not. Not set: as the
    /// site has it.
    #[schemars(example = "7d")]
    pub keep_assets: Option<Lifetime>,
    /// The `max-age` that browsers are told. Not set: what the origin says.
    #[schemars(example = "1m")]
    pub browser_ttl: Option<Lifetime>,
    /// "auto": as the origin's headers say. "off": pass by the cache. "force": store even
    /// against `no-store`, `private` and `Set-Cookie` (the cookie itself is not kept); needs a
    /// `ttl` or `revalidate`. Force only what is the same for everybody.
    pub cache: Cache,
    /// "auto": text that is stored goes out as zstd, br or gzip to clients that take it, where the
    /// origin sent it uncompressed. "off": everything goes out as the origin sent it. "always":
    /// text that is not stored is compressed too, each time anew; not for pages that hold both a
    /// secret and what a visitor chose, whose length would give the secret away.
    pub compress: Compress,
    /// What besides scheme, host, path and query tells responses apart.
    pub key: Key,
    /// Which pages of other origins may read answers.
    pub cors: Cors,
    /// Changes to the headers of responses, in the order remove, set, add.
    pub headers: Headers,
    /// Changes to the headers of requests toward the origin, in the order remove, set, add.
    pub request_headers: Headers,
    /// Tags given to every response stored under this rule. `{name}` stands for what that part of
    /// the path is: with the path "/blog/{slug}", "post:{slug}" is `post:hello` for `/blog/hello`.
    #[schemars(example = ["api"])]
    pub tags: Vec<Tag>,
}

/// `compress`: which text goes out compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Compress {
    /// What is stored.
    #[default]
    Auto,
    /// None.
    Off,
    /// What is not stored too.
    Always,
}

/// `cors`: which pages of other origins may read answers. Preflights are answered here.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins that may, such as "https://example.com"; `*` stands for any characters. Empty: as
    /// the site's origin says.
    #[schemars(example = ["https://app.example.com"])]
    pub origins: Vec<NamePattern>,
    /// Methods that they may use.
    pub methods: Vec<MethodName>,
    /// Request headers that they may send. Empty: those that they ask for.
    #[schemars(example = ["Content-Type", "X-Requested-With"])]
    pub headers: Vec<FieldName>,
    /// Response headers that they may read beside the usual ones.
    #[schemars(example = ["X-Total-Count"])]
    pub expose: Vec<FieldName>,
    /// Whether their requests may have cookies and credentials.
    pub credentials: bool,
    /// How long browsers may remember what is allowed.
    pub max_age: Lifetime,
}

impl Default for Cors {
    fn default() -> Cors {
        Cors {
            origins: Vec::new(),
            methods: ["GET", "HEAD", "POST"].map(|name| MethodName(name.to_owned())).into(),
            headers: Vec::new(),
            expose: Vec::new(),
            credentials: false,
            max_age: Lifetime(policy::time::Seconds::new(600)),
        }
    }
}

/// `match`: which requests a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Matching {
    /// One or more patterns of paths; `*` stands for any characters, `/` included, `?` for one.
    /// They are held against the path decoded and with its dots resolved, without the query.
    /// `{name}` stands for one segment, or for what is in its place within one, and gives it a
    /// name for `tags`; `{name*}` at the end for all that is left. Beside such `*` stays within
    /// its segment, but at the end.
    #[schemars(example = "/api/*")]
    pub path: OneOrMany<PathPattern>,
    /// One or more methods.
    #[schemars(example = &"GET")]
    pub method: OneOrMany<MethodName>,
    /// Request headers, each with a pattern for its value, or `true` for any value.
    #[schemars(example = BTreeMap::from([("Accept", "*json*")]))]
    pub header: BTreeMap<FieldName, Wanted>,
    /// Cookies, each with a pattern for its value, or `true` for any value.
    #[schemars(example = BTreeMap::from([("beta", true)]))]
    pub cookie: BTreeMap<CookieName, Wanted>,
}

/// `cache`: whether the cache is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Cache {
    /// As the origin's headers say.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Even against the origin's headers.
    Force,
}

/// `key`: what besides the URL tells responses apart.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    /// How the query is normalised, in the key and toward the origin. Without it each byte
    /// counts.
    pub query: Query,
    /// Request headers whose values count.
    #[schemars(example = ["X-Currency"])]
    pub headers: Vec<FieldName>,
    /// Cookies whose values count.
    #[schemars(example = ["plan"])]
    pub cookies: Vec<CookieName>,
    /// Whether the class of device (desktop, tablet, mobile) counts. The origin is sent it as
    /// `X-Device`.
    pub device: bool,
    /// Languages to choose from by `Accept-Language`; the first is for those who want none of
    /// them. Empty: the language does not count.
    #[schemars(example = ["en", "de"])]
    pub languages: Vec<Language>,
    /// A word that, when changed, leaves all older responses behind.
    #[schemars(example = &"v2")]
    pub version: Option<Version>,
}

/// `key.query`: how the query is normalised.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// Parameters that do not count and do not reach the origin; `*` stands for any characters.
    #[schemars(example = ["utm_*", "fbclid", "gclid"])]
    pub drop: Vec<NamePattern>,
    /// The only parameters that count and reach the origin. Not set: all.
    #[schemars(example = ["page", "q"])]
    pub only: Option<Vec<NamePattern>>,
    /// Whether parameters are sorted by name.
    pub sort: bool,
    /// Parameters that do not count but reach the origin all the same. If the answer depends on
    /// one, one client's answer is served to others.
    #[schemars(example = ["_rsc"])]
    pub forward: Vec<NamePattern>,
}

/// `headers` and `request_headers`: changes to header fields.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Headers {
    /// Headers that are taken away.
    #[schemars(example = ["X-Powered-By"])]
    pub remove: Vec<FieldName>,
    /// Headers that replace those of the same name.
    #[schemars(example = BTreeMap::from([("X-Frame-Options", "DENY")]))]
    pub set: BTreeMap<FieldName, FieldValue>,
    /// Headers that are added to those of the same name: one value or a list.
    #[schemars(example = BTreeMap::from([("Link", "</a.css>; rel=preload; as=style")]))]
    pub add: BTreeMap<FieldName, OneOrMany<FieldValue>>,
}

/// What is wanted of a header or cookie.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// That it is there.
    Any,
    /// That its value fits.
    Like(Glob),
}

impl Wanted {
    /// The pattern for the value, if there is one.
    pub fn pattern(&self) -> Option<Glob> {
        match self {
            Wanted::Any => None,
            Wanted::Like(glob) => Some(glob.clone()),
        }
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Wanted, D::Error> {
        from.deserialize_any(WantedVisitor)
    }
}

struct WantedVisitor;

impl Visitor<'_> for WantedVisitor {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pattern in quotes, or true")
    }

    fn visit_bool<E: serde::de::Error>(self, wanted: bool) -> Result<Wanted, E> {
        // What is absent cannot be asked for: the first rule that matches wins, so a rule for
        // those who have it goes before.
        let mend = "write true or a pattern; for requests without it, put a rule behind this one";
        let fault = crate::config::fault::Fault::new("absence cannot be matched", mend);
        if wanted { Ok(Wanted::Any) } else { Err(fault.pack()) }
    }

    fn visit_str<E: serde::de::Error>(self, pattern: &str) -> Result<Wanted, E> {
        Ok(Wanted::Like(Glob::new(pattern)))
    }
}

impl Serialize for Wanted {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        match self {
            Wanted::Any => into.serialize_bool(true),
            Wanted::Like(glob) => into.serialize_str(glob.as_str()),
        }
    }
}

impl JsonSchema for Wanted {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Wanted".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "const": true }, { "type": "string" }] })
    }
}
