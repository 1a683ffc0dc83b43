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

/// Gives each site the doors of its hooks.
pub fn open_hooks(sites: &mut [SiteSettings], all: &[Arc<Hook>], hooks: &Arc<Hooks>) {
    for site in sites {
        let id = site.site.id;
        let is_its = |hook: &&Arc<Hook>| hook.site.as_ref().is_none_or(|its| its.id == id);
        let door = |hook: &Arc<Hook>| -> Arc<dyn Door> {
            Arc::new(HookDoor { hook: hook.clone(), hooks: hooks.clone() })
        };
        site.doors.extend(all.iter().filter(is_its).map(door));
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
