//! What the black-box tests stand on: a real Larder, real origins and real connections.
//!
//! ```text
//! let origin = Origin::answering(|_| Reply::ok("hello").with("Cache-Control", "max-age=60"));
//! let larder = Larder::before(&origin);
//! ```
//!
//! Nothing here sleeps and hopes. Whoever waits, waits for something to happen, and fails loudly
//! when it does not happen within [`DEADLINE`].

pub mod browser;
mod client;
pub mod content;
mod gate;
mod http2;
mod http2_origin;
mod larder;
mod message;
mod metrics;
mod next;
mod origin;
pub mod pictures;
mod reply;
mod secure;
pub mod upstream;
mod wire;

pub use client::{Client, request};
pub use gate::Gate;
pub use http2::Http2;
pub use http2_origin::Http2Origin;
pub use larder::{Larder, Setup};
pub use message::{Asked, Received};
pub use next::{Content, Instance, NextSite};
pub use origin::Origin;
pub use reply::Reply;
pub use secure::Authority;
pub use wire::Wire;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails. Generous: the machine may be busy, and what makes
/// pictures in the background gives way to all else on it.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until a count stands still for a while, as that of bytes which nobody takes does. To
/// take a pause for a standstill makes what follows easier to pass, never wrong.
pub fn until_it_stands_still(count: impl Fn() -> usize) -> usize {
    let (mut last, mut same) = (count(), 0);
    until("it stands still", || {
        std::thread::sleep(Duration::from_millis(10));
        same = if last == count() { same + 1 } else { 0 };
        last = count();
        (same == 30 && last > 0).then_some(last)
    })
}

/// Asks again and again until there is an answer; for what nobody announces.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    until_no_more(|| {
        found = ask();
        found.is_none().then(|| what.to_owned())
    });
    found.unwrap()
}

/// Asks again and again what is still waited for, until it is nothing.
pub fn until_no_more(mut ask: impl FnMut() -> Option<String>) {
    let begun = Instant::now();
    while let Some(what) = ask() {
        assert!(begun.elapsed() < DEADLINE, "in vain waited for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Free now; whoever takes it meanwhile shows as a server that does not come up.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
