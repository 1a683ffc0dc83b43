//! A plain blocking GET, for readiness, the origin's counters and what Larder says of itself:
//! never for what is measured.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// How many requests the bench origin has seen whose path begins with `prefix`.
pub fn origin_requests(origin: SocketAddr, prefix: &str) -> anyhow::Result<u64> {
    let body = body(origin, &format!("/count?path={prefix}"))?;
    body.trim().parse().context("the origin's count is no number")
}

/// Whether a GET of this path is answered 200.
pub fn is_ok(server: SocketAddr, path: &str) -> bool {
    get(server, path).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The body of the answer to a GET of this path.
pub fn body(server: SocketAddr, path: &str) -> anyhow::Result<String> {
    let answer = get(server, path)?;
    let (_, body) =
        answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    Ok(body.to_owned())
}

fn get(server: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}
