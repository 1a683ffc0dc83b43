//! `[images]` and `[site.images]`: pictures, made here of what the site has.

use super::{ImagesByImgproxy, ImagesByThumbor};
use crate::config::address::SourceBelow;
use crate::config::quantity::{Count, Length, Lifetime, Size};
use crate::config::words::{FolderPath, OnImageError};
use imaging::ladder;
use imaging::limits::Limits;
use policy::time::Seconds;
use proxy::settings::PictureLimits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[images]`: how pictures are made, for all sites. Each is made by a process that can do nothing
/// else: no file, no network, so much memory and time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Images {
    /// How many are made at once. Not set: one for each processor.
    #[schemars(example = 2)]
    pub workers: Option<Count<1>>,
    /// How many more may wait; further ones get 503 with `Retry-After`, so that pictures never
    /// starve pages.
    pub queue: Count<0>,
    /// How long one may take; longer gets 504, and the process is ended.
    pub timeout: Length<100>,
    /// Memory for sources that are read, of all that are made or wait. Long ones that lie on disk, in a
    /// folder or in the cache, are read in pieces and need none, unless they go out as they are.
    pub memory: Size<1048576>,
    /// Memory that making one may take.
    pub worker_memory: Size<16777216>,
    /// The longest source; a longer one gets 422.
    pub max_source: Size<1024>,
    /// The most pixels of a source, and of what is made; more get 422.
    pub max_pixels: Count<1>,
    /// The most frames of an animation; more get 422.
    pub max_frames: Count<1>,
    /// The most pixels of all frames of an animation that is made in another size; of more it goes out
    /// as it came, or gets 422 where its format is asked for by name.
    pub max_animation_pixels: Count<1>,
    /// Whether Larder refuses to start where the system cannot shut those processes in (Linux with
    /// landlock and seccomp). Otherwise the start says what is missing.
    pub require_sandbox: bool,
}

/// `images`: pictures of this site. The table switches them on, and so does a preset: by
/// `/_larder/image/w=640,q=75/photo.jpg`, under "nextjs" by `/_next/image` too, under "astro" by
/// `/_image`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SiteImages {
    /// Whether pictures are made here. Not set: where this table stands, or a preset.
    #[schemars(example = false)]
    pub enabled: Option<bool>,
    /// Whose URLs are answered here: "larder", "nextjs", "astro" and "cloudflare". Not set: "larder",
    /// and that of the preset. Those of imgproxy and Thumbor have tables of
    /// their own.
    #[schemars(example = ["larder", "nextjs"])]
    pub dialects: Option<Vec<ImageDialect>>,
    /// What the framework's URLs begin with beside: `base` of Astro, `basePath` of Next.js.
    #[schemars(example = "/docs/")]
    pub base: Option<FolderPath>,
    /// What pictures are made of beside what the site itself has: URLs, and all below them. `*.` before
    /// a name stands for one label, `**.` for any number: `https://*.example.com/`.
    #[schemars(example = ["https://cdn.example.com/"])]
    pub sources: Vec<SourceBelow>,
    /// Folders of this machine that they are made of: `{ path = "/photos/", folder = "/srv/photos" }`
    /// makes `/photos/a.jpg`, as a source, the file `/srv/photos/a.jpg`.
    #[schemars(example = [FolderOf::example()])]
    pub folders: Vec<FolderOf>,
    /// A PEM file of authorities that are believed for https:// sources. Not set: those that the
    /// system believes.
    #[schemars(example = "ca.pem")]
    pub ca: Option<PathBuf>,
    /// Whether `sources` may have private addresses. Else whoever answers for their names could have
    /// Larder ask servers of your own network.
    pub allow_private: bool,
    /// The widths that are made; what is asked for between two is made in the next larger one, so
    /// that strangers cannot fill the cache with all others. Qualities are brought to multiples of 5.
    /// []: any width and quality.
    pub widths: Vec<u32>,
    /// Options by a name, for `/_larder/image/p=card/photo.jpg`. They are made in just the size that is
    /// written here; options beside `p=` in a URL win over them.
    #[schemars(example = presets())]
    pub presets: BTreeMap<String, String>,
    /// How many pictures of one source are kept that unsigned URLs ask for, so that strangers cannot fill
    /// the cache with heights, crops, colours and effects of it; further ones are made and answered, and
    /// not kept. Those that are only one of `widths` do not count. The same for clients that take other
    /// formats is one; what was not asked for within two days counts no more.
    pub variants: Count<0>,
    /// The formats that may take the place of JPEG and PNG where a client takes them: "avif", "webp".
    pub formats: Vec<ImageFormat>,
    /// The quality of URLs that say none, from 1 to 100.
    pub quality: u8,
    /// What is drawn over pictures whose URLs ask for a watermark (`wm=`) and name none: a path of the
    /// site, or a URL below `sources`; at most 1 MiB.
    #[schemars(example = "/logo.png")]
    pub watermark: Option<String>,
    /// How long pictures are fresh at the least, whatever is said of their source. Not set: "4h" under
    /// "nextjs", as Next has it, else "0s": as long as their source.
    #[schemars(example = "1h")]
    pub min_ttl: Option<Lifetime>,
    /// What goes out where a picture cannot be made: "error", "original" (the source as it is), or
    /// the path of another picture.
    pub on_error: OnImageError,
    /// Whether who made a picture and who holds the rights stays in it. All else that cameras and
    /// programs write is taken out.
    pub keep_copyright: bool,
    /// Whether anybody may ask for sources as they are (`raw`, `skip`) and for all of their metadata
    /// (`metadata=1`): where a photograph was taken stands in it. Signed URLs may in any case.
    pub originals: bool,
    /// Whether drawings (SVG) go out as they are, in a sandbox, where a picture of one is asked for; they
    /// are never drawn here. Otherwise they are refused (422).
    pub svg: bool,
    /// What becomes of a profile of colours: "srgb" converts to what every screen shows, "keep" leaves
    /// colours and profile as they are.
    pub profile: ImageProfile,
    /// URLs as imgproxy has them.
    pub imgproxy: ImagesByImgproxy,
    /// URLs as Thumbor has them.
    pub thumbor: ImagesByThumbor,
}

fn presets() -> BTreeMap<&'static str, &'static str> {
    [("card", "w=320,h=240,fit=cover"), ("avatar", "w=96,h=96,fit=cover,g=smart")].into()
}

/// `folders`: a folder of pictures.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderOf {
    /// What the paths of its files begin with.
    pub path: FolderPath,
    /// The folder.
    pub folder: PathBuf,
    /// How long its files are fresh.
    #[serde(default = "folder_ttl")]
    pub ttl: Lifetime,
}

/// `dialects`: whose URLs are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ImageDialect {
    /// `/_larder/image/…`.
    Larder,
    /// `/_next/image?…`.
    NextJs,
    /// `/_image?…`.
    Astro,
    /// `/cdn-cgi/image/…`.
    Cloudflare,
}

/// `formats`: a format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ImageFormat {
    /// AVIF.
    Avif,
    /// WebP.
    WebP,
}

/// `profile`: what becomes of a profile of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ImageProfile {
    /// It is converted to sRGB.
    #[default]
    Srgb,
    /// It stays.
    Keep,
}

impl FolderOf {
    fn example() -> FolderOf {
        FolderOf {
            path: FolderPath("/photos/".to_owned()),
            folder: "/srv/photos".into(),
            ttl: folder_ttl(),
        }
    }
}

fn folder_ttl() -> Lifetime {
    Lifetime(Seconds::new(60))
}

impl Default for Images {
    fn default() -> Images {
        let (limits, own) = (Limits::default(), PictureLimits::default());
        Images {
            workers: None,
            queue: Count(own.queue),
            timeout: Length(own.timeout),
            memory: Size(own.memory_bytes),
            worker_memory: Size(limits.memory_bytes),
            max_source: Size(limits.source_bytes),
            max_pixels: Count(usize::try_from(limits.pixels).unwrap_or(usize::MAX)),
            max_frames: Count(limits.frames as usize),
            max_animation_pixels: Count(
                usize::try_from(limits.animation_pixels).unwrap_or(usize::MAX),
            ),
            require_sandbox: false,
        }
    }
}

impl Default for SiteImages {
    fn default() -> SiteImages {
        SiteImages {
            enabled: None,
            dialects: None,
            base: None,
            sources: Vec::new(),
            folders: Vec::new(),
            ca: None,
            allow_private: false,
            widths: ladder::WIDTHS.into(),
            presets: BTreeMap::new(),
            variants: Count(256),
            formats: vec![ImageFormat::Avif, ImageFormat::WebP],
            quality: 75,
            watermark: None,
            min_ttl: None,
            on_error: OnImageError("error".to_owned()),
            keep_copyright: false,
            originals: false,
            svg: false,
            profile: ImageProfile::default(),
            imgproxy: ImagesByImgproxy::default(),
            thumbor: ImagesByThumbor::default(),
        }
    }
}
