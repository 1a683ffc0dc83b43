//! Tells the binary what it was built from: `larder --version` says it.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks")]

use std::path::Path;
use std::process::Command;

fn main() {
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let features = match std::env::var_os("CARGO_FEATURE_TURNED_CLOCK") {
        Some(_) => "turned-clock",
        None => "none",
    };
    let commit = commit().unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=LARDER_VERSION={version} (commit {commit}; features: {features})");
    println!("cargo:rerun-if-env-changed=LARDER_COMMIT");
    for file in ["../../.git/HEAD", "../../.git/refs/heads"] {
        // A file that is not there would have it run each time.
        if Path::new(file).exists() {
            println!("cargo:rerun-if-changed={file}");
        }
    }
}

/// `LARDER_COMMIT` where it is set, as for a build from an archive; else what git says.
fn commit() -> Option<String> {
    if let Ok(commit) = std::env::var("LARDER_COMMIT") {
        return Some(commit);
    }
    let told = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(told.stdout).ok()?;
    told.status.success().then(|| commit.trim().to_owned())
}
