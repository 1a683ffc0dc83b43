//! What a payload would do, were it delivered.

use super::hook::Hook;
use super::plan::{Plan, plan};
use policy::fields::Fields;
use proxy::settings::SiteSettings;
use serde_json::{Value, json};

/// Tries a payload; `event` is what its header would say. Gives the plan, where there is something to
/// purge, and what is told of it.
///
/// # Errors
/// What cannot be purged of it, in words.
pub fn trial(
    hook: &Hook,
    payload: &Value,
    event: Option<&str>,
    sites: &[SiteSettings],
) -> Result<(Option<Plan>, Value), String> {
    let plan = plan(hook, payload, sites)?;
    let no_fields = Fields::new();
    let event = event.or(hook.kind.event(&no_fields, Some(payload)));
    let outcome = match () {
        () if !hook.is_for(event) => "ignored",
        () if plan.is_empty() => "nothing",
        () => "purged",
    };
    let told = json!({
        "hook": hook.name,
        "kind": hook.kind.word(),
        "outcome": outcome,
        "event": event,
        "force": hook.force_word(),
        "verify": hook.is_verified,
        "site": hook.site.as_ref().map(|site| &site.name),
        "tags": plan.tags,
        "urls": plan.urls,
        "prefixes": plan.prefixes,
        "empty": plan.empty,
    });
    Ok(((outcome == "purged").then_some(plan), told))
}
