//! An honest client of a WebSocket over TLS: each frame has to come back as it was sent.

use anyhow::{Context as _, ensure};
use tokio::io::AsyncWriteExt as _;

use crate::soak::crowd::Visit;
use crate::soak::larder::ECHO_HOST;
use crate::soak::target::HTTP1;
use crate::soak::websocket::{ACCEPT, frame, handshake, read_frame, read_head};

/// Frames of one visit.
const FRAMES: u64 = 8;
const MAX_FRAME_BYTES: u64 = 70_000;

/// A visit.
pub async fn tls(mut visit: Visit) -> anyhow::Result<u64> {
    let mut stream = visit.target.secure(HTTP1).await.context("connecting")?;
    stream.write_all(handshake(ECHO_HOST, "/echo").as_bytes()).await?;
    let head = read_head(&mut stream).await.context("the answer to the handshake")?;
    ensure!(head.starts_with("HTTP/1.1 101 "), "no switch to WebSocket: {head}");
    ensure!(head.contains(ACCEPT), "the key was not accepted: {head}");
    for _ in 0..FRAMES {
        let length = visit.rng.below(MAX_FRAME_BYTES) as usize;
        let payload: Vec<u8> = (0..length).map(|_| visit.rng.next() as u8).collect();
        let mask = (visit.rng.next() as u32).to_be_bytes();
        stream.write_all(&frame(&payload, Some(mask))).await?;
        stream.flush().await?;
        let echo = read_frame(&mut stream).await.context("an echo")?;
        ensure!(echo == payload, "an echo of {length} bytes is another");
    }
    stream.shutdown().await?;
    Ok(FRAMES)
}
