//! PIXELS: what the URL of a picture asks for, and how it is made, as pure functions.
//!
//! Nothing here knows the network, waits, or reads a clock. A [`plan`] is what a URL asks for, in
//! whichever dialect it was written; [`accept`] is which formats a client takes; [`ladder`]
//! is which sizes are made; [`sizing`] says of a
//! source's size what is cut from it and how large it becomes. [`run`] makes the picture, within
//! [`limits`], and says what is known of a source ([`info`]); [`job`] is all of it as bytes, for workers
//! in processes of their own.
#![deny(unsafe_code)]

pub mod accept;
mod colour;
mod coming;
mod container;
mod decode;
mod effects;
mod encode;
pub mod fault;
mod ffi;
pub mod info;
mod intake;
pub mod job;
pub mod ladder;
mod light;
pub mod limits;
pub mod orientation;
pub mod placeholder;
pub mod plan;
mod raster;
mod resize;
pub mod run;
mod saliency;
mod score;
pub mod sizing;
pub mod sniff;
mod trim;
mod watermark;
mod wide;
mod work;
mod written;

pub use colour::Profile;
pub use fault::{Fault, Measure};
pub use info::{Info, info};
pub use limits::Limits;
pub use run::{Effort, Made, Media, Recipe, picture};
