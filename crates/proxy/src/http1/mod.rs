//! HTTP/1.1 and 1.0 toward clients: grammar only, no I/O.

pub mod chunked;
pub mod head;
pub mod status;
