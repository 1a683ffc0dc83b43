//! Attacks on WebSockets: handshakes that stop or are too long, frames without end, silence.

use std::io;

use tokio::io::AsyncWriteExt as _;

use super::wire::{send, until_cut};
use crate::soak::crowd::{Ending, Visit};
use crate::soak::larder::ECHO_HOST;
use crate::soak::target::{HTTP1, Secure};
use crate::soak::websocket::{handshake, head, read_head};

/// Longer than any head may be.
const HUGE_BYTES: usize = 100 << 10;
/// What a frame announces that never comes.
const ANNOUNCED_BYTES: u64 = 1 << 62;
/// What comes of it at the most.
const SENT_BYTES: usize = 1 << 20;

/// A handshake that stops somewhere.
pub async fn half_handshake(mut visit: Visit) -> io::Result<Ending> {
    let handshake = handshake(ECHO_HOST, "/half");
    let length = visit.rng.below(handshake.len() as u64) as usize;
    let mut stream = visit.target.secure(HTTP1).await?;
    send(&mut stream, &handshake.as_bytes()[..length]).await?;
    until_cut(&mut stream).await
}

/// A handshake with a key that is too long.
pub async fn huge_handshake(visit: Visit) -> io::Result<Ending> {
    let key = "Sec-WebSocket-Key: ";
    let long = format!("{key}{}", "x".repeat(HUGE_BYTES));
    let handshake = handshake(ECHO_HOST, "/huge").replace(key, &long);
    let mut stream = visit.target.secure(HTTP1).await?;
    send(&mut stream, handshake.as_bytes()).await?;
    until_cut(&mut stream).await
}

/// A frame that announces more than there is.
pub async fn huge_frame(visit: Visit) -> io::Result<Ending> {
    let mut stream = open(&visit).await?;
    send(&mut stream, &head(ANNOUNCED_BYTES, true)).await?;
    send(&mut stream, &vec![b'x'; SENT_BYTES]).await?;
    until_cut(&mut stream).await
}

/// An open one on which nothing is said; it ends half closed, or by being dropped.
pub async fn say_nothing(mut visit: Visit) -> io::Result<Ending> {
    let mut stream = open(&visit).await?;
    if visit.rng.below(2) == 0 {
        stream.shutdown().await?;
    }
    until_cut(&mut stream).await
}

async fn open(visit: &Visit) -> io::Result<Secure> {
    let mut stream = visit.target.secure(HTTP1).await?;
    send(&mut stream, handshake(ECHO_HOST, "/open").as_bytes()).await?;
    read_head(&mut stream).await?;
    Ok(stream)
}
