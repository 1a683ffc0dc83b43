//! The secret by which the command line proves to the admin listener that it may write:
//! `DIR/admin.token`, made at the first start and kept, readable by its owner alone.

use crate::random;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The name of the file within the data folder.
pub const FILE: &str = "admin.token";
/// Random bytes of a token; the file has twice as many digits.
const TOKEN_BYTES: usize = 32;
/// The longest token that is read, in bytes.
const MAX_TOKEN_BYTES: u64 = 1024;

/// The token of the data folder, made where there is none. Of several starts at once all get
/// the same. Where the folder cannot be written this is said once in words, and there is none:
/// serving goes on.
pub fn prepare(folder: &Path) -> Option<String> {
    match read_or_make(folder) {
        Ok(token) => Some(token),
        Err(error) => {
            tracing::warn!(
                "neither an admin token nor a cache on disk: {} cannot be used ({error}); \
                 name another folder with --data to have one",
                folder.display()
            );
            None
        }
    }
}

/// The token that is there, or a new one.
///
/// # Errors
/// If the folder or the file can be neither read nor made, or the file holds no token.
pub fn read_or_make(folder: &Path) -> io::Result<String> {
    let path = folder.join(FILE);
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    make(folder, &path)?;
    read(&path)
}

/// The token that a file holds.
///
/// # Errors
/// If the file cannot be read, or holds no token.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_TOKEN_BYTES).read_to_string(&mut text)?;
    let token = text.trim();
    if token.len() < 2 * TOKEN_BYTES {
        let what = format!("{} holds no token; remove it to have a new one", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(token.to_owned())
}

/// Writes a new token beside its place and links it there: the file is whole or absent, and one
/// that another start has made meanwhile stays.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let draft = Draft(folder.join(format!(".{FILE}.{}", random::hex::<8>())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft.0)?;
    writeln!(file, "{}", random::hex::<TOKEN_BYTES>())?;
    file.sync_all()?;
    match std::fs::hard_link(&draft.0, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// A file that goes away when it is no longer used.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // What is left behind by a failure here holds a token that nobody uses.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> PathBuf {
        let name = format!("larder-token-{name}-{}", random::hex::<4>());
        std::env::temp_dir().join(name)
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn the_first_start_makes_a_token_that_later_ones_keep() {
        let folder = folder("kept").join("below");
        let token = read_or_make(&folder).expect("a new token");
        assert_eq!(token.len(), 64);
        assert_eq!(read_or_make(&folder).expect("the same"), token);
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        let files = std::fs::read_dir(&folder).expect("the folder").count();
        assert_eq!(files, 1, "no draft is left");
        std::fs::remove_dir_all(folder.parent().expect("below")).expect("it was made here");
    }

    #[test]
    fn starts_at_once_agree_on_one_token() {
        let folder = folder("race");
        let tokens: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_make(&folder))).collect();
            starts.into_iter().map(|start| start.join().expect("no panic").ok()).collect()
        });
        assert!(tokens[0].is_some() && tokens.iter().all(|token| *token == tokens[0]));
        std::fs::remove_dir_all(&folder).expect("it was made here");
    }

    #[test]
    fn without_a_folder_to_write_there_is_no_token_and_no_panic() {
        assert_eq!(prepare(Path::new("/proc/self/larder")), None);
        let folder = folder("empty");
        std::fs::create_dir(&folder).expect("it can be made");
        std::fs::write(folder.join(FILE), "short\n").expect("it can be written");
        assert_eq!(prepare(&folder), None, "a file that holds no token is not overwritten");
        std::fs::remove_dir_all(&folder).expect("it was made here");
    }
}
