//! A connection that goes on in another protocol: bytes both ways, until one side is through, all is
//! silent for too long, or the process stops.

use crate::upstream::Tunnel;
use std::cell::Cell;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes that are passed on at once, in each direction.
const PIECE_BYTES: usize = 16 << 10;

/// How long the origin may be silent when the client has said all that it has to say.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// How long a client may go on when the origin has ended.
const PARTING: Duration = Duration::from_secs(2);

/// The client's end.
pub struct Ends<'c, R, W> {
    /// What comes in.
    pub read: &'c mut R,
    /// What goes out.
    pub write: &'c mut W,
    /// What has come already.
    pub begun: &'c [u8],
}

/// Passes bytes on until it is over.
pub async fn run<R, W>(
    client: Ends<'_, R, W>,
    tunnel: Tunnel,
    idle: Duration,
    mut stopping: watch::Receiver<bool>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Tunnel { io, begun, place: _place } = tunnel;
    let (mut from_origin, mut to_origin) = tokio::io::split(io);
    let last = Cell::new(Instant::now());
    let up = copy(client.begun, client.read, &mut to_origin, &last);
    let down = copy(&begun, &mut from_origin, client.write, &last);
    let silence = async |time: Duration| {
        while last.get().elapsed() < time {
            sleep_until(last.get() + time).await;
        }
    };
    let copying = async {
        tokio::pin!(up, down);
        // Whoever has ended what it says may still listen to the other.
        tokio::select! {
            ended = &mut up => if ended.is_ok() {
                tokio::select! { _ = down => {} () = silence(LAST_WORDS.min(idle)) => {} }
            },
            ended = &mut down => if ended.is_ok() {
                let _ = timeout(PARTING, up).await;
            },
        }
    };
    tokio::select! {
        () = copying => {}
        () = silence(idle) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

async fn copy<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    begun: &[u8],
    from: &mut R,
    to: &mut W,
    last: &Cell<Instant>,
) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    piece.extend_from_slice(begun);
    loop {
        to.write_all(&piece).await?;
        to.flush().await?;
        last.set(Instant::now());
        piece.clear();
        if (&mut *from).take(PIECE_BYTES as u64).read_buf(&mut piece).await? == 0 {
            return to.shutdown().await;
        }
    }
}
