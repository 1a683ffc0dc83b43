//! BYTES: where responses are kept, behind one door.
//!
//! [`Store`] is the door: `lookup`, `begin` (which gives a [`Writer`]) and `invalidate`. Behind
//! it stand the tiers, memory and disk. The store knows `policy`'s keys and
//! metadata and nothing of sockets, and decides nothing about freshness.
#![forbid(unsafe_code)]

mod body;
mod cost;
pub mod disk;
mod door;
mod entries;
mod entry;
mod examine;
mod gaps;
mod listing;
mod memory;
pub mod purge_log;
#[cfg(test)]
mod purges_race_tests;
mod reservation;
mod scopes;
#[cfg(test)]
mod seeds;
mod standing;
mod writer;

pub use body::{Body, Chunks};
pub use disk::{Fate, LargeFile};
pub use door::{FormHead, Limits, Lookup, Recall, Recalled, Renewed, Stats, Store};
pub use entry::{Entry, Form, Forms, Heads, Made};
pub use examine::{Examination, Examined};
pub use gaps::GapWriter;
pub use listing::{Cursor, Listed, Page};
pub use scopes::Departure;
pub use writer::Writer;
