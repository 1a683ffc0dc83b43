//! Feeds within the process: begun with it, shown on the shelves of their sites, told other settings
//! by a reload.

use crate::config::meant::Meant;
use anyhow::{Context, bail};
use mirror::mirror::Mirror;
use mirror::settings::Feed;
use policy::rule::SiteId;
use proxy::clock::Clock;
use proxy::settings::SiteSettings;
use std::sync::Arc;
use store::Store;

/// Begins with the feeds of a configuration. `has_folder`: whether there is one for what outlives the
/// process.
///
/// # Errors
/// When there are feeds and no folder for them: what they publish is no cache, and is not to be lost.
pub fn start(
    meant: &Meant,
    has_folder: bool,
    store: &Arc<Store>,
    clock: &Arc<Clock>,
) -> anyhow::Result<Arc<Mirror>> {
    if !has_folder && !meant.feeds.feeds.is_empty() {
        bail!(
            "feeds need a folder that can be written, and {} cannot: name another with --data DIR",
            meant.data.display()
        );
    }
    let folder = meant.feeds.folder.display();
    let mirror = Mirror::start(meant.feeds.clone(), store.clone(), clock.clone());
    Ok(Arc::new(mirror.with_context(|| format!("the feeds' folder {folder}"))?))
}

/// Puts what the feeds have on the shelves of their sites.
pub fn fill_shelves(sites: &mut [SiteSettings], mirror: &Mirror) {
    for site in sites {
        let id = site.site.id;
        site.shelves.extend(mirror.shelf(|feed| is_of(feed, id)));
    }
}

/// Whether a feed is of a site.
pub fn is_of(feed: &Feed, site: SiteId) -> bool {
    feed.site_id.is_none_or(|its| its == site)
}
