//! Places for the long bodies that doors read: few, since who sends one has not shown a secret yet.
//!
//! Where all are taken and one more client wants one, whoever sends least gives way, after a time of
//! grace, which is the shorter the more there are who wait: bodies that come by drops keep nobody out for
//! long, from however many addresses.

use super::network;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Mutex as Line, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// Longer bodies that doors hold at once, on all cores.
pub const MAX_LONG_BODIES: usize = 16;
/// Of those, how many one client holds: who sends bodies that never end keeps nobody else out.
pub const MAX_LONG_BODIES_OF_ONE: usize = 4;
/// How long a body has its place in any case, where hardly anybody waits; and how far back it counts how
/// much of it came.
const GRACE: Duration = Duration::from_secs(2);
/// How often who stands first looks again, at least, whether somebody is to give way.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The places.
#[derive(Clone, Debug)]
pub struct LongBodies {
    all: Arc<Semaphore>,
    /// Those who want one of all, one behind the other.
    line: Arc<Line<()>>,
    /// The places of each client that is at a door now.
    clients: Arc<Mutex<HashMap<IpAddr, Weak<Semaphore>>>>,
    bodies: Arc<Mutex<Bodies>>,
}

impl Default for LongBodies {
    fn default() -> LongBodies {
        LongBodies {
            all: Arc::new(Semaphore::new(MAX_LONG_BODIES)),
            line: Arc::default(),
            clients: Arc::default(),
            bodies: Arc::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Bodies {
    /// Those with a place that are not whole yet.
    coming: Vec<Arc<Coming>>,
    /// How many want a place of all.
    waiting: usize,
}

/// A place: one of all, and one of the client's own.
pub struct Place {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

/// A body with a place, until it is whole.
pub struct Reading {
    coming: Arc<Coming>,
    all: Arc<Mutex<Bodies>>,
}

/// Who wants a place of all.
struct Waiting<'a>(&'a Mutex<Bodies>);

/// How much of a body comes.
#[derive(Debug)]
struct Coming {
    since: Instant,
    recent: Mutex<Recent>,
    /// Whether it was told to give way, which it does when it comes to it.
    is_told: AtomicBool,
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
        let (is_told, gives_way) = (AtomicBool::new(false), Notify::new());
        let coming = Arc::new(Coming { since: now, recent, is_told, gives_way });
        locked(&self.bodies).coming.push(coming.clone());
        Some((Place { _all: all, _own: own }, Reading { coming, all: self.bodies.clone() }))
    }

    async fn one_of_all(&self) -> Option<OwnedSemaphorePermit> {
        let _waiting = Waiting::begin(&self.bodies);
        // Who stands first takes what is free, and has others give way.
        let _first = self.line.lock().await;
        let mut waiting = pin!(self.all.clone().acquire_owned());
        loop {
            if let Ok(place) = timeout(Duration::ZERO, waiting.as_mut()).await {
                return place.ok();
            }
            let grace = locked(&self.bodies).have_one_give_way(Instant::now());
            if let Ok(place) = timeout(grace.min(LOOK_AGAIN), waiting.as_mut()).await {
                return place.ok();
            }
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

impl Bodies {
    /// Has the body give way of which least came of late, if it had its time, and none is about to.
    /// Tells the time that they have.
    fn have_one_give_way(&self, now: Instant) -> Duration {
        let clients = self.waiting / MAX_LONG_BODIES_OF_ONE;
        let grace = GRACE / u32::try_from(1 + clients).unwrap_or(u32::MAX);
        if self.coming.iter().any(|coming| coming.is_told.load(Ordering::Relaxed)) {
            return grace;
        }
        let bytes = |coming: &&Arc<Coming>| coming.recent_bytes(now);
        let had_time = |coming: &&Arc<Coming>| now.duration_since(coming.since) >= grace;
        let (old, new): (Vec<_>, Vec<_>) = self.coming.iter().partition(had_time);
        let Some(least) = old.into_iter().min_by_key(bytes) else { return grace };
        // One that comes well is not to go for those who come by drops, go and come again.
        let is_spared = new.iter().map(bytes).min().is_some_and(|new| 2 * new < bytes(&least));
        if !is_spared {
            least.is_told.store(true, Ordering::Relaxed);
            least.gives_way.notify_one();
        }
        grace
    }
}

impl Waiting<'_> {
    fn begin(bodies: &Mutex<Bodies>) -> Waiting<'_> {
        locked(bodies).waiting += 1;
        Waiting(bodies)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        locked(self.0).waiting -= 1;
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
        locked(&self.all).coming.retain(|coming| !Arc::ptr_eq(coming, &self.coming));
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
            locked(&places.bodies).coming.iter().map(|it| it.recent_bytes(Instant::now())).min();
        assert_eq!(stopped, Some(0));
    }

    /// Sends as little as has a place at all, and comes again when it has to go.
    async fn drips(places: LongBodies, client: Option<IpAddr>) {
        loop {
            let (_place, reading) = places.place(client).await.expect("a place");
            reading.came(17 << 10);
            reading.gives_way().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn drippers_from_many_addresses_keep_nobody_out_for_long() {
        let places = LongBodies::default();
        for number in 0..400_u16 {
            let client = Some([10, 0, (number >> 8) as u8, number as u8].into());
            for _ in 0..MAX_LONG_BODIES_OF_ONE {
                tokio::spawn(drips(places.clone(), client));
            }
        }
        tokio::time::sleep(GRACE).await;
        let begun = Instant::now();
        let (_place, reading) = places.place(Some([192, 0, 2, 1].into())).await.expect("a place");
        let waited = begun.elapsed();
        assert!(waited < 3 * GRACE, "{waited:?}");
        // Who sends more than they keeps the place.
        reading.came(100 << 10);
        let stays = timeout(GRACE, reading.gives_way()).await;
        assert!(stays.is_err(), "it sent most");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_give_way_than_wait() {
        let places = LongBodies::default();
        let mut held = Vec::new();
        for number in 0..16 {
            held.push(places.place(Some([192, 0, 2, number / 4].into())).await.expect("a place"));
        }
        let mut waiting = pin!(places.place(Some([192, 0, 2, 99].into())));
        // They do not see it at once: this machine is busy.
        assert!(timeout(4 * GRACE, waiting.as_mut()).await.is_err());
        let mut gone = 0;
        for (_, reading) in &held {
            gone += usize::from(timeout(Duration::ZERO, reading.gives_way()).await.is_ok());
        }
        assert_eq!(gone, 1);
    }
}
