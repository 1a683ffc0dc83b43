//! A real Astro site behind Larder, visited with a real browser.

use crate::support::browser::{tests, visit};
use crate::support::{DEADLINE, Larder, Origin};
use std::net::{SocketAddr, TcpListener, TcpStream};
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
        let folder = tests().join("sites/astro");
        let node = folder.join("node_modules/.bin/node");
        let entry = folder.join("dist/server/entry.mjs");
        assert!(node.exists() && entry.exists(), "the site is not built: run scripts/setup test");
        // Free now; whoever takes it meanwhile shows as a server that does not come up.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sessions =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sessions-{}", std::process::id()));
        std::fs::create_dir_all(&sessions).unwrap();
        let process = Command::new(node)
            .arg(entry)
            .env("HOST", "127.0.0.1")
            .env("PORT", address.port().to_string())
            .env("SESSIONS", &sessions)
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
    let pages = ["/", "/articles/first-in-first-out"];
    visit("warm.mjs", &larder, &["fill", pages[0], pages[1]]);
    larder.settle();
    // A deploy, and the site is away at once.
    larder.restart();
    drop(site);
    visit("warm.mjs", &larder, &["hits", pages[0], pages[1]]);
}
