//! `[feeds]` and `[[feed]]`: documents of other servers that are fetched on a schedule and kept,
//! with their pictures.

use crate::config::address::Origin;
use crate::config::quantity::{Count, Length, Size};
use crate::config::words::{
    FeedName, FieldName, FieldValue, HostPattern, JsonPathText, ServedPath, WebUrl,
};
use mirror::plan::Recipe;
use mirror::settings::{Least, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `[feeds]`: what holds for all feeds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Feeds {
    /// Bytes on disk of the documents and pictures of all feeds, in `feeds` of the data folder. They
    /// are no cache and are never evicted: pictures that find no room keep their own URLs.
    pub size: Size<1048576>,
    /// Pictures that one feed fetches at once, 64 at the most.
    pub concurrency: Count<1>,
    /// A PEM file of authorities that are believed for https:// URLs. Not set: those that the
    /// system believes.
    #[schemars(example = "ca.pem")]
    pub ca: Option<PathBuf>,
}

impl Default for Feeds {
    fn default() -> Feeds {
        Feeds { size: Size(1 << 30), concurrency: Count(8), ca: None }
    }
}

/// `[[feed]]`: a document of another server, JSON or RSS, Atom or JSON Feed, that is fetched on a
/// schedule, whose pictures are mirrored here, and that is served from here whatever becomes of that
/// server. See docs/feeds.md.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// Its name, which stands in the URLs of its pictures. Each feed needs one of its own.
    #[schemars(example = &"news")]
    pub name: Option<FeedName>,
    /// The URL of the document.
    #[schemars(example = "https://api.example.com/v1/news")]
    pub url: Option<WebUrl>,
    /// The path of the site at which it is served.
    #[schemars(example = "/api/news.json")]
    pub serve_at: Option<ServedPath>,
    /// The site that serves it, by one of its hosts. Not set: every site.
    #[schemars(example = "example.com")]
    pub site: Option<HostPattern>,
    /// When it is fetched, as cron has it: minute, hour, day, month and weekday, and seconds before
    /// them where there are six. It is fetched at the start too.
    #[schemars(example = "0 */2 * * *")]
    pub schedule: Option<String>,
    /// The time zone of `schedule`, by its IANA name.
    pub timezone: String,
    /// How often it is fetched, in the place of `schedule`: once a year at the least. Neither set:
    /// every hour.
    #[schemars(example = "2h")]
    pub every: Option<Length<1000>>,
    /// How much later each run may begin at the most, by chance, so that many nodes do not ask at the
    /// same second. Not the one at the start. Half the period counts at the most.
    pub jitter: Length<0>,
    /// Headers of requests for the document. Pictures and other servers are not sent them. Those of
    /// the connection, and conditions, are Larder's own.
    #[schemars(example = BTreeMap::from([("Authorization", "Bearer ${NEWS_TOKEN}")]))]
    pub headers: BTreeMap<FieldName, FieldValue>,
    /// How long fetching the document may take, and each picture.
    pub timeout: Length<100>,
    /// How long all pictures of a run may take together; those that come later keep their URLs until the
    /// next.
    pub images_timeout: Length<100>,
    /// How often a run that failed is tried again before the next one, with growing pauses; what the
    /// server says of when (`Retry-After`, rate limits) is kept to. 100 at the most.
    pub retries: Count<0>,
    /// What the document is: "json", "json-feed", "rss" or "atom". Not set: what it looks like.
    #[schemars(example = &"json")]
    pub format: Option<FeedFormat>,
    /// Where the items of JSON are, as JSONPath (RFC 9535) to an array. Not set: the document itself,
    /// or `data`, `items`, `articles`, `results`, `posts`, `entries` or `feed` of it; an object without
    /// any of them is one item.
    #[schemars(example = "$.data")]
    pub items: Option<JsonPathText>,
    /// Where URLs of pictures are in JSON: strings, or arrays of them. RSS, Atom and JSON Feed need
    /// none.
    #[schemars(example = ["$.data[*].enclosure"])]
    pub images: Vec<JsonPathText>,
    /// Where values as of `srcset` are in JSON.
    #[schemars(example = ["$.data[*].srcset"])]
    pub srcsets: Vec<JsonPathText>,
    /// Where HTML is in JSON whose pictures are to be mirrored.
    #[schemars(example = ["$.data[*].content"])]
    pub html: Vec<JsonPathText>,
    /// Beside each URL of a picture in JSON that is replaced, the original one stands under this name.
    #[schemars(example = &"enclosureOriginal")]
    pub keep_original_as: Option<String>,
    /// The fields of items that stay. []: all.
    #[schemars(example = ["id", "title", "enclosure"])]
    pub pick: Vec<String>,
    /// Fields of items under other names: old and new.
    #[schemars(example = BTreeMap::from([("pubDate", "published")]))]
    pub rename: BTreeMap<String, String>,
    /// The field that items are sorted by; `-` before it: the greatest first.
    #[schemars(example = "-published")]
    pub sort: Option<String>,
    /// How many items stay, after sorting.
    #[schemars(example = 50)]
    pub limit: Option<Count<1>>,
    /// A document with fewer items is held back: the one before stays.
    pub min_items: Count<0>,
    /// One that has lost more per cent of its items since the last is held back too. 100: none is.
    pub max_shrink: u8,
    /// The longest document, 64 MiB at the most; reading it takes many times its length in memory.
    pub max_size: Size<1024>,
    /// The longest picture, 256 MiB at the most; a longer one keeps its URL.
    pub max_image_size: Size<1024>,
    /// The most pictures; further ones keep their URLs.
    pub max_images: Count<0>,
    /// The most items that a document may have; one with more is held back.
    pub max_items: Count<1>,
    /// The most values of JSON or elements of XML that a document may have: what is read of each costs
    /// memory.
    pub max_values: Count<1>,
    /// How long pictures stay that the document does not name any more: pages may still point there.
    pub grace: Length<0>,
    /// The `Cache-Control` that clients get with the document. Larder has the new one at once.
    pub cache_control: FieldValue,
    /// What stands before the paths of pictures: RSS wants URLs with a host. Not set: nothing, as in
    /// `/_larder/mirror/news/….jpg`.
    #[schemars(example = "https://example.com")]
    pub public_url: Option<Origin>,
    /// What answers before it was fetched for the first time: "unavailable" (503 with `Retry-After`),
    /// or "pass" (the site's origin).
    pub before_first: BeforeFirst,
    /// Whether pictures may lie at private addresses, and the document's server may send on to them.
    /// Else whoever writes the document could have Larder ask servers of your own network. `url` itself
    /// may name any. Larder's own addresses are asked in no case.
    pub allow_private: bool,
}

/// `format`: what a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum FeedFormat {
    /// JSON.
    Json,
    /// JSON Feed.
    JsonFeed,
    /// RSS.
    Rss,
    /// Atom.
    Atom,
}

/// `before_first`: what answers before there is anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum BeforeFirst {
    /// 503.
    #[default]
    Unavailable,
    /// The origin.
    Pass,
}

impl Default for Feed {
    fn default() -> Feed {
        let (limits, least, recipe) = (Limits::default(), Least::default(), Recipe::default());
        Feed {
            name: None,
            url: None,
            serve_at: None,
            site: None,
            schedule: None,
            timezone: "UTC".to_owned(),
            every: None,
            jitter: Length(Duration::ZERO),
            headers: BTreeMap::new(),
            timeout: Length(Duration::from_secs(30)),
            images_timeout: Length(limits.pictures_time),
            retries: Count(5),
            format: None,
            items: None,
            images: Vec::new(),
            srcsets: Vec::new(),
            html: Vec::new(),
            keep_original_as: None,
            pick: Vec::new(),
            rename: BTreeMap::new(),
            sort: None,
            limit: None,
            min_items: Count(least.items),
            max_shrink: least.max_shrink_percent,
            max_size: Size(limits.document_bytes),
            max_image_size: Size(limits.picture_bytes),
            max_images: Count(limits.pictures),
            max_items: Count(recipe.max_items),
            max_values: Count(recipe.max_values),
            grace: Length(Duration::from_secs(24 * 3600)),
            cache_control: FieldValue("public, max-age=60".to_owned()),
            public_url: None,
            before_first: BeforeFirst::Unavailable,
            allow_private: false,
        }
    }
}
