//! Latencies in log-linear buckets: 64 to every power of two, so each is known to 1.6 %.

use std::time::Duration;

const LINEAR_BITS: u32 = 6;
const BUCKETS_A_POWER: u64 = 1 << LINEAR_BITS;
const BUCKETS: usize = ((64 - LINEAR_BITS + 1) as usize) << LINEAR_BITS;

/// Counts durations; memory does not grow with their number.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Histogram {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: Duration::ZERO }
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(duration);
    }

    /// The longest duration, exactly; zero when nothing was counted.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The duration that `share` (0 to 1) of all did not exceed: the upper edge of its bucket,
    /// never more than the longest.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        at.map_or(Duration::ZERO, |at| Duration::from_nanos(upper_edge(at)).min(self.max))
    }
}

/// Values below 64 have a bucket each; above, the six bits under the leading one choose.
fn bucket(value: u64) -> usize {
    if value < BUCKETS_A_POWER {
        return value as usize;
    }
    let power = 63 - value.leading_zeros() - LINEAR_BITS;
    let within = (value >> power) - BUCKETS_A_POWER;
    ((u64::from(power) + 1) * BUCKETS_A_POWER + within) as usize
}

/// The largest value that falls into this bucket.
fn upper_edge(bucket: usize) -> u64 {
    let (row, within) = (bucket as u64 / BUCKETS_A_POWER, bucket as u64 % BUCKETS_A_POWER);
    let Some(power) = row.checked_sub(1) else { return within };
    let first = (BUCKETS_A_POWER + within) << power;
    first + ((1 << power) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_to_within_one_part_in_64() {
        for value in (0..200_000).chain((0..58).map(|n| 63 << n)).chain([u64::MAX]) {
            let edge = upper_edge(bucket(value));
            assert!(edge >= value, "{value}: {edge}");
            assert!(edge - value <= value / 64, "{value}: {edge}");
            assert!(edge == u64::MAX || bucket(edge + 1) == bucket(value) + 1, "{value}");
        }
    }

    #[test]
    fn the_last_bucket_holds_the_largest_value() {
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_a_thousand_even_steps() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|n| histogram.record(Duration::from_micros(n)));
        let near = |share, micros: f64| {
            let got = histogram.quantile(share).as_secs_f64() * 1e6;
            assert!((got / micros - 1.0).abs() < 0.02, "{share}: {got}");
        };
        near(0.5, 500.0);
        near(0.99, 990.0);
        assert_eq!(histogram.quantile(1.0), Duration::from_micros(1000));
        assert_eq!(histogram.max(), Duration::from_micros(1000));
    }

    #[test]
    fn an_empty_histogram_says_zero() {
        assert_eq!(Histogram::new().quantile(0.5), Duration::ZERO);
    }
}
