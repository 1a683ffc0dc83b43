//! A client that says exactly the bytes it is told to, and reads responses whole or in parts.

use super::DEADLINE;
use super::message::{Framing, Received, parse_head, read_body, read_head};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One connection to Larder.
pub struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("Larder takes connections");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Client { stream, reader }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("Larder takes what is sent");
    }

    /// Sends bytes as they are; Larder may have closed already.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends bytes one by one, each in a packet of its own.
    pub fn send_bytewise(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]);
        }
    }

    /// Sends a request without a body and reads the response.
    pub fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Received {
        self.send(request(method, target, fields));
        self.read_to(method)
    }

    /// Sends a GET and reads the response.
    pub fn get(&mut self, target: &str) -> Received {
        self.ask("GET", target, &[])
    }

    /// Reads the response to a GET.
    pub fn read(&mut self) -> Received {
        self.read_to("GET")
    }

    /// Reads the response, unless the connection breaks off before it is whole.
    pub fn try_read(&mut self) -> Option<Received> {
        let head = read_head(&mut self.reader).ok()??;
        let (line, fields) = parse_head(&head);
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut received = Received { status, fields, ..Received::default() };
        let framing = Framing::of(&received.fields, Framing::Close);
        read_body(&mut self.reader, framing, &mut received.body).ok()?;
        Some(received)
    }

    /// Reads the response to a request of that method.
    pub fn read_to(&mut self, method: &str) -> Received {
        let mut received = self.read_head();
        self.read_rest(&mut received, method);
        received
    }

    /// Reads the head of a response, with the interim responses before it.
    pub fn read_head(&mut self) -> Received {
        let mut received = Received::default();
        loop {
            let head = read_head(&mut self.reader).expect("a response comes in time");
            let head = head.expect("Larder answers before it closes");
            let (line, fields) = parse_head(&head);
            let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
            let status: u16 = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
            if (100..200).contains(&status) && status != 101 {
                received.interim.push((status, fields));
            } else {
                return Received { status, fields, ..received };
            }
        }
    }

    /// Reads one interim response and nothing behind it.
    pub fn read_interim(&mut self) -> u16 {
        let head = read_head(&mut self.reader).expect("it comes in time").expect("it comes");
        parse_head(&head).0.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status")
    }

    /// Reads the body behind a head.
    pub fn read_rest(&mut self, received: &mut Received, method: &str) {
        if method == "HEAD" || matches!(received.status, 204 | 304) {
            return;
        }
        let framing = Framing::of(&received.fields, Framing::Close);
        match read_body(&mut self.reader, framing, &mut received.body) {
            Ok(trailers) => received.trailers = trailers,
            Err(error) if is_late(&error) => panic!("the rest of a body is late: {received:?}"),
            Err(_) => received.cut = true,
        }
    }

    /// Reads exactly so many bytes as they come, framing included.
    pub fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("so many bytes come in time");
        bytes
    }

    /// Reads as many bytes as come at once, at most `count`; nothing if Larder has closed.
    pub fn try_read_bytes(&mut self, count: usize) -> Option<usize> {
        let mut bytes = vec![0; count];
        self.reader.read(&mut bytes).ok().filter(|&count| count > 0)
    }

    /// Reads until the connection ends; says whether by a reset.
    pub fn ends_by_reset(&mut self) -> bool {
        match self.reader.read_to_end(&mut Vec::new()) {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                true
            }
        }
    }

    /// Waits until Larder closes; gives what came before. A reset counts as closed.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        if let Err(error) = self.reader.read_to_end(&mut rest) {
            assert!(!is_late(&error), "the connection is not closed in time");
        }
        rest
    }

    /// Asserts that Larder closes without another byte.
    pub fn assert_closed(&mut self) {
        let rest = self.read_to_end();
        assert!(rest.is_empty(), "more came: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&self) {
        // Larder may have closed already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends so many bytes from a thread of its own; gives the count of those sent so far.
    pub fn send_counted(&self, bytes: usize) -> Arc<AtomicUsize> {
        let mut stream = self.stream.try_clone().unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        std::thread::spawn(move || {
            let piece = vec![b'x'; 64 << 10];
            while count.load(Ordering::SeqCst) < bytes {
                let rest = (bytes - count.load(Ordering::SeqCst)).min(piece.len());
                if stream.write_all(&piece[..rest]).is_err() {
                    return;
                }
                count.fetch_add(rest, Ordering::SeqCst);
            }
        });
        sent
    }
}

/// A request without a body, for the host `site.test` unless `fields` name another.
pub fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str("Host: site.test\r\n");
    }
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
