//! The floor: this program's own epoll loop, as a server or as a relay.

use std::path::Path;
use std::process::Command;

use super::Site;

/// Gives the command; there is nothing to configure.
pub fn command(program: &Path, site: &Site) -> Command {
    let mut command = Command::new(program);
    command.args(["bare", "--listen", &site.listen.to_string()]);
    if site.setup.reaches_origin {
        command.args(["--relay", &site.origin.to_string()]);
    }
    command
}
