//! The report: every measurement of a side-by-side run, as it goes into the JSON file; `table`
//! makes Markdown of it.

mod table;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use table::markdown;

use crate::compare::MEASURE;
use crate::load;
use crate::peers::Kind;
use crate::rows::Row;
use crate::stats::median;
use crate::storm;

/// All that a side-by-side run has found.
#[derive(Default, Serialize)]
pub struct Report {
    /// What each peer says of its version.
    pub versions: Vec<(Kind, String)>,
    /// Every measurement.
    pub samples: Vec<Sample>,
    /// Who was not measured, in which rows, and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Notes, and says at once, that a peer is not measured.
    pub fn left_out(&mut self, peer: Kind, rows: &str, error: &anyhow::Error) {
        let note = format!("{peer} left out of {rows}: {error:#}");
        eprintln!("  {note}");
        self.notes.push(note);
    }

    fn of<'a>(&'a self, row: &'a Row, peer: Kind) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |s| s.row == row.name && s.peer == peer)
    }

    /// The median of the rounds; `None` where the peer was not measured.
    fn median(&self, row: &Row, peer: Kind, value: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.of(row, peer).map(value))
    }

    /// Each round's own ratio of CPU time to that of the peer that is the measure.
    fn cpu_ratios(&self, row: &Row, peer: Kind) -> Vec<f64> {
        let measure = |round| self.of(row, MEASURE).find(|s| s.round == round);
        let ratio = |sample: &Sample| {
            let ratio = sample.measured.cpu_micros() / measure(sample.round)?.measured.cpu_micros();
            ratio.is_finite().then_some(ratio)
        };
        self.of(row, peer).filter_map(ratio).collect()
    }
}

/// One measurement of one peer.
#[derive(Serialize)]
pub struct Sample {
    /// The row's name.
    pub row: &'static str,
    /// Who was measured.
    pub peer: Kind,
    /// Counts from 0.
    pub round: u32,
    /// How many requests reached the origin meanwhile.
    pub origin_requests: u64,
    /// Resident memory after it.
    pub rss_bytes: u64,
    /// Proportional resident memory after it.
    pub pss_bytes: u64,
    /// What came of it.
    #[serde(flatten)]
    pub measured: Measured,
}

/// What came of a measurement.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Measured {
    /// Of steady load.
    Load(LoadSample),
    /// Of a storm.
    Storm(StormSample),
}

impl Measured {
    /// Divides the server's CPU time by the requests it has answered.
    pub fn set_cpu(&mut self, cpu: Duration) {
        let (answered, field) = match self {
            Self::Load(sample) => (sample.answered, &mut sample.cpu_micros),
            Self::Storm(sample) => (sample.answered, &mut sample.cpu_micros),
        };
        *field = micros(cpu) / answered.max(1) as f64;
    }

    fn cpu_micros(&self) -> f64 {
        match self {
            Self::Load(sample) => sample.cpu_micros,
            Self::Storm(sample) => sample.cpu_micros,
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.cpu_micros();
        match self {
            Self::Load(s) => {
                write!(f, "{cpu:7.1} µs {:8.0} requests/s {} errors", s.rate, s.errors)
            }
            Self::Storm(s) => {
                write!(f, "{cpu:7.1} µs p50 {:.0} ms {} errors", s.whole_p50_ms, s.errors)
            }
        }
    }
}

/// Steady load, measured once. Times in microseconds.
#[derive(Serialize)]
pub struct LoadSample {
    answered: u64,
    errors: u64,
    rate: f64,
    cpu_micros: f64,
    p50_micros: f64,
    p99_micros: f64,
    max_micros: f64,
}

impl From<&load::Outcome> for LoadSample {
    fn from(outcome: &load::Outcome) -> Self {
        Self {
            answered: outcome.answered,
            errors: outcome.errors.total(),
            rate: outcome.rate(),
            cpu_micros: 0.0,
            p50_micros: micros(outcome.latency.quantile(0.5)),
            p99_micros: micros(outcome.latency.quantile(0.99)),
            max_micros: micros(outcome.latency.max()),
        }
    }
}

/// A storm, measured once. Times in milliseconds.
#[derive(Serialize)]
pub struct StormSample {
    answered: u64,
    errors: u64,
    cpu_micros: f64,
    first_byte_p50_ms: f64,
    first_byte_max_ms: f64,
    whole_p50_ms: f64,
    whole_max_ms: f64,
}

impl From<&storm::Outcome> for StormSample {
    fn from(outcome: &storm::Outcome) -> Self {
        let millis = |time: Duration| micros(time) / 1000.0;
        Self {
            answered: outcome.answered,
            errors: outcome.errors,
            cpu_micros: 0.0,
            first_byte_p50_ms: millis(outcome.first_byte.p50()),
            first_byte_max_ms: millis(outcome.first_byte.max()),
            whole_p50_ms: millis(outcome.whole.p50()),
            whole_max_ms: millis(outcome.whole.max()),
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rows;

    fn sample(peer: Kind, round: u32, cpu_micros: f64) -> Sample {
        let load = LoadSample {
            answered: 1,
            errors: 0,
            rate: 1000.0,
            cpu_micros,
            p50_micros: 1.0,
            p99_micros: 2.0,
            max_micros: 3.0,
        };
        let measured = Measured::Load(load);
        let (origin_requests, bytes) = (0, 5 << 20);
        Sample {
            row: "1k-c32",
            peer,
            round,
            origin_requests,
            rss_bytes: bytes,
            pss_bytes: bytes,
            measured,
        }
    }

    /// Nginx got slower from round to round and so did Larder: each round says one half.
    pub fn drifting() -> Report {
        let rounds = [(0, 20.0), (1, 40.0), (2, 60.0)];
        let samples = rounds.iter().flat_map(|&(round, cpu)| {
            [sample(Kind::Nginx, round, cpu), sample(Kind::Larder, round, cpu / 2.0)]
        });
        let versions = vec![(Kind::Larder, "l".into()), (Kind::Nginx, "n".into())];
        Report { versions, samples: samples.collect(), notes: vec!["a note".into()] }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let rows = rows::all();
        assert_eq!(drifting().cpu_ratios(&rows[0], Kind::Larder), [0.5; 3]);
    }

    #[test]
    fn json_puts_each_measurement_in_one_flat_object() {
        let json = serde_json::to_value(drifting()).expect("the report has only plain values");
        assert_eq!(json["samples"][0]["peer"], "nginx");
        assert_eq!(json["samples"][0]["kind"], "load");
        assert_eq!(json["samples"][0]["cpu_micros"], 20.0);
    }
}
