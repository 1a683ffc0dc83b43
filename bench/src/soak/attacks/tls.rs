//! Attacks on the handshake and on what carries it.

use std::io;

use super::wire::{garbage as random_bytes, send, until_cut};
use crate::soak::crowd::{Ending, Visit};
use crate::soak::target::{HTTP1, HTTP2};

const MAX_GARBAGE_BYTES: u64 = 8 << 10;
/// The first byte of a handshake, with which garbage gets a little further (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// Bytes at random, of which every other time the first is right.
pub async fn garbage(mut visit: Visit) -> io::Result<Ending> {
    let length = 1 + visit.rng.below(MAX_GARBAGE_BYTES);
    let mut bytes = random_bytes(&mut visit.rng, length);
    if visit.rng.below(2) == 0 {
        bytes[0] = HANDSHAKE;
    }
    let mut stream = visit.target.raw().await?;
    send(&mut stream, &bytes).await?;
    until_cut(&mut stream).await
}

/// A good hello up to some byte, and then silence.
pub async fn half_hello(mut visit: Visit) -> io::Result<Ending> {
    let hello = visit.target.hello()?;
    let length = visit.rng.below(hello.len() as u64) as usize;
    let mut stream = visit.target.raw().await?;
    send(&mut stream, &hello[..length]).await?;
    until_cut(&mut stream).await
}

/// A request where a handshake is expected.
pub async fn plain_http(visit: Visit) -> io::Result<Ending> {
    let mut stream = visit.target.raw().await?;
    send(&mut stream, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    until_cut(&mut stream).await
}

/// A name that no certificate is for: the client refuses the one that it is shown.
pub async fn another_name(visit: Visit) -> io::Result<Ending> {
    // The error is the client's own, which it says to Larder.
    let _ = visit.target.secure_as(HTTP1, "another.test").await;
    Ok(Ending::Left)
}

/// A good handshake, and then bytes that are no records.
pub async fn garbage_within(mut visit: Visit) -> io::Result<Ending> {
    let version = if visit.rng.below(2) == 0 { HTTP1 } else { HTTP2 };
    let (mut stream, _) = visit.target.secure(version).await?.into_inner();
    let length = 1 + visit.rng.below(MAX_GARBAGE_BYTES);
    send(&mut stream, &random_bytes(&mut visit.rng, length)).await?;
    until_cut(&mut stream).await
}
