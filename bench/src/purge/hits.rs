//! What a hit costs before and after many scopes were purged, and what a scope costs in memory.
//!
//! Two servers on one core are measured in turn, one that purged and one that did not, so that what
//! disturbs the machine disturbs both.

use std::time::Duration;

use anyhow::bail;

use super::larder::{Larder, Place};
use crate::load::{self, Order, Plan, Until};
use crate::stats::median;
use crate::{cpu, machine};

const URLS: u64 = 10_000;
const CONNECTIONS: u32 = 32;
const ROUNDS: u64 = 9;
const ROUND: Duration = Duration::from_secs(1);
/// Scopes of one purge.
const SCOPES: u64 = 1000;

/// What was measured.
pub struct Hits {
    /// CPU time of a hit where nothing was purged, in microseconds.
    pub before: f64,
    /// The same where all was purged that was to be, of which nothing is stored.
    pub after: f64,
    /// The second by the first, of each round: the median, the least and the most.
    pub ratio: [f64; 3],
    /// The scopes that were purged.
    pub scopes: u64,
    /// Bytes that the table takes for each.
    pub table_bytes: f64,
    /// By how much the process grew for each.
    pub resident_bytes: f64,
}

/// Measures with both on a core of their own.
pub fn measure(places: [&Place; 2], cores: [usize; 2], scopes: u64) -> anyhow::Result<Hits> {
    let [server_core, load_core] = cores;
    machine::pin_to(load_core)?;
    let plain = (places[0], places[0].start(Some(server_core))?);
    let purged = (places[1], places[1].start(Some(server_core))?);
    for (place, larder) in [&plain, &purged] {
        load(place, Until::Requests(URLS), Order::Sequential)?;
        hit(place, larder, 0)?;
    }
    let resident = cpu::memory(purged.1.pid())?.pss;
    purge(&purged.1, scopes)?;
    let grown = cpu::memory(purged.1.pid())?.pss.saturating_sub(resident);
    let (mut before, mut after, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=ROUNDS {
        let costs = (hit(plain.0, &plain.1, seed)?, hit(purged.0, &purged.1, seed)?);
        before.push(costs.0);
        after.push(costs.1);
        ratios.push(costs.1 / costs.0);
    }
    ratios.sort_by(f64::total_cmp);
    let middle = |values: Vec<f64>| median(values).unwrap_or_default();
    Ok(Hits {
        before: middle(before),
        after: middle(after),
        ratio: [ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1]],
        scopes,
        table_bytes: purged.1.metric("larder_purge_bytes")? as f64 / scopes as f64,
        resident_bytes: grown as f64 / scopes as f64,
    })
}

fn purge(larder: &Larder<'_>, scopes: u64) -> anyhow::Result<()> {
    let mut admin = larder.connect_admin()?;
    for from in (0..scopes).step_by(SCOPES as usize) {
        let urls = (from..scopes.min(from + SCOPES)).map(|at| format!("\"/purged/{at}\""));
        let urls = urls.collect::<Vec<_>>().join(",");
        admin.purge(larder.token(), &format!(r#"{{"urls": [{urls}]}}"#))?;
    }
    Ok(())
}

/// The CPU time of a hit in microseconds.
fn hit(place: &Place, larder: &Larder<'_>, seed: u64) -> anyhow::Result<f64> {
    let before = cpu::cpu_time(larder.pid())?;
    let answered = load(place, Until::Elapsed(ROUND), Order::Random(seed))?;
    let spent = cpu::cpu_time(larder.pid())?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / answered as f64)
}

fn load(place: &Place, until: Until, order: Order) -> anyhow::Result<u64> {
    let outcome = load::connect(Plan {
        server: place.address,
        connections: CONNECTIONS,
        until,
        pattern: format!("/size/1024/{{0..{URLS}}}").parse().map_err(anyhow::Error::msg)?,
        order,
        header: None,
        status: 200,
        tls: None,
    })?
    .run()?;
    if outcome.answered == 0 || outcome.errors.total() > 0 {
        bail!("{} good answers, {:?}", outcome.answered, outcome.errors);
    }
    Ok(outcome.answered)
}
