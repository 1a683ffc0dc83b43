//! What the data path shares: between all cores, and within one.

use crate::access_log::AccessLog;
use crate::clock::Clock;
use crate::compress::Compressing;
use crate::diagnosis::Diagnosis;
use crate::doors::LongBodies;
use crate::fill::{Fills, Limits};
use crate::marks::Marks;
use crate::metrics::{CoreCounters, SiteCounters};
use crate::pace::Pace;
use crate::pauses::Pauses;
use crate::pictures::workshop::Workshop;
use crate::pictures::{Hosts, HostsOnCore, Variants};
use crate::settings::{OriginLimits, Settings, SiteSettings};
use crate::upstream::{self, LongStreams, Upstream, UpstreamShared};
use policy::rule::SiteId;
use rustls::ServerConfig;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use store::Store;
use tokio::sync::mpsc::{Sender, WeakSender};
use tokio::task::JoinSet;

/// How often idle connections to origins are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Cores that are none, behind those that are.
const BESIDE: usize = 3;

/// What all cores share. A reload makes a new one, which has other settings and shares the rest.
#[derive(Debug)]
pub struct Shared {
    /// The settings.
    pub settings: Settings,
    /// What is stored.
    pub store: Arc<Store>,
    /// The clock.
    pub clock: Arc<Clock>,
    /// Fills under way.
    pub fills: Arc<Fills>,
    /// Compressed forms being made.
    pub compressing: Arc<Compressing>,
    /// URLs known not to be shareable.
    pub marks: Arc<Marks>,
    /// Refreshes that failed of late.
    pub pauses: Arc<Pauses>,
    /// Places for the long bodies that doors hold.
    pub long_bodies: LongBodies,
    /// Open connections of clients.
    pub connections: Arc<AtomicUsize>,
    /// Refreshes in the background under way.
    pub refreshes: Arc<AtomicUsize>,
    /// Event streams, and connections that went on in another protocol.
    pub long: LongStreams,
    /// Where a line a request goes, if anywhere.
    pub access_log: Option<Arc<AccessLog>>,
    /// Looks why nothing hits.
    pub diagnosis: Arc<Diagnosis>,
    /// Where pictures are made.
    pub workshop: Arc<Workshop>,
    /// How many pictures are kept of which sources.
    pub variants: Arc<Variants>,
    /// How TLS is spoken with clients, where any listener speaks it.
    pub tls: Option<Arc<ServerConfig>>,
    /// Each core's counters, and behind them those of what operators ask for.
    pub counters: Arc<[Arc<CoreCounters>]>,
    upstreams: Box<[Upstreams]>,
    /// Origins that wildcards in sources of pictures stand for.
    hosts: Hosts,
    origin_limits: Arc<OriginLimits>,
    /// Of each site, in the order of the settings.
    paces: Box<[(SiteId, Arc<Pace>)]>,
}

/// The origin of a site, and those that pictures are made of beside.
#[derive(Debug)]
struct Upstreams {
    own: Arc<UpstreamShared>,
    sources: Box<[Arc<UpstreamShared>]>,
}

impl Upstreams {
    fn of(
        site: &SiteSettings,
        mut make: impl FnMut(&SiteSettings) -> Arc<UpstreamShared>,
    ) -> Upstreams {
        let sources = site.sources().map(&mut make).collect();
        Upstreams { own: make(site), sources }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<UpstreamShared>> {
        std::iter::once(&self.own).chain(&self.sources)
    }
}

/// What one core has. A reload makes a new one for the requests that come from then on.
#[derive(Debug)]
pub struct Core {
    /// Its number, counted from 0.
    pub number: usize,
    /// What all cores share.
    pub shared: Arc<Shared>,
    /// This core's counters.
    pub counters: Arc<CoreCounters>,
    /// The sites, in the order of the settings.
    pub sites: Box<[Rc<SiteOnCore>]>,
    /// Origins that wildcards in sources of pictures stand for.
    pub hosts: HostsOnCore,
    /// Connections of this core that are open.
    pub open: Rc<Cell<usize>>,
    running: Rc<RefCell<Option<WeakSender<()>>>>,
}

/// One site, as one core has it.
#[derive(Debug)]
pub struct SiteOnCore {
    /// Its settings.
    pub settings: SiteSettings,
    /// Its origin.
    pub upstream: Rc<Upstream>,
    /// The pace of paced purges.
    pub pace: Arc<Pace>,
    /// What is counted of it.
    pub counters: Arc<SiteCounters>,
    /// Other origins that its pictures are made of, in the order of the settings.
    pub sources: Box<[Rc<SiteOnCore>]>,
}

impl SiteOnCore {
    /// All origins that it asks.
    fn upstreams(&self) -> impl Iterator<Item = &Rc<Upstream>> {
        std::iter::once(&self.upstream).chain(self.sources.iter().map(|source| &source.upstream))
    }
}

/// The core as it is now.
#[derive(Clone, Debug)]
pub struct Current(Rc<RefCell<Rc<Core>>>);

impl Current {
    /// Begins with that one.
    pub fn new(core: Rc<Core>) -> Current {
        Current(Rc::new(RefCell::new(core)))
    }

    /// The core for a request that comes now.
    pub fn core(&self) -> Rc<Core> {
        self.0.borrow().clone()
    }

    /// Whether this is still the one.
    pub fn is(&self, core: &Rc<Core>) -> bool {
        Rc::ptr_eq(&self.0.borrow(), core)
    }

    /// Puts another in its place.
    pub fn replace(&self, core: Rc<Core>) {
        *self.0.borrow_mut() = core;
    }
}

impl Shared {
    /// What all of `cores` cores share.
    pub fn new(
        settings: Settings,
        clock: Arc<Clock>,
        store: Arc<Store>,
        access_log: Option<AccessLog>,
        tls: Option<Arc<ServerConfig>>,
        workshop: Arc<Workshop>,
        cores: usize,
    ) -> Arc<Shared> {
        let client = &settings.client;
        let long = LongStreams::new(client.max_long_streams, client.long_stream_timeout);
        let limits = Arc::new(settings.origin.clone());
        let upstream =
            |site: &SiteSettings| Arc::new(UpstreamShared::new(site, limits.clone(), &long));
        Arc::new(Shared {
            upstreams: settings.sites.iter().map(|it| Upstreams::of(it, upstream)).collect(),
            hosts: Hosts::default(),
            origin_limits: limits,
            workshop,
            paces: settings.sites.iter().map(|it| (it.site.id, Arc::default())).collect(),
            counters: (0..cores + BESIDE).map(|_| Arc::default()).collect(),
            store,
            clock,
            fills: Arc::default(),
            compressing: Arc::default(),
            marks: Arc::default(),
            pauses: Arc::default(),
            long_bodies: LongBodies::default(),
            connections: Arc::default(),
            refreshes: Arc::default(),
            long,
            access_log: access_log.map(Arc::new),
            tls,
            diagnosis: Arc::default(),
            variants: Arc::default(),
            settings,
        })
    }

    /// The same with other settings. Origins that stay keep their turns, and what is known of
    /// them.
    pub fn reloaded(&self, settings: Settings) -> Arc<Shared> {
        let limits = Arc::new(settings.origin.clone());
        self.long.set_idle(settings.client.long_stream_timeout);
        let upstream = |site: &SiteSettings| {
            let mut known = self.upstreams.iter().flat_map(Upstreams::all);
            let known = known.find(|known| known.is_for(site, &limits));
            let make = || Arc::new(UpstreamShared::new(site, limits.clone(), &self.long));
            known.cloned().unwrap_or_else(make)
        };
        let pace = |it: &SiteSettings| {
            let known = self.paces.iter().find(|(id, _)| *id == it.site.id);
            (it.site.id, known.map(|(_, pace)| pace.clone()).unwrap_or_default())
        };
        Arc::new(Shared {
            upstreams: settings.sites.iter().map(|it| Upstreams::of(it, upstream)).collect(),
            hosts: Hosts::default(),
            origin_limits: limits,
            workshop: self.workshop.clone(),
            paces: settings.sites.iter().map(pace).collect(),
            counters: self.counters.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            fills: self.fills.clone(),
            compressing: self.compressing.clone(),
            marks: self.marks.clone(),
            pauses: self.pauses.clone(),
            long_bodies: self.long_bodies.clone(),
            connections: self.connections.clone(),
            refreshes: self.refreshes.clone(),
            long: self.long.clone(),
            access_log: self.access_log.clone(),
            tls: self.tls.clone(),
            diagnosis: self.diagnosis.clone(),
            variants: self.variants.clone(),
            settings,
        })
    }

    /// The number of a core that is none: for what operators ask origins for, one at a time.
    pub fn beside_cores(&self) -> usize {
        self.counters.len().saturating_sub(BESIDE)
    }

    /// Another, for what is read of what is stored, which waits for no origin.
    pub fn reading_core(&self) -> usize {
        self.beside_cores() + 1
    }

    /// Another, for what the process asks origins for by itself: it may take long, and operators do not
    /// wait for it.
    pub fn own_core(&self) -> usize {
        self.beside_cores() + 2
    }

    /// The origin of a site that pictures are made of by a wildcard.
    pub fn upstream_of(&self, source: &SiteSettings) -> Option<Arc<UpstreamShared>> {
        self.hosts.upstream(source, &self.origin_limits, &self.long)
    }

    /// The limits of fills.
    pub fn fill_limits(&self, unattended: bool) -> Limits {
        let fill = &self.settings.fill;
        Limits { window_bytes: fill.window_bytes, finish_bytes: fill.finish_bytes, unattended }
    }
}

impl Core {
    /// The core of that number.
    pub fn new(shared: Arc<Shared>, number: usize) -> Rc<Core> {
        Core::with(shared, number, None)
    }

    /// The same core with what a reload brought. Connections to origins that stay are kept.
    pub fn reloaded(&self, shared: Arc<Shared>) -> Rc<Core> {
        Core::with(shared, self.number, Some(self))
    }

    fn with(shared: Arc<Shared>, number: usize, before: Option<&Core>) -> Rc<Core> {
        let counters = shared.counters[number].clone();
        let known = |upstream: &Arc<UpstreamShared>| {
            let all = before.into_iter().flat_map(|core| core.sites.iter());
            let mut all = all.flat_map(|site| site.upstreams());
            match all.find(|known| known.is(upstream)) {
                Some(known) => known.clone(),
                None => Rc::new(Upstream::new(upstream.clone(), number)),
            }
        };
        let on_core = |settings: &SiteSettings, upstream, pace: &Arc<Pace>, sources| {
            let counters = counters.site(&settings.site.name);
            let (settings, pace, upstream) = (settings.clone(), pace.clone(), known(upstream));
            Rc::new(SiteOnCore { settings, upstream, pace, counters, sources })
        };
        let sites = shared.settings.sites.iter().zip(&shared.upstreams).zip(&shared.paces);
        let sites = sites
            .map(|((settings, upstreams), (_, pace))| {
                let sources = settings.sources().zip(&upstreams.sources);
                let sources = sources.map(|(source, it)| on_core(source, it, pace, Box::default()));
                let sources = sources.collect();
                on_core(settings, &upstreams.own, pace, sources)
            })
            .collect();
        Rc::new(Core {
            number,
            sites,
            hosts: HostsOnCore::default(),
            open: before.map(|core| core.open.clone()).unwrap_or_default(),
            running: before.map(|core| core.running.clone()).unwrap_or_default(),
            counters,
            shared,
        })
    }

    /// Lets go the connections to origins that `new` does not have.
    pub fn retire_for(&self, new: &Core) {
        let stays = |upstream: &Rc<Upstream>| {
            let mut all = new.sites.iter().flat_map(|site| site.upstreams());
            all.any(|known| Rc::ptr_eq(known, upstream))
        };
        let all = self.sites.iter().flat_map(|site| site.upstreams());
        all.filter(|upstream| !stays(upstream)).for_each(|upstream| upstream.retire());
        self.hosts.upstreams().iter().for_each(|upstream| upstream.retire());
    }

    /// The site for a host: the first that names it, else one for every host.
    pub fn site_for(&self, host: &str) -> Option<&Rc<SiteOnCore>> {
        self.shared.settings.site_number(host).and_then(|number| self.sites.get(number))
    }

    /// Says by whose end the core knows that all that runs has ended.
    pub fn wait_for(&self, running: &Sender<()>) {
        *self.running.borrow_mut() = Some(running.downgrade());
    }

    /// Keeps the core from stopping as long as the value lives: others may read what it fetches.
    pub fn stay(&self) -> Option<Sender<()>> {
        self.running.borrow().as_ref().and_then(WeakSender::upgrade)
    }

    /// What the core does beside its connections, for as long as the set lives.
    pub fn chores(self: &Rc<Core>) -> JoinSet<()> {
        let mut chores = JoinSet::new();
        chores.spawn_local(self.clone().sweep_connections());
        // One core checks for all.
        for site in self.sites.iter().filter(|_| self.number == 0) {
            let (core, site) = (self.clone(), site.clone());
            chores.spawn_local(async move {
                let SiteOnCore { settings, upstream, .. } = &*site;
                if let Some(check) = &settings.health_check {
                    let host = settings.host_of_checks();
                    upstream::watch(upstream, check, host, &core.shared.clock).await;
                }
            });
        }
        chores
    }

    /// Closes idle connections to origins again and again.
    async fn sweep_connections(self: Rc<Core>) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        loop {
            ticks.tick().await;
            let all = self.sites.iter().flat_map(|site| site.upstreams());
            all.for_each(|upstream| upstream.sweep());
            self.hosts.upstreams().iter().for_each(|upstream| upstream.sweep());
        }
    }
}
