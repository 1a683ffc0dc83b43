//! A real Astro site behind Larder, visited with a real browser.

use crate::support::browser::{expect_hits, fill, tests, visit};
use crate::support::content::{SECRET, STANDARD_SECRET};
use crate::support::{Client, DEADLINE, Larder, Origin, free_address, until};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The server of the site in `tests/sites/astro`; killed when dropped.
struct Site {
    process: Child,
    address: SocketAddr,
    sessions: PathBuf,
}

impl Site {
    fn start() -> Site {
        Site::start_with(free_address(), &[])
    }

    fn start_with(address: SocketAddr, more: &[(&str, String)]) -> Site {
        let folder = tests().join("sites/astro");
        let node = folder.join("node_modules/.bin/node");
        let entry = folder.join("dist/server/entry.mjs");
        assert!(node.exists() && entry.exists(), "the site is not built: run scripts/setup test");
        let name = format!("sessions-{}-{}", std::process::id(), address.port());
        let sessions = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&sessions).unwrap();
        let process = Command::new(node)
            .arg(entry)
            .env("HOST", "127.0.0.1")
            .env("PORT", address.port().to_string())
            .env("SESSIONS", &sessions)
            .envs(more.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the site's server can be started");
        let site = Site { process, address, sessions };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < DEADLINE, "the site's server does not come up");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        site
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.sessions);
    }
}

#[test]
fn all_of_a_real_site_works_and_nothing_of_one_visitor_reaches_another() {
    let site = Site::start();
    let toml = format!("[[site]]\norigin = \"http://{}\"\npreset = \"astro\"\n", site.address);
    let mut larder = Larder::configured(&toml, &Origin::as_told());
    let said = visit("site.mjs", &larder, &[]);
    assert!(said.contains("ok  home renders"), "{said}");
    let metrics = larder.metrics();
    assert!(metrics.sum("larder_requests_total", &["verdict=\"hit\""]) > 10, "{said}");
    assert!(metrics.sum("larder_pictures_total", &["outcome=\"made\""]) > 0, "{said}");
    let pages = ["/", "/articles/first-in-first-out"];
    fill(&larder, &pages);
    larder.settle();
    // A deploy, and the site is away at once.
    larder.restart();
    drop(site);
    expect_hits(&larder, &pages);
}

#[test]
fn what_is_published_reaches_readers_by_each_way_and_over_a_restart() {
    let (address, content) = (free_address(), free_address());
    let hook = |name: &str, kind: &str, secret: &str, lines: &str| {
        format!("[[hook]]\nname = \"{name}\"\nkind = \"{kind}\"\nsecret = \"{secret}\"\n{lines}\n")
    };
    let toml = [
        format!("[[site]]\norigin = \"http://{address}\"\npreset = \"astro\"\n"),
        hook("hard-tag", "sanity", SECRET, "tags = [\"article:{$.slug}\"]"),
        hook("hard-path", "ghost", SECRET, "urls = [\"/articles/{$.post.current.slug}\"]"),
        hook("soft-tag", "standard", STANDARD_SECRET, "tags = [\"article:{$.slug}\"]\nsoft = true"),
        hook("soft-path", "github", SECRET, "urls = [\"/articles/{$.slug}\"]\nsoft = true"),
    ];
    let mut larder = Larder::configured(&toml.concat(), &Origin::as_told());
    let begin = |larder: &Larder| {
        let more = [
            ("CONTENT_URL", format!("http://{content}")),
            ("LARDER_ADMIN", format!("http://{}", larder.admin)),
            ("LARDER_TOKEN", larder.token()),
            ("PUBLISH_TOKEN", SECRET.to_owned()),
        ];
        Site::start_with(address, &more)
    };
    let port = content.port().to_string();
    for _ in 0..2 {
        let site = begin(&larder);
        let said = visit("publish.mjs", &larder, &[&port, SECRET, STANDARD_SECRET]);
        assert!(said.contains("ok  a soft purge of a path"), "{said}");
        println!("{said}");
        larder.settle();
        drop(site);
        larder.restart();
    }
    // Without Larder the site goes on, and says that nobody heard it.
    let site = begin(&larder);
    larder.stop();
    let mut client = Client::connect(site.address);
    assert_eq!(client.get("/now").status, 200);
    let token = format!("Bearer {SECRET}");
    let fields = [
        ("Host", "localhost"),
        ("Authorization", &*token),
        ("Content-Type", "application/json"),
        ("Content-Length", "12"),
    ];
    client.send(crate::support::request("POST", "/api/invalidate", &fields) + "{\"path\":\"/\"}");
    assert_eq!(client.read_to("POST").status, 500);
    until("the site still answers", || (client.get("/now").status == 200).then_some(()));
}
