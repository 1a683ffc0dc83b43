//! An origin's end of one connection, for answers that are written step by step.

use super::Gate;
use super::message::{Framing, read_body};
use socket2::SockRef;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// The connection that a request came on.
pub struct Wire<'c> {
    pub(super) stream: &'c TcpStream,
    pub(super) reader: &'c mut BufReader<TcpStream>,
    pub(super) framing: Framing,
    pub(super) is_over: &'c mut bool,
}

impl Wire<'_> {
    /// Sends bytes as they are; `false`: Larder has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let mut stream = self.stream;
        stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends one chunk of a chunked body; an empty one would end it.
    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        let size = format!("{:x}\r\n", bytes.len());
        self.send([size.as_bytes(), bytes, b"\r\n"].concat())
    }

    /// Ends a chunked body.
    pub fn end_chunks(&mut self) {
        self.send("0\r\n\r\n");
    }

    /// Waits for a gate.
    pub fn pass(&mut self, gate: &Gate) {
        gate.pass();
    }

    /// Reads the request's body, where the origin answers upon the head.
    pub fn read_body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        let _ = read_body(self.reader, self.framing, &mut body);
        self.framing = Framing::Length(0);
        body
    }

    /// Reads what has come, at least a byte; nothing if Larder has closed.
    pub fn read_some(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 4096];
        let count = self.reader.read(&mut bytes).ok().filter(|count| *count > 0)?;
        bytes.truncate(count);
        Some(bytes)
    }

    /// Closes the connection behind what was sent.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        *self.is_over = true;
    }

    /// Resets the connection.
    pub fn reset(&mut self) {
        // With this, closing sends RST, as a crashed origin does. Linux sends it upon shutdown
        // only with the last handle, so the socket is disconnected by its end here.
        let _ = SockRef::from(self.stream).set_linger(Some(Duration::ZERO));
        *self.is_over = true;
    }

    /// Waits until Larder closes.
    pub fn wait_for_close(&mut self) {
        let mut rest = Vec::new();
        let _ = read_body(self.reader, Framing::Close, &mut rest);
    }
}
