//! Attacks in HTTP/1.1: heads that are too long or too slow, and clients that leave or hardly read.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::sleep;

use super::wire::{flood, send, until_cut};
use crate::soak::crowd::{Ending, Visit};
use crate::soak::target::HTTP1;

const FIELD_BYTES: usize = 1000;
const FIELDS: u32 = 500;
const BODY_BYTES: usize = 1 << 20;
/// More than the kernel holds for a client that does not read (4 MiB), and less than Larder stores.
const LONG_BODY_BYTES: usize = 6 << 20;
/// Where clients leave in a body, at the latest.
const MAX_TAKEN_BYTES: u64 = 100_000;
/// The same where little comes behind the head.
const MAX_HEAD_TAKEN_BYTES: u64 = 300;
const SLOW_PAUSE: Duration = Duration::from_millis(100);
const SLOW_READ_BYTES: usize = 2048;
/// Longer than Larder waits for a client that takes nothing.
const DEAF_PAUSE: Duration = Duration::from_millis(4000);

/// Fields without end, by TLS every other time.
pub async fn huge_head(mut visit: Visit) -> io::Result<Ending> {
    let piece = |number| match number {
        0 => b"GET /text/500/known-0 HTTP/1.1\r\nHost: localhost\r\n".to_vec(),
        _ => format!("X-{number}: {}\r\n", "x".repeat(FIELD_BYTES)).into_bytes(),
    };
    match visit.rng.below(2) {
        0 => flood(visit.target.plain().await?, FIELDS, piece).await,
        _ => flood(visit.target.secure(HTTP1).await?, FIELDS, piece).await,
    }
}

/// A head of which one byte comes at a time.
pub async fn slow_head(visit: Visit) -> io::Result<Ending> {
    let mut stream = visit.target.plain().await?;
    for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".iter().chain([b'x'; 1000].iter()) {
        send(&mut stream, &[*byte]).await?;
        sleep(SLOW_PAUSE).await;
    }
    Ok(Ending::Left)
}

/// A chunked body whose second chunk has a size that is none.
pub async fn broken_chunks(visit: Visit) -> io::Result<Ending> {
    let mut stream = visit.target.secure(HTTP1).await?;
    let head =
        b"POST /text/500/known-1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    send(&mut stream, head).await?;
    send(&mut stream, b"5\r\nhello\r\n-fffffffffffffffff\r\n").await?;
    until_cut(&mut stream).await
}

/// An answer that the origin takes a while for, and that nobody waits for.
pub async fn leave_before_answer(visit: Visit) -> io::Result<Ending> {
    let mut stream = visit.target.secure(HTTP1).await?;
    send(&mut stream, get(&visit.new_path("/slow/200/1024")).as_bytes()).await?;
    sleep(SLOW_PAUSE).await;
    Ok(Ending::Left)
}

/// A long answer, cold every other time, that is left somewhere.
pub async fn leave_in_answer(mut visit: Visit) -> io::Result<Ending> {
    let folder = format!("/text/{BODY_BYTES}");
    let path = match visit.rng.below(2) {
        0 => visit.new_path(&folder),
        _ => format!("{folder}/known"),
    };
    let request = get(&path);
    let is_tls = visit.rng.below(2) == 0;
    take_some(&mut visit, request, MAX_TAKEN_BYTES, is_tls).await
}

/// A long answer that is compressed for this client, which leaves in the head or right behind it:
/// the text is so much alike that little more comes.
pub async fn leave_in_compressed(mut visit: Visit) -> io::Result<Ending> {
    let coding = ["br", "zstd", "gzip"][visit.rng.below(3) as usize];
    let request = get(&visit.new_path(&format!("/text/{BODY_BYTES}")));
    let end = format!("\r\nAccept-Encoding: {coding}\r\n\r\n");
    let request = request.replace("\r\n\r\n", &end);
    take_some(&mut visit, request, MAX_HEAD_TAKEN_BYTES, true).await
}

/// An upload that is left in the middle.
pub async fn leave_in_upload(visit: Visit) -> io::Result<Ending> {
    let mut stream = visit.target.secure(HTTP1).await?;
    let head = format!(
        "POST /text/500/known-2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    );
    send(&mut stream, head.as_bytes()).await?;
    send(&mut stream, &[b'x'; 10_000]).await?;
    sleep(SLOW_PAUSE).await;
    Ok(Ending::Left)
}

/// A client that takes a long answer a little at a time.
pub async fn read_slowly(visit: Visit) -> io::Result<Ending> {
    let mut stream = visit.target.narrow().await?;
    send(&mut stream, get(&format!("/text/{LONG_BODY_BYTES}/known")).as_bytes()).await?;
    let mut buffer = [0; SLOW_READ_BYTES];
    while stream.read(&mut buffer).await? > 0 {
        sleep(SLOW_PAUSE).await;
    }
    Ok(Ending::Cut)
}

/// A client that takes nothing of a long answer for longer than it may.
pub async fn read_nothing(visit: Visit) -> io::Result<Ending> {
    let mut stream = visit.target.narrow().await?;
    send(&mut stream, get(&format!("/text/{LONG_BODY_BYTES}/known")).as_bytes()).await?;
    sleep(DEAF_PAUSE).await;
    // Where Larder has closed, the kernel answers this by a reset: nothing need be read to see it.
    send(&mut stream, b"x").await?;
    sleep(SLOW_PAUSE).await;
    until_cut(&mut stream).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

async fn take_some(
    visit: &mut Visit,
    request: String,
    most: u64,
    is_tls: bool,
) -> io::Result<Ending> {
    let most = 1 + visit.rng.below(most);
    let mut taken = Vec::new();
    if is_tls {
        let mut stream = visit.target.secure(HTTP1).await?;
        send(&mut stream, request.as_bytes()).await?;
        stream.take(most).read_to_end(&mut taken).await?;
    } else {
        let mut stream = visit.target.plain().await?;
        send(&mut stream, request.as_bytes()).await?;
        stream.take(most).read_to_end(&mut taken).await?;
    }
    Ok(Ending::Left)
}
