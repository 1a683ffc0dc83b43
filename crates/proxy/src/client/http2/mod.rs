//! HTTP/2 toward clients (RFC 9113): a connection and its streams.
//!
//! Frames, their flow and their abuse are the `h2` crate's; what is asked and answered on a stream
//! takes the same way as on HTTP/1.

mod request;
mod sink;
mod stream;

use super::Peer;
use crate::core::Core;
use crate::settings::ClientLimits;
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use stream::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes of request bodies that a client may send ahead of what is taken: on one stream, and on
/// all of a connection.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 256 << 10;
/// Bytes of a response that wait in the connection's buffer, a stream.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// How many requests a client may give up beyond those that it lets be answered. Who opens and
/// resets on and on only wants the work done (CVE-2023-44487).
const MOST_GIVEN_UP: u32 = 200;
/// How long a connection that is to end may take for it when nothing is under way.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Serves a connection until it is over.
pub async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    core: Rc<Core>,
    peer: Peer,
    io: T,
    mut stopping: watch::Receiver<bool>,
) {
    let limits = core.shared.settings.client.clone();
    let handshake = builder(&limits).handshake::<T, Bytes>(io);
    let Ok(Ok(mut connection)) = timeout(limits.header_timeout, handshake).await else { return };
    let given_up = Rc::new(GivenUp::default());
    // Dropped with the connection, they end with it.
    let mut streams = JoinSet::new();
    let mut end = End::No;
    let mut idle_until = Instant::now() + limits.idle_timeout;
    loop {
        let idle = streams.is_empty();
        tokio::select! {
            biased;
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let stream = Stream { core: core.clone(), peer, given_up: given_up.clone() };
                    streams.spawn_local(stream.run(request, respond));
                }
                Some(Err(_)) | None => return,
            },
            Some(_) = streams.join_next() => {
                idle_until = Instant::now() + limits.idle_timeout;
                if given_up.is_too_much() {
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    end = End::By(Instant::now() + LAST_WORDS);
                }
            }
            _ = stopping.wait_for(|stopping| *stopping), if end == End::No => {
                connection.graceful_shutdown();
                end = End::WhenIdle;
            }
            () = sleep_until(idle_until), if idle && end == End::No => {
                connection.graceful_shutdown();
                end = End::By(Instant::now() + LAST_WORDS);
            }
            () = sleep_until(end.by()), if matches!(end, End::By(_)) => return,
        }
        if end == End::WhenIdle && streams.is_empty() {
            end = End::By(Instant::now() + LAST_WORDS);
        }
    }
}

/// Whether and when a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    No,
    /// What is under way is finished first.
    WhenIdle,
    By(Instant),
}

impl End {
    fn by(self) -> Instant {
        match self {
            End::By(instant) => instant,
            End::No | End::WhenIdle => Instant::now() + LAST_WORDS,
        }
    }
}

/// Requests of a connection that its client gave up, less those that it let be answered.
#[derive(Debug, Default)]
struct GivenUp(Cell<u32>);

impl GivenUp {
    fn count(&self, given_up: bool) {
        let count = self.0.get();
        self.0.set(if given_up { count + 1 } else { count.saturating_sub(1) });
    }

    fn is_too_much(&self) -> bool {
        self.0.get() > MOST_GIVEN_UP
    }
}

fn builder(limits: &ClientLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(u32::try_from(limits.max_streams).unwrap_or(u32::MAX))
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    builder
}
