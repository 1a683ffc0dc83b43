//! Toward clients: connections, what comes in, what goes out.

mod body;
mod connection;
mod door;
mod head;
mod http2;
mod listen;
mod outgoing;
mod parts;
mod patience;
mod reader;
mod record;
mod tunnel;
mod writer;

use crate::upstream::request::Client;
use policy::request::Scheme;

pub use body::{Gone, Sink, send as send_body};
pub use head::write_head;
pub use listen::{Drained, Listeners, serve_core};

/// Who speaks, and by what.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The client.
    pub client: Client,
    /// By TLS or not.
    pub scheme: Scheme,
}
