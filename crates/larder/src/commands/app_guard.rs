//! `larder app-guard`: a process that watches over an app, begun by `larder run`.

use super::Failure;
use crate::cli::AppGuard;
use crate::supervisor::guard;

/// Watches until the app and all that it began have ended.
///
/// # Errors
/// When the process may not be what it has to be.
pub fn run(arguments: &AppGuard) -> Result<(), Failure> {
    Ok(guard::run(&arguments.command)?)
}
