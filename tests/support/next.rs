//! The site of `tests/sites/next` as `next start` serves it, and the content server behind it.

use super::browser::tests;
use super::client::request;
use super::{Client, Gate, Larder, Origin, Received, Reply, free_address, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Articles and other texts, and their server.
pub struct Content {
    server: Origin,
    texts: Arc<Mutex<Texts>>,
}

#[derive(Default)]
struct Texts {
    /// By their slugs.
    articles: BTreeMap<String, Value>,
    /// By the paths that they are asked for at.
    others: BTreeMap<String, String>,
    /// What is held, by its path: each time once it was read.
    gates: BTreeMap<String, Gate>,
}

impl Content {
    /// The articles of the site's own file.
    pub fn new() -> Content {
        let file = std::fs::read_to_string(tests().join("sites/next/lib/articles.json")).unwrap();
        let articles: Vec<Value> = serde_json::from_str(&file).unwrap();
        let slug = |article: &Value| article["slug"].as_str().unwrap().to_owned();
        let articles = articles.into_iter().map(|article| (slug(&article), article)).collect();
        let texts = Arc::new(Mutex::new(Texts { articles, ..Texts::default() }));
        let known = texts.clone();
        let server = Origin::answering(move |asked| {
            let (found, gate) = known.lock().unwrap().read(&asked.target);
            if let Some(gate) = gate {
                gate.pass();
            }
            match found {
                Some(found) => {
                    Reply::ok(found.to_string()).with("Content-Type", "application/json")
                }
                None => Reply::status(404, ""),
            }
        });
        Content { server, texts }
    }

    /// Gives an article a title, or makes a new one.
    pub fn call(&self, slug: &str, title: &str) {
        let mut texts = self.texts.lock().unwrap();
        let article = texts.articles.entry(slug.to_owned());
        article.or_insert_with(|| json!({ "slug": slug, "body": "New." }))["title"] = title.into();
    }

    /// How often something was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.server.asked().iter().filter(|asked| asked.target == path).count()
    }

    /// Holds what was read at a path until the gate is open.
    pub fn hold(&self, path: &str, gate: &Gate) {
        self.texts.lock().unwrap().gates.insert(path.to_owned(), gate.clone());
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What is to be said at `/note` or `/news`.
    pub fn say(&self, path: &str, text: &str) {
        self.texts.lock().unwrap().others.insert(path.to_owned(), text.to_owned());
    }
}

impl Texts {
    fn read(&self, path: &str) -> (Option<Value>, Option<Gate>) {
        (self.at(path), self.gates.get(path).cloned())
    }

    fn at(&self, path: &str) -> Option<Value> {
        if path == "/articles" {
            return Some(self.articles.values().cloned().collect());
        }
        if let Some(slug) = path.strip_prefix("/drafts/") {
            let article = self.articles.get(slug)?;
            let body = format!("{} A draft of it.", article["body"].as_str()?);
            return Some(json!({ "slug": slug, "title": article["title"], "body": body }));
        }
        match path.strip_prefix("/articles/") {
            Some(slug) => self.articles.get(slug).cloned(),
            None => self.others.get(path).map(|text| json!({ "text": text })),
        }
    }
}

/// The sites, below the tests.
const SITE: &str = "sites/next";
/// One in a folder of the other, whose packages it has.
const COMPONENTS: &str = "sites/next/components";

/// What tells a server where Larder is.
fn told(larder: &Larder) -> [(&'static str, String); 2] {
    [("LARDER_ADMIN", format!("http://{}", larder.admin)), ("LARDER_TOKEN", larder.token())]
}

/// The site's server, on a copy of what was built; killed when dropped.
pub struct NextSite {
    process: Child,
    /// Where it serves.
    pub address: SocketAddr,
    folder: PathBuf,
}

/// How one of several servers of the site is started.
pub struct Instance {
    /// Where it is to serve.
    pub address: SocketAddr,
    /// Where its content comes from.
    pub content: SocketAddr,
    /// The id of its build, if it is to be another than that of the others.
    pub build: Option<&'static str>,
}

impl NextSite {
    /// Starts it and waits until it answers.
    pub fn start(content: &Content) -> NextSite {
        let instance =
            Instance { address: free_address(), content: content.address(), build: None };
        NextSite::start_with(&instance, SITE, &[])
    }

    /// Starts one that keeps what it makes through Larder.
    pub fn sharing(instance: &Instance, larder: &Larder) -> NextSite {
        let package = tests().join("../packages/next/src/index.js").canonicalize().unwrap();
        let more = [("LARDER_NEXT", package.to_string_lossy().into_owned())];
        NextSite::start_with(instance, SITE, &[&more[..], &told(larder)].concat())
    }

    /// Starts one of the site with `cacheComponents`, which was built to do that.
    pub fn of_components(instance: &Instance, larder: &Larder) -> NextSite {
        NextSite::start_with(instance, COMPONENTS, &told(larder))
    }

    fn start_with(instance: &Instance, site: &str, more: &[(&str, String)]) -> NextSite {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("next-{}-{number}", std::process::id()));
        let (all, built) = (tests().join(SITE), tests().join(site));
        assert!(built.join(".next/BUILD_ID").exists(), "not built: run scripts/setup test");
        // Next writes what it renders and fetches into its folder.
        // It looks for its handlers from where it was built.
        let below = built.strip_prefix(&all).unwrap();
        let runs = folder.join(below);
        copy(&built.join(".next"), &runs.join(".next"));
        if let Some(build) = instance.build {
            std::fs::write(runs.join(".next/BUILD_ID"), build).unwrap();
        }
        let link = |from: PathBuf, to: PathBuf| {
            std::os::unix::fs::symlink(from.canonicalize().unwrap(), to).unwrap();
        };
        for name in ["node_modules", "public", "package.json"] {
            link(all.join(name), folder.join(name));
        }
        link(built.join("next.config.mjs"), runs.join("next.config.mjs"));
        let address = instance.address;
        let process = Command::new("node")
            .args(["node_modules/next/dist/bin/next", "start"])
            .arg(Path::new(".").join(below))
            .args(["--hostname", "127.0.0.1"])
            .args(["--port", &address.port().to_string()])
            .env("CONTENT_URL", format!("http://{}", instance.content))
            .env("NEXT_TELEMETRY_DISABLED", "1")
            .envs(more.iter().map(|(name, value)| (name, value)))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("errors")).unwrap())
            .spawn()
            .expect("node is there");
        let site = NextSite { process, address, folder };
        // It listens before it answers.
        until("the site answers", || {
            TcpStream::connect(address).ok()?;
            let mut client = Client::connect(address);
            client.try_send(request("GET", "/about", &[])).ok()?;
            client.try_read().filter(|received| received.status == 200)
        });
        site
    }

    /// Whether its own image optimizer made anything: what it makes it keeps in its folder.
    pub fn made_pictures(&self) -> bool {
        let kept = |folder: &Path| folder.join(".next/cache/images").exists();
        kept(&self.folder) || kept(&self.folder.join("components"))
    }

    /// Its settings for Larder.
    pub fn toml(&self, preset: &str) -> String {
        format!("[[site]]\norigin = \"http://{}\"\npreset = {preset:?}\n", self.address)
    }

    /// Where its scripts ask for a payload: with the `_rsc` that belongs to the other fields.
    pub fn payload(&self, target: &str, fields: &[(&str, &str)]) -> String {
        let answer = Client::connect(self.address).ask("GET", target, fields);
        answer.field("location").expect("Next sends who asks without `_rsc` there").to_owned()
    }

    /// Gets from it, past Larder.
    pub fn get(&self, target: &str) -> Received {
        Client::connect(self.address).get(target)
    }

    /// The lines of its standard error that contain `part`.
    pub fn error_lines(&self, part: &str) -> Vec<String> {
        let errors = std::fs::read_to_string(self.folder.join("errors")).unwrap();
        errors.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    /// What a content system calls when something changed: `{"tag"}`, `{"tag", "now"}`, `{"path"}`.
    pub fn publish(&self, what: &Value) {
        let body = what.to_string();
        let length = body.len().to_string();
        let mut client = Client::connect(self.address);
        client.send(request("POST", "/api/publish", &[("Content-Length", &length)]) + &body);
        let received = client.read_to("POST");
        assert_eq!(received.status, 200, "{}", received.text());
    }
}

impl Drop for NextSite {
    #[expect(clippy::print_stderr, reason = "the test runner shows it with the failure")]
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let errors = std::fs::read_to_string(self.folder.join("errors"));
            eprintln!("The site said:\n{}", errors.unwrap_or_default());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Copies a folder, but for what the build keeps for the next one.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if !path.is_dir() {
            std::fs::copy(path, to.join(name)).unwrap();
        } else if name != "cache" {
            copy(&path, &to.join(name));
        }
    }
}
