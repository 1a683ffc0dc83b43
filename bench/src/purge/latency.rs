//! How long a purge of a tag takes until it is answered and until it is seen, beside what the disk
//! takes for a bare write and fsync.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::larder::{Larder, Place, TAG_OF_ALL};
use crate::histogram::Histogram;
use crate::load::{self, Order, Plan, Until};

/// Purges of one measurement.
const PURGES: u64 = 300;
/// About as much as the log writes for one purge.
const RECORD_BYTES: u64 = 96;
/// How many objects are stored by one run of the load generator, whose runs are bounded in time.
const FILL: u64 = 100_000;

/// What was measured with so many objects stored.
pub struct Latency {
    /// How many.
    pub objects: u64,
    /// A bare write and fsync.
    pub bare: Histogram,
    /// From the purge to its answer.
    pub answered: Histogram,
    /// From the purge until a request sent behind its answer is answered anew, by the origin.
    pub seen: Histogram,
    /// The same request where nothing was purged and nothing stored.
    pub miss: Histogram,
}

/// Stores objects until there are so many.
pub fn fill(place: &Place, stored: u64, objects: u64) -> anyhow::Result<()> {
    for from in (stored..objects).step_by(FILL as usize) {
        let until = objects.min(from + FILL);
        let pattern = format!("/size/16/{{{from}..{until}}}");
        let outcome = load::connect(Plan {
            server: place.address,
            connections: 32,
            until: Until::Requests(until - from),
            pattern: pattern.parse().map_err(anyhow::Error::msg)?,
            order: Order::Sequential,
            header: None,
            status: 200,
            tls: None,
        })?
        .run()?;
        if outcome.answered < until - from {
            bail!("of {} objects {} came: {:?}", until - from, outcome.answered, outcome.errors);
        }
    }
    Ok(())
}

/// Measures with what is stored; both kinds in turn, so that they meet the same disk.
pub fn measure(place: &Place, larder: &Larder<'_>, objects: u64) -> anyhow::Result<Latency> {
    let bare = File::create(place.folder().join("bare")).context("a file of its own")?;
    let mut come = Latency {
        objects,
        bare: Histogram::new(),
        answered: Histogram::new(),
        seen: Histogram::new(),
        miss: Histogram::new(),
    };
    let (mut admin, mut client) = (larder.connect_admin()?, larder.connect()?);
    let purge = format!(r#"{{"tags": ["{TAG_OF_ALL}"]}}"#);
    for at in 0..PURGES {
        // Spread over all that is stored.
        let path = format!("/size/16/{}", at * 7919 % objects);
        client.get(&path)?;
        if !client.get(&path)?.is_hit() {
            bail!("{path} is not stored");
        }
        come.bare.record(write_and_sync(&bare, at)?);
        let begun = Instant::now();
        admin.purge(larder.token(), &purge)?;
        come.answered.record(begun.elapsed());
        if client.get(&path)?.is_hit() {
            bail!("{path} is served although its purge was answered");
        }
        come.seen.record(begun.elapsed());
        let begun = Instant::now();
        client.get(&format!("/size/16/never-{objects}-{at}"))?;
        come.miss.record(begun.elapsed());
    }
    Ok(come)
}

fn write_and_sync(file: &File, at: u64) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    file.write_all_at(&[0; RECORD_BYTES as usize], at * RECORD_BYTES)?;
    file.sync_data()?;
    Ok(begun.elapsed())
}
