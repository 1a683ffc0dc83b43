//! Starts an app, watches over it, and starts it again when it ends.
//!
//! The app's parent is a [`guard`], a process of Larder's own that all processes of the app belong to
//! in the end: so none of them outlives Larder, however that ends, and none is left over when the app
//! is started again. How long to wait before that, and when to give up, is decided in [`crashes`]; what
//! the app prints is passed on by [`relay`]; whether it answers is found out by [`answering`].

mod answering;
mod crashes;
mod ending;
pub mod guard;
mod launch;
mod life;
mod listening;
pub mod orphans;
mod port;
mod probe;
mod processes;
mod relay;
mod state;
mod unstartable;
mod watch;

pub use crashes::MAX_CRASHES;
pub use launch::Launch;
pub use port::{UNPLACED, unplaced};
pub use state::AppState;

use anyhow::Context;
use proxy::settings::Settings;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch as latest};

/// What is wanted of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// That it runs; when it ends it is started again.
    Running,
    /// That it goes on with what runs; when it ends it stays so.
    Finishing,
    /// That it ends.
    Ended,
}

/// What there is to say to those who serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The app is at another port from now on; [`AppState::port`] knows which.
    Moved,
    /// It is not started again; the exit code that Larder ends with.
    GivenUp(u8),
}

/// An app that is watched over. Ends with the process.
#[derive(Debug)]
pub struct App {
    state: Arc<AppState>,
    wanted: latest::Sender<Wanted>,
    /// Says once that it may begin.
    go: std::sync::mpsc::Sender<()>,
    watching: JoinHandle<()>,
    placed: u16,
}

impl App {
    /// Chooses the app's port and makes it the origin of the sites that were to have it. It is started by
    /// [`App::begin`]; what is to be known of it then comes to `news`.
    ///
    /// # Errors
    /// When no thread or no port can be had.
    pub fn start(
        launch: Launch,
        settings: &mut Settings,
        admin: std::net::SocketAddr,
        news: mpsc::UnboundedSender<News>,
    ) -> anyhow::Result<App> {
        let taken = port::Taken::of(settings, admin);
        let port = taken.choose().context("a port for the app")?;
        let state = Arc::new(AppState::new(launch.shown(), port));
        let earlier = orphans::adopt().context("the app's processes")?;
        let (wanted, wish) = latest::channel(Wanted::Running);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let within = runtime.enter();
        let for_app = [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?];
        drop(within);
        let heard = answering::Heard::Own;
        let watched = state.clone();
        let watch =
            watch::Watch { launch, state: watched, taken, wish, news, for_app, earlier, heard };
        let thread = std::thread::Builder::new().name("app".into());
        let (go, may_go) = std::sync::mpsc::channel();
        let watching = thread.spawn(move || {
            // Where Larder itself could not start, nobody says go.
            if may_go.recv().is_err() {
                return;
            }
            runtime.block_on(watch.run());
            // Output that nobody takes must not hold up the end.
            runtime.shutdown_background();
        });
        let watching = watching.context("a thread for the app")?;
        let placed = place(settings, UNPLACED, &state);
        Ok(App { state, wanted, go, watching, placed })
    }

    /// Starts it: once all else has, so that no app is begun and killed for nothing.
    pub fn begin(&self) {
        // The thread waits for just this.
        let _ = self.go.send(());
    }

    /// How it does.
    pub fn state(&self) -> Arc<AppState> {
        self.state.clone()
    }

    /// The port at which the sites looked for it at first.
    pub fn placed(&self) -> u16 {
        self.placed
    }

    /// If it ends from now on, it is not started again.
    pub fn let_finish(&self) {
        self.wanted.send_replace(Wanted::Finishing);
    }

    /// Has it end, and waits until it has: by SIGTERM, and where that does not help within its time,
    /// by SIGKILL.
    pub fn end(self) {
        self.wanted.send_replace(Wanted::Ended);
        drop(self.go);
        if self.watching.join().is_err() {
            tracing::error!("the thread that watched over the app panicked");
        }
    }
}

/// Makes those sites look for the app where it is, which look for it at the port that it had `before`;
/// gives the port where it is.
pub fn place(settings: &mut Settings, before: u16, app: &AppState) -> u16 {
    let now = app.port();
    port::place(settings, &port::at(before), now, app.open());
    now
}
