//! The steps in which a folder changes, one after the other: tests end the process before any of them, or
//! have all of them fail from one on, as if it had ended there. A release has nothing of that.

/// A change of what lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A file is begun under a temporary name.
    Begin,
    /// Bytes are added to it.
    Write,
    /// It is made durable.
    Sync,
    /// It gets the name of what is in it.
    Name,
    /// The names of files are made durable.
    SyncNames,
    /// The edition is begun under a temporary name.
    BeginEdition,
    /// It is written.
    WriteEdition,
    /// It is made durable.
    SyncEdition,
    /// It takes the place of the one before.
    Publish,
    /// That is made durable.
    SyncPublished,
    /// Until when the upstream is let alone is noted, or that it is not.
    NoteRest,
    /// What was begun is given up.
    GiveUp,
    /// A file is removed.
    Remove,
    /// The edition is removed.
    RemoveEdition,
}

/// Where a folder is to stop.
#[cfg(not(any(test, feature = "turned-clock")))]
#[derive(Clone, Debug, Default)]
pub struct Steps;

#[cfg(not(any(test, feature = "turned-clock")))]
impl Steps {
    /// Comes before each step.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests have more in it")]
    #[inline]
    pub fn before(&self, _: Step) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(any(test, feature = "turned-clock"))]
pub use stopped::Steps;

#[cfg(any(test, feature = "turned-clock"))]
mod stopped {
    use super::Step;
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    /// Where a folder is to stop.
    #[derive(Clone, Debug, Default)]
    pub struct Steps(Arc<Mutex<Stop>>);

    #[derive(Debug, Default)]
    struct Stop {
        /// The step before which the process ends.
        abort: Option<Step>,
        /// Steps that were taken, and how many may be; nothing: any.
        taken: Vec<Step>,
        most: Option<usize>,
        /// The step that fails and none after it, counted likewise.
        fails: Option<usize>,
        /// The step that panics, once.
        panics: Option<Step>,
    }

    impl Steps {
        /// Comes before each step.
        ///
        /// # Errors
        /// When it is not to be taken any more.
        pub fn before(&self, step: Step) -> io::Result<()> {
            let mut stop = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if stop.abort == Some(step) {
                std::process::abort();
            }
            if stop.panics.take_if(|panics| *panics == step).is_some() {
                drop(stop);
                panic!("as it is meant");
            }
            if stop.most.is_some_and(|most| stop.taken.len() >= most) {
                return Err(io::Error::other("the process has ended here"));
            }
            let fails = stop.fails == Some(stop.taken.len());
            if cfg!(test) {
                stop.taken.push(step);
            }
            if fails {
                return Err(io::Error::other("this step fails"));
            }
            Ok(())
        }

        /// Ends the process before the next such step, by its name as it is written here.
        #[cfg(feature = "turned-clock")]
        pub fn abort_before(&self, name: &str) -> bool {
            let found = Step::ALL.into_iter().find(|step| format!("{step:?}") == name);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).abort = found;
            found.is_some()
        }

        /// Lets so many steps be taken from now on and no more; gives those that were taken before.
        #[cfg(test)]
        pub fn stop_after(&self, most: Option<usize>) -> Vec<Step> {
            let mut stop = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            stop.most = most;
            std::mem::take(&mut stop.taken)
        }

        /// Lets one step fail, of those from now on, and those after it be taken.
        #[cfg(test)]
        pub fn fail_once(&self, at: usize) {
            let mut stop = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (stop.taken, stop.fails) = (Vec::new(), Some(at));
        }

        /// Has the next such step panic, and those after it be taken.
        #[cfg(test)]
        pub fn panic_before(&self, step: Step) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).panics = Some(step);
        }
    }

    #[cfg(feature = "turned-clock")]
    impl Step {
        /// Each of them.
        const ALL: [Step; 14] = [
            Step::Begin,
            Step::Write,
            Step::Sync,
            Step::Name,
            Step::SyncNames,
            Step::BeginEdition,
            Step::WriteEdition,
            Step::SyncEdition,
            Step::Publish,
            Step::SyncPublished,
            Step::NoteRest,
            Step::GiveUp,
            Step::Remove,
            Step::RemoveEdition,
        ];
    }
}
