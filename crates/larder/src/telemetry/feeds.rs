//! How feeds stand.

use mirror::Fault;
use mirror::mirror::Mirror;
use mirror::told::Told;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use proxy::clock::Clock;
use std::fmt;
use std::sync::Arc;

/// Tells of feeds.
#[derive(Debug)]
pub struct Feeds {
    /// The feeds.
    pub mirror: Arc<Mirror>,
    /// What their age is told by.
    pub clock: Arc<Clock>,
}

/// A number of a feed.
type Number = (&'static str, &'static str, fn(&Told, &Clock) -> Option<u64>);

const GAUGES: [Number; 9] = [
    (
        "larder_feed_age_seconds",
        "Since the upstream last gave a feed's document, or said that it is the same",
        |told, clock| {
            let stands = told.published.as_ref()?;
            Some(clock.now().millis_since(stands.fetched) / 1000)
        },
    ),
    ("larder_feed_edition", "The number of a feed's edition", |told, _| {
        told.published.as_ref().map(|stands| stands.number)
    }),
    ("larder_feed_items", "Items of a feed's edition", |told, _| {
        told.published.as_ref().map(|stands| stands.items as u64)
    }),
    ("larder_feed_pictures", "Pictures of a feed's edition that are mirrored", |told, _| {
        told.published.as_ref().map(|stands| stands.pictures as u64)
    }),
    (
        "larder_feed_pictures_missing",
        "Pictures of a feed's edition that keep their URLs",
        |told, _| told.published.as_ref().map(|stands| stands.missing as u64),
    ),
    (
        "larder_feed_pictures_beyond",
        "Pictures of a feed's edition beyond max_images, which keep their URLs",
        |told, _| told.published.as_ref().map(|stands| stands.beyond as u64),
    ),
    ("larder_feed_bytes", "Bytes on disk of a feed's files", |told, _| Some(told.bytes)),
    (
        "larder_feed_failed_in_a_row",
        "Runs of a feed that failed since the last that did not",
        |told, _| Some(told.failed_in_a_row.into()),
    ),
    ("larder_feed_fetching", "Whether a feed is being fetched", |told, _| {
        Some(u64::from(told.state == mirror::told::State::Fetching))
    }),
];

impl Collector for Feeds {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let all = self.mirror.told();
        if all.is_empty() {
            return Ok(());
        }
        for (name, help, read) in GAUGES {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for told in &all {
                let Some(number) = read(told, &self.clock) else { continue };
                ConstGauge::new(number).encode(metric.encode_family(&[("feed", &*told.name)])?)?;
            }
        }
        let help = "Runs of feeds that were begun";
        let mut metric =
            encoder.encode_descriptor("larder_feed_runs", help, None, MetricType::Counter)?;
        for told in &all {
            ConstCounter::new(told.runs).encode(metric.encode_family(&[("feed", &*told.name)])?)?;
        }
        let help = "Runs of feeds that failed, by reason";
        let mut metric =
            encoder.encode_descriptor("larder_feed_failures", help, None, MetricType::Counter)?;
        for told in &all {
            for (reason, count) in Fault::TOKENS.iter().zip(told.failures) {
                let labels = [("feed", &*told.name), ("reason", *reason)];
                ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
