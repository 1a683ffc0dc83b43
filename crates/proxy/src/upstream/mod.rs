//! Toward origins: names, turns, connections, one exchange.

mod body;
mod checks;
mod connect;
mod endpoint;
mod exchange;
mod gate;
mod health;
mod link;
mod long;
mod pool;
mod reach;
pub mod request;
mod resolve;
mod retries;
mod upgrade;
mod wire;

pub use body::{NextPiece, Pieces, RequestBody, ResponseBody, ResponsePiece, Upload};
pub use checks::watch;
pub use endpoint::Either;
pub use exchange::{Early, Response, Upstream, UpstreamShared};
pub use long::LongStreams;
pub use reach::{Begun, Open, Reach};
pub use upgrade::Tunnel;
