//! An origin that answers as the test says and remembers what it was asked.

use super::message::{Asked, Framing, parse_head, read_body, read_head};
use super::{DEADLINE, Reply, Wire};
use socket2::{Domain, Socket, Type};
use std::io::BufReader;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

type Answers = dyn Fn(&Asked) -> Reply + Send + Sync;

/// An origin on a port of its own, which it keeps even while it is away.
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Holds the port while nobody listens on it. Never listens itself.
    _port: Socket,
}

struct Shared {
    answers: Box<Answers>,
    reads_bodies: bool,
    asked: Mutex<Vec<Asked>>,
    came: Condvar,
    connections: Mutex<Vec<TcpStream>>,
    opened: AtomicUsize,
    listening: Mutex<Option<TcpListener>>,
}

impl Origin {
    /// An origin that reads each request whole and answers it as `answers` says.
    pub fn answering(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Origin {
        Origin::start(Box::new(answers), true)
    }

    /// An origin that answers upon the head of a request; [`Wire::read_body`] reads the body.
    pub fn answering_heads(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Origin {
        Origin::start(Box::new(answers), false)
    }

    /// An origin that answers with the fields that the request's `X-Reply` tells, parted by `|`,
    /// such as `Cache-Control: max-age=60 | ETag: "a"`, with the status that `X-Status` tells,
    /// and with the number of the request, counted from 1, as body.
    pub fn as_told() -> Origin {
        Origin::answering(|asked| {
            let number = asked.number + 1;
            let status = asked.field("x-status").and_then(|s| s.parse().ok()).unwrap_or(200);
            let told = asked.field("x-reply").unwrap_or_default().to_owned();
            let fields = told.split('|').filter_map(|field| field.trim().split_once(": "));
            let reply = Reply::status(status, number.to_string());
            fields.fold(reply, |reply, (name, value)| reply.with(name, value))
        })
    }

    fn start(answers: Box<Answers>, reads_bodies: bool) -> Origin {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let port = bind(any);
        let address = port.local_addr().unwrap().as_socket().unwrap();
        let shared = Arc::new(Shared {
            answers,
            reads_bodies,
            asked: Mutex::default(),
            came: Condvar::new(),
            connections: Mutex::default(),
            opened: AtomicUsize::new(0),
            listening: Mutex::default(),
        });
        let origin = Origin { address, shared, _port: port };
        origin.come_back();
        origin
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and all connections: from now on connections are refused.
    pub fn go_away(&self) {
        if let Some(listener) = self.shared.listening.lock().unwrap().take() {
            // Wakes the thread that accepts, which then finds the listener gone.
            let _ = socket2::SockRef::from(&listener).shutdown(Shutdown::Both);
        }
        self.close_connections();
    }

    /// Closes all connections, as an origin does with idle ones.
    pub fn close_connections(&self) {
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Listens again.
    pub fn come_back(&self) {
        let socket = bind(self.address);
        socket.listen(1024).unwrap();
        let listener: TcpListener = socket.into();
        *self.shared.listening.lock().unwrap() = Some(listener.try_clone().unwrap());
        let shared = self.shared.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                shared.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let number = shared.opened.fetch_add(1, Ordering::SeqCst);
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(number, stream));
            }
        });
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }

    /// The requests that came.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The request that came last.
    pub fn last(&self) -> Asked {
        self.asked().pop().expect("the origin was asked")
    }

    /// Waits until that many requests have come.
    pub fn wait_for(&self, count: usize) {
        let asked = self.shared.asked.lock().unwrap();
        let waited = self.shared.came.wait_timeout_while(asked, DEADLINE, |a| a.len() < count);
        let found = waited.unwrap().0.len();
        assert!(found >= count, "in vain waited for {count} requests: {found} came");
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.go_away();
    }
}

impl Shared {
    fn serve(&self, connection: usize, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut is_over = false;
        while !is_over {
            let Ok(Some(head)) = read_head(&mut reader) else { break };
            let (line, fields) = parse_head(&head);
            let mut words = line.split(' ').map(str::to_owned);
            let (method, target) =
                (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let mut framing = Framing::of(&fields, Framing::Length(0));
            let mut asked = Asked { connection, head, method, target, fields, ..Asked::default() };
            if self.reads_bodies {
                let Ok(trailers) = read_body(&mut reader, framing, &mut asked.body) else { break };
                asked.trailers = trailers;
                framing = Framing::Length(0);
            }
            self.note(&mut asked);
            let reply = (self.answers)(&asked);
            let is_over = &mut is_over;
            let mut wire = Wire { stream: &stream, reader: &mut reader, framing, is_over };
            reply.write(&mut wire, asked.method == "HEAD");
            let _ = wire.read_body();
        }
        // The other handle goes too, so that closing has its effect now, a reset above all.
        let peer = stream.peer_addr().ok();
        self.connections.lock().unwrap().retain(|other| other.peer_addr().ok() != peer);
    }
}

impl Shared {
    /// Remembers a request and gives it its number.
    fn note(&self, asked: &mut Asked) {
        let mut all = self.asked.lock().unwrap();
        asked.number = all.len();
        all.push(asked.clone());
        self.came.notify_all();
    }
}

/// A socket on the address. Sockets that only hold a port take part in sharing it, and only those
/// that listen get connections.
fn bind(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}
