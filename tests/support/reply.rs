//! What an origin answers.

use super::Wire;
use super::message::Fields;

/// The steps of an answer that no plain response describes.
type Script = Box<dyn FnOnce(&mut Wire<'_>) + Send>;

/// An answer. It has no `Date` unless one is added, so that Larder's turned clock decides.
#[derive(Default)]
pub struct Reply {
    status: u16,
    fields: Fields,
    body: Vec<u8>,
    is_chunked: bool,
    script: Option<Script>,
}

impl Reply {
    /// 200 with that body.
    pub fn ok(body: impl AsRef<[u8]>) -> Reply {
        Reply::status(200, body)
    }

    /// That status with that body.
    pub fn status(status: u16, body: impl AsRef<[u8]>) -> Reply {
        Reply { status, body: body.as_ref().to_vec(), ..Reply::default() }
    }

    /// 200 with that body and `Cache-Control`.
    pub fn cached(control: &str, body: impl AsRef<[u8]>) -> Reply {
        Reply::ok(body).with("Cache-Control", control)
    }

    /// An answer that is written step by step.
    pub fn by(script: impl FnOnce(&mut Wire<'_>) + Send + 'static) -> Reply {
        Reply { script: Some(Box::new(script)), ..Reply::default() }
    }

    /// These bytes as they are; the connection is closed behind them.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Reply {
        let bytes = bytes.as_ref().to_vec();
        Reply::by(move |wire| {
            wire.send(bytes);
            wire.close();
        })
    }

    /// With one more field.
    pub fn with(mut self, name: &str, value: &str) -> Reply {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Chunked, where it is else delimited by its length.
    pub fn chunked(self) -> Reply {
        Reply { is_chunked: true, ..self }
    }

    /// Writes it.
    pub(super) fn write(self, wire: &mut Wire<'_>, to_head: bool) {
        if let Some(script) = self.script {
            return script(wire);
        }
        let mut head = format!("HTTP/1.1 {} X\r\n", self.status);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let is_bodiless = matches!(self.status, 204 | 304);
        if self.is_chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        } else if !is_bodiless {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !to_head && !is_bodiless && !self.is_chunked {
            bytes.extend_from_slice(&self.body);
        }
        wire.send(bytes);
        if !to_head && self.is_chunked {
            for piece in self.body.chunks(1000) {
                wire.chunk(piece);
            }
            wire.end_chunks();
        }
    }
}
