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

/// `larder explain` shows these words.
#[test]
fn every_reason_says_what_it_means_and_what_to_change() {
    for token in policy::explain::all_told() {
        let about = policy::explain::about(token).expect("it is told of");
        assert!(!about.meaning.is_empty(), "{token}: what does it mean?");
        assert!(
            !about.remedy.is_empty(),
            "{token}: a paragraph \"**To change it:** …\" is missing"
        );
    }
    let told: Vec<&str> = policy::explain::all_told().collect();
    assert!(proxy::metrics::reasons().all(|reason| told.contains(&reason)));
}

/// What people copy from the docs has to be right. Only files that they name may be missing.
#[test]
fn every_configuration_in_the_docs_is_understood() {
    use larder::config::report::Severity;
    use larder::config::{File, Flags, understand};
    for page in [
        "README.md",
        "docs/admin.md",
        "docs/astro.md",
        "docs/nextjs.md",
        "docs/deploy.md",
        "docs/purge.md",
        "docs/isr.md",
    ] {
        let text = read(page);
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let origin = "http://127.0.0.1:4321".parse().ok();
            let origin = origin.filter(|_| !block.contains("[[site]]"));
            let flags = Flags { origin, ..Flags::default() };
            let file = File { name: page, text: block };
            // Secrets are kept there.
            let secret = |_: &str| Some("0123456789abcdef01234567".to_owned());
            let (_, report) = understand(file, &flags, &secret);
            let missing = report.to_string().matches("cannot read").count();
            assert_eq!(report.count(Severity::Error), missing, "{report}");
        }
    }
}
