//! What memory gave up and the disk still has.
//!
//! A response is shown to clients by the rules of today: its header blocks are made anew when it
//! rises from disk, so that what the operator changed since then shows.

use crate::compress::Wish;
use crate::heads;
use policy::coding;
use policy::meta::Meta;
use store::{Lookup, Recall};

/// Looks on disk for what memory does not have; `known` is what memory said. Where the bytes are in
/// the system's memory this does not wait.
pub async fn recall(wish: Wish<'_>, known: Lookup) -> Lookup {
    let store = &wish.core.shared.store;
    let key = wish.key.to_key();
    match store.recall(&key, &wish.request.fields, wish.site.settings.site.id).await {
        Recall::Nothing => known,
        Recall::OtherVariants(variant) => match known {
            Lookup::Miss => Lookup::OtherVariants(variant),
            known => known,
        },
        Recall::Response(recalled) => {
            let site = &wish.site.settings.site;
            let rule = site.rule_for(wish.request);
            let stored = recalled.meta();
            if stored.site != site.id {
                // It was stored for another site, whose purges are not this one's.
                return known;
            }
            let has_forms = coding::suits_stored(rule, stored.status, &stored.fields);
            let meta = Meta { has_forms, ..stored.clone() };
            let heads = heads::prepared(site, rule, &meta, meta.body_bytes);
            let Some(entry) = store.rise(&key, *recalled, meta, heads).await else { return known };
            // What came meanwhile is newer.
            match store.lookup(wish.key, &wish.request.fields, site.id) {
                Lookup::Hit(newest) => Lookup::Hit(newest),
                _ => Lookup::Hit(entry),
            }
        }
    }
}
