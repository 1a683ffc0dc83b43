//! The side-by-side run: for each row all peers are started and warmed up, then measured in
//! alternation (A B C A B C …), so that what disturbs the machine disturbs them alike.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::certificate::Certificate;
use crate::cli::CompareArgs;
use crate::load::{self, Order, Plan, Tls, Until};
use crate::origin_process::OriginProcess;
use crate::peers::{Kind, Peer, Running};
use crate::report::{LoadSample, Measured, Report, Sample, StormSample};
use crate::rows::{LoadWork, Row, StormWork, Work};
use crate::{cpu, get, machine, report, rows, storm};

/// The seed of the URLs' order; each round goes on from another one.
const SEED: u64 = 20_260_801;

/// `bench compare`.
pub fn command(args: &CompareArgs) -> anyhow::Result<()> {
    let rows = chosen_rows(&args.rows)?;
    machine::pin_to(args.load_core).with_context(|| {
        format!("keeping to core {}: the bench needs two cores", args.load_core)
    })?;
    let mut report = Report::default();
    let peers = present_peers(args, &mut report);
    let origin = OriginProcess::start(Some(args.load_core))?;
    let bench = Bench { args, origin: origin.address, certificate: Certificate::make()? };
    for row in &rows {
        eprintln!("{}", row.title);
        bench.measure_row(row, &peers, &mut report);
    }
    print!("{}", report::markdown(&report, &rows));
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn chosen_rows(names: &[String]) -> anyhow::Result<Vec<Row>> {
    let all = rows::all();
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|row| row.name != **name)) {
        let known: Vec<_> = all.iter().map(|row| row.name).collect();
        bail!("there is no row `{unknown}`; the rows are {}", known.join(", "));
    }
    let wanted = |row: &Row| names.is_empty() || names.iter().any(|name| row.name == name);
    Ok(all.into_iter().filter(wanted).collect())
}

fn present_peers(args: &CompareArgs, report: &mut Report) -> Vec<Peer> {
    let mut present = Vec::new();
    for &kind in &args.peers {
        match Peer::find(kind, &args.larder) {
            Ok(peer) => {
                report.versions.push((kind, peer.version()));
                present.push(peer);
            }
            Err(error) => report.left_out(kind, "all rows", &error),
        }
    }
    present
}

struct Bench<'a> {
    args: &'a CompareArgs,
    origin: SocketAddr,
    certificate: Certificate,
}

/// What a row asks for, up to the point from which CPU time counts: connections are open.
enum Prepared<'a> {
    Load(Box<load::Ready>),
    Storm(&'a StormWork),
}

impl Bench<'_> {
    /// A peer that fails is left out of this row, and the report says why.
    fn measure_row(&self, row: &Row, peers: &[Peer], report: &mut Report) {
        let mut running = Vec::new();
        for peer in peers {
            match self.start(row, peer) {
                Ok(peer) => running.push(peer),
                Err(error) => report.left_out(peer.kind, row.title, &error),
            }
        }
        for round in 0..self.args.rounds {
            running.retain(|peer| match self.measure(row, peer, round) {
                Ok(sample) => {
                    report.samples.push(sample);
                    true
                }
                Err(error) => {
                    report.left_out(peer.kind, row.title, &error);
                    false
                }
            });
        }
    }

    fn start(&self, row: &Row, peer: &Peer) -> anyhow::Result<Running> {
        let core = self.args.server_core;
        let running = peer.start(self.origin, row.setup, &self.certificate, core)?;
        if let Work::Load(work) = &row.work {
            self.warm_up(work, &running)?;
        }
        Ok(running)
    }

    fn warm_up(&self, work: &LoadWork, peer: &Running) -> anyhow::Result<()> {
        let plan = Plan {
            until: Until::Requests(work.warm_up),
            order: Order::Sequential,
            header: None,
            status: 200,
            ..self.plan(work, peer)?
        };
        let outcome = load::connect(plan)?.run()?;
        if outcome.answered < work.warm_up {
            let (answered, errors) = (outcome.answered, outcome.errors);
            bail!("the warm-up got {answered} good answers of {}: {errors:?}", work.warm_up);
        }
        Ok(())
    }

    fn measure(&self, row: &Row, peer: &Running, round: u32) -> anyhow::Result<Sample> {
        let prepared = match &row.work {
            Work::Load(work) => Prepared::Load(Box::new(self.connect(work, peer, round)?)),
            Work::Storm(work) => Prepared::Storm(work),
        };
        let cpu_before = cpu::cpu_time(peer.pid())?;
        let origin_before = get::origin_requests(self.origin, "/")?;
        let mut measured = match prepared {
            Prepared::Load(ready) => Measured::Load(load_on(*ready)?),
            Prepared::Storm(work) => Measured::Storm(storm_on(work, peer, round)?),
        };
        let cpu = cpu::cpu_time(peer.pid())?.saturating_sub(cpu_before);
        let origin_requests = get::origin_requests(self.origin, "/")? - origin_before;
        let memory = cpu::memory(peer.pid())?;
        measured.set_cpu(cpu);
        eprintln!("  round {round} {:8} {measured}", peer.kind);
        let (row, peer) = (row.name, peer.kind);
        Ok(Sample {
            row,
            peer,
            round,
            origin_requests,
            rss_bytes: memory.rss,
            pss_bytes: memory.pss,
            measured,
        })
    }

    fn connect(&self, work: &LoadWork, peer: &Running, round: u32) -> anyhow::Result<load::Ready> {
        load::connect(Plan {
            until: Until::Elapsed(Duration::from_secs(self.args.seconds)),
            order: Order::Random(SEED + u64::from(round)),
            ..self.plan(work, peer)?
        })
    }

    fn plan(&self, work: &LoadWork, peer: &Running) -> anyhow::Result<Plan> {
        let tls = |version: load::Version| {
            let config = self.certificate.client(version.alpn())?;
            anyhow::Ok(Tls { config, version })
        };
        Ok(Plan {
            server: peer.address,
            connections: work.connections,
            until: Until::Requests(0),
            pattern: work.pattern.parse().map_err(anyhow::Error::msg)?,
            order: Order::Sequential,
            header: work.header.clone(),
            status: work.status,
            tls: work.version.map(tls).transpose()?,
        })
    }
}

fn load_on(ready: load::Ready) -> anyhow::Result<LoadSample> {
    let outcome = ready.run()?;
    if outcome.answered == 0 {
        bail!("no good answer at all: {:?}", outcome.errors);
    }
    Ok(LoadSample::from(&outcome))
}

fn storm_on(work: &StormWork, peer: &Running, round: u32) -> anyhow::Result<StormSample> {
    let path = format!("{}{}-{round}", work.path, peer.kind);
    Ok(StormSample::from(&storm::run(peer.address, &path, work.clients)?))
}

/// Whose CPU time the others' is divided by.
pub const MEASURE: Kind = Kind::Nginx;
