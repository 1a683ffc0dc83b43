//! The folder of one feed: files named by what is in them, and the edition that names those that
//! count.
//!
//! A file is written under a temporary name, made durable, and renamed; the edition comes last. So
//! at any moment that the process may be killed, what the edition names is whole. What nothing names
//! is for `sweep`.

use crate::edition::{Edition, File};
use crate::room::{Room, Share};
use crate::steps::{Step, Steps};
use blake3::Hasher;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The edition's file.
const EDITION: &str = "edition.json";
/// Its name while it is written.
const EDITION_PART: &str = "edition.json.part";
/// The name of one that cannot be used.
const ASIDE: &str = "edition.json.unusable";
/// The file that says until when the upstream wants to be left alone.
const REST: &str = "rest";
/// The folder of all other files.
const FILES: &str = "files";
/// What the names of files end with that are not whole yet.
const UNFINISHED: &str = ".part";
/// Characters of a name that are the hash: 128 bits.
const HASH_CHARS: usize = 32;
/// Bytes that are read at once.
const PIECE_BYTES: usize = 128 << 10;

/// The folder of one feed. There is one for each path, whoever has it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    share: Arc<Share>,
    steps: Steps,
}

/// What is being written.
#[derive(Debug)]
pub struct Unfinished {
    file: fs::File,
    path: PathBuf,
    hasher: Hasher,
    bytes: u64,
    /// Whether it needs room, or has it in any case.
    needs_room: bool,
    share: Arc<Share>,
    steps: Steps,
    is_done: bool,
}

/// What was published last, as it is found at the start.
#[derive(Debug, PartialEq)]
pub enum Stored {
    /// Nothing.
    Nothing,
    /// This.
    Edition(Box<Edition>),
    /// Something that cannot be used, which was said. Its files may be of use yet.
    Unusable,
}

/// A file in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Folder {
    /// Opens the folder of a feed, and makes it where there is none. What was left unfinished is
    /// removed; what is there is counted.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(path: PathBuf, room: Arc<Room>) -> io::Result<Folder> {
        let share = Arc::new(Share::new(room));
        let folder = Folder { path, share, steps: Steps::default() };
        folder.make()?;
        absent_or(fs::remove_file(folder.path.join(EDITION_PART)))?;
        for entry in fs::read_dir(folder.path.join(FILES))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                absent_or(fs::remove_file(entry.path()))?;
            }
        }
        folder.recount()?;
        Ok(folder)
    }

    /// Makes it where it is not there.
    fn make(&self) -> io::Result<()> {
        fs::create_dir_all(self.path.join(FILES))?;
        // What is made here has to last as much as what will lie within.
        for above in [self.path.parent(), Some(&*self.path)].into_iter().flatten() {
            sync(above)?;
        }
        Ok(())
    }

    /// Counts what is there, whoever put it there or took it away. Not while anything is written.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn recount(&self) -> io::Result<()> {
        let there: u64 = self.list()?.iter().map(|listed| listed.bytes).sum();
        self.share.give_back(self.share.own());
        self.share.take_in_any_case(there);
        Ok(())
    }

    /// The edition that was published last. One that cannot be used is set aside, with a word in the log:
    /// the next that is published does not take its place unseen.
    pub fn edition(&self) -> Stored {
        let path = self.path.join(EDITION);
        let read = match fs::read(&path) {
            Ok(text) => Edition::read(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Stored::Nothing,
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(edition) => Stored::Edition(Box::new(edition)),
            Err(what) => {
                let aside = self.path.join(ASIDE);
                tracing::error!(
                    "{} is not used: {what}; it is {} now, and its files stay until there is another",
                    path.display(),
                    aside.display()
                );
                if let Err(error) = fs::rename(&path, &aside) {
                    tracing::error!("{} cannot be set aside: {error}", path.display());
                }
                Stored::Unusable
            }
        }
    }

    /// Until when the upstream wants to be left alone, in milliseconds since 1970; 0: it does not.
    pub fn rest_until(&self) -> u64 {
        let text = fs::read_to_string(self.path.join(REST)).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }

    /// Notes until when, for the next start. That it is lost is no loss but of manners.
    pub fn note_rest(&self, until: u64) {
        let noted = self.steps.before(Step::NoteRest).and_then(|()| match until {
            0 => absent_or(fs::remove_file(self.path.join(REST))),
            until => fs::write(self.path.join(REST), until.to_string()),
        });
        if let Err(error) = noted {
            tracing::warn!("{} cannot be written: {error}", self.path.join(REST).display());
        }
    }

    /// Where it is to stop, for tests.
    #[cfg(any(test, feature = "turned-clock"))]
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Publishes an edition, all of whose files are there: from then on it is the one. Whether it outlasts
    /// a loss of power is known; else the one before may come back then, and its files have to stay.
    ///
    /// # Errors
    /// When it cannot be written; then the one before stays.
    pub fn publish(&self, edition: &Edition) -> io::Result<bool> {
        let steps = &self.steps;
        steps.before(Step::SyncNames)?;
        sync(&self.path.join(FILES))?;
        let (path, part) = (self.path.join(EDITION), self.path.join(EDITION_PART));
        steps.before(Step::BeginEdition)?;
        let mut file = fs::File::create(&part)?;
        steps.before(Step::WriteEdition)?;
        file.write_all(&edition.text())?;
        steps.before(Step::SyncEdition)?;
        file.sync_all()?;
        steps.before(Step::Publish)?;
        fs::rename(&part, &path)?;
        let durable = steps.before(Step::SyncPublished).and_then(|()| sync(&self.path));
        if let Err(error) = &durable {
            tracing::error!("{} cannot be made durable: {error}", self.path.display());
        }
        Ok(durable.is_ok())
    }

    /// Begins a file. `number` tells it from others that are written at the same time.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&self, number: usize) -> io::Result<Unfinished> {
        let path = self.path.join(FILES).join(format!("{number}{UNFINISHED}"));
        self.steps.before(Step::Begin)?;
        let file = match fs::File::create(&path) {
            // Who cleared the folder by hand wants what was in it to go, and not the feed to fail for ever.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make()?;
                fs::File::create(&path)?
            }
            created => created?,
        };
        let (share, steps, needs_room) = (self.share.clone(), self.steps.clone(), true);
        let (hasher, bytes, is_done) = (Hasher::new(), 0, false);
        Ok(Unfinished { file, path, hasher, bytes, needs_room, share, steps, is_done })
    }

    /// Writes a whole file, whose name ends so, unless it is there: one that has room in any case, since
    /// its length has a bound of its own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, number: usize, bytes: &[u8], ending: &str) -> io::Result<File> {
        let name = format!("{}{ending}", &blake3::hash(bytes).to_hex()[..HASH_CHARS]);
        if !self.is_damaged(&name) {
            return Ok(File { name: name.into(), bytes: bytes.len() as u64 });
        }
        let mut unfinished = self.begin(number)?;
        unfinished.needs_room = false;
        unfinished.push(bytes)?;
        self.finish(unfinished, ending)
    }

    /// Ends a file, under the name of what is in it.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn finish(&self, mut unfinished: Unfinished, ending: &str) -> io::Result<File> {
        let hash = unfinished.hasher.finalize().to_hex();
        let name = format!("{}{ending}", &hash[..HASH_CHARS]);
        self.steps.before(Step::Sync)?;
        unfinished.file.sync_all()?;
        let path = self.at(&name);
        // One of the same name has the same in it, and counts already.
        let before = fs::metadata(&path).map(|found| found.len());
        self.steps.before(Step::Name)?;
        fs::rename(&unfinished.path, path)?;
        unfinished.is_done = true;
        if let Ok(bytes) = before {
            self.share.give_back(bytes);
        }
        Ok(File { name: name.into(), bytes: unfinished.bytes })
    }

    /// Reads a whole file, and looks whether it is what it was.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn read(&self, file: &File) -> io::Result<Vec<u8>> {
        let bytes = fs::read(self.at(&file.name))?;
        let mut hasher = Hasher::new();
        hasher.update(&bytes);
        check(&hasher, &file.name)?;
        Ok(bytes)
    }

    /// Whether a file is not there, or not what its name says.
    pub fn is_damaged(&self, name: &str) -> bool {
        let file = File { name: name.into(), bytes: 0 };
        self.read(&file).is_err()
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        match fs::metadata(self.at(name)) {
            Ok(found) => self.remove(&Listed { name: name.to_owned(), bytes: found.len() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a file is there, with that length.
    pub fn has(&self, file: &File) -> bool {
        fs::metadata(self.at(&file.name)).is_ok_and(|found| found.len() == file.bytes)
    }

    /// Where a file lies.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(FILES).join(name)
    }

    /// All files that are whole.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.path.join(FILES))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(UNFINISHED) {
                all.push(Listed { name, bytes: entry.metadata()?.len() });
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, file: &Listed) -> io::Result<()> {
        self.steps.before(Step::Remove)?;
        fs::remove_file(self.at(&file.name))?;
        self.share.give_back(file.bytes);
        Ok(())
    }

    /// Removes all: the edition first, so that nothing names what is gone.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn drop_all(&self) -> io::Result<()> {
        self.steps.before(Step::RemoveEdition)?;
        for edition in [EDITION, EDITION_PART, ASIDE] {
            absent_or(fs::remove_file(self.path.join(edition)))?;
        }
        sync(&self.path)?;
        for listed in self.list()? {
            self.remove(&listed)?;
        }
        Ok(())
    }
}

impl Unfinished {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When there is no room for them, or they cannot be written.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.needs_room {
            true => self.share.take(bytes.len() as u64)?,
            false => self.share.take_in_any_case(bytes.len() as u64),
        }
        self.bytes += bytes.len() as u64;
        self.steps.before(Step::Write)?;
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_done {
            self.share.give_back(self.bytes);
            // What stays is removed when the folder is opened again.
            let _ = self.steps.before(Step::GiveUp).and_then(|()| fs::remove_file(&self.path));
        }
    }
}

/// A file that is read piece by piece. Its last piece is an error if what was in it is not what its name
/// says: so no reader takes it for whole.
#[derive(Debug)]
pub struct Reading {
    file: fs::File,
    hasher: Hasher,
    name: Box<str>,
    left: u64,
}

impl Reading {
    /// Opens a file of a folder.
    ///
    /// # Errors
    /// When it cannot be opened, or is not as long as it was.
    pub fn open(path: &Path, file: &File) -> io::Result<Reading> {
        let opened = fs::File::open(path)?;
        if opened.metadata()?.len() != file.bytes {
            return Err(damaged(&file.name));
        }
        let (hasher, name, left) = (Hasher::new(), file.name.clone(), file.bytes);
        Ok(Reading { file: opened, hasher, name, left })
    }

    /// The next piece; empty at the end.
    ///
    /// # Errors
    /// When it cannot be read, or turns out to be damaged.
    pub fn next(&mut self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let mut piece = vec![0; length];
        self.file.read_exact(&mut piece)?;
        self.hasher.update(&piece);
        self.left -= length as u64;
        if self.left == 0 {
            check(&self.hasher, &self.name)?;
        }
        Ok(piece)
    }
}

fn check(hasher: &Hasher, name: &str) -> io::Result<()> {
    let hash = hasher.finalize().to_hex();
    match name.get(..HASH_CHARS) == Some(&hash[..HASH_CHARS]) {
        true => Ok(()),
        false => Err(damaged(name)),
    }
}

fn damaged(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{name} is damaged"))
}

/// What is not there is removed already.
fn absent_or(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes a folder's entries durable.
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::edition::tests::edition;

    /// A folder that goes when the test ends.
    pub struct Scratch(pub PathBuf);

    impl Scratch {
        pub fn new(name: &str) -> Scratch {
            let name = format!("larder-feed-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path);
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_are_named_by_what_is_in_them_and_counted_once() {
        let scratch = Scratch::new("names");
        let room = Room::new(100);
        let folder = Folder::open(scratch.0.clone(), room.clone()).expect("a folder");
        let one = folder.write(1, b"abc", ".jpg").expect("a file");
        let again = folder.write(2, b"abc", ".jpg").expect("a file");
        let other = folder.write(3, b"abd", ".jpg").expect("a file");
        assert_eq!(one, again);
        assert_ne!(one.name, other.name);
        assert_eq!((folder.read(&one).expect("it is whole"), room.taken()), (b"abc".to_vec(), 6));
        drop(folder.begin(4).expect("a file"));
        assert_eq!(folder.list().expect("a list").len(), 2, "what is not whole is nowhere");
        let mut long = folder.begin(5).expect("a file");
        assert!(long.push(&[0; 95]).is_err(), "there is no room");
        drop(long);
        assert_eq!(room.taken(), 6);
        let document = folder.write(6, &[0; 200], ".doc").expect("a document has room in any case");
        assert_eq!(room.taken(), 206);
        folder.forget(&document.name).expect("it is ours");
        fs::remove_file(folder.at(&other.name)).expect("it is ours");
        folder.recount().expect("it is there");
        assert_eq!(room.taken(), 3, "what others took away counts no more");
        folder.write(7, b"abd", ".jpg").expect("a file");
        fs::write(folder.at("9.part"), "left").expect("a file");
        drop(folder);
        assert_eq!(room.taken(), 0);
        let folder = Folder::open(scratch.0.clone(), room.clone()).expect("a folder");
        assert_eq!((room.taken(), folder.at("9.part").exists()), (6, false));
        folder.drop_all().expect("it is ours");
        assert_eq!((room.taken(), folder.list().expect("a list")), (0, Vec::new()));
    }

    #[test]
    fn a_folder_that_was_cleared_by_hand_is_made_again() {
        let scratch = Scratch::new("cleared");
        let room = Room::new(100);
        let folder = Folder::open(scratch.0.clone(), room.clone()).expect("a folder");
        folder.write(1, b"abc", ".jpg").expect("a file");
        fs::remove_dir_all(&scratch.0).expect("it is ours");
        let file = folder.write(1, b"abcd", ".jpg").expect("a file");
        assert!(folder.publish(&edition(1, "none", &[])).expect("it is written"));
        folder.recount().expect("it is there");
        assert_eq!((folder.has(&file), room.taken()), (true, 4));
    }

    #[test]
    fn what_is_damaged_is_not_read() {
        let scratch = Scratch::new("damage");
        let folder = Folder::open(scratch.0.clone(), Room::new(100)).expect("a folder");
        let file = folder.write(1, b"abc", ".jpg").expect("a file");
        fs::write(folder.at(&file.name), b"abx").expect("it is ours");
        assert!(folder.read(&file).is_err());
        let mut reading = Reading::open(&folder.at(&file.name), &file).expect("it is as long");
        assert!(reading.next().is_err());
        fs::write(folder.at(&file.name), b"ab").expect("it is ours");
        assert!(Reading::open(&folder.at(&file.name), &file).is_err());
        assert!(!folder.has(&file));
        let long = vec![7; PIECE_BYTES + 1];
        let folder = Folder::open(scratch.0.clone(), Room::new(1 << 20)).expect("a folder");
        let file = folder.write(1, &long, ".jpg").expect("a file");
        let mut reading = Reading::open(&folder.at(&file.name), &file).expect("it is there");
        let pieces = [reading.next(), reading.next(), reading.next()].map(|it| it.expect("bytes"));
        assert_eq!(pieces.concat(), long);
        assert!(pieces[2].is_empty());
    }

    #[test]
    fn an_edition_that_cannot_be_used_is_set_aside() {
        let scratch = Scratch::new("edition");
        let folder = Folder::open(scratch.0.clone(), Room::new(100)).expect("a folder");
        assert_eq!(folder.edition(), Stored::Nothing);
        let edition = edition(1, "none", &[]);
        folder.publish(&edition).expect("it is written");
        assert_eq!(folder.edition(), Stored::Edition(Box::new(edition)));
        fs::write(scratch.0.join(EDITION), b"{").expect("it is ours");
        assert_eq!(folder.edition(), Stored::Unusable);
        assert_eq!(fs::read(scratch.0.join(ASIDE)).expect("it is kept"), b"{");
        assert_eq!(folder.edition(), Stored::Nothing);
    }

    #[test]
    fn what_the_upstream_wants_outlives_the_process() {
        let scratch = Scratch::new("rest");
        let folder = Folder::open(scratch.0.clone(), Room::new(100)).expect("a folder");
        assert_eq!(folder.rest_until(), 0);
        folder.note_rest(17);
        assert_eq!(folder.rest_until(), 17);
        folder.note_rest(0);
        assert_eq!(folder.rest_until(), 0);
    }
}
