//! The npm packages, on each Node that they are for, against a real Larder.

use crate::support::browser::tests;
use crate::support::content::SECRET;
use crate::support::{Larder, Origin, Reply};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The packages, in the folder of that name.
const PACKAGES: [&str; 3] = ["client", "astro", "next"];
/// Those of them that the packages are for.
const NODES: [&str; 2] = ["node20", "node24"];

fn folder() -> PathBuf {
    let folder = tests().join("../packages");
    assert!(folder.join("node_modules").exists(), "run scripts/setup test");
    folder
}

/// Runs a program in the folder of the packages; gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.current_dir(folder()).stdin(Stdio::null()).output().expect("it starts");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    said
}

/// Those Nodes that this machine has: they come with the packages on x86_64 Linux; elsewhere the one
/// on the path has to do.
fn nodes() -> Vec<PathBuf> {
    let own = NODES.map(|node| folder().join("node_modules").join(node).join("bin/node"));
    let own: Vec<PathBuf> = own.into_iter().filter(|node| node.exists()).collect();
    if own.is_empty() { vec![PathBuf::from("node")] } else { own }
}

#[test]
fn each_package_does_what_it_says_on_each_node() {
    for node in nodes() {
        let origin = Origin::answering(|asked| {
            let tag = asked.target.split('/').nth(1).unwrap_or_default();
            Reply::cached("max-age=600", asked.number.to_string()).with("Cache-Tag", tag)
        });
        let toml = format!(
            "[[site]]\nhosts = [\"127.0.0.1\"]\norigin = \"{{origin}}\"\nrevalidate.secret = \"{SECRET}\"\n"
        );
        let larder = Larder::configured(&toml, &origin);
        for package in PACKAGES {
            run(Command::new(&node)
                .args(["--test", "--test-reporter=spec"])
                .args(test_files(package))
                .env("LARDER_ADMIN", format!("http://{}", larder.admin))
                .env("LARDER_TOKEN", larder.token())
                .env("LARDER_SITE", format!("http://{}", larder.address))
                .env("REVALIDATE_SECRET", SECRET));
        }
    }
}

fn test_files(package: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join(package).join("test")).unwrap();
    let files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".test.js"))
        .collect();
    assert!(!files.is_empty(), "{package}");
    files
}

#[test]
fn their_types_hold() {
    run(Command::new("node").args([
        "node_modules/typescript/bin/tsc",
        "--project",
        "tsconfig.json",
    ]));
}

#[test]
fn what_would_be_published_is_the_source_and_its_types_and_depends_on_nothing() {
    let license = std::fs::read_to_string(tests().join("../LICENSE")).unwrap();
    for package in PACKAGES {
        let at = folder().join(package);
        let read = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
        let told: serde_json::Value = serde_json::from_str(&read("package.json")).unwrap();
        assert!(told.get("dependencies").is_none(), "{package}");
        assert_eq!(told["version"], env!("CARGO_PKG_VERSION"), "{package}");
        let packed = run(Command::new("npm")
            .args(["pack", "--dry-run", "--json", "--silent"])
            .arg(format!("./{package}")));
        let start = packed.find('[').expect("a list");
        let packed: serde_json::Value = serde_json::Deserializer::from_str(&packed[start..])
            .into_iter()
            .next()
            .expect("a list")
            .unwrap();
        let files: Vec<&str> = packed[0]["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["path"].as_str().unwrap())
            .collect();
        let is_its = |path: &&str| {
            let path = Path::new(path);
            path.starts_with("src")
                || ["README.md", "LICENSE", "package.json"].iter().any(|it| path == Path::new(it))
        };
        assert!(files.iter().all(is_its), "{package}: {files:?}");
        assert!(files.contains(&"LICENSE") && read("LICENSE") == license, "{package}");
        for path in told["exports"].as_object().unwrap().values() {
            for path in path.as_object().unwrap().values() {
                let path = path.as_str().unwrap().trim_start_matches("./");
                assert!(files.contains(&path), "{package} lacks {path}");
            }
        }
    }
}

#[test]
fn what_several_have_is_the_same_in_each() {
    for (name, packages) in [
        ("admin.js", &PACKAGES[..]),
        ("picture.js", &["astro", "next"]),
        ("placeholder.js", &["astro", "next"]),
        ("placeholder.d.ts", &["astro", "next"]),
    ] {
        let read = |package: &str| {
            std::fs::read_to_string(folder().join(package).join("src").join(name)).unwrap()
        };
        for package in packages {
            assert_eq!(read(package), read(packages[0]), "{package}/src/{name}");
        }
    }
}
