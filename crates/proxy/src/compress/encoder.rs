//! One body on its way through a content coding.
//!
//! The settings are a trade of time for bytes, measured on pages of 28 and 120 KB: beyond them the
//! time doubles for the last one or two parts in a hundred.

use super::Place;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use policy::coding::Coding;
use std::fmt;
use std::io::{self, Write};
use zstd::zstd_safe::CParameter;

const ZSTD_LEVEL: i32 = 6;
/// 512 KiB; clients need not take more than 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 19;
/// Half a mebibyte each: the tables that the level would have cost three times the memory for a
/// thousandth of the bytes.
const ZSTD_TABLE_LOG: u32 = 17;
const BROTLI_QUALITY: i32 = 5;
/// 512 KiB, or less for what is known to be shorter. Below 17 the encoder takes another way, which
/// costs 33 MB and twenty times the time.
const BROTLI_WINDOW_LOGS: std::ops::RangeInclusive<u32> = 17..=19;
const GZIP_LEVEL: u32 = 6;
/// Brotli's own buffer, which it fills before it works.
const BROTLI_BUFFER_BYTES: usize = 16 << 10;

/// Takes a body and gives it coded. Holds one of the places that limit how many there are.
pub struct Encoder {
    coding: Coding,
    kind: Kind,
    /// Whether it has taken bytes since the last flush.
    holds: bool,
    _place: Place,
}

enum Kind {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Br(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Encoder {
    /// An encoder for a body of `length` bytes, where that is known.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(coding: Coding, length: Option<u64>, place: Place) -> io::Result<Encoder> {
        let kind = match coding {
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(ZSTD_WINDOW_LOG)?;
                encoder.set_parameter(CParameter::HashLog(ZSTD_TABLE_LOG))?;
                encoder.set_parameter(CParameter::ChainLog(ZSTD_TABLE_LOG))?;
                encoder.set_pledged_src_size(length)?;
                Kind::Zstd(encoder)
            }
            Coding::Br => {
                let (least, most) = BROTLI_WINDOW_LOGS.into_inner();
                let log = length.map_or(most, |length| length.max(1).ilog2() + 1);
                let params = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    lgwin: log.clamp(least, most) as i32,
                    size_hint: length.map_or(0, |length| length as usize),
                    ..Default::default()
                };
                let writer =
                    brotli::CompressorWriter::with_params(Vec::new(), BROTLI_BUFFER_BYTES, &params);
                Kind::Br(Box::new(writer))
            }
            Coding::Gzip => Kind::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
        };
        Ok(Encoder { coding, kind, holds: false, _place: place })
    }

    /// The coding.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Takes bytes; gives what came of them and of those before, which may be nothing yet.
    ///
    /// # Errors
    /// When the coding fails, for want of memory.
    pub fn push(&mut self, data: &[u8]) -> io::Result<Bytes> {
        self.holds |= !data.is_empty();
        self.writer().write_all(data)?;
        Ok(self.take())
    }

    /// Gives all that can be made of what was taken, so that a client need not wait for it.
    ///
    /// # Errors
    /// As for [`Encoder::push`].
    pub fn flush(&mut self) -> io::Result<Bytes> {
        if !std::mem::take(&mut self.holds) {
            return Ok(Bytes::new());
        }
        self.writer().flush()?;
        Ok(self.take())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As for [`Encoder::push`], and when it was not as long as announced.
    pub fn finish(self) -> io::Result<Bytes> {
        let rest = match self.kind {
            Kind::Zstd(encoder) => encoder.finish()?,
            Kind::Br(writer) => writer.into_inner(),
            Kind::Gzip(encoder) => encoder.finish()?,
        };
        Ok(rest.into())
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.kind {
            Kind::Zstd(encoder) => encoder,
            Kind::Br(writer) => writer,
            Kind::Gzip(encoder) => encoder,
        }
    }

    fn take(&mut self) -> Bytes {
        let made = match &mut self.kind {
            Kind::Zstd(encoder) => encoder.get_mut(),
            Kind::Br(writer) => writer.get_mut(),
            Kind::Gzip(encoder) => encoder.get_mut(),
        };
        std::mem::take(made).into()
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("coding", &self.coding).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Places;
    use super::*;
    use std::io::Read;

    fn decoded(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Zstd => zstd::stream::read::Decoder::new(coded)
                .and_then(|mut decoder| decoder.read_to_end(&mut plain)),
            Coding::Br => brotli::Decompressor::new(coded, 4096).read_to_end(&mut plain),
            Coding::Gzip => flate2::read::GzDecoder::new(coded).read_to_end(&mut plain),
        }
        .expect("a whole body in that coding");
        plain
    }

    fn encoder(coding: Coding, length: Option<u64>) -> Encoder {
        let place = Places::default().take(1, false).expect("a place");
        Encoder::new(coding, length, place).expect("enough memory")
    }

    #[test]
    fn what_is_taken_comes_back_whatever_the_pieces() {
        let text: Vec<u8> =
            (0..200_000u32).flat_map(|n| (n % 977).to_string().into_bytes()).collect();
        for coding in Coding::ALL {
            for (piece, length) in [(1000, None), (70_000, Some(text.len() as u64))] {
                let mut encoder = encoder(coding, length);
                let mut coded = Vec::new();
                for piece in text.chunks(piece) {
                    coded.extend(encoder.push(piece).expect("pushed"));
                }
                coded.extend(encoder.finish().expect("finished"));
                assert!(coded.len() < text.len() / 2, "{coding:?}");
                assert_eq!(decoded(coding, &coded), text, "{coding:?}");
            }
        }
    }

    #[test]
    fn a_flush_gives_all_that_was_taken_and_a_second_one_nothing() {
        for coding in Coding::ALL {
            let mut encoder = encoder(coding, None);
            let mut coded = encoder.push(b"<p>so far").expect("pushed").to_vec();
            coded.extend(encoder.flush().expect("flushed"));
            let mut seen = vec![0; 9];
            let read = match coding {
                Coding::Zstd => zstd::stream::read::Decoder::new(&coded[..])
                    .and_then(|mut decoder| decoder.read_exact(&mut seen)),
                Coding::Br => brotli::Decompressor::new(&coded[..], 4096).read_exact(&mut seen),
                Coding::Gzip => flate2::read::GzDecoder::new(&coded[..]).read_exact(&mut seen),
            };
            assert!(read.is_ok() && seen == b"<p>so far", "{coding:?}");
            assert!(encoder.flush().expect("flushed").is_empty());
        }
    }

    #[test]
    fn nothing_at_all_is_a_whole_body_too() {
        for coding in Coding::ALL {
            let coded = encoder(coding, None).finish().expect("finished");
            assert_eq!(decoded(coding, &coded), b"");
        }
    }

    #[test]
    fn windows_are_what_clients_take_and_what_is_cheap() {
        assert!(ZSTD_WINDOW_LOG <= 23 && *BROTLI_WINDOW_LOGS.end() <= 24);
        assert!(*BROTLI_WINDOW_LOGS.start() >= 17);
    }
}
