//! `larder explain`: what would happen to a request of a running Larder, and why. The verdict first,
//! then what decided, then what to change.

mod text;

use super::ask::{get_json, post_json};
use super::{Failure, say};
use crate::admin::encode;
use crate::cli::Explain;
use serde_json::json;

/// Tells what would happen to a request; with `--fetch` also what the origin answers.
///
/// # Errors
/// When the question cannot be asked, or the origin was to be asked and did not answer.
pub fn run(arguments: &Explain) -> Result<(), Failure> {
    let Explain { url, header, method, fetch, asking, json } = arguments;
    let told = match fetch {
        true => {
            let body = json!({ "url": url, "headers": header, "method": method });
            post_json(asking, "/v1/explain", &body)?
        }
        false => {
            let mut target = format!("/v1/explain?url={}&method={}", encode(url), encode(method));
            for header in header {
                target.push_str(&format!("&header={}", encode(header)));
            }
            get_json(asking, &target)?
        }
    };
    say(&if *json { format!("{told:#}\n") } else { text::of(&told) })?;
    match told["fetched"]["error"].is_object() {
        // It was said above.
        true => Err(Failure::Reported),
        false => Ok(()),
    }
}
