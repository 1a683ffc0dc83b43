//! The tier on disk: what was cached is still there, and nothing wrong ever is.

use crate::support::{Gate, Larder, Origin, Reply, until};
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
            // What a slow disk leaves waiting beyond its queue is not kept.
            larder.settle();
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

/// A body that is longer than anything that is kept in memory, and tells at each offset where it is.
fn long_body(mebibytes: usize) -> Vec<u8> {
    (0..mebibytes << 17).flat_map(|at| (at as u64).to_le_bytes()).collect()
}

#[test]
fn a_large_body_is_kept_in_a_file_and_served_from_it_after_a_kill_too() {
    for is_chunked in [false, true] {
        let body = long_body(24);
        let sent = body.clone();
        let origin = Origin::answering(move |_| {
            let reply = Reply::cached("max-age=3600", &sent).with("ETag", "\"x\"");
            if is_chunked { reply.chunked() } else { reply }
        });
        let mut larder = with_small_memory_and_large_bodies(&origin);
        assert!(larder.fill("/").body == body);
        assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 0);
        for _ in 0..2 {
            let again = larder.get("/");
            assert!(again.is_hit(), "{}", again.cache());
            assert!(again.body == body);
            let part = larder.get_with("/", &[("Range", "bytes=9000000-9000007,-8")]);
            assert_eq!(part.status, 206);
            let part = larder.get_with("/", &[("Range", "bytes=9000000-")]);
            assert!(part.body == body[9_000_000..]);
            larder.kill_and_restart();
        }
        assert_eq!(origin.count(), 1);
    }
}

fn with_small_memory_and_large_bodies(origin: &Origin) -> Larder {
    let toml = "storage.memory = \"8MiB\"\nstorage.in_flight_bytes = \"2MiB\"\n\
                [[site]]\norigin = \"{origin}\"";
    Larder::configured(toml, origin)
}

#[test]
fn a_large_body_is_read_by_all_while_it_is_written_and_held_by_none() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let body = long_body(16);
    let sent = body.clone();
    let origin = Origin::answering(move |_| {
        let (gate, sent) = (gate.clone(), sent.clone());
        Reply::by(move |wire| {
            wire.send(format!(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {}\r\n\r\n",
                sent.len()
            ));
            let (first, rest) = sent.split_at(sent.len() / 2);
            wire.send(first);
            wire.pass(&gate);
            wire.send(rest);
        })
    });
    let larder = with_small_memory_and_large_bodies(&origin);
    let mut readers: Vec<_> = (0..4).map(|_| larder.connect()).collect();
    // The first leads; one reads nothing for now.
    for reader in &mut readers {
        reader.send(crate::support::request("GET", "/", &[]));
    }
    let mut heads: Vec<_> = readers.iter_mut().map(|reader| reader.read_head()).collect();
    for reader in &mut readers[..3] {
        assert!(reader.read_bytes(body.len() / 2) == body[..body.len() / 2]);
    }
    // One that comes late reads from the first byte.
    let mut late = larder.connect();
    late.send(crate::support::request("GET", "/", &[]));
    let mut late_head = late.read_head();
    let in_flight = larder.metrics().sum("larder_in_flight_bytes", &[]);
    assert!(in_flight <= 1 << 20, "{in_flight} bytes in memory for it");
    opens.open();
    for (reader, head) in readers.iter_mut().zip(&mut heads).skip(3) {
        reader.read_rest(head, "GET");
        assert!(head.body == body);
    }
    for reader in &mut readers[..3] {
        assert!(reader.read_bytes(body.len() / 2) == body[body.len() / 2..]);
    }
    late.read_rest(&mut late_head, "GET");
    assert!(late_head.body == body);
    assert_eq!(origin.count(), 1);
    larder.settle();
    assert!(larder.get("/").is_hit());
}

#[test]
fn a_small_answer_takes_the_place_of_a_large_one_and_back() {
    let origin = Origin::answering(|asked| {
        let bytes = if asked.number % 2 == 0 { 3 << 20 } else { 300 };
        Reply::cached("max-age=60", vec![b'0' + asked.number as u8; bytes])
    });
    let mut larder = with_small_memory_and_large_bodies(&origin);
    for number in 0..4_u8 {
        let first = larder.fill("/").body;
        assert_eq!((first[0], larder.get("/").body[0]), (b'0' + number, b'0' + number));
        if number == 2 {
            larder.restart();
            assert_eq!(larder.get("/").body[0], b'2');
            larder.turn_clock(61 * 3);
        }
        larder.turn_clock(61);
    }
}

#[test]
fn middling_bodies_are_in_memory_and_survive_all_the_same() {
    let origin = bodies_of(150_000);
    let mut larder = Larder::before(&origin);
    larder.fill("/a");
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 1);
    larder.kill_and_restart();
    for _ in 0..2 {
        let again = larder.get("/a");
        assert!(again.is_hit());
        assert_eq!(again.text(), body_of("/a", 150_000));
    }
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 1, "it rose");
}

/// What was asked for all the time was in memory, so the disk took it for unused and gave it up.
#[test]
fn what_is_hot_in_memory_is_not_given_up_on_disk() {
    let origin = bodies_of(20_000);
    let toml = "storage.memory = \"4MiB\"\nstorage.disk.size = \"16MiB\"\n\
                storage.disk.min_free = \"0B\"\n[[site]]\norigin = \"{origin}\"";
    let mut larder = Larder::configured(toml, &origin);
    larder.fill("/hot");
    for n in 0..1500 {
        larder.get(&format!("/{n}"));
        if n % 10 == 0 {
            assert!(larder.get("/hot").is_hit());
        }
        if n % 100 == 0 {
            // What a slow disk leaves waiting beyond its queue is not kept.
            larder.settle();
        }
    }
    larder.settle();
    assert!(larder.metrics().sum("larder_disk_reclaimed_total", &[]) > 10);
    larder.restart();
    assert!(larder.get("/hot").is_hit(), "it was carried over");
}

/// Runs `larder store`; gives its exit code and what it printed, on both outputs.
fn look_at(what: &str, folder: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_larder"))
        .args(["store", what])
        .arg(folder)
        .args(more)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_folder_is_counted_and_checked_while_nobody_uses_it() {
    let origin = Origin::answering(|asked| {
        let bytes = if asked.target == "/large" { 3 << 20 } else { 3_000 };
        Reply::cached("max-age=60", vec![b'x'; bytes])
    });
    let mut larder = with_small_memory_and_large_bodies(&origin);
    for target in ["/a", "/b", "/large"] {
        larder.fill(target);
    }
    let data = larder.data();
    let (code, said) = look_at("stat", &data, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another process uses this folder; stop that process first"), "{said}");
    larder.stop();
    let (code, said) = look_at("stat", &data, &[]);
    assert!(
        code == Some(0) && said.contains("3 records") && said.contains("large files  1,"),
        "{said}"
    );
    let (code, said) = look_at("verify", &data, &["--json"]);
    assert!(code == Some(0) && said.contains("\"damaged_large_files\":0"), "{said}");
    let large = std::fs::read_dir(data.join("cache/large")).unwrap().flatten();
    let file = large.flat_map(|inner| std::fs::read_dir(inner.path()).unwrap()).next();
    let path = file.expect("a large file").unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    let head = String::from_utf8_lossy(&bytes[..100]).into_owned();
    assert!(head.starts_with("larder-body 1 at "), "ordinary tools can read it: {head}");
    bytes[1_000_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (code, said) = look_at("verify", &data, &[]);
    assert!(code == Some(1) && said.contains("1 large files"), "{said}");
    let (code, said) = look_at("verify", std::path::Path::new("/proc"), &[]);
    assert!(code == Some(1) && said.contains("name the folder of --data"), "{said}");
}

/// An origin whose first answer comes when the gate opens, and whose later ones come at once. Each
/// has a body of its own, of `bytes(number)` bytes.
fn slow_at_first(gate: &Gate, bytes: fn(usize) -> usize) -> Origin {
    let gate = gate.clone();
    Origin::answering(move |asked| {
        let (gate, number) = (gate.clone(), asked.number);
        let body = vec![b'0' + number as u8; bytes(number)];
        Reply::by(move |wire| {
            wire.send(format!(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nETag: \"{number}\"\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            ));
            let (first, rest) = body.split_at(body.len() / 2);
            wire.send(first);
            if number == 0 {
                wire.pass(&gate);
            }
            wire.send(rest);
        })
    })
}

/// What was answered earlier and ended later took the place of what came meanwhile, wherever memory
/// did not have that.
#[test]
fn a_slow_exchange_brings_nothing_older_back_from_disk() {
    let sizes: [fn(usize) -> usize; 3] =
        [|_| 3 << 20, |number| if number == 0 { 500 } else { 3 << 20 }, |_| 500];
    for bytes in sizes {
        let gate = Gate::shut();
        let origin = slow_at_first(&gate, bytes);
        let mut larder = with_small_memory_and_large_bodies(&origin);
        let mut slow = larder.connect();
        slow.send(crate::support::request("GET", "/", &[]));
        let mut head = slow.read_head();
        let newer = larder.get_with("/", &[("Cache-Control", "no-cache")]);
        assert_eq!(newer.field("etag"), Some("\"1\""));
        // Who asked before it is there would wait for the slow one.
        let kept = [("Cache-Control", "only-if-cached")];
        until("the newer one is found", || larder.get_with("/", &kept).is_hit().then_some(()));
        gate.open();
        slow.read_rest(&mut head, "GET");
        larder.settle();
        until("no file is left of what came too late", || {
            (larder.metrics().sum("larder_disk_large_bytes", &[]) < 4 << 20).then_some(())
        });
        for _ in 0..2 {
            let now = larder.get("/");
            assert_eq!((now.is_hit(), now.field("etag")), (true, Some("\"1\"")));
            assert_eq!(now.body[0], b'1');
            larder.restart();
        }
    }
}

/// A 304 that came late put the old response's fields over the body of a newer one.
#[test]
fn a_late_304_confirms_only_what_it_was_asked_about() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.field("if-none-match") == Some("\"old\"") && asked.field("cache-control").is_none()
        {
            gate.pass();
            return Reply::status(304, "").with("ETag", "\"old\"");
        }
        let tag = if asked.number == 0 { "\"old\"" } else { "\"new\"" };
        let control = if asked.number == 0 { "max-age=1" } else { "max-age=600" };
        Reply::cached(control, tag).with("ETag", tag)
    });
    let mut larder = Larder::before(&origin);
    larder.fill("/");
    larder.turn_clock(5);
    let mut late = larder.connect();
    late.send(crate::support::request("GET", "/", &[]));
    origin.wait_for(2);
    let newer = larder.get_with("/", &[("Cache-Control", "no-cache")]);
    assert_eq!(newer.text(), "\"new\"");
    until("the newer one is found", || (larder.get("/").text() == "\"new\"").then_some(()));
    opens.open();
    late.read();
    larder.settle();
    for _ in 0..2 {
        let now = larder.get("/");
        assert_eq!((now.field("etag"), now.text().as_str()), (Some("\"new\""), "\"new\""));
        larder.restart();
    }
}

#[test]
fn a_large_body_is_confirmed_while_others_are_shown_it() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let body = long_body(12);
    let sent = body.clone();
    let origin = Origin::answering(move |asked| {
        let reply = match asked.field("if-none-match") {
            Some(_) => {
                gate.pass();
                Reply::status(304, "")
            }
            None => Reply::ok(&sent),
        };
        reply.with("ETag", "\"x\"").with("Cache-Control", "max-age=10, stale-while-revalidate=600")
    });
    let mut larder = with_small_memory_and_large_bodies(&origin);
    larder.fill("/");
    larder.turn_clock(20);
    assert!(larder.get("/").body == body);
    origin.wait_for(2);
    // It is found on disk anew while the origin is asked.
    assert!(larder.get("/").body == body);
    opens.open();
    larder.settle();
    let confirmed = larder.get("/");
    assert!(confirmed.cache().contains("ttl=10"), "{}", confirmed.cache());
    larder.kill_and_restart();
    assert!(larder.get("/").cache().contains("ttl=10"));
    larder.settle();
    assert_eq!(origin.count(), 2);
}

#[test]
fn a_damaged_large_body_is_cut_once_and_then_fetched_anew() {
    let origin = bodies_of(3 << 20);
    let mut larder = with_small_memory_and_large_bodies(&origin);
    larder.fill("/");
    larder.stop();
    let inner = std::fs::read_dir(larder.data().join("cache/large")).unwrap().flatten();
    for file in inner.flat_map(|inner| std::fs::read_dir(inner.path()).unwrap().flatten()) {
        let mut bytes = std::fs::read(file.path()).unwrap();
        bytes[2_000_000] ^= 1;
        std::fs::write(file.path(), bytes).unwrap();
    }
    larder.start_again();
    assert!(larder.get("/").cut, "no wrong byte is shown");
    let again = larder.fill("/");
    assert!(!again.cut && !again.is_hit(), "{}", again.cache());
    assert!(larder.get("/").is_hit());
    assert_eq!(larder.metrics().sum("larder_disk_corrupt_total", &[]), 1);
}

#[test]
fn without_room_on_the_file_system_it_starts_and_deletes_nothing() {
    let origin = bodies_of(3_000);
    let mut larder = Larder::before(&origin);
    larder.fill("/a");
    let full = format!(
        "storage.disk = {{ size = \"1GiB\", min_free = \"1000000GiB\" }}\n[[site]]\norigin = \"http://{}\"\n",
        origin.address()
    );
    larder.restart_with(&full, &origin);
    assert_eq!(larder.get("/b").status, 200);
    larder.wait_for_metric("larder_disk_failing", &[], 1);
    assert!(larder.admin("GET", "/ready", "").text().contains("the disk cannot be written"));
    let well = format!("[[site]]\norigin = \"http://{}\"\n", origin.address());
    larder.restart_with(&well, &origin);
    assert!(larder.get("/a").is_hit(), "it is still there");
}

#[test]
fn a_body_that_can_never_be_kept_makes_nothing_else_go() {
    let origin = Origin::answering(|asked| {
        let bytes = if asked.target == "/huge" { 12 << 20 } else { 30_000 };
        Reply::cached("max-age=600", body_of(&asked.target, bytes))
    });
    let toml = format!(
        "{SMALL_MEMORY}\nstorage.disk.size = \"16MiB\"\nstorage.disk.min_free = \"0B\"\n\
         [[site]]\norigin = \"{{origin}}\""
    );
    let larder = Larder::configured(&toml.replace("storage.max_object = \"256KiB\"", ""), &origin);
    (0..300).for_each(|n| drop(larder.get(&format!("/{n}"))));
    larder.settle();
    let huge = larder.fill("/huge");
    assert!(huge.cache().contains("detail=too-large"), "{}", huge.cache());
    assert_eq!(larder.metrics().sum("larder_disk_reclaimed_total", &[]), 0);
    assert_eq!(larder.metrics().sum("larder_disk_objects", &[]), 300);
}

/// What a newer response with another `Vary` replaced in memory was still found on disk.
#[test]
fn what_was_replaced_by_another_variant_is_gone_from_disk_too() {
    let origin = Origin::answering(|asked| match asked.number {
        0 => Reply::cached("max-age=600, no-cache", "all").with("ETag", "\"a\""),
        number => Reply::cached("max-age=600", number.to_string()).with("Vary", "X-L"),
    });
    let mut larder = Larder::before(&origin);
    larder.fill("/");
    larder.fill_with("/", &[("X-L", "en")]);
    larder.restart();
    let other = larder.get_with("/", &[("X-L", "fr")]);
    assert_eq!(other.text(), "2", "{}", other.cache());
}
