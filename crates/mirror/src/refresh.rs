//! One run of a feed: fetch, plan, mirror, publish. It fails whole or succeeds whole; what is
//! published stays until the next edition takes its place.

use crate::desk;
use crate::edition::{DOCUMENT_ENDING, Edition, FORM, File, Picture};
use crate::fetch::{self, Fault, Fetched};
use crate::folder::{Folder, Stored};
use crate::pictures::{Fetching, fetch_all};
use crate::plan::{self, Document};
use crate::settings::{Feed, Least};
use policy::purge::Born;
use policy::time::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What the name of a document's file ends with, as it came.
const SOURCE_ENDING: &str = ".source";

/// What a run begins with.
pub struct Run<'a> {
    /// Who fetches.
    pub fetching: Fetching,
    /// The edition that stands.
    pub before: Option<&'a Edition>,
    /// The head of the purge log now.
    pub head: Born,
    /// Whether the document is asked for whatever is there: it was purged.
    pub anew: bool,
    /// Whether it may have ever so few items.
    pub accept_shrink: bool,
}

/// What came of a run that succeeded.
#[derive(Debug)]
pub struct Done {
    /// The edition that stands now.
    pub edition: Edition,
    /// Whether readers see something else than before.
    pub is_new: bool,
    /// Whether it outlasts a loss of power; else the edition before may come back.
    pub is_durable: bool,
    /// How long the upstream wants to be left alone.
    pub rest: Option<Duration>,
    /// What the operator may want to mend.
    pub notes: Vec<String>,
}

/// Runs a feed once.
///
/// # Errors
/// Why there is no new edition; the one before stays.
pub async fn run(run: Run<'_>) -> Result<Done, Fault> {
    let Run { fetching, before, head, anew, accept_shrink } = run;
    let feed = fetching.feed.clone();
    // Of another URL nothing is known.
    let of = name_of(&feed);
    let before_here = before.filter(|before| before.of == of);
    let source = before_here.and_then(|before| fetching.folder.read(&before.source).ok());
    let validated = before_here.filter(|_| source.is_some() && !anew);
    // What can neither be served nor made anew is no edition to be kept.
    let is_there =
        |it: &Edition| source.is_some() || !fetching.folder.is_damaged(&it.document.name);
    let kept = before_here.filter(|before| is_there(before)).map(Came::from);
    let clock = fetching.clock.clone();
    let asked = fetch::document(&fetching.outward, &feed, validated, clock.now()).await?;
    let fetched_at = clock.now();
    let rest = asked.rest;
    let fetched = match (asked.fetched, validated, source) {
        (Some(fetched), ..) => fetched,
        (None, Some(before), Some(bytes)) => same(before, bytes),
        (None, ..) => return Err(Fault::Malformed("304 to what was no question".to_owned())),
    };
    let (fetched, document) = read(&feed, fetched).await?;
    if !accept_shrink {
        judge(feed.least, came(&document), kept)?;
    }
    let (mut made, notes) = make(&fetching, document, fetched, before).await?;
    let published_at = clock.now();
    (made.fetched, made.published) = (fetched_at.0, published_at.0);
    (made.of, made.born) = (of, (head.log_id, head.seq));
    let is_new = before.is_none_or(|before| !before.looks_like(&made));
    if let Some(before) = before {
        made.number = before.number + u64::from(is_new);
        made.published = if is_new { made.published } else { before.published };
    }
    made.retire(before, published_at, feed.grace);
    // What is lost is not there to stay.
    made.retired.retain(|retired| fetching.folder.has(&retired.file));
    let is_durable = fetching.folder.publish(&made).map_err(disk)?;
    Ok(Done { edition: made, is_new, is_durable, rest, notes })
}

/// The edition that stands in a folder, whole: where its document is lost or damaged, it is made anew of
/// what the upstream sent and of the pictures that are there. Whether its files may be swept is the other:
/// not where something there could not be used.
pub fn standing(feed: &Feed, folder: &Folder) -> (Option<Edition>, bool) {
    let edition = match folder.edition() {
        Stored::Nothing => return (None, true),
        Stored::Unusable => return (None, false),
        Stored::Edition(edition) => *edition,
    };
    let lost = edition.pictures.iter().filter(|picture| !folder.has(&picture.file)).count();
    if lost > 0 {
        tracing::error!(
            "feed {}: {lost} of its pictures are lost; they are fetched anew",
            feed.name
        );
    }
    match mended(feed, folder, edition) {
        Ok(edition) => (Some(edition), true),
        Err(what) => {
            tracing::error!(
                "feed {}: its document is lost, and cannot be made anew: {what}",
                feed.name
            );
            (None, false)
        }
    }
}

/// The edition with its document, which is made anew where it is damaged.
///
/// # Errors
/// Why it cannot be.
pub fn mended(feed: &Feed, folder: &Folder, edition: Edition) -> Result<Edition, String> {
    if !folder.is_damaged(&edition.document.name) {
        return Ok(edition);
    }
    let bytes = folder.read(&edition.source).map_err(|error| error.to_string())?;
    let (media_type, base) = (edition.source_type.as_deref(), &edition.base);
    let document = plan::read(&bytes, media_type, base, &feed.recipe);
    let document = document.map_err(|fault| fault.to_string())?;
    let written = written(feed, &document, &edition.pictures);
    let file = folder.write(0, &written, DOCUMENT_ENDING).map_err(|error| error.to_string())?;
    let edition = Edition { document: file, ..edition };
    folder.publish(&edition).map_err(|error| error.to_string())?;
    tracing::warn!("feed {}: its document was lost, and is made anew", feed.name);
    Ok(edition)
}

/// What a document says.
async fn read(feed: &Arc<Feed>, fetched: Fetched) -> Result<(Fetched, Document), Fault> {
    let of = feed.clone();
    let reading = move || {
        let media_type = fetched.media_type.as_deref();
        let document = plan::read(&fetched.bytes, media_type, &fetched.base, &of.recipe);
        (fetched, document)
    };
    let (fetched, document) = desk::work(reading).await.map_err(disk)?;
    let document = document.map_err(|fault| Fault::Malformed(fault.to_string()))?;
    Ok((fetched, document))
}

fn written(feed: &Feed, document: &Document, pictures: &[Picture]) -> Vec<u8> {
    let local: HashMap<&str, &File> = pictures.iter().map(|it| (&*it.url, &it.file)).collect();
    let root = format!("{}{}", feed.public_url, feed.pictures_path());
    document.written(&|url| local.get(url).map(|file| format!("{root}{}", file.name)))
}

/// What the upstream said is the same.
fn same(before: &Edition, bytes: Vec<u8>) -> Fetched {
    Fetched {
        bytes,
        media_type: before.source_type.clone(),
        base: before.base.clone(),
        etag: before.etag.clone(),
        last_modified: before.last_modified.clone(),
    }
}

/// What came as items.
#[derive(Clone, Copy)]
struct Came {
    items: usize,
    are_listed: bool,
}

fn came(document: &Document) -> Came {
    Came { items: document.items(), are_listed: document.are_listed() }
}

impl From<&Edition> for Came {
    fn from(edition: &Edition) -> Came {
        let items = edition.items_sent;
        // An older Larder did not note it.
        Came { items, are_listed: edition.are_listed || items > 1 }
    }
}

/// Holds back what has lost too much.
fn judge(least: Least, now: Came, before: Option<Came>) -> Result<(), Fault> {
    let items = now.items;
    if items < least.items {
        return Err(Fault::TooFew(items, least.items));
    }
    let Some(before) = before else { return Ok(()) };
    if before.are_listed && !now.are_listed {
        return Err(Fault::NoList(before.items));
    }
    let lost = before.items.saturating_sub(items);
    match lost * 100 > before.items * usize::from(least.max_shrink_percent) {
        true => Err(Fault::Shrunk(items, before.items)),
        false => Ok(()),
    }
}

/// Fetches the pictures of a document and writes what is served; gives what is to be noted, too. Whose
/// edition it is, and since when, is for the caller to say.
async fn make(
    fetching: &Fetching,
    document: Document,
    fetched: Fetched,
    before: Option<&Edition>,
) -> Result<(Edition, Vec<String>), Fault> {
    let Fetching { feed, folder, .. } = fetching;
    let known = before.map(|before| &before.pictures[..]).unwrap_or_default();
    let (pictures, missing) = fetch_all(fetching, document.pictures(), known).await;
    let (came, notes) = (came(&document), document.notes().to_vec());
    let (media_type, items) = (document.media_type(), document.published_items());
    let (beyond, of) = (document.pictures_beyond(), feed.clone());
    let writing = move || (written(&of, &document, &pictures), pictures);
    let (written, pictures) = desk::work(writing).await.map_err(disk)?;
    // The pictures' files are numbered below.
    let number = fetching.concurrency + 1;
    let source = folder.write(number, &fetched.bytes, SOURCE_ENDING).map_err(disk)?;
    let document_file = folder.write(number, &written, DOCUMENT_ENDING).map_err(disk)?;
    let edition = Edition {
        form: FORM,
        number: 1,
        of: Box::default(),
        fetched: 0,
        published: 0,
        born: (0, 0),
        etag: fetched.etag,
        last_modified: fetched.last_modified,
        source,
        source_type: fetched.media_type,
        base: fetched.base,
        document: document_file,
        media_type: media_type.into(),
        items,
        items_sent: came.items,
        are_listed: came.are_listed,
        pictures,
        missing,
        beyond,
        retired: Vec::new(),
    };
    Ok((edition, notes))
}

/// By what an edition is known to be of that URL.
fn name_of(feed: &Feed) -> Box<str> {
    blake3::hash(feed.url.as_bytes()).to_hex().as_str().into()
}

/// What the disk does not let happen.
pub fn disk(error: std::io::Error) -> Fault {
    Fault::Disk(error.to_string())
}

/// The time, in milliseconds since 1970, at which something told in a duration from now is over.
pub fn at(now: Timestamp, after: Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_lost_too_much_is_held_back() {
        let listed = |items| Came { items, are_listed: true };
        let alone = |items| Came { items, are_listed: false };
        for (now, before, outcome) in [
            (listed(0), None, Err(Fault::TooFew(0, 1))),
            (listed(1), None, Ok(())),
            (alone(0), None, Err(Fault::TooFew(0, 1))),
            (alone(1), None, Ok(())),
            (alone(1), Some(alone(1)), Ok(())),
            (listed(1), Some(alone(1)), Ok(())),
            (alone(1), Some(listed(1)), Err(Fault::NoList(1))),
            (alone(1), Some(listed(4)), Err(Fault::NoList(4))),
            (listed(1), Some(listed(4)), Ok(())),
            (listed(1), Some(listed(5)), Err(Fault::Shrunk(1, 5))),
            (listed(9), Some(listed(5)), Ok(())),
            (listed(1), Some(listed(0)), Ok(())),
        ] {
            let least = Least { items: 1, max_shrink_percent: 75 };
            let (n, b) = (now.items, before.map(|before| before.items));
            assert_eq!(judge(least, now, before), outcome, "{n} after {b:?}");
        }
        let any = Least { items: 0, max_shrink_percent: 100 };
        assert_eq!(judge(any, listed(0), Some(listed(100))), Ok(()));
    }
}
