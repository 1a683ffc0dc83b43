//! Toward origins: names, turns, connections, one exchange.

mod body;
mod connect;
mod exchange;
mod gate;
mod pool;
pub mod request;
mod resolve;

pub use body::{RequestBody, ResponseBody, ResponsePiece, Upload};
pub use exchange::{Early, Response, Upstream, UpstreamShared};
