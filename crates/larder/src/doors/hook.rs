//! The webhooks on a site's listener.

use super::said;
use crate::hooks::{Arrived, Hook, Hooks, MAX_BODY_BYTES};
use policy::request::{Method, Request};
use proxy::doors::{Door, Knock, Said};
use proxy::settings::SiteSettings;
use serde_json::json;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

/// The door to all hooks of a site. What is below the path of hooks and is none stops here too: it never
/// reaches an origin, for it may bear the secret of one, and what the origin says would pass for success.
#[derive(Debug)]
struct HooksDoor {
    by_path: HashMap<Box<str>, Arc<Hook>>,
    hooks: Arc<Hooks>,
}

/// What begins the paths of hooks, but for slashes.
const ROOT: &str = "_larder/hooks/";

/// Gives each site the door to its hooks.
pub fn open_hooks(sites: &mut [SiteSettings], all: &[Arc<Hook>], hooks: &Arc<Hooks>) {
    if all.is_empty() {
        return;
    }
    for site in sites {
        let id = site.site.id;
        let is_its = |hook: &&Arc<Hook>| hook.site.as_ref().is_none_or(|its| its.id == id);
        let its = all.iter().filter(is_its);
        let by_path = its.map(|hook| (hook.path.clone(), hook.clone())).collect();
        site.doors.push(Arc::new(HooksDoor { by_path, hooks: hooks.clone() }));
    }
}

impl Door for HooksDoor {
    fn is_for(&self, request: &Request) -> bool {
        let path = request.path();
        self.by_path.contains_key(path) || path.trim_start_matches('/').starts_with(ROOT)
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn answer<'a>(&'a self, knock: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>> {
        Box::pin(async move {
            match self.by_path.get(knock.request.path()) {
                Some(hook) => self.take(hook, knock).await,
                None => {
                    let error = "there is no such hook on this site: larder hook list names them";
                    said(404, &json!({ "success": false, "error": error }))
                }
            }
        })
    }
}

impl HooksDoor {
    async fn take(&self, hook: &Arc<Hook>, knock: Knock<'_>) -> Said {
        let Knock { request, body, client, shared, .. } = knock;
        if request.method != Method::Post {
            let error = "a webhook is sent by POST";
            let mut said = said(405, &json!({ "success": false, "error": error }));
            said.fields.push(b"allow", b"POST");
            return said;
        }
        let arrived = Arrived {
            method: "POST".to_owned(),
            target: request.target.clone(),
            fields: request.fields.clone(),
            body,
            client,
        };
        let reply = self.hooks.clone().receive(hook.clone(), shared.clone(), arrived).await;
        said(reply.status(), &reply.body)
    }
}
