//! Whether the app answers; and if not, what is wrong and how to mend it.

use super::launch::address;
use super::listening::takes;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection is waited for: on this machine they come at once, but for a full queue.
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);
/// How long an answer to HEAD is waited for; some apps have none. Tests do not wait so long.
const HEAD_WITHIN: Duration = if cfg!(feature = "turned-clock") {
    Duration::from_millis(500)
} else {
    Duration::from_secs(5)
};
/// How long an answer to GET is waited for: what an app makes first may take long.
const GET_WITHIN: Duration = Duration::from_secs(60);

/// How much of an answer is read, and for how long: none of it matters.
const MOST_READ_BYTES: u64 = 1 << 20;
const READ_WITHIN: Duration = Duration::from_millis(100);

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// An answer, whatever its status.
    Answers,
    /// A connection, but no answer by HTTP/1.1 within the time.
    Silent,
    /// No connection.
    Nobody,
}

/// Whether somebody takes connections to that port of this machine.
pub async fn connects(port: u16) -> bool {
    connection(port).await.is_some()
}

async fn connection(port: u16) -> Option<TcpStream> {
    timeout(CONNECTS_WITHIN, TcpStream::connect(address(port))).await.ok()?.ok()
}

/// Asks whoever listens on that port of this machine, by what changes nothing: by HEAD, and where that
/// brings nothing, by GET.
pub async fn ask(port: u16) -> Probe {
    match ask_by("HEAD", HEAD_WITHIN, port).await {
        Probe::Silent => ask_by("GET", GET_WITHIN, port).await,
        found => found,
    }
}

async fn ask_by(method: &str, within: Duration, port: u16) -> Probe {
    let Some(connection) = connection(port).await else { return Probe::Nobody };
    match timeout(within, exchange(connection, method, port)).await {
        Ok(Ok(head)) if head.starts_with(b"HTTP/1.") => Probe::Answers,
        _ => Probe::Silent,
    }
}

async fn exchange(mut connection: TcpStream, method: &str, port: u16) -> io::Result<[u8; 7]> {
    let host = address(port);
    let request = format!(
        "{method} / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: larder\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await?;
    let mut head = [0; 7];
    connection.read_exact(&mut head).await?;
    // Who is still sending when the connection closes sees it reset, which some apps log.
    let mut rest = connection.take(MOST_READ_BYTES);
    let _ = timeout(READ_WITHIN, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    Ok(head)
}

/// What to say of an app that does not answer at its port: where it listens, if that is known.
pub fn trouble(
    probe: Probe,
    listening: Option<&[SocketAddr]>,
    port: u16,
    variable: &str,
) -> String {
    let wanted = address(port);
    let listening = listening.unwrap_or_default();
    let told = format!("the variables HOST, HOSTNAME and {variable}");
    let flags = "put them into its arguments, as in larder run -- APP --host {host} --port {port}";
    if let Some(at) = listening.iter().find(|at| at.port() == port && !takes(at, wanted)) {
        return format!(
            "the app listens on {at} and not on {wanted}: have it listen there; it is told so by \
             {told}, or {flags}"
        );
    }
    if listening.iter().any(|at| takes(at, wanted)) {
        return format!(
            "the app takes connections on {wanted} and does not answer GET / by HTTP/1.1 there yet"
        );
    }
    if probe != Probe::Nobody {
        return format!("another process listens on {wanted}, where the app was to");
    }
    match listening.first() {
        Some(at) => format!(
            "the app listens on {at} and not on {wanted}: if another variable than {variable} \
             tells it its port, name it by --port-env; if it takes flags only, {flags}"
        ),
        None => format!("the app does not listen on {wanted} yet, which it is told by {told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        for (probe, listening, parts) in [
            (Probe::Nobody, &["[::1]:81"][..], ["listens on [::1]:81 and not", "HOST"]),
            (
                Probe::Nobody,
                &["127.0.0.1:3000"],
                ["listens on 127.0.0.1:3000 and not", "--port-env"],
            ),
            (Probe::Nobody, &["0.0.0.0:3000"], ["--port {port}", "127.0.0.1:81"]),
            (Probe::Silent, &["0.0.0.0:81"], ["takes connections", "GET /"]),
            (Probe::Silent, &["127.0.0.1:9", "[::]:81"], ["takes connections", "127.0.0.1:81"]),
            (Probe::Answers, &["127.0.0.1:9"], ["another process", "127.0.0.1:81"]),
            (Probe::Nobody, &[], ["does not listen", "PORT"]),
        ] {
            let listening: Vec<SocketAddr> =
                listening.iter().map(|at| at.parse().expect("an address")).collect();
            let said = trouble(probe, Some(&listening), 81, "PORT");
            assert!(parts.iter().all(|part| said.contains(part)), "{listening:?}: {said}");
        }
        assert!(trouble(Probe::Nobody, None, 81, "PORT").contains("does not listen"));
    }
}
