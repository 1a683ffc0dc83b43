//! `larder config`: what can be configured.

use super::{Failure, say};
use crate::config::{example, settings};

/// Prints every setting with its default and its reason.
pub fn print_example() -> Result<(), Failure> {
    say(&example::text())
}

/// Prints the JSON Schema of the configuration.
pub fn print_schema() -> Result<(), Failure> {
    say(&format!("{:#}\n", settings::schema()))
}
