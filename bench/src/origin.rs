//! The origin that the peers stand in front of: answers of any size, storable or not, at once or
//! after a while, and a count of the requests that got through to it.
//!
//! `/size/N/…` answers N bytes, fresh for an hour, with a strong ETag; `/nostore/N/…` the same
//! with `no-store`; `/slow/MS/N/…` and `/slownostore/MS/N/…` wait MS milliseconds first;
//! `/text/N/…` answers N bytes of text that say their path over and over, so that the answer to
//! another one shows; `/tagged/N/TAG` the same with that `Cache-Tag`;
//! `/count?path=P` says how many requests had a path that begins with P.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::cli::ServeArgs;
use crate::serve::{self, Handler, Reply, Request};

const MAX_BODY_BYTES: usize = 64 << 20;
const MAX_DELAY: Duration = Duration::from_secs(10);
/// Past it, requests for further paths are not counted: nobody asks the bench for so many.
const MAX_COUNTED_PATHS: usize = 1_000_000;

/// `bench origin`.
pub fn command(args: &ServeArgs) -> anyhow::Result<()> {
    serve::serve(args.listen, Origin::new())
}

/// What a path of the origin asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    size: usize,
    delay: Duration,
    stored: bool,
}

impl Wanted {
    fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let (slow, stored) = match parts.next()? {
            "size" => (false, true),
            "nostore" => (false, false),
            "slow" => (true, true),
            "slownostore" => (true, false),
            _ => return None,
        };
        let millis = if slow { parts.next()?.parse().ok()? } else { 0 };
        let delay = Duration::from_millis(millis);
        let size = parts.next()?.parse().ok()?;
        (size <= MAX_BODY_BYTES && delay <= MAX_DELAY).then_some(Self { size, delay, stored })
    }

    fn head(self, date: SystemTime) -> String {
        let Self { size, stored, .. } = self;
        let control = if stored { "max-age=3600" } else { "no-store" };
        let date = httpdate::fmt_http_date(date);
        format!(
            "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/octet-stream\r\n\
             Cache-Control: {control}\r\nETag: {etag}\r\nContent-Length: {size}\r\n\r\n",
            etag = etag(size),
        )
    }
}

/// The entity tag of every URL of this size: a strong one that never changes.
pub fn etag(size: usize) -> String {
    format!("\"s{size}\"")
}

struct Origin {
    /// What was answered lately, by what was wanted; built anew when the clock's second changes,
    /// for the sake of Date.
    replies: HashMap<Wanted, (u64, Reply)>,
    counts: HashMap<Box<str>, u64>,
}

impl Origin {
    fn new() -> Self {
        Self { replies: HashMap::new(), counts: HashMap::new() }
    }

    fn count(&mut self, path: &str) {
        if let Some(count) = self.counts.get_mut(path) {
            *count += 1;
        } else if self.counts.len() < MAX_COUNTED_PATHS {
            self.counts.insert(path.into(), 1);
        }
    }

    fn counted(&self, prefix: &str) -> u64 {
        let fits = self.counts.iter().filter(|(path, _)| path.starts_with(prefix));
        fits.map(|(_, count)| count).sum()
    }

    fn reply(&mut self, wanted: Wanted) -> Reply {
        let now = SystemTime::now();
        let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let (written, reply) =
            self.replies.entry(wanted).or_insert_with(|| (0, Reply::bare(Rc::from([]))));
        if *written != second {
            let same_body = reply.body.len() == wanted.size;
            let body = if same_body { reply.body.clone() } else { vec![b'x'; wanted.size].into() };
            let head = wanted.head(now).into_bytes().into();
            *reply = Reply { head, body, delay: wanted.delay, closes: false };
            *written = second;
        }
        reply.clone()
    }
}

impl Handler for Origin {
    fn answer(&mut self, request: &Request<'_>) -> Reply {
        if let Some(prefix) = request.target.strip_prefix("/count?path=") {
            return plain("200 OK", &self.counted(prefix).to_string());
        }
        if let Some(size) = text_size(request.target) {
            self.count(request.target);
            return text_reply(request.target, size);
        }
        let Some(wanted) = Wanted::parse(request.target) else {
            return plain("404 Not Found", "no such path; see bench/src/origin.rs");
        };
        self.count(request.target);
        self.reply(wanted)
    }
}

/// How long the text is that a path of `/text/` or `/tagged/` asks for.
pub fn text_size(path: &str) -> Option<usize> {
    let rest = path.strip_prefix("/text/").or_else(|| path.strip_prefix("/tagged/"))?;
    let size = rest.split('/').next()?.parse().ok()?;
    (size <= MAX_BODY_BYTES).then_some(size)
}

/// The text of a path: what its answer has as its body.
pub fn text(path: &str, size: usize) -> Vec<u8> {
    let line = format!("This is the text of {path}.\n");
    line.into_bytes().into_iter().cycle().take(size).collect()
}

fn text_reply(path: &str, size: usize) -> Reply {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let tag = path.strip_prefix("/tagged/").and_then(|rest| rest.split('/').nth(1));
    let tag = tag.map_or(String::new(), |tag| format!("Cache-Tag: {tag}\r\n"));
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: text/plain\r\n{tag}\
         Cache-Control: max-age=3600\r\nETag: {}\r\nContent-Length: {size}\r\n\r\n",
        etag(size)
    );
    Reply { body: text(path, size).into(), ..Reply::bare(head.into_bytes().into()) }
}

fn plain(status: &str, body: &str) -> Reply {
    let length = body.len();
    let whole = format!(
        "HTTP/1.1 {status}\r\nCache-Control: no-store\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    Reply { closes: true, ..Reply::bare(whole.into_bytes().into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_wanted() {
        let wanted = |size, millis, stored| {
            Some(Wanted { size, delay: Duration::from_millis(millis), stored })
        };
        for (path, meaning) in [
            ("/size/1024/7", wanted(1024, 0, true)),
            ("/nostore/0/x/y", wanted(0, 0, false)),
            ("/slow/500/16/x", wanted(16, 500, true)),
            ("/slownostore/500/16", wanted(16, 500, false)),
            ("/size/x", None),
            ("/size/999999999999", None),
            ("/slow/99999/1/x", None),
            ("/", None),
        ] {
            assert_eq!(Wanted::parse(path), meaning, "{path}");
        }
    }

    #[test]
    fn texts_say_their_path() {
        assert_eq!(text_size("/text/30/a"), Some(30));
        assert_eq!(text_size("/size/30/a"), None);
        assert_eq!(text("/t", 26), b"This is the text of /t.\nTh");
    }

    #[test]
    fn requests_are_counted_by_prefix() {
        let mut origin = Origin::new();
        ["/a/1", "/a/1", "/a/2", "/b"].iter().for_each(|path| origin.count(path));
        assert_eq!(origin.counted("/a/"), 3);
        assert_eq!(origin.counted("/a/1"), 2);
        assert_eq!(origin.counted("/c"), 0);
    }

    #[test]
    fn the_body_is_as_long_as_announced() {
        let wanted = Wanted { size: 10, delay: Duration::ZERO, stored: true };
        let reply = Origin::new().reply(wanted);
        let head = String::from_utf8(reply.head.to_vec()).expect("heads are text");
        assert!(head.contains("\r\nETag: \"s10\"\r\nContent-Length: 10\r\n\r\n"), "{head}");
        assert_eq!(reply.body.len(), 10);
    }
}
