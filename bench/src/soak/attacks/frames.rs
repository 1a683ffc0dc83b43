//! HTTP/2 frames and HPACK by hand (RFC 9113 §4, RFC 7541), for what no proper client would send.

use crate::certificate;

/// Kinds of frames.
pub const HEADERS: u8 = 1;
/// Gives a stream up.
pub const RST_STREAM: u8 = 3;
/// Settings, or the answer to them.
pub const SETTINGS: u8 = 4;
/// Asks whether the other end lives.
pub const PING: u8 = 6;
/// The rest of a head.
pub const CONTINUATION: u8 = 9;

/// Flags of frames.
pub const END_STREAM: u8 = 1;
/// Ends a head.
pub const END_HEADERS: u8 = 4;

/// The longest payload that every peer takes.
pub const MAX_PAYLOAD_BYTES: usize = 16 << 10;

/// The setting of a stream's first window (RFC 9113 §6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;

/// What a connection begins with.
pub fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// The same with windows through which nothing may come.
pub fn closed_preface() -> Vec<u8> {
    let setting = [INITIAL_WINDOW_SIZE.to_be_bytes().to_vec(), vec![0; 4]].concat();
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &setting)].concat()
}

/// One frame; the payload is shorter than 2²⁴ bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The number of a client's n-th stream.
pub fn stream(number: u32) -> u32 {
    number * 2 + 1
}

/// The head of a GET, in HPACK: indexed fields, then literal ones that no table keeps.
pub fn get(path: &str) -> Vec<u8> {
    const METHOD_GET: u8 = 0x82;
    const SCHEME_HTTPS: u8 = 0x87;
    const PATH: u8 = 0x04;
    const AUTHORITY: u8 = 0x01;
    let mut block = vec![METHOD_GET, SCHEME_HTTPS, PATH];
    string(path.as_bytes(), &mut block);
    block.push(AUTHORITY);
    string(certificate::NAME.as_bytes(), &mut block);
    block
}

/// Appends a literal field; where it `is_kept`, the table has it first from now on.
pub fn field(name: &str, value: &[u8], is_kept: bool, block: &mut Vec<u8>) {
    block.push(if is_kept { 0x40 } else { 0 });
    string(name.as_bytes(), block);
    string(value, block);
}

/// The field that the table has first.
pub const FIRST_KEPT: u8 = 0x80 | 62;

/// A string without Huffman's code; its length has a prefix of seven bits (RFC 7541 §5.1).
fn string(text: &[u8], block: &mut Vec<u8>) {
    match text.len().checked_sub(127) {
        None => block.push(text.len() as u8),
        Some(mut rest) => {
            block.push(127);
            while rest > 127 {
                block.push(rest as u8 | 128);
                rest >>= 7;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_begins_with_its_length() {
        assert_eq!(frame(PING, 0, 0, &[7; 8])[..9], [0, 0, 8, PING, 0, 0, 0, 0, 0]);
        assert_eq!(frame(HEADERS, END_HEADERS, 3, b"x"), [0, 0, 1, 1, 4, 0, 0, 0, 3, b'x']);
    }

    #[test]
    fn lengths_of_strings_are_written_as_in_rfc_7541() {
        for (length, prefix) in
            [(0, &[0][..]), (126, &[126]), (127, &[127, 0]), (1337, &[127, 186, 9])]
        {
            let mut block = Vec::new();
            string(&vec![b'x'; length], &mut block);
            assert_eq!(block[..prefix.len()], *prefix, "{length}");
            assert_eq!(block.len(), prefix.len() + length);
        }
    }
}
