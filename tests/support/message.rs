//! What came over a connection: requests as origins see them, responses as clients see them.

use std::io::{self, Read};

/// Fields in the order in which they came.
pub type Fields = Vec<(String, String)>;

/// A request that reached an origin.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Its place among all requests that came, counted from 0.
    pub number: usize,
    /// The number of the connection that it came on, counted from 0.
    pub connection: usize,
    /// The head, byte for byte.
    pub head: Vec<u8>,
    /// The method.
    pub method: String,
    /// The target.
    pub target: String,
    /// The fields.
    pub fields: Fields,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// The trailers of a chunked body.
    pub trailers: Fields,
}

/// A response that reached a client.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The interim responses that came before: status and fields.
    pub interim: Vec<(u16, Fields)>,
    /// The status.
    pub status: u16,
    /// The fields.
    pub fields: Fields,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// The trailers of a chunked body.
    pub trailers: Fields,
    /// Whether the connection broke off before the body was whole.
    pub cut: bool,
}

impl Asked {
    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }

    /// The values of all fields of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        all(&self.fields, name)
    }
}

impl Received {
    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        first(&self.fields, name)
    }

    /// The values of all fields of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        all(&self.fields, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What Larder itself says in `Cache-Status`, which is its last line.
    pub fn cache(&self) -> &str {
        self.all("cache-status").last().copied().unwrap_or_default()
    }

    /// Whether it came from the store, without the origin being asked.
    pub fn is_hit(&self) -> bool {
        self.cache().starts_with("larder; hit")
    }
}

fn first<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The values of all fields of a name.
pub fn all<'f>(fields: &'f Fields, name: &str) -> Vec<&'f str> {
    fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
}

/// Reads bytes up to and with the next empty line; nothing if the peer closed before the first.
pub fn read_head(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match read_byte(from)? {
            Some(byte) => head.push(byte),
            None if head.is_empty() => return Ok(None),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
    Ok(Some(head))
}

/// The first line of a head, and its fields.
pub fn parse_head(head: &[u8]) -> (String, Fields) {
    let text = String::from_utf8_lossy(head).into_owned();
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    let field = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name.to_owned(), value.trim().to_owned())
    };
    (first, lines.map(field).collect())
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes.
    Length(usize),
    /// Chunked.
    Chunked,
    /// By the end of the connection.
    Close,
}

impl Framing {
    /// As the fields say; `otherwise` if they say nothing.
    pub fn of(fields: &Fields, otherwise: Framing) -> Framing {
        if first(fields, "transfer-encoding").is_some() {
            return Framing::Chunked;
        }
        let length = first(fields, "content-length").and_then(|value| value.parse().ok());
        length.map_or(otherwise, Framing::Length)
    }
}

/// Reads a body into `body`, which keeps what came if the connection breaks off. Gives the
/// trailers.
pub fn read_body(from: &mut impl Read, framing: Framing, body: &mut Vec<u8>) -> io::Result<Fields> {
    match framing {
        Framing::Length(length) => read_exactly(from, length, body)?,
        Framing::Close => {
            from.read_to_end(body)?;
        }
        Framing::Chunked => loop {
            let line = read_line(from)?;
            let size = line.split(';').next().unwrap_or_default().trim().to_owned();
            let size = usize::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            if size == 0 {
                return read_trailers(from);
            }
            read_exactly(from, size, body)?;
            read_line(from)?;
        },
    }
    Ok(Fields::new())
}

fn read_trailers(from: &mut impl Read) -> io::Result<Fields> {
    let mut trailers = Vec::new();
    loop {
        let line = read_line(from)?;
        if line.is_empty() {
            return Ok(parse_head(&[b"-\r\n".as_slice(), &trailers].concat()).1);
        }
        trailers.extend_from_slice(line.as_bytes());
        trailers.extend_from_slice(b"\r\n");
    }
}

fn read_exactly(from: &mut impl Read, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
    let begun = body.len();
    from.take(length as u64).read_to_end(body)?;
    if body.len() - begun < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn read_line(from: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(read_byte(from)?.ok_or(io::ErrorKind::UnexpectedEof)?);
    }
    line.truncate(line.len() - 2);
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// A read with a time-out that a signal interrupts, as when another test's process ends, is no
/// answer: it is tried again.
fn read_byte(from: &mut impl Read) -> io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match from.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
