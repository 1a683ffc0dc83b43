//! The crowd: clients of many roles, each of which comes again and again until the soak ends.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::target::Target;
use crate::rng::Rng;

/// The longest visit of an attacker; who is still there then leaves.
const MAX_ATTACK: Duration = Duration::from_secs(5);
/// An honest visit that takes longer has failed.
const MAX_HONEST: Duration = Duration::from_secs(20);
/// Between two visits of one attacker: this thread has to have time for the honest ones too.
const ATTACK_PAUSE: Duration = Duration::from_millis(50);
/// Between two visits of one honest client.
const HONEST_PAUSE: Duration = Duration::from_millis(5);

/// What a client has for one visit.
pub struct Visit {
    /// Where it goes.
    pub target: Arc<Target>,
    /// Its choices.
    pub rng: Rng,
}

/// How an attack ended. An error counts as cut.
pub enum Ending {
    /// Larder closed the connection.
    Cut,
    /// The attacker left.
    Left,
}

/// What came of the visits of one role.
#[derive(Default)]
pub struct Role {
    /// How the report names it.
    pub name: &'static str,
    /// How many clients have it at once.
    pub clients: u64,
    /// Whether its answers are checked.
    pub is_honest: bool,
    /// Visits that ended.
    pub visits: AtomicU64,
    /// Visits that Larder ended.
    pub cut: AtomicU64,
    /// Answers that were right.
    pub right: AtomicU64,
    /// Visits with a wrong answer or none.
    pub wrong: AtomicU64,
    /// What was wrong first.
    pub first_fault: OnceLock<String>,
    /// The longest visit, in milliseconds.
    pub longest_ms: AtomicU64,
}

/// Clients that share a thread, and what came of their visits.
pub struct Crowd {
    target: Arc<Target>,
    seeds: Rng,
    /// What came of it, by role.
    pub roles: Vec<Arc<Role>>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(target: Arc<Target>, seed: u64) -> Self {
        Self { target, seeds: Rng::new(seed), roles: Vec::new() }
    }

    /// One visit by itself.
    pub fn visit(&mut self) -> Visit {
        Visit { target: self.target.clone(), rng: Rng::new(self.seeds.next()) }
    }

    /// Lets so many attackers loose. To be called on a `LocalSet`, with which they end.
    pub fn attack<F>(&mut self, name: &'static str, clients: u64, act: fn(Visit) -> F)
    where
        F: Future<Output = io::Result<Ending>> + 'static,
    {
        let role = self.add(name, clients, false);
        for _ in 0..clients {
            tokio::task::spawn_local(keep_attacking(role.clone(), self.visit(), act));
        }
    }

    /// Lets so many honest clients loose, each of whose visits gives how many answers were right.
    pub fn honest<F>(&mut self, name: &'static str, clients: u64, act: fn(Visit) -> F)
    where
        F: Future<Output = anyhow::Result<u64>> + 'static,
    {
        let role = self.add(name, clients, true);
        for _ in 0..clients {
            tokio::task::spawn_local(keep_asking(role.clone(), self.visit(), act));
        }
    }

    /// Runs on a thread of its own for so long whom `let_loose` brings. Then all leave, wherever
    /// they just are.
    pub fn run(mut self, time: Duration, let_loose: fn(&mut Self)) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, async {
            let_loose(&mut self);
            sleep(time).await;
        });
        Ok(self)
    }

    fn add(&mut self, name: &'static str, clients: u64, is_honest: bool) -> Arc<Role> {
        let role = Arc::new(Role { name, clients, is_honest, ..Role::default() });
        self.roles.push(role.clone());
        role
    }
}

impl Role {
    /// What was wrong, in words.
    pub fn fault(&self) -> Option<String> {
        let (name, wrong) = (self.name, self.wrong.load(Ordering::Relaxed));
        if let Some(first) = self.first_fault.get() {
            return Some(format!("{name}: {wrong} visits failed, the first by: {first}"));
        }
        let idle = self.visits.load(Ordering::Relaxed) == 0;
        idle.then(|| format!("{name}: not one visit has ended, so nothing was tried"))
    }
}

async fn keep_attacking<F>(role: Arc<Role>, mut own: Visit, act: fn(Visit) -> F)
where
    F: Future<Output = io::Result<Ending>>,
{
    loop {
        match timeout(MAX_ATTACK, Box::pin(act(own.next()))).await {
            Ok(Ok(Ending::Cut) | Err(_)) => add(&role.cut, 1),
            Ok(Ok(Ending::Left)) | Err(_) => {}
        }
        add(&role.visits, 1);
        sleep(ATTACK_PAUSE).await;
    }
}

async fn keep_asking<F>(role: Arc<Role>, mut own: Visit, act: fn(Visit) -> F)
where
    F: Future<Output = anyhow::Result<u64>>,
{
    loop {
        let began = Instant::now();
        let fault = match timeout(MAX_HONEST, Box::pin(act(own.next()))).await {
            Ok(Ok(right)) => {
                add(&role.right, right);
                None
            }
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some(format!("no answer within {MAX_HONEST:?}")),
        };
        if let Some(fault) = fault {
            add(&role.wrong, 1);
            role.first_fault.get_or_init(|| fault);
        }
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        role.longest_ms.fetch_max(millis, Ordering::Relaxed);
        add(&role.visits, 1);
        sleep(HONEST_PAUSE).await;
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

impl Visit {
    /// The next visit of the same client.
    fn next(&mut self) -> Self {
        Self { target: self.target.clone(), rng: Rng::new(self.rng.next()) }
    }

    /// A path that nobody has asked for yet.
    pub fn new_path(&self, folder: &str) -> String {
        format!("{folder}/new-{}", self.target.new_name())
    }
}
