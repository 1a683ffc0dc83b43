//! All feeds: a thread on which they live, and the way for others to reach them.

use crate::calls::Calls;
use crate::folder::{Folder, Listed};
use crate::keeper::{Command, Ended, Keeper, NotDone};
use crate::left_over::{self, LeftOver};
use crate::life::{Ending, Ends, Life};
use crate::pictures::Progress;
use crate::published::{Published, SiteShelf};
use crate::refresh::{disk, standing};
use crate::room::Room;
use crate::settings::{Feed, Settings};
#[cfg(any(test, feature = "turned-clock"))]
use crate::steps::Steps;
use crate::told::Told;
use policy::time::Timestamp;
use proxy::clock::Clock;
use proxy::outward::Outward;
use proxy::shelf::Shelf;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use store::Store;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::interval;

/// Commands that wait for one feed; who asks for more hears that it is busy.
const MOST_COMMANDS: usize = 16;
/// How often idle connections are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How long the feeds may take to end. They end between two steps, of which a slow disk may make one long.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// All feeds.
#[derive(Debug)]
pub struct Mirror {
    /// Requests wait for it, so no file is touched under it.
    inner: Mutex<Inner>,
    /// Who changes which feeds there are, one at a time. It is taken before `inner`, and no request waits for
    /// it.
    changes: Mutex<()>,
    room: Arc<Room>,
    clock: Arc<Clock>,
    store: Arc<Store>,
}

#[derive(Debug)]
struct Inner {
    handles: Vec<Handle>,
    /// Those that were taken out, until they have ended.
    gone: Vec<Gone>,
    /// Where the folders of all lie.
    folder: PathBuf,
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<Thread>,
}

/// The thread of all feeds.
#[derive(Debug)]
struct Thread {
    handle: JoinHandle<()>,
    /// Nobody sends when it has ended.
    ended: std::sync::mpsc::Receiver<()>,
}

/// The way to one feed.
#[derive(Clone, Debug)]
struct Handle {
    feed: Arc<Feed>,
    published: Arc<Published>,
    told: Arc<Mutex<Told>>,
    commands: mpsc::Sender<Command>,
    folder: Arc<Folder>,
    /// Whether its keeper has ended.
    ended: Arc<Ending>,
}

/// A feed that was taken out, and has its folder until it has ended.
#[derive(Clone, Debug)]
struct Gone {
    name: Box<str>,
    folder: Arc<Folder>,
    ended: Arc<Ending>,
}

impl From<&Handle> for Gone {
    fn from(handle: &Handle) -> Gone {
        let (name, folder) = (handle.feed.name.clone(), handle.folder.clone());
        Gone { name, folder, ended: handle.ended.clone() }
    }
}

/// A feed that is to begin to live on the thread.
struct Order {
    settings: Arc<Settings>,
    life: Life,
}

impl Mirror {
    /// Begins with what is published: readers find it at once. The first runs begin on a thread of
    /// their own, at once too.
    ///
    /// # Errors
    /// When a folder or the thread cannot be had.
    pub fn start(settings: Settings, store: Arc<Store>, clock: Arc<Clock>) -> io::Result<Mirror> {
        let room = Room::new(settings.size_bytes);
        let (handles, gone, folder) = (Vec::new(), Vec::new(), PathBuf::new());
        let inner = Inner { handles, gone, folder, orders: None, thread: None };
        let (inner, changes) = (Mutex::new(inner), Mutex::default());
        let mirror = Mirror { inner, changes, room, clock, store };
        mirror.replace(settings)?;
        Ok(mirror)
    }

    /// Takes other settings. Feeds that stay as they are go on as if nothing had happened; what those
    /// published that are gone stays on disk.
    ///
    /// # Errors
    /// When a folder or the thread cannot be had.
    pub fn replace(&self, settings: Settings) -> io::Result<()> {
        self.room.set_most(settings.size_bytes);
        let settings = Arc::new(settings);
        let _changes = self.change();
        let (stood, left) = {
            let mut inner = self.lock();
            inner.gone.retain(|gone| !gone.ended.has_come());
            (inner.handles.clone(), inner.gone.clone())
        };
        let (mut handles, mut begun) = (Vec::new(), Vec::new());
        for feed in &settings.feeds {
            let before = stood.iter().find(|handle| handle.feed.name == feed.name);
            match before.filter(|handle| handle.feed == *feed) {
                Some(handle) => handles.push(handle.clone()),
                None => {
                    // One that was taken out may not have ended yet.
                    let left = || left.iter().find(|gone| gone.name == feed.name).cloned();
                    let before = before.map(Gone::from).or_else(left);
                    let (handle, order) = self.begin(feed, &settings, before)?;
                    handles.push(handle);
                    begun.push(order);
                }
            }
        }
        // All could be begun. Who is not among them hears that nobody will ask any more, and ends.
        let is_kept = |handle: &Handle| handles.iter().any(|it| it.feed.name == handle.feed.name);
        let gone = stood.iter().filter(|it| !is_kept(it)).map(Gone::from);
        let mut inner = self.lock();
        inner.gone.extend(gone);
        (inner.handles, inner.folder) = (handles, settings.folder.clone());
        if inner.thread.is_none() && !begun.is_empty() {
            let (orders, ordered) = mpsc::unbounded_channel();
            let clock = self.clock.clone();
            let (ends, ended) = std::sync::mpsc::channel();
            let run = move || {
                let _ends = ends;
                live(ordered, &clock);
            };
            let handle = std::thread::Builder::new().name("feeds".into()).spawn(run)?;
            inner.thread = Some(Thread { handle, ended });
            inner.orders = Some(orders);
        }
        for order in begun {
            if let Some(orders) = &inner.orders {
                // It ends only with the process.
                let _ = orders.send(order);
            }
        }
        Ok(())
    }

    /// A feed, in the place of one of the same name, which has its folder until it has ended.
    fn begin(
        &self,
        feed: &Arc<Feed>,
        settings: &Arc<Settings>,
        before: Option<Gone>,
    ) -> io::Result<(Handle, Order)> {
        let folder = match &before {
            Some(before) => before.folder.clone(),
            None => Arc::new(Folder::open(settings.folder.join(&*feed.name), self.room.clone())?),
        };
        let (calls, progress) = (Arc::<Calls>::default(), Arc::<Progress>::default());
        let published = Published::new(feed.clone(), calls.call());
        let stands = standing(feed, &folder);
        published.show(&folder, stands.0.as_ref());
        let told = Arc::new(Mutex::new(Told::new(feed, progress.clone())));
        let (sender, commands) = mpsc::channel(MOST_COMMANDS);
        let handle = Handle {
            feed: feed.clone(),
            published: published.clone(),
            told: told.clone(),
            commands: sender,
            folder: folder.clone(),
            ended: Arc::default(),
        };
        let ends = handle.ended.clone();
        let after = before.map(|before| before.ended);
        let (feed, clock, store) = (feed.clone(), self.clock.clone(), self.store.clone());
        let (concurrency, seed) = (settings.concurrency, clock.now().0 ^ hash(&feed.name));
        let begins = move |outward, (edition, sweeps)| {
            let keeper = Keeper {
                feed: feed.clone(),
                folder: folder.clone(),
                published: published.clone(),
                calls: calls.clone(),
                told: told.clone(),
                edition,
                progress: progress.clone(),
                outward,
                clock: clock.clone(),
                store: store.clone(),
                concurrency,
                seed,
                sweeps,
                attempt: 0,
                anew: false,
                troubles: HashMap::new(),
                not_before: Timestamp(0),
            };
            keeper.tell();
            keeper
        };
        let life = Life { begins: Box::new(begins), stands, commands, after, ends: Ends(ends) };
        Ok((handle, Order { settings: settings.clone(), life }))
    }

    /// What a site has of the feeds that `is_of` it; nothing where it has none.
    pub fn shelf(&self, is_of: impl Fn(&Feed) -> bool) -> Option<Arc<dyn Shelf>> {
        let inner = self.lock();
        let handles = inner.handles.iter().filter(|handle| is_of(&handle.feed));
        let all: Vec<_> = handles.map(|handle| handle.published.clone()).collect();
        (!all.is_empty()).then(|| Arc::new(SiteShelf(all)) as Arc<dyn Shelf>)
    }

    /// The names of the feeds that `is_of` is true of.
    pub fn names(&self, is_of: impl Fn(&Feed) -> bool) -> Vec<String> {
        let inner = self.lock();
        let handles = inner.handles.iter().filter(|handle| is_of(&handle.feed));
        handles.map(|handle| handle.feed.name.to_string()).collect()
    }

    /// How all feeds stand, in the order of the settings.
    pub fn told(&self) -> Vec<Told> {
        let inner = self.lock();
        let told =
            |handle: &Handle| handle.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        inner.handles.iter().map(told).collect()
    }

    /// Bytes of files of all feeds.
    pub fn bytes(&self) -> u64 {
        self.room.taken()
    }

    /// Has a feed run at once, whatever it waits for, and waits until it has published or failed.
    ///
    /// # Errors
    /// Why nothing new was published.
    pub async fn refresh(&self, name: &str, accept_shrink: bool) -> Result<Ended, NotDone> {
        let (reply, answer) = oneshot::channel();
        let commands = self.commands(name).ok_or(NotDone::Unknown)?;
        let command = Command::Refresh { accept_shrink, reply };
        commands.try_send(command)?;
        // Who holds one keeps the feed alive.
        drop(commands);
        answer.await.unwrap_or(Err(NotDone::Ending))
    }

    /// Removes files of a feed that nothing names; only says which where it is a dry run.
    ///
    /// # Errors
    /// Why it is not done: not while the feed is being fetched.
    pub async fn sweep(&self, name: &str, dry_run: bool) -> Result<Vec<Listed>, NotDone> {
        let (reply, answer) = oneshot::channel();
        let commands = self.commands(name).ok_or(NotDone::Unknown)?;
        commands.try_send(Command::Sweep { dry_run, reply })?;
        drop(commands);
        answer.await.unwrap_or(Err(NotDone::Ending))
    }

    /// Has a feed forget its edition and all files; removes what is left of one that the settings have no
    /// more.
    ///
    /// # Errors
    /// Why it is not done: not while the feed is being fetched.
    pub async fn drop_edition(&self, name: &str) -> Result<(), NotDone> {
        let (reply, answer) = oneshot::channel();
        let Some(commands) = self.commands(name) else { return self.drop_left_over(name) };
        commands.try_send(Command::Drop { reply })?;
        drop(commands);
        answer.await.unwrap_or(Err(NotDone::Ending))
    }

    /// What lies there of feeds that the settings have no more.
    pub fn left_over(&self) -> Vec<LeftOver> {
        let folder = {
            let mut inner = self.lock();
            inner.gone.retain(|gone| !gone.ended.has_come());
            inner.folder.clone()
        };
        let mut all = left_over::list(&folder);
        let inner = self.lock();
        all.retain(|left| !inner.handles.iter().any(|handle| handle.feed.name == left.name));
        all
    }

    /// As a change, so that no reload begins a feed of that name meanwhile.
    fn drop_left_over(&self, name: &str) -> Result<(), NotDone> {
        let _changes = self.change();
        let folder = {
            let inner = self.lock();
            let is_there = inner.handles.iter().any(|handle| *handle.feed.name == *name);
            let lives = |gone: &Gone| *gone.name == *name && !gone.ended.has_come();
            if is_there || inner.gone.iter().any(lives) {
                return Err(NotDone::Busy);
            }
            inner.folder.clone()
        };
        match left_over::remove(&folder, name) {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotDone::Unknown),
            Err(error) => Err(NotDone::Failed(disk(error))),
        }
    }

    /// Ends the process before the next such step of a feed's folder. Whether there are both.
    #[cfg(feature = "turned-clock")]
    pub fn abort_before(&self, name: &str, step: &str) -> bool {
        self.steps(name).is_some_and(|steps| steps.abort_before(step))
    }

    /// Where a feed's folder is to stop.
    #[cfg(any(test, feature = "turned-clock"))]
    pub(crate) fn steps(&self, name: &str) -> Option<Steps> {
        let inner = self.lock();
        let handle = inner.handles.iter().find(|handle| *handle.feed.name == *name)?;
        Some(handle.folder.steps().clone())
    }

    /// Ends all that runs, and waits for that, but no longer than [`CLOSE_WITHIN`]: what a thread still
    /// computes or writes then ends with the process, and what is published stays.
    pub fn close(&self) {
        let thread = {
            let _changes = self.change();
            let mut inner = self.lock();
            inner.orders = None;
            inner.handles.clear();
            inner.thread.take()
        };
        let Some(Thread { handle, ended }) = thread else { return };
        if ended.recv_timeout(CLOSE_WITHIN) == Err(RecvTimeoutError::Timeout) {
            let within = CLOSE_WITHIN.as_secs();
            tracing::warn!("the feeds have not ended within {within} s; what they do is given up");
        } else if handle.join().is_err() {
            tracing::error!("the thread of the feeds panicked");
        }
    }

    fn commands(&self, name: &str) -> Option<mpsc::Sender<Command>> {
        let inner = self.lock();
        let handle = inner.handles.iter().find(|handle| *handle.feed.name == *name)?;
        Some(handle.commands.clone())
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: feeds live on it until nobody can order any more.
fn live(mut ordered: mpsc::UnboundedReceiver<Order>, clock: &Arc<Clock>) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!("feeds are not fetched: no runtime: {error}"),
    };
    runtime.block_on(async {
        let mut outwards: Vec<(Arc<Settings>, Rc<Outward>)> = Vec::new();
        let mut ticks = interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                order = ordered.recv() => {
                    let Some(order) = order else { return };
                    let outward = outward(&mut outwards, &order.settings, clock);
                    spawn_local(order.life.live(outward));
                }
                _ = ticks.tick() => {
                    // What nobody but this list has is of settings that are gone.
                    outwards.retain(|(_, outward)| Rc::strong_count(outward) > 1);
                    outwards.iter().for_each(|(_, outward)| outward.sweep());
                }
            }
        }
    });
    // Look-ups of names must not hold up the end.
    runtime.shutdown_background();
}

fn outward(
    outwards: &mut Vec<(Arc<Settings>, Rc<Outward>)>,
    settings: &Arc<Settings>,
    clock: &Arc<Clock>,
) -> Rc<Outward> {
    let known = outwards.iter().find(|(of, _)| Arc::ptr_eq(of, settings));
    if let Some((_, outward)) = known {
        return outward.clone();
    }
    let (limits, tls, node) =
        (settings.origin.clone(), settings.tls.clone(), settings.node.clone());
    let outward = Rc::new(Outward::new(limits, tls, clock.clone(), node));
    outwards.push((settings.clone(), outward.clone()));
    outward
}

fn hash(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let (first, _) = hash.as_bytes().split_at(8);
    first.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))
}
