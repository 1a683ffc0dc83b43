//! Honest clients: HTTP/1.1 with and without TLS, HTTP/2, and WebSocket; every answer is checked.

mod coding;
mod http;
mod question;
mod websocket;

use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::crowd::{Crowd, Visit};
use super::larder::MEMORY_MIB;
use super::target::Target;
use crate::rng::Rng;
use question::Question;

/// How long the texts are that fill the cache.
const FILLING_BYTES: usize = 1 << 20;

/// Lets all of them loose.
pub fn let_loose(crowd: &mut Crowd) {
    crowd.honest("HTTP/1.1", 4, http::plain);
    crowd.honest("HTTP/1.1 over TLS", 4, http::tls);
    crowd.honest("HTTP/2 over TLS", 4, http::http2);
    crowd.honest("WebSocket over TLS", 4, websocket::tls);
}

/// Asks for more than can be stored, so that memory does not grow later for want of answers.
pub fn fill_cache(target: Arc<Target>) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let visit = Visit { target, rng: Rng::new(0) };
    let path = || visit.new_path(&format!("/text/{FILLING_BYTES}"));
    let questions: Vec<_> = (0..MEMORY_MIB * 2).map(|_| Question::whole(path())).collect();
    LocalSet::new().block_on(&runtime, http::ask_one_by_one(&visit, &questions))?;
    Ok(())
}
