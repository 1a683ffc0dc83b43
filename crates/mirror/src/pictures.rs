//! Fetching the pictures of a document: several at once, each within its limits, none of them worth
//! the document. One that cannot be had keeps its URL and is tried again with the next run.

use crate::edition::{File, Missing, Picture};
use crate::fetch::AGENT;
use crate::folder::{Folder, Unfinished};
use crate::published::PICTURES;
use crate::resting::Resting;
use crate::schedule::retry;
use crate::settings::Feed;
use imaging::sniff::kind;
use policy::cache_control::ResponseDirectives;
use policy::fields::Fields;
use policy::name::Name;
use proxy::clock::Clock;
use proxy::outward::{Gotten, Outward};
use proxy::{Error, ResponsePiece};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Bytes from which is told what a picture is.
const SNIFFED_BYTES: usize = 256;
/// Pictures that one feed ever fetches at once.
pub const MOST_AT_ONCE: usize = 64;
/// Why a picture is not there that was not waited for.
const NO_TIME: &str = "not all pictures came within `images_timeout`";
/// How often a picture is asked for in one run.
const TRIES: u32 = 3;
/// The pause before the second time; each further one is so much longer.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a picture is not asked for again where its server says nothing of that.
const USUAL_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long it is not asked for again at the least, so that "no-cache" does not mean each run.
const LEAST_LIFE: Duration = Duration::from_secs(3600);

/// How far fetching has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// Pictures that are there, or given up.
    pub done: AtomicUsize,
    /// Pictures in all.
    pub all: AtomicUsize,
}

impl Progress {
    /// A run begins: how many there are is not known yet.
    pub fn begin(&self) {
        self.done.store(0, Ordering::Relaxed);
        self.all.store(0, Ordering::Relaxed);
    }
}

/// Who fetches.
#[derive(Clone)]
pub struct Fetching {
    /// Asks.
    pub outward: Rc<Outward>,
    /// Whose pictures.
    pub feed: Arc<Feed>,
    /// Where they go.
    pub folder: Arc<Folder>,
    /// Pictures that are fetched at once.
    pub concurrency: usize,
    /// How far it has come.
    pub progress: Arc<Progress>,
    /// The clock.
    pub clock: Arc<Clock>,
}

/// Fetches all that are not there yet or may have changed. `before` are those of the edition before.
pub async fn fetch_all(
    fetching: &Fetching,
    urls: &[Box<str>],
    before: &[Picture],
) -> (Vec<Picture>, Vec<Missing>) {
    let known: HashMap<&str, &Picture> = before.iter().map(|it| (&*it.url, it)).collect();
    let (found, left) = sorted(fetching, urls, &known);
    let most = fetching.concurrency.clamp(1, MOST_AT_ONCE).min(left.len());
    let (left, found) = (Rc::new(RefCell::new(left)), Rc::new(RefCell::new(found)));
    let (mut all, resting) = (JoinSet::new(), Rc::<Resting>::default());
    for number in 0..most {
        let (left, found) = (left.clone(), found.clone());
        let (fetching, resting) = (fetching.clone(), resting.clone());
        all.spawn_local(async move {
            while let Some((place, url, old)) = next(&left) {
                let outcome = one(&fetching, &resting, number, &url, old).await;
                found.borrow_mut()[place] = Some(outcome);
                fetching.progress.done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let work = async { while all.join_next().await.is_some() {} };
    // The document waits for no picture for ever.
    if timeout(fetching.feed.limits.pictures_time, work).await.is_err() {
        tracing::warn!("feed {}: {NO_TIME}", fetching.feed.name);
    }
    all.shutdown().await;
    let (mut pictures, mut missing) = (Vec::new(), Vec::new());
    for (outcome, url) in found.take().into_iter().zip(urls) {
        match (outcome, known.get(&**url)) {
            (Some(Ok(picture)), _) => pictures.push(picture),
            (Some(Err(lost)), _) => missing.push(lost),
            (None, Some(old)) if fetching.folder.has(&old.file) => pictures.push((*old).clone()),
            (None, _) => missing.push(Missing { url: url.clone(), why: NO_TIME.into() }),
        }
    }
    (pictures, missing)
}

/// How a picture came out, by its place; nothing where it is to be asked for.
type Outcomes = Vec<Option<Result<Picture, Missing>>>;

/// Those that need not be asked for, and the others.
fn sorted(
    fetching: &Fetching,
    urls: &[Box<str>],
    known: &HashMap<&str, &Picture>,
) -> (Outcomes, VecDeque<ToAsk>) {
    let Fetching { folder, progress, clock, .. } = fetching;
    let now = clock.now();
    let (mut found, mut left) = (Vec::new(), VecDeque::new());
    for (place, url) in urls.iter().enumerate() {
        let old = known.get(&**url).filter(|picture| folder.has(&picture.file));
        match old {
            Some(picture) if picture.fresh_until > now.0 => {
                found.push(Some(Ok((*picture).clone())));
            }
            old => {
                left.push_back((place, url.clone(), old.map(|picture| (*picture).clone())));
                found.push(None);
            }
        }
    }
    progress.all.store(urls.len(), Ordering::Relaxed);
    progress.done.store(urls.len() - left.len(), Ordering::Relaxed);
    (found, left)
}

/// A picture's place, its URL, and the one that was there.
type ToAsk = (usize, Box<str>, Option<Picture>);

fn next(left: &RefCell<VecDeque<ToAsk>>) -> Option<ToAsk> {
    left.borrow_mut().pop_front()
}

/// A picture, or the one that was there where it cannot be had now. What may pass is tried again.
async fn one(
    fetching: &Fetching,
    resting: &Resting,
    number: usize,
    url: &str,
    old: Option<Picture>,
) -> Result<Picture, Missing> {
    let mut tries = 0;
    let lost = loop {
        if let Err(left) = resting.turn(url).await {
            break format!("its server wants {left:.0?} of rest");
        }
        tries += 1;
        let asking = ask(fetching, resting, number, url, old.as_ref());
        let asked = timeout(fetching.feed.timeout, asking).await;
        match asked
            .unwrap_or_else(|_| Err(Lost::Passing("it took longer than `timeout`".to_owned())))
        {
            Ok(picture) => return Ok(picture),
            Err(Lost::Passing(_)) if tries < TRIES => sleep(PAUSE * tries).await,
            Err(Lost::Passing(why) | Lost::ForNow(why)) => break why,
        }
    };
    match old {
        Some(old) => {
            tracing::debug!("the picture {url} stays as it was: {lost}");
            Ok(old)
        }
        None => Err(Missing { url: url.into(), why: lost.into() }),
    }
}

/// Why a picture cannot be had.
enum Lost {
    /// What may be over in a moment.
    Passing(String),
    /// What is not: the next run may tell.
    ForNow(String),
}

impl From<Error> for Lost {
    fn from(error: Error) -> Lost {
        match error {
            Error::OutOfReach => Lost::ForNow(
                "its address is private, or this server's own (`allow_private`)".to_owned(),
            ),
            other => Lost::Passing(other.explanation()),
        }
    }
}

async fn ask(
    fetching: &Fetching,
    resting: &Resting,
    number: usize,
    url: &str,
    old: Option<&Picture>,
) -> Result<Picture, Lost> {
    let Fetching { outward, feed, clock, .. } = fetching;
    let fields = asking(old);
    let got = outward.get(url, &fields, &[], &feed.picture_ways).await?;
    let fresh_until = clock.now().0.saturating_add(life(&got.fields));
    match (got.status, old) {
        (200, _) => {}
        (304, Some(old)) => return Ok(Picture { fresh_until, ..old.clone() }),
        (status, _) => {
            let why = format!("its server answered {status}");
            let rest =
                retry::told(&got.fields, clock.now()).filter(|_| [429, 503].contains(&status));
            if let Some(rest) = rest {
                resting.note(url, rest);
            }
            let passes = status >= 500 || matches!(status, 408 | 425 | 429);
            return Err(if passes { Lost::Passing(why) } else { Lost::ForNow(why) });
        }
    }
    let text = |name| got.fields.text(name).map(Box::from);
    let (etag, last_modified) = (text(Name::Etag), text(Name::LastModified));
    let file = take(fetching, number, got).await?;
    Ok(Picture { url: url.into(), file, etag, last_modified, fresh_until })
}

fn asking(old: Option<&Picture>) -> Fields {
    let mut fields: Fields = [
        ("user-agent", AGENT),
        ("accept", "image/avif,image/webp,image/png,image/jpeg,image/gif,image/*;q=0.5"),
    ]
    .into_iter()
    .collect();
    let Some(old) = old else { return fields };
    for (name, value) in [("if-none-match", &old.etag), ("if-modified-since", &old.last_modified)] {
        if let Some(value) = value {
            fields.push(name.as_bytes(), value.as_bytes());
        }
    }
    fields
}

/// How long it is not asked for again, in milliseconds.
fn life(fields: &Fields) -> u64 {
    let directives = ResponseDirectives::parse(fields.all(Name::CacheControl));
    let told = directives.max_age.map_or(USUAL_LIFE, |age| Duration::from_secs(age.get()));
    let life = if directives.no_cache { LEAST_LIFE } else { told.max(LEAST_LIFE) };
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

/// Takes the bytes of a picture into a file, as far as they are one.
async fn take(fetching: &Fetching, number: usize, got: Gotten) -> Result<File, Lost> {
    let Fetching { feed, folder, .. } = fetching;
    let most = feed.limits.picture_bytes;
    let too_long = || Lost::ForNow(format!("it is longer than {most} bytes (`max_image_size`)"));
    if got.length.is_some_and(|length| length > most) {
        return Err(too_long());
    }
    let mut taking = Taking { folder, number, first: Vec::new(), begun: None };
    let (mut body, mut bytes) = (got.body, 0);
    loop {
        match body.next().await? {
            ResponsePiece::End(_) => return taking.finish().map_err(Lost::ForNow),
            ResponsePiece::Data(piece) => {
                bytes += piece.len() as u64;
                if bytes > most {
                    return Err(too_long());
                }
                taking.push(&piece).map_err(Lost::ForNow)?;
            }
        }
    }
}

/// A picture on its way into a file. Nothing is written of what is none.
struct Taking<'a> {
    folder: &'a Folder,
    number: usize,
    /// What came before it could be told what it is.
    first: Vec<u8>,
    begun: Option<(Unfinished, &'static str)>,
}

impl Taking<'_> {
    fn push(&mut self, piece: &[u8]) -> Result<(), String> {
        match &mut self.begun {
            Some((file, _)) => file.push(piece).map_err(not_kept),
            None => {
                self.first.extend_from_slice(piece);
                if self.first.len() < SNIFFED_BYTES { Ok(()) } else { self.begin() }
            }
        }
    }

    fn begin(&mut self) -> Result<(), String> {
        let ending = ending_of(&self.first)?;
        let mut file = self.folder.begin(self.number).map_err(not_kept)?;
        file.push(&std::mem::take(&mut self.first)).map_err(not_kept)?;
        self.begun = Some((file, ending));
        Ok(())
    }

    fn finish(mut self) -> Result<File, String> {
        if self.begun.is_none() {
            self.begin()?;
        }
        let (file, ending) = self.begun.ok_or_else(|| NO_PICTURE.to_owned())?;
        self.folder.finish(file, ending).map_err(not_kept)
    }
}

fn not_kept(error: std::io::Error) -> String {
    format!("it cannot be kept: {error}")
}

const NO_PICTURE: &str = "it is no JPEG, PNG, WebP, AVIF or GIF, whatever it is called";

/// What the name of a picture's file ends with, by what is in it.
fn ending_of(first: &[u8]) -> Result<&'static str, String> {
    let kind = kind(first).map_err(|_| NO_PICTURE)?;
    let known = PICTURES.iter().find(|(known, ..)| *known == kind);
    known.map(|(_, ending, _)| *ending).ok_or_else(|| NO_PICTURE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_picture_is_good_is_its_servers_word_within_bounds() {
        const HOUR: u64 = 3600 * 1000;
        for (told, hours) in [
            (None, 24),
            (Some("max-age=60"), 1),
            (Some("public, max-age=7200"), 2),
            (Some("no-cache"), 1),
            (Some("max-age=864000, no-cache"), 1),
        ] {
            let fields: Fields = told.map(|told| ("Cache-Control", told)).into_iter().collect();
            assert_eq!(life(&fields), hours * HOUR, "{told:?}");
        }
    }

    #[test]
    fn what_a_picture_is_its_bytes_say() {
        for (bytes, ending) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01"[..], Some(".jpg")),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some(".png")),
            (b"GIF89a\x01\0\x01\0\0\0", Some(".gif")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(".webp")),
            (b"\0\0\0\x1cftypavif\0\0\0\0avif", Some(".avif")),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"<!doctype html><html>", None),
            (b"", None),
        ] {
            assert_eq!(ending_of(bytes).ok(), ending);
        }
    }
}
