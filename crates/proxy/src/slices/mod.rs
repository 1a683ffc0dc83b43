//! Bodies of which parts are missing: what a client asks for is read from what is stored, and the
//! gaps are fetched as it comes to them (RFC 9111 §3.3, §3.4).
//!
//! A client that wants a range of something that is not stored has the slices asked for that it
//! begins with. If the origin gives them, they are stored as the beginning of the whole, whose other
//! parts are asked for when somebody wants them, a block at a time and a little ahead of who reads
//! (`filling`). Whoever needs what another fetches already waits for that. Parts are combined only if
//! they are known to be of the very same response, and never across an invalidation. Where what
//! comes may not be stored, or there is no room for it, it goes to the client alone (`passing`).

mod filling;
mod passing;

pub use filling::flow;

use crate::answer::{Answer, Content};
use crate::cache_status::CacheStatus;
use crate::error::Error;
use crate::fill::Errand;
use crate::metrics::Verdict;
use bytes::Bytes;
use filling::fetch;
use passing::Passing;
use policy::name::Name;
use policy::partial;
use policy::range;
use policy::reason::WhyFetch;
use policy::reply::Reply;
use policy::request::Method;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use store::{Entry, Fate, GapWriter, LargeFile};

/// So much is fetched ahead of who reads, in bytes.
const AHEAD_BYTES: u64 = 4 << 20;

/// How often who needs a slice has it fetched in vain, by others or himself, before he gives up.
const TRIES: usize = 2;

/// Reads a stored body of which parts are missing, and has those fetched.
pub struct Slices {
    errand: Errand,
    entry: Arc<Entry>,
    reading: Reading,
    /// Why a gap that it asked for did not come, until it comes to that.
    trouble: Rc<RefCell<Troubled>>,
    /// What comes for this client alone.
    passing: Option<Box<Passing>>,
    /// Whether what is fetched for this request may be stored, as far as that lies in the request.
    may_fill: bool,
}

/// Why a gap was not filled.
#[derive(Debug)]
pub enum Trouble {
    /// The origin failed.
    Failed(Error),
    /// The origin has something else by now.
    Outdated,
    /// The origin answers otherwise than with a body.
    Otherwise,
    /// It may not be stored, or there is no room for it: it is for this client alone, as far as it
    /// has come.
    Alone(Option<Box<Passing>>),
}

/// A gap and the trouble with it, if there is any.
type Troubled = Option<(Range<u64>, Trouble)>;

/// What becomes of an answer of which parts are missing.
pub enum Begun {
    /// It can be sent.
    Ready(Box<Answer>),
    /// It cannot be had.
    Failed(Error),
    /// What is stored is outdated: it is to be fetched anew.
    Outdated,
    /// The client is to be answered by the origin alone, as it asks.
    Alone,
}

/// One who reads a body, for whom its gaps are filled.
pub struct Reading(Arc<LargeFile>);

impl Reading {
    /// One more.
    pub fn new(file: Arc<LargeFile>) -> Reading {
        file.enter();
        Reading(file)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What part of it is asked for on behalf of a request that wants only a range, where parts can be
/// stored.
pub fn part(errand: &Errand) -> Option<Rc<str>> {
    let Errand { core, request, stored, .. } = errand;
    let in_memory = stored.as_ref().is_some_and(|stored| stored.body.in_memory().is_some());
    let is_for_parts = request.method == Method::Get && core.shared.store.takes_gaps();
    if in_memory || !is_for_parts || errand.has_parts_marked() {
        return None;
    }
    let spec = range::first_spec(request.fields.get(Name::Range)?)?;
    Some(partial::first_ask(spec).into())
}

/// Whether parts of the body of an answer are missing.
pub fn are_missing(answer: &Answer) -> bool {
    match &answer.content {
        Content::Stored { entry, .. } => entry.body.with_gaps().is_some(),
        _ => false,
    }
}

/// Has an answer of which parts are missing read as they come; sees to it that it can begin.
pub async fn begin(answer: Answer, errand: Errand) -> Begun {
    let Content::Stored { entry, reply, age, form, slices: _ } = answer.content else {
        return Begun::Ready(Box::new(answer));
    };
    let wanted = wanted(&reply, entry.body.len());
    let file = entry.body.with_gaps().cloned();
    let (Some(file), Some(first), &Method::Get) = (file, wanted.first(), &errand.request.method)
    else {
        let content = Content::Stored { entry, reply, age, form, slices: None };
        return Begun::Ready(Box::new(Answer { content, ..answer }));
    };
    let all_there = wanted.iter().all(|range| file.has_all(range.clone()));
    if !all_there && errand.request.directives().only_if_cached {
        return Begun::Failed(Error::OnlyIfCached);
    }
    let is_counted = errand.core.shared.store.count_map(&file).is_ok();
    if !all_there && !is_counted {
        return Begun::Alone;
    }
    let mut slices = Slices::new(errand, entry.clone(), file);
    if let Err(not_begun) = slices.begin(first.clone()).await {
        return not_begun;
    }
    let (verdict, cache) = match answer.cache.hit && !all_there {
        true => (Verdict::Miss, fetched_in_part(answer.cache)),
        false => (answer.verdict, answer.cache),
    };
    let content = Content::Stored { entry, reply, age, form, slices: Some(Box::new(slices)) };
    Begun::Ready(Box::new(Answer { verdict, cache, content, ..answer }))
}

fn fetched_in_part(cache: CacheStatus) -> CacheStatus {
    let (fwd, detail) = (Some(WhyFetch::Gaps.fwd()), Some(WhyFetch::Gaps.token()));
    CacheStatus { hit: false, fwd, stored: true, detail, ..cache }
}

/// Which bytes of a body go out.
fn wanted(reply: &Reply, length: u64) -> Vec<Range<u64>> {
    match reply {
        Reply::Full if length > 0 => std::iter::once(0..length).collect(),
        Reply::Parts(parts) => parts.iter().map(|part| part.first..part.last + 1).collect(),
        Reply::Full | Reply::NotModified | Reply::Unsatisfiable => Vec::new(),
    }
}

impl Slices {
    fn new(errand: Errand, entry: Arc<Entry>, file: Arc<LargeFile>) -> Slices {
        let (reading, trouble) = (Reading::new(file), Rc::default());
        let fields = &errand.request.fields;
        let is_conditional = fields.has(Name::IfMatch) || fields.has(Name::IfUnmodifiedSince);
        let may_fill = !is_conditional && !errand.request.directives().no_store;
        Slices { errand, entry, reading, trouble, passing: None, may_fill }
    }

    /// Sees to it that a range begins to come.
    async fn begin(&mut self, range: Range<u64>) -> Result<(), Begun> {
        match self.arrive(range.clone()).await {
            Ok(()) => Ok(()),
            Err(Trouble::Failed(error)) => Err(Begun::Failed(error)),
            Err(Trouble::Outdated) => Err(Begun::Outdated),
            Err(Trouble::Otherwise) => Err(Begun::Alone),
            Err(Trouble::Alone(Some(passing))) => {
                self.passing = Some(passing);
                Ok(())
            }
            Err(Trouble::Alone(None)) => {
                let passing = Passing::ask(&self.errand, &self.entry, range).await;
                self.passing = Some(Box::new(passing.map_err(|_| Begun::Alone)?));
                Ok(())
            }
        }
    }

    /// The next bytes of a range, which is not empty.
    ///
    /// # Errors
    /// When they cannot be had.
    pub async fn next(&mut self, range: Range<u64>) -> Result<Bytes, Error> {
        let mut tries = 0;
        loop {
            if let Some(passing) = &mut self.passing {
                match passing.next(range.clone()).await {
                    Some(bytes) => return Ok(bytes),
                    // It is for later, or is through.
                    None if passing.is_ahead_of(range.start) => {}
                    None => self.passing = None,
                }
            }
            match self.arrive(range.clone()).await {
                Ok(()) => {
                    let file = self.reading.0.clone();
                    match file.read(range.start, range.end - range.start).await {
                        Ok(bytes) if !bytes.is_empty() => return Ok(bytes),
                        // What is found damaged is a gap from now on.
                        _ => {}
                    }
                }
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Otherwise) => return Err(Error::OriginDropped),
                Err(Trouble::Alone(Some(passing))) => self.passing = Some(passing),
                // What is begun is ended, if the origin still has the very same.
                Err(Trouble::Alone(None) | Trouble::Outdated) => {
                    let passing = Passing::ask(&self.errand, &self.entry, range.clone()).await?;
                    self.passing = Some(Box::new(passing));
                }
            }
            if tries > TRIES {
                return Err(Error::OriginDropped);
            }
            tries += 1;
        }
    }

    /// Waits until the first byte of a range is there, and has fetched what comes soon.
    async fn arrive(&mut self, range: Range<u64>) -> Result<(), Trouble> {
        let file = self.reading.0.clone();
        let mut tries = 0;
        self.drop_old_trouble(range.start);
        self.fetch_ahead(&range);
        loop {
            if file.has(range.start) {
                return Ok(());
            }
            if let Some(trouble) = self.trouble_at(range.start) {
                return Err(trouble);
            }
            match file.come(range.start).await {
                Some(Fate::Changed) => continue,
                Some(Fate::Refused) => {
                    let own = self.trouble_at(range.start);
                    return Err(own.unwrap_or(Trouble::Alone(None)));
                }
                Some(Fate::Outdated) => return Err(Trouble::Outdated),
                Some(Fate::Failed) | None => {}
            }
            if let Some(trouble) = self.trouble_at(range.start) {
                return Err(trouble);
            }
            if tries == TRIES {
                return Err(Trouble::Failed(Error::OriginDropped));
            }
            tries += 1;
            self.fetch_ahead(&range);
        }
    }

    /// Begins to fetch the first gap that who reads a range comes to soon, unless others do.
    fn fetch_ahead(&self, range: &Range<u64>) {
        let file = &self.reading.0;
        // What lies behind trouble waits until it comes to that.
        let trouble_at = self.trouble.borrow().as_ref().map_or(u64::MAX, |(gap, _)| gap.start);
        let end = range.end.min(trouble_at);
        let soon = range.start..end.min(range.start.saturating_add(AHEAD_BYTES));
        if soon.is_empty() || file.has_all(soon.clone()) {
            return;
        }
        if !self.may_fill {
            let gap = file.missing_from(soon.start)..soon.end;
            *self.trouble.borrow_mut() = Some((gap, Trouble::Alone(None)));
            return;
        }
        let store = &self.errand.core.shared.store;
        // Nobody asks on behalf of what is known to be outdated.
        let is_over =
            store.is_invalid(&self.entry) || store.is_gone(self.errand.key.as_ref(), &self.entry);
        let trouble = match is_over {
            true => Trouble::Outdated,
            // What is not stored any more is not filled.
            false if !file.is_kept() => Trouble::Alone(None),
            false => match store.fill_gap(file, soon.clone(), end) {
                Ok(gap) => return gap.into_iter().for_each(|gap| self.fetch(gap)),
                Err(_) => Trouble::Alone(None),
            },
        };
        let gap = file.missing_from(soon.start)..soon.end;
        *self.trouble.borrow_mut() = Some((gap, trouble));
    }

    /// Takes the trouble with a gap that has that byte.
    fn trouble_at(&self, offset: u64) -> Option<Trouble> {
        let mut trouble = self.trouble.borrow_mut();
        trouble.take_if(|(gap, _)| gap.contains(&offset)).map(|(_, trouble)| trouble)
    }

    /// Forgets trouble with what lies behind, and failures ahead of where it is now: they are tried
    /// again.
    fn drop_old_trouble(&self, offset: u64) {
        self.trouble.borrow_mut().take_if(|(gap, trouble)| {
            let has_failed = matches!(trouble, Trouble::Failed(_) | Trouble::Otherwise);
            gap.end <= offset || (has_failed && gap.start <= offset)
        });
    }

    fn fetch(&self, gap: GapWriter) {
        let (running, range) = (self.errand.core.stay(), gap.range());
        let (errand, entry) = (self.errand.clone(), self.entry.clone());
        let trouble = self.trouble.clone();
        tokio::task::spawn_local(async move {
            if let Err(why) = fetch(&errand, &entry, gap).await {
                // Nobody has looked yet since the gap was released: they run on this core.
                let mut trouble = trouble.borrow_mut();
                // It comes to the nearer first.
                if trouble.as_ref().is_none_or(|(gap, _)| range.start <= gap.start) {
                    *trouble = Some((range, why));
                }
            }
            drop(running);
        });
    }
}

impl fmt::Debug for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slices").finish_non_exhaustive()
    }
}
