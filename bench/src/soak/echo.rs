//! An origin that agrees to every WebSocket and sends each frame back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::websocket;
use crate::machine;

/// The longest silence.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts it in a thread of its own, which ends with the process.
pub fn start() -> anyhow::Result<SocketAddr> {
    let address = machine::free_address()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address)).context("listening for echoes")?;
    std::thread::spawn(move || runtime.block_on(serve(listener)));
    Ok(address)
}

async fn serve(listener: TcpListener) {
    // Larder limits how many there are. Where none can be taken now, it is told by its time-outs.
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // How a connection ends, its other end sees too.
            tokio::spawn(async { drop(echo(stream).await) });
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let head = timeout(PATIENCE, websocket::read_head(&mut stream)).await??;
    if !head.to_ascii_lowercase().contains("\r\nupgrade: websocket\r\n") {
        let refusal = b"HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n";
        return stream.write_all(refusal).await;
    }
    stream.write_all(websocket::agreement().as_bytes()).await?;
    loop {
        let payload = timeout(PATIENCE, websocket::read_frame(&mut stream)).await??;
        stream.write_all(&websocket::frame(&payload, None)).await?;
    }
}
