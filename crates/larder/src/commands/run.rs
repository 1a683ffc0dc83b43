//! `larder run`: starts an app, watches over it, and serves it through the cache.

use super::Failure;
use super::serve::serve;
use crate::cli::Run;
use crate::supervisor::Launch;

/// Serves as the arguments say until it is told to stop, or the app cannot be kept running.
///
/// # Errors
/// What is wrong with the arguments or the configuration; or how the app ended.
pub fn run(arguments: &Run) -> Result<(), Failure> {
    let launch = Launch {
        command: arguments.command.clone(),
        port_variable: arguments.port_env.clone(),
        max_crashes: arguments.max_crashes,
        stop_timeout: arguments.stop_timeout.0,
        marks_output: arguments.mark_output,
    };
    serve(arguments.serving.config.as_deref(), &arguments.flags(), Some(launch))
}
