//! Asking a running Larder: one request to its admin listener over a connection of its own.

use super::Failure;
use super::progress::Progress;
use crate::admin_token;
use crate::cli::Asking;
use crate::config::{self, environment};
use anyhow::{Context, anyhow, bail};
use proxy::settings::OriginAddress;
use proxy::tls::{Believed, server_name};
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The longest wait to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest wait for each part of the answer: more than a page takes that is looked for.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The same where origins are asked again and again.
const SLOW_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// What the admin listener said.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Gets a target without a token.
///
/// # Errors
/// When there is no answer, or none of HTTP.
pub fn get(admin: &OriginAddress, target: &str) -> anyhow::Result<Answer> {
    exchange(admin, &Ask::get(target), None)
}

/// Gets JSON with the token that is at hand.
///
/// # Errors
/// When there is no answer, or it is not the one that was asked for.
pub fn get_json(asking: &Asking, target: &str) -> Result<Value, Failure> {
    ask_json(asking, &Ask::get(target))
}

/// Has what is at a target removed.
///
/// # Errors
/// As for [`get_json`].
pub fn delete(asking: &Asking, target: &str) -> Result<(), Failure> {
    ask_json(asking, &Ask { method: "DELETE", ..Ask::get(target) }).map(|_| ())
}

/// Sends JSON with the token that is at hand, and gets some.
///
/// # Errors
/// As for [`get_json`].
pub fn post_json(asking: &Asking, target: &str, body: &Value) -> Result<Value, Failure> {
    ask_json(asking, &Ask::post(target, body))
}

/// The same where the answer may take a while: says on the terminal for how long it has.
///
/// # Errors
/// As for [`get_json`].
pub fn post_json_slowly(
    asking: &Asking,
    target: &str,
    body: &Value,
    doing: &str,
) -> Result<Value, Failure> {
    post_json_with(asking, target, body, Progress::begin(doing, None))
}

/// The same with something else on the terminal meanwhile.
///
/// # Errors
/// As for [`get_json`].
pub fn post_json_with(
    asking: &Asking,
    target: &str,
    body: &Value,
    progress: Progress,
) -> Result<Value, Failure> {
    let ask = Ask { patience: SLOW_TIMEOUT, ..Ask::post(target, body) };
    let answer = ask_json(asking, &ask);
    drop(progress);
    answer
}

/// What is asked.
struct Ask<'a> {
    method: &'static str,
    target: &'a str,
    body: Option<String>,
    /// The longest wait for each part of the answer.
    patience: Duration,
}

impl<'a> Ask<'a> {
    fn get(target: &'a str) -> Ask<'a> {
        Ask { method: "GET", target, body: None, patience: TIMEOUT }
    }

    fn post(target: &'a str, body: &Value) -> Ask<'a> {
        Ask { method: "POST", target, body: Some(body.to_string()), patience: TIMEOUT }
    }
}

fn ask_json(asking: &Asking, ask: &Ask<'_>) -> Result<Value, Failure> {
    let admin = &asking.admin;
    let token = Token::at_hand(asking);
    let answer = exchange(&admin.0, ask, token.secret.as_deref()).with_context(|| {
        format!(
            "no answer from {admin}; start one with `larder serve`, or name its admin listener with \
             --admin URL or LARDER_ADMIN"
        )
    })?;
    if answer.status == 204 {
        return Ok(Value::Null);
    }
    if matches!(answer.status, 200 | 202) {
        let json = serde_json::from_str(&answer.body);
        return Ok(json.with_context(|| format!("{admin} is no Larder: it answers no JSON"))?);
    }
    let said = said(&answer);
    Err(match answer.status {
        401 => anyhow!("{admin} wants a token: {}", token.mend()).into(),
        403 => anyhow!("{admin} refuses the token of {}: {said}", token.place).into(),
        _ => anyhow!("{admin} says {said}").into(),
    })
}

/// The words of an answer that is an error.
fn said(answer: &Answer) -> String {
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match (problem["title"].as_str(), problem["detail"].as_str()) {
        (Some(title), Some(detail)) => format!("{}: {title}; {detail}", answer.status),
        _ => answer.status.to_string(),
    }
}

/// The token that is sent, and where it is from.
struct Token {
    secret: Option<String>,
    place: String,
}

impl Token {
    /// That of `LARDER_TOKEN`, or else that of the data folder.
    fn at_hand(asking: &Asking) -> Token {
        let of_environment = environment::of_process("LARDER_TOKEN");
        if let Some(secret) = of_environment.filter(|secret| !secret.trim().is_empty()) {
            let secret = Some(secret.trim().to_owned());
            return Token { secret, place: "LARDER_TOKEN".to_owned() };
        }
        let folder = config::data_folder(asking.data.as_deref(), &environment::of_process);
        let file: PathBuf = folder.join(admin_token::FILE);
        let secret = admin_token::read(&file).ok();
        Token { secret, place: file.display().to_string() }
    }

    fn mend(&self) -> String {
        let Token { secret, place } = self;
        let mend = "name the folder of its --data with --data DIR, or set LARDER_TOKEN";
        match secret {
            Some(_) => format!("that of {place} is not known there; {mend}"),
            None => format!("{place} cannot be read or holds none; {mend}"),
        }
    }
}

fn exchange(admin: &OriginAddress, ask: &Ask<'_>, token: Option<&str>) -> anyhow::Result<Answer> {
    if token.is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
        bail!("the token has spaces or other characters that no token has");
    }
    let stream = connect(admin)?;
    stream.set_read_timeout(Some(ask.patience))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let host = admin.authority();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    // HTTP/1.0: the answer ends with the connection and is never chunked.
    let Ask { method, target, .. } = ask;
    let mut request = format!("{method} {target} HTTP/1.0\r\nHost: {host}\r\n{token}");
    if let Some(body) = &ask.body {
        request += "Content-Type: application/json\r\n";
        request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    } else {
        request += "\r\n";
    }
    let bytes = match admin.is_tls {
        true => send_and_read(StreamOwned::new(secured(admin)?, stream), &request),
        false => send_and_read(stream, &request),
    }?;
    parse(&String::from_utf8_lossy(&bytes)).context("this is no HTTP answer")
}

fn send_and_read(mut stream: impl Read + Write, request: &str) -> std::io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The client's side of TLS, which believes whom the system believes (`SSL_CERT_FILE` names others).
fn secured(admin: &OriginAddress) -> anyhow::Result<ClientConnection> {
    let found = rustls_native_certs::load_native_certs().certs;
    let config = Believed::of(found).client_config().map_err(|what| anyhow!(what))?;
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = server_name(&admin.host).map_err(|what| anyhow!(what))?;
    Ok(ClientConnection::new(Arc::new(config), name)?)
}

fn connect(admin: &OriginAddress) -> anyhow::Result<TcpStream> {
    let addresses: Vec<_> = (admin.host.as_str(), admin.port).to_socket_addrs()?.collect();
    let mut last = anyhow!("{} has no address", admin.host);
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
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
    fn a_listener_is_asked_with_the_token_and_without() {
        for (token, field) in [(None, ""), (Some("t0ken"), "Authorization: Bearer t0ken\r\n")] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("it is bound").port();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client comes");
                let mut head = [0; 512];
                let length = stream.read(&mut head).expect("it asks");
                stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nready").expect("it listens");
                String::from_utf8_lossy(&head[..length]).into_owned()
            });
            let admin = OriginAddress { is_tls: false, host: "127.0.0.1".into(), port };
            let ask = Ask::get("/ready");
            let answer = exchange(&admin, &ask, token).expect("an answer");
            assert_eq!(answer, Answer { status: 200, body: "ready".into() });
            let head = server.join().expect("it ends well");
            assert_eq!(
                head,
                format!("GET /ready HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{field}\r\n")
            );
        }
    }

    #[test]
    fn a_token_that_would_break_the_request_is_not_sent() {
        let admin = OriginAddress { is_tls: false, host: "127.0.0.1".into(), port: 1 };
        let error = exchange(&admin, &Ask::get("/"), Some("a\r\nX: b")).expect_err("it is refused");
        assert!(!error.to_string().contains("X: b"), "{error}");
    }
}
