//! Sockets that must not block: listening, reading and writing, with "not now" as a value.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// A storm opens 500 connections at once; with the usual queue some would wait for the kernel's
/// second try, a whole second.
const BACKLOG: i32 = 4096;

/// Listens with a queue that takes a storm.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// What one read brought.
pub enum Received {
    /// Bytes, and whether there may be more already.
    Bytes(usize),
    /// The other side has closed.
    End,
    /// Nothing now; an event will tell.
    Later,
}

/// Reads once.
pub fn receive(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<Received> {
    match retry(|| stream.read(into)) {
        Ok(0) => Ok(Received::End),
        Ok(n) => Ok(Received::Bytes(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Later),
        Err(error) => Err(error),
    }
}

/// Writes what the socket takes now of two slices in a row: 0 when it takes nothing.
pub fn send(stream: &mut TcpStream, first: &[u8], second: &[u8]) -> io::Result<usize> {
    let written = retry(|| match (first, second) {
        (only, []) | ([], only) => stream.write(only),
        _ => stream.write_vectored(&[io::IoSlice::new(first), io::IoSlice::new(second)]),
    });
    match written {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
