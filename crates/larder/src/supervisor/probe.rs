//! Whether the app answers; and if not, what is wrong and how to mend it.

use super::launch::address;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

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

/// Asks whoever listens on that port of this machine, by what changes nothing.
pub async fn ask(port: u16) -> Probe {
    let Ok(connection) = TcpStream::connect(address(port)).await else { return Probe::Nobody };
    match timeout(ANSWER_WITHIN, exchange(connection, port)).await {
        Ok(Ok(head)) if head.starts_with(b"HTTP/1.") => Probe::Answers,
        _ => Probe::Silent,
    }
}

async fn exchange(mut connection: TcpStream, port: u16) -> io::Result<[u8; 7]> {
    let host = address(port);
    let request = format!(
        "HEAD / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: larder\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await?;
    let mut head = [0; 7];
    connection.read_exact(&mut head).await?;
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
        return format!("the app takes connections on {wanted} and does not answer HEAD / there");
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

/// Whether who listens on `at` gets connections to `wanted`.
fn takes(at: &SocketAddr, wanted: SocketAddr) -> bool {
    // `[::]` takes those of IPv4 too, unless it was told otherwise.
    at.port() == wanted.port() && (at.ip().is_unspecified() || at.ip() == wanted.ip())
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
            (Probe::Silent, &["0.0.0.0:81"], ["takes connections", "HEAD /"]),
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
