//! Visits with a real browser.

use super::Larder;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the black-box tests.
pub fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

/// Runs a script of visits in a browser, which has to end well, and gives what it says.
pub fn visit(script: &str, larder: &Larder, more: &[&str]) -> String {
    let mut visit = Command::new("node")
        .arg(script)
        .arg(format!("http://{}", larder.address))
        .args(more)
        .current_dir(tests().join("browser"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is there");
    // It ends by itself, after two minutes at the latest.
    let mut said = String::new();
    visit.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(visit.wait().unwrap().success(), "{said}");
    said
}

/// Opens pages with a browser until the cache has what makes them up.
pub fn fill(larder: &Larder, pages: &[&str]) {
    warm(larder, "fill", pages);
}

/// Opens pages that a cache was filled with, and expects what makes them up to come from there.
pub fn expect_hits(larder: &Larder, pages: &[&str]) {
    warm(larder, "hits", pages);
}

fn warm(larder: &Larder, wanted: &str, pages: &[&str]) {
    let filled = larder.folder().join("filled.json");
    visit("warm.mjs", larder, &[&[wanted, filled.to_str().unwrap()], pages].concat());
}
