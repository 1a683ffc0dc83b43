//! Purges of the real binary: how long they take with ever more stored, what they cost the hits, and
//! whether they outlive a `kill -9` right behind their answer.

mod connection;
mod hits;
mod kills;
mod larder;
mod latency;

use std::time::Duration;

use anyhow::bail;

use crate::cli::PurgeArgs;
use crate::histogram::Histogram;
use crate::origin_process::OriginProcess;
use hits::Hits;
use kills::Kills;
use larder::Place;
use latency::Latency;

/// `bench purge`.
pub fn command(args: &PurgeArgs) -> anyhow::Result<()> {
    let origin = OriginProcess::start(None)?;
    let place = || Place::new(&args.larder, origin.address);
    if let Some(kills) = args.kills {
        let come = kills::run(&place()?, kills)?;
        println!("{}", kills_line(&come));
        if come.held < come.purges {
            bail!("{} answered purges were lost", come.purges - come.held);
        }
        return Ok(());
    }
    let filled = place()?;
    let larder = filled.start(None)?;
    let (mut stored, mut rows) = (0, Vec::new());
    for &objects in &args.objects {
        eprintln!("{objects} objects");
        latency::fill(&filled, stored, objects)?;
        stored = objects;
        rows.push(latency::measure(&filled, &larder, objects)?);
    }
    drop(larder);
    drop(filled);
    print!("{}", latency_table(&rows));
    eprintln!("hits without and after {} scopes", args.scopes);
    let cores = [args.server_core, args.load_core];
    let hits = hits::measure([&place()?, &place()?], cores, args.scopes)?;
    print!("\n{}", hits_table(&hits));
    Ok(())
}

fn latency_table(rows: &[Latency]) -> String {
    let mut table =
        "| stored objects | bare write + fsync p50 / p99 ms | purge of one tag, to its 2xx | to \
                     an answer that was made anew | any miss, for comparison |\n\
                     | --: | --: | --: | --: | --: |\n"
            .to_owned();
    for Latency { objects, bare, answered, seen, miss } in rows {
        let [bare, answered, seen, miss] = [bare, answered, seen, miss].map(quantiles);
        table += &format!("| {objects} | {bare} | {answered} | {seen} | {miss} |\n");
    }
    table
}

fn hits_table(hits: &Hits) -> String {
    let Hits { before, after, ratio: [middle, least, most], scopes, .. } = hits;
    let Hits { table_bytes, resident_bytes, .. } = hits;
    format!(
        "| hit 1K c32, nothing purged, CPU µs | {scopes} scopes purged | ratio | bytes a scope: table | resident |\n\
         | --: | --: | --: | --: | --: |\n\
         | {before:.2} | {after:.2} | {middle:.2} ({least:.2}–{most:.2}) | {table_bytes:.1} | {resident_bytes:.1} |\n"
    )
}

fn kills_line(come: &Kills) -> String {
    let Kills { purges, held, slowest_start } = come;
    let slowest = millis(*slowest_start);
    format!(
        "{purges} purges answered right before a kill -9, {held} held; slowest start {slowest} ms"
    )
}

fn quantiles(times: &Histogram) -> String {
    format!("{} / {}", millis(times.quantile(0.5)), millis(times.quantile(0.99)))
}

fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}
