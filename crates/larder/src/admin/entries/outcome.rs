//! What came of requests for entries, and how often.

use super::super::problem::Problem;
use axum::response::Response;
use proxy::metrics::Counter;

/// An answer and what it is counted as.
pub type Answered = Result<(Outcome, Response), Refused>;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// To give it.
    Get,
    /// To keep it.
    Put,
    /// To purge it.
    Delete,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was given, fresh.
    Hit,
    /// It was given, stale.
    Stale,
    /// There is none that may be given.
    Miss,
    /// It is kept.
    Stored,
    /// It is not kept: it was worked out before a purge that covers it, or before what is kept.
    Outdated,
    /// It is not kept: it is longer than may be.
    TooLarge,
    /// It is not kept: there is no room now, or the disk fails.
    NotKept,
    /// It is purged.
    Purged,
    /// The request makes no sense, or was broken off.
    Refused,
}

/// An answer that is a problem.
#[derive(Debug)]
pub struct Refused {
    /// What it is counted as.
    pub outcome: Outcome,
    /// What the client is told.
    pub problem: Problem,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused { outcome: Outcome::Refused, problem }
    }
}

const OPS: [&str; 3] = ["get", "put", "delete"];
const OUTCOMES: [&str; 9] =
    ["hit", "stale", "miss", "stored", "outdated", "too-large", "not-kept", "purged", "refused"];

/// How often each came.
#[derive(Debug, Default)]
pub struct Outcomes([[Counter; OUTCOMES.len()]; OPS.len()]);

impl Outcomes {
    /// Counts one.
    pub fn count(&self, op: Op, outcome: Outcome) {
        self.0[op as usize][outcome as usize].one();
    }

    /// What was asked, what came of it and how often, of what happened at all.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let of_op = |(op, counters): (&'static str, &[Counter; OUTCOMES.len()])| {
            let counts = counters.each_ref().map(Counter::read);
            let counts = OUTCOMES.into_iter().zip(counts);
            counts.map(move |(outcome, count)| (op, outcome, count))
        };
        OPS.into_iter().zip(&self.0).flat_map(of_op).filter(|(_, _, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_under_its_own_words() {
        let outcomes = Outcomes::default();
        outcomes.count(Op::Get, Outcome::Hit);
        outcomes.count(Op::Delete, Outcome::Refused);
        outcomes.count(Op::Put, Outcome::NotKept);
        outcomes.count(Op::Put, Outcome::NotKept);
        let read: Vec<_> = outcomes.read().collect();
        assert_eq!(read, [("get", "hit", 1), ("put", "not-kept", 2), ("delete", "refused", 1)]);
    }
}
