//! `larder run`: starts an app, watches over it, and serves it through the cache.

use super::Failure;
use super::serve::serve;
use crate::cli::Run;
use crate::supervisor::Launch;

/// What is said where the app's command begins with an empty word, as of a variable that is not set.
const NO_PROGRAM: &str = "the word behind -- is empty, where the app's program has to stand\n\n  \
                          larder run -- node ./dist/server/entry.mjs";

/// Serves as the arguments say until it is told to stop, or the app cannot be kept running.
///
/// # Errors
/// What is wrong with the arguments or the configuration; or how the app ended.
pub fn run(arguments: &Run) -> Result<(), Failure> {
    if arguments.command.first().is_some_and(|program| program.is_empty()) {
        return Err(Failure::Usage("run", NO_PROGRAM.to_owned()));
    }
    let launch = Launch {
        command: arguments.command.clone(),
        port_variable: arguments.port_env.clone(),
        max_crashes: arguments.max_crashes,
        stop_timeout: arguments.stop_timeout.0,
        marks_output: arguments.mark_output,
    };
    serve(arguments.serving.config.as_deref(), &arguments.flags(), Some(launch))
}
