//! The connections of the admin listener: so many at once, and none can keep others out.
//!
//! When all seats are taken, whoever came first and has shown no right token gives up its own. So
//! strangers who open connections and say nothing only push each other out; a client with a token
//! needs its seat for the moment between connecting and its first request, and keeps it then.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Connections at once.
pub const MAX_CONNECTIONS: usize = 128;

/// All seats.
#[derive(Debug, Default)]
pub struct Seats(Mutex<VecDeque<Arc<Seat>>>);

/// One connection's seat.
#[derive(Debug, Default)]
pub struct Seat {
    is_trusted: AtomicBool,
    gone: Notify,
}

impl Seats {
    /// Takes a seat; nothing where all are taken by clients that showed right tokens.
    pub fn take(self: &Arc<Seats>) -> Option<Taken> {
        let mut seats = self.lock();
        if seats.len() >= MAX_CONNECTIONS {
            let stranger = seats.iter().position(|seat| !seat.is_trusted.load(Ordering::Relaxed));
            let stranger = stranger.and_then(|at| seats.remove(at))?;
            stranger.gone.notify_one();
        }
        let seat = Arc::<Seat>::default();
        seats.push_back(seat.clone());
        Some(Taken { seats: self.clone(), seat })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Seat>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Keeps the seat from now on: a right token was shown.
    pub fn trust(&self) {
        self.is_trusted.store(true, Ordering::Relaxed);
    }

    /// Waits until the seat is another's.
    pub async fn lost(&self) {
        self.gone.notified().await;
    }
}

/// A seat that is free again when this is dropped.
#[derive(Debug)]
pub struct Taken {
    seats: Arc<Seats>,
    /// The seat.
    pub seat: Arc<Seat>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.seats.lock().retain(|seat| !Arc::ptr_eq(seat, &self.seat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_push_each_other_out_and_nobody_who_is_trusted() {
        let seats = Arc::<Seats>::default();
        let mut taken: Vec<Taken> = Vec::new();
        for number in 0..MAX_CONNECTIONS {
            taken.push(seats.take().expect("a free seat"));
            if number % 2 == 0 {
                taken[number].seat.trust();
            }
        }
        let newcomer = seats.take().expect("that of a stranger");
        newcomer.seat.trust();
        let has = |taken: &Taken| seats.lock().iter().any(|seat| Arc::ptr_eq(seat, &taken.seat));
        assert!(has(&taken[0]) && !has(&taken[1]) && has(&taken[3]));
        assert_eq!(seats.lock().len(), MAX_CONNECTIONS);
        taken.iter().for_each(|taken| taken.seat.trust());
        let last: Vec<Taken> = std::iter::from_fn(|| seats.take()).take(9).collect();
        assert!(last.is_empty(), "all are trusted");
        drop(taken);
        assert_eq!(seats.lock().len(), 1, "those who leave make room");
    }
}
