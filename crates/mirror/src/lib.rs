//! Feeds: documents of other servers, fetched on a schedule, mirrored with their pictures, and
//! published as one.
//!
//! `plan` says of a document which pictures it has and how it reads when they lie here; `schedule`
//! says when to fetch it. Both are pure: they take the time as an argument and open nothing.
#![forbid(unsafe_code)]

pub mod plan;
pub mod schedule;
