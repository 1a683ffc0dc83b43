//! The news page on 512 MB: Larder before the demo's own upstream, which is slow, limits its rate and
//! fails now and then.

use crate::support::upstream::{document, feed};
use crate::support::{Client, Larder, Origin, Reply, Setup, pictures, until};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// The most memory that Larder may hold here, in bytes: a debug build takes more than what is shipped,
/// which `bench news` measures.
const MOST_BYTES: u64 = 160 << 20;
/// Items of the news.
const ITEMS: usize = 30;
/// Seconds of an hour.
const HOUR: u64 = 3600;

/// `larder demo --only-upstream`; ended when dropped.
struct Upstream {
    process: Child,
    api: SocketAddr,
}

impl Upstream {
    fn start() -> Upstream {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(["demo", "--only-upstream", "--port", "0", "--items", &ITEMS.to_string()]);
        let mut process =
            command.stdout(Stdio::piped()).spawn().expect("the binary can be started");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("api ")?.to_owned()));
        let api = first.and_then(|address| address.parse().ok()).expect("it names its addresses");
        Upstream { process, api }
    }

    fn post(&self, path: &str) {
        let fields = [("Host", "api.test"), ("Content-Length", "0")];
        assert_eq!(Client::connect(self.api).ask("POST", path, &fields).status, 200);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a visitor sees: the news, and pictures in the size that the page needs.
fn visit(larder: &Larder) -> usize {
    let document = document(larder);
    let items = document["data"].as_array().expect("there are news").clone();
    for item in &items[..6] {
        let image = item["enclosure"].as_str().expect("each has a picture");
        // One that could not be had yet has its own URL.
        if image.starts_with('/') {
            let small = larder.get(&format!("/_larder/image/w=320,f=jpeg{image}"));
            assert_eq!(small.status, 200, "{image}: {}", small.text());
            assert_eq!(pictures::size(&small.body).0, 320);
        }
    }
    items.len()
}

#[test]
fn a_news_page_lives_on_while_its_upstream_limits_fails_and_dies() {
    let (app, upstream) = (Origin::answering(|_| Reply::ok("the page")), Upstream::start());
    let toml = format!(
        "[[site]]\norigin = \"{{origin}}\"\n[site.images]\nwidths = [320]\n[images]\nworkers = 1\n\
         [[feed]]\nname = \"news\"\nurl = \"http://{}/v1/news\"\nserve_at = \"/api/news.json\"\n\
         every = \"1h\"\nimages = [\"$.data[*].enclosure\"]\nallow_private = true\n",
        upstream.api
    );
    let mut larder = Setup::default().config(&toml, &app).start();
    until("there are news", || {
        // An attempt that fails is tried again as soon as the clock says so.
        larder.turn_clock(2);
        feed(&larder)["edition"].is_object().then_some(())
    });
    assert_eq!(visit(&larder), ITEMS);
    until("all pictures are here", || {
        let (code, _, _) = larder.command(&["refresh", "news"]);
        (code == Some(0) && feed(&larder)["edition"]["missing"] == 0).then_some(())
    });
    upstream.post("/off");
    for _ in 0..24 {
        larder.turn_clock(HOUR);
        assert_eq!(visit(&larder), ITEMS);
    }
    until("it is known to fail", || feed(&larder)["last_error"].is_object().then_some(()));
    assert!(larder.peak_bytes() < MOST_BYTES, "{} MiB", larder.peak_bytes() >> 20);
    larder.kill_and_restart();
    assert_eq!(visit(&larder), ITEMS);
    upstream.post("/on");
    until("it is asked again", || {
        larder.turn_clock(HOUR);
        feed(&larder)["last_error"].is_null().then_some(())
    });
    assert_eq!(visit(&larder), ITEMS);
    assert_eq!(app.count(), 0);
}
