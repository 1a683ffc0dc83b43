//! What a site's listener answers by itself.

use super::Notes;
use super::admin::warn_of_short;
use crate::config::address::Peers;
use crate::config::place::Place;
use crate::config::written::{self, Written};
use crate::doors::{PurgeMethod, Regenerate, Revalidate};
use proxy::doors::Door;
use proxy::settings::SiteSettings;
use std::sync::Arc;

/// The doors of a site.
pub fn doors(
    site: &written::Site,
    trusted_proxies: &[Peers],
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Vec<Arc<dyn Door>> {
    let mut doors: Vec<Arc<dyn Door>> = Vec::new();
    let written::Revalidate { path, secret } = &site.revalidate;
    if let Some(secret) = secret {
        warn_of_short(secret, &place.key("revalidate").key("secret"), notes);
        let (path, secret) = (path.0.as_str().into(), secret.clone());
        doors.push(Arc::new(Revalidate { path, secret, failures: Default::default() }));
    } else if is_without(&place.key("revalidate"), "secret", notes) {
        let what = "without a secret this path is the origin's";
        notes.warn(&place.key("revalidate"), what, "set revalidate.secret, or leave it out");
    }
    let written::PurgeMethod { token, addresses } = &site.purge_method;
    let here = place.key("purge_method");
    if let Some(token) = token {
        warn_of_short(token, &here.key("token"), notes);
    }
    if token.is_none() && addresses.iter().any(|peers| peers.0.prefix == 0) {
        let mend = "name the networks of your content system, or a token";
        notes.error(&here.key("addresses"), "everybody could purge", mend);
    }
    let is_proxy =
        |peers: &Peers| trusted_proxies.iter().any(|proxies| proxies.0.contains(peers.0.address));
    if let Some(at) = addresses.iter().position(is_proxy).filter(|_| token.is_none()) {
        let what =
            "whoever comes by this trusted proxy could purge, should it not say for whom it asks";
        let mend = "set purge_method.token too, and let the proxy send X-Forwarded-For";
        notes.warn(&here.key("addresses").index(at), what, mend);
    }
    if token.is_some() || !addresses.is_empty() {
        doors.push(Arc::new(PurgeMethod {
            token: token.clone(),
            addresses: addresses.iter().map(|peers| peers.0).collect(),
            failures: Default::default(),
        }));
    } else if is_without(&here, "token", notes) {
        let what = "without token and addresses PURGE goes on to the origin";
        notes.warn(&here, what, "set purge_method.token, or leave it out");
    }
    doors
}

/// Where feeds are fetched anew.
pub fn regenerate(
    written: &Written,
    sites: &[SiteSettings],
    notes: &mut Notes<'_, '_>,
) -> Vec<Regenerate> {
    let mut all = Vec::new();
    for (i, (site, settings)) in written.site.iter().zip(sites).enumerate() {
        let place = Place::top().key("site").index(i).key("regenerate");
        let written::Regenerate { path, key } = &site.regenerate;
        let Some(key) = key else {
            if is_without(&place, "key", notes) {
                let what = "without a key this path is the origin's";
                notes.warn(&place, what, "set regenerate.key, or leave it out");
            }
            continue;
        };
        warn_of_short(key, &place.key("key"), notes);
        if site.revalidate.secret.is_some() && site.revalidate.path == *path {
            let what = "this is the path of the site's revalidate";
            notes.error(&place.key("path"), what, "give each its own");
        }
        if written.feed.is_empty() {
            notes.warn(&place, "there is no feed to fetch", "write a [[feed]], or leave it out");
        }
        let (path, key) = (path.0.as_str().into(), key.clone());
        all.push(Regenerate { path, key, site: settings.site.id });
    }
    all
}

/// Whether a table stands there without that key.
fn is_without(table: &Place, key: &str, notes: &Notes<'_, '_>) -> bool {
    notes.document.has(table) && !notes.document.has(&table.key(key))
}
