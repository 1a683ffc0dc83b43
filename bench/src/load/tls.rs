//! The load over TLS: a task for each connection, on one thread.
//!
//! Handshakes are done before a run begins, and each connection has asked once by then: what the
//! server is measured on are requests alone.

mod http1;
mod http2;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::asker::Asker;
use super::{Order, Outcome, Plan, Tally, Tls, Until, Version, limit};
use crate::certificate;
use crate::client::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections whose handshakes are done.
pub struct Ready {
    shared: Rc<Shared>,
    runtime: Runtime,
    tasks: LocalSet,
    connections: Vec<Connection>,
}

enum Connection {
    Http1(Box<http1::Connection>),
    Http2(http2::Connection),
}

/// What the tasks of a run share.
struct Shared {
    plan: Plan,
    tls: Tls,
    asker: RefCell<Asker>,
    tally: RefCell<Tally>,
}

impl Ready {
    /// Opens the plan's connections and asks once on each.
    pub fn connect(plan: Plan, tls: Tls) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tasks = LocalSet::new();
        let first = Plan { until: Until::Requests(1), order: Order::Sequential, ..plan.clone() };
        let mut connections = Vec::new();
        for _ in 0..plan.connections {
            let once = Rc::new(Shared::new(first.clone(), tls.clone()));
            connections.push(tasks.block_on(&runtime, once.connect_and_ask())?);
        }
        Ok(Self { shared: Rc::new(Shared::new(plan, tls)), runtime, tasks, connections })
    }

    /// Runs the plan to its end. What is under way then is not counted.
    pub fn run(self) -> Outcome {
        let Self { shared, runtime, tasks, connections } = self;
        let began = Instant::now();
        tasks.block_on(&runtime, async {
            let mut workers = JoinSet::new();
            for connection in connections {
                workers.spawn_local(shared.clone().work(connection));
            }
            let all = async { while workers.join_next().await.is_some() {} };
            // An error means that the time is over, which is how most runs end.
            let _ = timeout(limit(shared.plan.until), all).await;
        });
        let elapsed = began.elapsed();
        // The tasks hold what is counted: they go first.
        drop(tasks);
        shared.tally.replace(Tally::new(&shared.plan)).finish(elapsed)
    }
}

impl Shared {
    fn new(plan: Plan, tls: Tls) -> Self {
        let (asker, tally) = (RefCell::new(Asker::new(&plan)), RefCell::new(Tally::new(&plan)));
        Self { plan, tls, asker, tally }
    }

    async fn connect_and_ask(self: Rc<Self>) -> anyhow::Result<Connection> {
        let mut connection = self.connect().await?;
        match &mut connection {
            Connection::Http1(connection) => connection.work(&self).await,
            Connection::Http2(connection) => connection.ask_on_one(&self).await,
        }
        let tally = self.tally.borrow();
        match tally.answered {
            1 => Ok(connection),
            _ => bail!("the first request on a connection failed: {:?}", tally.errors),
        }
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        let stream = timeout(CONNECT_TIMEOUT, self.shake_hands());
        let stream = stream.await.context("the handshake takes too long")??;
        let spoken = stream.get_ref().1.alpn_protocol();
        if spoken != Some(self.tls.version.alpn()) {
            bail!("the server does not speak {:?} over TLS", self.tls.version);
        }
        Ok(match self.tls.version {
            Version::Http1 => Connection::Http1(Box::new(http1::Connection::new(stream))),
            Version::Http2 { streams } => {
                Connection::Http2(http2::Connection::begin(stream, streams).await?)
            }
        })
    }

    async fn shake_hands(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.plan.server).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(self.tls.config.clone());
        let name = ServerName::try_from(certificate::NAME)?;
        connector.connect(name, stream).await.context("the handshake")
    }

    /// Keeps one connection busy, and opens another where it is lost, until all was asked.
    async fn work(self: Rc<Self>, mut connection: Connection) {
        loop {
            match &mut connection {
                Connection::Http1(connection) => connection.work(&self).await,
                Connection::Http2(connection) => connection.work(&self).await,
            }
            if self.is_enough() || self.asker.borrow().is_done() {
                return;
            }
            connection = match self.connect().await {
                Ok(connection) => connection,
                Err(_) => {
                    self.tally.borrow_mut().errors.connect += 1;
                    return;
                }
            };
        }
    }

    /// The next URL; `None` when the run is over.
    fn next_index(&self) -> Option<u64> {
        if self.is_enough() { None } else { self.asker.borrow_mut().next_index() }
    }

    fn is_enough(&self) -> bool {
        self.tally.borrow().is_enough()
    }

    fn answered(&self, status: u16, began: Instant) {
        self.tally.borrow_mut().answered(status, began.elapsed());
    }

    fn failed(&self, failure: Failure) {
        self.tally.borrow_mut().errors.count(failure);
    }
}
