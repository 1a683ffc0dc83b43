//! The real binary: its exit codes, what it prints and what it writes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs `larder` in `folder` with the arguments that stand in `line`.
fn larder(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.current_dir(folder).args(line.split_whitespace()).env_remove("LARDER_ADMIN");
    command.env("APP_HOST", "secret.internal").env_remove("NOPE").output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Holds `found` against a golden file; with UPDATE_GOLDEN=1 writes it.
fn assert_golden(name: &str, found: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden(name), found).expect("the golden file can be written");
    }
    let wanted = std::fs::read_to_string(golden(name)).unwrap_or_default();
    let pairs = wanted.lines().zip(found.lines());
    let differ = pairs.enumerate().find(|(_, (wanted, found))| wanted != found);
    assert!(wanted == found, "{name} differs, first in {differ:?}; UPDATE_GOLDEN=1 writes it anew");
}

/// An empty folder of this test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

#[test]
fn check_reports_all_mistakes_at_once() {
    let output = larder(&golden(""), "check mistakes.toml");
    assert_eq!(output.status.code(), Some(1));
    assert_golden("mistakes.txt", &text(&output.stdout));
    assert!(!text(&output.stdout).contains("secret.internal"), "values of ${{…}} stay hidden");
}

#[test]
fn check_tells_programs_the_same() {
    let output = larder(&golden(""), "check --json mistakes.toml");
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&report["ok"], &report["file"]), (&false.into(), &"mistakes.toml".into()));
    let first = &report["findings"][0];
    assert_eq!((&first["line"], &first["severity"]), (&2.into(), &"error".into()));
}

#[test]
fn the_schema_is_the_golden_one() {
    let output = larder(&golden(""), "config schema");
    assert_golden("config-schema.json", &text(&output.stdout));
}

#[test]
fn the_printed_example_has_no_mistake() {
    let folder = folder("example");
    let example = larder(&folder, "config default").stdout;
    std::fs::write(folder.join("e.toml"), example).expect("the folder can be written");
    let output = larder(&folder, "check e.toml");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "e.toml: no mistakes, no warnings\n");
}

#[test]
fn init_writes_a_file_once_that_check_likes() {
    let folder = folder("init");
    let first = larder(&folder, "init --origin http://app:3000");
    assert_eq!(first.status.code(), Some(0));
    assert!(text(&first.stdout).contains("larder serve --config larder.toml"));
    assert_eq!(larder(&folder, "check").status.code(), Some(0));
    let second = larder(&folder, "init");
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("already"));
    let written = std::fs::read_to_string(folder.join("larder.toml")).expect("it is there");
    assert!(written.contains("origin = \"http://app:3000\""));
}

#[test]
fn a_file_for_an_app_is_checked_as_that() {
    let folder = folder("app");
    for (file, line, code, words) in [
        ("[[site]]\n", "check --run f.toml", 0, "f.toml: no mistakes"),
        ("[[site]]\n", "check f.toml", 1, "larder check --run"),
        ("[[site]]\norigin = \"http://a\"\n", "check --run f.toml", 1, "nobody would ask the app"),
        ("[[site]]\norigin = \"http://a\"\n", "check f.toml", 0, "f.toml: no mistakes"),
    ] {
        std::fs::write(folder.join("f.toml"), file).expect("the folder can be written");
        let output = larder(&folder, line);
        assert_eq!(output.status.code(), Some(code), "{line}: {file}");
        assert!(text(&output.stdout).contains(words), "{line}: {}", text(&output.stdout));
    }
}

#[test]
fn exit_codes_and_words_tell_wrong_usage_from_failure() {
    let folder = folder("usage");
    for (line, code, words) in [
        ("serve", 2, "larder serve --origin http://127.0.0.1:4321"),
        ("serve --origin localhost:4321", 2, "http://localhost:4321"),
        ("serve --origin ftp://app", 2, "http://"),
        ("serve --origin http://a --listen 9000", 2, "0.0.0.0:9000"),
        ("serve --orgin http://a", 2, "--origin"),
        ("bake", 2, "larder"),
        ("run", 2, "<COMMAND>"),
        ("run --origin http://a -- node", 2, "--origin"),
        ("run --config none.toml -- node", 1, "cannot read none.toml"),
        ("serve --origin http://a --admin 0.0.0.0:9090", 1, "127.0.0.1:9090"),
        ("serve --config none.toml", 1, "cannot read none.toml"),
        ("check", 1, "cannot read larder.toml"),
        ("health --admin http://127.0.0.1:1", 1, "no answer from http://127.0.0.1:1"),
    ] {
        let output = larder(&folder, line);
        assert_eq!(output.status.code(), Some(code), "{line}");
        assert!(text(&output.stderr).contains(words), "{line}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{line}: errors go to standard error");
    }
    let version = larder(&folder, "--version");
    let told = text(&version.stdout);
    assert!(told.starts_with(concat!("larder ", env!("CARGO_PKG_VERSION"), " (commit ")), "{told}");
    assert!(told.contains("; features: "), "{told}");
}

#[test]
fn shells_complete_commands() {
    let folder = folder("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = larder(&folder, &format!("completions {shell}"));
        let said = text(&output.stdout);
        assert!(output.status.success() && said.contains("purge") && said.contains("paced"));
    }
    assert_eq!(larder(&folder, "completions sh").status.code(), Some(2));
}
