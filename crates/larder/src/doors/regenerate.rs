//! `POST /api/regenerate`: the feeds of a site are fetched anew, at once.

use super::secrets::{is_secret, slow_down};
use super::{refused, said};
use crate::config::secret::Secret;
use crate::failures::Failures;
use crate::feeds::is_of;
use mirror::NotRun;
use mirror::mirror::Mirror;
use policy::request::{Method, Request};
use policy::rule::SiteId;
use proxy::doors::{Door, Knock, Said};
use proxy::settings::SiteSettings;
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;

/// The longest body that is taken, and left unread, in bytes.
const MAX_BODY_BYTES: usize = 16 << 10;
/// The header of the key.
const KEY: &str = "x-api-key";

/// Where feeds are fetched anew, as a site's configuration has it.
#[derive(Clone, Debug)]
pub struct Regenerate {
    /// Its path.
    pub path: Box<str>,
    /// What has to be shown.
    pub key: Secret,
    /// The site.
    pub site: SiteId,
}

#[derive(Debug)]
struct RegenerateDoor {
    is: Regenerate,
    /// Who showed something else of late.
    failures: Failures,
    mirror: Arc<Mirror>,
}

/// Gives each site its door, if it has one.
pub fn open_regenerate(sites: &mut [SiteSettings], all: &[Regenerate], mirror: &Arc<Mirror>) {
    for site in sites {
        let its = all.iter().find(|regenerate| regenerate.site == site.site.id);
        if let Some(its) = its {
            let (is, failures, mirror) = (its.clone(), Failures::default(), mirror.clone());
            site.doors.push(Arc::new(RegenerateDoor { is, failures, mirror }));
        }
    }
}

impl Door for RegenerateDoor {
    fn is_for(&self, request: &Request) -> bool {
        request.path() == &*self.is.path
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn answer<'a>(&'a self, knock: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>> {
        Box::pin(self.regenerate(knock))
    }
}

impl RegenerateDoor {
    async fn regenerate(&self, knock: Knock<'_>) -> Said {
        if knock.request.method != Method::Post {
            let mut said = refused(405, "this path takes POST");
            said.fields.push(b"allow", b"POST");
            return said;
        }
        let offered = knock.request.fields.all_named(KEY).next().unwrap_or_default();
        if !is_secret(&self.is.key, offered) {
            slow_down(&self.failures, knock.client, &self.is.path).await;
            return refused(401, "X-API-Key is wrong or missing");
        }
        let feeds = self.mirror.names(|feed| is_of(feed, self.is.site));
        if feeds.is_empty() {
            return refused(404, "this site has no feed");
        }
        let mut count = 0;
        for name in &feeds {
            match self.mirror.refresh(name, false).await {
                Ok(ended) => count += ended.items,
                Err(NotRun::Busy) => return refused(409, &format!("{name} is being fetched now")),
                Err(NotRun::Failed(fault)) => {
                    return refused(502, &format!("{name}: {fault}; what was published stays"));
                }
                Err(NotRun::Unknown | NotRun::Ending) => {
                    return refused(503, "the server is stopping, or reads its configuration");
                }
            }
        }
        let timestamp = knock.shared.clock.now().to_rfc3339();
        said(200, &json!({ "success": true, "count": count, "timestamp": timestamp }))
    }
}
