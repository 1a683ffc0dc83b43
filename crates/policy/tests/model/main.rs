//! A slow, obvious model of RFC 9111 beside `policy`: no sequence of requests, responses, purges and
//! clock steps may be found in which what is asked, served or stored differs.
//!
//! `PROPTEST_CASES` sets how many sequences are tried.

mod dictionary;
mod generate;
mod machine;
mod merging;
mod model;
mod purging;
mod regressions;
mod replying;
mod requests;
mod responses;
mod reusing;
mod says;
mod script;
mod storing;
mod text;

use machine::Machine;
use model::Model;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};
use script::{Origin, Outcome, START, Sequence};

/// Sequences tried where nothing else is said.
const CASES: u32 = 5000;

/// A given number from a given seed, so that the same commit gives the same answer each time; as
/// many as are asked for from a new seed.
fn config() -> ProptestConfig {
    /// What proptest takes where `PROPTEST_CASES` says nothing.
    const UNASKED: u32 = 256;
    let base = ProptestConfig::default();
    let (cases, rng_seed) = match base.cases {
        UNASKED => (CASES, RngSeed::Fixed(9111)),
        asked => (asked, RngSeed::Random),
    };
    // What is found becomes a test of its own in `regressions`.
    let failure_persistence = Some(Box::new(FileFailurePersistence::Off) as Box<_>);
    ProptestConfig { cases, rng_seed, failure_persistence, max_shrink_iters: 20_000, ..base }
}

/// Plays a sequence to both and compares after each step.
fn agree(sequence: &Sequence) -> Result<(), TestCaseError> {
    let mut model = Model { rules: sequence.rules, kept: Vec::new(), during: None };
    let mut machine = Machine::new(&sequence.rules);
    let mut now = START;
    for (number, step) in sequence.steps.iter().enumerate() {
        now += model.wait(step.wait, now);
        let mut origin = Origin::new(step, number, now);
        let answer = model.serve(&step.ask, &mut origin);
        let wanted = Outcome { asked: origin.asked, answer, stored: model.held() };
        let after = origin.now;
        let mut origin = Origin::new(step, number, now);
        let answer = machine.serve(&step.ask, &mut origin);
        let found = Outcome { asked: origin.asked, answer, stored: machine.held() };
        prop_assert_eq!(&found, &wanted, "policy (left) and model (right) at step {}", number);
        now = after;
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn policy_does_what_the_model_does(sequence in generate::sequence()) {
        agree(&sequence)?;
    }
}
