//! How a source is read: into memory, as soon as there is some for it, or where it lies on disk and is
//! long, through, so that it takes none.

use super::asked::Making;
use super::gather::Lost;
use super::held::Held;
use super::on_disk::OnDisk;
use super::source::Coming;
use super::workshop::Workshop;
use crate::fill::Errand;
use bytes::Bytes;
use policy::time::Timestamp;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

/// The longest watermark, in bytes.
pub const MAX_MARK_BYTES: u64 = 1 << 20;
/// What is shorter is read into memory, wherever it lies, in bytes: to read it twice costs more.
const SHORT_BYTES: u64 = 256 << 10;

/// By when a source has to have come.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// Where somebody waits: head and body together. Where nobody does, the head may take as long as its
    /// origin may.
    ends: Option<Instant>,
    body: Duration,
}

impl Deadline {
    /// That of a source which is asked for now.
    pub fn of(errand: &Errand, making: &Making) -> Deadline {
        let body = errand.core.shared.workshop.timeout();
        let ends = (!making.takes_its_time).then(|| Instant::now() + body);
        Deadline { ends, body }
    }

    /// Waits for a head.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn head<T>(self, finding: impl Future<Output = T>) -> Result<T, Lost> {
        match self.ends {
            Some(ends) => timeout_at(ends, finding).await.map_err(|_| Lost::TooSlow),
            None => Ok(finding.await),
        }
    }

    /// Waits for a body, whose head is there.
    ///
    /// # Errors
    /// When it takes too long, too.
    async fn body<T>(self, reading: impl Future<Output = Result<T, Lost>>) -> Result<T, Lost> {
        let ends = self.ends.unwrap_or_else(|| Instant::now() + self.body);
        timeout_at(ends, reading).await.unwrap_or(Err(Lost::TooSlow))
    }
}

/// A source in memory that counts as long as it is there: until the picture is made of it, or, where it
/// goes out as it is, until the last who reads it slowly has all of it.
struct Counted {
    bytes: Bytes,
    _memory: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a source.
///
/// # Errors
/// When it is longer than may be, breaks off, or takes too long.
pub async fn read(
    errand: &Errand,
    making: &Making,
    body: Coming,
    deadline: Deadline,
    now: Timestamp,
) -> Result<Held, Lost> {
    let most = making.settings.limits.source_bytes;
    if let Some(bytes) = body.shared() {
        return match bytes.len() as u64 > most {
            true => Err(Lost::TooLong),
            false => Ok(Held::in_memory(bytes)),
        };
    }
    let length = body.length().unwrap_or(most);
    if length > most {
        return Err(Lost::TooLong);
    }
    let workshop = &errand.core.shared.workshop;
    let reading = async {
        match body.on_disk().filter(|_| length >= SHORT_BYTES) {
            Some(lies) => OnDisk::read_through(lies, most).await.map(Held::Disk),
            None => {
                // It is large, and seldom what is waited for.
                let gathering = Box::pin(body.gather(most, now));
                within_memory(workshop, length, gathering).await.map(Held::in_memory)
            }
        }
    };
    // Whoever sends drop by drop, or never ends, must not hold a place that others wait for.
    deadline.body(reading).await
}

/// All of a source in memory, for where it goes out as it is.
///
/// # Errors
/// When it is not any more what it was, or takes too long.
pub async fn whole(workshop: &Workshop, source: &Held) -> Result<Bytes, Lost> {
    let source = match source {
        Held::Memory(bytes, _) => return Ok(bytes.clone()),
        Held::Disk(source) => source,
    };
    let reading = within_memory(workshop, source.len(), source.gather());
    timeout(workshop.timeout(), reading).await.unwrap_or(Err(Lost::TooSlow))
}

/// Gathers a source of at most so many bytes as soon as there is memory for it.
async fn within_memory(
    workshop: &Workshop,
    most: u64,
    gathering: impl Future<Output = Result<Bytes, Lost>>,
) -> Result<Bytes, Lost> {
    let memory = workshop.memory_for(most).await;
    let bytes = gathering.await?;
    Ok(match memory {
        Some(memory) => {
            let _memory = Workshop::fitted(memory, bytes.len() as u64);
            Bytes::from_owner(Counted { bytes, _memory })
        }
        None => bytes,
    })
}

/// Reads a watermark. It is so short that its memory is not counted: who holds that of a source must not
/// wait for more.
///
/// # Errors
/// As [`read`].
pub async fn read_mark(body: Coming, deadline: Deadline, now: Timestamp) -> Result<Bytes, Lost> {
    if body.length().is_some_and(|length| length > MAX_MARK_BYTES) {
        return Err(Lost::TooLong);
    }
    if let Some(bytes) = body.shared() {
        return Ok(bytes);
    }
    deadline.body(Box::pin(body.gather(MAX_MARK_BYTES, now))).await
}
