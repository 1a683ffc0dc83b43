//! What is asked of the machine: cores, limits, free ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CpuSet;

/// Storms hold 500 clients and as many upstream connections: 1024 files would not do. Children
/// inherit the limit.
pub fn raise_open_files_limit() -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .context("raising the limit of open files to what is allowed")
}

/// Keeps the calling thread, and what it starts, on one core.
pub fn pin_to(core: usize) -> rustix::io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set)
}

/// A loopback address that nobody listens on now. Another process could take it before it is
/// used; the start of the server then fails and says so.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok(listener.local_addr()?)
}
