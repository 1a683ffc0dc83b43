//! What is asked for: popularity by Zipf's law, with what spoils it in real life.

use crate::rng::Rng;

/// Objects that are asked for again and again.
pub const OBJECTS: u64 = 100_000;
/// How fast popularity falls off; sites are between 0.7 and 1.1.
const EXPONENT: f64 = 0.9;
/// Numbers from here on are asked for once, or in a scan.
const STRANGERS: u64 = 1 << 32;

/// A kind of trace.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Zipf's law and nothing else.
    Plain,
    /// A third of all is asked for once and never again.
    OneHitWonders,
    /// Now and then somebody walks through a fifth as many objects as there are.
    Scans,
    /// What is popular changes all the time.
    Shifting,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::Plain, Kind::OneHitWonders, Kind::Scans, Kind::Shifting];

    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Plain => "Zipf 0.9",
            Kind::OneHitWonders => "with one-hit wonders (1 in 3)",
            Kind::Scans => "with scans",
            Kind::Shifting => "shifting popularity",
        }
    }

    /// So many requests, from a seed.
    pub fn requests(self, count: u64, seed: u64) -> Vec<u64> {
        let (popularity, mut rng) = (Zipf::new(), Rng::new(seed));
        let mut stranger = STRANGERS;
        let mut strange = || {
            stranger += 1;
            stranger
        };
        let mut keys = Vec::new();
        for at in 0..count {
            let rank = popularity.rank(&mut rng);
            match self {
                Kind::OneHitWonders if rng.below(3) == 0 => keys.push(strange()),
                // Every tenth of the trace the ranks are handed on by a twentieth.
                Kind::Shifting => keys.push((rank + at * 10 / count * OBJECTS / 20) % OBJECTS),
                _ => keys.push(rank),
            }
            if matches!(self, Kind::Scans) && at % (count / 10) == count / 20 {
                keys.extend((0..OBJECTS / 5).map(|_| strange()));
            }
        }
        keys
    }
}

/// Ranks by Zipf's law.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new() -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=OBJECTS).map(|rank| {
            sum += (rank as f64).powf(-EXPONENT);
            sum
        });
        Zipf(weights.collect())
    }

    fn rank(&self, rng: &mut Rng) -> u64 {
        const PARTS: u64 = 1 << 52;
        let all = self.0.last().copied().unwrap_or_default();
        let at = rng.below(PARTS) as f64 / PARTS as f64 * all;
        self.0.partition_point(|weight| *weight < at) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rank_is_asked_for_as_often_as_zipf_says() {
        let keys = Kind::Plain.requests(100_000, 1);
        let first = keys.iter().filter(|key| **key == 0).count() as f64;
        let expected = 100_000.0 / Zipf::new().0.last().copied().unwrap_or(1.0);
        assert!((first / expected - 1.0).abs() < 0.1, "{first} {expected}");
    }

    #[test]
    fn strangers_come_once() {
        let keys = Kind::OneHitWonders.requests(30_000, 1);
        let mut strangers: Vec<_> = keys.iter().filter(|key| **key > STRANGERS).collect();
        let all = strangers.len();
        strangers.dedup();
        assert_eq!(strangers.len(), all);
        assert!((9_000..11_000).contains(&all), "{all}");
    }
}
