//! The seam between the disk tier and a file system.
//!
//! A device is one folder. Names are relative to it, with `/` between the parts. There are two:
//! [`Folder`](super::folder::Folder), and the one of the tests, which fails on purpose.

use std::io;
use std::sync::Arc;

/// A folder of files.
pub trait Device: Send + Sync {
    /// Makes a new, empty file; fails if there is one of that name.
    ///
    /// # Errors
    /// What the system says.
    fn create_new(&self, name: &str) -> io::Result<Arc<dyn DeviceFile>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DeviceFile>>;

    /// Gives a file another name, in the place of what had it.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Who has it open can still read it.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// What stands in a sub-folder, or with an empty name in the folder itself; nothing if there
    /// is no such sub-folder.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, folder: &str) -> io::Result<Vec<Listed>>;

    /// Makes a sub-folder, unless it is there.
    ///
    /// # Errors
    /// What the system says.
    fn make_folder(&self, folder: &str) -> io::Result<()>;

    /// Makes the names in a sub-folder last through a power cut.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;

    /// Bytes that are free on the file system.
    ///
    /// # Errors
    /// What the system says.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, without the folder.
    pub name: String,
    /// The bytes that it takes: its length, less its holes.
    pub bytes: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// An open file.
pub trait DeviceFile: Send + Sync {
    /// Reads what is there from `offset` on, less than `buffer` only at the end of the file.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Fills `buffer` if that does not wait for a disk; says whether it did.
    fn read_at_if_cached(&self, buffer: &mut [u8], offset: u64) -> bool;

    /// Writes all of it.
    ///
    /// # Errors
    /// What the system says; part of it may be written then.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or lengthens the file.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// What the system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes its bytes last through a power cut.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

/// Reads all of a file, which is known to be small enough.
pub(crate) fn read_whole(device: &dyn Device, name: &str, limit: u64) -> io::Result<Vec<u8>> {
    let file = device.open(name)?;
    let bytes = file.len()?;
    if bytes > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} is too long")));
    }
    let mut whole = vec![0; bytes as usize];
    let read = file.read_at(&mut whole, 0)?;
    whole.truncate(read);
    Ok(whole)
}

/// Writes a small file so that it is there whole or not at all: under a temporary name first.
pub(crate) fn write_whole(device: &dyn Device, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.tmp");
    let file = match device.create_new(&temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            device.remove(&temporary)?;
            device.create_new(&temporary)?
        }
        made => made?,
    };
    file.write_at(bytes, 0)?;
    file.sync()?;
    device.rename(&temporary, name)?;
    device.sync_folder(name.rsplit_once('/').map_or("", |(folder, _)| folder))
}
