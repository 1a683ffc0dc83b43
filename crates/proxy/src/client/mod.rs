//! Toward clients: connections, what comes in, what goes out.

mod body;
mod connection;
mod head;
mod listen;
mod outgoing;
mod parts;
mod patience;
mod reader;
mod record;
mod writer;

pub use listen::{Drained, Listeners, serve_core};
