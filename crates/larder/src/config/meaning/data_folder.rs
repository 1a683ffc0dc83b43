//! The folder for what outlives the process.

use crate::config::environment::Environment;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where a service of the system keeps its state.
const OF_THE_SYSTEM: &str = "/var/lib/larder";

/// What `--data` says, or `$XDG_STATE_HOME/larder`, or as root `/var/lib/larder`, or
/// `~/.local/state/larder`.
pub fn choose(flag: Option<&Path>, environment: Environment<'_>) -> PathBuf {
    flag.map_or_else(|| default_for(is_root(), environment), Path::to_owned)
}

fn default_for(root: bool, environment: Environment<'_>) -> PathBuf {
    // The XDG specification has relative paths ignored.
    let absolute = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(state) = absolute("XDG_STATE_HOME") {
        return state.join("larder");
    }
    match absolute("HOME").filter(|_| !root) {
        Some(home) => home.join(".local/state/larder"),
        None => OF_THE_SYSTEM.into(),
    }
}

/// Whether this process is root's: the owner of its folder in /proc.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_follows_flag_then_xdg_then_user() {
        for (root, xdg, home, folder) in [
            (false, Some("/s"), Some("/home/a"), "/s/larder"),
            (true, Some("/s"), Some("/root"), "/s/larder"),
            (false, Some("relative"), Some("/home/a"), "/home/a/.local/state/larder"),
            (false, None, Some("/home/a"), "/home/a/.local/state/larder"),
            (true, None, Some("/root"), "/var/lib/larder"),
            (false, None, None, "/var/lib/larder"),
        ] {
            let environment = |name: &str| match name {
                "XDG_STATE_HOME" => xdg.map(str::to_owned),
                _ => home.map(str::to_owned),
            };
            assert_eq!(default_for(root, &environment), Path::new(folder));
            assert_eq!(choose(Some(Path::new("d")), &environment), Path::new("d"));
        }
    }
}
