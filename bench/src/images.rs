//! Larder beside other makers of pictures: the same photographs, asked for over HTTP in the same sizes
//! and formats, one after the other.
//!
//! What is counted is CPU time of each server with all its children, bytes, and how much what came out
//! looks like a careful reference (SSIMULACRA2); then, one server at a time, its peak of memory. Every
//! request has a query of its own, so that no cache answers it.

mod fetch;
mod hits;
mod home;
mod maker;
mod memory;
mod mixed;
mod report;
mod rows;
mod score;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

pub use maker::Maker;

use crate::cli::ImagesArgs;
use crate::{cpu, machine};
use home::Home;
use maker::Running;
use report::{Made, Report, Sample};
use rows::Row;
use score::Scores;

/// How many pictures are made before anything is measured: the first ones cost what compilers and caches
/// of the makers take.
const WARM_UP: u32 = 4;

/// `bench images`.
pub fn command(args: &ImagesArgs) -> anyhow::Result<()> {
    machine::pin_to(args.load_core).with_context(|| {
        format!("keeping to core {}: the bench needs two cores", args.load_core)
    })?;
    let rows = chosen_rows(&args.rows)?;
    let home = Home::open(&args.home)?;
    let mut report = Report::default();
    let makers = present(args, &home, &mut report);
    let mut bench = Bench { args, home, asked: 0, scores: Scores::new()? };
    for row in &rows {
        bench.measure_row(row, &makers, &mut report);
    }
    if makers.contains(&Maker::Larder) {
        eprintln!("a picture that is stored");
        match hits::measure(&bench.home, args) {
            Ok(hits) => report.hits = Some(hits),
            Err(error) => report.note(format!("no row of hits: {error:#}")),
        }
        if args.mixed > 0 {
            eprintln!("{} mixed pictures", args.mixed);
            match mixed::measure(&bench.home, args) {
                Ok(looks) => report.mixed = looks,
                Err(error) => report.note(format!("no row of mixed pictures: {error:#}")),
            }
        }
    }
    print!("{}", report::markdown(&report, &rows, &makers));
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn chosen_rows(names: &[String]) -> anyhow::Result<Vec<Row>> {
    let all = rows::ALL;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|row| row.name != **name)) {
        let known: Vec<_> = all.iter().map(|row| row.name).collect();
        bail!("there is no row `{unknown}`; the rows are {}", known.join(", "));
    }
    let wanted = |row: &Row| names.is_empty() || names.iter().any(|name| row.name == name);
    Ok(all.into_iter().filter(wanted).collect())
}

fn present(args: &ImagesArgs, home: &Home, report: &mut Report) -> Vec<Maker> {
    let mut present = Vec::new();
    for &maker in &args.peers {
        match maker.version(home, args) {
            Ok(version) => {
                report.versions.push((maker, version));
                present.push(maker);
            }
            Err(error) => report.note(format!("{maker} left out: {error:#}")),
        }
    }
    present
}

struct Bench<'a> {
    args: &'a ImagesArgs,
    home: Home,
    /// How many were asked for, so that no query comes twice.
    asked: u32,
    scores: Scores,
}

impl Bench<'_> {
    /// One that fails is left out of this row, and the report says why.
    fn measure_row(&mut self, row: &Row, makers: &[Maker], report: &mut Report) {
        eprintln!("{}", row.title);
        let mut running = Vec::new();
        for &maker in makers.iter().filter(|maker| maker.can(row.task)) {
            match self.begin(row, maker) {
                Ok((maker, made)) => {
                    report.made.push(made);
                    running.push(maker);
                }
                Err(error) => report.note(format!("{maker} left out of {}: {error:#}", row.title)),
            }
        }
        for round in 0..self.args.rounds {
            running.retain(|maker| match self.round(row, maker, round) {
                Ok(sample) => {
                    report.samples.push(sample);
                    true
                }
                Err(error) => {
                    report.note(format!("{} left out of {}: {error:#}", maker.maker, row.title));
                    false
                }
            });
        }
        // One at a time from here: the makers on Node share the memory of its code.
        let makers: Vec<Maker> = running.iter().map(|running| running.maker).collect();
        drop(running);
        for maker in makers {
            match self.peak(row, maker) {
                Ok(peak) => report.peaks.push(peak),
                Err(error) => report.note(format!("no memory of {maker}: {error:#}")),
            }
        }
    }

    /// A server that has made a few, and what these are.
    fn begin(&mut self, row: &Row, maker: Maker) -> anyhow::Result<(Running, Made)> {
        let running = maker.start(&self.home, self.args)?;
        let mut bytes = Vec::new();
        for _ in 0..WARM_UP {
            bytes = self.ask(row, &running)?;
        }
        let scored = self.scores.of(&self.home, row, &bytes)?;
        let made = Made {
            row: row.name,
            maker,
            bytes: bytes.len(),
            width: scored.width,
            height: scored.height,
            score: scored.score,
        };
        eprintln!("  {maker:8} {} bytes, score {:.1}", made.bytes, made.score);
        Ok((running, made))
    }

    fn ask(&mut self, row: &Row, running: &Running) -> anyhow::Result<Vec<u8>> {
        self.asked += 1;
        let (target, accept) = running.maker.target(row, self.asked);
        fetch::picture(running.address, &target, accept)
    }

    fn round(&mut self, row: &Row, running: &Running, round: u32) -> anyhow::Result<Sample> {
        let before = cpu::cpu_time(running.pid())?;
        let mut walls = Vec::new();
        for _ in 0..row.pictures {
            let begun = Instant::now();
            self.ask(row, running)?;
            walls.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let cpu = cpu::cpu_time(running.pid())?.saturating_sub(before);
        let cpu_millis = cpu.as_secs_f64() * 1e3 / f64::from(row.pictures);
        let wall_millis = crate::stats::median(walls).unwrap_or_default();
        let maker = running.maker;
        eprintln!("  round {round} {maker:8} {cpu_millis:7.1} ms CPU, {wall_millis:7.1} ms");
        Ok(Sample { row: row.name, maker, round, cpu_millis, wall_millis })
    }

    /// The most memory that a fresh server takes while it makes a few.
    fn peak(&mut self, row: &Row, maker: Maker) -> anyhow::Result<report::Peak> {
        let running = maker.start(&self.home, self.args)?;
        self.ask(row, &running)?;
        let watch = memory::Watch::begin(running.pid())?;
        for _ in 0..WARM_UP {
            self.ask(row, &running)?;
        }
        let peak = watch.end()?;
        eprintln!("  {maker:8} {} MiB at the most", peak.pss >> 20);
        Ok(report::Peak { row: row.name, maker, pss: peak.pss, resident: peak.resident })
    }
}

/// How long a server may take to begin, or to make one picture.
const PATIENCE: Duration = Duration::from_secs(60);

/// By what a reference is found: the photograph, and its size in pixels.
type References = HashMap<(&'static str, u32, u32), Vec<u8>>;
