//! The socket of a connection to an origin, which can be looked at from beside whoever speaks on it.

use socket2::SockRef;
use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket.
#[derive(Clone, Debug)]
pub struct Wire(Rc<RefCell<TcpStream>>);

impl Wire {
    /// The wire over a stream.
    pub fn new(stream: TcpStream) -> Wire {
        Wire(Rc::new(RefCell::new(stream)))
    }

    /// Whether the other end has neither closed nor said anything that nobody asked for. Asks the
    /// system, since what the runtime knows may be older.
    pub fn is_quiet(&self) -> bool {
        let stream = self.0.borrow();
        let peeked = SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[tokio::test]
    async fn a_wire_is_quiet_until_the_other_end_speaks_or_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        for speaks in [true, false] {
            let wire = Wire::new(TcpStream::connect(address).await.expect("it listens"));
            let (mut other, _) = listener.accept().expect("it connected");
            assert!(wire.is_quiet());
            if speaks {
                other.write_all(b"x").expect("it is open");
            } else {
                drop(other);
            }
            // What loopback brings is there at once; no runtime has to look.
            assert!(!wire.is_quiet());
        }
    }
}
