//! Refreshes in the background: one a key, and never more than `background_queue`. One that fails
//! leaves the page as it is, and the next waits for a while.

use crate::core::Shared;
use crate::fill::{EndOnDrop, Errand, Fill, Join, fill_in_background};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Begins to refresh what an errand is about, unless that is under way, failed just now, or too
/// much is. What a paced purge made stale waits for its turn.
pub fn refresh(errand: Errand, is_paced: bool) {
    let shared = errand.core.shared.clone();
    if errand.core.number >= shared.beside_cores() {
        // Its runtime ends with the answer, and would cut the refresh for all who wait for it.
        return;
    }
    let (now, per_second) = (shared.clock.now(), shared.settings.purge.paced_per_second);
    if errand.pauses() || is_paced && !errand.site.pace.has_turn(now) {
        return;
    }
    let Some(place) = Place::take(&shared) else {
        errand.core.counters.refreshes_dropped.one();
        return;
    };
    let key = errand.key.as_ref();
    let limits = shared.fill_limits(true);
    let make = || Fill::new(shared.store.depart(key, errand.site.settings.site.id), limits);
    match shared.fills.join(errand.name(), make) {
        Join::Follow(_) => {}
        // Only who leads takes a turn: what is under way already needs none.
        Join::Lead(fill) if is_paced && !errand.site.pace.take(now, per_second) => {
            shared.fills.leave(errand.name(), &fill);
            fill.abandon();
        }
        Join::Lead(fill) => {
            let end = EndOnDrop::new(&errand, &fill);
            tokio::task::spawn_local(async move {
                fill_in_background(errand, fill).await;
                drop((end, place));
            });
        }
    }
}

/// A place among the refreshes under way.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Place> {
        let most = shared.settings.fill.background_queue;
        let taken = shared.refreshes.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that it is given back in either case.
        let place = Place(shared.clone());
        (taken < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.refreshes.fetch_sub(1, Ordering::Relaxed);
    }
}
