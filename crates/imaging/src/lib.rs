//! PIXELS: what the URL of a picture asks for, as pure functions.
//!
//! Nothing here knows the network, waits, or reads a clock. A [`plan`] is what a URL asks for, in
//! whichever dialect it was written; [`accept`] is which formats a client takes; [`ladder`] is which sizes are made; [`sizing`] says of a
//! source's size what is cut from it and how large it becomes.
#![forbid(unsafe_code)]

pub mod accept;
pub mod ladder;
pub mod plan;
pub mod sizing;
