//! What `deploy/` tells containers and services to run is what the binary takes.

use clap::Parser;
use larder::cli::{Cli, Command};
use larder::config::report::Severity;
use larder::config::{File, Flags, understand};
use std::path::Path;
use std::time::Duration;

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    std::fs::read_to_string(root.join(name)).expect("the file is part of the repository")
}

/// The last command of that kind in a Dockerfile, which stands as a JSON array at the end of its line.
fn words(dockerfile: &str, instruction: &str) -> Vec<String> {
    let mut lines = dockerfile.lines().rev();
    let line = lines.find(|line| line.starts_with(instruction)).expect("it has one");
    let array = line.find('[').expect("written as a list, for there may be no shell");
    serde_json::from_str(&line[array..]).expect("a list of words")
}

fn parsed(words: &[String]) -> Command {
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}")).command
}

#[test]
fn containers_start_what_there_is_and_ask_it_how_it_is() {
    for name in ["Dockerfile", "astro/Dockerfile"] {
        let file = read(name);
        let started = parsed(&[words(&file, "ENTRYPOINT"), words(&file, "CMD")].concat());
        match started {
            Command::Serve(serve) => assert!(serve.serving.config.is_some(), "{name}"),
            Command::Run(run) => assert_eq!(run.command, ["node", "./dist/server/entry.mjs"]),
            other => panic!("{name}: {other:?}"),
        }
        assert!(matches!(parsed(&words(&file, "HEALTHCHECK")), Command::Health(_)), "{name}");
        let user = file.lines().rev().find_map(|line| line.strip_prefix("USER "));
        let user = user.and_then(|user| user.split(':').next()?.parse().ok());
        assert!(user.is_some_and(|user: u32| user > 0), "{name} runs as nobody in particular");
    }
    assert!(read("Dockerfile").contains("\nFROM scratch\n"));
}

#[test]
fn the_service_starts_what_there_is() {
    let unit = read("larder.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it has one");
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    assert!(matches!(parsed(&words), Command::Serve(_)));
}

#[test]
fn their_configurations_hold_no_mistake() {
    let app = Flags { app: "http://127.0.0.1:1".parse().ok(), ..Flags::default() };
    for (name, flags) in [("astro/larder.toml", app), ("beside/larder.toml", Flags::default())] {
        let text = read(name);
        let (_, report) = understand(File { name, text: &text }, &flags, &|_| None);
        assert_eq!(report.count(Severity::Error), 0, "{report}");
        assert_eq!(report.count(Severity::Warning), 0, "{report}");
    }
}

/// Whoever stops them has to wait as long as an orderly end may take.
#[test]
fn there_is_time_to_finish_what_runs() {
    let (meant, _) = understand(
        File { name: "none", text: "[[site]]\norigin = \"http://a\"" },
        &Flags::default(),
        &|_| None,
    );
    let drain = meant.expect("it is right").settings.client.drain_timeout;
    let line = ["larder", "run", "--", "app"].map(str::to_owned);
    let Command::Run(run) = parsed(&line) else { panic!("it is run") };
    for (name, setting, least) in [
        ("astro/compose.yaml", "stop_grace_period: ", drain + run.stop_timeout.0),
        ("beside/compose.yaml", "stop_grace_period: ", drain),
        ("larder.service", "TimeoutStopSec=", drain + run.stop_timeout.0),
    ] {
        let file = read(name);
        let line = file.lines().find_map(|line| line.trim().strip_prefix(setting));
        let seconds = line.and_then(|time| time.strip_suffix('s')?.parse().ok());
        let time = Duration::from_secs(seconds.expect("so many seconds"));
        assert!(time > least, "{name}: {time:?} for {least:?}");
    }
}

/// Whoever gives the binary away has to give the licences of what is linked into it with it.
#[test]
fn licences_of_others_go_with_the_binary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = std::process::Command::new(root.join("scripts/third-party")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "\ntokio v1.",
        "\nlibaom-sys v",
        "Copyright (c) Tokio Contributors",
        // Of C code that crates bring.
        "Alliance for Open Media Patent License 1.0",
        "Copyright (c) 2010, Google Inc.",
        "based in part on the work of the Independent JPEG Group",
        "D. R. Commander",
        "Meta Platforms, Inc. and affiliates",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("GNU GENERAL PUBLIC LICENSE"), "nothing of that is linked");
    assert!(read("Dockerfile").contains("/out/THIRD-PARTY /THIRD-PARTY\n"));
}

/// A container's memory is enough for all that its configuration may take at once: else the kernel ends it
/// just when there is much to do.
#[test]
fn what_may_be_taken_fits_into_the_container() {
    // The program itself, its threads and what each connection holds.
    const SELF: u64 = 32 << 20;
    // What Node.js takes beside its heap: code, buffers, threads.
    const BESIDE_HEAP: u64 = 64 << 20;
    for (folder, app) in [("astro", "http://127.0.0.1:1".parse().ok()), ("beside", None)] {
        let (name, text) =
            (format!("{folder}/larder.toml"), read(&format!("{folder}/larder.toml")));
        let flags = Flags { app, ..Flags::default() };
        let (meant, _) = understand(File { name: &name, text: &text }, &flags, &|_| None);
        let meant = meant.expect("it is right");
        let (workshop, fill) = (&meant.settings.pictures, &meant.settings.fill);
        // One more than the workers makes what nobody waits for.
        let made = (workshop.workers as u64 + 1) * meant.worker_memory_bytes;
        let taken = SELF + meant.memory_bytes + fill.in_flight_bytes + workshop.memory_bytes + made;

        let file = read(&format!("{folder}/compose.yaml"));
        let mebibytes = |setting: &str| {
            let line = file.lines().find_map(|line| line.trim().strip_prefix(setting))?;
            line.trim_end_matches('m').parse::<u64>().ok().map(|count| count << 20)
        };
        let heap = mebibytes("NODE_OPTIONS: --max-old-space-size=");
        assert_eq!(heap.is_some(), folder == "astro");
        let needed = taken + heap.map_or(0, |heap| heap + BESIDE_HEAP);
        let limit = mebibytes("mem_limit: ").expect("it has one");
        assert!(needed <= limit, "{folder}: {} of {} MiB", needed >> 20, limit >> 20);
    }
}
