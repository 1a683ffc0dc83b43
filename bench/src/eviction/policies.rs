//! The policies that ours is held against, each as its paper has it, over objects of equal size.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// A cache that is asked for objects by number and takes in those that it did not have.
pub trait Cache {
    /// Asks for an object; says whether it was there.
    fn ask(&mut self, key: u64) -> bool;
}

/// First in, first out.
pub struct Fifo {
    capacity: usize,
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Fifo {
    /// A cache of so many objects.
    pub fn new(capacity: usize) -> Fifo {
        Fifo { capacity, order: VecDeque::new(), known: HashSet::new() }
    }
}

impl Cache for Fifo {
    fn ask(&mut self, key: u64) -> bool {
        if !self.known.insert(key) {
            return true;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        false
    }
}

/// The least recently used goes.
pub struct Lru {
    capacity: usize,
    clock: u64,
    used: HashMap<u64, u64>,
    order: BTreeMap<u64, u64>,
}

impl Lru {
    /// A cache of so many objects.
    pub fn new(capacity: usize) -> Lru {
        Lru { capacity, clock: 0, used: HashMap::new(), order: BTreeMap::new() }
    }
}

impl Cache for Lru {
    fn ask(&mut self, key: u64) -> bool {
        self.clock += 1;
        self.order.insert(self.clock, key);
        let before = self.used.insert(key, self.clock);
        if let Some(before) = before {
            self.order.remove(&before);
        } else if self.used.len() > self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.used.remove(&oldest);
        }
        before.is_some()
    }
}

/// SIEVE (Zhang et al., NSDI 2024): one queue, and a hand that walks from old to new and passes over
/// what was asked for since it last came by.
pub struct Sieve {
    capacity: usize,
    /// Objects from the newest to the oldest as a linked list; 0 is its end on both sides.
    nodes: Vec<Node>,
    free: Vec<usize>,
    places: HashMap<u64, usize>,
    hand: usize,
}

#[derive(Clone, Copy, Default)]
struct Node {
    key: u64,
    visited: bool,
    newer: usize,
    older: usize,
}

impl Sieve {
    /// A cache of so many objects.
    pub fn new(capacity: usize) -> Sieve {
        let nodes = vec![Node::default()];
        Sieve { capacity, nodes, free: Vec::new(), places: HashMap::new(), hand: 0 }
    }

    fn evict(&mut self) {
        let mut at = if self.hand == 0 { self.nodes[0].newer } else { self.hand };
        while self.nodes[at].visited {
            self.nodes[at].visited = false;
            at = self.nodes[at].newer;
            if at == 0 {
                at = self.nodes[0].newer;
            }
        }
        let Node { key, newer, older, .. } = self.nodes[at];
        self.hand = newer;
        self.nodes[newer].older = older;
        self.nodes[older].newer = newer;
        self.places.remove(&key);
        self.free.push(at);
    }
}

impl Cache for Sieve {
    fn ask(&mut self, key: u64) -> bool {
        if let Some(at) = self.places.get(&key) {
            self.nodes[*at].visited = true;
            return true;
        }
        if self.places.len() >= self.capacity {
            self.evict();
        }
        // The end of the list has the oldest on its newer side and the newest on its older side.
        let newest = self.nodes[0].older;
        let node = Node { key, visited: false, newer: 0, older: newest };
        let at = match self.free.pop() {
            Some(at) => {
                self.nodes[at] = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        self.nodes[newest].newer = at;
        self.nodes[0].older = at;
        self.places.insert(key, at);
        false
    }
}

/// S3-FIFO (Yang et al., SOSP 2023): a small queue for what is new, a main one, and ghosts.
pub struct S3Fifo {
    small_capacity: usize,
    main_capacity: usize,
    small: VecDeque<u64>,
    main: VecDeque<u64>,
    ghosts: VecDeque<u64>,
    haunting: HashSet<u64>,
    uses: HashMap<u64, u8>,
}

impl S3Fifo {
    /// A cache of so many objects.
    pub fn new(capacity: usize) -> S3Fifo {
        let small_capacity = (capacity / 10).max(1);
        S3Fifo {
            small_capacity,
            main_capacity: capacity - small_capacity,
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: VecDeque::new(),
            haunting: HashSet::new(),
            uses: HashMap::new(),
        }
    }

    fn make_room(&mut self) {
        while self.small.len() + self.main.len() > self.small_capacity + self.main_capacity {
            match self.small.len() > self.small_capacity || self.main.is_empty() {
                true => self.give_up_small(),
                false => self.give_up_main(),
            }
        }
    }

    fn give_up_small(&mut self) {
        let Some(key) = self.small.pop_front() else { return };
        if self.uses.get(&key).is_some_and(|uses| *uses > 1) {
            self.uses.insert(key, 0);
            self.main.push_back(key);
            return;
        }
        self.uses.remove(&key);
        if self.haunting.insert(key) {
            self.ghosts.push_back(key);
        }
        if self.ghosts.len() > self.main_capacity
            && let Some(oldest) = self.ghosts.pop_front()
        {
            self.haunting.remove(&oldest);
        }
    }

    fn give_up_main(&mut self) {
        let Some(key) = self.main.pop_front() else { return };
        match self.uses.get_mut(&key) {
            Some(uses) if *uses > 0 => {
                *uses -= 1;
                self.main.push_back(key);
            }
            _ => {
                self.uses.remove(&key);
            }
        }
    }
}

impl Cache for S3Fifo {
    fn ask(&mut self, key: u64) -> bool {
        if let Some(uses) = self.uses.get_mut(&key) {
            *uses = (*uses + 1).min(3);
            return true;
        }
        self.uses.insert(key, 0);
        match self.haunting.remove(&key) {
            true => self.main.push_back(key),
            false => self.small.push_back(key),
        }
        self.make_room();
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(mut cache: impl Cache, keys: &[u64]) -> Vec<bool> {
        keys.iter().map(|key| cache.ask(*key)).collect()
    }

    #[test]
    fn each_gives_up_what_its_paper_says() {
        // 1 is used again before room is needed.
        let keys = [1, 2, 1, 3, 1, 2];
        let (yes, no) = (true, false);
        assert_eq!(hits(Fifo::new(2), &keys), [no, no, yes, no, no, no]);
        assert_eq!(hits(Lru::new(2), &keys), [no, no, yes, no, yes, no]);
        assert_eq!(hits(Sieve::new(2), &keys), [no, no, yes, no, yes, no]);
    }

    #[test]
    fn none_holds_more_than_it_may() {
        let mut sieve = Sieve::new(10);
        let mut s3 = S3Fifo::new(10);
        for key in 0..1000 {
            sieve.ask(key % 37);
            s3.ask(key % 37);
            assert!(sieve.places.len() <= 10 && s3.uses.len() <= 10);
            assert_eq!(s3.uses.len(), s3.small.len() + s3.main.len());
        }
    }

    #[test]
    fn what_leaves_the_small_queue_and_comes_again_is_kept() {
        let mut cache = S3Fifo::new(20);
        (0..30).for_each(|key| assert!(!cache.ask(key)));
        assert!(!cache.ask(0), "it left");
        (100..118).for_each(|key| assert!(!cache.ask(key)));
        assert!(cache.ask(0), "a scan does not push it out again");
    }
}
