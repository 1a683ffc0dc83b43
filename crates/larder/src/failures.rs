//! Wrong tokens, by client: who guesses waits longer and longer for the answer.
//!
//! Only the answer to a wrong token waits. A right token is answered at once, whatever came from
//! its address before: clients behind one address (a proxy, a tunnel, this machine) cannot be told
//! apart before they show a token, so whoever made others wait by guessing would be the one that
//! locks them out. What guessing costs then is the wait of each connection that guesses, and there
//! are few connections (`seats`).

use proxy::doors::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The wait for the answer to the first wrong token; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(3);
/// A client that sent no wrong token for so long begins anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);
/// Clients that are remembered; of more, the one that was quiet the longest is forgotten.
const MAX_CLIENTS: usize = 1024;

/// Wrong tokens of late.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<IpAddr, Failed>>);

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Instant,
}

/// What a wrong token brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slowed {
    /// How many wrong tokens the client has sent of late.
    count: u32,
    /// How long the answer waits.
    wait: Duration,
}

impl Failures {
    /// Lets a client wait that showed a wrong secret, the longer the more of them it showed. `what`
    /// is said in the log.
    pub async fn slow_down(&self, client: IpAddr, what: &str) {
        let slowed = self.note(client, Instant::now());
        // Told of at the first, and then less and less often.
        if slowed.count.is_power_of_two() {
            tracing::warn!("{client} sent {what} ({} of late)", slowed.count);
        }
        sleep(slowed.wait).await;
    }

    /// Notes a wrong token.
    fn note(&self, client: IpAddr, now: Instant) -> Slowed {
        let client = network(client);
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            clients.retain(|_, failed| now.duration_since(failed.last) < FORGOTTEN_AFTER);
            let quiet = clients.iter().min_by_key(|(_, failed)| failed.last).map(|(ip, _)| *ip);
            if let Some(quiet) = quiet.filter(|_| clients.len() >= MAX_CLIENTS) {
                clients.remove(&quiet);
            }
        }
        let failed = clients.entry(client).or_insert(Failed { count: 0, last: now });
        if now.duration_since(failed.last) >= FORGOTTEN_AFTER {
            failed.count = 0;
        }
        *failed = Failed { count: failed.count.saturating_add(1), last: now };
        let doubled = FIRST_WAIT.saturating_mul(1 << (failed.count - 1).min(16));
        Slowed { count: failed.count, wait: doubled.min(MAX_WAIT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_wrong_token_waits_longer_up_to_a_bound_and_is_forgotten() {
        let (failures, begin) = (Failures::default(), Instant::now());
        let waits: Vec<u128> =
            (0..8).map(|_| failures.note(ip("192.0.2.1"), begin).wait.as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3000, 3000, 3000]);
        assert_eq!(failures.note(ip("192.0.2.2"), begin).count, 1, "another client");
        let later = failures.note(ip("192.0.2.1"), begin + FORGOTTEN_AFTER);
        assert_eq!(later, Slowed { count: 1, wait: FIRST_WAIT });
        for _ in 0..100 {
            assert!(failures.note(ip("::1"), begin).wait <= MAX_WAIT);
        }
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let (failures, now) = (Failures::default(), Instant::now());
        failures.note(ip("2001:db8::1"), now);
        assert_eq!(failures.note(ip("2001:db8::ffff:2"), now).count, 2);
        assert_eq!(failures.note(ip("2001:db8:0:1::1"), now).count, 1);
        failures.note(ip("::ffff:192.0.2.1"), now);
        assert_eq!(failures.note(ip("192.0.2.1"), now).count, 2);
    }

    #[test]
    fn no_crowd_makes_the_table_grow() {
        let (failures, begin) = (Failures::default(), Instant::now());
        for at in 0..3000_u32 {
            failures.note(
                IpAddr::V4((at + (10 << 24)).into()),
                begin + Duration::from_millis(at.into()),
            );
        }
        assert_eq!(failures.0.lock().expect("no panic").len(), MAX_CLIENTS);
        let last = IpAddr::V4((2999 + (10_u32 << 24)).into());
        assert_eq!(
            failures.note(last, begin + Duration::from_secs(4)).count,
            2,
            "it is remembered"
        );
    }
}
