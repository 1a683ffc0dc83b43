//! What a site is told of pictures: in which dialects they are asked for, and of what they are made.

use super::SiteSettings;
use crate::pictures::Signing;
use imaging::Profile;
use imaging::accept::Accepted;
use imaging::limits::Limits;
use imaging::plan::{Dialect, Dialects, Source};
use policy::time::Seconds;
use std::path::PathBuf;
use std::time::Duration;

/// Which pictures are made for a site, and how.
#[derive(Clone, Debug)]
pub struct PictureSettings {
    /// The dialects that are answered here; URLs of others are the origin's.
    pub dialects: Dialects,
    /// Whose signatures the URLs of dialects bear that have any.
    pub signing: Vec<(Dialect, Signing)>,
    /// What the paths of the dialects may begin with beside, without a slash at its end; empty: nothing.
    pub base: String,
    /// Other origins that pictures are made of; the site's own always is one.
    pub sources: Vec<RemoteSource>,
    /// Folders that pictures are made of.
    pub folders: Vec<Folder>,
    /// The ladder of sizes, rising; empty: any size is made.
    pub widths: Vec<u32>,
    /// How many pictures of one source are kept that unsigned URLs ask for, beside those that are
    /// only a step of the ladder.
    pub variants: usize,
    /// The formats that may take the place of JPEG and PNG.
    pub formats: Accepted,
    /// The quality where a URL says none, from 1 to 100.
    pub quality: u8,
    /// What is drawn over pictures where their URLs ask for a watermark and name none.
    pub watermark: Option<Source>,
    /// How long pictures are fresh at the least, whatever their source says.
    pub min_ttl: Seconds,
    /// What goes out in the place of a picture that cannot be made.
    pub on_error: OnError,
    /// Whether the name of who holds the rights stays in a picture.
    pub keep_copyright: bool,
    /// What becomes of profiles of colours.
    pub profile: Profile,
    /// Whether strangers may ask for sources as they are, and for all of their metadata.
    pub originals: bool,
    /// Whether drawings (SVG) go out as they are.
    pub svg: bool,
    /// Limits of what is read and made.
    pub limits: Limits,
}

/// An origin beside the site's own, of which pictures are made.
#[derive(Clone, Debug)]
pub struct RemoteSource {
    /// What paths begin with there, at a segment's boundary.
    pub path: String,
    /// What may stand before the origin's name, if anything has to.
    pub wildcard: Option<Wildcard>,
    /// The origin, as a site that nobody else asks.
    pub settings: SiteSettings,
}

/// What a wildcard before a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wildcard {
    /// `*`: one label.
    One,
    /// `**`: one label or several.
    Several,
}

impl Wildcard {
    /// Whether it stands for what is before a name and a dot.
    pub fn covers(self, before: &str) -> bool {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let is_label =
            |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(fits);
        before.split('.').all(is_label) && (self == Wildcard::Several || !before.contains('.'))
    }

    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Wildcard::One => "*",
            Wildcard::Several => "**",
        }
    }
}

/// The longest label of a name.
const MAX_LABEL: usize = 63;

/// A folder on this machine, of whose files pictures are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// What the paths of its files begin with on the site, a slash at the end.
    pub path: String,
    /// The folder.
    pub folder: PathBuf,
    /// How long its files are fresh.
    pub ttl: Seconds,
}

/// What goes out where a picture cannot be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// What is wrong, with a status that says whose fault it is.
    #[default]
    Tell,
    /// The source as it is, where there is one.
    Original,
    /// The same of another source.
    Picture(Source),
}

/// Limits of making pictures, for the whole process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// Pictures that are made at once.
    pub workers: usize,
    /// Further ones that wait; more get 503.
    pub queue: usize,
    /// Bytes of sources in memory, of all pictures that are made or wait.
    pub memory_bytes: u64,
    /// How long one may take.
    pub timeout: Duration,
}

impl Default for PictureLimits {
    fn default() -> PictureLimits {
        PictureLimits {
            workers: 1,
            queue: 64,
            memory_bytes: 64 << 20,
            timeout: Duration::from_secs(10),
        }
    }
}
