//! Which entry to give up for room: S3-FIFO (Yang et al., SOSP 2023), by bytes.
//!
//! New entries wait in a small queue; what is asked for again moves on to the main queue, what
//! is not leaves soon, so a scan of one-hit wonders cannot push out what is in use. Those that
//! left are remembered by hash, and enter the main queue at once when they come again. A hit only
//! bumps a counter in the entry's slot: it takes no lock of the policy.

use hashbrown::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// The share of the small queue: one part in so many.
const SMALL_SHARE: usize = 10;
/// Uses are counted up to this.
const MAX_USES: u8 = 3;

/// The policy: decides, and returns its victims; it never touches the table.
#[derive(Debug)]
pub(crate) struct Eviction {
    capacity: usize,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    entries: usize,
    evicted: u64,
}

/// The place of one entry in the queues.
#[derive(Debug)]
pub(crate) struct Slot {
    hash: u64,
    uses: AtomicU8,
    /// Whether the entry is gone already; its slot is passed over.
    gone: AtomicBool,
    in_main: AtomicBool,
    /// Bytes it counts for; set when it is admitted.
    cost: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    slots: VecDeque<Arc<Slot>>,
    bytes: usize,
    gone: usize,
}

/// Hashes of entries that left the small queue without having been used again.
#[derive(Debug, Default)]
struct Ghosts {
    order: VecDeque<u64>,
    known: HashSet<u64, foldhash::fast::FixedState>,
}

impl Slot {
    /// Bytes of a slot on the heap, with its places in a queue and among the ghosts, all of which
    /// may be as much again while they grow.
    pub const FOOTPRINT: usize = size_of::<Slot>() + 16 + 2 * size_of::<usize>() + 34;

    pub fn new(hash: u64, uses: u8) -> Slot {
        Slot {
            hash,
            uses: AtomicU8::new(uses),
            gone: AtomicBool::new(false),
            in_main: AtomicBool::new(false),
            cost: AtomicUsize::new(0),
        }
    }

    /// Notes a use.
    pub fn touch(&self) {
        let uses = self.uses.load(Ordering::Relaxed);
        if uses < MAX_USES {
            self.uses.store(uses + 1, Ordering::Relaxed);
        }
    }

    pub fn uses(&self) -> u8 {
        self.uses.load(Ordering::Relaxed)
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether it counts already.
    pub fn is_admitted(&self) -> bool {
        self.cost() > 0
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn cost(&self) -> usize {
        self.cost.load(Ordering::Relaxed)
    }
}

impl Eviction {
    pub fn new(capacity: usize) -> Eviction {
        Eviction {
            capacity,
            small: Queue::default(),
            main: Queue::default(),
            ghosts: Ghosts::default(),
            entries: 0,
            evicted: 0,
        }
    }

    pub fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    pub fn entries(&self) -> usize {
        self.entries
    }

    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Takes a new entry in; returns those that have to go, perhaps the new one itself.
    pub fn admit(&mut self, slot: Arc<Slot>, cost: usize) -> Vec<Arc<Slot>> {
        if slot.is_gone() {
            return Vec::new(); // replaced before it got here
        }
        slot.cost.store(cost, Ordering::Relaxed);
        self.entries += 1;
        // An entry that takes the place of one in use is in use.
        if self.ghosts.recall(slot.hash) || slot.uses() > 1 {
            self.main.push(slot, true);
        } else {
            self.small.push(slot, false);
        }
        self.make_room()
    }

    /// Counts more bytes for an entry that was admitted; returns those that have to go.
    pub fn grow(&mut self, slot: &Slot, bytes: usize) -> Vec<Arc<Slot>> {
        if slot.is_gone() {
            return Vec::new();
        }
        slot.cost.fetch_add(bytes, Ordering::Relaxed);
        let in_main = slot.in_main.load(Ordering::Relaxed);
        let queue = if in_main { &mut self.main } else { &mut self.small };
        queue.bytes += bytes;
        self.make_room()
    }

    fn make_room(&mut self) -> Vec<Arc<Slot>> {
        let mut victims = Vec::new();
        while self.bytes() > self.capacity {
            match self.next_victim() {
                Some(victim) => victims.push(victim),
                None => break,
            }
        }
        victims
    }

    /// Notes that an entry went for another reason than room.
    pub fn forget(&mut self, slot: &Slot) {
        if slot.gone.swap(true, Ordering::Relaxed) || !slot.is_admitted() {
            return;
        }
        self.entries -= 1;
        let in_main = slot.in_main.load(Ordering::Relaxed);
        let queue = if in_main { &mut self.main } else { &mut self.small };
        queue.bytes -= slot.cost();
        queue.note_gone();
    }

    fn next_victim(&mut self) -> Option<Arc<Slot>> {
        loop {
            let small_first = self.small.bytes * SMALL_SHARE > self.capacity;
            if small_first || self.main.is_empty() {
                let slot = self.small.pop().or_else(|| self.main.pop())?;
                if slot.uses() > 1 {
                    slot.uses.store(0, Ordering::Relaxed);
                    self.main.push(slot, true);
                    continue;
                }
                self.ghosts.remember(slot.hash, self.entries);
                return Some(self.give_up(slot));
            }
            let slot = self.main.pop()?;
            match slot.uses() {
                0 => return Some(self.give_up(slot)),
                uses => {
                    slot.uses.store(uses - 1, Ordering::Relaxed);
                    self.main.push(slot, true);
                }
            }
        }
    }

    fn give_up(&mut self, slot: Arc<Slot>) -> Arc<Slot> {
        slot.gone.store(true, Ordering::Relaxed);
        self.entries -= 1;
        self.evicted += 1;
        slot
    }
}

impl Queue {
    fn push(&mut self, slot: Arc<Slot>, in_main: bool) {
        slot.in_main.store(in_main, Ordering::Relaxed);
        self.bytes += slot.cost();
        self.slots.push_back(slot);
    }

    /// The oldest that is not gone.
    fn pop(&mut self) -> Option<Arc<Slot>> {
        while let Some(slot) = self.slots.pop_front() {
            if slot.is_gone() {
                self.gone -= 1;
                continue;
            }
            self.bytes -= slot.cost();
            return Some(slot);
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.slots.len() == self.gone
    }

    /// Sweeps when most of the queue is gone, so that replacing one entry for ever costs no
    /// memory.
    fn note_gone(&mut self) {
        self.gone += 1;
        if self.gone > 64 && self.gone * 2 > self.slots.len() {
            self.slots.retain(|slot| !slot.is_gone());
            self.gone = 0;
        }
    }
}

impl Ghosts {
    fn remember(&mut self, hash: u64, most: usize) {
        if self.known.insert(hash) {
            self.order.push_back(hash);
        }
        while self.order.len() > most.max(64) {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    fn recall(&mut self, hash: u64) -> bool {
        // Its place in the order stays until it is the oldest; a few stale places do no harm.
        self.known.remove(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(eviction: &mut Eviction, hash: u64) -> (Arc<Slot>, Vec<u64>) {
        let slot = Arc::new(Slot::new(hash, 0));
        let victims = eviction.admit(slot.clone(), 10);
        (slot, victims.iter().map(|victim| victim.hash).collect())
    }

    #[test]
    fn a_scan_does_not_push_out_what_is_in_use() {
        let mut eviction = Eviction::new(1000);
        let used: Vec<_> = (0..50).map(|hash| admit(&mut eviction, hash).0).collect();
        for slot in &used {
            slot.touch();
            slot.touch();
        }
        let mut victims = Vec::new();
        for hash in 1000..3000 {
            victims.extend(admit(&mut eviction, hash).1);
        }
        assert!(victims.iter().all(|&hash| hash >= 1000), "only the scan leaves");
        assert!(eviction.bytes() <= 1000);
        assert_eq!(eviction.entries() * 10, eviction.bytes());
    }

    #[test]
    fn what_comes_again_after_leaving_goes_to_the_main_queue() {
        let mut eviction = Eviction::new(100);
        for hash in 0..20 {
            admit(&mut eviction, hash);
        }
        let (slot, _) = admit(&mut eviction, 0);
        assert!(slot.in_main.load(Ordering::Relaxed));
    }

    #[test]
    fn an_entry_larger_than_all_room_goes_itself() {
        let mut eviction = Eviction::new(100);
        let slot = Arc::new(Slot::new(7, 0));
        let victims = eviction.admit(slot, 200);
        assert_eq!(victims.iter().map(|v| v.hash).collect::<Vec<_>>(), [7]);
        assert_eq!((eviction.bytes(), eviction.entries()), (0, 0));
    }

    #[test]
    fn what_grows_counts_for_more_and_makes_others_go() {
        let mut eviction = Eviction::new(100);
        let slots: Vec<_> = (0..10).map(|hash| admit(&mut eviction, hash).0).collect();
        let victims = eviction.grow(&slots[9], 25);
        assert_eq!(victims.iter().map(|v| v.hash).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((eviction.bytes(), eviction.entries()), (95, 7));
        assert!(eviction.grow(&slots[0], 25).is_empty(), "what is gone does not count");
        eviction.forget(&slots[9]);
        assert_eq!(eviction.bytes(), 60);
    }

    #[test]
    fn replacing_one_entry_for_ever_costs_no_memory() {
        let mut eviction = Eviction::new(1000);
        let mut last = admit(&mut eviction, 1).0;
        for _ in 0..10_000 {
            eviction.forget(&last);
            last = admit(&mut eviction, 1).0;
        }
        assert_eq!((eviction.bytes(), eviction.entries()), (10, 1));
        assert!(eviction.small.slots.len() < 200);
    }
}
