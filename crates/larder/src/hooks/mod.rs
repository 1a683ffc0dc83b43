//! Webhooks: a content system says what was published, and what that touches is purged.
//!
//! A delivery that arrived ([`Arrived`]) passes, in this order, the [`verifier`], the memory of
//! [`deliveries`] (has it come before?), the [`plan`] that the hook's templates make of its payload,
//! and the purge log. [`Hooks::receive`](receive) is that path; both listeners take it.

mod deliveries;
mod hook;
mod plan;
mod receive;
mod records;
mod template;
mod trial;
mod verifier;
#[cfg(test)]
mod verifier_tests;

pub use deliveries::Delivery;
pub use hook::{Force, Hook, SiteOfHook};
pub use receive::{Arrived, Hooks, MAX_BODY_BYTES};
pub use template::Template;
pub use trial::trial;
pub use verifier::{Kind, Signed, standard_key_is_whole};
