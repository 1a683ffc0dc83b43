//! `GET /v1/status`: how it goes, in a few numbers.

use super::Admin;
use axum::Json;
use axum::extract::State;
use proxy::core::Shared;
use proxy::metrics::Verdict;
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
        "stopping": *admin.stopping.borrow(),
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
        "requests": requests(&shared),
    }))
}

/// Requests since the start, by how they were answered, and the share of those that needed no
/// body from an origin.
fn requests(shared: &Shared) -> Value {
    let mut sums = [0_u64; Verdict::ALL.len()];
    for core in shared.counters.iter() {
        for name in core.site_names() {
            for (verdict, _, count) in core.site(&name).answers() {
                sums[verdict as usize] += count;
            }
        }
    }
    let of = |verdict: Verdict| sums[verdict as usize];
    let saved =
        of(Verdict::Hit) + of(Verdict::Stale) + of(Verdict::Revalidated) + of(Verdict::Collapsed);
    let asked = saved + of(Verdict::Miss) + of(Verdict::Pass);
    let ratio = (asked > 0).then(|| saved as f64 / asked as f64);
    let mut shown: Map<String, Value> = Verdict::ALL
        .iter()
        .map(|verdict| (verdict.token().to_owned(), of(*verdict).into()))
        .collect();
    shown.insert("total".to_owned(), sums.iter().sum::<u64>().into());
    shown.insert("hit_ratio".to_owned(), json!(ratio));
    Value::Object(shown)
}
