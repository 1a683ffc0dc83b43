//! What a feed has published: a document and its pictures, as they stand on disk.
//!
//! An edition is one small file that names others by what is in them. It takes the place of the one
//! before in one step (a rename), after all that it names is durable: so document and pictures appear
//! together, and a process that is killed at any moment leaves the old edition or the new one.

use policy::purge::Born;
use policy::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Duration;

/// The form of the file. Another is not read: the feed is fetched anew.
pub const FORM: u32 = 1;
/// What the names of documents' files end with.
pub const DOCUMENT_ENDING: &str = ".doc";
/// How long a document stays that another took the place of.
const READING: Duration = Duration::from_secs(60);

/// An edition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edition {
    /// [`FORM`].
    pub form: u32,
    /// Counted from 1; another document or other pictures have another number.
    pub number: u64,
    /// The URL that it was fetched from, as a hash: URLs may hold secrets.
    pub of: Box<str>,
    /// When the upstream last gave it, or said that it is the same, in milliseconds since 1970.
    pub fetched: u64,
    /// When this number was published.
    pub published: u64,
    /// The head of the purge log when the request for it left: the log's id and the number.
    pub born: (u64, u64),
    /// The validators that the upstream gave with it.
    pub etag: Option<Box<str>>,
    /// Likewise.
    pub last_modified: Option<Box<str>>,
    /// The document as it came.
    pub source: File,
    /// The media type that it came with.
    pub source_type: Option<Box<str>>,
    /// The URL that gave it, against which those of its pictures are read.
    pub base: Box<str>,
    /// The document as it is served.
    pub document: File,
    /// The media type that it is served as.
    pub media_type: Box<str>,
    /// How many items it has.
    pub items: usize,
    /// How many came, before it was shaped: what thresholds are held against.
    pub items_sent: usize,
    /// Whether they came in a list.
    #[serde(default)]
    pub are_listed: bool,
    /// Its pictures that lie here.
    pub pictures: Vec<Picture>,
    /// Those that do not, and keep their URLs.
    pub missing: Vec<Missing>,
    /// How many more pictures it names than are fetched; they keep their URLs too.
    #[serde(default)]
    pub beyond: usize,
    /// Files that it does not name any more, and since when.
    pub retired: Vec<Retired>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name: the hash of what is in it, and an ending.
    pub name: Box<str>,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A picture that lies here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where it came from.
    pub url: Box<str>,
    /// Its file.
    pub file: File,
    /// The validators that came with it.
    pub etag: Option<Box<str>>,
    /// Likewise.
    pub last_modified: Option<Box<str>>,
    /// Until when it need not be asked for again, in milliseconds since 1970.
    pub fresh_until: u64,
}

/// A picture that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Where it is.
    pub url: Box<str>,
    /// Why.
    pub why: Box<str>,
}

/// A file that stays for pages that still point there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The file.
    pub file: File,
    /// Since when no edition names it, in milliseconds since 1970.
    pub since: u64,
}

impl Edition {
    /// The file's text.
    pub fn text(&self) -> Vec<u8> {
        // All its parts are plain values with names, which JSON has.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &[u8]) -> Result<Edition, String> {
        let edition: Edition =
            serde_json::from_slice(text).map_err(|error| format!("it is damaged: {error}"))?;
        match edition.form {
            FORM => Ok(edition),
            other => Err(format!("it has form {other}, and this Larder reads form {FORM}")),
        }
    }

    /// When it was born.
    pub fn born(&self) -> Born {
        Born { log_id: self.born.0, seq: self.born.1 }
    }

    /// Files that have to be there for it to be whole.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        let pictures = self.pictures.iter().map(|picture| &picture.file);
        [&self.source, &self.document].into_iter().chain(pictures)
    }

    /// The names of all files that it keeps from being swept now.
    pub fn kept_at(&self, now: Timestamp, grace: Duration) -> HashSet<&str> {
        let retired = self.retired.iter().filter(|retired| !retired.is_over(now, grace));
        let retired = retired.map(|retired| &retired.file);
        self.files().chain(retired).map(|file| &*file.name).collect()
    }

    /// Moves to `retired` what `before` named and this does not, and drops from it what has had its
    /// grace.
    pub fn retire(&mut self, before: Option<&Edition>, now: Timestamp, grace: Duration) {
        let Some(before) = before else { return };
        let mut seen: HashSet<Box<str>> = self.files().map(|file| file.name.clone()).collect();
        let old = before.retired.iter().filter(|retired| !retired.is_over(now, grace)).cloned();
        let mut all: Vec<Retired> = old.collect();
        // The document as it came is for no reader.
        let pictures = before.pictures.iter().map(|picture| &picture.file);
        let new = std::iter::once(&before.document).chain(pictures);
        all.extend(new.map(|file| Retired { file: file.clone(), since: now.0 }));
        all.retain(|retired| seen.insert(retired.file.name.clone()));
        self.retired = all;
    }

    /// Whether readers see the same in both.
    pub fn looks_like(&self, other: &Edition) -> bool {
        let names = |edition: &Edition| -> HashSet<Box<str>> {
            edition.pictures.iter().map(|picture| picture.file.name.clone()).collect()
        };
        self.document == other.document
            && self.media_type == other.media_type
            && names(self) == names(other)
    }
}

impl Retired {
    /// Whether it has had its grace.
    fn is_over(&self, now: Timestamp, grace: Duration) -> bool {
        // Nobody has a link to an older document: only who reads it just now may still open it.
        let is_document = self.file.name.ends_with(DOCUMENT_ENDING);
        let grace = if is_document { grace.min(READING) } else { grace };
        u128::from(now.0.saturating_sub(self.since)) >= grace.as_millis()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn file(name: &str) -> File {
        File { name: name.into(), bytes: 3 }
    }

    pub fn edition(number: u64, document: &str, pictures: &[&str]) -> Edition {
        let picture = |name: &&str| Picture {
            url: format!("https://cdn.test/{name}").into(),
            file: file(name),
            etag: None,
            last_modified: None,
            fresh_until: 0,
        };
        Edition {
            form: FORM,
            number,
            of: "hash".into(),
            fetched: 1,
            published: 1,
            born: (1, 2),
            etag: None,
            last_modified: None,
            source: file("source"),
            source_type: None,
            base: "https://api.test/".into(),
            document: file(document),
            media_type: "application/json".into(),
            items: pictures.len(),
            items_sent: pictures.len(),
            are_listed: true,
            pictures: pictures.iter().map(picture).collect(),
            missing: Vec::new(),
            beyond: 0,
            retired: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_another_form_is_not() {
        let edition = edition(7, "doc", &["a.jpg"]);
        assert_eq!(Edition::read(&edition.text()), Ok(edition.clone()));
        let other = Edition { form: 9, ..edition };
        assert!(Edition::read(&other.text()).unwrap_err().contains("form 9"));
        assert!(Edition::read(b"{").unwrap_err().contains("damaged"));
    }

    const GRACE: Duration = Duration::from_millis(500);

    #[test]
    fn files_stay_for_the_grace_time_after_the_edition_that_named_them() {
        let first = edition(1, "doc1.doc", &["a.jpg", "b.jpg"]);
        let mut second = edition(2, "doc2.doc", &["b.jpg"]);
        second.retire(Some(&first), Timestamp(1000), GRACE);
        let names = |edition: &Edition| -> Vec<String> {
            edition.retired.iter().map(|it| it.file.name.to_string()).collect()
        };
        assert_eq!(names(&second), ["doc1.doc", "a.jpg"]);
        let mut third = edition(3, "doc3.doc", &["b.jpg"]);
        third.retire(Some(&second), Timestamp(1499), GRACE);
        assert_eq!(names(&third), ["doc1.doc", "a.jpg", "doc2.doc"]);
        let mut fourth = edition(4, "doc3.doc", &["a.jpg"]);
        fourth.retire(Some(&third), Timestamp(1500), GRACE);
        assert_eq!(names(&fourth), ["doc2.doc", "b.jpg"], "one that is named again is not retired");
    }
}
