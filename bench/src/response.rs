//! Reads the answers of one keep-alive connection: the head by httparse, then the body by count.
//!
//! Only bodies announced by Content-Length are understood. Every peer announces bodies so when the
//! origin does; an answer framed otherwise is a fault, which the tables show.

use memchr::memmem;

const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEAD_FIELDS: usize = 64;

/// A whole answer, its body counted and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The server will close this connection.
    pub closes: bool,
}

/// Why the bytes of a server cannot be an answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The head does not parse, or is too long.
    Head,
    /// The body is not announced by Content-Length.
    Framing,
    /// More bytes came than were announced.
    Surplus,
}

/// Where in an answer the connection stands.
pub struct ResponseReader {
    /// The beginning of a head that has not come whole.
    partial: Vec<u8>,
    body: Option<(Answer, u64)>,
}

impl ResponseReader {
    /// Stands before the first answer.
    pub fn new() -> Self {
        Self { partial: Vec::new(), body: None }
    }

    /// Takes what was received; gives the answer once its last byte is there.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Answer>, Fault> {
        if self.body.is_some() {
            return self.count(bytes.len() as u64);
        }
        if self.partial.is_empty() {
            return self.begin(bytes);
        }
        self.partial.extend_from_slice(bytes);
        let whole = std::mem::take(&mut self.partial);
        self.begin(&whole)
    }

    fn begin(&mut self, bytes: &[u8]) -> Result<Option<Answer>, Fault> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
            self.partial.extend_from_slice(bytes);
            return if self.partial.len() > MAX_HEAD_BYTES { Err(Fault::Head) } else { Ok(None) };
        };
        let head_len = end + 4;
        self.body = Some(parse_head(&bytes[..head_len])?);
        self.count((bytes.len() - head_len) as u64)
    }

    fn count(&mut self, received: u64) -> Result<Option<Answer>, Fault> {
        let (answer, left) = self.body.take().expect("only called once the head was read");
        if received > left {
            return Err(Fault::Surplus);
        }
        if received == left {
            return Ok(Some(answer));
        }
        self.body = Some((answer, left - received));
        Ok(None)
    }
}

/// The answer that a whole head begins, and the length of its body.
fn parse_head(head: &[u8]) -> Result<(Answer, u64), Fault> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEAD_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    parsed.parse(head).map_err(|_| Fault::Head)?;
    let status = parsed.code.ok_or(Fault::Head)?;
    let field = |name: &str| {
        parsed.headers.iter().find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value)
    };
    let closes = field("connection").is_some_and(|v| v.eq_ignore_ascii_case(b"close"));
    if matches!(status, 204 | 304) {
        return Ok((Answer { status, closes }, 0));
    }
    if field("transfer-encoding").is_some() {
        return Err(Fault::Framing);
    }
    let length = field("content-length").and_then(|v| std::str::from_utf8(v).ok()?.parse().ok());
    Ok((Answer { status, closes }, length.ok_or(Fault::Framing)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

    #[test]
    fn an_answer_cut_anywhere_is_whole_at_its_last_byte() {
        for cut in 1..OK.len() {
            let mut reader = ResponseReader::new();
            assert_eq!(reader.take(&OK[..cut]), Ok(None), "cut at {cut}");
            let answer = Answer { status: 200, closes: false };
            assert_eq!(reader.take(&OK[cut..]), Ok(Some(answer)), "cut at {cut}");
            assert_eq!(reader.take(OK), Ok(Some(answer)), "the next one, cut at {cut}");
        }
    }

    #[test]
    fn faults_are_told_apart() {
        for (bytes, fault) in [
            (&b"nonsense\r\n\r\n"[..], Fault::Head),
            (b"HTTP/1.1 200 OK\r\n\r\n", Fault::Framing),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::Framing),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", Fault::Surplus),
            (b"HTTP/1.1 304 Not Modified\r\n\r\nx", Fault::Surplus),
        ] {
            assert_eq!(ResponseReader::new().take(bytes), Err(fault));
        }
    }

    #[test]
    fn not_modified_announces_a_length_but_has_no_body() {
        let bytes = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: close\r\n\r\n";
        let answer = Answer { status: 304, closes: true };
        assert_eq!(ResponseReader::new().take(bytes), Ok(Some(answer)));
    }
}
