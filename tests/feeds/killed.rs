//! A process that is killed at any step of a refresh: the old edition is whole, and nothing of the new
//! one is left after the next sweep.

use crate::support::upstream::{
    NEWS, Upstream, document, edition, files, images, refresh, runs, sweep,
};
use crate::support::{Gate, Larder, Origin, Reply, until};
use std::os::unix::process::ExitStatusExt;

/// What a process ends by that aborts.
const SIGABRT: i32 = 6;

#[test]
fn killed_at_each_step_of_a_refresh_the_old_edition_is_whole() {
    let app = Origin::answering(|_| Reply::ok("of the app"));
    let upstream = Upstream::of(&["a", "b", "c"]);
    let toml = upstream.toml("grace = \"0s\"\nretries = 0") + "[feeds]\nconcurrency = 1\n";
    let mut larder = Larder::configured(&toml, &app);
    let first = edition(&larder, 1);
    let before = files(&larder);
    // Each step is one that waits for the upstream: the document, and each picture in turn.
    for step in [NEWS, "/p/d.png", "/p/e.png", "/p/f.png"] {
        upstream.has(&["d", "e", "f"]);
        let (gate, count) = (Gate::shut(), upstream.count(step));
        upstream.says().gates.insert(step.to_owned(), gate.clone());
        larder.turn_clock(3600);
        until(&format!("it stands at {step}"), || (upstream.count(step) > count).then_some(()));
        upstream.origin.go_away();
        larder.kill_and_restart();
        gate.open();
        upstream.says().gates.clear();
        assert_eq!(document(&larder), first, "killed at {step}");
        for image in images(&first) {
            assert_eq!(larder.get(&image).status, 200, "killed at {step}: {image}");
        }
        sweep(&larder);
        assert_eq!(files(&larder), before, "killed at {step}: no orphan is left");
        upstream.origin.come_back();
    }
    let told = larder.command(&["refresh", "news"]);
    assert_eq!(told.0, Some(0), "{}", told.2);
    assert_eq!(images(&edition(&larder, 2)).len(), 3);
}

#[test]
fn ended_before_a_step_on_disk_the_edition_is_the_old_one_or_the_new_one() {
    let app = Origin::answering(|_| Reply::ok("of the app"));
    let upstream = Upstream::of(&["first", "other"]);
    let toml = upstream.toml("grace = \"0s\"\nretries = 0\nmax_shrink = 100");
    let mut larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    // Each step of a refresh, and whether what it fetched is published by then.
    for (step, is_new) in [
        ("Begin", false),
        ("Write", false),
        ("Sync", false),
        ("Name", false),
        ("SyncNames", false),
        ("WriteEdition", false),
        ("SyncEdition", false),
        ("Publish", false),
        ("SyncPublished", true),
        ("Remove", true),
    ] {
        let old = document(&larder);
        upstream.has(&[step, "other"]);
        larder.crash_before("news", step);
        larder.turn_clock(3600);
        assert_eq!(larder.wait().signal(), Some(SIGABRT), "before {step}");
        upstream.origin.go_away();
        larder.start_again();
        let found = document(&larder);
        match is_new {
            true => assert_eq!(found["data"][0]["id"], step),
            false => assert_eq!(found, old, "before {step}"),
        }
        for image in images(&found) {
            assert_eq!(larder.get(&image).status, 200, "before {step}: {image}");
        }
        sweep(&larder);
        // Two pictures, and the document as it came and as it is served.
        assert_eq!(files(&larder).len(), 4, "before {step}: {:?}", files(&larder));
        upstream.origin.come_back();
        until("it is fetched", || (refresh(&larder).0 == 200).then_some(()));
        assert_eq!(document(&larder)["data"][0]["id"], step);
    }
}

#[test]
fn killed_at_random_the_edition_is_one_or_the_other() {
    let app = Origin::answering(|_| Reply::ok("of the app"));
    let upstream = Upstream::of(&["a", "b", "c"]);
    let mut larder = Larder::configured(&upstream.toml("grace = \"0s\""), &app);
    edition(&larder, 1);
    for round in 0..12_u64 {
        let names: Vec<String> = (0..3).map(|item| format!("{round}-{item}")).collect();
        let old = document(&larder)["data"][0]["id"].clone();
        upstream.has(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let count = upstream.origin.count();
        larder.turn_clock(3600);
        // Somewhere between the first request and what comes after the last.
        until("it runs", || (upstream.origin.count() > count + (round as usize % 4)).then_some(()));
        let spins = (round * 7919) % 40_000;
        for spin in 0..spins {
            std::hint::black_box(spin);
        }
        upstream.origin.go_away();
        larder.kill_and_restart();
        let found = document(&larder);
        let id = &found["data"][0]["id"];
        assert!(*id == old || *id == names[0], "{id} is neither {old} nor {}", names[0]);
        for image in images(&found) {
            assert_eq!(larder.get(&image).status, 200, "{image}");
        }
        runs(&larder, 1);
        upstream.origin.come_back();
        assert_eq!(refresh(&larder).0, 200);
    }
}
