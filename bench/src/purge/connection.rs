//! A kept connection that asks one thing after the other and waits for each answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_FIELDS: usize = 64;

/// The connection.
pub struct Connection {
    stream: TcpStream,
    server: SocketAddr,
    buffer: Vec<u8>,
}

/// An answer, as far as it is looked at.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its `Cache-Status`.
    pub cache: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether it was stored before.
    pub fn is_hit(&self) -> bool {
        self.status == 200 && self.cache.contains("; hit")
    }
}

impl Connection {
    /// Connects.
    pub fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, TIMEOUT).context("connecting")?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, server, buffer: Vec::new() })
    }

    /// Asks for a path.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.server);
        self.ask(head.as_bytes())
    }

    /// Has something purged: `body` is what `POST /v1/purge` takes.
    pub fn purge(&mut self, token: &str, body: &str) -> anyhow::Result<()> {
        let (server, length) = (self.server, body.len());
        let request = format!(
            "POST /v1/purge HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = self.ask(request.as_bytes())?;
        if answer.status != 200 {
            bail!(
                "a purge is answered {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
        Ok(())
    }

    fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request)?;
        let (mut answer, head_bytes, length) = loop {
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
                bail!("a head without an end");
            }
            self.read()?;
        };
        while self.buffer.len() < head_bytes + length {
            self.read()?;
        }
        answer.body = self.buffer[head_bytes..head_bytes + length].to_vec();
        self.buffer.drain(..head_bytes + length);
        Ok(answer)
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let mut piece = [0; 16 << 10];
        let read = self.stream.read(&mut piece)?;
        if read == 0 {
            bail!("{} closed the connection", self.server);
        }
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(())
    }
}

/// The answer without its body, the length of its head and that of its body; nothing while the head
/// is not whole.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(Answer, usize, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(head_bytes) = response.parse(bytes)? else { return Ok(None) };
    let field = |name: &str| {
        let found = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.map(|field| String::from_utf8_lossy(field.value).into_owned())
    };
    let length = field("Content-Length").context("an answer without a length")?;
    let (status, cache) = (response.code.unwrap_or(0), field("Cache-Status").unwrap_or_default());
    let answer = Answer { status, cache, body: Vec::new() };
    Ok(Some((answer, head_bytes, length.trim().parse()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text =
            b"HTTP/1.1 200 OK\r\nCache-Status: larder; hit; ttl=1\r\nContent-Length: 2\r\n\r\nab";
        let whole = text.len() - 2;
        assert!(head(&text[..whole - 1]).expect("so far it is good").is_none());
        let (answer, head_bytes, length) = head(text).expect("it is good").expect("it is whole");
        assert_eq!((answer.is_hit(), head_bytes, length), (true, whole, 2));
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
