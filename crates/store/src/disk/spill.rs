//! Bodies that come from memory and are too long for a segment: written to files of their own by the
//! thread that writes.

use super::large::{LargeFile, SLICE, file_bytes};
use super::worker::Worker;
use bytes::Bytes;
use policy::key::Key;
use std::io;
use std::sync::Arc;

impl Worker {
    /// Writes a body to a file of its own, whole.
    pub fn spill(&mut self, url: u64, key: &Key, body: &Bytes) -> io::Result<Arc<LargeFile>> {
        let bytes = file_bytes(key.as_ref().bytes().len(), body.len() as u64);
        self.make_large_room(bytes)?;
        let shared = self.shared.clone();
        let number = shared.next_seq();
        let written = (|| {
            let (of, help) = ((number, shared.format.seed), shared.help());
            let file = LargeFile::begin(&*shared.device, of, key.as_ref().bytes(), help)?;
            for slice in body.chunks(SLICE) {
                file.append(slice)?;
            }
            file.complete(&*shared.device, key.as_ref().bytes())?;
            Ok(file)
        })();
        shared.large.return_room(bytes);
        match written {
            Ok(file) => {
                shared.large.add(number, url, bytes);
                Ok(file)
            }
            Err(error) => {
                // What cannot be removed now is removed at the next start.
                let _ = shared.device.remove(&super::large::temporary_name(number));
                Err(error)
            }
        }
    }
}
