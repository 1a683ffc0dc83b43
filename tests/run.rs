//! `larder run`: an app that Larder starts, fronts, restarts and ends.

use crate::support::{Client, Larder, Origin, Reply, Setup, until};
use std::fs::Permissions;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The app of `tests/apps`.
fn app() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/apps/app.mjs");
    path.to_str().unwrap().to_owned()
}

/// A Larder that runs it with these flags before and arguments behind it.
fn running(flags: &[&str], arguments: &[&str]) -> Larder {
    let app = app();
    let line = [flags, &["--", "node", &app], arguments].concat();
    Setup::default().running(&line).start()
}

/// The same, once the app answers.
fn answering(flags: &[&str], arguments: &[&str]) -> Larder {
    let larder = running(flags, arguments);
    larder.wait_for_metric("larder_app_up", &[], 1);
    larder
}

/// Where the app listens now.
fn address_of_app(larder: &Larder) -> SocketAddr {
    let port = larder.admin_json("/v1/status")["app"]["port"].as_u64().unwrap();
    SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()))
}

/// The number of the app's process.
fn pid_of_app(larder: &Larder) -> u32 {
    larder.get("/pid").text().parse().expect("a number")
}

/// A client whose request the app has, and answers once it is asked for `/open`.
fn with_slow_request(larder: &Larder) -> Client {
    let address = address_of_app(larder);
    let mut slow = larder.connect();
    slow.send("GET /slow HTTP/1.1\r\nHost: site.test\r\n\r\n");
    let waiting = || Client::connect(address).get("/waiting").text();
    until("the app has the slow request", || (waiting() == "1").then_some(()));
    slow
}

fn kill(pid: u32) {
    send("-KILL", &[pid]);
}

/// Sends a signal to all of them at once.
fn send(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    assert!(Command::new("kill").arg(signal).args(pids).status().unwrap().success());
}

/// Whether a process runs; one that has ended and of which nobody has heard yet does not.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn parent_of(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(1).unwrap().parse().unwrap()
}

fn wait_until_gone(pids: &[u32]) {
    until(&format!("{pids:?} are gone"), || pids.iter().all(|pid| !runs(*pid)).then_some(()));
}

/// The app's process, one that it begins, and one that leaves its process group.
fn processes(larder: &Larder) -> Vec<u32> {
    let begun = larder.get("/processes").text();
    let begun = begun.split(' ').map(|pid| pid.parse().unwrap());
    let pids: Vec<u32> = begun.chain([pid_of_app(larder)]).collect();
    assert!(pids.len() == 3 && pids.iter().all(|pid| runs(*pid)));
    pids
}

/// A file that is not there yet.
fn file(name: &str) -> PathBuf {
    let name = format!("{name}-{}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn an_app_is_told_where_to_listen_and_fronted() {
    let larder = answering(&[], &[]);
    let address = address_of_app(&larder);
    let told = larder.get("/environment").text();
    assert_eq!(told, format!("{} 127.0.0.1 127.0.0.1", address.port()));
    let start = larder.wait_for_error_line("listens on");
    assert!(start.contains(&format!("origin http://{address} (app: node ")), "{start}");
    larder.wait_for_error_line(&format!("the app answers on {address}"));
    let (code, said, _) = larder.command(&["status"]);
    assert_eq!(code, Some(0));
    assert!(said.contains(&format!("up, port {}, 0 restarts: node ", address.port())), "{said}");
}

#[test]
fn an_app_that_takes_flags_is_told_by_them() {
    let larder = answering(&["--port-env", "OTHER"], &["--port", "{port}", "--host", "{host}"]);
    let address = address_of_app(&larder);
    assert_eq!(Client::connect(address).get("/x").text(), "GET /x");
    assert!(!larder.get("/environment").text().contains(&address.port().to_string()));
}

#[test]
fn it_is_ready_once_the_app_has_answered_once() {
    let when = file("listen-now");
    let larder = running(&[], &["--when", when.to_str().unwrap()]);
    let ready = larder.admin("GET", "/ready", "");
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().starts_with("the app has not answered yet"), "{}", ready.text());
    let early = larder.get("/");
    assert_eq!((early.status, early.field("retry-after")), (502, Some("1")));
    larder.wait_for_error_line("the app does not listen on 127.0.0.1:");
    std::fs::write(&when, "").unwrap();
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_eq!(larder.admin("GET", "/ready", "").text(), "ready\n");
    assert_eq!(larder.get("/").status, 200);
    std::fs::remove_file(&when).unwrap();
}

#[test]
fn an_app_that_does_not_answer_head_is_ready_by_get() {
    let larder = answering(&[], &["--no-head"]);
    assert_eq!(larder.admin("GET", "/ready", "").text(), "ready\n");
}

/// Somebody who has the app's port before the app does, and answers there.
fn stranger(address: SocketAddr) {
    let listener = TcpListener::bind(address).expect("the app waits");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 1000]);
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nstranger");
        }
    });
}

#[test]
fn a_stranger_at_the_port_of_the_app_is_left_alone() {
    let when = file("listen-elsewhere");
    let larder = running(&[], &["--when", when.to_str().unwrap()]);
    let before = address_of_app(&larder);
    stranger(before);
    larder.wait_for_error_line(&format!("another process took {before}: the app gets"));
    std::fs::write(&when, "").unwrap();
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_ne!(address_of_app(&larder), before);
    until("the app is asked where it is", || (larder.get("/x").text() == "GET /x").then_some(()));
    assert!(larder.error_lines("again in").is_empty(), "that is no crash");
    std::fs::remove_file(&when).unwrap();
}

#[test]
fn a_stranger_is_never_asked_while_the_app_is_not_there() {
    // Before it listens at first, and while it is started again.
    let when = file("listen-late");
    let larder = running(&["--max-crashes", "0"], &["--when", when.to_str().unwrap()]);
    larder.wait_for_error_line("the app does not listen on 127.0.0.1:");
    std::fs::write(&when, "").unwrap();
    larder.wait_for_metric("larder_app_up", &[], 1);
    let before = address_of_app(&larder);
    let stranger = until("a stranger has the app's port", || {
        larder.get("/crash");
        let is_up = larder.admin_json("/v1/status")["app"]["up"] == true;
        if is_up { None } else { TcpListener::bind(before).ok() }
    });
    stranger.set_nonblocking(true).unwrap();
    until("the app has another port", || {
        let early = larder.get("/early");
        let is_told = (early.status, early.field("retry-after")) == (502, Some("1"));
        assert!(is_told || address_of_app(&larder) != before, "{}", early.text());
        (address_of_app(&larder) != before).then_some(())
    });
    assert!(stranger.accept().is_err(), "nobody was sent there");
    larder.wait_for_metric("larder_app_up", &[], 1);
    until("the app is asked", || (larder.get("/x").text() == "GET /x").then_some(()));
    std::fs::remove_file(&when).unwrap();
}

#[test]
fn who_listens_again_and_again_listens_for_the_app() {
    // As the processes of `docker run -p {port}:3000` do.
    let when = file("listen-never");
    let larder = running(&[], &["--when", when.to_str().unwrap()]);
    let before = address_of_app(&larder);
    stranger(before);
    larder.wait_for_error_line(&format!("another process took {before}: the app gets"));
    larder.wait_for_metric("larder_app_restarts_total", &[], 1);
    stranger(address_of_app(&larder));
    larder.wait_for_error_line("the app answers, by a process that it did not begin, on");
    until("it is asked", || (larder.get("/x").text() == "stranger").then_some(()));
}

#[test]
fn what_is_stored_is_served_while_the_app_is_started_again() {
    let when = file("listen-again");
    std::fs::write(&when, "").unwrap();
    let larder = answering(&[], &["--when", when.to_str().unwrap()]);
    larder.fill("/kept");
    std::fs::remove_file(&when).unwrap();
    kill(pid_of_app(&larder));
    larder.wait_for_error_line("the app ended by signal 9 after");
    larder.wait_for_metric("larder_app_up", &[], 0);
    assert!(larder.get("/kept").is_hit());
    larder.turn_clock(700);
    let stale = larder.get("/kept");
    assert_eq!((stale.status, stale.text().as_str()), (200, "GET /kept"));
    let unknown = larder.get("/unknown");
    assert_eq!((unknown.status, unknown.field("retry-after")), (502, Some("1")));
    let ready = larder.admin("GET", "/ready", "");
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("the app is down: "), "{}", ready.text());
    std::fs::write(&when, "").unwrap();
    larder.wait_for_metric("larder_app_up", &[], 1);
    larder.wait_for_metric("larder_app_restarts_total", &[], 1);
    assert_eq!(larder.get("/unknown").status, 200);
    std::fs::remove_file(&when).unwrap();
}

#[test]
fn sigterm_finishes_what_runs_before_the_app_is_told() {
    let mut larder = answering(&[], &[]);
    let address = address_of_app(&larder);
    let mut slow = with_slow_request(&larder);
    larder.terminate();
    larder.wait_for_error_line("SIGTERM: no new requests");
    // The app still answers who asks it itself.
    assert_eq!(Client::connect(address).get("/open").text(), "opened");
    assert_eq!(slow.read().text(), "at last");
    larder.wait_for_output_line("told to end, 0 waiting");
    assert_eq!(larder.wait().code(), Some(0));
    larder.wait_for_error_line("stopped; everything was finished");
    assert!(std::net::TcpStream::connect(address).is_err(), "the app has ended too");
}

#[test]
fn a_signal_to_larder_and_the_guard_cuts_nothing() {
    for signal in ["-TERM", "-INT"] {
        let mut larder = answering(&[], &[]);
        let address = address_of_app(&larder);
        let guard = parent_of(pid_of_app(&larder));
        assert_eq!(name_of(guard), "larder-guard");
        let mut slow = larder.connect();
        slow.send("GET /slow HTTP/1.1\r\nHost: site.test\r\n\r\n");
        let waiting = || Client::connect(address).get("/waiting").text();
        until("the app has the slow request", || (waiting() == "1").then_some(()));
        send("-HUP", &[guard]);
        send(signal, &[guard, larder.pid()]);
        larder.wait_for_error_line("no new requests");
        assert_eq!(Client::connect(address).get("/open").text(), "opened");
        assert_eq!(slow.read().text(), "at last");
        assert_eq!(larder.wait().code(), Some(0));
        assert!(larder.error_lines("guard").is_empty());
    }
}

#[test]
fn an_app_that_is_signalled_beside_larder_is_told_of() {
    let mut larder = answering(&[], &[]);
    let app = pid_of_app(&larder);
    // What is finished meanwhile does not need the app.
    larder.fill("/kept-large");
    let mut slow = larder.connect();
    slow.send("GET /kept-large HTTP/1.1\r\nHost: site.test\r\n\r\n");
    slow.read_bytes(1000);
    larder.terminate();
    larder.wait_for_error_line("SIGTERM: no new requests");
    send("-TERM", &[app]);
    larder.wait_for_error_line("the app ended with code 0 before it was told to");
    slow.read_to_end();
    assert_eq!(larder.wait().code(), Some(0));
}

/// The name under which lists of processes show one.
fn name_of(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim().to_owned()
}

#[test]
fn who_does_not_end_when_told_is_killed_after_its_time() {
    let mut larder = answering(&["--stop-timeout", "300ms"], &["--stubborn"]);
    let pid = pid_of_app(&larder);
    larder.terminate();
    larder.wait_for_output_line("told to end");
    larder.wait_for_error_line("the app did not end within 300ms (--stop-timeout): killed");
    assert_eq!(larder.wait().code(), Some(0));
    assert!(!runs(pid));
}

#[test]
fn who_left_the_group_of_the_app_is_told_to_end_too() {
    let mut larder = answering(&[], &[]);
    let pids = processes(&larder);
    assert_eq!(larder.stop().code(), Some(0));
    assert!(pids.iter().all(|pid| !runs(*pid)));
    assert!(larder.error_lines("killed").is_empty(), "all ended by themselves");
}

#[test]
fn who_left_the_group_of_the_app_and_does_not_end_is_killed_soon() {
    let mut larder = answering(&["--stop-timeout", "1h"], &[]);
    let pid: u32 = larder.get("/deaf").text().parse().unwrap();
    until("it is deaf", || (children_of(pid).len() == 1).then_some(()));
    assert_eq!(larder.stop().code(), Some(0));
    let said = larder.wait_for_error_line("what it began did not within 2s");
    assert!(said.contains(&format!("sh ({pid}), sleep (")), "{said}");
    assert!(!runs(pid));
}

#[test]
fn a_guard_that_hangs_holds_up_nothing() {
    let mut larder = answering(&["--stop-timeout", "100ms"], &[]);
    let pid = pid_of_app(&larder);
    send("-STOP", &[parent_of(pid)]);
    assert_eq!(larder.stop().code(), Some(0));
    larder.wait_for_error_line("the process that guards the app hangs");
    assert!(!runs(pid));
}

#[test]
fn an_app_that_ends_while_its_guard_hangs_is_started_again() {
    let larder = answering(&[], &[]);
    let pid = pid_of_app(&larder);
    send("-STOP", &[parent_of(pid)]);
    kill(pid);
    larder.wait_for_error_line("the process that guards the app hangs");
    larder.wait_for_metric("larder_app_restarts_total", &[], 1);
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_ne!(pid_of_app(&larder), pid);
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    let mut larder = answering(&[], &[]);
    let address = address_of_app(&larder);
    let mut slow = with_slow_request(&larder);
    larder.terminate();
    larder.wait_for_error_line("SIGTERM: no new requests");
    send("-INT", &[larder.pid()]);
    assert_eq!(Client::connect(address).get("/open").text(), "opened");
    assert_eq!(slow.read().text(), "at last");
    assert_eq!(larder.wait().code(), Some(0));
    assert!(larder.error_lines("a second signal").is_empty());
}

#[test]
fn signals_that_are_for_apps_are_passed_on() {
    let larder = answering(&[], &[]);
    let pid = larder.pid().to_string();
    assert!(Command::new("kill").args(["-USR2", &pid]).status().unwrap().success());
    larder.wait_for_output_line("told by SIGUSR2");
    assert_eq!(larder.get("/").status, 200);
}

#[test]
fn after_crashes_in_a_row_it_ends_with_the_code_of_the_app() {
    for (script, code, says) in [
        ("echo broken >&2; exit 7", 7, "the app ended with code 7, the last of 2 times in a row"),
        ("kill -9 $$", 137, "the app ended by signal 9, the last of 2"),
        ("exit 0", 1, "the app ended with code 0, the last of 2"),
    ] {
        let line = ["--max-crashes", "2", "--", "sh", "-c", script];
        let mut larder = Setup::default().running(&line).start();
        assert_eq!(larder.wait().code(), Some(code), "{script}");
        larder.wait_for_error_line(says);
        larder.wait_for_error_line("the app is not started again: no new requests");
        assert_eq!(larder.error_lines(": again in 250ms").len(), 1);
        let broken = if script.starts_with("echo") { 2 } else { 0 };
        let said = larder.error_lines("broken");
        assert_eq!(said.iter().filter(|line| *line == "broken").count(), broken);
    }
}

#[test]
fn what_cannot_be_started_is_not_tried_again() {
    let script = file("script-without-first-line");
    std::fs::write(&script, "exit 0\n").unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    for (program, code, says) in [
        ("/nowhere/app", 127, "there is no such file"),
        ("no-such-program", 127, "no folder of PATH has it"),
        ("/etc/passwd", 126, "/etc/passwd is not executable: chmod +x /etc/passwd"),
        (script.to_str().unwrap(), 126, "has no first line that says what runs it"),
    ] {
        let mut larder = Setup::default().running(&["--", program]).start();
        assert_eq!(larder.wait().code(), Some(code), "{program}");
        let said = larder.wait_for_error_line(&format!("the app cannot be started: {program}: "));
        assert!(said.contains(says), "{said}");
        assert!(larder.error_lines("again in").is_empty());
    }
    std::fs::remove_file(&script).unwrap();
}

#[test]
fn an_empty_word_is_no_program() {
    let output = Command::new(env!("CARGO_BIN_EXE_larder")).args(["run", "--", ""]).output();
    let output = output.expect("the binary can be started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the word behind -- is empty"), "{said}");
    assert!(said.contains("Usage: larder run"), "{said}");
}

#[test]
fn what_the_app_prints_is_passed_on_to_the_same_stream() {
    let larder = answering(&[], &[]);
    larder.get("/lines");
    assert_eq!(larder.wait_for_output_line("a line"), "a line");
    assert_eq!(larder.wait_for_error_line("a complaint"), "a complaint");
    let before = larder.peak_bytes();
    larder.get("/long-line");
    larder.get("/lines");
    until("all of the long line came", || {
        let bytes: usize = larder.output_lines("xxx").iter().map(String::len).sum();
        (bytes == 10 << 20).then_some(())
    });
    assert!(larder.output_lines("xxx").iter().all(|line| line.len() <= 64 << 10));
    let grown = larder.peak_bytes() - before;
    assert!(grown < 4 << 20, "{grown} bytes for a line of 10 MiB");
}

#[test]
fn what_the_app_prints_can_be_marked() {
    let larder = answering(&["--mark-output"], &[]);
    larder.get("/lines");
    assert_eq!(larder.wait_for_output_line("a line"), "app | a line");
    assert_eq!(larder.wait_for_error_line("a complaint"), "app | a complaint");
}

#[test]
fn nothing_that_the_app_began_outlives_it() {
    let larder = answering(&[], &[]);
    let pids = processes(&larder);
    kill(pids[2]);
    wait_until_gone(&pids);
    larder.wait_for_metric("larder_app_restarts_total", &[], 1);
}

#[test]
fn many_that_an_app_leaves_behind_are_ended_as_soon_as_few() {
    let script = "i=0; while [ $i -lt 800 ]; do sleep 1000 & i=$((i+1)); done; exit 3";
    let line = ["--max-crashes", "1", "--", "sh", "-c", script];
    let mut larder = Setup::default().running(&line).start();
    assert_eq!(larder.wait().code(), Some(3));
    assert!(larder.error_lines("the process that guards the app hangs").is_empty());
}

#[test]
fn nothing_of_the_app_outlives_larder_that_was_told_to_end() {
    let mut larder = answering(&["--stop-timeout", "200ms"], &[]);
    let pids = processes(&larder);
    assert_eq!(larder.stop().code(), Some(0));
    assert!(pids.iter().all(|pid| !runs(*pid)), "all are gone before Larder is");
}

#[test]
fn nothing_of_the_app_outlives_larder_that_was_killed() {
    let mut larder = answering(&[], &["--stubborn"]);
    let pids = processes(&larder);
    larder.kill();
    wait_until_gone(&pids);
}

/// The processes that were told that port.
fn told_port(port: u16) -> Vec<u32> {
    let told = format!("PORT={port}").into_bytes();
    let is_told = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|b| *b == 0).any(|variable| *variable == *told)
    };
    numbers_of_processes().filter(is_told).collect()
}

fn numbers_of_processes() -> impl Iterator<Item = u32> {
    let folder = std::fs::read_dir("/proc").unwrap();
    folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[test]
fn nothing_of_the_app_outlives_larder_that_was_killed_while_it_was_started() {
    for _ in 0..5 {
        let mut larder = answering(&[], &[]);
        let port = address_of_app(&larder).port();
        assert_eq!(told_port(port).len(), 2, "the app and its guard");
        larder.get("/crash");
        larder.wait_for_metric("larder_app_restarts_total", &[], 1);
        larder.kill();
        until("all are gone", || told_port(port).is_empty().then_some(()));
    }
}

#[test]
fn an_app_whose_guard_was_killed_is_ended_whole_and_started_again() {
    let larder = answering(&[], &["--stubborn"]);
    let pids = processes(&larder);
    let pid = pids[2];
    let guard = parent_of(pid);
    kill(guard);
    larder.wait_for_error_line(&format!("(larder-guard, {guard}) was killed"));
    larder.wait_for_error_line("the app ended with its guard");
    wait_until_gone(&pids);
    larder.wait_for_metric("larder_app_restarts_total", &[], 1);
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_ne!(pid_of_app(&larder), pid);
}

#[test]
fn an_app_that_listens_elsewhere_is_told_of_with_what_to_do() {
    for (arguments, says, mend) in [
        (&["--host", "::1"][..], "the app listens on [::1]:", "HOST, HOSTNAME and PORT"),
        (&["--port", "0"], "the app listens on 127.0.0.1:", "--port-env"),
    ] {
        let larder = running(&[], arguments);
        let said = larder.wait_for_error_line(says);
        assert!(said.contains(" and not on 127.0.0.1:") && said.contains(mend), "{said}");
        let ready = larder.admin("GET", "/ready", "");
        assert_eq!(ready.status, 503);
        assert!(ready.text().contains(says), "{}", ready.text());
    }
}

#[test]
fn an_app_whose_port_is_taken_gets_another() {
    let larder = answering(&["--max-crashes", "0"], &[]);
    let before = address_of_app(&larder);
    let taken = until("the port can be taken", || {
        larder.get("/crash");
        TcpListener::bind(before).ok()
    });
    larder.wait_for_error_line(&format!("another process took {before}: the app gets"));
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_ne!(address_of_app(&larder), before);
    until("the app is asked where it is", || (larder.get("/x").text() == "GET /x").then_some(()));
    drop(taken);
}

#[test]
fn sites_without_an_origin_have_the_app_also_after_a_reload() {
    let app = app();
    let toml = |field: &str| {
        format!("[[site]]\n[[site.rule]]\nheaders = {{ set = {{ X-Rule = \"{field}\" }} }}\n")
    };
    let setup = Setup::default().running(&["--", "node", &app]);
    let larder = setup.config_of_app(&toml("first")).start();
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_eq!(larder.get("/x").field("x-rule"), Some("first"));
    let pid = pid_of_app(&larder);
    larder.reload(&toml("second"));
    larder.wait_for_error_line("the configuration was read again");
    let after = larder.get("/y");
    assert_eq!((after.field("x-rule"), after.text().as_str()), (Some("second"), "GET /y"));
    assert_eq!(pid_of_app(&larder), pid, "the app goes on");
    larder.reload("[[site]]\norigin = \"http://127.0.0.1:9\"\n");
    larder.wait_for_error_line("nobody would ask the app");
    assert_eq!(larder.get("/z").text(), "GET /z");
}

/// A command that makes what follows the first process of a system of its own; nothing where this
/// machine does not let us.
fn as_first_process() -> Option<Vec<&'static str>> {
    let command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    let command = [&command[..], &["--kill-child"]].concat();
    let tried = Command::new(command[0]).args(&command[1..]).arg("true").output();
    tried.is_ok_and(|output| output.status.success()).then_some(command)
}

/// The processes whose parent is `pid`, with what they are called.
fn children_of(pid: u32) -> Vec<(u32, String)> {
    let name = |child: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let parent: u32 = rest.split(' ').nth(1)?.parse().ok()?;
        (parent == pid).then(|| (child, name.to_owned()))
    };
    numbers_of_processes().filter_map(name).collect()
}

#[test]
fn as_the_first_process_it_hears_of_orphans_and_leaves_its_own_children_alone() {
    let Some(within) = as_first_process() else {
        println!("left out: this machine does not let us have processes of our own");
        return;
    };
    let toml = "[[site]]\n[site.images]\n";
    let app = app();
    let line = ["--stop-timeout", "200ms", "--", "node", &app];
    let setup = Setup::default().within(&within).running(&line).config_of_app(toml);
    let mut larder = setup.start();
    larder.wait_for_metric("larder_app_up", &[], 1);
    let [(first, _)] = &children_of(larder.pid())[..] else { panic!("it has one child") };
    // A process that comes from elsewhere, as those of `docker exec` do, and leaves one behind.
    let target = first.to_string();
    let entered = Command::new("nsenter")
        .args(["--target", &target, "--user", "--pid", "--preserve-credentials"])
        .args(["setsid", "sh", "-c", "sleep 0.2 & exit 0"])
        .status();
    assert!(entered.expect("nsenter is where unshare is").success());
    let sleeps = || children_of(*first).iter().filter(|(_, name)| name == "sleep").count();
    until("the orphan is a child of Larder", || (sleeps() == 1).then_some(()));
    until("Larder has heard of its end", || (sleeps() == 0).then_some(()));
    // Its guard and what makes pictures are still its own, and their ends are heard by whom they concern.
    let pids = processes_inside(&larder);
    assert_eq!(pids.len(), 3);
    larder.get("/crash");
    larder.wait_for_metric("larder_app_restarts_total", &[], 1);
    larder.wait_for_error_line("the app ended with code 3");
    let inside = Command::new("kill").args(["-TERM", &target]).status();
    assert!(inside.expect("kill is there").success());
    assert_eq!(larder.wait().code(), Some(0));
}

/// The processes that an app begins whose numbers are not those of this system.
fn processes_inside(larder: &Larder) -> Vec<String> {
    let begun = larder.get("/processes").text();
    begun.split(' ').map(str::to_owned).chain([larder.get("/pid").text()]).collect()
}

#[test]
fn an_astro_site_is_run() {
    let site = crate::support::browser::tests().join("sites/astro");
    let (node, entry) = (site.join("node_modules/.bin/node"), site.join("dist/server/entry.mjs"));
    assert!(node.exists() && entry.exists(), "the site is not built: run scripts/setup test");
    let line = ["--", node.to_str().unwrap(), entry.to_str().unwrap()];
    let setup = Setup::default().running(&line);
    let mut larder = setup.config_of_app("[[site]]\npreset = \"astro\"\n").start();
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_eq!(larder.fill("/").status, 200);
    assert!(larder.get("/").is_hit());
    assert_eq!(larder.stop().code(), Some(0));
}

#[test]
fn where_larder_cannot_start_no_app_is_begun() {
    let origin = Origin::answering(|_| Reply::ok("of the first"));
    let first = Larder::before(&origin);
    let left = first.data().join("begun");
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
    command.arg(first.data()).args(["--", "touch"]).arg(&left);
    let output = command.output().expect("the binary can be started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!left.exists(), "{said}");
}

/// A Larder whose standard error is a pipe that nobody reads, and that pipe.
fn unread(flags: &[&str], script: &str) -> (Child, PipeReader, PipeWriter) {
    let data = file("unread");
    std::fs::create_dir_all(&data).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]);
    command.arg(&data).args(flags).args(["--", "sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer.try_clone().unwrap());
    (command.spawn().expect("the binary can be started"), reader, writer)
}

/// Whether there is no room in a pipe.
fn is_full(pipe: &PipeWriter) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut asked = [PollFd::new(pipe, PollFlags::OUT)];
    poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
    !asked[0].revents().contains(PollFlags::OUT)
}

/// The exit code, which comes though nobody reads.
fn ends_within(larder: &mut Child, seconds: u64) -> Option<i32> {
    let begun = Instant::now();
    let status = until("Larder has ended", || larder.try_wait().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(seconds), "{:?}", begun.elapsed());
    status.code()
}

#[test]
fn larder_ends_though_nobody_reads_what_its_app_prints() {
    // An app that ends at once, and one that says something before, which has to wait for its turn.
    for script in ["yes >&2", "trap 'echo ends >&2; exit 0' TERM; while :; do echo yes >&2; done"] {
        let (mut larder, _reader, writer) = unread(&["--stop-timeout", "1h"], script);
        until("the pipe is full", || is_full(&writer).then_some(()));
        send("-TERM", &[larder.id()]);
        assert_eq!(ends_within(&mut larder, 10), Some(0), "{script}");
    }
}

#[test]
fn an_app_is_started_again_though_nobody_reads_what_it_prints() {
    let flood = "timeout 0.2 yes >&2; exit 7";
    let (mut larder, _reader, writer) = unread(&["--max-crashes", "2"], flood);
    until("the pipe is full", || is_full(&writer).then_some(()));
    assert_eq!(ends_within(&mut larder, 10), Some(7));
}

#[test]
fn what_nobody_could_read_comes_once_it_is_read() {
    let (mut larder, mut reader, writer) = unread(&[], "yes >&2");
    until("the pipe is full", || is_full(&writer).then_some(()));
    drop(writer);
    send("-TERM", &[larder.id()]);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(larder.wait().unwrap().code(), Some(0));
    assert!(said.lines().all(|line| line == "y" || line.starts_with("20")), "no line is broken");
    assert!(said.lines().any(|line| line.ends_with("stopped; everything was finished")));
}

#[test]
fn where_there_is_no_file_to_read_again_a_closed_terminal_ends_it() {
    let mut larder = answering(&[], &[]);
    let pid = pid_of_app(&larder);
    send("-HUP", &[larder.pid()]);
    assert_eq!(larder.wait().code(), Some(0));
    larder.wait_for_error_line("SIGHUP: no new requests");
    assert!(!runs(pid));
}

#[test]
fn begun_by_nohup_it_outlives_its_terminal() {
    let app = app();
    let setup = Setup::default().running(&["--", "node", &app]).within(&["nohup"]);
    let mut larder = setup.start();
    larder.wait_for_metric("larder_app_up", &[], 1);
    send("-HUP", &[larder.pid()]);
    larder.wait_for_metric("larder_app_up", &[], 1);
    assert_eq!(larder.get("/pid").status, 200);
    assert_eq!(larder.stop().code(), Some(0));
    assert!(larder.error_lines("SIGHUP").is_empty());
}

#[test]
fn who_is_told_to_end_when_the_app_is_given_up_keeps_its_exit_code() {
    let file = file("may-end");
    let script = format!("until test -e {}; do sleep 0.01; done; exit 7", file.display());
    let line = ["--max-crashes", "1", "--", "sh", "-c", &script];
    let origin = Origin::answering(|_| Reply::ok("x".repeat(10 << 20)));
    let site = format!(
        "[[site]]\nhosts = [\"site.test\"]\norigin = \"http://{}\"\n[[site]]\n",
        origin.address()
    );
    let mut larder = Setup::default().running(&line).config_of_app(&site).start();
    let mut slow = larder.connect();
    slow.send("GET /large HTTP/1.1\r\nHost: site.test\r\n\r\n");
    slow.read_bytes(1000);
    std::fs::write(&file, "").unwrap();
    larder.wait_for_error_line("the app is not started again: no new requests");
    larder.terminate();
    larder.wait_for_error_line("SIGTERM: what runs is finished; another stops at once");
    slow.read_to_end();
    assert_eq!(larder.wait().code(), Some(7));
    assert!(larder.error_lines("a second signal").is_empty());
}
