//! The process: how it starts, what it tells its operators, and how it ends.

use crate::support::{Client, DEADLINE, Gate, Larder, Origin, Reply, until};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Runs `larder` with the arguments that stand in `line`, to its end.
fn run(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(line.split_whitespace()).env_remove("LARDER_ADMIN");
    command.output().expect("the binary can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A Larder that was started by hand, where the flags of the others do not do.
struct ByHand {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl ByHand {
    /// Starts it before an origin with that folder.
    fn start(origin: &Origin, data: impl AsRef<Path>) -> ByHand {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(["--origin", &format!("http://{}", origin.address()), "--data"]);
        command.arg(data.as_ref()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be started");
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (tells, lines) = channel();
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).try_for_each(|line| tells.send(line))
        });
        ByHand { child, lines, said: Vec::new() }
    }

    /// Waits for a line on standard error that contains `part`.
    fn wait_for(&mut self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            self.said
                .push(line.unwrap_or_else(|_| panic!("no line has {part:?}: {:?}", self.said)));
            if self.said.last().is_some_and(|line| line.contains(part)) {
                return self.said.last().cloned().unwrap();
            }
        }
    }

    /// Waits until it ends by itself.
    fn wait(&mut self) -> Option<i32> {
        until("the process ends", || self.child.try_wait().unwrap()).code()
    }

    /// Ends it by a signal; gives its exit code and all that it said.
    fn stop(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let status = until("the process ends", || self.child.try_wait().unwrap());
        self.said.extend(self.lines.iter());
        (status.code(), std::mem::take(&mut self.said))
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An origin that answers `/slow` only once the gate opens, and all else at once.
fn slow(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::answering(move |asked| {
        if asked.target == "/slow" {
            gate.pass();
        }
        Reply::cached("max-age=60", "hello")
    })
}

/// A client whose request waits at the origin, which is the `count`th there.
fn waiting(larder: &Larder, origin: &Origin, method: &str, count: usize) -> Client {
    let mut client = larder.connect();
    client.send(format!("{method} /slow HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n"));
    origin.wait_for(count);
    client
}

#[test]
fn sigterm_lets_what_runs_finish_and_takes_nothing_new() {
    let gate = Gate::shut();
    let origin = slow(&gate);
    let mut larder = Larder::before(&origin);
    let mut idle = larder.connect();
    idle.get("/");
    let mut busy = waiting(&larder, &origin, "GET", 2);
    let mut posting = waiting(&larder, &origin, "POST", 3);
    larder.terminate();
    larder.wait_for_error_line("SIGTERM: no new requests");
    until("connections are refused", || TcpStream::connect(larder.address).is_err().then_some(()));
    idle.assert_closed();
    assert_eq!(larder.admin("GET", "/ready", "").status, 503);
    assert_eq!(larder.admin("GET", "/health", "").status, 200);
    gate.open();
    for client in [&mut busy, &mut posting] {
        let received = client.read();
        assert_eq!((received.status, received.text().as_str()), (200, "hello"));
        client.assert_closed();
    }
    assert_eq!(larder.wait().code(), Some(0));
    larder.wait_for_error_line("stopped; everything was finished");
}

#[test]
fn sigint_ends_as_sigterm_does() {
    let origin = slow(&Gate::shut());
    let mut larder = ByHand::start(&origin, "/proc/none");
    larder.wait_for("listens on");
    let (code, said) = larder.stop("-INT");
    assert_eq!(code, Some(0));
    assert!(said.iter().any(|line| line.contains("SIGINT: no new requests")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("everything was finished")), "{said:?}");
}

#[test]
fn what_outlives_the_drain_timeout_is_cut_and_said() {
    let toml = "[server]\nlimits.drain_timeout = \"50ms\"\n[[site]]\norigin = \"{origin}\"";
    for (count, says) in [(1, "one connection was cut"), (3, "3 connections were cut")] {
        let gate = Gate::shut();
        let origin = slow(&gate);
        let mut larder = Larder::configured(toml, &origin);
        let mut clients: Vec<_> =
            (1..=count).map(|count| waiting(&larder, &origin, "POST", count)).collect();
        assert_eq!(larder.stop().code(), Some(0), "the end was wanted");
        let line = larder.wait_for_error_line("stopped;");
        assert!(line.contains(says) && line.contains("drain_timeout"), "{line}");
        clients.iter_mut().for_each(Client::assert_closed);
        gate.open();
    }
}

#[test]
fn a_port_in_use_names_the_flag_that_changes_it() {
    let origin = slow(&Gate::shut());
    let other = Larder::before(&origin);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TcpListener::bind(any).unwrap();
    let stranger = listener.local_addr().unwrap();
    let url = format!("http://{}", origin.address());
    for (listen, admin, address, flag) in [
        (other.address, any, other.address, "--listen ADDR"),
        (stranger, any, stranger, "--listen ADDR"),
        (any, other.admin, other.admin, "--admin ADDR"),
        (any, stranger, stranger, "--admin ADDR"),
    ] {
        let output = run(&format!("serve --origin {url} --listen {listen} --admin {admin}"));
        assert_eq!(output.status.code(), Some(1), "{flag} {address}");
        let said = text(&output.stderr);
        assert!(said.contains(flag) && said.contains(&address.to_string()), "{said}");
        assert!(said.contains("another process listens on"), "{said}");
    }
    assert_eq!(other.get("/").status, 200, "the first one goes on");
}

#[test]
fn health_and_ready_are_said_while_it_serves() {
    let origin = slow(&Gate::shut());
    let larder = Larder::before(&origin);
    for (target, status, body) in [("/health", 200, "ok\n"), ("/ready", 200, "ready\n")] {
        let received = larder.admin("GET", target, "");
        assert_eq!((received.status, received.text().as_str()), (status, body), "{target}");
    }
    assert_eq!(larder.admin("GET", "/nothing", "").status, 404);
    let metrics = larder.admin("GET", "/metrics", "");
    let kind = metrics.field("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    assert!(metrics.text().ends_with("# EOF\n"));
    assert_eq!(origin.count(), 0, "nobody asks an origin whether it is well");
}

#[test]
fn metrics_count_answers_by_how_they_came_about() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| match asked.target.as_str() {
        "/storm" => {
            let gate = held.clone();
            let head = "HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\n";
            Reply::by(move |wire| {
                wire.send(head);
                wire.pass(&gate);
                wire.send("body");
            })
        }
        "/private" => Reply::cached("private", "x"),
        _ if asked.field("if-none-match").is_some() => {
            Reply::status(304, "").with("Cache-Control", "max-age=10").with("ETag", "\"a\"")
        }
        "/swr" => Reply::cached("max-age=10, stale-while-revalidate=60", "x"),
        _ => Reply::cached("max-age=10", "x").with("ETag", "\"a\""),
    });
    let larder = Larder::before(&origin);
    let mut storm = [larder.connect(), larder.connect()];
    for client in &mut storm {
        client.send("GET /storm HTTP/1.1\r\nHost: site.test\r\n\r\n");
        client.read_head();
    }
    gate.open();
    storm.iter_mut().for_each(|client| assert_eq!(client.read_bytes(4), b"body"));
    for target in ["/a", "/a", "/a", "/private", "/private", "/swr"] {
        larder.fill(target);
    }
    larder.turn_clock(10);
    larder.fill("/a");
    larder.fill("/swr");
    larder.ask("POST", "/a", &[]);
    for (name, labels, count) in [
        ("larder_requests_total", ["verdict=\"hit\"", "status=\"200\""], 2),
        ("larder_requests_total", ["verdict=\"miss\"", "status=\"200\""], 5),
        ("larder_requests_total", ["verdict=\"collapsed\"", "status=\"200\""], 1),
        ("larder_requests_total", ["verdict=\"revalidated\"", "status=\"200\""], 1),
        ("larder_requests_total", ["verdict=\"stale\"", "site=\"default\""], 1),
        ("larder_requests_total", ["verdict=\"pass\"", "site=\"default\""], 1),
        ("larder_collapsed_total", [""; 2], 1),
        ("larder_stale_total", [""; 2], 1),
        ("larder_expired_total", [""; 2], 1),
        ("larder_revalidated_total", [""; 2], 1),
        ("larder_unchanged_total", [""; 2], 1),
        ("larder_origin_requests_total", ["site=\"default\"", ""], 8),
        ("larder_origin_seconds_count", [""; 2], 8),
        ("larder_origin_failures_total", [""; 2], 0),
        ("larder_not_stored_total", ["reason=\"private\"", ""], 2),
        ("larder_reasons_total", ["reason=\"private\"", ""], 2),
        ("larder_reasons_total", ["reason=\"method\"", ""], 1),
        ("larder_body_bytes_total", [""; 2], 8 + 9),
    ] {
        larder.wait_for_metric(name, &labels, count);
    }
    assert!(larder.metrics().sum("larder_memory_bytes", &[]) > 0);
}

#[test]
fn operators_are_answered_while_the_data_path_waits_for_a_dead_slow_origin() {
    let gate = Gate::shut();
    let origin = slow(&gate);
    let larder = Larder::before(&origin);
    larder.fill("/fast");
    let mut clients: Vec<_> =
        (2..50).map(|count| waiting(&larder, &origin, "POST", count)).collect();
    for target in ["/health", "/ready", "/metrics"] {
        assert_eq!(larder.admin("GET", target, "").status, 200, "{target}");
    }
    assert_eq!(larder.metrics().sum("larder_requests_total", &["verdict=\"pass\""]), 0);
    assert!(larder.metrics().sum("larder_connections", &[]) >= 48);
    assert!(larder.get("/fast").is_hit(), "nor does it hold up what is there");
    gate.open();
    assert!(clients.iter_mut().all(|client| client.read().status == 200));
}

#[test]
fn the_access_log_has_a_line_of_json_a_request() {
    let origin = slow(&Gate::shut());
    let toml = "[log]\naccess = \"json\"\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    larder.fill("/a?b=%22");
    larder.get("/a?b=%22");
    larder.ask("DELETE", "/gone", &[("Host", "other.test:81")]);
    for (part, method, host, target, verdict, detail) in [
        ("\"miss\"", "GET", "site.test", "/a?b=%22", "miss", "uri-miss"),
        ("\"hit\"", "GET", "site.test", "/a?b=%22", "hit", ""),
        ("DELETE", "DELETE", "other.test:81", "/gone", "pass", "method"),
    ] {
        let line = larder.wait_for_output_line(part);
        let json: serde_json::Value = serde_json::from_str(&line).expect("each line is JSON");
        for (name, value) in [
            ("method", method),
            ("host", host),
            ("target", target),
            ("verdict", verdict),
            ("detail", detail),
            ("client", "127.0.0.1"),
            ("site", "default"),
        ] {
            assert_eq!(json[name], value, "{name}: {line}");
        }
        assert_eq!((&json["status"], &json["bytes"]), (&200.into(), &5.into()), "{line}");
        assert!(json["time_ms"].is_u64() && json["took_us"].is_u64(), "{line}");
        assert_eq!(json.get("cut"), None, "{line}");
    }
}

#[test]
fn the_access_log_can_have_the_common_format() {
    let origin = slow(&Gate::shut());
    let toml = "[log]\naccess = \"common\"\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    larder.get("/a?b");
    let line = larder.wait_for_output_line("/a?b");
    let (client, rest) = line.split_once(" - - [").expect("the client comes first");
    let (time, rest) = rest.split_once("] ").expect("then the time");
    assert_eq!((client, rest), ("127.0.0.1", "\"GET /a?b HTTP/1.1\" 200 5"));
    assert_eq!((time.len(), &time[20..]), (26, " +0000"), "{time}");
}

#[test]
fn a_hundred_answers_without_a_hit_are_explained_once() {
    let origin = Origin::as_told();
    let mut silent = Larder::before(&origin);
    let mut hitting = Larder::before(&origin);
    hitting.fill_with("/", &[("X-Reply", "Cache-Control: max-age=60")]);
    assert!(hitting.get("/").is_hit());
    for larder in [&silent, &hitting] {
        let mut client = larder.connect();
        for number in 0..250 {
            client.get(&format!("/{number}"));
        }
    }
    for larder in [&mut silent, &mut hitting] {
        assert_eq!(larder.stop().code(), Some(0));
        larder.wait_for_error_line("stopped;");
    }
    let advice = silent.error_lines("none of the first 100 answers");
    let [line] = advice.as_slice() else { panic!("said {} times", advice.len()) };
    for part in ["100 times", "`no-freshness`", "Cache-Control: s-maxage=60", "not-cached.md"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(hitting.error_lines("none of the first").is_empty());
}

#[test]
fn the_admin_token_is_for_its_owner_alone_and_kept_by_the_next_start() {
    let origin = slow(&Gate::shut());
    let mut first = Larder::before(&origin);
    let path = first.data().join("admin.token");
    let token = std::fs::read_to_string(&path).expect("the first start makes it");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.clone()), mode(first.data())), (0o600, 0o700));
    assert_eq!(token.trim().len(), 64, "32 bytes in hexadecimal");
    let data = first.data();
    let mut refused = ByHand::start(&origin, &data);
    refused.wait_for("another process uses this folder; end it, or choose another");
    assert_eq!(refused.wait(), Some(1), "two on one folder would spoil it");
    first.stop();
    let mut second = ByHand::start(&origin, &data);
    let start = second.wait_for("listens on");
    assert!(start.contains(&format!("folder {}", data.display())), "{start}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), token);
    assert_eq!(second.stop("-TERM").0, Some(0));
    let said = first.error_lines("").join("\n");
    assert!(!said.contains(token.trim()), "it is told to nobody");
}

#[test]
fn without_a_folder_to_write_it_serves_and_says_so_once() {
    let origin = slow(&Gate::shut());
    let mut larder = ByHand::start(&origin, "/proc/larder");
    let start = larder.wait_for("listens on http://");
    assert!(start.contains("; no folder;"), "{start}");
    let address = start.split_once("listens on http://").unwrap().1.split_once(',').unwrap().0;
    let mut client = Client::connect(address.parse().unwrap());
    assert_eq!((client.get("/").status, client.get("/").status), (200, 200));
    let (code, said) = larder.stop("-TERM");
    let about: Vec<_> = said.iter().filter(|line| line.contains("/proc/larder")).collect();
    assert_eq!((code, about.len()), (Some(0), 1), "{said:?}");
    assert!(about[0].contains("--data"), "{}", about[0]);
}

#[test]
fn larder_health_says_by_its_exit_code_whether_it_is_ready() {
    let gate = Gate::shut();
    let origin = slow(&gate);
    let mut larder = Larder::before(&origin);
    let line = format!("health --admin http://{}", larder.admin);
    let says = |output: &Output| (output.status.code(), text(&output.stdout));
    assert_eq!(says(&run(&line)), (Some(0), "ready\n".to_owned()));
    let json = run(&format!("{line} --json"));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    assert_eq!(json, serde_json::json!({ "ready": true, "status": 200, "detail": "ready" }));
    let mut busy = waiting(&larder, &origin, "GET", 1);
    larder.terminate();
    until("it is no longer ready", || (run(&line).status.code() != Some(0)).then_some(()));
    let stopping = run(&line);
    assert_eq!(says(&stopping), (Some(1), String::new()));
    assert!(text(&stopping.stderr).contains("not ready (status 503): stopping"));
    gate.open();
    assert_eq!(busy.read().status, 200);
    larder.wait();
    let gone = run(&line);
    assert_eq!(says(&gone), (Some(1), String::new()));
    assert!(text(&gone.stderr).contains(&format!("no answer from http://{}", larder.admin)));
    let json = run(&format!("{line} --json"));
    assert_eq!(json.status.code(), Some(1));
    assert!(text(&json.stdout).contains("\"ready\":false"), "{}", text(&json.stdout));
    assert_eq!(run("health --admin nonsense").status.code(), Some(2));
}
