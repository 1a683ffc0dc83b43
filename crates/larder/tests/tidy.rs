//! House rules that no compiler knows, held against the sources of all crates.
//!
//! What was there before a rule stands in a table with its measure; tables may only shrink.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest function outside tests, in lines.
const MAX_FUNCTION_LINES: usize = 70;
/// The longest file less its tests, in lines.
const MAX_FILE_LINES: usize = 500;
/// The shortest text of an `expect` that can say why it holds.
const MIN_EXPECT_CHARS: usize = 12;

/// Functions that are longer, and how long they may be: `("crates/x/src/y.rs", "name", lines)`.
const LONG_FUNCTIONS: [(&str, &str, usize); 0] = [];
/// Files that are longer, and how long they may be.
const LONG_FILES: [(&str, usize); 0] = [];

/// The crates and which others each may use: arrows run one way.
const ARROWS: [(&str, &[&str]); 6] = [
    ("policy", &[]),
    ("imaging", &[]),
    ("store", &["policy"]),
    ("proxy", &["store", "policy", "imaging"]),
    ("mirror", &["proxy", "store", "policy", "imaging"]),
    ("larder", &["mirror", "proxy", "store", "policy", "imaging"]),
];
/// What crates without sockets and without a runtime must not use.
const RUNTIMES: [&str; 4] = ["tokio", "hyper", "hyper-util", "axum"];

/// One source file.
struct Source {
    /// Its path from the root of the repository.
    path: String,
    /// Its lines.
    lines: Vec<String>,
    /// How many of them come before its tests.
    code: usize,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All Rust sources of the crates, tests included.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root(), "crates", &mut sources);
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

fn collect(root: &Path, folder: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder of the repository") {
        let entry = entry.expect("a readable folder");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(root, &path, sources);
        } else if path.ends_with(".rs") {
            sources.push(read(root, path));
        }
    }
}

fn read(root: &Path, path: String) -> Source {
    let text = fs::read_to_string(root.join(&path)).expect("a source file in UTF-8");
    let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let code = if is_all_tests(&path) { 0 } else { lines_of_code(&lines) };
    Source { path, lines, code }
}

fn is_all_tests(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}

/// Tests stand at the foot: the code ends where the module of tests begins.
fn lines_of_code(lines: &[String]) -> usize {
    let opens_tests = |pair: &[String]| pair[0] == "#[cfg(test)]" && opens_module(&pair[1]);
    lines.windows(2).position(opens_tests).unwrap_or(lines.len())
}

fn opens_module(line: &str) -> bool {
    line.contains("mod ") && line.ends_with('{')
}

/// The code of a line: without what stands behind `//`, and nothing of a comment line. Strings
/// that hold `//` are cut short, which no rule here minds.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Fails with all offences at once.
fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// The lines of code, each with its place, for which `offends` says so.
fn offending(sources: &[Source], offends: impl Fn(&Source, usize) -> bool) -> Vec<String> {
    let mut offences = Vec::new();
    for source in sources {
        let found = (0..source.code).filter(|&i| offends(source, i));
        offences.extend(found.map(|i| format!("{}:{}: {}", source.path, i + 1, source.lines[i])));
    }
    offences
}

#[test]
fn each_file_opens_by_saying_what_it_is_for() {
    let silent = |source: &Source| !source.lines.first().is_some_and(|l| l.starts_with("//! "));
    let found: Vec<_> = sources().into_iter().filter(silent).map(|s| s.path).collect();
    assert_none("a file begins with //! and what it is responsible for", &found);
}

#[test]
fn no_arrow_points_up() {
    let mut offences = Vec::new();
    for (name, allowed) in ARROWS {
        let used = dependencies(name);
        let ours = ARROWS.iter().map(|(name, _)| *name).filter(|other| *other != name);
        let up =
            ours.filter(|other| used.contains(&(*other).to_owned()) && !allowed.contains(other));
        offences.extend(up.map(|other| format!("{name} uses {other}")));
        if matches!(name, "policy" | "imaging" | "store") {
            let runtimes = RUNTIMES.iter().filter(|runtime| used.contains(&(**runtime).to_owned()));
            offences.extend(runtimes.map(|runtime| format!("{name} uses {runtime}")));
        }
    }
    assert_none(
        "arrows run larder → mirror → proxy → store → policy, and proxy → imaging",
        &offences,
    );
}

#[test]
fn every_crate_has_its_place_in_the_order() {
    for entry in fs::read_dir(root().join("crates")).expect("the folder of the crates") {
        let name = entry.expect("a readable folder").file_name().to_string_lossy().into_owned();
        assert!(ARROWS.iter().any(|(known, _)| *known == name), "{name} has no place in ARROWS");
    }
}

#[test]
fn what_is_pure_reads_no_clock_and_opens_nothing() {
    // Whole crates are guarded by a clippy.toml of their own; these are halves of one.
    let pure = ["crates/mirror/src/plan/", "crates/mirror/src/schedule/"];
    let words = [
        "::now(",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::sync",
        "tokio",
        "async ",
    ];
    let found = offending(&sources(), |source, i| {
        let line = code_of(&source.lines[i]);
        pure.iter().any(|folder| source.path.starts_with(folder))
            && words.iter().any(|word| line.contains(word))
    });
    assert_none("plans and schedules are pure: the time is an argument", &found);
}

/// What a crate depends on outside tests.
fn dependencies(name: &str) -> Vec<String> {
    let path = root().join("crates").join(name).join("Cargo.toml");
    let text = fs::read_to_string(&path).expect("each crate has its Cargo.toml");
    let manifest: toml::Table = text.parse().expect("Cargo.toml is TOML");
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.into_iter().flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn functions_fit_on_a_screen() {
    let mut offences = Vec::new();
    let mut met: Vec<(&str, &str)> = Vec::new();
    for source in sources() {
        for (name, lines) in functions(&source) {
            let known = LONG_FUNCTIONS.iter().find(|(p, n, _)| *p == source.path && *n == name);
            let allowed = known.map_or(MAX_FUNCTION_LINES, |(_, _, lines)| *lines);
            met.extend(known.filter(|_| lines > MAX_FUNCTION_LINES).map(|(p, n, _)| (*p, *n)));
            if lines > allowed {
                offences.push(format!("{}: {name} has {lines} lines", source.path));
            }
        }
    }
    let gone = LONG_FUNCTIONS.iter().filter(|(p, n, _)| !met.contains(&(*p, *n)));
    offences.extend(gone.map(|(p, n, _)| format!("{p}: {n} is short now: take it off the table")));
    assert_none(&format!("a function has at most {MAX_FUNCTION_LINES} lines"), &offences);
}

/// The functions of a file outside its tests, and their lengths. rustfmt puts the closing brace
/// below the first letter of the line that opens the function.
fn functions(source: &Source) -> Vec<(String, usize)> {
    let mut functions = Vec::new();
    for (i, line) in source.lines[..source.code].iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let (brace, end) = (format!("{indent}}}"), format!("{indent}}};"));
        let is_end = |later: &String| *later == brace || *later == end;
        let below = source.lines[i + 1..source.code].iter();
        let on_one_line = line.ends_with('}') || line.ends_with(';');
        if let Some(length) = below.clone().position(is_end).filter(|_| !on_one_line) {
            functions.push((name, length + 2));
        }
    }
    functions
}

fn function_name(line: &str) -> Option<String> {
    let (before, behind) = code_of(line).split_once("fn ")?;
    let qualifies = |word: &str| {
        word.starts_with("pub")
            || word.starts_with("in ")
            || word.ends_with(')')
            || matches!(word, "async" | "const" | "unsafe" | "extern" | "\"C\"" | "default")
    };
    if !before.split_whitespace().all(qualifies) {
        return None;
    }
    let name = behind.split(['(', '<']).next().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}

#[test]
fn files_are_short() {
    let mut offences = Vec::new();
    for source in sources() {
        let known = LONG_FILES.iter().find(|(path, _)| *path == source.path);
        let allowed = known.map_or(MAX_FILE_LINES, |(_, lines)| *lines);
        if source.code > allowed {
            offences.push(format!("{}: {} lines of code", source.path, source.code));
        } else if known.is_some() && source.code <= MAX_FILE_LINES {
            offences.push(format!("{} is short now: take it off the table", source.path));
        }
    }
    assert_none(&format!("a file has at most {MAX_FILE_LINES} lines of code"), &offences);
}

#[test]
fn nothing_is_unwrapped_without_a_reason() {
    let sources = sources();
    let unwraps = offending(&sources, |source, i| {
        let line = code_of(&source.lines[i]);
        line.contains(".unwrap()") || line.contains(".unwrap_err()")
    });
    assert_none("unwrap has no place for its reason: use expect, or handle it", &unwraps);
    let terse = offending(&sources, |source, i| {
        let line = &source.lines[i];
        let text = line.split_once(".expect(\"").and_then(|(_, behind)| behind.split('"').next());
        text.is_some_and(|text| text.chars().count() < MIN_EXPECT_CHARS)
    });
    assert_none("the text of an expect says why it holds", &terse);
}

#[test]
fn nothing_is_left_to_do_or_printed_for_a_look() {
    // Written in two parts, so that this file does not offend.
    let words =
        [["todo", "!("], ["dbg", "!("], ["unimplemented", "!("]].map(|parts| parts.concat());
    let found = offending(&sources(), |source, i| {
        words.iter().any(|word| code_of(&source.lines[i]).contains(word.as_str()))
    });
    assert_none("no todo, dbg or unimplemented is left", &found);
}

#[test]
fn white_space_is_clean() {
    let mut offences = Vec::new();
    for source in sources() {
        let untidy = |line: &String| line.contains('\t') || line.trim_end() != line;
        if let Some(at) = source.lines.iter().position(untidy) {
            offences.push(format!("{}:{}: a tab or a space at the end", source.path, at + 1));
        }
        let ends = source.lines.len() >= 2
            && source.lines[source.lines.len() - 1].is_empty()
            && !source.lines[source.lines.len() - 2].is_empty();
        if !ends {
            offences.push(format!("{}: ends with other than one line feed", source.path));
        }
    }
    assert_none("no tabs, no spaces at the end of a line, one line feed at the end", &offences);
}

#[test]
fn functions_are_measured_as_people_count() {
    let text = "fn one() {}\n\nimpl A {\n    pub(crate) async fn two(\n        a: u8,\n    ) {\n        \
                a;\n    }\n}\ntrait B {\n    fn three();\n}\nlet f = fn_of(1);\n";
    let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let source = Source { path: String::new(), code: lines.len(), lines };
    assert_eq!(functions(&source), [("two".to_owned(), 5)]);
}
