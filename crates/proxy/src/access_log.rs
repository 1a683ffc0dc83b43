//! One line a request, as JSON or in the common format, written by a thread of its own.
//!
//! The data path hands lines over and never waits: when the writer cannot keep up, lines are
//! dropped, counted, and said so.

use crate::cache_status::CacheStatus;
use policy::request::Request;
use policy::time::Timestamp;
use std::io::Write;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Bytes of lines that are written at once.
const BUFFER_BYTES: usize = 64 << 10;
/// Lines that may wait for the writer.
const QUEUE_LINES: usize = 4096;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// The common log format.
    Common,
}

/// The way to the writer.
#[derive(Debug)]
pub struct AccessLog {
    format: Format,
    lines: SyncSender<Handed>,
    dropped: AtomicU64,
}

/// What is handed to the writer.
#[derive(Debug)]
enum Handed {
    Line(Vec<u8>),
    /// Asks for a word when all before it is written.
    Flush(SyncSender<()>),
}

/// What a line tells.
#[derive(Debug)]
pub struct Line<'l> {
    /// When the request was there.
    pub at: Timestamp,
    /// From whom.
    pub client: IpAddr,
    /// What was asked; nothing of a request that could not be read.
    pub request: Option<&'l Request>,
    /// The site's name, if there is a site.
    pub site: &'l str,
    /// The answer's status.
    pub status: u16,
    /// Bytes of its body.
    pub body_bytes: u64,
    /// How it came about.
    pub verdict: &'static str,
    /// Why.
    pub cache: &'l CacheStatus,
    /// From the request's head to the answer's last byte.
    pub took: Duration,
    /// Whether the answer was cut before its end.
    pub cut: bool,
}

impl AccessLog {
    /// Starts the writer, which ends when the log is dropped.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(format: Format, out: impl Write + Send + 'static) -> std::io::Result<AccessLog> {
        let (lines, waiting) = sync_channel(QUEUE_LINES);
        std::thread::Builder::new().name("access-log".into()).spawn(|| write(waiting, out))?;
        Ok(AccessLog { format, lines, dropped: AtomicU64::new(0) })
    }

    /// Waits until all lines so far are written, if that is within `time`.
    pub fn flush(&self, time: Duration) {
        let until = Instant::now() + time;
        let (done, written) = sync_channel(1);
        let mut flush = Handed::Flush(done);
        while let Err(TrySendError::Full(back)) = self.lines.try_send(flush) {
            if Instant::now() >= until {
                return;
            }
            flush = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        // Where nobody reads what is written, the time is over.
        let _ = written.recv_timeout(until.saturating_duration_since(Instant::now()));
    }

    /// Hands a line over.
    pub fn log(&self, line: &Line<'_>) {
        let text = match self.format {
            Format::Json => line.json(),
            Format::Common => line.common(),
        };
        if self.lines.try_send(Handed::Line(text)).is_err()
            && self.dropped.fetch_add(1, Ordering::Relaxed) == 0
        {
            tracing::warn!("the access log cannot be written fast enough: lines are dropped");
        }
    }
}

fn write(waiting: Receiver<Handed>, mut out: impl Write) {
    let (mut lines, mut is_failing) = (Vec::new(), false);
    while let Ok(handed) = waiting.recv() {
        let mut asked = Vec::new();
        // Whatever else waits goes out with it, as far as the buffer goes.
        let mut next = Some(handed);
        while let Some(handed) = next {
            match handed {
                Handed::Line(line) => lines.extend_from_slice(&line),
                Handed::Flush(done) => asked.push(done),
            }
            next = if lines.len() < BUFFER_BYTES { waiting.try_recv().ok() } else { None };
        }
        let written = out.write_all(&lines).and_then(|()| out.flush());
        if let (Err(error), false) = (&written, is_failing) {
            tracing::warn!("the access log cannot be written, lines are lost: {error}");
        }
        is_failing = written.is_err();
        lines.clear();
        // Whoever asked may have given up.
        asked.iter().for_each(|done| _ = done.try_send(()));
    }
}

impl Line<'_> {
    /// Method, host and target; `-` where there is no request.
    fn asked(&self) -> [&str; 3] {
        match self.request {
            Some(request) => [request.method.as_str(), &request.host, &request.target],
            None => ["-"; 3],
        }
    }

    fn json(&self) -> Vec<u8> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let reason = self.cache.detail.unwrap_or_default();
        let [method, host, target] = self.asked();
        let mut line = format!(
            "{{\"time_ms\":{},\"client\":\"{}\",\"method\":{},\"host\":{},\"target\":{},\
             \"protocol\":\"{}\",\"site\":{},\"status\":{},\"bytes\":{},\"verdict\":\"{}\",\"detail\":\"{reason}\",\
             \"took_us\":{}",
            self.at.0,
            self.client,
            quoted(method),
            quoted(host),
            quoted(target),
            self.request.map_or("-", |request| request.version.number()),
            quoted(self.site),
            self.status,
            self.body_bytes,
            self.verdict,
            self.took.as_micros(),
        );
        if self.cut {
            line.push_str(",\"cut\":true");
        }
        line.push_str("}\n");
        line.into_bytes()
    }

    fn common(&self) -> Vec<u8> {
        let safe = |text: &str| text.replace(['"', '\\'], "?");
        let [method, _, target] = self.asked();
        let version = self.request.map_or("1.1", |request| request.version.number());
        format!(
            "{} - - [{}] \"{} {} HTTP/{version}\" {} {}\n",
            self.client,
            common_time(self.at),
            safe(method),
            safe(target),
            self.status,
            self.body_bytes,
        )
        .into_bytes()
    }
}

/// `10/Oct/2000:13:55:36 +0000`, made from the HTTP date `Tue, 10 Oct 2000 13:55:36 GMT`.
fn common_time(at: Timestamp) -> String {
    let date = at.to_http();
    let parts: Vec<&str> = date.split(' ').collect();
    match parts.as_slice() {
        [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
        _ => date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_waits_for_the_lines_before_it() {
        let (read, write) = std::io::pipe().expect("a pipe");
        let log = AccessLog::start(Format::Json, write).expect("a thread");
        for _ in 0..3 {
            log.lines.send(Handed::Line(b"line\n".to_vec())).expect("it runs");
        }
        log.flush(Duration::from_secs(60));
        let mut text = [0; 15];
        std::io::Read::read_exact(&mut &read, &mut text).expect("all is there");
        assert_eq!(&text, b"line\nline\nline\n");
    }

    #[test]
    fn lines_are_json_or_common() {
        let request =
            Request { host: "a.b".into(), target: "/x?\"q\"".into(), ..Request::default() };
        let cache = CacheStatus { detail: Some("no-store"), ..CacheStatus::default() };
        let line = Line {
            at: Timestamp::from_seconds(784_111_777),
            client: IpAddr::from([127, 0, 0, 1]),
            request: Some(&request),
            site: "default",
            status: 200,
            body_bytes: 5,
            verdict: "miss",
            cache: &cache,
            took: Duration::from_micros(12),
            cut: false,
        };
        let json: serde_json::Value = serde_json::from_slice(&line.json()).expect("valid JSON");
        assert_eq!(json["target"], "/x?\"q\"");
        assert_eq!(json["detail"], "no-store");
        assert_eq!(
            String::from_utf8(line.common()).expect("text"),
            "127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /x??q? HTTP/1.1\" 200 5\n"
        );
    }
}
