//! Secrets that clients of doors show.

use crate::config::secret::Secret;
use crate::failures::Failures;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use subtle::ConstantTimeEq;
use tokio::time::sleep;

/// Whether what was offered is the secret. Time tells nothing but its length.
pub fn is_secret(secret: &Secret, offered: &[u8]) -> bool {
    secret.reveal().as_bytes().ct_eq(offered).into()
}

/// Lets a client that showed a wrong secret wait, the longer the more of them it showed.
pub async fn slow_down(failures: &Failures, client: Option<IpAddr>, door: &str) {
    let client = client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let slowed = failures.note(client, Instant::now());
    // Told of at the first, and then less and less often.
    if slowed.count.is_power_of_two() {
        tracing::warn!("{client} sent a wrong secret to {door} ({} of late)", slowed.count);
    }
    sleep(slowed.wait).await;
}
