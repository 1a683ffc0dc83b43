//! Secrets that clients of doors show.

use crate::config::secret::Secret;
use crate::failures::Failures;
use std::net::{IpAddr, Ipv4Addr};
use subtle::ConstantTimeEq;

/// Whether what was offered is the secret. Time tells nothing but its length.
pub fn is_secret(secret: &Secret, offered: &[u8]) -> bool {
    secret.reveal().as_bytes().ct_eq(offered).into()
}

/// Lets a client that showed a wrong secret wait, the longer the more of them it showed.
pub async fn slow_down(failures: &Failures, client: Option<IpAddr>, door: &str) {
    let client = client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    failures.slow_down(client, &format!("a wrong secret to {door}")).await;
}
