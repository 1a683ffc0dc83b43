//! `GET /v1/status`: how it goes, in a few numbers.

use super::Admin;
use crate::supervisor::AppState;
use crate::telemetry::resident_bytes;
use axum::Json;
use axum::extract::State;
use proxy::core::Shared;
use proxy::metrics::{self, SiteCounters, Verdict};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;

/// How it goes.
pub async fn status(State(admin): State<Admin>) -> Json<Value> {
    let shared = admin.shared();
    let stats = shared.store.stats();
    let disk = shared.store.disk_stats().map(|disk| {
        json!({
            "objects": disk.objects,
            "bytes": disk.segment_bytes + disk.large_bytes,
            "size_bytes": disk.size_bytes,
            "waiting_bytes": disk.waiting_bytes,
            "failing": disk.failing,
        })
    });
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "stopping": *admin.verifying.stopping.borrow(),
        "sites": shared.settings.sites.len(),
        "memory": {
            "objects": stats.entries,
            "bytes": stats.bytes,
            "size_bytes": shared.store.memory_bytes(),
            "evictions": stats.evictions,
        },
        "disk": disk,
        "in_flight": {
            "connections": shared.connections.load(Ordering::Relaxed),
            "fills": shared.fills.len(),
            "refreshes": shared.refreshes.load(Ordering::Relaxed),
            "bytes": stats.in_flight_bytes,
        },
        "app": admin.app.as_deref().map(app),
        "purges": purges(&shared),
        "resident_bytes": resident_bytes(),
        "requests": requests(&shared),
        "by_site": by_site(&shared),
        "reasons": reasons(&shared),
    }))
}

/// Requests by how they were answered.
#[derive(Default)]
struct Requests([u64; Verdict::ALL.len()]);

impl Requests {
    fn add(&mut self, counters: &SiteCounters) {
        for (verdict, _, count) in counters.answers() {
            self.0[verdict as usize] += count;
        }
    }

    /// The counts, and the share of those that needed no body from an origin.
    fn to_json(&self) -> Value {
        let of = |verdict: Verdict| self.0[verdict as usize];
        let saved = of(Verdict::Hit)
            + of(Verdict::Stale)
            + of(Verdict::Revalidated)
            + of(Verdict::Collapsed);
        let asked = saved + of(Verdict::Miss) + of(Verdict::Pass);
        let ratio = (asked > 0).then(|| saved as f64 / asked as f64);
        let mut shown: Map<String, Value> = Verdict::ALL
            .iter()
            .map(|verdict| (verdict.token().to_owned(), of(*verdict).into()))
            .collect();
        shown.insert("total".to_owned(), self.0.iter().sum::<u64>().into());
        shown.insert("hit_ratio".to_owned(), json!(ratio));
        Value::Object(shown)
    }
}

/// Requests since the start, of all sites.
fn requests(shared: &Shared) -> Value {
    let mut all = Requests::default();
    for core in shared.counters.iter() {
        core.site_names().iter().for_each(|name| all.add(&core.site(name)));
    }
    all.to_json()
}

/// The same of each site, with what its origin was asked.
fn by_site(shared: &Shared) -> Value {
    let names = shared.counters.first().map(|core| core.site_names()).unwrap_or_default();
    let site = |name: &str| {
        let cores = || shared.counters.iter().map(|core| core.site(name));
        let mut requests = Requests::default();
        cores().for_each(|core| requests.add(&core));
        let sum =
            |read: &dyn Fn(&SiteCounters) -> u64| cores().map(|core| read(&core)).sum::<u64>();
        let seconds: f64 = cores().map(|core| core.origin_times.read().1).sum();
        json!({
            "name": name,
            "requests": requests.to_json(),
            "body_bytes": sum(&|core| core.body_bytes.read()),
            "origin": {
                "requests": sum(&|core| core.origin_requests.read()),
                "failures": sum(&|core| core.origin_failures.read()),
                "answers": sum(&|core| core.origin_times.read().0.iter().sum()),
                "seconds": seconds,
            },
        })
    };
    names.iter().map(|name| site(name)).collect()
}

/// Answers that were no plain hit, by the reason that `Cache-Status` gave.
fn reasons(shared: &Shared) -> Value {
    let mut sums: Vec<u64> = vec![0; metrics::reasons().count()];
    for core in shared.counters.iter() {
        sums.iter_mut().zip(core.reasons_given()).for_each(|(sum, given)| *sum += given);
    }
    let given = metrics::reasons().zip(sums).filter(|(_, sum)| *sum > 0);
    Value::Object(given.map(|(reason, sum)| (reason.to_owned(), sum.into())).collect())
}

fn app(app: &AppState) -> Value {
    let now = app.now();
    json!({
        "command": app.command(),
        "port": now.port,
        "pid": now.pid,
        "up": now.is_up,
        "restarts": now.restarts(),
        "trouble": now.trouble,
    })
}

fn purges(shared: &Shared) -> Value {
    let stats = shared.store.purge_stats();
    json!({
        "head": stats.head,
        "taken": stats.appended,
        "scopes": stats.table.scopes,
        "patterns": stats.table.patterns,
        "floors": stats.table.floors,
        "bytes": stats.table.bytes,
        "log_bytes": stats.file_bytes,
        "failing": stats.failing,
    })
}
