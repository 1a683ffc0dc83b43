//! Decoding the chunked transfer coding (RFC 9112 §7.1), strictly, piece by piece.

use crate::error::Error;
use bytes::{Buf, Bytes, BytesMut};
use policy::fields::Fields;
use policy::name::Name;

/// The longest line that announces a chunk, extensions included, in bytes.
const MAX_SIZE_LINE: usize = 256;
/// The largest trailer section, in bytes.
const MAX_TRAILERS: usize = 8 << 10;
/// The most trailer fields.
const MAX_TRAILER_FIELDS: usize = 32;

/// Decodes one body.
#[derive(Debug, Default)]
pub struct Decoder {
    expects: Expects,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expects {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Nothing,
}

/// A step of decoding.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// Bytes of the body.
    Data(Bytes),
    /// The body is over; these are its trailers, perhaps none.
    End(Fields),
    /// More bytes are needed.
    More,
}

impl Decoder {
    /// Takes what it can out of `buffer`.
    ///
    /// # Errors
    /// When the coding is broken; nothing after it can be trusted.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Piece, Error> {
        loop {
            match self.expects {
                Expects::Size => match line(buffer, MAX_SIZE_LINE)? {
                    None => return Ok(Piece::More),
                    Some(line) => {
                        let size = chunk_size(&line)?;
                        self.expects =
                            if size == 0 { Expects::Trailers } else { Expects::Data(size) };
                    }
                },
                Expects::Data(_) if buffer.is_empty() => return Ok(Piece::More),
                Expects::Data(left) => {
                    let taken = left.min(buffer.len() as u64);
                    let rest = left - taken;
                    self.expects = if rest == 0 { Expects::DataEnd } else { Expects::Data(rest) };
                    // `taken` is at most the buffer's length, which is a usize.
                    return Ok(Piece::Data(buffer.split_to(taken as usize).freeze()));
                }
                Expects::DataEnd => {
                    if buffer.len() < 2 {
                        return Ok(Piece::More);
                    }
                    if &buffer[..2] != b"\r\n" {
                        return Err(Error::Malformed("the end of a chunk"));
                    }
                    buffer.advance(2);
                    self.expects = Expects::Size;
                }
                Expects::Trailers => return self.trailers(buffer),
                Expects::Nothing => return Ok(Piece::End(Fields::new())),
            }
        }
    }

    fn trailers(&mut self, buffer: &mut BytesMut) -> Result<Piece, Error> {
        let Some(length) = trailers_end(buffer)? else { return Ok(Piece::More) };
        let section = buffer.split_to(length);
        if memchr::memchr_iter(b'\n', &section).any(|at| at == 0 || section[at - 1] != b'\r') {
            return Err(Error::Malformed("a line end in the trailers"));
        }
        let mut slots = [httparse::EMPTY_HEADER; MAX_TRAILER_FIELDS];
        let parsed = httparse::parse_headers(&section, &mut slots);
        let Ok(httparse::Status::Complete((_, headers))) = parsed else {
            return Err(Error::Malformed("the trailers"));
        };
        let mut fields = Fields::new();
        for header in headers {
            fields.push(header.name.as_bytes(), header.value);
        }
        fields.retain(|field| may_trail(field.id));
        self.expects = Expects::Nothing;
        Ok(Piece::End(fields))
    }
}

/// Whether a field may stand behind a body: what frames or routes a message, or says who asks, has
/// no place there (RFC 9110 §6.5.1).
pub fn may_trail(name: Name) -> bool {
    use Name::*;
    !name.is_hop_by_hop()
        && !matches!(name, ContentLength | Host | Authorization | SetCookie | Cookie | Age | Vary)
        && !matches!(name, CacheControl | ContentEncoding | ContentType | ContentRange)
        && !matches!(name, Forwarded | XForwardedFor | XForwardedHost | XForwardedProto)
        && !matches!(name, XRealIp | CdnLoop)
}

/// Where the trailer section ends: behind its empty line.
fn trailers_end(buffer: &[u8]) -> Result<Option<usize>, Error> {
    if buffer.starts_with(b"\r\n") {
        return Ok(Some(2));
    }
    match crate::http1::head::end_of_head(buffer, 0) {
        Some(end) if end <= MAX_TRAILERS => Ok(Some(end)),
        None if buffer.len() <= MAX_TRAILERS => Ok(None),
        _ => Err(Error::HeadTooLarge),
    }
}

/// Takes a line that ends with CRLF, if it is there, without its end.
fn line(buffer: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, Error> {
    match memchr::memchr(b'\n', buffer) {
        None if buffer.len() > most => Err(Error::Malformed("the size of a chunk")),
        None => Ok(None),
        Some(at) if at == 0 || at > most || buffer[at - 1] != b'\r' => {
            Err(Error::Malformed("the size of a chunk"))
        }
        Some(at) => {
            let mut line = buffer.split_to(at + 1);
            line.truncate(at - 1);
            Ok(Some(line))
        }
    }
}

/// Hexadecimal digits, then perhaps extensions, which mean nothing here but must be readable.
fn chunk_size(line: &[u8]) -> Result<u64, Error> {
    const WRONG: Error = Error::Malformed("the size of a chunk");
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (size, extensions) = line.split_at(digits);
    let extensions = extensions.trim_ascii_start();
    let readable = extensions.iter().all(|b| matches!(b, b'\t' | b' '..=b'~' | 0x80..));
    if digits == 0 || digits > 15 || !(extensions.is_empty() || extensions[0] == b';') || !readable
    {
        return Err(WRONG);
    }
    let text = std::str::from_utf8(size).map_err(|_| WRONG)?;
    u64::from_str_radix(text, 16).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes bytes that come in steps of `step`.
    fn decode(text: &[u8], step: usize) -> Result<(Vec<u8>, Fields, usize), Error> {
        let (mut decoder, mut buffer, mut body) = (Decoder::default(), BytesMut::new(), Vec::new());
        let mut given = 0;
        loop {
            match decoder.decode(&mut buffer)? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::End(trailers) => {
                    return Ok((body, trailers, buffer.len() + text.len() - given));
                }
                Piece::More if given == text.len() => return Err(Error::ClientGone),
                Piece::More => {
                    let next = (given + step).min(text.len());
                    buffer.extend_from_slice(&text[given..next]);
                    given = next;
                }
            }
        }
    }

    #[test]
    fn bodies_are_decoded_however_reads_part_them() {
        let text = b"4\r\nWiki\r\n6;x=\"y\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX-T: 1\r\n\r\nGET";
        for step in 1..text.len() {
            let (body, trailers, left) = decode(text, step).expect("valid");
            assert_eq!(body, b"Wikipedia in \r\n\r\nchunks.");
            assert_eq!(trailers.all_named("x-t").next(), Some(&b"1"[..]));
            assert_eq!(left, 3, "what follows is left alone");
        }
    }

    #[test]
    fn broken_codings_are_refused() {
        for text in [
            &b"x\r\n"[..],
            b"\r\n",
            b"-1\r\n",
            b"0x4\r\n",
            b"4 4\r\nWiki\r\n",
            b"4\nWiki\r\n0\r\n\r\n",
            b"4\r\nWikiX\r\n",
            b"4\r\nWiki\n0\r\n\r\n",
            b"4;\x01\r\nWiki\r\n",
            b"FFFFFFFFFFFFFFFFF\r\n",
            b"10000000000000000\r\n",
            b"0\r\nX: 1\n\r\n",
            b"0\r\nX 1\r\n\r\n",
            b"0\r\n X: 1\r\n\r\n",
        ] {
            let found = decode(text, 100);
            assert!(
                matches!(found, Err(Error::Malformed(_))),
                "{:?} {found:?}",
                String::from_utf8_lossy(text)
            );
        }
        let long = [b"4;", &[b'x'; 400][..], b"\r\n"].concat();
        assert!(decode(&long, 1).is_err());
        let trailers = [b"0\r\n".to_vec(), b"X: y\r\n".repeat(3000)].concat();
        assert_eq!(decode(&trailers, 1000).err(), Some(Error::HeadTooLarge));
    }

    #[test]
    fn framing_fields_are_no_trailers() {
        let (_, trailers, _) =
            decode(b"0\r\nContent-Length: 5\r\nHost: x\r\nX: 1\r\n\r\n", 9).expect("valid");
        assert_eq!(trailers.len(), 1);
    }
}
