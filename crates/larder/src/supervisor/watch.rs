//! The watch over an app: life after life, until it is told to end or too many were short.

use super::crashes::{Crashes, Exit, Next};
use super::guard::{Told, Word};
use super::launch::{Launch, address};
use super::life::Life;
use super::port::{Taken, is_free};
use super::probe::{self, Probe};
use super::state::AppState;
use super::{News, Wanted, listening};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until};

/// How often it is looked whether the app answers, until it does.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// An app that has not answered for so long is asked why; then after twice as long, and so on. Tests
/// do not wait so long.
const WONDER_AFTER: Duration =
    if cfg!(feature = "turned-clock") { Duration::from_secs(1) } else { Duration::from_secs(10) };

/// Watches over an app.
pub struct Watch {
    /// The app.
    pub launch: Launch,
    /// Where it is told how it does.
    pub state: Arc<AppState>,
    /// Ports that it must not have.
    pub taken: Taken,
    /// What is wanted.
    pub wish: watch::Receiver<Wanted>,
    /// Where those hear who serve.
    pub news: mpsc::UnboundedSender<News>,
    /// SIGUSR1 and SIGUSR2, which mean something to apps and nothing to Larder.
    pub for_app: [Signal; 2],
}

impl Watch {
    /// Watches until the app has ended and is not to be started again.
    pub async fn run(mut self) {
        let mut crashes = Crashes::new(self.launch.max_crashes);
        loop {
            let begun = Instant::now();
            let exit = self.live().await;
            if *self.wish.borrow() != Wanted::Running {
                return;
            }
            let next = match exit {
                // What could not be started once cannot be the next moment.
                Exit::NotStarted(_) if self.state.now().starts == 1 => Next::GiveUp(1),
                _ => crashes.ended(begun, Instant::now()),
            };
            let ran = begun.elapsed();
            match next {
                Next::StartAfter(pause) => {
                    tracing::warn!("the app ended {exit} after {ran:.1?}: again in {pause:?}");
                    tokio::select! {
                        () = sleep(pause) => {}
                        _ = self.wish.changed() => return,
                    }
                }
                Next::GiveUp(count) => return self.give_up(exit, count),
            }
        }
    }

    fn give_up(&self, exit: Exit, count: u32) {
        if count > 1 {
            tracing::error!(
                "the app ended {exit}, the last of {count} times in a row: what it printed stands \
                 above; mend that, or let it try for longer by --max-crashes (0: for ever)"
            );
        } else if !matches!(exit, Exit::NotStarted(_)) {
            tracing::error!("the app ended {exit}: what it printed stands above");
        }
        // Nobody hears it where the process is ending.
        let _ = self.news.send(News::GivenUp(exit.code()));
    }

    /// A port that is still free; those who serve hear of it where it is another.
    fn port(&self) -> u16 {
        let port = self.state.port();
        if is_free(port) {
            return port;
        }
        let Ok(other) = self.taken.choose() else { return port };
        tracing::warn!("another process took {}: the app gets {}", address(port), address(other));
        other
    }

    /// Starts the app and waits until it and all that it began have ended.
    async fn live(&mut self) -> Exit {
        let (before, port) = (self.state.port(), self.port());
        self.state.starts(port);
        if port != before {
            let _ = self.news.send(News::Moved);
        }
        let mut life = match Life::begin(&self.launch, port) {
            Ok(life) => life,
            Err(error) => {
                tracing::error!("the process that guards the app cannot be started: {error}");
                return Exit::Unseen;
            }
        };
        let (mut exit, mut answered, mut kill_at) = (Exit::Unseen, false, None);
        let answers = answers(self.state.clone(), life.guard(), self.launch.port_variable.clone());
        tokio::pin!(answers);
        if *self.wish.borrow_and_update() == Wanted::Ended {
            return exit;
        }
        loop {
            let kill_then = kill_at.unwrap_or_else(tokio::time::Instant::now);
            tokio::select! {
                word = life.hear() => match word {
                    Some(Word::Started(pid)) => self.state.runs(pid),
                    Some(word) => (exit, answered) = (self.ended(word), true),
                    None => break,
                },
                () = &mut answers, if !answered => answered = true,
                changed = self.wish.changed() => match changed {
                    Ok(()) if *self.wish.borrow_and_update() == Wanted::Ended => {
                        life.tell(Told::Stop);
                        kill_at = Some(tokio::time::Instant::now() + self.launch.stop_timeout);
                    }
                    Ok(()) => {}
                    Err(_) => return exit,
                },
                told = passed_on(&mut self.for_app) => life.tell(told),
                () = sleep_until(kill_then), if kill_at.is_some() => {
                    kill_at = None;
                    let time = self.launch.stop_timeout;
                    tracing::warn!("the app did not end within {time:?} (--stop-timeout): killed");
                    life.tell(Told::Kill);
                }
            }
        }
        if exit == Exit::Unseen {
            self.state.ended("the app's guard was killed".to_owned());
        }
        life.bury().await;
        exit
    }

    /// How the app ended, or why it did not begin.
    fn ended(&self, word: Word) -> Exit {
        let exit = match word {
            Word::Ended(exit) => exit,
            Word::NotStarted(code, why) => {
                let program = self.launch.command.first().map(|it| it.to_string_lossy());
                tracing::error!(
                    "the app cannot be started: {}: {why}; name a program that is in PATH, or the \
                     path to one",
                    program.unwrap_or_default()
                );
                Exit::NotStarted(code)
            }
            Word::Started(_) => Exit::Unseen,
        };
        self.state.ended(format!("the app ended {exit}"));
        exit
    }
}

/// Waits for a signal that is for the app.
async fn passed_on([first, second]: &mut [Signal; 2]) -> Told {
    tokio::select! {
        _ = first.recv() => Told::First,
        _ = second.recv() => Told::Second,
    }
}

/// Waits until the app answers, and says what is wrong where that takes long.
async fn answers(state: Arc<AppState>, guard: i32, variable: String) {
    let (begun, port) = (Instant::now(), state.port());
    let mut wonder_after = WONDER_AFTER;
    loop {
        let found = probe::ask(port).await;
        let is_late = begun.elapsed() >= wonder_after;
        if found == Probe::Answers || is_late {
            let listening = listening::by_tree(guard);
            // Where it cannot be known who listens, it is believed to be the app.
            let is_its_own =
                listening.as_ref().is_none_or(|all| all.iter().any(|at| at.port() == port));
            if found == Probe::Answers && is_its_own {
                state.answers();
                let time = begun.elapsed();
                return tracing::info!("the app answers on {} after {time:.1?}", address(port));
            }
            if is_late {
                let what = probe::trouble(found, listening.as_deref(), port, &variable);
                state.troubles(what.clone());
                tracing::warn!("{what} ({:.0?} since it was started)", begun.elapsed());
                wonder_after *= 2;
            }
        }
        sleep(LOOK_EVERY).await;
    }
}
