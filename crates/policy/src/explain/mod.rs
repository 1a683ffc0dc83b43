//! Why: what decided on a request and on a response, for people who ask.
//!
//! Nothing is decided here. Each answer comes of the very function that decides on the data path
//! ([`crate::route`], [`crate::reuse`], [`crate::admission`] and what they ask), asked once more and
//! told in words: [`Way`] is what the request says, [`Said`] what a response says, [`Outcome`] what
//! would happen, and [`about`] what a reason means and what to change.

mod book;
mod headers;
mod outcome;
mod rules;
mod said;
mod way;

#[cfg(test)]
mod cases_tests;

pub use book::{About, about, all_told};
pub use headers::{Header, Role, of_request, of_response};
pub use outcome::{Facts, Outcome};
pub use rules::{RulePlace, matches, place, sets};
pub use said::{Said, Source};
pub use way::{CookieRole, Dropped, KeyTold, Way};
