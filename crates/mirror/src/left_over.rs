//! Folders of feeds that the settings have no more. They stay until an operator says that they may go: the
//! feed may come back, and what it published is no cache.

use std::fs;
use std::io;
use std::path::Path;

/// The longest name of a feed, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What is left of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// Its name.
    pub name: Box<str>,
    /// Bytes of its files.
    pub bytes: u64,
}

/// All folders that may be those of feeds, by their names. What cannot be read is as if it were not there.
pub fn list(folder: &Path) -> Vec<LeftOver> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<LeftOver> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| is_name(name))?;
            Some(LeftOver { name: name.into(), bytes: bytes_in(&entry.path()) })
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// Removes the folder of that name; whether it was there. A process that is killed meanwhile leaves a part
/// of it, which can be removed again.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(folder: &Path, name: &str) -> io::Result<bool> {
    let path = folder.join(name);
    // A link leads elsewhere, and is none of ours.
    let is_ours = is_name(name) && fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
    if is_ours {
        fs::remove_dir_all(path)?;
    }
    Ok(is_ours)
}

/// Whether a feed may be called so: letters, digits, `-` and `_`, so it leads to no other folder.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            // It is not followed where it is a link.
            Ok(found) if found.is_dir() => bytes_in(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::tests::Scratch;

    #[test]
    fn only_folders_that_may_be_those_of_feeds_are_listed_and_removed() {
        let scratch = Scratch::new("left");
        let feeds = scratch.0.join("feeds");
        for folder in ["old/files", "a.b", ".hidden"] {
            fs::create_dir_all(feeds.join(folder)).expect("a folder");
        }
        fs::write(feeds.join("old/edition.json"), "{}").expect("a file");
        fs::write(feeds.join("old/files/a.jpg"), "abc").expect("a file");
        fs::write(feeds.join("file"), "abc").expect("a file");
        fs::create_dir_all(scratch.0.join("elsewhere")).expect("a folder");
        std::os::unix::fs::symlink(scratch.0.join("elsewhere"), feeds.join("link"))
            .expect("a link");
        assert_eq!(list(&feeds), [LeftOver { name: "old".into(), bytes: 5 }]);
        for other in
            ["", ".", "..", "../elsewhere", "old/files", "a.b", "file", "link", "none", "/"]
        {
            assert!(!remove(&feeds, other).expect("nothing is done"), "{other}");
        }
        assert!(remove(&feeds, "old").expect("it is ours"));
        assert_eq!(list(&feeds), []);
        assert!(feeds.join("a.b").exists() && scratch.0.join("elsewhere").exists());
        assert_eq!(list(&scratch.0.join("none")), []);
    }
}
