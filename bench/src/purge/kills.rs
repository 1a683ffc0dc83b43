//! Purges right before a `kill -9`: each that was answered must hold after the next start.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::larder::{Larder, Place};

/// Objects that are stored at once, to be purged one a kill.
const BATCH: u64 = 100;
/// After this long what is stored has been handed to the system.
const HANDED_OVER: Duration = Duration::from_millis(1500);

/// What came of it.
pub struct Kills {
    /// Purges that were answered right before a kill.
    pub purges: u64,
    /// Of these, those that held after the start.
    pub held: u64,
    /// The longest start.
    pub slowest_start: Duration,
}

/// Kills and starts again so many times.
pub fn run(place: &Place, kills: u64) -> anyhow::Result<Kills> {
    let mut larder = place.start(None)?;
    let mut come = Kills { purges: 0, held: 0, slowest_start: Duration::ZERO };
    for kill in 0..kills {
        if kill % BATCH == 0 {
            store(&larder, kill)?;
        }
        let path = path(kill);
        let purge = match kill % 3 {
            0 => format!(r#"{{"tags": ["k{kill}"]}}"#),
            1 => format!(r#"{{"urls": ["{path}"]}}"#),
            _ => format!(r#"{{"prefixes": ["{path}"]}}"#),
        };
        larder.connect_admin()?.purge(larder.token(), &purge)?;
        larder.kill()?;
        come.purges += 1;
        let begun = Instant::now();
        larder = place.start(None)?;
        come.slowest_start = come.slowest_start.max(begun.elapsed());
        let mut client = larder.connect()?;
        // What is not purged yet is there: else the next line would prove nothing.
        if kill % BATCH < BATCH - 1 && !client.get(&self::path(kill + 1))?.is_hit() {
            bail!("what was stored before kill {kill} is not there after it");
        }
        come.held += u64::from(!client.get(&path)?.is_hit());
        if kill % 100 == 99 {
            eprintln!("  {} kills, {} purges held", kill + 1, come.held);
        }
    }
    Ok(come)
}

fn path(kill: u64) -> String {
    format!("/tagged/64/k{kill}")
}

fn store(larder: &Larder<'_>, from: u64) -> anyhow::Result<()> {
    let mut client = larder.connect()?;
    for kill in from..from + BATCH {
        let path = path(kill);
        client.get(&path)?;
        if !client.get(&path)?.is_hit() {
            bail!("{path} is not stored");
        }
    }
    std::thread::sleep(HANDED_OVER);
    Ok(())
}
