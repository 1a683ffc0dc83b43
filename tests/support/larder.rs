//! The real binary, started for one test with ports and a folder of its own.

use super::client::request;
use super::metrics::Metrics;
use super::{Authority, Client, DEADLINE, Origin, Received, until, until_no_more};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// A running Larder; killed when dropped.
pub struct Larder {
    child: Child,
    /// Where it serves.
    pub address: SocketAddr,
    /// Where it serves with TLS, if anywhere.
    pub secure: Option<SocketAddr>,
    /// Where its operators ask.
    pub admin: SocketAddr,
    setup: Setup,
    folder: PathBuf,
    errors: Arc<Lines>,
    output: Arc<Lines>,
}

/// How a Larder is to be started.
#[derive(Clone, Default)]
pub struct Setup {
    origin: Option<String>,
    config: Option<String>,
    /// Whether the configuration says where to serve.
    says_where: bool,
    /// Where operators ask, if it is to stay the same over restarts.
    admin: Option<SocketAddr>,
    /// The app that it starts, where it starts one: flags of `larder run`, `--` and the command.
    app: Vec<String>,
    /// A command that starts it, where one has to stand before it.
    within: Vec<String>,
}

/// What the process says, line by line.
#[derive(Default)]
struct Lines {
    lines: Mutex<Vec<String>>,
    came: Condvar,
}

impl Setup {
    /// With `--origin`.
    pub fn origin(self, origin: &Origin) -> Setup {
        Setup { origin: Some(format!("http://{}", origin.address())), ..self }
    }

    /// With a configuration; `{origin}` in it stands for the origin's URL.
    pub fn config(self, toml: &str, origin: &Origin) -> Setup {
        let text = toml.replace("{origin}", &format!("http://{}", origin.address()));
        Setup { config: Some(text), ..self }
    }

    /// With a certificate of `authority` for these names: one listener with TLS, one without.
    pub fn secure(
        self,
        authority: &Authority,
        names: &[&str],
        toml: &str,
        origin: &Origin,
    ) -> Setup {
        let [certificate, key] = authority.issue(names);
        let server = format!(
            "server.listen = [\"127.0.0.1:0\"]\nserver.listen_plain = [\"127.0.0.1:0\"]\n\
             server.tls = {{ certificate = {certificate:?}, key = {key:?} }}\n{toml}\n"
        );
        self.serving_as_told(&server, origin)
    }

    /// With a configuration that says itself where to serve.
    pub fn serving_as_told(self, toml: &str, origin: &Origin) -> Setup {
        Setup { says_where: true, ..self.config(toml, origin) }
    }

    /// With an admin listener that stays where it is over restarts.
    pub fn admin(self, address: SocketAddr) -> Setup {
        Setup { admin: Some(address), ..self }
    }

    /// By `larder run`, with these flags, `--` and a command.
    pub fn running(self, app: &[&str]) -> Setup {
        Setup { app: app.iter().map(|word| (*word).to_owned()).collect(), ..self }
    }

    /// Started by this command, to which it and its arguments are added.
    pub fn within(self, command: &[&str]) -> Setup {
        Setup { within: command.iter().map(|word| (*word).to_owned()).collect(), ..self }
    }

    /// With a configuration that names no origin.
    pub fn config_of_app(self, toml: &str) -> Setup {
        Setup { config: Some(toml.to_owned()), ..self }
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> Larder {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("blackbox-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        self.start_in(folder)
    }

    fn start_in(self, folder: PathBuf) -> Larder {
        let binary = env!("CARGO_BIN_EXE_larder");
        let mut command = match self.within.split_first() {
            None => Command::new(binary),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(binary);
                command
            }
        };
        let admin = self.admin.map_or("127.0.0.1:0".to_owned(), |address| address.to_string());
        let verb = if self.app.is_empty() { "serve" } else { "run" };
        command.args([verb, "--admin", &admin, "--data"]).arg(folder.join("data"));
        if !self.says_where {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if let Some(origin) = &self.origin {
            command.args(["--origin", origin]);
        }
        if let Some(text) = &self.config {
            std::fs::write(folder.join("larder.toml"), text).unwrap();
            command.arg("--config").arg(folder.join("larder.toml"));
        }
        command.args(&self.app);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be started");
        let errors = Lines::of(child.stderr.take().unwrap());
        let output = Lines::of(child.stdout.take().unwrap());
        let start = errors.wait_for("listens on");
        let address = |from: usize, behind: &str| {
            let rest = start[from..].split_once(behind)?.1;
            let end = rest.find([',', ';']).unwrap_or(rest.len());
            rest[..end].parse().ok()
        };
        let listens = start.find("listens on").expect("the start line says so");
        let known = "the start line tells both addresses";
        Larder {
            child,
            address: address(listens, "http://").expect(known),
            secure: address(listens, "https://"),
            admin: address(listens, "admin on http://")
                .or_else(|| address(listens, "admin on https://"))
                .expect(known),
            setup: self,
            folder,
            errors,
            output,
        }
    }
}

impl Larder {
    /// Larder as `larder serve --origin URL` starts it.
    pub fn before(origin: &Origin) -> Larder {
        Setup::default().origin(origin).start()
    }

    /// Larder with a configuration; `{origin}` in it stands for the origin's URL.
    pub fn configured(toml: &str, origin: &Origin) -> Larder {
        Setup::default().config(toml, origin).start()
    }

    /// Larder before an origin, with these lines of a `[[site.rule]]`.
    pub fn with_rule(rule: &str, origin: &Origin) -> Larder {
        let toml = format!("[[site]]\norigin = \"{{origin}}\"\n[[site.rule]]\n{rule}\n");
        Larder::configured(&toml, origin)
    }

    /// Ends it as told to, and starts it again on the same folder; its addresses are others.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// The same, with another configuration.
    pub fn restart_with(&mut self, toml: &str, origin: &Origin) {
        self.setup = Setup { origin: None, ..self.setup.clone().config(toml, origin) };
        self.restart();
    }

    /// The same, but it is killed.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.start_again();
    }

    /// Starts it again on the same folder, once it has ended.
    pub fn start_again(&mut self) {
        let folder = std::mem::take(&mut self.folder);
        *self = self.setup.clone().start_in(folder);
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Asks on a connection of its own.
    pub fn ask(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Received {
        self.connect().ask(method, target, fields)
    }

    /// Gets on a connection of its own.
    pub fn get(&self, target: &str) -> Received {
        self.ask("GET", target, &[])
    }

    /// Gets with fields on a connection of its own.
    pub fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Received {
        self.ask("GET", target, fields)
    }

    /// Gets, and waits until what came is stored, if it is.
    pub fn fill(&self, target: &str) -> Received {
        self.fill_with(target, &[])
    }

    /// Gets with fields, and waits until what came is stored, if it is.
    pub fn fill_with(&self, target: &str, fields: &[(&str, &str)]) -> Received {
        let received = self.get_with(target, fields);
        self.settle();
        received
    }

    /// Gets `target`, of which [`Origin::as_told`] is told what to answer, and waits until it is
    /// stored.
    pub fn told(&self, target: &str, reply: &str) -> Received {
        self.fill_with(target, &[("X-Reply", reply)])
    }

    /// Waits until nothing is on its way into the cache, nor refreshed in the background.
    pub fn settle(&self) {
        const BUSY: [&str; 5] = [
            "larder_fills",
            "larder_refreshes",
            "larder_in_flight_bytes",
            "larder_compressing",
            "larder_disk_waiting_bytes",
        ];
        until_no_more(|| {
            let metrics = self.metrics();
            let is_busy = |gauge: &&str| metrics.sum(gauge, &[]) > 0;
            BUSY.iter().find(|gauge| is_busy(gauge)).map(|gauge| format!("{gauge} to be 0"))
        });
    }

    /// Asks the admin listener.
    pub fn admin(&self, method: &str, target: &str, body: &str) -> Received {
        let mut client = Client::connect(self.admin);
        let length = body.len().to_string();
        let fields = [("Host", "localhost"), ("Content-Length", &length), ("Connection", "close")];
        client.send(request(method, target, &fields) + body);
        client.read_to(method)
    }

    /// The token of the data folder.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.data().join("admin.token")).unwrap().trim().to_owned()
    }

    /// Sends JSON to the admin listener, with the token of the data folder.
    pub fn admin_post(&self, target: &str, body: &str) -> Received {
        let mut client = Client::connect(self.admin);
        let (length, token) = (body.len().to_string(), format!("Bearer {}", self.token()));
        let fields = [
            ("Host", "localhost"),
            ("Content-Type", "application/json"),
            ("Content-Length", &length),
            ("Authorization", &token),
            ("Connection", "close"),
        ];
        client.send(request("POST", target, &fields) + body);
        client.read_to("POST")
    }

    /// Gets JSON from the admin listener, with the token of the data folder.
    pub fn admin_json(&self, target: &str) -> serde_json::Value {
        let token = format!("Bearer {}", self.token());
        let fields = [("Host", "localhost"), ("Authorization", &token), ("Connection", "close")];
        let received = Client::connect(self.admin).ask("GET", target, &fields);
        assert_eq!(received.status, 200, "{target}: {}", received.text());
        serde_json::from_str(&received.text()).expect("it is JSON")
    }

    /// Runs a command that asks this Larder; gives its exit code and what it printed where.
    pub fn command(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.command_fed(arguments, Stdio::null())
    }

    /// The same with something piped in.
    pub fn command_fed(
        &self,
        arguments: &[&str],
        input: impl Into<Stdio>,
    ) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(arguments).env_remove("LARDER_TOKEN").arg("--data").arg(self.data());
        command.env("LARDER_ADMIN", format!("http://{}", self.admin));
        command.stdin(input);
        let output = command.output().expect("the binary can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Turns the clock forward.
    pub fn turn_clock(&self, seconds: u64) {
        self.turn_clock_millis(seconds * 1000);
    }

    /// Turns the clock forward by milliseconds.
    pub fn turn_clock_millis(&self, millis: u64) {
        let turned = self.admin("POST", "/clock", &millis.to_string());
        assert_eq!(turned.status, 200, "{}", turned.text());
    }

    /// Has it end before the next such step of a feed's folder.
    pub fn crash_before(&self, feed: &str, step: &str) {
        let told = self.admin("POST", "/crash", &format!("{feed} {step}"));
        assert_eq!(told.status, 200, "{}", told.text());
    }

    /// What `/metrics` says now.
    pub fn metrics(&self) -> Metrics {
        Metrics(self.admin("GET", "/metrics", "").text())
    }

    /// Waits until a sum of `/metrics` is `value`.
    pub fn wait_for_metric(&self, name: &str, labels: &[&str], value: u64) {
        until(&format!("{name} {labels:?} is {value}"), || {
            (self.metrics().sum(name, labels) == value).then_some(())
        });
    }

    /// Bytes of memory that the process held at most so far.
    pub fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("it runs");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap() << 10
    }

    /// A folder of its own, for what else a test keeps while it runs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder given as `--data`.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Waits for a line on standard error that contains `part`.
    pub fn wait_for_error_line(&self, part: &str) -> String {
        self.errors.wait_for(part)
    }

    /// The lines on standard error so far that contain `part`.
    pub fn error_lines(&self, part: &str) -> Vec<String> {
        self.errors.with(part)
    }

    /// Waits for a line on standard output that contains `part`.
    pub fn wait_for_output_line(&self, part: &str) -> String {
        self.output.wait_for(part)
    }

    /// The lines on standard output so far that contain `part`.
    pub fn output_lines(&self, part: &str) -> Vec<String> {
        self.output.with(part)
    }

    /// Kills the process, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM to the process.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Writes another configuration over the one that it was started with, and sends SIGHUP.
    pub fn reload(&self, toml: &str) {
        std::fs::write(self.folder.join("larder.toml"), toml).unwrap();
        self.signal("-HUP");
    }

    fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the process to end.
    pub fn wait(&mut self) -> ExitStatus {
        until("the process ends", || self.child.try_wait().unwrap())
    }

    /// Ends it by SIGTERM.
    pub fn stop(&mut self) -> ExitStatus {
        self.terminate();
        self.wait()
    }
}

impl Drop for Larder {
    #[expect(clippy::print_stderr, reason = "the test runner shows it with the failure")]
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("Larder said:\n{}", self.error_lines("").join("\n"));
        }
        // It has none where it was started again.
        if !self.folder.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl Lines {
    /// Collects the lines of a stream from a thread of its own.
    fn of(stream: impl Read + Send + 'static) -> Arc<Lines> {
        let lines = Arc::new(Lines::default());
        let kept = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                kept.lines.lock().unwrap().push(line);
                kept.came.notify_all();
            }
        });
        lines
    }

    fn with(&self, part: &str) -> Vec<String> {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(part)).cloned().collect()
    }

    fn wait_for(&self, part: &str) -> String {
        let missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(part));
        let lines = self.lines.lock().unwrap();
        let (lines, _) = self.came.wait_timeout_while(lines, DEADLINE, missing).unwrap();
        let found = lines.iter().find(|line| line.contains(part)).cloned();
        found.unwrap_or_else(|| panic!("no line has {part:?}; there are:\n{}", lines.join("\n")))
    }
}
