//! Servers of pictures that want to be left alone, within one run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The longest that a run waits for a server. The pictures of one that wants more are left to the next.
const MOST_WAITED: Duration = Duration::from_secs(10);

/// Until when which server is not asked.
#[derive(Debug, Default)]
pub struct Resting(RefCell<HashMap<Box<str>, Instant>>);

impl Resting {
    /// Notes that the server of a URL wants to be left alone for so long.
    pub fn note(&self, url: &str, rest: Duration) {
        let until = Instant::now() + rest;
        let mut all = self.0.borrow_mut();
        let known = all.entry(server(url).into()).or_insert(until);
        *known = until.max(*known);
    }

    /// Waits until the server of a URL may be asked; not where that is too long for a run.
    ///
    /// # Errors
    /// When it is not to be asked in this run any more: how long it wants to be left alone.
    pub async fn turn(&self, url: &str) -> Result<(), Duration> {
        loop {
            // Another may be told to wait longer while this one waits.
            let Some(until) = self.0.borrow().get(server(url)).copied() else { return Ok(()) };
            let left = until.saturating_duration_since(Instant::now());
            match left {
                Duration::ZERO => return Ok(()),
                left if left > MOST_WAITED => return Err(left),
                _ => sleep_until(until).await,
            }
        }
    }
}

/// The server that a URL names, with its port.
fn server(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    #[test]
    fn a_server_is_left_alone_as_long_as_it_wants_and_no_other() {
        let runtime = Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (resting, begun) = (Resting::default(), Instant::now());
            let [here, there] = ["http://a.test:81/x", "http://a.test/x"];
            let rest = Duration::from_millis(30);
            resting.note(here, rest);
            resting.note("http://a.test:81/y?z", Duration::ZERO);
            resting.note("http://b.test/", MOST_WAITED * 2);
            assert_eq!(resting.turn(there).await, Ok(()));
            assert_eq!(resting.turn(here).await, Ok(()));
            assert!(begun.elapsed() >= rest);
            let left = resting.turn("http://b.test/x").await.expect_err("it wants more");
            assert!(left > MOST_WAITED);
        });
    }
}
