//! The wiring: all parts of the process are made and joined here, and nowhere else.

use crate::admin::{self, Access, Counts};
use crate::certificates::Followed;
use crate::config::meant::Meant;
use crate::config::written::AccessLog;
use crate::doors::{open_hooks, open_regenerate};
use crate::hooks::Hooks;
use crate::purging::Verifying;
use crate::reload::Reload;
use crate::supervisor::{App, AppState, Launch, orphans};
use crate::telemetry::Telemetry;
use crate::workers::{Chores, Signals, Stop, Workers};
use crate::workshop;
use crate::{admin_token, disk_tier, feeds, free_memory, open_files};
use anyhow::Context;
use mirror::mirror::Mirror;
use proxy::Listeners;
use proxy::access_log::{self, Format};
use proxy::clock::Clock;
use proxy::core::Shared;
use proxy::settings::Listen;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::disk::DiskStats;
use store::purge_log::{self, PurgeLog};
use store::{Limits, Store};
use tokio::sync::{mpsc, watch};

/// How long the last lines of the access log are waited for at the end.
const LAST_LINES: std::time::Duration = std::time::Duration::from_secs(1);

/// The longest body that is kept in memory where there is a disk, in bytes.
const MOST_IN_MEMORY_BYTES: u64 = 4 << 20;

/// After so many pauses it is looked which purges matter to nothing any more: about a minute.
const PAUSES_OF_PURGES: u64 = 12;

/// How long the start waits to see whether an origin is there.
const REACH_TIMEOUT: Duration = Duration::from_millis(500);

/// How the configuration is read again; it says what is wrong and gives nothing. None where there is
/// no file.
pub type ReadAgain<'r> = Option<&'r dyn Fn() -> Option<Meant>>;

/// Serves until told to stop by SIGTERM or SIGINT, then finishes what runs. SIGHUP has the
/// configuration read again by `read_again`, and tells to stop where there is none: a terminal that is
/// closed sends it. Where
/// there is an app to `launch`, it is started and watched over; that it cannot be kept running ends
/// this too.
///
/// # Errors
/// When an address cannot be bound, or a thread cannot be had.
pub fn run(
    mut meant: Meant,
    read_again: ReadAgain<'_>,
    launch: Option<Launch>,
) -> anyhow::Result<Stop> {
    open_files::raise_limit(meant.settings.client.max_connections);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (listeners, admin_listener) = listen(&meant, cores)?;
    let addresses = listeners.first().map(Listeners::addresses).unwrap_or_default();
    let admin_address = admin_listener.local_addr()?;
    let token = admin_token::prepare(&meant.data);
    let (tell, news) = mpsc::unbounded_channel();
    let start = |launch| App::start(launch, &mut meant.settings, admin_address, tell);
    let app = launch.map(start).transpose()?;
    let state = app.as_ref().map(App::state);

    let clock: Arc<Clock> = Arc::default();
    let store = store(&meant, token.is_none().then_some(&*meant.data), &clock)?;
    let certificates = meant.tls.clone().map(Followed::begin).transpose()?;
    let tls = certificates.as_ref().map(Followed::server_config).transpose().context("TLS")?;
    let (stop, stopping) = watch::channel(false);
    let verifying = Verifying::new(stopping.clone());
    let folder = token.is_some().then_some(&*meant.data);
    let hooks = Hooks::open(folder, meant.hooks.clone(), verifying.by_itself());
    let mirror = feeds::start(&meant, token.is_some(), &store, &clock)?;
    furnish(&mut meant, &hooks, &mirror);
    let (workshop, access_log) = (workshop::open(&meant)?, access_log(&meant)?);
    let settings = meant.settings.clone();
    let shared = Shared::new(settings, clock, store, access_log, tls, workshop, cores);
    let (settings, current) = watch::channel(shared.clone());
    let (access, may) = watch::channel(Arc::new(Access::new(&meant.admin, token.as_deref())));
    let counts = Arc::<Counts>::default();
    let sources = admin::Sources {
        telemetry: Telemetry::new(&shared, &counts, &hooks, &mirror, state.as_ref()),
        current: current.clone(),
        verifying,
        hooks: hooks.clone(),
        mirror: mirror.clone(),
        access: may,
        counts,
        app: state.clone(),
    };
    let admin_certificates = meant.admin.tls.clone().map(Followed::begin).transpose()?;
    let admin_tls = admin_certificates.as_ref().map(Followed::server_config).transpose();
    admin::start(admin_listener, admin_tls.context("TLS of the admin listener")?, sources)?;
    let signals = Signals::catch()?;
    let workers = Workers::start(&current, listeners, &stopping)?;
    app.iter().for_each(App::begin);
    let about_disk = shared.store.disk_stats();
    announce(&meant, state.as_deref(), &addresses, admin_address, token.is_some(), about_disk);

    let reload = Reload {
        served: meant.clone(),
        certificates,
        admin_certificates,
        settings,
        access,
        token,
        hooks,
        mirror: mirror.clone(),
        app: app.as_ref().map(|app| (app.state(), app.placed())),
    };
    let store = shared.store.clone();
    // Who has no app hears nothing of it.
    let news = app.is_some().then_some(news);
    let why = signals.wait(news, &mut WhileServing { reload, read_again, store, pauses: 0 })?;
    say_why(why, meant.settings.client.drain_timeout);
    wind_down(&shared, workers, &stop, app, &mirror)?;
    Ok(why)
}

/// Takes nothing new, finishes what runs, and then has the app end, which that may need until then.
fn wind_down(
    shared: &Shared,
    workers: Workers,
    stop: &watch::Sender<bool>,
    app: Option<App>,
    mirror: &Mirror,
) -> anyhow::Result<()> {
    app.iter().for_each(App::let_finish);
    // It fails only when nobody listens any more, which is what is wanted.
    let _ = stop.send(true);
    let cut = workers.finish()?;
    mirror.close();
    if let Some(log) = &shared.access_log {
        log.flush(LAST_LINES);
    }
    app.into_iter().for_each(App::end);
    shared.store.close();
    match cut {
        0 => tracing::info!("stopped; everything was finished"),
        1 => tracing::warn!("stopped; one connection was cut after drain_timeout"),
        cut => tracing::warn!("stopped; {cut} connections were cut after drain_timeout"),
    }
    Ok(())
}

fn say_why(why: Stop, drain_timeout: Duration) {
    let what = match why {
        Stop::Signal(name) => name,
        Stop::App(_) => "the app is not started again",
    };
    tracing::info!("{what}: no new requests; what runs has {drain_timeout:?}");
}

/// Opens all addresses before anything else: who cannot have them has not begun.
fn listen(meant: &Meant, cores: usize) -> anyhow::Result<(Vec<Listeners>, TcpListener)> {
    let listeners = Listeners::open(&meant.settings.listen, cores)
        .map_err(|(address, error)| in_use(error, address, "--listen ADDR"))?;
    let admin = TcpListener::bind(meant.admin.listen)
        .map_err(|error| in_use(error, meant.admin.listen, "--admin ADDR"))?;
    Ok((listeners, admin))
}

/// Gives the sites what the process answers itself: webhooks, feeds, and calls to fetch them.
pub fn furnish(meant: &mut Meant, hooks: &Arc<Hooks>, mirror: &Arc<Mirror>) {
    let sites = &mut meant.settings.sites;
    open_hooks(sites, &meant.hooks, hooks);
    feeds::fill_shelves(sites, mirror);
    open_regenerate(sites, &meant.regenerate, mirror);
}

/// The store, over what is on disk; `unusable` is a folder of which it was said that it cannot be used.
fn store(meant: &Meant, unusable: Option<&Path>, clock: &Arc<Clock>) -> anyhow::Result<Arc<Store>> {
    let (disk, purges) = match disk_tier::open(&meant.disk, unusable, clock)? {
        Some((disk, purges)) => (Some(disk), purges),
        None => {
            let fresh_log_id = disk_tier::number();
            let settings = purge_log::Settings { fresh_log_id, ..Default::default() };
            (None, PurgeLog::in_memory(settings))
        }
    };
    Ok(Store::new(limits(meant, disk.is_some()), Arc::new(purges), disk))
}

/// What is done while it serves.
struct WhileServing<'a> {
    reload: Reload,
    read_again: ReadAgain<'a>,
    store: Arc<Store>,
    /// Times that it was tidied up.
    pauses: u64,
}

impl Chores for WhileServing<'_> {
    fn reload(&mut self) {
        if let Some(read_again) = self.read_again {
            self.reload.run(read_again());
        }
    }

    fn can_reload(&self) -> bool {
        self.read_again.is_some()
    }

    fn follow(&mut self) {
        self.reload.follow_app();
    }

    /// Memory goes back to the system, purges that matter to nothing stored are forgotten, and who
    /// ended without a parent is heard of.
    fn tidy_up(&mut self) {
        free_memory::give_back();
        orphans::reap();
        self.pauses += 1;
        if self.pauses.is_multiple_of(PAUSES_OF_PURGES) {
            self.store.let_purges_be_forgotten();
        }
    }
}

fn limits(meant: &Meant, has_disk: bool) -> Limits {
    let fill = &meant.settings.fill;
    // One body is not worth many others; where there is a disk it is nearly as quick.
    let share = match has_disk {
        true => (meant.memory_bytes / 32).min(MOST_IN_MEMORY_BYTES),
        false => meant.memory_bytes / 8,
    };
    Limits {
        memory_bytes: usize::try_from(meant.memory_bytes).unwrap_or(usize::MAX),
        max_object_bytes: fill.max_object_bytes,
        max_in_memory_bytes: share.min(fill.max_object_bytes),
        in_flight_bytes: fill.in_flight_bytes,
        max_variants: meant.max_variants,
        stale_window: meant.settings.purge.stale_window,
    }
}

fn access_log(meant: &Meant) -> anyhow::Result<Option<access_log::AccessLog>> {
    let format = match meant.access_log {
        AccessLog::Off => return Ok(None),
        AccessLog::Json => Format::Json,
        AccessLog::Common => Format::Common,
    };
    let log = access_log::AccessLog::start(format, std::io::stdout());
    log.map(Some).context("the thread of the access log")
}

fn in_use(error: std::io::Error, address: SocketAddr, flag: &str) -> anyhow::Error {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return anyhow::anyhow!(
            "another process listens on {address} already: end it, or choose another address \
             with {flag}"
        );
    }
    anyhow::anyhow!("cannot listen on {address}: {error}; choose another address with {flag}")
}

/// Says what was started, and whether the origins are there. They need not be: it starts anyway.
fn announce(
    meant: &Meant,
    app: Option<&AppState>,
    addresses: &[Listen],
    admin: SocketAddr,
    has_token: bool,
    disk: Option<DiskStats>,
) {
    let listening: Vec<String> = addresses.iter().map(url).collect();
    let origins = meant.settings.sites.iter().flat_map(|site| &site.origins);
    let origins: Vec<String> = match app {
        None => origins.map(reach).collect(),
        Some(app) => {
            let own = app.origin();
            let others = origins.filter(|origin| **origin != own).map(reach);
            [format!("{} (app: {})", own.url(), app.command())].into_iter().chain(others).collect()
        }
    };
    let folder = match has_token {
        true => format!("folder {}", meant.data.display()),
        false => "no folder".to_owned(),
    };
    let disk = match disk {
        Some(disk) => format!("disk {} MiB, {} stored", disk.size_bytes >> 20, disk.objects),
        None => "no disk".to_owned(),
    };
    tracing::info!(
        "larder {} listens on {}, admin on {}; origin {}; {folder}; memory {} MiB; {disk}",
        env!("CARGO_PKG_VERSION"),
        listening.join(", "),
        url(&Listen { address: admin, is_tls: meant.admin.tls.is_some() }),
        origins.join(", "),
        meant.memory_bytes >> 20,
    );
}

fn url(listen: &Listen) -> String {
    let scheme = if listen.is_tls { "https" } else { "http" };
    format!("{scheme}://{}", listen.address)
}

fn reach(origin: &proxy::settings::OriginAddress) -> String {
    use std::net::ToSocketAddrs;
    let name = origin.url();
    let found = (origin.host.as_str(), origin.port).to_socket_addrs();
    let address = match found.map(|mut addresses| addresses.next()) {
        Ok(Some(address)) => address,
        Ok(None) => return format!("{name} (its name has no address yet)"),
        Err(error) => return format!("{name} (its name does not resolve yet: {error})"),
    };
    match TcpStream::connect_timeout(&address, REACH_TIMEOUT) {
        Ok(_) => format!("{name} (reachable)"),
        Err(error) => format!("{name} (not reachable yet: {error})"),
    }
}
