//! Purging an entry: through the purge log, whether it is kept or not, since it may be on its way.

use super::asked::Asked;
use super::outcome::{Answered, Outcome, Refused};
use crate::admin::access::Caller;
use crate::admin::problem::Problem;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use policy::purge::{Force, Purge};
use proxy::core::Shared;

/// Purges the entry that a request names; it is gone for good when this answers.
///
/// # Errors
/// That the request makes no sense, or that the purge would not last.
pub async fn delete(shared: &Shared, caller: Caller, uri: &Uri) -> Answered {
    let Asked { scope, .. } = Asked::read(shared, uri)?;
    let purge = Purge {
        scopes: [scope].into(),
        force: Force::Hard,
        at: shared.clock.now(),
        by: caller.name,
        why: "".into(),
    };
    let refused = |problem| Refused { outcome: Outcome::NotKept, problem };
    shared.store.purge(purge).await.map_err(Problem::of_purge).map_err(refused)?;
    Ok((Outcome::Purged, StatusCode::NO_CONTENT.into_response()))
}
