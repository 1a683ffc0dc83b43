//! What the data path shares: between all cores, and within one.

use crate::access_log::AccessLog;
use crate::clock::Clock;
use crate::diagnosis::Diagnosis;
use crate::fill::{Fills, Limits};
use crate::marks::Marks;
use crate::metrics::{CoreCounters, SiteCounters};
use crate::settings::{Settings, SiteSettings};
use crate::upstream::{self, LongStreams, Upstream, UpstreamShared};
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

/// What all cores share.
#[derive(Debug)]
pub struct Shared {
    /// The settings.
    pub settings: Settings,
    /// What is stored.
    pub store: Arc<Store>,
    /// The clock.
    pub clock: Clock,
    /// Fills under way.
    pub fills: Fills,
    /// URLs known not to be shareable.
    pub marks: Marks,
    /// Open connections of clients.
    pub connections: AtomicUsize,
    /// Refreshes in the background under way.
    pub refreshes: AtomicUsize,
    /// Event streams, and connections that went on in another protocol.
    pub long: LongStreams,
    /// Where a line a request goes, if anywhere.
    pub access_log: Option<AccessLog>,
    /// Looks why nothing hits.
    pub diagnosis: Diagnosis,
    /// How TLS is spoken with clients, where any listener speaks it.
    pub tls: Option<Arc<ServerConfig>>,
    /// Each core's counters.
    pub counters: Box<[Arc<CoreCounters>]>,
    upstreams: Box<[Arc<UpstreamShared>]>,
}

/// What one core has.
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
    /// Connections of this core that are open.
    pub open: Cell<usize>,
    running: RefCell<Option<WeakSender<()>>>,
}

/// One site, as one core has it.
#[derive(Debug)]
pub struct SiteOnCore {
    /// Its place in the settings.
    pub index: usize,
    /// Its settings.
    pub settings: SiteSettings,
    /// Its origin.
    pub upstream: Upstream,
}

impl Shared {
    /// What all of `cores` cores share.
    pub fn new(
        settings: Settings,
        store: Arc<Store>,
        access_log: Option<AccessLog>,
        tls: Option<Arc<ServerConfig>>,
        cores: usize,
    ) -> Arc<Shared> {
        let limits = Arc::new(settings.origin.clone());
        let client = &settings.client;
        let long = LongStreams::new(client.max_long_streams, client.long_stream_timeout);
        let upstream =
            |site: &SiteSettings| Arc::new(UpstreamShared::new(site, limits.clone(), &long));
        let sites = settings.sites.len();
        Arc::new(Shared {
            upstreams: settings.sites.iter().map(upstream).collect(),
            counters: (0..cores).map(|_| Arc::new(CoreCounters::new(sites))).collect(),
            store,
            clock: Clock::default(),
            fills: Fills::default(),
            marks: Marks::default(),
            connections: AtomicUsize::new(0),
            refreshes: AtomicUsize::new(0),
            long,
            access_log,
            tls,
            diagnosis: Diagnosis::default(),
            settings,
        })
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
        let sites = shared.settings.sites.iter().enumerate().map(|(index, settings)| {
            let upstream = Upstream::new(shared.upstreams[index].clone(), number);
            Rc::new(SiteOnCore { index, settings: settings.clone(), upstream })
        });
        Rc::new(Core {
            number,
            sites: sites.collect(),
            counters: shared.counters[number].clone(),
            open: Cell::new(0),
            running: RefCell::default(),
            shared,
        })
    }

    /// The site for a host: the first that names it, else one for every host.
    pub fn site_for(&self, host: &str) -> Option<&Rc<SiteOnCore>> {
        let named = |site: &&Rc<SiteOnCore>| !site.settings.site.hosts.is_empty();
        self.sites
            .iter()
            .find(|site| named(site) && site.settings.site.answers_for(host))
            .or_else(|| self.sites.iter().find(|site| !named(site)))
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
            self.sites.iter().for_each(|site| site.upstream.sweep());
        }
    }

    /// The counters of a site.
    pub fn counters_of(&self, site: &SiteOnCore) -> &SiteCounters {
        &self.counters.sites[site.index]
    }
}
