//! Asking the thread that writes for room, which gives up what is older for it.

use super::op::{Act, Op};
use super::reply::reply;
use super::shared::Shared;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

/// Room that a body on its way has been given and not used up; given back on drop.
pub(crate) struct Room {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Room {
    /// None so far.
    pub fn new(shared: Arc<Shared>) -> Room {
        Room { shared, bytes: 0 }
    }

    /// Room that is counted already.
    pub fn taken(shared: Arc<Shared>, bytes: u64) -> Room {
        Room { shared, bytes }
    }

    /// Sees to it that there is room for so many bytes; of what is missing it asks for `grant` at
    /// least.
    pub async fn have(&mut self, bytes: u64, grant: u64) -> io::Result<()> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let more = (bytes - self.bytes).max(grant.min(self.shared.settings.size_bytes / 64));
        let (answer, reply) = reply();
        let act = Act::MakeRoom { bytes: more, answer: Mutex::new(Some(answer)) };
        if !self.shared.queue.push(Op::new(0, 0, act)) {
            return Err(io::Error::other("the store is closed"));
        }
        match reply.await {
            Some(mut room) => {
                self.bytes += room.leave();
                Ok(())
            }
            None => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    /// Uses some of it up: that counts elsewhere from now on.
    pub fn spend(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.shared.large.return_room(bytes);
    }

    /// Leaves it taken: who gives it back is another.
    pub fn leave(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.large.return_room(self.bytes);
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
