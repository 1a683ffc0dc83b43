//! What readers find of a feed: the document and the pictures of its edition, and those files of
//! earlier ones that are still there. It is swapped whole when an edition is published.

use crate::edition::{Edition, File};
use crate::folder::{Folder, Reading};
use crate::settings::{BeforeFirst, Feed, PICTURES_ROOT};
use bytes::Bytes;
use policy::fields::Fields;
use policy::purge::Born;
use policy::time::Timestamp;
use proxy::shelf::{Opening, Shelf, Shelved, Standing};
use proxy::{NextPiece, Pieces};
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::task::spawn_blocking;

/// How long Larder's own cache may keep what never changes under its name.
const FOR_EVER: &str = "public, max-age=31536000";
/// What clients are told of pictures: another has another URL.
const OF_PICTURES: &str = "public, max-age=31536000, immutable";
/// Characters of a hash that tell fields from others of the same file.
const MARK_CHARS: usize = 16;
/// After how many seconds it is worth asking again for what was not fetched yet.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Something happened to what lies there, and the feed is to be fetched anew.
pub type Call = Arc<dyn Fn(Happened) + Send + Sync>;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The document was purged.
    Purged,
    /// A file turned out to be damaged, or could not be read, and what was said of that.
    Damaged(Box<str>, String),
}

/// What readers find of one feed.
pub struct Published {
    feed: Arc<Feed>,
    found: RwLock<Arc<Found>>,
    call: Call,
}

impl Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Published").field(&self.feed.name).finish()
    }
}

#[derive(Default)]
struct Found {
    document: Option<Arc<Lying>>,
    pictures: HashMap<Box<str>, Arc<Lying>>,
}

/// A file that lies there.
struct Lying {
    file: File,
    /// What it is kept in the cache under: the same file may be told of with other fields later.
    kept_as: String,
    at: PathBuf,
    fields: Fields,
    born: Option<Born>,
    call: Call,
}

impl Debug for Lying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lying").field(&self.file.name).finish()
    }
}

impl Published {
    /// Nothing yet. `call` hears what readers find out.
    pub fn new(feed: Arc<Feed>, call: Call) -> Arc<Published> {
        Arc::new(Published { feed, found: RwLock::default(), call })
    }

    /// Lets readers find an edition; nothing: none any more.
    pub fn show(&self, folder: &Folder, edition: Option<&Edition>) {
        let found = edition.map(|edition| self.found(folder, edition)).unwrap_or_default();
        *self.found.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
    }

    fn found(&self, folder: &Folder, edition: &Edition) -> Found {
        let retired = edition.retired.iter().map(|retired| &retired.file);
        let pictures = edition.pictures.iter().map(|picture| &picture.file).chain(retired);
        // One that is lost is nowhere, rather than an error for each who asks.
        let pictures = pictures.filter(|file| folder.has(file)).filter_map(|file| {
            let media_type = media_type(&file.name)?;
            let fields = fields(file, media_type, OF_PICTURES);
            let lying = self.lying(folder, file, fields);
            Some((file.name.clone(), Arc::new(lying)))
        });
        let mut fields = fields(&edition.document, &edition.media_type, &self.feed.cache_control);
        let changed = Timestamp(edition.published).to_http();
        fields.push(b"last-modified", changed.as_bytes());
        let document = self.lying(folder, &edition.document, fields);
        let document = Lying { born: Some(edition.born()), ..document };
        Found { document: Some(Arc::new(document)), pictures: pictures.collect() }
    }

    fn lying(&self, folder: &Folder, file: &File, fields: Fields) -> Lying {
        let (at, call) = (folder.at(&file.name), self.call.clone());
        let kept_as = format!("{}.{}", file.name, mark(&fields));
        Lying { file: file.clone(), kept_as, at, fields, born: None, call }
    }

    fn document(&self) -> Option<Standing> {
        let document = self.current().document.clone();
        match document {
            Some(document) => Some(Standing::There(document)),
            None => match self.feed.before_first {
                BeforeFirst::Unavailable => Some(Standing::NotYet(RETRY_AFTER_SECONDS)),
                BeforeFirst::Pass => None,
            },
        }
    }

    fn picture(&self, name: &str) -> Option<Standing> {
        let picture = self.current().pictures.get(name)?.clone();
        Some(Standing::There(picture))
    }

    fn current(&self) -> Arc<Found> {
        self.found.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What no other fields have.
fn mark(fields: &Fields) -> String {
    let mut hasher = blake3::Hasher::new();
    for field in fields.iter() {
        for part in [field.name.as_bytes(), field.value] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }
    hasher.finalize().to_hex()[..MARK_CHARS].to_owned()
}

fn fields(file: &File, media_type: &str, cache_control: &str) -> Fields {
    let mut fields = Fields::new();
    let hash = file.name.split('.').next().unwrap_or_default();
    for (name, value) in [
        ("content-type", media_type),
        ("cache-control", cache_control),
        ("larder-cache-control", FOR_EVER),
        ("etag", &format!("\"{hash}\"")),
        ("x-content-type-options", "nosniff"),
    ] {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    fields
}

/// The endings of pictures' files and what they are served as.
pub const PICTURES: [(imaging::sniff::Kind, &str, &str); 5] = [
    (imaging::sniff::Kind::Jpeg, ".jpg", "image/jpeg"),
    (imaging::sniff::Kind::Png, ".png", "image/png"),
    (imaging::sniff::Kind::WebP, ".webp", "image/webp"),
    (imaging::sniff::Kind::Avif, ".avif", "image/avif"),
    (imaging::sniff::Kind::Gif, ".gif", "image/gif"),
];

fn media_type(name: &str) -> Option<&'static str> {
    PICTURES.iter().find(|(_, ending, _)| name.ends_with(ending)).map(|(.., it)| *it)
}

impl Shelved for Lying {
    fn name(&self) -> &str {
        &self.kept_as
    }

    fn fields(&self) -> Fields {
        self.fields.clone()
    }

    fn bytes(&self) -> u64 {
        self.file.bytes
    }

    fn born(&self) -> Option<Born> {
        self.born
    }

    fn note_purge(&self) {
        (self.call)(Happened::Purged);
    }

    fn open(&self) -> Opening<'_> {
        Box::pin(async {
            let (at, file) = (self.at.clone(), self.file.clone());
            let opened = spawn_blocking(move || Reading::open(&at, &file)).await;
            let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
            let reading = opened.inspect_err(|error| {
                (self.call)(Happened::Damaged(self.file.name.clone(), error.to_string()));
            })?;
            let (name, call) = (self.file.name.clone(), self.call.clone());
            Ok(Box::new(Coming { reading: Some(reading), name, call }) as Box<dyn Pieces>)
        })
    }
}

/// A file on its way.
struct Coming {
    reading: Option<Reading>,
    name: Box<str>,
    call: Call,
}

impl Debug for Coming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coming").field(&self.name).finish()
    }
}

impl Pieces for Coming {
    fn next(&mut self) -> NextPiece<'_> {
        Box::pin(async {
            let Some(mut reading) = self.reading.take() else { return Ok(None) };
            let read = spawn_blocking(move || {
                let piece = reading.next();
                (reading, piece)
            });
            let (reading, piece) = read.await.map_err(|_| io::ErrorKind::Interrupted)?;
            let piece = piece.inspect_err(|error| {
                (self.call)(Happened::Damaged(self.name.clone(), error.to_string()));
            })?;
            if piece.is_empty() {
                return Ok(None);
            }
            self.reading = Some(reading);
            Ok(Some(Bytes::from(piece)))
        })
    }
}

/// All feeds of a site.
#[derive(Debug)]
pub struct SiteShelf(pub Vec<Arc<Published>>);

impl Shelf for SiteShelf {
    fn find(&self, path: &str) -> Option<Standing> {
        if let Some(rest) = path.strip_prefix(PICTURES_ROOT) {
            let (name, file) = rest.split_once('/').unwrap_or((rest, ""));
            let feed = self.0.iter().find(|published| *published.feed.name == *name);
            let found = feed.and_then(|published| published.picture(file));
            return Some(found.unwrap_or(Standing::NotThere));
        }
        let is_for = |published: &&Arc<Published>| *published.feed.serve_at == *path;
        self.0.iter().find(is_for)?.document()
    }
}
