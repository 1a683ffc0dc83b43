//! What the demo prints: the same visits to the site by itself and through Larder, measured now, and
//! what to try.

use super::servers::Begun;
use super::visit::{Visits, get, percentile};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Visits to the site by itself: it takes seconds each.
const BEFORE: u64 = 5;
/// Visits through Larder.
const AFTER: u64 = 200;
/// How long the first edition is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is told of.
pub struct Told {
    /// The servers.
    pub begun: Begun,
    /// Where Larder serves.
    pub larder: SocketAddr,
    /// Where it is asked.
    pub admin: SocketAddr,
    /// Where it keeps what outlives it.
    pub data: PathBuf,
    /// Whether there were news already, of a demo before.
    pub had_news: bool,
}

impl Told {
    /// Measures and prints.
    pub fn tell(&self) {
        let Some(first) = self.wait() else {
            return super::println_plain(
                "\n  Larder has no news to show: what went wrong stands above.\n",
            );
        };
        super::println_plain(&format!(
            "\n  A news site by itself:   http://{}/\n  The same through Larder: http://{}/\n\n  \
             {} Measuring, about half a minute …",
            self.begun.app,
            self.larder,
            arrival(self.had_news, first)
        ));
        let mirrored = self.begun.counted.bytes.load(Ordering::Relaxed);
        let (before, bytes_before) = self.measure(self.begun.app, BEFORE);
        let (after, bytes_after) = self.measure(self.larder, AFTER);
        super::println_plain(&table(&before, bytes_before, &after, bytes_after));
        let visits = (mirrored * before.count).checked_div(bytes_before);
        if let Some(visits) = visits.filter(|_| !self.had_news) {
            super::println_plain(&format!(
                "  The first edition took {} KB of the upstream, once: as much as {visits} visits.\n",
                mirrored / 1000
            ));
        }
        super::println_plain(&self.hints());
    }

    /// How long it took until there was an edition; nothing if it never came.
    fn wait(&self) -> Option<Duration> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let ready = get(self.admin, "/ready");
            let has_news = |text: &[u8]| !String::from_utf8_lossy(text).contains("nothing yet");
            if ready.is_ok_and(|(status, text)| status == 200 && has_news(&text)) {
                return Some(began.elapsed());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// Visits, and the bytes that the upstream sent meanwhile.
    fn measure(&self, site: SocketAddr, count: u64) -> (Visits, u64) {
        let bytes = || self.begun.counted.bytes.load(Ordering::Relaxed);
        let (began, mut visits) = (bytes(), Visits::default());
        for _ in 0..count {
            visits.visit(site);
        }
        (visits, bytes() - began)
    }

    fn hints(&self) -> String {
        let Told { begun, larder, admin, data, .. } = self;
        let of = format!("--admin http://{admin} --data {}", data.display());
        let me = called();
        format!(
            r#"  Try:
    curl -sI http://{larder}/api/news.json | grep -iE 'cache|etag'     why it was answered so
    curl -X POST http://{api}/off                        the upstream goes away: all goes on
    {me} feeds {of}
    {me} refresh news {of}
    curl -X POST http://{api}/on                         it is back
    {me} purge /api/news.json {of}
    Ctrl-C, and `{me} demo` again: everything is there at once
"#,
            api = begun.api
        )
    }
}

/// What the program is called where this was begun: it need not lie where shells look for programs.
fn called() -> String {
    std::env::args()
        .next()
        .filter(|name| !name.contains(char::is_whitespace))
        .unwrap_or("larder".into())
}

/// When the news were there.
fn arrival(had_news: bool, first: Duration) -> String {
    match had_news {
        true => "The news of the demo before were there at once.".to_owned(),
        false => format!("The first edition was there after {:.1} s.", first.as_secs_f64()),
    }
}

fn table(before: &Visits, bytes_before: u64, after: &Visits, bytes_after: u64) -> String {
    let millis = |times: &[Duration], percent| {
        format!("{:.1} ms", percentile(times, percent).as_secs_f64() * 1000.0)
    };
    let failed = |visits: &Visits| {
        format!("{} of {}", visits.failed, visits.news.len() + visits.pictures.len())
    };
    let a_visit = |bytes: u64, visits: &Visits| {
        format!("{:.1} KB", bytes as f64 / 1000.0 / visits.count.max(1) as f64)
    };
    let rows = [
        ("visits", before.count.to_string(), after.count.to_string()),
        ("news, half are below", millis(&before.news, 50), millis(&after.news, 50)),
        ("news, 99 % are below", millis(&before.news, 99), millis(&after.news, 99)),
        ("pictures, half are below", millis(&before.pictures, 50), millis(&after.pictures, 50)),
        ("pictures, 99 % are below", millis(&before.pictures, 99), millis(&after.pictures, 99)),
        ("failed", failed(before), failed(after)),
        (
            "bytes of the upstream, a visit",
            a_visit(bytes_before, before),
            a_visit(bytes_after, after),
        ),
    ];
    let mut text = format!("\n  {:<32}{:>14}{:>16}\n", "", "by itself", "through Larder");
    for (name, before, after) in rows {
        text += &format!("  {name:<32}{before:>14}{after:>16}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_a_demo_before_are_no_first_edition() {
        let first = Duration::from_millis(2340);
        assert_eq!(arrival(false, first), "The first edition was there after 2.3 s.");
        assert_eq!(arrival(true, first), "The news of the demo before were there at once.");
    }
}
