//! HTTP/2 toward clients (RFC 9113): a connection and its streams.
//!
//! Frames, their flow and their abuse are the `h2` crate's; what is asked and answered on a stream
//! takes the same way as on HTTP/1.

mod request;
mod sink;
mod stalling;
mod stream;

use super::Peer;
use crate::core::Current;
use crate::settings::ClientLimits;
use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use stalling::Stalling;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use stream::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes of a request body that a client may send ahead of what is taken, on a stream and on all
/// streams of a connection together: what waits for its turn at an origin is held in memory.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 4 * STREAM_WINDOW_BYTES;
/// Bytes of a response that wait in the connection's buffer, a stream.
const SEND_BUFFER_BYTES: usize = 32 << 10;
/// How long a connection that is to end may take for it when nothing is to be sent any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How many requests a client may give up at once, and in a second. Who opens and resets on and on
/// only wants the work done (CVE-2023-44487).
const MOST_GIVEN_UP: f64 = 200.0;
const GIVEN_UP_A_SECOND: f64 = 10.0;

/// Serves a connection until it is over.
pub async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    current: Current,
    peer: Peer,
    io: T,
    mut stopping: watch::Receiver<bool>,
) {
    let limits = current.core().shared.settings.client.clone();
    let io = Stalling::new(io, limits.send_timeout);
    let waits = io.waits();
    let handshake = builder(&limits).handshake::<_, Bytes>(io);
    let Ok(Ok(mut connection)) = timeout(limits.header_timeout, handshake).await else { return };
    let told = stopping.clone();
    let given_up = Rc::new(GivenUp::default());
    // Dropped with the connection, they end with it.
    let mut streams = JoinSet::new();
    let mut end = End::No;
    let mut idle_until = Instant::now() + limits.idle_timeout;
    loop {
        while streams.try_join_next().is_some() {
            idle_until = Instant::now() + limits.idle_timeout;
        }
        if given_up.is_too_much() && !matches!(end, End::By(_)) {
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            end = End::By(Instant::now() + LAST_WORDS);
        }
        let idle = streams.is_empty();
        tokio::select! {
            biased;
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let core = current.core();
                    let mut peer = peer;
                    peer.client.trust_anew(&core.shared.settings.trusted_proxies);
                    let stream = Stream {
                        core,
                        peer,
                        given_up: given_up.clone(),
                        stopping: told.clone(),
                    };
                    streams.spawn_local(stream.run(request, respond));
                }
                Some(Err(_)) | None => return,
            },
            Some(_) = streams.join_next() => {
                idle_until = Instant::now() + limits.idle_timeout;
            }
            _ = stopping.wait_for(|stopping| *stopping), if end == End::No => {
                connection.graceful_shutdown();
                end = End::WhenIdle;
            }
            () = sleep_until(idle_until), if idle && end == End::No => {
                connection.graceful_shutdown();
                end = End::By(Instant::now() + LAST_WORDS);
            }
            () = sleep_until(end.by()), if matches!(end, End::By(_)) => {
                if !waits.get() && idle {
                    return;
                }
                // The client takes what is left, or is cut for taking nothing.
                end = End::By(Instant::now() + LAST_WORDS);
            }
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
            End::No | End::WhenIdle => Instant::now(),
        }
    }
}

/// Requests of a connection that its client gave up lately.
#[derive(Debug)]
struct GivenUp {
    lately: Cell<f64>,
    since: Cell<Instant>,
}

impl Default for GivenUp {
    fn default() -> GivenUp {
        GivenUp { lately: Cell::new(0.0), since: Cell::new(Instant::now()) }
    }
}

impl GivenUp {
    fn count(&self) {
        let now = Instant::now();
        let passed = now.duration_since(self.since.replace(now)).as_secs_f64();
        self.lately.set((self.lately.get() - passed * GIVEN_UP_A_SECOND).max(0.0) + 1.0);
    }

    fn is_too_much(&self) -> bool {
        self.lately.get() > MOST_GIVEN_UP
    }
}

fn builder(limits: &ClientLimits) -> Builder {
    let streams = u32::try_from(limits.max_streams).unwrap_or(u32::MAX);
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(streams)
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    builder
}
