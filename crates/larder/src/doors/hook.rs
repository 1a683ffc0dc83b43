//! A webhook on a site's listener.

use super::said;
use crate::hooks::{Arrived, Hook, Hooks, MAX_BODY_BYTES};
use policy::request::{Method, Request};
use proxy::doors::{Door, Knock, Said};
use proxy::settings::SiteSettings;
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;

/// The door.
#[derive(Debug)]
struct HookDoor {
    hook: Arc<Hook>,
    hooks: Arc<Hooks>,
}

/// What is below the path of hooks and is none: it never reaches an origin, for it may bear the secret of
/// one, and what the origin says would pass for success.
#[derive(Debug)]
struct NoHook;

/// What begins the paths of hooks, but for slashes.
const ROOT: &str = "_larder/hooks/";

/// Gives each site the doors of its hooks.
pub fn open_hooks(sites: &mut [SiteSettings], all: &[Arc<Hook>], hooks: &Arc<Hooks>) {
    if all.is_empty() {
        return;
    }
    for site in sites {
        let id = site.site.id;
        let is_its = |hook: &&Arc<Hook>| hook.site.as_ref().is_none_or(|its| its.id == id);
        let door = |hook: &Arc<Hook>| -> Arc<dyn Door> {
            Arc::new(HookDoor { hook: hook.clone(), hooks: hooks.clone() })
        };
        site.doors.extend(all.iter().filter(is_its).map(door));
        site.doors.push(Arc::new(NoHook));
    }
}

impl Door for HookDoor {
    fn is_for(&self, request: &Request) -> bool {
        request.path() == &*self.hook.path
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn answer<'a>(&'a self, knock: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>> {
        Box::pin(self.take(knock))
    }
}

impl Door for NoHook {
    fn is_for(&self, request: &Request) -> bool {
        request.path().trim_start_matches('/').starts_with(ROOT)
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn answer<'a>(&'a self, _: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>> {
        let error = "there is no such hook on this site: larder hook list names them";
        Box::pin(async move { said(404, &json!({ "success": false, "error": error })) })
    }
}

impl HookDoor {
    async fn take(&self, knock: Knock<'_>) -> Said {
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
        let reply = self.hooks.clone().receive(self.hook.clone(), shared.clone(), arrived).await;
        said(reply.status(), &reply.body)
    }
}
