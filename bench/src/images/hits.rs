//! What a picture costs that is stored, beside any other answer of its size.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::fetch;
use super::home::Home;
use super::maker::{Maker, Running, larder, larder_site};
use crate::cli::ImagesArgs;
use crate::cpu;
use crate::load::{self, Order, Plan, Until};
use crate::origin_process::OriginProcess;
use crate::stats::median;

const URLS: u64 = 100;
const CONNECTIONS: u32 = 32;
/// Fewer than wait in the queue of pictures, so that none is turned away.
const WARM_UP_CONNECTIONS: u32 = 4;
const ROUND: Duration = Duration::from_secs(1);

/// CPU time of hits in microseconds, medians.
#[derive(Serialize)]
pub struct Hits {
    /// How large the picture is.
    pub bytes: usize,
    /// Of the picture.
    pub picture_micros: f64,
    /// Of an answer of the same size that came from an origin.
    pub other_micros: f64,
}

/// Measures both on one server in turn.
pub fn measure(home: &Home, args: &ImagesArgs) -> anyhow::Result<Hits> {
    let origin = OriginProcess::start(Some(args.load_core))?;
    let running = Running::start(Maker::Larder, args, |address, folder| {
        larder(args, address, folder, &larder_site(&home.photos, origin.address))
    })?;
    // Each of a height of its own, which is more than it has.
    let target = |height: &str| format!("/_larder/image/w=640,h=99{height},f=webp/photos/2mp.jpg");
    let bytes = fetch::picture(running.address, &target("0"), "*/*")?.len();
    let picture = target(&format!("{{0..{URLS}}}"));
    let other = format!("/size/{bytes}/{{0..{URLS}}}");
    for pattern in [&picture, &other] {
        ask(&running, pattern, WARM_UP_CONNECTIONS, Until::Requests(URLS), Order::Sequential)?;
    }
    let mut micros = [Vec::new(), Vec::new()];
    for round in 0..u64::from(args.rounds) {
        for (pattern, micros) in [&picture, &other].into_iter().zip(&mut micros) {
            let before = cpu::cpu_time(running.pid())?;
            let (until, order) = (Until::Elapsed(ROUND), Order::Random(round));
            let answered = ask(&running, pattern, CONNECTIONS, until, order)?;
            let spent = cpu::cpu_time(running.pid())?.saturating_sub(before);
            micros.push(spent.as_secs_f64() * 1e6 / answered as f64);
        }
    }
    let [picture_micros, other_micros] = micros.map(|all| median(all).unwrap_or_default());
    Ok(Hits { bytes, picture_micros, other_micros })
}

fn ask(
    running: &Running,
    pattern: &str,
    connections: u32,
    until: Until,
    order: Order,
) -> anyhow::Result<u64> {
    let outcome = load::connect(Plan {
        server: running.address,
        connections,
        until,
        pattern: pattern.parse().map_err(anyhow::Error::msg)?,
        order,
        header: None,
        status: 200,
        tls: None,
    })?
    .run()
    .context("asking for what is stored")?;
    if outcome.answered == 0 || outcome.errors.total() > 0 {
        bail!("{} good answers: {:?}", outcome.answered, outcome.errors);
    }
    Ok(outcome.answered)
}
