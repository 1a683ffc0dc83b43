//! Listening sockets, one set a core, and the connections that they bring.

use super::door::Door;
use crate::core::{Core, Current, Shared};
use crate::error::Error;
use crate::http1::status::reason;
use crate::settings::Listen;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that the kernel keeps for us until we take them.
const BACKLOG: i32 = 4096;
/// After an error of `accept`, such as too many open files, so long nothing is taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The listening sockets of one core.
#[derive(Debug)]
pub struct Listeners(Vec<(TcpListener, bool)>);

/// How a core stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut since `drain_timeout` was over.
    pub cut: usize,
}

impl Listeners {
    /// Opens sockets on every address for every core, which the kernel spreads connections over.
    ///
    /// With `SO_REUSEPORT` a second server of the same user would share the port in silence, so
    /// each address is bound once without it first.
    ///
    /// # Errors
    /// With the address that cannot be bound.
    pub fn open(
        addresses: &[Listen],
        cores: usize,
    ) -> Result<Vec<Listeners>, (SocketAddr, io::Error)> {
        let mut bound = Vec::new();
        for &Listen { address, is_tls } in addresses {
            // Port 0 stands for any free one, the same for all cores.
            let alone = bind(address, false).map_err(|error| (address, error))?;
            let address = alone.local_addr().map_err(|error| (address, error))?;
            bound.push(Listen { address, is_tls });
        }
        let open = |&Listen { address, is_tls }: &Listen| {
            let bound = bind(address, true).map_err(|error| (address, error))?;
            Ok((bound, is_tls))
        };
        (0..cores)
            .map(|_| bound.iter().map(open).collect::<Result<_, _>>().map(Listeners))
            .collect()
    }

    /// The addresses, with the ports that they got.
    pub fn addresses(&self) -> Vec<Listen> {
        let address = |(listener, is_tls): &(TcpListener, bool)| {
            listener.local_addr().ok().map(|address| Listen { address, is_tls: *is_tls })
        };
        self.0.iter().filter_map(address).collect()
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves on one core until `stopping` says to stop and what runs is finished or cut. Requests that
/// come after `settings` changed are served by those; what is under way is finished by the old.
///
/// # Errors
/// When a socket cannot be used.
pub async fn serve_core(
    number: usize,
    listeners: Listeners,
    mut settings: watch::Receiver<Arc<Shared>>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<Drained> {
    let shared = settings.borrow_and_update().clone();
    let current = Current::new(Core::new(shared, number));
    let open = current.core().open.clone();
    let mut chores = current.core().chores();
    let mut accepting = JoinSet::new();
    let (ended, mut all_ended) = tokio::sync::mpsc::channel::<()>(1);
    current.core().wait_for(&ended);
    for (listener, is_tls) in listeners.0 {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let door = Door { current: current.clone(), is_tls, stopping: stopping.clone() };
        accepting.spawn_local(accept(door, listener, ended.clone()));
    }
    drop(ended);
    loop {
        tokio::select! {
            biased;
            // An error means that the other end is gone, which is as good as a wish to stop.
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Ok(()) = settings.changed() => {
                let shared = settings.borrow_and_update().clone();
                let (old, new) = (current.core(), current.core().reloaded(shared));
                chores = new.chores();
                current.replace(new.clone());
                old.retire_for(&new);
            }
        }
    }
    accepting.shutdown().await;
    let patience = current.core().shared.settings.client.drain_timeout;
    let drained = tokio::time::timeout(patience, all_ended.recv()).await;
    chores.shutdown().await;
    let cut = if drained.is_err() { open.get() } else { 0 };
    Ok(Drained { cut })
}

/// Takes connections. Each holds a clone of `ended`, so that the last one's end is seen.
async fn accept(
    door: Door,
    listener: tokio::net::TcpListener,
    ended: tokio::sync::mpsc::Sender<()>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let core = door.current.core();
                core.counters.connections.one();
                let place = Place::take(&core);
                let (door, ended) = (door.clone(), ended.clone());
                tokio::task::spawn_local(async move {
                    match place {
                        Some(_place) => {
                            drop(core);
                            door.enter(stream, peer.ip()).await;
                        }
                        None => refuse(&core, stream).await,
                    }
                    drop(ended);
                });
            }
            // The client was gone again, or we are out of files for a moment.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Says that there are too many connections, without reading a request.
async fn refuse(core: &Core, mut stream: TcpStream) {
    let error = Error::TooManyConnections;
    core.counters.connections_refused.one();
    core.counters.gave_reason(error.token());
    let page = error.page();
    let answer = format!(
        "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n\
         Content-Length: {}\r\nCache-Status: larder; detail={}\r\nConnection: close\r\n\r\n{page}",
        error.status(),
        reason(error.status()),
        core.shared.clock.now().to_http(),
        page.len(),
        error.token(),
    );
    let say = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), say).await;
}

/// A place among the open connections. Holds on to nothing that a reload replaces.
struct Place {
    all: Arc<AtomicUsize>,
    on_core: Rc<Cell<usize>>,
}

impl Place {
    fn take(core: &Core) -> Option<Place> {
        let most = core.shared.settings.client.max_connections;
        let place = Place { all: core.shared.connections.clone(), on_core: core.open.clone() };
        // Made before the check, so that it is given back in either case.
        let open = place.all.fetch_add(1, Ordering::Relaxed);
        place.on_core.set(place.on_core.get() + 1);
        (open < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        self.on_core.set(self.on_core.get() - 1);
    }
}
