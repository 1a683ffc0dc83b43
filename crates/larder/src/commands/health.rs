//! `larder health`: asks a running Larder whether it is ready.

use super::{Failure, say};
use crate::cli::Health;
use anyhow::{Context, anyhow, bail};
use proxy::settings::OriginAddress;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The longest wait to connect, and for each part of the answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// What the admin listener said.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: String,
}

/// Asks `GET /ready`; fails unless the answer is 200.
pub fn run(arguments: &Health) -> Result<(), Failure> {
    let answer =
        ask(&arguments.admin.0).with_context(|| format!("no answer from {}", arguments.admin));
    let ready = answer.as_ref().is_ok_and(|answer| answer.status == 200);
    if arguments.json {
        say(&format!("{}\n", as_json(&answer)))?;
        return if ready { Ok(()) } else { Err(Failure::Reported) };
    }
    let answer = answer?;
    let words = answer.body.trim();
    if ready {
        return say(
            if words.is_empty() { "ready\n".to_owned() } else { format!("{words}\n") }.as_str()
        );
    }
    Err(anyhow!("not ready (status {}): {words}", answer.status).into())
}

fn as_json(answer: &anyhow::Result<Answer>) -> serde_json::Value {
    match answer {
        Ok(Answer { status, body }) => serde_json::json!({
            "ready": *status == 200, "status": status, "detail": body.trim(),
        }),
        Err(error) => serde_json::json!({ "ready": false, "detail": format!("{error:#}") }),
    }
}

fn ask(admin: &OriginAddress) -> anyhow::Result<Answer> {
    if admin.is_tls {
        bail!("the admin listener speaks plain HTTP: write --admin http://{}", admin.host);
    }
    let addresses: Vec<_> = (admin.host.as_str(), admin.port).to_socket_addrs()?.collect();
    let mut last = anyhow!("{} has no address", admin.host);
    for address in addresses {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return exchange(stream, &admin.authority()),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

fn exchange(mut stream: TcpStream, host: &str) -> anyhow::Result<Answer> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // HTTP/1.0: the answer ends with the connection and is never chunked.
    let request = format!("GET /ready HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
    parse(&String::from_utf8_lossy(&bytes)).context("this is no HTTP answer")
}

fn parse(text: &str) -> Option<Answer> {
    let status = text.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.get(..3)?.parse().ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn answers_are_a_status_and_a_body() {
        for (text, answer) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nready\n", Some((200, "ready\n"))),
            ("HTTP/1.0 503\r\n\r\n", Some((503, ""))),
            ("HTTP/1.1 200 OK\r\n", None),
            ("SSH-2.0\r\n\r\n", None),
            ("HTTP/1.1 2\r\n\r\n", None),
            ("", None),
        ] {
            let answer = answer.map(|(status, body)| Answer { status, body: body.to_owned() });
            assert_eq!(parse(text), answer, "{text}");
        }
    }

    #[test]
    fn a_listener_is_asked_whether_it_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client comes");
            let mut head = [0; 512];
            let length = stream.read(&mut head).expect("it asks");
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nready").expect("it listens");
            String::from_utf8_lossy(&head[..length]).into_owned()
        });
        let answer = ask(&OriginAddress { is_tls: false, host: "127.0.0.1".into(), port })
            .expect("an answer");
        assert_eq!(answer, Answer { status: 200, body: "ready".into() });
        let head = server.join().expect("it ends well");
        assert_eq!(head, format!("GET /ready HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"));
    }
}
