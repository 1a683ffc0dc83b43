//! The soak: Larder is abused in many ways at once for a while, beside honest clients whose every
//! answer is checked. Then all leave, and nothing may stay behind.
//!
//! It fails when Larder dies or panics, when an honest answer is wrong, when a gauge does not come
//! back to 0, when files stay open, or when memory grows after the first third. Clients, bytes and
//! times are all bounded.

mod attacks;
mod crowd;
mod echo;
mod honest;
mod larder;
mod report;
mod target;
mod watch;
mod websocket;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

use crate::certificate::Certificate;
use crate::cli::SoakArgs;
use crate::origin_process::OriginProcess;
use crowd::{Crowd, Role};
use larder::Larder;
use target::Target;
use watch::Watch;

/// All stay a little longer than they are asked to, to be there at the last look.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// `bench soak`.
pub fn command(args: &SoakArgs) -> anyhow::Result<()> {
    let origin = OriginProcess::start(None)?;
    let echo = echo::start()?;
    let certificate = Certificate::make()?;
    let mut larder = Larder::start(&args.larder, origin.address, echo, &certificate)?;
    let target = Arc::new(Target::new(&larder, &certificate)?);
    let mut watch = Watch::begin(&larder)?;
    eprintln!("{} s, seed {}", args.seconds, args.seed);
    let roles = abuse(args, &target, &larder, &mut watch);
    // Where Larder has died, that is what is to be said first.
    if larder.has_ended()? {
        bail!("Larder has ended: {}", larder.output());
    }
    let roles = roles?;
    let stays = watch.wait_for_quiet(&larder)?;
    print!("{}", report::markdown(&roles, &watch));
    let mut faults: Vec<_> = roles.iter().filter_map(|role| role.fault()).collect();
    faults.extend(stays);
    faults.extend(watch.growth());
    faults.extend(larder.panics()?);
    if !faults.is_empty() {
        bail!("the soak found faults:\n- {}", faults.join("\n- "));
    }
    println!("\nNo fault was found.");
    Ok(())
}

/// Fills the cache, then lets all loose; looks at Larder after each third of the time. The honest
/// have a thread of their own, so that they do not wait for the attackers but for Larder alone.
fn abuse(
    args: &SoakArgs,
    target: &Arc<Target>,
    larder: &Larder,
    watch: &mut Watch,
) -> anyhow::Result<Vec<Arc<Role>>> {
    let time = Duration::from_secs(args.seconds);
    honest::fill_cache(target.clone()).context("filling the cache")?;
    let [attackers, honest] =
        [0, 1].map(|n| Crowd::new(target.clone(), args.seed.wrapping_mul(2).wrapping_add(n)));
    let threads = [
        thread::spawn(move || attackers.run(time + LAST_LOOK, attacks::let_loose)),
        thread::spawn(move || honest.run(time + LAST_LOOK, honest::let_loose)),
    ];
    let began = Instant::now();
    for (when, thirds) in [(watch::ONE_THIRD, 1), ("two thirds", 2), ("end", 3)] {
        thread::sleep((time * thirds / 3).saturating_sub(began.elapsed()));
        watch.look(when, larder)?;
    }
    let mut roles = Vec::new();
    for thread in threads {
        let crowd = thread.join().map_err(|_| anyhow!("the soak's own clients panicked"))??;
        roles.extend(crowd.roles);
    }
    Ok(roles)
}
