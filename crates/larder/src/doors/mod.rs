//! What the sites' listeners answer by themselves: webhooks, calls to make pages anew, and the method
//! PURGE.

mod hook;
mod purge_method;
mod regenerate;
mod revalidate;
mod secrets;

pub use hook::open_hooks;
pub use purge_method::PurgeMethod;
pub use regenerate::{Regenerate, open_regenerate};
pub use revalidate::Revalidate;

use policy::fields::Fields;
use policy::purge::{Force, Purge, Scope};
use proxy::doors::{Knock, Said};
use serde_json::{Value, json};

/// The longest body that a door takes, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

fn said(status: u16, body: &Value) -> Said {
    Said { status, fields: Fields::new(), body: format!("{body}\n") }
}

fn refused(status: u16, error: &str) -> Said {
    said(status, &json!({ "success": false, "error": error }))
}

/// Appends a purge to the log.
///
/// # Errors
/// What the client is told where it cannot be kept.
async fn purge(knock: &Knock<'_>, scopes: Vec<Scope>, force: Force, by: &str) -> Result<u64, Said> {
    let purge =
        Purge { scopes: scopes.into(), force, at: knock.now, by: by.into(), why: "".into() };
    knock.shared.store.purge(purge).await.map_err(|error| {
        refused(503, &format!("nothing was purged: the purge log cannot be written ({error})"))
    })
}
