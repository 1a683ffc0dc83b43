//! As much of WebSocket (RFC 6455) as an echo needs: the handshake, and binary frames.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The key of RFC 6455 §1.3, and what is answered to it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer to the key.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest payload that is read.
pub const MAX_PAYLOAD_BYTES: u64 = 1 << 20;
const MAX_HEAD_BYTES: usize = 16 << 10;
const FINAL_BINARY: u8 = 0x82;
const MASKED: u8 = 0x80;

/// The request that a client begins with.
pub fn handshake(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// What the other end says to it.
pub fn agreement() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
}

/// One frame; those of clients are masked.
pub fn frame(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = head(payload.len() as u64, mask.is_some());
    frame.extend(mask.iter().flatten());
    let begin = frame.len();
    frame.extend_from_slice(payload);
    apply(mask.unwrap_or_default(), &mut frame[begin..]);
    frame
}

/// The beginning of a frame that announces so many bytes; the mask and they are still to come.
pub fn head(length: u64, is_masked: bool) -> Vec<u8> {
    let masked = if is_masked { MASKED } else { 0 };
    let mut head = vec![FINAL_BINARY];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => head.push(masked | short),
        (_, Ok(medium)) => {
            head.push(masked | 126);
            head.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            head.push(masked | 127);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head
}

/// Reads one frame and gives its payload, unmasked.
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let [_, second] = stream.read_u16().await?.to_be_bytes();
    let length = match second & !MASKED {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    if length > MAX_PAYLOAD_BYTES {
        return Err(io::Error::other("the frame is too long"));
    }
    let mut mask = [0; 4];
    if second & MASKED != 0 {
        stream.read_exact(&mut mask).await?;
    }
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await?;
    apply(mask, &mut payload);
    Ok(payload)
}

/// Reads the head of a message, with its empty line.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD_BYTES {
            return Err(io::Error::other("the head is too long"));
        }
        // Byte by byte: what comes behind the head belongs to the frames.
        head.push(stream.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn apply(mask: [u8; 4], payload: &mut [u8]) {
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_any_length_is_read_as_it_was_written() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            for mask in [None, Some([1, 2, 3, 4])] {
                let frame = frame(&payload, mask);
                let read = runtime.block_on(read_frame(&mut &frame[..])).expect("a frame");
                assert!(read == payload, "{length} bytes, mask {mask:?}");
            }
        }
    }

    #[test]
    fn too_long_a_frame_is_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let frame = head(MAX_PAYLOAD_BYTES + 1, false);
        assert!(runtime.block_on(read_frame(&mut &frame[..])).is_err());
    }
}
