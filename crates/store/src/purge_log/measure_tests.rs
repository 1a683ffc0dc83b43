//! Figures of the purge log on a real folder: `cargo test --profile quick -p store --lib
//! purge_log::measure -- --ignored --nocapture`. `TMPDIR` says on which disk.

use super::log_tests::{Scratch, purge, settings};
use super::{PurgeLog, Settings};
use crate::disk::{Device, Folder, Format, take_format};
use policy::purge::{Born, Force, Purge, Scope, Subject, Table, TableLimits, Url, Verdict};
use policy::rule::SiteId;
use policy::time::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SYNCS: usize = 300;

fn quantiles(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{what}: p50 {:.3} ms, p99 {:.3} ms", at(0.5), at(0.99));
}

fn timed(mut act: impl FnMut()) -> Duration {
    let begin = Instant::now();
    act();
    begin.elapsed()
}

fn url_purge(at: u64, force: Force) -> Purge {
    let url = Url { host: Some("a.b".into()), target: format!("/page/{at}").into() };
    Purge { scopes: [Scope::Url(url)].into(), ..purge("", force) }
}

#[test]
#[ignore = "measures the disk it runs on"]
fn measure_append_beside_a_bare_fsync() {
    let scratch = Scratch::new("measure-purges");
    let folder = Arc::new(Folder::open(&scratch.0).unwrap());
    take_format(&*folder, Format { seed: 1, log_id: 2 }).unwrap();
    let bare = folder.create_new("bare").unwrap();
    let log = PurgeLog::open(folder.clone(), settings(7)).unwrap();
    let (mut syncs, mut appends) = (Vec::new(), Vec::new());
    // In turn, so that both meet the same disk.
    for at in 0..SYNCS {
        syncs.push(timed(|| {
            bare.write_at(&[0; 96], at as u64 * 96).unwrap();
            bare.sync().unwrap();
        }));
        appends.push(timed(|| {
            log.append(purge(&at.to_string(), Force::Hard)).wait().unwrap();
        }));
    }
    quantiles("write and fsync of 96 bytes", syncs);
    quantiles("append to durable, one at a time", appends);
    let begin = Instant::now();
    let waiting: Vec<_> = (0..20_000).map(|at| log.append(url_purge(at, Force::Hard))).collect();
    waiting.into_iter().for_each(|appended| {
        appended.wait().unwrap();
    });
    println!("many at once: {:.0} appends/s", 20_000.0 / begin.elapsed().as_secs_f64());
}

#[test]
#[ignore = "measures the machine it runs on"]
fn measure_a_check() {
    let tags: [Box<str>; 3] = ["post:1".into(), "home".into(), "author:7".into()];
    let url = b"www.example.com\0/blog/2026/a-post-of-some-length?page=2";
    let subject = || Subject::new(url, SiteId(1), &tags, &[]);
    let rounds = 1_000_000;
    let nanos = |time: Duration| time.as_nanos() as f64 / f64::from(rounds);
    let made = timed(|| (0..rounds).for_each(|_| drop(std::hint::black_box(subject()))));
    println!("a subject of 3 segments and 3 tags: {:.0} ns", nanos(made));
    for purges in [1_000, 100_000, 1_000_000] {
        let mut table = Table::new(1, 0, TableLimits::default());
        for seq in 1..=purges {
            let force = if seq % 2 == 0 { Force::Hard } else { Force::Soft };
            table.apply(seq, &url_purge(seq, force));
        }
        let (subject, born) = (subject(), Born { log_id: 1, seq: 0 });
        let asked = timed(|| {
            for _ in 0..rounds {
                let verdict = table.check(std::hint::black_box(&subject), born, 0);
                assert_eq!(verdict, Verdict::Valid);
            }
        });
        println!("a check among {purges} purges: {:.0} ns", nanos(asked));
    }
}

#[test]
#[ignore = "takes a while"]
fn measure_a_million_scopes() {
    for force in [Force::Hard, Force::Soft] {
        let mut table = Table::new(1, 0, TableLimits::default());
        let mut slowest = Duration::ZERO;
        for seq in 1..=1_000_000 {
            let purge = url_purge(seq, force);
            slowest = slowest.max(timed(|| table.apply(seq, &purge)));
        }
        let stats = table.stats();
        println!(
            "{force:?}: {:.1} bytes a scope at {}, the slowest purge {slowest:?}",
            stats.bytes as f64 / stats.scopes as f64,
            stats.scopes
        );
        let folds = timed(|| table.apply(1_000_001, &url_purge(1_000_001, force)));
        println!("{force:?}: folding {} takes {folds:?}", table.stats().folded);
    }
    let scratch = Scratch::new("measure-many-purges");
    let folder = Arc::new(Folder::open(&scratch.0).unwrap());
    take_format(&*folder, Format { seed: 1, log_id: 2 }).unwrap();
    let log = PurgeLog::open(folder.clone(), settings(7)).unwrap();
    let filled = timed(|| {
        for from in (0..1_000_000).step_by(4000) {
            let scopes = (from..from + 4000)
                .map(|at| Url { host: Some("a.b".into()), target: format!("/page/{at}").into() });
            let scopes = scopes.map(Scope::Url).collect();
            let purge = Purge { scopes, at: Timestamp(from), ..purge("", Force::Hard) };
            log.append(purge).wait().unwrap();
        }
    });
    log.close();
    let stats = log.stats();
    println!("a million scopes by 4000 are durable in {filled:?}: {stats:?}");
    drop(log);
    let opened = timed(|| {
        let log = PurgeLog::open(folder.clone(), Settings { known: None, ..settings(8) }).unwrap();
        assert_eq!((log.born().log_id, log.stats().table.scopes), (7, 1_000_000));
    });
    println!("opened in {opened:?}");
}
