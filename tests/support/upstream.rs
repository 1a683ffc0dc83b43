//! A server of other people's news: a document of items, and a picture for each.

use super::{Gate, Larder, Origin, Received, Reply, pictures, until};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// An upstream that answers as the test says.
pub struct Upstream {
    /// The server.
    pub origin: Origin,
    says: Arc<Mutex<Says>>,
}

/// What it answers.
pub struct Says {
    /// The names of its items; each has a picture `/p/NAME.png`.
    pub items: Vec<String>,
    /// What goes out in the place of the document, and of pictures by their paths.
    pub instead: HashMap<String, (u16, Vec<u8>)>,
    /// A field that the document bears beside.
    pub field: Option<(String, String)>,
    /// Whether it has validators and answers 304.
    pub validates: bool,
    /// Who stops here before he answers, by path.
    pub gates: HashMap<String, Gate>,
}

/// The path of the document.
pub const NEWS: &str = "/news";

impl Upstream {
    /// One with these items.
    pub fn of(items: &[&str]) -> Upstream {
        let says = Arc::new(Mutex::new(Says {
            items: items.iter().map(|&item| item.to_owned()).collect(),
            instead: HashMap::new(),
            field: None,
            validates: false,
            gates: HashMap::new(),
        }));
        let answers = says.clone();
        let origin = Origin::answering(move |asked| {
            let gate = answers.lock().unwrap().gates.get(&asked.target).cloned();
            if let Some(gate) = gate {
                gate.pass();
            }
            let host = asked.field("host").unwrap_or_default().to_owned();
            answers.lock().unwrap().answer(&asked.target, &host, asked.field("if-none-match"))
        });
        Upstream { origin, says }
    }

    /// What it says from now on.
    pub fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap()
    }

    /// Has it say other items.
    pub fn has(&self, items: &[&str]) {
        self.says().items = items.iter().map(|&item| item.to_owned()).collect();
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.origin.asked().iter().filter(|asked| asked.target == path).count()
    }

    /// A `[[site]]` and a `[[feed]]` of it, with these lines beside the usual ones.
    pub fn toml(&self, lines: &str) -> String {
        let url = format!("http://{}{NEWS}", self.origin.address());
        format!(
            "[[site]]\norigin = \"{{origin}}\"\n[[feed]]\nname = \"news\"\nurl = \"{url}\"\n\
             serve_at = \"/api/news.json\"\nevery = \"1h\"\nallow_private = true\n\
             images = [\"$.data[*].image\"]\n{lines}\n"
        )
    }
}

impl Says {
    fn answer(&self, path: &str, host: &str, known: Option<&str>) -> Reply {
        if let Some((status, body)) = self.instead.get(path) {
            let reply = Reply::status(*status, body);
            return self.field.iter().fold(reply, |reply, (name, value)| reply.with(name, value));
        }
        if let Some(name) = path.strip_prefix("/p/").and_then(|rest| rest.strip_suffix(".png")) {
            let seed = name.bytes().map(u32::from).sum();
            return Reply::ok(pictures::png(64, 48, seed)).with("Content-Type", "image/png");
        }
        if path != NEWS {
            return Reply::status(404, "");
        }
        let item = |name: &String| json!({ "id": name, "image": format!("http://{host}/p/{name}.png"), "text": "x".repeat(2000) });
        let all: Vec<Value> = self.items.iter().map(item).collect();
        let tag = format!("\"{}\"", self.items.join("-"));
        if self.validates && known == Some(&*tag) {
            return Reply::status(304, "").with("ETag", &tag);
        }
        let mut reply = Reply::ok(json!({ "data": all }).to_string());
        reply = reply.with("Content-Type", "application/json");
        if self.validates {
            reply = reply.with("ETag", &tag);
        }
        self.field.iter().fold(reply, |reply, (name, value)| reply.with(name, value))
    }
}

/// Waits until the feed has an edition of that number; gives the document.
pub fn edition(larder: &Larder, number: u64) -> Value {
    until(&format!("edition {number} is published"), || {
        (feed(larder)["edition"]["number"] == number).then_some(())
    });
    document(larder)
}

/// The document as it is served now.
pub fn document(larder: &Larder) -> Value {
    let received = larder.get("/api/news.json");
    assert_eq!(received.status, 200, "{}", received.text());
    serde_json::from_slice(&received.body).expect("it is JSON")
}

/// The paths of the pictures in a document.
pub fn images(document: &Value) -> Vec<String> {
    let items = document["data"].as_array().expect("it has items");
    items.iter().map(|item| item["image"].as_str().unwrap_or_default().to_owned()).collect()
}

/// How the feed stands.
pub fn feed(larder: &Larder) -> Value {
    larder.admin_json("/v1/feeds")["feeds"][0].clone()
}

/// Waits until the feed has run so often and waits again.
pub fn runs(larder: &Larder, count: u64) -> Value {
    until(&format!("it has run {count} times"), || {
        let feed = feed(larder);
        (feed["runs"].as_u64() >= Some(count) && feed["state"] != "fetching").then_some(feed)
    })
}

/// How the feed of that name stands.
pub fn named(larder: &Larder, name: &str) -> Value {
    let told = larder.admin_json("/v1/feeds");
    let feeds = told["feeds"].as_array().expect("it lists feeds");
    feeds.iter().find(|feed| feed["name"] == name).cloned().unwrap_or_default()
}

/// Has the feed swept, once it is not being fetched.
pub fn sweep(larder: &Larder) {
    until("it is swept", || {
        let (code, _, said) = larder.command(&["feeds", "sweep", "news"]);
        assert!(code == Some(0) || said.contains("it is being fetched now"), "{said}");
        (code == Some(0)).then_some(())
    });
}

/// Has the feed fetched at once.
pub fn refresh(larder: &Larder) -> (u16, Value) {
    let received: Received = larder.admin_post("/v1/feeds/news/refresh", "{}");
    (received.status, serde_json::from_str(&received.text()).unwrap_or_default())
}

/// The files of the feed that are there.
pub fn files(larder: &Larder) -> Vec<String> {
    let folder = larder.data().join("feeds/news/files");
    let all: Vec<_> =
        std::fs::read_dir(folder).map(|all| all.flatten().collect()).unwrap_or_default();
    let mut names: Vec<String> =
        all.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
