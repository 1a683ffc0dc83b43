//! Pictures: what a URL asks for, in whichever dialect, is made of its source once and kept like any
//! other response.
//!
//! It is no second path of requests. [`asked`] brings a request to the one spelling that all dialects
//! share, which is what is looked up; a miss is a fill like any other, whose [`exchange`] asks the path
//! of requests for the source, has the picture made in the [`workshop`], and answers as an origin would:
//! with a validator, which says whether the source is still the same, and a life that is the source's.

mod allowed;
mod asked;
mod beside;
mod disposition;
mod exchange;
mod folder;
mod gather;
mod held;
mod hosts;
mod moved;
mod on_disk;
mod picture;
mod reading;
mod roots;
mod signed;
mod source;
mod told;
mod variants;
pub mod workshop;

pub use allowed::{authority_and_target, begins_a_source, origin_of};
pub use asked::{Making, as_kept, asked, looked_up, refused, spellings};
pub use beside::beside;
pub use exchange::exchange;
pub use hosts::{Hosts, HostsOnCore};
pub use moved::moved;
pub use picture::{Picture, picture};
pub use roots::{Reach as PathReach, reach as path_reach};
pub use signed::{Signing, SigningKey, WHOLE_BYTES};
pub use told::is_for_one;
pub use variants::Variants;
