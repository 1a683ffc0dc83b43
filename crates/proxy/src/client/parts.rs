//! Parts of a stored response: one range as it is, several as `multipart/byteranges` (RFC 9110
//! §14.6).

use crate::heads::{status_line, write_field, write_length};
use policy::name::Name;
use policy::partial::OF_ONE_MESSAGE;
use policy::range::ByteRange;
use store::Entry;

/// Parts several ranges of one body. It need only differ from what bodies hold (RFC 2046 §5.1.1):
/// a random constant does.
const BOUNDARY: &str = "larder-7f3a9c51d08e42b6";
/// Ends the last part.
pub const PARTS_END: &str = "--larder-7f3a9c51d08e42b6--\r\n";

/// Appends the head of a 206 and gives the length of its body.
pub fn begin_parts(out: &mut Vec<u8>, entry: &Entry, parts: &[ByteRange]) -> u64 {
    let several = parts.len() > 1;
    out.extend_from_slice(&status_line(206));
    // The prepared head says all but the status, the length and, for several, the type.
    for line in entry.heads.full.split_inclusive(|b| *b == b'\n').skip(1) {
        let name = line.split(|b| *b == b':').next().unwrap_or_default();
        let replaced = name.eq_ignore_ascii_case(b"content-length")
            || (several && name.eq_ignore_ascii_case(b"content-type"))
            || OF_ONE_MESSAGE.iter().any(|of| name.eq_ignore_ascii_case(of.as_str().as_bytes()));
        if !replaced {
            out.extend_from_slice(line);
        }
    }
    if let [part] = parts {
        let range = content_range(*part, entry.meta.body_bytes);
        write_field(out, "content-range", range.as_bytes());
        write_length(out, part.len());
        part.len()
    } else {
        write_field(
            out,
            "content-type",
            format!("multipart/byteranges; boundary={BOUNDARY}").as_bytes(),
        );
        let length = parts_length(entry, parts);
        write_length(out, length);
        length
    }
}

/// The value of `Content-Range` (RFC 9110 §14.4) of a part of so many bytes.
pub fn content_range(part: ByteRange, of: u64) -> String {
    format!("bytes {}-{}/{of}", part.first, part.last)
}

/// What stands before each of several parts.
pub fn part_head(entry: &Entry, part: ByteRange) -> String {
    let range = content_range(part, entry.meta.body_bytes);
    let kind = entry.meta.fields.text(Name::ContentType);
    let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
    format!("--{BOUNDARY}\r\n{kind}Content-Range: {range}\r\n\r\n")
}

/// The length of several parts with all that parts them.
fn parts_length(entry: &Entry, parts: &[ByteRange]) -> u64 {
    let of = |part: &ByteRange| part_head(entry, *part).len() as u64 + part.len() + 2;
    parts.iter().map(of).sum::<u64>() + PARTS_END.len() as u64
}
