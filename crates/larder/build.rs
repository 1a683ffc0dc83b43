//! Tells the binary what it was built from (`larder --version` says it), and the linker to pack what is
//! put right at its start.

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
    if is_unpacked_by_libc() {
        // Places that are put right when it starts, as a few kilobytes of bits in the place of 24 bytes each:
        // each process reads 0.7 MB less.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    println!("cargo:rerun-if-env-changed=LARDER_COMMIT");
    for file in ["../../.git/HEAD", "../../.git/refs/heads"] {
        // A file that is not there would have it run each time.
        if Path::new(file).exists() {
            println!("cargo:rerun-if-changed={file}");
        }
    }
}

/// Whether the C library that the binary runs with, or has in it, is glibc and new enough (2.36) for
/// packed relocations. It is taken to be that of this machine.
fn is_unpacked_by_libc() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|is| is == value);
    if !is("CARGO_CFG_TARGET_ENV", "gnu") || std::env::var("HOST") != std::env::var("TARGET") {
        return false;
    }
    let Ok(told) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else { return false };
    let text = String::from_utf8_lossy(&told.stdout);
    let version = text.trim().strip_prefix("glibc ").and_then(|version| version.split_once('.'));
    let number = |text: &str| text.split('.').next().and_then(|text| text.parse::<u32>().ok());
    let version = version.and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
    version.is_some_and(|version| version >= (2, 36))
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
