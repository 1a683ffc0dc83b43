//! Active checks of origins, where configured: each server is asked again and again whether it is
//! well.

use super::exchange::Upstream;
use super::request::Outgoing;
use crate::clock::Clock;
use crate::settings::HealthCheck;
use policy::fields::Fields;
use policy::name::Name;
use policy::request::Method;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Asks all servers of an origin whether they are well, for as long as it is polled.
pub async fn watch(upstream: &Upstream, check: &HealthCheck, host: &str, clock: &Clock) {
    let mut ticks = interval(check.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let fields: Fields = [(Name::UserAgent.as_str(), "larder health check")].into_iter().collect();
    let host = (!host.is_empty()).then(|| host.to_owned());
    let outgoing =
        Outgoing { method: Method::Get, target: check.path.clone(), host, fields, upgrade: None };
    loop {
        ticks.tick().await;
        for endpoint in upstream.endpoints() {
            let asked = async {
                let answered = endpoint.check(&outgoing, clock).await;
                answered.is_ok_and(|response| response.status < 400)
            };
            let is_well = timeout(check.timeout, asked).await.unwrap_or(false);
            let shared = endpoint.shared();
            if shared.health.checked(is_well) {
                let url = shared.address().url();
                match is_well {
                    true => tracing::info!("the origin {url} is well again"),
                    false => tracing::warn!("the origin {url} fails its checks: it is left out"),
                }
            }
        }
    }
}
