//! The watch over an app: life after life, until it is told to end or too many were short.

use super::answering::{Awaited, Heard};
use super::crashes::{Crashes, Exit, Next};
use super::ending::{Ending, KILL_TIMEOUT, Overdue, REST_TIMEOUT};
use super::guard::{Told, Word};
use super::launch::{Launch, address};
use super::life::Life;
use super::orphans::Earlier;
use super::port::{Taken, holder, is_free};
use super::state::AppState;
use super::{News, Wanted, processes};
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

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
    /// Our children that have nothing to do with the app.
    pub earlier: Earlier,
    /// Who listened at the last port of the app.
    pub heard: Heard,
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
                // It did nothing wrong.
                Exit::Displaced => continue,
                _ => crashes.ended(begun, Instant::now()),
            };
            let ran = begun.elapsed();
            match next {
                Next::StartAfter(pause) => {
                    match exit {
                        Exit::NotBegun => tracing::warn!("nothing began: again in {pause:?}"),
                        _ => tracing::warn!(
                            "the app ended {exit} after {ran:.1?}: again in {pause:?}"
                        ),
                    }
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
        if exit == Exit::NotBegun {
            tracing::error!("the app could not be begun, the last of {count} times in a row");
        } else if count > 1 {
            tracing::error!(
                "the app ended {exit}, the last of {count} times in a row: what it printed stands \
                 above; mend that, or let it try for longer by --max-crashes (0: for ever)"
            );
        } else if !matches!(exit, Exit::NotStarted(_)) {
            tracing::error!("the app ended {exit}: what it printed stands above");
        }
        if exit == Exit::Code(0) {
            tracing::error!(
                "an app that goes into the background has ended too: have it stay in the foreground"
            );
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
        let holder = holder(port);
        tracing::warn!("{holder} {}: the app gets {}", address(port), address(other));
        other
    }

    /// Starts the app and waits until it and all that it began have ended.
    async fn live(&mut self) -> Exit {
        if *self.wish.borrow() == Wanted::Ended {
            return Exit::Unseen;
        }
        let (before, port) = (self.state.port(), self.port());
        self.state.starts(port);
        if port != before {
            let _ = self.news.send(News::Moved);
        }
        forget(&mut self.for_app).await;
        let mut life = match Life::begin(&self.launch, port) {
            Ok(life) => life,
            Err(error) => {
                let why = format!("the process that guards the app cannot be started: {error}");
                tracing::error!("{why}");
                self.state.ended(why);
                return Exit::NotBegun;
            }
        };
        let exit = self.live_on(&mut life).await;
        if exit == Exit::Unseen {
            let guard = life.guard();
            self.state.ended("the process that guards the app was killed".to_owned());
            tracing::warn!(
                "the process that guards the app (larder-guard, {guard}) was killed: what is left \
                 of the app is killed too"
            );
        }
        life.bury(&self.earlier).await;
        exit
    }

    /// Does what is due in a life until its end.
    async fn live_on(&mut self, life: &mut Life) -> Exit {
        let (mut exit, mut answered) = (Exit::Unseen, false);
        let mut ending = Ending::new(self.launch.stop_timeout);
        let (state, launch) = (self.state.clone(), self.launch.clone());
        let (variable, has_a_proxy) = (&*launch.port_variable, self.heard != Heard::Own);
        let awaited = Awaited { state: &state, guard: life.guard(), variable, has_a_proxy };
        let answers = awaited.hear();
        let (mut answers, mut unheard) = (pin!(answers), pin!(unheard(None)));
        loop {
            tokio::select! {
                // An app that ends in the same moment in which it is told to was not told.
                biased;
                word = life.hear() => match word {
                    Some(Word::Started(pid)) => {
                        state.runs(pid);
                        unheard.set(self::unheard(Some(pid)));
                    }
                    Some(Word::Rests) => ending.rests(tokio::time::Instant::now()),
                    Some(word) => {
                        (exit, answered) = (self.ended(word, exit), true);
                        unheard.set(self::unheard(None));
                        self.wonder_at(exit, &ending);
                        ending.ended(tokio::time::Instant::now());
                    }
                    None => return exit,
                },
                heard = &mut answers, if !answered => {
                    (self.heard, answered) = (heard, true);
                    if heard == Heard::Stranger {
                        exit = Exit::Displaced;
                        ending.killed(tokio::time::Instant::now());
                        life.tell(Told::Kill);
                    }
                }
                changed = self.wish.changed() => match changed {
                    Ok(()) if *self.wish.borrow_and_update() == Wanted::Ended => {
                        life.tell(Told::Stop);
                        ending.told(tokio::time::Instant::now());
                    }
                    Ok(()) => {}
                    Err(_) => return exit,
                },
                told = passed_on(&mut self.for_app) => life.tell(told),
                overdue = ending.overdue() => self.hasten(overdue, life, &mut ending),
                () = &mut unheard => {
                    unheard.set(self::unheard(None));
                    self.hasten(Overdue::Guard, life, &mut ending);
                }
            }
        }
    }

    /// Says what an app's end means that comes while Larder ends and has not told it to.
    fn wonder_at(&self, exit: Exit, ending: &Ending) {
        if *self.wish.borrow() != Wanted::Running && !ending.has_begun() {
            tracing::warn!(
                "the app ended {exit} before it was told to, while requests were finished: if \
                 whoever ends Larder signals all its processes, have only Larder told (systemd: \
                 KillMode=mixed)"
            );
        }
    }

    /// Ends what did not end within its time.
    fn hasten(&self, overdue: Overdue, life: &mut Life, ending: &mut Ending) {
        let (left, time) = (life.left(), self.launch.stop_timeout);
        match overdue {
            Overdue::App if time.is_zero() => {
                tracing::warn!("the app was given no time (--stop-timeout 0s): killed");
            }
            Overdue::App => tracing::warn!(
                "the app did not end within {time:?} (--stop-timeout): killed; left were {left}"
            ),
            Overdue::Rest => tracing::warn!(
                "the app ended, but what it began did not within {:?} of that: killed; left were \
                 {left}",
                REST_TIMEOUT.min(time)
            ),
            Overdue::Guard => {
                tracing::error!("the process that guards the app hangs: killed; left were {left}");
                ending.over();
                return life.kill_guard();
            }
        }
        ending.killed(tokio::time::Instant::now());
        life.tell(Told::Kill);
    }

    /// How the app ended, or why it did not begin; `exit` where we know better.
    fn ended(&self, word: Word, exit: Exit) -> Exit {
        let exit = match word {
            Word::Ended(_) if exit == Exit::Displaced => exit,
            Word::Ended(exit) => exit,
            Word::NotStarted(code, why) => {
                let program = self.launch.command.first().map(|it| it.to_string_lossy());
                tracing::error!(
                    "the app cannot be started: {}: {why}",
                    program.unwrap_or_default()
                );
                Exit::NotStarted(code)
            }
            Word::Started(_) | Word::Rests => exit,
        };
        self.state.ended(format!("the app ended {exit}"));
        exit
    }
}

/// Waits until an app has ended of whose end the guard does not tell in time: somebody may have stopped it.
async fn unheard(app: Option<u32>) {
    match app {
        Some(pid) => processes::end(pid).await,
        None => pending().await,
    }
    tokio::time::sleep(KILL_TIMEOUT).await;
}

/// Signals that came while there was no app were for none: the next would get them before it can have
/// said what they mean to it, and end by them.
async fn forget(signals: &mut [Signal; 2]) {
    loop {
        tokio::select! {
            biased;
            _ = passed_on(signals) => {}
            () = std::future::ready(()) => return,
        }
    }
}

/// Waits for a signal that is for the app.
async fn passed_on([first, second]: &mut [Signal; 2]) -> Told {
    tokio::select! {
        _ = first.recv() => Told::First,
        _ = second.recv() => Told::Second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Number, getpid, kill_process};
    use tokio::signal::unix::{SignalKind, signal};

    #[tokio::test]
    async fn what_came_while_there_was_no_app_is_for_none() {
        let caught = |kind| signal(kind).expect("the system lets us");
        let [first, second] = [SignalKind::user_defined1(), SignalKind::user_defined2()];
        let (mut for_app, mut seen) = ([caught(first), caught(second)], caught(first));
        for _ in 0..2 {
            kill_process(getpid(), Number::USR1).expect("we may");
            seen.recv().await;
        }
        forget(&mut for_app).await;
        let left = tokio::select! {
            biased;
            _ = passed_on(&mut for_app) => true,
            () = std::future::ready(()) => false,
        };
        assert!(!left);
        kill_process(getpid(), Number::USR1).expect("we may");
        assert_eq!(passed_on(&mut for_app).await, Told::First);
    }
}
