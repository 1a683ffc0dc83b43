//! `bench eviction`: the hit ratio of the memory tier's policy beside others, on made-up traces.
//!
//! Ours is the store itself, not a model of it: what is asked for is looked up, and put in where it
//! is missing. The others count objects, so every object here has the same size, and ours gets as
//! many bytes as that many objects take in it.

mod policies;
mod traces;

use crate::cli::EvictionArgs;
use bytes::Bytes;
use policies::{Cache, Fifo, Lru, S3Fifo, Sieve};
use policy::fields::Fields;
use policy::freshness::Life;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::purge::Born;
use policy::request::Request;
use policy::rule::{Rule, SiteId};
use policy::vary::Variant;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use store::purge_log::{PurgeLog, Settings};
use store::{Heads, Limits, Lookup, Store};
use traces::{Kind, OBJECTS};

/// Capacities, in hundredths of the objects that are asked for again and again.
const CAPACITIES: [u64; 3] = [1, 5, 20];
const BODY_BYTES: usize = 64;

/// Prints the table.
///
/// # Errors
/// None; all commands may fail.
pub fn command(args: &EvictionArgs) -> anyhow::Result<()> {
    println!("| trace | capacity | larder | LRU | FIFO | SIEVE | S3-FIFO |");
    println!("| --- | --: | --: | --: | --: | --: | --: |");
    for kind in Kind::ALL {
        let keys = kind.requests(args.requests, args.seed);
        for hundredths in CAPACITIES {
            // Capacities are small numbers.
            let capacity = (OBJECTS * hundredths / 100) as usize;
            let caches: [Box<dyn Cache>; 5] = [
                Box::new(Ours::new(capacity)),
                Box::new(Lru::new(capacity)),
                Box::new(Fifo::new(capacity)),
                Box::new(Sieve::new(capacity)),
                Box::new(S3Fifo::new(capacity)),
            ];
            let ratios: Vec<String> =
                caches.into_iter().map(|cache| format!("{:.2}", hit_ratio(cache, &keys))).collect();
            println!("| {} | {hundredths} % | {} |", kind.title(), ratios.join(" | "));
        }
    }
    println!("\nHits in a hundred requests; {} objects, seed {}.", OBJECTS, args.seed);
    Ok(())
}

/// Hits in a hundred.
fn hit_ratio(mut cache: Box<dyn Cache>, keys: &[u64]) -> f64 {
    let hits = keys.iter().filter(|key| cache.ask(**key)).count();
    hits as f64 * 100.0 / keys.len() as f64
}

/// The memory tier.
struct Ours {
    store: Arc<Store>,
    asks: Fields,
}

impl Ours {
    fn new(capacity: usize) -> Ours {
        let one = Ours::with_bytes(1 << 20);
        let many = 500;
        // Numbers as long as those that are asked for.
        (0..many).for_each(|at| one.put((1 << 32) + at));
        let bytes = one.store.stats().bytes / many;
        Ours::with_bytes(capacity * usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    fn with_bytes(memory_bytes: usize) -> Ours {
        let limits = Limits {
            memory_bytes,
            max_object_bytes: 1 << 20,
            max_in_memory_bytes: 1 << 20,
            in_flight_bytes: 1 << 20,
            max_variants: 1,
            stale_window: policy::time::Seconds::ZERO,
        };
        Ours {
            store: Store::new(limits, Arc::new(PurgeLog::in_memory(Settings::default())), None),
            asks: Fields::new(),
        }
    }

    fn put(&self, key: u64) {
        let key = key_of(key);
        let departure = self.store.depart(key.as_ref(), SiteId(0));
        let Ok(mut writer) = self.store.begin(&key, None) else { return };
        let store = async {
            writer.push(Bytes::from_static(&[0; BODY_BYTES])).await?;
            writer.finish(&key, meta(), Heads::default(), &departure, None).await
        };
        // Without a disk nothing waits.
        let _ = pin!(store).poll(&mut Context::from_waker(Waker::noop()));
    }
}

impl Cache for Ours {
    fn ask(&mut self, key: u64) -> bool {
        let found = self.store.lookup(key_of(key).as_ref(), &self.asks, SiteId(0));
        if matches!(found, Lookup::Hit(_)) {
            return true;
        }
        self.put(key);
        false
    }
}

/// Keys are of equal length, so that all objects are of one size.
fn key_of(number: u64) -> Key {
    let request = Request { target: format!("/{number:012}"), ..Request::default() };
    KeyRef::build(&request, &Rule::default(), &mut Vec::new()).to_key()
}

fn meta() -> Meta {
    Meta {
        status: 200,
        fields: Fields::new(),
        body_bytes: 0,
        variant: Variant::default(),
        has_forms: false,
        life: Life::default(),
        born: Born::default(),
        site: SiteId(0),
        tags: Box::default(),
        sources: Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_holds_as_many_objects_as_the_others() {
        let mut ours = Ours::new(1000);
        (0..5000).for_each(|key| assert!(!ours.ask(key)));
        let entries = ours.store.stats().entries;
        assert!((950..=1050).contains(&entries), "{entries}");
    }
}
