//! Entries: what an app keeps through Larder by names of its own, beside the responses of its site.
//!
//! They are no responses: no request of a client finds one, and no response is ever one. Their keys
//! are of a kind of their own ([`EntryName::key`]), under the host of their site and a path that no
//! page has, so that purges by site, host, prefix and tag cover them like pages.

mod found;
mod name;
mod offer;

pub use found::{Found, found};
pub use name::{EntryName, MAX_NAME_BYTES, ROOT, WhyNoName, root_of};
pub use offer::{Offer, WhyNoEntry, offered};
