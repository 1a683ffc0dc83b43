//! A large body on its way to its file.

use super::large::{LargeFile, SLICE, file_bytes, temporary_name};
use super::room::Room;
use super::shared::{Shared, not_there};
use bytes::Bytes;
use policy::key::Key;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Room is asked for in pieces of so many bytes.
const GRANT_BYTES: u64 = 4 << 20;

/// Takes a body piece by piece and writes it slice by slice; holds one slice and the piece at hand.
/// When it is dropped before it is finished, nothing is left of the body.
pub struct LargeWriter {
    shared: Arc<Shared>,
    key: Key,
    file: Arc<LargeFile>,
    slice: Vec<u8>,
    /// What it may take, all that it has written included.
    room: Room,
    is_whole: bool,
}

impl LargeWriter {
    /// Makes the file on a thread of the pool.
    pub(crate) async fn begin(shared: Arc<Shared>, key: &Key) -> io::Result<LargeWriter> {
        let (pool, key) = (shared.pool.clone(), key.clone());
        let made = pool.ask_surely(move || LargeWriter::make(shared, key)).await;
        made.unwrap_or_else(|| Err(io::Error::other("the store is closed")))
    }

    fn make(shared: Arc<Shared>, key: Key) -> io::Result<LargeWriter> {
        let number = shared.next_seq();
        let (seed, help) = (shared.format.seed, shared.help());
        let of = (number, seed);
        let file = LargeFile::begin(&*shared.device, of, key.as_ref().bytes(), help)?;
        let slice = Vec::with_capacity(SLICE);
        let room = Room::new(shared.clone());
        Ok(LargeWriter { shared, key, file, slice, room, is_whole: false })
    }

    /// The body as far as it is written, for those who read it meanwhile.
    pub fn file(&self) -> &Arc<LargeFile> {
        &self.file
    }

    /// Takes the next piece. Waits for the disk when a slice is full.
    ///
    /// # Errors
    /// If the disk fails or has no room; the writer is of no more use then.
    pub async fn write(&mut self, mut piece: Bytes) -> io::Result<()> {
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(SLICE - self.slice.len()));
            self.slice.extend_from_slice(&part);
            if self.slice.len() == SLICE {
                self.write_slice().await?;
            }
        }
        Ok(())
    }

    /// Ends the body. It is stored when it is put.
    ///
    /// # Errors
    /// If the disk fails or has no room.
    pub async fn finish(mut self) -> io::Result<Arc<LargeFile>> {
        if !self.slice.is_empty() {
            self.write_slice().await?;
        }
        self.take_room(0).await?;
        let (file, shared, key) = (self.file.clone(), self.shared.clone(), self.key.clone());
        let complete = move || file.complete(&*shared.device, key.as_ref().bytes());
        self.file.on_pool(complete).await?;
        self.is_whole = true;
        let bytes = self.bytes_with(0);
        self.shared.large.add(
            self.file.number,
            self.shared.url_hash(self.key.as_ref().url()),
            bytes,
        );
        Ok(self.file.clone())
    }

    async fn write_slice(&mut self) -> io::Result<()> {
        self.take_room(self.slice.len() as u64).await?;
        let slice = std::mem::replace(&mut self.slice, Vec::with_capacity(SLICE));
        let file = self.file.clone();
        self.file.on_pool(move || file.append(&slice)).await
    }

    fn bytes_with(&self, more: u64) -> u64 {
        file_bytes(self.key.as_ref().bytes().len(), self.file.len() + more)
    }

    /// Asks the worker for room, which gives up what is older for it.
    async fn take_room(&mut self, more: u64) -> io::Result<()> {
        let needed = self.bytes_with(more);
        if needed > self.shared.settings.size_bytes / 2 {
            // One body is not worth half of all that is stored.
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room.have(needed, GRANT_BYTES).await
    }
}

impl fmt::Debug for LargeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LargeWriter").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Drop for LargeWriter {
    fn drop(&mut self) {
        if self.is_whole {
            // The file counts by itself.
            return;
        }
        self.file.give_up();
        let (shared, number) = (self.shared.clone(), self.file.number);
        let granted = self.room.leave();
        let remove = move || {
            // What cannot be removed now is removed at the next start, and counts until then.
            if shared.device.remove(&temporary_name(number)).or_else(not_there).is_ok() {
                shared.large.return_room(granted);
            }
        };
        if let Err(remove) = self.shared.pool.spawn(remove) {
            remove();
        }
    }
}
