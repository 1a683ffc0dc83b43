//! Request heads and chunked bodies.

use bytes::BytesMut;
use policy::request::{Request, Scheme};
use proxy::http1::chunked::{Decoder, Piece};
use proxy::http1::head::{HeadLimits, end_of_head, read_head};
use proxy::proxy_protocol::{Parsed, parse};

const LIMITS: HeadLimits = HeadLimits { target_bytes: 8192, head_bytes: 32768, fields: 100 };

/// A head is read or refused; what is read cannot be taken apart differently by the next reader.
pub fn request_head(data: &[u8]) {
    let Some(end) = end_of_head(data, 0) else { return };
    let mut request = Request::default();
    if read_head(&data[..end], Scheme::Http, LIMITS, &mut request).is_err() {
        return;
    }
    assert!(request.target.starts_with('/') || request.target == "*");
    assert!(!request.target.bytes().any(|b| b <= b' ' || b == b'#' || b == 0x7f));
    assert!(!request.host.bytes().any(|b| b <= b' ' || b == b'/' || b == b'@'));
    for field in request.fields.iter() {
        assert!(!field.name.is_empty());
        assert!(!field.value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        assert!(!field.id.is_hop_by_hop());
    }
}

/// However reads part a body, it is decoded to the same bytes, or refused.
pub fn chunked(data: &[u8]) {
    let whole = decode(data, data.len().max(1));
    let parted = decode(data, 1);
    assert_eq!(whole, parted);
}

/// The decoded body; nothing if it is refused or does not end.
fn decode(data: &[u8], step: usize) -> Option<Vec<u8>> {
    let (mut decoder, mut buffer, mut body) = (Decoder::default(), BytesMut::new(), Vec::new());
    let mut pieces = data.chunks(step);
    loop {
        match decoder.decode(&mut buffer).ok()? {
            Piece::Data(data) => {
                assert!(!data.is_empty());
                body.extend_from_slice(&data);
            }
            Piece::End(_) => return Some(body),
            Piece::More => buffer.extend_from_slice(pieces.next()?),
        }
    }
}

/// A header of the PROXY protocol is found at the same place however its bytes come, never far in,
/// and nothing behind it is taken.
pub fn proxy_protocol(data: &[u8]) {
    const LONGEST: usize = 16 + (4 << 10);
    let ends = (1..=data.len()).find(|end| parse(&data[..*end]) != Parsed::More);
    let Some(end) = ends else {
        assert!(data.len() <= LONGEST, "it is waited for more than any header has");
        return;
    };
    assert!(end <= LONGEST);
    if let Parsed::Client(Some(address)) = parse(&data[..end]) {
        let longer = [&data[..end], b"GET / HTTP/1.1"].concat();
        assert_eq!(parse(&longer[..end]), Parsed::Client(Some(address)));
    }
}
