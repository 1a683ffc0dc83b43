//! Black-box tests: the real binary before real origins, one file a topic.
//!
//! Each test starts a Larder and an origin of its own by two lines, on ports that the kernel
//! chooses, and turns Larder's clock by hand; see `support`.

#![allow(clippy::unwrap_used, reason = "what fails in a test, fails the test")]

mod support;

mod admin;
mod admin_commands;
mod admin_objects;
mod astro;
mod bad_requests;
mod caching;
mod collapsing;
mod compression;
mod disk;
mod doors;
mod edge;
mod empty_root;
mod entries;
mod explain;
mod faults;
mod feeds;
mod forwarding;
mod groups;
mod hooks;
mod http2;
mod keys;
mod next;
mod next_instances;
mod origins;
mod paced;
mod packages;
mod pictures;
mod presets;
mod process;
mod purging;
mod ranges;
mod regeneration;
mod regressions;
mod reload;
mod run;
mod serving;
mod sites_and_rules;
mod staleness;
mod streams;
mod tls;
mod unwritable_disk;
mod validation;
mod verified;
