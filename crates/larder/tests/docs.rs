//! The docs name what the code has.

use std::path::Path;

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).expect("the file is part of the repository")
}

#[test]
fn every_reason_is_explained_once_and_no_other() {
    let page = read("docs/not-cached.md");
    let mut explained: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut reasons: Vec<&str> = proxy::metrics::reasons().collect();
    explained.sort_unstable();
    reasons.sort_unstable();
    assert_eq!(explained, reasons);
}
