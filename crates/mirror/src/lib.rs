//! FEEDS: documents of other servers, fetched on a schedule, mirrored with their pictures, and
//! published as one.
//!
//! `plan` says of a document which pictures it has and how it reads when they lie here; `schedule`
//! says when to fetch it. Both are pure: they take the time as an argument and open nothing. A
//! [`Mirror`](mirror::Mirror) has a `keeper` for each feed: it `refresh`es (`fetch`, `pictures`),
//! publishes an `edition` in its `folder`, lets readers find it (`published`), and `sweep`s.
#![forbid(unsafe_code)]

mod calls;
#[cfg(test)]
mod crash_tests;
mod desk;
mod edition;
mod fetch;
mod folder;
mod keeper;
mod left_over;
mod life;
pub mod mirror;
mod pictures;
pub mod plan;
mod published;
mod refresh;
mod resting;
mod room;
pub mod schedule;
pub mod settings;
mod steps;
mod sweep;
pub mod told;

pub use edition::Missing;
pub use fetch::Fault;
pub use folder::Listed;
pub use keeper::{Ended, NotDone};
pub use left_over::LeftOver;
