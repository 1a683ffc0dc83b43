//! Takes content codings off again, with the decoders that clients have.

use std::io::{self, Read as _};

/// No text of the soak is longer, decoded.
const MAX_DECODED_BYTES: u64 = 4 << 20;
const BUFFER_BYTES: usize = 16 << 10;

/// The body without its coding.
pub fn decode(coding: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    match coding {
        "identity" => return Ok(body.to_vec()),
        "gzip" => flate2::read::MultiGzDecoder::new(body)
            .take(MAX_DECODED_BYTES)
            .read_to_end(&mut decoded),
        "br" => brotli::Decompressor::new(body, BUFFER_BYTES)
            .take(MAX_DECODED_BYTES)
            .read_to_end(&mut decoded),
        "zstd" => zstd::Decoder::new(body)?.take(MAX_DECODED_BYTES).read_to_end(&mut decoded),
        _ => Err(io::Error::other("an unknown coding")),
    }?;
    Ok(decoded)
}
