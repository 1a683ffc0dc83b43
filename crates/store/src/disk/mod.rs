//! The disk tier: a log of segments for small responses, an index in memory.
//!
//! [`Disk`] is the door. Below it: [`device`] and [`folder`] (the seam to the file system), the
//! forms on disk (`format`, `record`, `contents`), the tables in memory (`index`, `segments`,
//! `queue`), those who ask (`look`) and the one who writes (`worker`, `batch`, `log`, `reclaim`).
//!
//! Order on disk is the order of time: the last record of a key and variant counts. A segment is
//! given up whole, and only so that nothing older comes back: either it is the oldest, or all of it
//! that counts, what was forgotten too, is carried to the end first.

mod batch;
mod births;
mod contents;
mod device;
mod error;
mod folder;
mod format;
mod held;
mod index;
mod large;
mod large_writer;
mod larges;
mod log;
mod look;
mod objects;
mod offline;
mod op;
mod open;
mod pool;
mod queue;
mod reclaim;
mod record;
mod reply;
mod room;
mod scan;
mod segments;
mod shared;
mod slice_map;
mod slice_writer;
mod spill;
mod stats;
mod tier;
mod worker;

#[cfg(test)]
pub(crate) mod faulty_device_tests;
#[cfg(test)]
pub(crate) mod fixture_tests;
#[cfg(test)]
mod large_tests;
#[cfg(test)]
mod measure_tests;
#[cfg(test)]
mod seeds_tests;
#[cfg(test)]
mod slices_tests;
#[cfg(test)]
mod tier_tests;

pub use device::{Device, DeviceFile, Listed};
pub use error::OpenError;
pub use folder::Folder;
pub use format::Format;
pub(crate) use format::read as read_format;
#[cfg(test)]
pub(crate) use format::take as take_format;
pub(crate) use index::place;
pub use large::LargeFile;
pub use large_writer::LargeWriter;
pub use look::Stored;
pub(crate) use objects::Object;
pub use offline::{Report, stat, verify};
pub use op::DiskBody;
pub(crate) use reply::{Answer, Reply, reply, wait_for};
pub use shared::{Clock, InUse, Settings};
pub use slice_map::Fate;
pub use slice_writer::SliceWriter;
pub use stats::DiskStats;
pub use tier::{Disk, Found, MAX_SMALL_BODY_BYTES};
#[cfg(test)]
pub(crate) use worker::Worker;
