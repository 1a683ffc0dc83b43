//! What purges need beside the log: scopes as the sites key them, what they would cover, and
//! verifying that something new came.

mod covered;
mod keyed;
mod turns;
mod watched;

pub use covered::covered;
pub use keyed::{keyed, site_called};
pub use turns::{MAX_TURNS, Turns};
pub use watched::{NotWatched, Verifying, Watched};
