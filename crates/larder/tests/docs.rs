//! The docs name what the code has.

use std::path::Path;
use std::process::Command;

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
        "docs/run.md",
        "docs/purge.md",
        "docs/isr.md",
        "docs/hooks.md",
        "docs/imgproxy.md",
        "docs/cloudflare-images.md",
        "docs/thumbor.md",
        "docs/feeds.md",
        "docs/news-page.md",
    ] {
        let text = read(page);
        for block in blocks(&text, "toml") {
            let origin = "http://127.0.0.1:4321".parse().ok();
            let origin = origin.filter(|_| !block.contains("[[site]]"));
            // The app of `larder run` is the origin of sites that name none.
            let app = "http://127.0.0.1:4321".parse().ok();
            let app = app.filter(|_| ["docs/run.md", "docs/news-page.md"].contains(&page));
            let flags = Flags { origin, app, ..Flags::default() };
            let file = File { name: page, text: block };
            // Secrets are kept there.
            let secret = |_: &str| Some("0123456789abcdef01234567".to_owned());
            let (_, report) = understand(file, &flags, &secret);
            let missing = report.to_string().matches("cannot read").count();
            assert_eq!(report.count(Severity::Error), missing, "{report}");
        }
    }
}

/// What stands in the blocks of a page that are of that language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let parts = page.split("```").skip(1).step_by(2);
    parts.filter_map(|part| part.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// Each page on a system has a hook, a payload, and what that would purge.
#[test]
fn what_the_pages_on_webhooks_show_is_what_larder_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hooks");
    let scratch =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hooks-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).expect("a folder");
    let overview = read("docs/hooks.md");
    let mut seen = 0;
    for page in std::fs::read_dir(folder).expect("the folder of pages") {
        let name = page.expect("a page").file_name().into_string().expect("a name");
        assert!(
            overview.contains(&format!("(hooks/{name})")),
            "docs/hooks.md does not name {name}"
        );
        let text = read(&format!("docs/hooks/{name}"));
        let [toml] = blocks(&text, "toml")[..] else { panic!("{name}: one configuration") };
        let [payload] = blocks(&text, "json")[..] else { panic!("{name}: one payload") };
        let [shown] = blocks(&text, "text")[..] else { panic!("{name}: one command") };
        let (line, expected) = shown.split_once('\n').expect("a command and what it says");
        std::fs::write(scratch.join("larder.toml"), toml).expect("it can be written");
        std::fs::write(scratch.join("payload.json"), payload).expect("it can be written");
        let mut words = line.strip_prefix("$ larder ").expect("a command of larder").split(' ');
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(&mut words).args(["--config", "larder.toml"]).current_dir(&scratch);
        for secret in toml.split("${").skip(1).filter_map(|rest| rest.split('}').next()) {
            command.env(secret, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        }
        let output = command.output().expect("the binary can be started");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, expected, "{name}: {}", String::from_utf8_lossy(&output.stderr));
        seen += 1;
    }
    assert!(seen >= 10);
    std::fs::remove_dir_all(&scratch).expect("it was made here");
}
