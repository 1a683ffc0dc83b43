//! What the data path counts, added up over its cores.

use policy::coding::Coding;
use policy::reason::WhySkip;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use proxy::core::Shared;
use proxy::metrics::{CoreCounters, Counter, SiteCounters, TIME_BOUNDS, Verdict, reasons};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Tells of a data path.
#[derive(Debug)]
pub struct DataPath(pub Arc<Shared>);

/// A counter that every site has.
type OfSite = fn(&SiteCounters) -> &Counter;
/// A counter that every core has.
type OfCore = fn(&CoreCounters) -> &Counter;

const OF_SITES: [(&str, &str, OfSite); 9] = [
    ("larder_body_bytes", "Bytes of bodies to clients", |site| &site.body_bytes),
    ("larder_origin_requests", "Requests to origins", |site| &site.origin_requests),
    ("larder_origin_failures", "Requests to origins that failed", |site| &site.origin_failures),
    ("larder_retried", "Of these, those tried again at another", |site| &site.retried),
    ("larder_collapsed", "Requests answered by another's fetch", |site| &site.collapsed),
    ("larder_stale", "Stale responses served", |site| &site.stale),
    ("larder_expired", "Requests that found a response not fresh any more", |site| &site.expired),
    ("larder_revalidated", "Requests to origins with validators", |site| &site.revalidated),
    ("larder_unchanged", "Of these, those answered with 304", |site| &site.unchanged),
];

const OF_CORES: [(&str, &str, OfCore); 8] = [
    ("larder_connections_accepted", "Connections taken", |core| &core.connections),
    ("larder_handshakes_failed", "Connections that never began to speak HTTP", |core| {
        &core.handshakes_failed
    }),
    ("larder_connections_refused", "Connections refused: too many", |core| {
        &core.connections_refused
    }),
    ("larder_bad_requests", "Requests refused before a site was known", |core| &core.bad_requests),
    ("larder_refreshes_dropped", "Background refreshes left out: queue full", |core| {
        &core.refreshes_dropped
    }),
    (
        "larder_doors_turned_away",
        "Calls to revalidate or PURGE with a wrong secret or from a wrong address",
        |core| &core.turned_away,
    ),
    (
        "larder_group_invalidations_refused",
        "Cache-Group-Invalidation fields that the purge log could not keep",
        |core| &core.groups_refused,
    ),
    ("larder_uncompressed", "Bodies sent uncompressed: too many at once", |core| &core.uncoded),
];

impl Collector for DataPath {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        self.requests(&mut encoder)?;
        for (name, help, counter) in OF_SITES {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for site in self.sites() {
                let sum = self.sum(|core| counter(&core.site(&site)).read());
                count(&mut metric, &[("site", &*site)], sum)?;
            }
        }
        for (name, help, of_core) in OF_CORES {
            counter(&mut encoder, name, help, self.sum(|core| of_core(core).read()))?;
        }
        self.origin_times(&mut encoder)?;
        self.reasons(&mut encoder)?;
        self.not_stored(&mut encoder)?;
        self.compressed(&mut encoder)?;
        self.pictures(&mut encoder)?;
        self.sizes(&mut encoder)
    }
}

impl DataPath {
    fn requests(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Requests, by how they were answered";
        let mut metric =
            encoder.encode_descriptor("larder_requests", help, None, MetricType::Counter)?;
        for site in self.sites() {
            let mut answers: BTreeMap<(u8, u16), (Verdict, u64)> = BTreeMap::new();
            for core in self.0.counters.iter() {
                for (verdict, status, count) in core.site(&site).answers() {
                    answers.entry((verdict as u8, status)).or_insert((verdict, 0)).1 += count;
                }
            }
            for ((_, status), (verdict, sum)) in answers {
                let status = status.to_string();
                let labels = [("site", &*site), ("verdict", verdict.token()), ("status", &status)];
                count(&mut metric, &labels, sum)?;
            }
        }
        Ok(())
    }

    fn origin_times(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Seconds from a request to the head of the origin's response";
        let name = "larder_origin_seconds";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for site in self.sites() {
            let mut counts = [0; TIME_BOUNDS.len() + 1];
            let mut sum = 0.0;
            for core in self.0.counters.iter() {
                let (own, seconds) = core.site(&site).origin_times.read();
                counts.iter_mut().zip(own).for_each(|(all, own)| *all += own);
                sum += seconds;
            }
            let bounds = TIME_BOUNDS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
            let labels = [("site", &*site)];
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                sum,
                counts.iter().sum(),
                &buckets,
                None,
            )?;
        }
        Ok(())
    }

    fn reasons(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Answers that were no plain hit, by the reason given in Cache-Status";
        let mut metric =
            encoder.encode_descriptor("larder_reasons", help, None, MetricType::Counter)?;
        let mut sums: Vec<u64> = vec![0; reasons().count()];
        for core in self.0.counters.iter() {
            sums.iter_mut().zip(core.reasons_given()).for_each(|(sum, given)| *sum += given);
        }
        for (reason, sum) in reasons().zip(sums).filter(|(_, sum)| *sum > 0) {
            count(&mut metric, &[("reason", reason)], sum)?;
        }
        Ok(())
    }

    fn not_stored(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Responses not stored, by reason";
        let mut metric =
            encoder.encode_descriptor("larder_not_stored", help, None, MetricType::Counter)?;
        for (at, why) in WhySkip::ALL.iter().enumerate() {
            let sum = self.sum(|core| core.skipped[at].read());
            count(&mut metric, &[("reason", why.token())], sum)?;
        }
        Ok(())
    }

    fn compressed(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Bodies compressed, by coding; each form of what is stored is made once";
        let mut metric =
            encoder.encode_descriptor("larder_compressed", help, None, MetricType::Counter)?;
        for coding in Coding::ALL {
            let sum = self.sum(|core| core.coded_so_far(coding));
            count(&mut metric, &[("coding", coding.token())], sum)?;
        }
        Ok(())
    }

    fn pictures(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let workshop = &self.0.workshop;
        let counts = workshop.counts();
        let help = "Pictures that were to be made, by how it ended";
        let name = "larder_pictures";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (outcome, counter) in [
            ("made", &counts.made),
            ("refused", &counts.refused),
            ("timed-out", &counts.timed_out),
            ("crashed", &counts.crashed),
            ("busy", &counts.busy),
        ] {
            count(&mut metric, &[("outcome", outcome)], counter.load(Ordering::Relaxed))?;
        }
        let seconds = counts.micros.load(Ordering::Relaxed) as f64 / 1e6;
        let (name, help) = ("larder_pictures_seconds", "Seconds that making them took");
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(seconds).encode(metric)?;
        let help = "Pictures that wait to be made";
        gauge(encoder, "larder_pictures_waiting", help, workshop.waiting() as u64)
    }

    fn sizes(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let stats = self.0.store.stats();
        let long = self.0.long.open() as u64;
        let connections = self.0.connections.load(Ordering::Relaxed) as u64;
        let refreshes = self.0.refreshes.load(Ordering::Relaxed) as u64;
        let fills = self.0.fills.len() as u64;
        let compressing = self.0.compressing.len() as u64;
        for (name, help, value) in [
            ("larder_memory_entries", "Responses in memory", stats.entries),
            ("larder_memory_bytes", "Bytes they hold, everything counted", stats.bytes),
            ("larder_in_flight_bytes", "Bytes of bodies on their way in", stats.in_flight_bytes),
            ("larder_alive_bytes", "Bytes of bodies stored or still being sent", stats.alive_bytes),
            ("larder_connections", "Open connections of clients", connections),
            ("larder_long_streams", "Open tunnels and event streams", long),
            ("larder_fills", "Responses on their way into the cache", fills),
            ("larder_compressing", "Bodies being compressed", compressing),
            ("larder_refreshes", "Background refreshes under way", refreshes),
        ] {
            gauge(encoder, name, help, value)?;
        }
        self.disk(encoder)?;
        self.purges(encoder)?;
        counter(encoder, "larder_evictions", "Responses given up for room", stats.evictions)
    }

    /// The tier on disk, where there is one.
    fn disk(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(disk) = self.0.store.disk_stats() else { return Ok(()) };
        for (name, help, value) in [
            ("larder_disk_objects", "Responses on disk", disk.objects),
            ("larder_disk_segment_bytes", "Bytes of small responses on disk", disk.segment_bytes),
            ("larder_disk_large_bytes", "Bytes of large bodies on disk", disk.large_bytes),
            ("larder_disk_dead_bytes", "Bytes on disk that nothing refers to", disk.dead_bytes),
            ("larder_disk_free_bytes", "Bytes free on the file system", disk.free_bytes),
            ("larder_disk_waiting_bytes", "Bytes that wait to be written", disk.waiting_bytes),
            ("larder_disk_index_bytes", "Memory of the index of the disk", disk.index_bytes),
            (
                "larder_disk_failing",
                "1 while nothing can be written",
                disk.failing.is_some().into(),
            ),
        ] {
            gauge(encoder, name, help, value)?;
        }
        for (name, help, value) in [
            ("larder_disk_writes", "Writes to disk", disk.writes),
            ("larder_disk_written_bytes", "Bytes written to disk", disk.bytes_written),
            ("larder_disk_dropped", "Responses not kept on disk: no room", disk.dropped_puts),
            ("larder_disk_corrupt", "Damaged records found on disk", disk.corrupt_records),
            ("larder_disk_reclaimed", "Segments given up for room", disk.reclaimed_segments),
            ("larder_disk_carried_bytes", "Bytes carried over from those", disk.carried_bytes),
        ] {
            counter(encoder, name, help, value)?;
        }
        Ok(())
    }

    /// The purge log.
    fn purges(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let purges = self.0.store.purge_stats();
        for (name, help, value) in [
            ("larder_purge_scopes", "Purged scopes told apart", purges.table.scopes as u64),
            ("larder_purge_patterns", "Purged patterns", purges.table.patterns as u64),
            ("larder_purge_floors", "Sites and hosts whose older is stale", {
                purges.table.floors as u64
            }),
            ("larder_purge_bytes", "Memory of the table of purges", purges.table.bytes as u64),
            ("larder_purge_log_bytes", "Bytes of the purge log on disk", purges.file_bytes),
            ("larder_purge_failing", "1 while purges are refused", purges.failing.is_some().into()),
        ] {
            gauge(encoder, name, help, value)?;
        }
        counter(encoder, "larder_purges", "Purges taken", purges.appended)
    }

    fn sites(&self) -> Vec<Box<str>> {
        self.0.counters.first().map(|core| core.site_names()).unwrap_or_default()
    }

    fn sum(&self, read: impl Fn(&CoreCounters) -> u64) -> u64 {
        self.0.counters.iter().map(|core| read(core)).sum()
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    // None of them reaches 2^63.
    ConstGauge::new(value as i64).encode(metric)
}

fn counter(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}

fn count<const LABELS: usize>(
    metric: &mut MetricEncoder<'_>,
    labels: &[(&str, &str); LABELS],
    value: u64,
) -> Result<(), fmt::Error> {
    ConstCounter::new(value).encode(metric.encode_family(labels)?)
}
