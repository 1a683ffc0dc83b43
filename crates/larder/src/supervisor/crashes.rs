//! When an app that ended is started again, and when it is given up.

use std::time::{Duration, Instant};

/// How long it is waited after the first crash; after each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause. Ten crashes take a minute by it: what an app waits for at its start, as a
/// database that starts beside it, is mostly there by then.
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// Crashes in a row after which an app is given up, unless the command line says otherwise.
pub const MAX_CRASHES: u32 = 10;
/// Who ran so long did not crash at its start: what comes next counts as the first again.
pub const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// The crashes of an app so far.
#[derive(Clone, Debug)]
pub struct Crashes {
    /// Those in a row.
    in_a_row: u32,
    /// How many are too many; 0: none.
    max: u32,
}

/// What to do about a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To start it again after a pause.
    StartAfter(Duration),
    /// To leave it: so many came in a row.
    GiveUp(u32),
}

impl Crashes {
    /// None yet.
    pub fn new(max: u32) -> Crashes {
        Crashes { in_a_row: 0, max }
    }

    /// The app that was started at `begun` has ended by itself.
    pub fn ended(&mut self, begun: Instant, now: Instant) -> Next {
        if now.saturating_duration_since(begun) >= LONG_ENOUGH {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row == self.max {
            return Next::GiveUp(self.in_a_row);
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.in_a_row - 1).min(16));
        Next::StartAfter(doubled.min(MAX_PAUSE))
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With that code.
    Code(u8),
    /// By that signal.
    Signal(u8),
    /// It could not be started; the code that shells give for that.
    NotStarted(u8),
    /// By us, since another process has its port.
    Displaced,
    /// Nobody saw it: the guard ended before.
    Unseen,
    /// It was not begun, for want of what a guard needs.
    NotBegun,
}

impl Exit {
    /// The code that Larder ends with in its place: as shells have it. To end though nobody asked is
    /// a failure, also with code 0.
    pub fn code(self) -> u8 {
        match self {
            Exit::Code(0) | Exit::Displaced | Exit::Unseen | Exit::NotBegun => 1,
            Exit::Code(code) | Exit::NotStarted(code) => code,
            Exit::Signal(number) => 128_u8.saturating_add(number),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "with code {code}"),
            Exit::Signal(number) => write!(f, "by signal {number}"),
            Exit::NotStarted(_) | Exit::NotBegun => f.write_str("before it began"),
            Exit::Displaced => f.write_str("without its port"),
            Exit::Unseen => f.write_str("with its guard"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of crashes after so many seconds each.
    fn after(max: u32, ran: &[u64]) -> Vec<Next> {
        let (mut crashes, begun) = (Crashes::new(max), Instant::now());
        let mut crash = |ran: &u64| crashes.ended(begun, begun + Duration::from_secs(*ran));
        ran.iter().map(&mut crash).collect()
    }

    #[test]
    fn pauses_double_up_to_a_bound_until_it_is_given_up() {
        let pause = |millis| Next::StartAfter(Duration::from_millis(millis));
        for (max, ran, found) in [
            (3, &[0, 0, 0][..], &[pause(250), pause(500), Next::GiveUp(3)][..]),
            (1, &[59], &[Next::GiveUp(1)]),
            (1, &[60], &[Next::GiveUp(1)]),
            (2, &[0, 60, 60, 59], &[pause(250), pause(250), pause(250), Next::GiveUp(2)]),
        ] {
            assert_eq!(after(max, ran), found, "{max} {ran:?}");
        }
        let never = after(0, &[0; 100]);
        assert_eq!(never[5..8], [pause(8_000), pause(15_000), pause(15_000)]);
        assert_eq!(never.last(), Some(&pause(15_000)));
    }

    #[test]
    fn it_is_given_up_after_a_minute() {
        let next = after(MAX_CRASHES, &[0; 10]);
        assert_eq!(next[9], Next::GiveUp(10));
        let pause = |next: &Next| match next {
            Next::StartAfter(pause) => *pause,
            Next::GiveUp(_) => Duration::ZERO,
        };
        assert_eq!(next.iter().map(pause).sum::<Duration>(), Duration::from_millis(60_750));
    }

    #[test]
    fn exit_codes_are_those_of_shells_and_never_that_of_success() {
        for (exit, code) in [
            (Exit::Code(0), 1),
            (Exit::Code(3), 3),
            (Exit::Signal(9), 137),
            (Exit::Signal(15), 143),
            (Exit::NotStarted(127), 127),
            (Exit::Unseen, 1),
            (Exit::NotBegun, 1),
        ] {
            assert_eq!(exit.code(), code, "{exit}");
        }
    }
}
