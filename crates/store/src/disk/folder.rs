//! A real folder as the device of the disk tier. It is held alone, by a lock on its file `lock`.

use super::device::{Device, DeviceFile, Listed};
use super::error::OpenError;
use super::format::FORMAT;
use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file whose lock says that the folder is in use.
pub(crate) const LOCK: &str = "lock";

/// What the system counts the room of a file in.
const BLOCK_BYTES: u64 = 512;

/// A folder, locked for this process until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes a folder, and makes it if it is not there.
    ///
    /// # Errors
    /// If another process has it, or the system does not let us.
    pub fn open(path: &Path) -> Result<Folder, OpenError> {
        fs::create_dir_all(path).map_err(OpenError::at(&path.to_string_lossy()))?;
        Folder::refuse_foreign(path)?;
        Folder::lock(path)
    }

    /// Takes a folder that is a store already, to look into it.
    ///
    /// # Errors
    /// If it is none, another process has it, or the system does not let us.
    pub fn open_existing(path: &Path) -> Result<Folder, OpenError> {
        fs::metadata(path.join(FORMAT)).map_err(OpenError::at(FORMAT))?;
        Folder::lock(path)
    }

    /// What is not ours gets not even a lock.
    fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
        if path.join(FORMAT).exists() || path.join(LOCK).exists() {
            return Ok(());
        }
        let mut entries = fs::read_dir(path).map_err(OpenError::at("the folder"))?;
        match entries.next() {
            Some(Ok(entry)) => {
                Err(OpenError::Foreign { name: entry.file_name().to_string_lossy().into_owned() })
            }
            Some(Err(error)) => Err(OpenError::at("the folder")(error)),
            None => Ok(()),
        }
    }

    fn lock(path: &Path) -> Result<Folder, OpenError> {
        let lock = path.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(lock);
        let lock = lock.map_err(OpenError::at(LOCK))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Folder { path: path.to_owned(), _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(OpenError::InUse),
            Err(error) => Err(OpenError::at(LOCK)(error.into())),
        }
    }

    fn wide(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Device for Folder {
    fn create_new(&self, name: &str) -> io::Result<Arc<dyn DeviceFile>> {
        let mut new = OpenOptions::new();
        let file = new.read(true).write(true).create_new(true).open(self.wide(name))?;
        Ok(Arc::new(PlainFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DeviceFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.wide(name))?;
        Ok(Arc::new(PlainFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.wide(from), self.wide(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.wide(name))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Listed>> {
        let entries = match fs::read_dir(self.wide(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        entries.map(|entry| listed(&entry?)).collect()
    }

    fn make_folder(&self, folder: &str) -> io::Result<()> {
        fs::create_dir_all(self.wide(folder))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        File::open(self.wide(folder))?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let space = statvfs(&self.path)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

fn listed(entry: &fs::DirEntry) -> io::Result<Listed> {
    let meta = entry.metadata()?;
    let name = entry.file_name().to_string_lossy().into_owned();
    // Of a file with holes what it takes.
    let bytes = meta.len().min(meta.blocks() * BLOCK_BYTES);
    Ok(Listed { name, bytes, is_folder: meta.is_dir() })
}

struct PlainFile(File);

impl DeviceFile for PlainFile {
    fn read_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
        let wanted = buffer.len();
        while !buffer.is_empty() {
            match self.0.read_at(buffer, offset) {
                Ok(0) => break,
                Ok(read) => {
                    buffer = &mut buffer[read..];
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wanted - buffer.len())
    }

    fn read_at_if_cached(&self, buffer: &mut [u8], offset: u64) -> bool {
        let wanted = buffer.len();
        let read = preadv2(&self.0, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT);
        read == Ok(wanted)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
