//! Sources that are files of a folder: nothing above it is reached, by whichever path or link.

use super::gather::Lost;
use super::source::{Coming, Found, Lived};
use crate::error::Error;
use crate::fill::Errand;
use crate::settings::Folder;
use bytes::Bytes;
use imaging::plan::Source;
use policy::freshness::Life;
use policy::key::KeyRef;
use policy::lineage::Lineage;
use policy::path::match_path;
use policy::request::{Request, split_target};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// A file that is to be read.
pub struct Opened {
    /// The file.
    pub file: Arc<File>,
    /// Its length.
    pub bytes: u64,
}

impl Opened {
    /// All of it.
    ///
    /// # Errors
    /// When it is longer than `most` bytes, or cannot be read.
    pub async fn read(self, most: u64) -> Result<Bytes, Lost> {
        if self.bytes > most {
            return Err(Lost::TooLong);
        }
        let read = spawn_blocking(move || {
            // All at once: a buffer that grows takes three times as much on the way. One more than there
            // is shows the end.
            let mut bytes = Vec::with_capacity(usize::try_from(self.bytes + 1).unwrap_or_default());
            // One more than may be tells that it has grown.
            (&*self.file).take(most + 1).read_to_end(&mut bytes).map(|_| bytes)
        });
        match read.await {
            Ok(Ok(bytes)) if bytes.len() as u64 > most => Err(Lost::TooLong),
            Ok(Ok(bytes)) => Ok(bytes.into()),
            Ok(Err(_)) | Err(_) => Err(Lost::Broken),
        }
    }
}

/// Opens a file of a folder.
///
/// # Errors
/// When it may not be read.
pub async fn find(errand: &Errand, source: &Source, number: usize) -> Result<Found, Error> {
    let making = errand.making.as_ref().map(|making| making.settings.clone());
    let folder = making.as_ref().and_then(|settings| settings.folders.get(number));
    let (Some(folder), Source::Path(path)) = (folder, source) else {
        return Err(Error::UnknownHost);
    };
    let request = Request {
        scheme: errand.request.scheme,
        host: errand.request.host.clone(),
        target: path.to_string(),
        ..Request::default()
    };
    let rule = errand.site.settings.site.rule_for(&request);
    let mut buffer = Vec::new();
    let key = KeyRef::build(&request, rule, &mut buffer);
    let ttl = folder.ttl;
    let opened = match name(folder, path) {
        Some(name) => {
            let folder = folder.folder.clone();
            let opened = spawn_blocking(move || open(&folder, &name)).await;
            opened.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
        }
        None => Err(io::ErrorKind::NotFound.into()),
    };
    let (status, body) = match opened {
        Ok(opened) => (200, Coming::File(opened)),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!("the picture's source {path} cannot be read: {error}");
            }
            (404, Coming::Nothing)
        }
    };
    let answered = errand.core.shared.clock.now();
    let life = Life { answered, lifetime: ttl, ..Life::default() };
    let told = format!("public, max-age={}", ttl.get());
    Ok(Found {
        status,
        lineage: Lineage::of(key, None),
        life: Lived::Kept(life),
        told: Some(told.into_bytes().into()),
        groups: Vec::new(),
        is_endless: false,
        retry_after: None,
        coding: None,
        stood_in: None,
        body,
    })
}

/// The name of a file below its folder. Hidden files are none.
fn name(folder: &Folder, path: &str) -> Option<PathBuf> {
    let path = match_path(split_target(path).0);
    let name = path.path.strip_prefix(folder.path.as_bytes())?;
    let is_hidden = |segment: &[u8]| segment.is_empty() || segment.starts_with(b".");
    if path.ambiguous || name.split(|b| *b == b'/').any(is_hidden) || name.contains(&0) {
        return None;
    }
    Some(Path::new(OsStr::from_bytes(name)).to_owned())
}

/// Opens a file, which with all links followed has to lie within the folder.
fn open(folder: &Path, name: &Path) -> io::Result<Opened> {
    let folder = folder.canonicalize()?;
    let file = folder.join(name).canonicalize()?;
    if !file.starts_with(&folder) || !file.metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = File::open(file)?;
    let bytes = file.metadata()?.len();
    Ok(Opened { file: Arc::new(file), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::time::Seconds;

    #[test]
    fn only_plain_files_below_the_folder_are_read() {
        let top = std::env::temp_dir().join(format!("larder-folder-{}", std::process::id()));
        let within = top.join("within");
        std::fs::create_dir_all(within.join("a")).expect("a folder");
        std::fs::write(within.join("a/b c.jpg"), "12345").expect("a file");
        std::fs::write(within.join(".hidden"), "secret").expect("a file");
        std::fs::write(top.join("outside"), "secret").expect("a file");
        std::os::unix::fs::symlink(top.join("outside"), within.join("link")).expect("a link");
        std::os::unix::fs::symlink(within.join("a"), within.join("inner")).expect("a link");
        let folder = Folder { path: "/photos/".into(), folder: within, ttl: Seconds::ZERO };
        for (path, bytes) in [
            ("/photos/a/b%20c.jpg?v=1", Some(5)),
            ("/photos/inner/b%20c.jpg", Some(5)),
            ("/photos/a", None),
            ("/photos/", None),
            ("/photos/.hidden", None),
            ("/photos/link", None),
            ("/photos/../outside", None),
            ("/photos/%2e%2e/outside", None),
            ("/photos/a/..%2f..%2foutside", None),
            ("/photos//etc/passwd", None),
            ("/photos/a%00", None),
            ("/photos/none.jpg", None),
        ] {
            let opened = name(&folder, path).and_then(|name| open(&folder.folder, &name).ok());
            assert_eq!(opened.map(|opened| opened.bytes), bytes, "{path}");
        }
        std::fs::remove_dir_all(top).expect("it is ours");
    }
}
