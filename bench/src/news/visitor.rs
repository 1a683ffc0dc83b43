//! A visitor of a news page: the document, and the pictures of its first items, each on a connection of
//! its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use crate::histogram::Histogram;

/// Pictures that a visitor sees.
pub const SEEN: usize = 12;
const PATIENCE: Duration = Duration::from_secs(20);

/// What visitors got.
pub struct Visits {
    /// How many there were.
    pub count: u64,
    /// How long the document took.
    pub news: Histogram,
    /// How long each picture took.
    pub pictures: Histogram,
    /// Answers other than 200, and none.
    pub failed: u64,
}

impl Visits {
    /// So many visits to a site, one after the other.
    pub fn to(site: SocketAddr, count: u64) -> anyhow::Result<Self> {
        let (news, pictures) = (Histogram::new(), Histogram::new());
        let mut visits = Self { count, news, pictures, failed: 0 };
        for _ in 0..count {
            visits.visit(site)?;
        }
        Ok(visits)
    }

    fn visit(&mut self, site: SocketAddr) -> anyhow::Result<()> {
        let began = Instant::now();
        let answer = get(site, "/api/news.json");
        self.news.record(began.elapsed());
        let Ok((200, body)) = answer else {
            self.failed += 1;
            return Ok(());
        };
        let document: Value = serde_json::from_slice(&body).context("the news are no JSON")?;
        let items = document["data"].as_array().context("the news have no items")?;
        for item in items.iter().take(SEEN) {
            let url = item["enclosure"].as_str().context("an item has no picture")?;
            let (address, path) =
                match url.strip_prefix("http://").and_then(|it| it.split_once('/')) {
                    Some((host, path)) => (host.parse()?, format!("/{path}")),
                    None => (site, url.to_owned()),
                };
            let began = Instant::now();
            let answer = get(address, &path);
            self.pictures.record(began.elapsed());
            self.failed += u64::from(!matches!(answer, Ok((200, _))));
        }
        Ok(())
    }
}

fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("no head")? + 4;
    let status = std::str::from_utf8(bytes.get(9..12).context("no status")?)?.parse()?;
    Ok((status, bytes.split_off(end)))
}
