//! The tier on disk: what was cached is still there, and nothing wrong ever is.

use crate::support::{Larder, Origin, Reply, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// So small a memory that most of what is stored is on disk only.
const SMALL_MEMORY: &str = "storage.memory = \"1MiB\"\nstorage.max_object = \"256KiB\"";

fn with_small_memory(origin: &Origin) -> Larder {
    Larder::configured(&format!("{SMALL_MEMORY}\n[[site]]\norigin = \"{{origin}}\""), origin)
}

/// An origin that answers each target with a body of its own, of so many bytes.
fn bodies_of(bytes: usize) -> Origin {
    Origin::answering(move |asked| {
        Reply::cached("max-age=3600", body_of(&asked.target, bytes)).with("X-Target", &asked.target)
    })
}

fn body_of(target: &str, bytes: usize) -> String {
    target.chars().cycle().take(bytes).collect()
}

#[test]
fn a_restart_begins_warm() {
    let origin = Origin::as_told();
    let mut larder = Larder::before(&origin);
    let first = larder.told("/a", "Cache-Control: max-age=3600 | ETag: \"x\" | X-Own: 1");
    larder.restart();
    let again = larder.get("/a");
    assert!(again.is_hit(), "{}", again.cache());
    assert_eq!((again.text(), again.field("x-own")), (first.text(), Some("1")));
    assert_eq!(origin.count(), 1);
    assert_eq!(larder.get_with("/a", &[("If-None-Match", "\"x\"")]).status, 304);
    let head = larder.ask("HEAD", "/a", &[]);
    assert_eq!((head.status, head.field("content-length")), (200, Some("1")));
    assert_eq!(larder.get_with("/a", &[("Range", "bytes=0-0")]).status, 206);
}

#[test]
fn what_was_stored_is_there_after_a_kill_too() {
    let origin = bodies_of(2_000);
    let mut larder = Larder::before(&origin);
    (0..200).for_each(|n| drop(larder.get(&format!("/{n}"))));
    larder.settle();
    larder.kill_and_restart();
    for n in 0..200 {
        let target = format!("/{n}");
        let again = larder.get(&target);
        assert!(again.is_hit(), "{n}: {}", again.cache());
        assert_eq!(again.text(), body_of(&target, 2_000));
    }
    assert_eq!(origin.count(), 200);
}

#[test]
fn killed_again_and_again_under_load_it_never_gives_a_wrong_body() {
    let origin = bodies_of(3_000);
    let mut larder = with_small_memory(&origin);
    for round in 0..5 {
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..3)
            .map(|client| {
                let (mut connection, stop) = (larder.connect(), stop.clone());
                std::thread::spawn(move || {
                    let mut asked = 0;
                    while !stop.load(Ordering::Relaxed) && asked < 3_000 {
                        let target = format!("/{}", (asked * 7 + client * 131 + round * 17) % 900);
                        let head = crate::support::request("GET", &target, &[]);
                        if connection.try_send(head).is_err() {
                            break;
                        }
                        let Some(answer) = connection.try_read() else { break };
                        assert_eq!(answer.text(), body_of(&target, 3_000));
                        asked += 1;
                    }
                })
            })
            .collect();
        until("something is on disk", || {
            (larder.metrics().sum("larder_disk_written_bytes_total", &[]) > 200_000).then_some(())
        });
        larder.kill_and_restart();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().expect("no wrong body"));
        for n in (0..900).step_by(37) {
            let target = format!("/{n}");
            assert_eq!(larder.get(&target).text(), body_of(&target, 3_000));
        }
    }
}

#[test]
fn what_memory_gave_up_is_still_served() {
    let origin = bodies_of(20_000);
    let larder = with_small_memory(&origin);
    (0..150).for_each(|n| drop(larder.get(&format!("/{n}"))));
    larder.settle();
    let before = larder.metrics();
    assert!(before.sum("larder_evictions_total", &[]) > 50);
    for n in 0..150 {
        let target = format!("/{n}");
        let again = larder.get(&target);
        assert!(again.is_hit(), "{n}: {}", again.cache());
        assert_eq!(again.text(), body_of(&target, 20_000));
        assert_eq!(again.field("x-target"), Some(&*target));
    }
    assert_eq!(origin.count(), 150);
    assert!(larder.metrics().sum("larder_memory_bytes", &[]) <= 1 << 20);
}

#[test]
fn ages_and_stale_windows_go_on_across_a_restart() {
    let origin = Origin::answering(|asked| {
        Reply::cached("max-age=10, stale-while-revalidate=600", asked.number.to_string())
    });
    let mut larder = Larder::before(&origin);
    larder.fill("/");
    larder.restart();
    larder.turn_clock(60);
    let stale = larder.fill("/");
    assert_eq!(stale.text(), "0");
    assert!(stale.cache().contains("detail=stale-while-revalidate"), "{}", stale.cache());
    let age: u64 = stale.field("age").and_then(|age| age.parse().ok()).expect("an age");
    assert!((60..90).contains(&age), "{age}");
    assert_eq!(larder.get("/").text(), "1", "it was refreshed meanwhile");
    larder.restart();
    assert_eq!(larder.get("/").text(), "1", "the newer one is what comes back");
}

#[test]
fn a_304_is_remembered_across_a_restart() {
    let origin = Origin::answering(|asked| {
        let reply = match asked.field("if-none-match") {
            Some(_) => Reply::status(304, "").with("X-Checked", &asked.number.to_string()),
            None => Reply::ok("the body"),
        };
        reply.with("Cache-Control", "max-age=3600").with("ETag", "\"x\"")
    });
    let mut larder = Larder::before(&origin);
    larder.fill("/");
    larder.turn_clock(7200);
    assert_eq!(larder.fill("/").field("x-checked"), Some("1"));
    larder.kill_and_restart();
    larder.turn_clock(7200 + 1800);
    let again = larder.get("/");
    assert!(again.is_hit(), "{}", again.cache());
    assert_eq!((again.text().as_str(), again.field("x-checked")), ("the body", Some("1")));
}

#[test]
fn what_an_unsafe_request_made_invalid_is_validated_after_a_restart() {
    let origin = Origin::as_told();
    let mut larder = with_small_memory(&origin);
    larder.told("/a", "Cache-Control: max-age=3600");
    let mut client = larder.connect();
    assert_eq!(client.ask("POST", "/a", &[("Content-Length", "0")]).status, 200);
    larder.settle();
    larder.kill_and_restart();
    let again = larder.get_with("/a", &[("X-Reply", "Cache-Control: max-age=3600")]);
    assert!(again.cache().contains("detail=invalidated"), "{}", again.cache());
    assert_eq!(again.text(), "3");
}

#[test]
fn variants_are_told_apart_on_disk_as_in_memory() {
    let origin = Origin::answering(|asked| {
        let said = asked.field("x-a").unwrap_or("none").to_owned();
        Reply::cached("max-age=3600", said).with("Vary", "X-A")
    });
    let mut larder = Larder::before(&origin);
    for value in ["one", "two", "three"] {
        larder.fill_with("/", &[("X-A", value)]);
    }
    larder.restart();
    for value in ["two", "three", "one"] {
        let again = larder.get_with("/", &[("X-A", value)]);
        assert!(again.is_hit(), "{}", again.cache());
        assert_eq!(again.text(), value);
    }
    let other = larder.get_with("/", &[("X-A", "four")]);
    assert!(other.cache().contains("fwd=vary-miss"), "{}", other.cache());
}

#[test]
fn what_is_on_disk_is_shown_by_the_rules_of_today() {
    let origin = Origin::as_told();
    let mut larder = Larder::before(&origin);
    larder.told("/a", "Cache-Control: max-age=3600 | X-Powered-By: old");
    let toml = format!(
        "[[site]]\norigin = \"http://{}\"\n[[site.rule]]\n\
         headers = {{ remove = [\"X-Powered-By\"], set = {{ X-New = \"1\" }} }}\n",
        origin.address()
    );
    larder.restart_with(&toml, &origin);
    let again = larder.get("/a");
    assert!(again.is_hit());
    assert_eq!((again.field("x-powered-by"), again.field("x-new")), (None, Some("1")));
}

#[test]
fn text_from_disk_is_compressed_as_ever() {
    let origin = Origin::answering(|_| {
        Reply::cached("max-age=3600", "text ".repeat(1000)).with("Content-Type", "text/plain")
    });
    let mut larder = Larder::before(&origin);
    larder.fill_with("/", &[("Accept-Encoding", "gzip")]);
    larder.restart();
    let again = larder.get_with("/", &[("Accept-Encoding", "gzip")]);
    assert!(again.is_hit() && again.field("content-encoding") == Some("gzip"));
    assert_eq!(larder.get("/").text(), "text ".repeat(1000));
    assert_eq!(origin.count(), 1);
}

#[test]
fn without_a_disk_it_begins_cold_and_writes_nothing() {
    let origin = Origin::as_told();
    let toml = "storage.disk.size = \"0B\"\n[[site]]\norigin = \"{origin}\"";
    let mut larder = Larder::configured(toml, &origin);
    larder.told("/a", "Cache-Control: max-age=3600");
    assert!(!larder.data().join("cache").exists());
    larder.restart();
    larder.told("/a", "Cache-Control: max-age=3600");
    assert_eq!(origin.count(), 2);
}

#[test]
fn the_bound_holds_whatever_is_stored() {
    let origin = bodies_of(30_000);
    let toml = format!(
        "{SMALL_MEMORY}\nstorage.disk.size = \"16MiB\"\nstorage.disk.min_free = \"0B\"\n\
         [[site]]\norigin = \"{{origin}}\""
    );
    let larder = Larder::configured(&toml, &origin);
    let folder = larder.data().join("cache/segments");
    for n in 0..1500 {
        larder.get(&format!("/{n}"));
        if n % 100 == 0 {
            assert!(bytes_of(&folder) <= 16 << 20, "after {n}");
        }
    }
    larder.settle();
    assert!(bytes_of(&folder) <= 16 << 20);
    assert!(larder.metrics().sum("larder_disk_reclaimed_total", &[]) > 0);
    for n in (0..1500).rev().take(300) {
        let target = format!("/{n}");
        assert_eq!(larder.get(&target).text(), body_of(&target, 30_000));
    }
    assert!(origin.count() < 1700, "what came last is still there: {}", origin.count());
}

fn bytes_of(folder: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().metadata().map_or(0, |meta| meta.len())).sum()
}

#[test]
fn a_folder_of_strange_files_is_refused_and_left_as_it_is() {
    let origin = Origin::as_told();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("strange-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("cache")).unwrap();
    std::fs::write(folder.join("cache/holiday.jpg"), "a picture").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_larder"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--origin"])
        .arg(format!("http://{}", origin.address()))
        .arg("--data")
        .arg(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("holiday.jpg") && said.contains("choose another folder"), "{said}");
    assert_eq!(std::fs::read(folder.join("cache/holiday.jpg")).unwrap(), b"a picture");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn bits_that_rot_are_misses_and_never_shown() {
    let origin = bodies_of(5_000);
    let mut larder = Larder::before(&origin);
    (0..40).for_each(|n| drop(larder.get(&format!("/{n}"))));
    larder.settle();
    let folder = larder.data().join("cache/segments");
    larder.stop();
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        (0..bytes.len()).step_by(40_000).for_each(|at| bytes[at] ^= 0x40);
        std::fs::write(&path, bytes).unwrap();
    }
    larder.start_again();
    for n in 0..40 {
        let target = format!("/{n}");
        assert_eq!(larder.get(&target).text(), body_of(&target, 5_000));
    }
    assert!((41..80).contains(&origin.count()), "{}: some were damaged", origin.count());
}
