//! Chooses URLs and writes requests for them.

use super::{Order, Plan, Until};
use crate::pattern::UrlPattern;
use crate::rng::Rng;

/// Asks for each URL of a plan in its turn.
pub struct Asker {
    pattern: UrlPattern,
    rng: Option<Rng>,
    asked: u64,
    limit: u64,
    /// What follows the path in HTTP/1.1: version, host, the extra header, the empty line.
    tail: String,
}

impl Asker {
    /// Stands before the first URL.
    pub fn new(plan: &Plan) -> Self {
        let extra = plan.header.as_ref().map_or(String::new(), |line| format!("{line}\r\n"));
        Self {
            pattern: plan.pattern.clone(),
            rng: match plan.order {
                Order::Sequential => None,
                Order::Random(seed) => Some(Rng::new(seed)),
            },
            asked: 0,
            limit: match plan.until {
                Until::Elapsed(_) => u64::MAX,
                Until::Requests(wanted) => wanted,
            },
            tail: format!(" HTTP/1.1\r\nHost: {}\r\n{extra}\r\n", plan.server),
        }
    }

    /// Which URL comes next; `None` when all were asked for.
    pub fn next_index(&mut self) -> Option<u64> {
        if self.is_done() {
            return None;
        }
        let index = match &mut self.rng {
            Some(rng) => rng.below(self.pattern.len()),
            None => self.asked % self.pattern.len(),
        };
        self.asked += 1;
        Some(index)
    }

    /// Whether all were asked for.
    pub fn is_done(&self) -> bool {
        self.asked == self.limit
    }

    /// Appends the request for this URL as HTTP/1.1 has it.
    pub fn write(&self, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET ");
        self.pattern.write(index, out);
        out.extend_from_slice(self.tail.as_bytes());
    }

    /// Appends the path alone.
    pub fn write_path(&self, index: u64, out: &mut Vec<u8>) {
        self.pattern.write(index, out);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn sequential_requests_ask_for_each_url_once() {
        let plan = Plan {
            server: SocketAddr::from(([127, 0, 0, 1], 80)),
            connections: 1,
            until: Until::Requests(3),
            pattern: "/k/{0..3}".parse().expect("a good pattern"),
            order: Order::Sequential,
            header: Some("If-None-Match: \"x\"".into()),
            status: 304,
            tls: None,
        };
        let mut asker = Asker::new(&plan);
        let indices: Vec<u64> = std::iter::from_fn(|| asker.next_index()).collect();
        assert_eq!(indices, [0, 1, 2]);
        let mut out = Vec::new();
        asker.write(2, &mut out);
        let wanted = b"GET /k/2 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nIf-None-Match: \"x\"\r\n\r\n";
        assert_eq!(out, wanted);
    }
}
