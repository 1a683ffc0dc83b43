//! The bare epoll loop: the floor that a server can reach.
//!
//! It answers `/size/N/…` from memory after one map lookup by URL: no rules, no clock, no log. An
//! answer is one prepared block, written by one call. With `--relay` it is the floor of a proxy
//! instead (see `relay`).

use std::collections::HashMap;
use std::rc::Rc;

use memchr::memmem;

use crate::cli::BareArgs;
use crate::origin::etag;
use crate::relay;
use crate::serve::{self, Handler, Reply, Request};

const MAX_URLS: usize = 100_000;
const MAX_BODY_BYTES: usize = 64 << 20;

/// `bench bare`.
pub fn command(args: &BareArgs) -> anyhow::Result<()> {
    match args.relay {
        Some(origin) => relay::serve(args.listen, origin),
        None => serve::serve(args.listen, Bare::new()),
    }
}

struct Bare {
    /// Each URL with the whole answer to it.
    by_url: HashMap<Box<str>, Rc<[u8]>>,
    not_modified: Rc<[u8]>,
}

impl Bare {
    fn new() -> Self {
        let not_modified = b"HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=3600\r\n\r\n";
        Self { by_url: HashMap::new(), not_modified: Rc::from(&not_modified[..]) }
    }

    /// The warm-up: the first request for a URL makes its answer.
    fn fill(&mut self, url: &str) -> Reply {
        let Some(whole) = size_of(url).filter(|_| self.by_url.len() < MAX_URLS).map(whole) else {
            let head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            return Reply::bare(Rc::from(&head[..]));
        };
        self.by_url.insert(url.into(), whole.clone());
        Reply::bare(whole)
    }
}

impl Handler for Bare {
    fn answer(&mut self, request: &Request<'_>) -> Reply {
        let Some(whole) = self.by_url.get(request.target) else { return self.fill(request.target) };
        if memmem::find(request.head, b"\r\nIf-None-Match:").is_some() {
            return Reply::bare(self.not_modified.clone());
        }
        Reply::bare(whole.clone())
    }
}

fn size_of(url: &str) -> Option<usize> {
    let size = url.strip_prefix("/size/")?.split('/').next()?.parse().ok()?;
    (size <= MAX_BODY_BYTES).then_some(size)
}

fn whole(size: usize) -> Rc<[u8]> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
         Cache-Control: max-age=3600\r\nETag: {}\r\nContent-Length: {size}\r\n\r\n",
        etag(size),
    )
    .into_bytes();
    bytes.resize(bytes.len() + size, b'x');
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bare: &mut Bare, target: &str, head: &[u8]) -> Vec<u8> {
        bare.answer(&Request { target, head }).head.to_vec()
    }

    #[test]
    fn a_url_is_answered_alike_first_and_later() {
        let mut bare = Bare::new();
        let first = answer(&mut bare, "/size/5/a", b"");
        assert!(first.ends_with(b"Content-Length: 5\r\n\r\nxxxxx"));
        assert_eq!(answer(&mut bare, "/size/5/a", b""), first);
    }

    #[test]
    fn a_conditional_request_for_a_known_url_is_not_modified() {
        let mut bare = Bare::new();
        let head = b"GET /size/5/a HTTP/1.1\r\nIf-None-Match: \"s5\"\r\n\r\n";
        answer(&mut bare, "/size/5/a", head);
        assert!(answer(&mut bare, "/size/5/a", head).starts_with(b"HTTP/1.1 304"));
    }

    #[test]
    fn other_paths_are_not_found() {
        assert!(answer(&mut Bare::new(), "/x", b"").starts_with(b"HTTP/1.1 404"));
    }
}
