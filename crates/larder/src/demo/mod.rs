//! `larder demo`: a news site that lives off a slow, rate-limited API whose pictures lie on an
//! unreliable CDN, all inside this process, and Larder in front of it. Figures are measured live: the
//! same visits to the site by itself and through Larder.

mod figures;
mod pictures;
mod servers;
mod visit;

pub use servers::{Begun, begin};

use crate::cli::Demo;
use crate::config::report::Severity;
use crate::config::{File, Flags, environment, understand};
use anyhow::{Context, anyhow, bail};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Runs the demo until it is told to stop.
///
/// # Errors
/// When an address or a folder cannot be had.
pub fn run(arguments: &Demo) -> anyhow::Result<()> {
    let begun = begin(arguments.port, arguments.items)?;
    if arguments.only_upstream {
        announce_upstream(&begun);
        loop {
            std::thread::park();
        }
    }
    let data = arguments.data.clone().unwrap_or_else(folder);
    let text = configuration(arguments, &begun);
    let flags = Flags { data: Some(data.clone()), ..Flags::default() };
    let file = File { name: "the demo's configuration", text: &text };
    let (meant, report) = understand(file, &flags, &environment::of_process);
    let meant = match meant {
        Some(meant) if report.count(Severity::Error) == 0 => meant,
        _ => bail!("{report}"),
    };
    crate::log::start(meant.level).context("a thread for the log")?;
    let larder = meant.settings.listen.first().map(|listen| listen.address);
    let larder = larder.ok_or_else(|| anyhow!("there is no address to serve on"))?;
    let had_news = meant.feeds.folder.join("news/edition.json").exists();
    let told = figures::Told { begun, larder, admin: meant.admin.listen, data, had_news };
    std::thread::Builder::new()
        .name("figures".into())
        .spawn(move || told.tell())
        .context("the thread that measures")?;
    // There is no file to be read again.
    crate::app::run(meant, None, None).map(|_| ())
}

fn announce_upstream(begun: &Begun) {
    println_plain(&format!("api {}\npictures {}\napp {}", begun.api, begun.pictures, begun.app));
}

/// Where the demo keeps what outlives it.
fn folder() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("larder-demo-{user}"))
}

fn configuration(arguments: &Demo, begun: &Begun) -> String {
    let Demo { listen, admin, .. } = arguments;
    let any = |address: &SocketAddr| format!("http://{address}");
    let (app, api) = (any(&begun.app), any(&begun.api));
    format!(
        r#"
server.listen = ["{listen}"]
admin.listen = "{admin}"
log.level = "warn"
[[site]]
origin = "{app}"
[site.images]
widths = [320, 640]
[[feed]]
name = "news"
url = "{api}/v1/news"
serve_at = "/api/news.json"
every = "1m"
images = ["$.data[*].enclosure"]
keep_original_as = "enclosureOriginal"
allow_private = true
"#
    )
}

/// Prints to standard output; that nobody reads it is nobody's loss.
fn println_plain(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}
