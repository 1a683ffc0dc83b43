//! A share of `in_flight_bytes`.

use crate::door::Store;
use policy::reason::WhySkip;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes taken from `in_flight_bytes`; given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    pub(crate) store: Arc<Store>,
    bytes: u64,
}

impl Reservation {
    /// Nothing so far.
    pub(crate) fn new(store: Arc<Store>) -> Reservation {
        Reservation { store, bytes: 0 }
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes more.
    ///
    /// # Errors
    /// If there are not so many; what was taken is given back when this is dropped.
    pub(crate) fn add(&mut self, bytes: u64) -> Result<(), WhySkip> {
        let limits = &self.store.limits;
        let before = self.store.in_flight.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        // What is stored has its own bound; what is alive beyond it counts here.
        let given_up = self.store.alive.load(Ordering::Relaxed);
        let given_up = given_up.saturating_sub(limits.memory_bytes as u64);
        match before + bytes + given_up > limits.in_flight_bytes {
            true => Err(WhySkip::InFlight),
            false => Ok(()),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.store.in_flight.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
