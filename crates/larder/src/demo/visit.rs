//! A visitor: asks for a page's news and for its first pictures, and looks at the clock.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a visitor waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pictures that he sees of a page.
const SEEN: usize = 12;

/// What visitors got.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// How many visits there were.
    pub count: u64,
    /// How long the news took.
    pub news: Vec<Duration>,
    /// How long the pictures took.
    pub pictures: Vec<Duration>,
    /// News and pictures that failed.
    pub failed: u64,
}

impl Visits {
    /// One more visit.
    pub fn visit(&mut self, site: SocketAddr) {
        self.count += 1;
        let Some(body) = self.get(site, "/api/news.json", true) else { return };
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let items = document["data"].as_array().cloned().unwrap_or_default();
        for item in items.iter().take(SEEN) {
            let url = item["enclosure"].as_str().unwrap_or_default();
            let elsewhere = url.strip_prefix("http://").and_then(|rest| {
                let (host, path) = rest.split_once('/')?;
                Some((host.parse().ok()?, format!("/{path}")))
            });
            let (address, path) = elsewhere.unwrap_or((site, url.to_owned()));
            self.get(address, &path, false);
        }
    }

    fn get(&mut self, address: SocketAddr, path: &str, is_news: bool) -> Option<Vec<u8>> {
        let began = Instant::now();
        let answer = get(address, path);
        let times = if is_news { &mut self.news } else { &mut self.pictures };
        times.push(began.elapsed());
        match answer {
            Ok((200, body)) => Some(body),
            Ok(_) | Err(_) => {
                self.failed += 1;
                None
            }
        }
    }
}

/// What is below which so many per cent of times are.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}

/// Gets a path: status and body.
///
/// # Errors
/// When there is no answer.
pub fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    // HTTP/1.0: the body ends with the connection.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(std::io::ErrorKind::InvalidData)?, bytes.split_off(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_all_times_are_below_the_fiftieth_percentile() {
        let times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(51));
        assert_eq!(percentile(&times, 99), Duration::from_millis(100));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
