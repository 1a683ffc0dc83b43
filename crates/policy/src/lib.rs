//! RULES: what a shared HTTP cache may do, as pure functions.
//!
//! Nothing here reads a clock, opens a file or socket, waits or spawns: the caller passes `now`,
//! and gets back a value that says what to do. Four decisions are made along the life of a
//! request, each in one function whose verdict is an enum that `proxy` matches once:
//! [`route::route`], [`reuse::reuse`], [`admission::admission`] and [`reply::reply`].
//!
//! The rules are those of RFC 9111 (caching), RFC 9110 (semantics), RFC 5861 (stale windows) and
//! RFC 9213 (targeted fields), together with the settings of the operator in [`rule`].
#![forbid(unsafe_code)]

pub mod admission;
pub mod cache_control;
mod code;
pub mod coding;
pub mod conditional;
pub mod cookies;
pub mod cors;
pub mod entry;
pub mod explain;
pub mod fields;
pub mod freshness;
pub mod glob;
pub mod groups;
pub mod kept;
pub mod key;
pub mod lineage;
pub mod media_type;
pub mod meta;
pub mod meta_code;
pub mod name;
pub mod negotiate;
pub mod partial;
pub mod path;
pub mod path_pattern;
pub mod prefix;
pub mod preset;
pub mod purge;
pub mod range;
pub mod reason;
pub mod reply;
pub mod request;
pub mod reuse;
pub mod route;
pub mod rule;
pub mod tag_template;
pub mod targeted;
pub mod time;
pub mod vary;
