//! FLOW: the way of a request from a client's socket to an answer.
//!
//! `policy` decides, `store` keeps, and this crate does what they say: it opens sockets, reads
//! requests, asks origins, brings those together who want the same, and writes answers. Each core
//! runs by itself on one thread ([`serve_core`]) and shares with the others only what
//! [`core::Shared`] holds.
#![forbid(unsafe_code)]

pub mod access_log;
mod answer;
mod background;
mod cache_status;
mod client;
pub mod clock;
mod compress;
pub mod core;
mod diagnosis;
pub mod doors;
mod edge;
mod error;
pub mod explain;
mod fetch;
mod fill;
mod heads;
mod hints;
pub mod http1;
mod marks;
pub mod metrics;
pub mod outward;
mod pace;
mod pass;
mod pauses;
pub mod pictures;
mod places;
pub mod proxy_protocol;
mod recall;
pub mod refetch;
mod resume;
mod serve;
pub mod settings;
pub mod shelf;
mod slices;
pub mod tls;
mod upstream;

pub use client::{Drained, Listeners, serve_core};
pub use error::Error;
pub use upstream::{NextPiece, Pieces, ResponseBody, ResponsePiece};
