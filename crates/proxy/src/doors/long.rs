//! Places for the long bodies that doors read: few, since who sends one has not shown a secret yet.
//!
//! Where all are taken and one more client wants one, whoever sends least gives way, after a time of
//! grace: bodies that come by drops keep nobody out for long, from however many addresses.

use super::network;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// Longer bodies that doors hold at once, on all cores.
pub const MAX_LONG_BODIES: usize = 16;
/// Of those, how many one client holds: who sends bodies that never end keeps nobody else out.
pub const MAX_LONG_BODIES_OF_ONE: usize = 4;
/// How long a body has its place in any case; and how far back it counts how much of it came.
const GRACE: Duration = Duration::from_secs(2);
/// How often who waits for a place looks again whether somebody is to give way.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The places.
#[derive(Clone, Debug)]
pub struct LongBodies {
    all: Arc<Semaphore>,
    /// The places of each client that is at a door now.
    clients: Arc<Mutex<HashMap<IpAddr, Weak<Semaphore>>>>,
    /// Those bodies with a place that are not whole yet.
    readings: Arc<Mutex<Vec<Arc<Coming>>>>,
}

impl Default for LongBodies {
    fn default() -> LongBodies {
        LongBodies {
            all: Arc::new(Semaphore::new(MAX_LONG_BODIES)),
            clients: Arc::default(),
            readings: Arc::default(),
        }
    }
}

/// A place: one of all, and one of the client's own.
pub struct Place {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

/// A body with a place, until it is whole.
pub struct Reading {
    coming: Arc<Coming>,
    all: Arc<Mutex<Vec<Arc<Coming>>>>,
}

/// How much of a body comes.
#[derive(Debug)]
struct Coming {
    since: Instant,
    recent: Mutex<Recent>,
    gives_way: Notify,
}

/// The bytes that came in this stretch of time, as long as the grace, and in the one before.
#[derive(Clone, Copy, Debug)]
struct Recent {
    begun: Instant,
    bytes: usize,
    before: usize,
}

impl LongBodies {
    /// The next that is free; the client's own first, so that what he has too many of stands in
    /// nobody's way. Nobody closes them.
    pub async fn place(&self, client: Option<IpAddr>) -> Option<(Place, Reading)> {
        let own = self.own(client).acquire_owned().await.ok()?;
        let all = self.one_of_all().await?;
        let now = Instant::now();
        let recent = Mutex::new(Recent { begun: now, bytes: 0, before: 0 });
        let coming = Arc::new(Coming { since: now, recent, gives_way: Notify::new() });
        locked(&self.readings).push(coming.clone());
        Some((Place { _all: all, _own: own }, Reading { coming, all: self.readings.clone() }))
    }

    async fn one_of_all(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(free) = self.all.clone().try_acquire_owned() {
            return Some(free);
        }
        let mut waiting = pin!(self.all.clone().acquire_owned());
        loop {
            self.have_one_give_way(Instant::now());
            if let Ok(place) = timeout(LOOK_AGAIN, waiting.as_mut()).await {
                return place.ok();
            }
        }
    }

    /// Has the body give way of which least came of late, if it had its time.
    fn have_one_give_way(&self, now: Instant) {
        let mut readings = locked(&self.readings);
        let had_time = |coming: &Coming| now.duration_since(coming.since) >= GRACE;
        let all = readings.iter().enumerate().filter(|(_, coming)| had_time(coming));
        if let Some((least, _)) = all.min_by_key(|(_, coming)| coming.recent_bytes(now)) {
            readings.swap_remove(least).gives_way.notify_one();
        }
    }

    /// The places of a client; all who cannot be told apart have theirs together.
    fn own(&self, client: Option<IpAddr>) -> Arc<Semaphore> {
        let client = client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), network);
        let mut clients = locked(&self.clients);
        let known = clients.get(&client).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            clients.retain(|_, places| places.strong_count() > 0);
            let own = Arc::new(Semaphore::new(MAX_LONG_BODIES_OF_ONE));
            clients.insert(client, Arc::downgrade(&own));
            own
        })
    }

    /// Clients that are known.
    #[cfg(test)]
    pub fn clients(&self) -> usize {
        locked(&self.clients).len()
    }
}

impl Reading {
    /// Notes that so much came.
    pub fn came(&self, bytes: usize) {
        let mut recent = locked(&self.coming.recent);
        *recent = recent.at(Instant::now());
        recent.bytes += bytes;
    }

    /// Waits until it has to give way.
    pub async fn gives_way(&self) {
        self.coming.gives_way.notified().await;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        locked(&self.all).retain(|coming| !Arc::ptr_eq(coming, &self.coming));
    }
}

impl Coming {
    fn recent_bytes(&self, now: Instant) -> usize {
        let Recent { bytes, before, .. } = locked(&self.recent).at(now);
        bytes + before
    }
}

impl Recent {
    fn at(self, now: Instant) -> Recent {
        match now.duration_since(self.begun) {
            past if past >= 2 * GRACE => Recent { begun: now, bytes: 0, before: 0 },
            past if past >= GRACE => {
                Recent { begun: self.begun + GRACE, bytes: 0, before: self.bytes }
            }
            _ => self,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_sends_least_of_late_gives_way_after_the_grace() {
        let places = LongBodies::default();
        let client = |number: u8| Some([192, 0, 2, number].into());
        let mut held = Vec::new();
        for number in 0..16 {
            held.push(places.place(client(number / 4)).await.expect("a place"));
        }
        // One sent much, and stopped.
        held[3].1.came(1 << 20);
        let begun = Instant::now();
        let mut waiting = pin!(places.place(client(99)));
        let mut gone = 0;
        // The others go on, by more the later they came; the first two by drops.
        let others = async {
            for _ in 0..12 {
                tokio::time::sleep(GRACE / 2).await;
                for (number, (_, reading)) in held.iter().enumerate() {
                    if number != 3 {
                        reading.came(if number < 2 { 1 } else { 100 * number });
                    }
                }
            }
        };
        tokio::select! {
            _ = waiting.as_mut() => panic!("no place is free"),
            () = others => panic!("nobody gives way"),
            () = held[0].1.gives_way() => gone += 1,
            () = held[1].1.gives_way() => gone += 1,
            () = held[15].1.gives_way() => panic!("it sends most"),
        }
        assert_eq!(gone, 1);
        let waited = begun.elapsed();
        assert!(waited >= GRACE && waited <= GRACE + 2 * LOOK_AGAIN, "{waited:?}");
        // What came once does not count for ever.
        tokio::time::sleep(2 * GRACE).await;
        held[1].1.came(1);
        let stopped =
            locked(&places.readings).iter().map(|it| it.recent_bytes(Instant::now())).min();
        assert_eq!(stopped, Some(0));
    }
}
