//! From the start of an app to its first answer: whether its port is its own, and what is wrong where
//! it takes long.
//!
//! Who listens is looked up in `/proc` once, when the port first takes connections: reading it costs
//! milliseconds of a core. How often the port itself is tried falls with time.

use super::launch::address;
use super::listening::{self, takes};
use super::probe::{self, Probe};
use super::state::AppState;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often it is looked at first whether the app answers, and how seldom at last.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// After so long it is looked once more whether the app has its port: it may have begun another
/// process while it was looked.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// An app that has not answered for so long is asked why; then after twice as long, and so on. Tests
/// do not wait so long.
const WONDER_AFTER: Duration =
    if cfg!(feature = "turned-clock") { Duration::from_secs(1) } else { Duration::from_secs(10) };

/// Who is waited for.
pub struct Awaited<'a> {
    /// Where it is told how it does.
    pub state: &'a AppState,
    /// The process that is above all of the app's.
    pub guard: i32,
    /// The variable that tells it its port.
    pub variable: &'a str,
    /// Whether a process that is not below the guard listens for it: as with `docker run -p`.
    pub has_a_proxy: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The app answers, itself.
    Own,
    /// It does by a process that is not below the guard.
    ByProxy,
    /// Such a process listens, and it is not known that it does so for the app.
    Stranger,
}

impl Awaited<'_> {
    /// Waits until the app answers, or a stranger is found at its port; says meanwhile what is wrong.
    pub async fn hear(&self) -> Heard {
        let begun = Instant::now();
        tokio::select! {
            heard = self.first_answer(begun) => heard,
            () = self.wonder(begun) => Heard::Stranger,
        }
    }

    async fn first_answer(&self, begun: Instant) -> Heard {
        let port = self.state.port();
        while !probe::connects(port).await {
            sleep(pause(begun.elapsed())).await;
        }
        let heard = match self.is_own() || self.is_own_after_all().await {
            true => Heard::Own,
            false if self.has_a_proxy => Heard::ByProxy,
            false => return Heard::Stranger,
        };
        // What the app makes first may take it long: requests need not wait for its answer to us.
        self.state.listens();
        while probe::ask(port).await != Probe::Answers {
            sleep(pause(begun.elapsed())).await;
        }
        self.state.answers();
        let by = match heard {
            Heard::Own => "",
            _ => ", by a process that it did not begin,",
        };
        tracing::info!("the app answers{by} on {} after {:.1?}", address(port), begun.elapsed());
        heard
    }

    /// Whether one of the app's processes listens at its port. Where that cannot be known, it is
    /// believed.
    fn is_own(&self) -> bool {
        let wanted = address(self.state.port());
        listening::by_tree(self.guard).is_none_or(|all| all.iter().any(|at| takes(at, wanted)))
    }

    async fn is_own_after_all(&self) -> bool {
        sleep(LOOK_AGAIN_AFTER).await;
        self.is_own()
    }

    /// Says what is wrong, more and more seldom.
    async fn wonder(&self, begun: Instant) {
        let (port, mut after) = (self.state.port(), WONDER_AFTER);
        loop {
            sleep(after.saturating_sub(begun.elapsed())).await;
            let found = match probe::connects(port).await {
                true => Probe::Silent,
                false => Probe::Nobody,
            };
            let listening = listening::by_tree(self.guard);
            let what = probe::trouble(found, listening.as_deref(), port, self.variable);
            self.state.troubles(what.clone());
            tracing::warn!("{what} ({:.0?} since it was started)", begun.elapsed());
            after *= 2;
        }
    }
}

/// How long to wait before the next look, so long after the start.
fn pause(elapsed: Duration) -> Duration {
    (elapsed / 10).clamp(LOOK_EVERY[0], LOOK_EVERY[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_it_takes_the_more_seldom_it_is_looked() {
        let millis = Duration::from_millis;
        for (elapsed, found) in [(0, 50), (500, 50), (3000, 300), (10_000, 1000), (600_000, 1000)] {
            assert_eq!(pause(millis(elapsed)), millis(found), "{elapsed}");
        }
    }
}
