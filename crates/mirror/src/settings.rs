//! What a feed is told: validated values that `larder` makes from the configuration.

use crate::plan::Recipe;
use crate::schedule::Schedule;
use policy::fields::Fields;
use policy::rule::SiteId;
use proxy::outward::Ways;
use proxy::settings::{OriginLimits, OriginTls};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What all paths of mirrored pictures begin with: then come the feed's name and the file's.
pub const PICTURES_ROOT: &str = "/_larder/mirror/";

/// What holds for all feeds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where their files lie: a folder of its own for each.
    pub folder: PathBuf,
    /// Bytes of files of all feeds together. What finds no room is not mirrored.
    pub size_bytes: u64,
    /// Pictures that one feed fetches at once.
    pub concurrency: usize,
    /// The name of this node in `CDN-Loop`.
    pub node: String,
    /// Limits toward the servers that are asked.
    pub origin: OriginLimits,
    /// Whom to believe of those that speak TLS.
    pub tls: Option<OriginTls>,
    /// The feeds.
    pub feeds: Vec<Arc<Feed>>,
}

/// One feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Its name: letters, digits, `-` and `_`; it is a folder's and part of URLs.
    pub name: Box<str>,
    /// The document's URL.
    pub url: Box<str>,
    /// Fields of requests for the document. They may hold secrets, so they go to its own server only.
    pub headers: Fields,
    /// When it is fetched.
    pub schedule: Schedule,
    /// How much later at the most, so that many nodes do not ask at once. Not at the first run.
    pub jitter: Duration,
    /// How long fetching the document may take, and each picture.
    pub timeout: Duration,
    /// How often a run that failed is tried again before the next one is due.
    pub retries: u32,
    /// How the document is read and shaped.
    pub recipe: Recipe,
    /// The path that it is served at.
    pub serve_at: Box<str>,
    /// The site's host, or nothing for every site; for those who read what is told of it.
    pub site: Option<Box<str>>,
    /// Which site that is.
    pub site_id: Option<SiteId>,
    /// The `Cache-Control` that clients get with the document.
    pub cache_control: Box<str>,
    /// What stands before the paths of pictures in the document: scheme and host, or nothing.
    pub public_url: Box<str>,
    /// What answers before the first edition.
    pub before_first: BeforeFirst,
    /// How far the document's own URL may lead.
    pub ways: Ways,
    /// How far URLs of pictures may lead, which a stranger wrote.
    pub picture_ways: Ways,
    /// Limits of what is fetched.
    pub limits: Limits,
    /// What a new edition has to have to take the place of the old one.
    pub least: Least,
    /// How long files stay that no published document refers to any more.
    pub grace: Duration,
}

/// What answers at [`Feed::serve_at`] before there is anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BeforeFirst {
    /// 503 with `Retry-After`.
    #[default]
    Unavailable,
    /// The site's origin.
    Pass,
}

/// Limits of what one feed fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document, uncompressed.
    pub document_bytes: u64,
    /// Bytes of one picture.
    pub picture_bytes: u64,
    /// Pictures of one edition; further ones keep their URLs. They are counted by the recipe too.
    pub pictures: usize,
    /// How long all pictures of a run may take together. Those that come later keep their URLs.
    pub pictures_time: Duration,
}

/// Thresholds: what falls short of them is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// Items.
    pub items: usize,
    /// By how many per cent an edition may have fewer items than the one before; 100: any.
    pub max_shrink_percent: u8,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            document_bytes: 4 << 20,
            picture_bytes: 10 << 20,
            pictures: 1000,
            pictures_time: Duration::from_secs(120),
        }
    }
}

impl Default for Least {
    fn default() -> Least {
        Least { items: 1, max_shrink_percent: 75 }
    }
}

impl Feed {
    /// What the paths of its pictures begin with.
    pub fn pictures_path(&self) -> String {
        format!("{PICTURES_ROOT}{}/", self.name)
    }
}
