//! Bodies of which parts are missing: what a client asks for is read from what is stored, and the
//! gaps are fetched as it comes to them (RFC 9111 §3.3, §3.4).
//!
//! A client that wants a range of something that is not stored has the slices asked for that it
//! begins with. If the origin gives them, they are stored as the beginning of the whole, whose other
//! parts are asked for when somebody wants them, a block at a time and a little ahead of who reads.
//! Whoever needs what another fetches already waits for that. Parts are combined only if they are
//! known to be of the very same response, and never across an invalidation.

use crate::answer::{Answer, Content};
use crate::cache_status::CacheStatus;
use crate::error::Error;
use crate::fill::{Errand, Fill, Head};
use crate::heads;
use crate::metrics::Verdict;
use crate::upstream::{Response, ResponseBody, ResponsePiece};
use bytes::Bytes;
use policy::admission::{self, Confirmation};
use policy::name::Name;
use policy::partial::{self, ContentRange};
use policy::range;
use policy::reason::{WhyFetch, WhySkip};
use policy::reply::Reply;
use policy::request::Method;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use store::{Departure, Entry, GapWriter, LargeFile};

/// So much is fetched ahead of who reads, in bytes.
const AHEAD_BYTES: u64 = 4 << 20;

/// How often who needs a slice has others fail to fetch it before it gives up.
const TRIES: usize = 2;

/// Reads a stored body of which parts are missing, and has those fetched.
#[derive(Debug)]
pub struct Slices {
    errand: Errand,
    entry: Arc<Entry>,
    file: Arc<LargeFile>,
    /// Why what it asked for did not come.
    trouble: Rc<RefCell<Option<Trouble>>>,
}

/// Why a gap was not filled.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// The origin failed.
    Failed(Error),
    /// What the origin has is not what is stored, or must not be stored with it: each asks for his
    /// own part.
    Refused,
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

/// Stores a part that came for a fill as the beginning of the whole, and lets all know who wait.
pub async fn flow(errand: &Errand, fill: &Arc<Fill>, response: Response) {
    match begin(errand, fill, &response).await {
        Ok((entry, gap, first)) => {
            fill.begin(Head::Stored { entry, status: Some(206) }, false, true);
            // Who needs what does not come asks for it himself.
            let _ = fill_gap(gap, response.body, first).await;
        }
        Err(why) => {
            errand.skip(why, response.status);
            errand.mark_parts();
            fill.begin(Head::Refused, false, false);
        }
    }
    fill.end(Err(()));
}

async fn begin(
    errand: &Errand,
    fill: &Fill,
    response: &Response,
) -> Result<(Arc<Entry>, GapWriter, u64), WhySkip> {
    let departure = fill.departure();
    let (meta, range) = partial::admit(&errand.offer(response, departure.born()))?;
    let store = &errand.core.shared.store;
    let site = &errand.site.settings.site;
    let heads = heads::prepared(site, errand.rule(), &meta, meta.body_bytes);
    let (key, replaced) = (&errand.key, errand.stored.as_ref());
    let entry = store.begin_with_gaps(key, (*meta, heads), departure, replaced).await?;
    let gap = entry
        .body
        .file()
        .map(|file| store.fill_gap(file, range.first..range.first + 1, range.last + 1));
    let gap = gap.transpose()?.flatten().ok_or(WhySkip::Disk)?;
    Ok((entry, gap, range.first))
}

/// Writes what comes from an offset on into a gap, until that is full.
async fn fill_gap(mut gap: GapWriter, mut body: ResponseBody, first: u64) -> Result<(), Trouble> {
    let mut skip = gap.range().start.saturating_sub(first);
    gap.start_at(first);
    let end = loop {
        if gap.is_full() {
            break Ok(());
        }
        match body.next().await {
            Ok(ResponsePiece::Data(mut data)) => {
                let skipped = skip.min(data.len() as u64);
                skip -= skipped;
                // At most the data's length, which is a usize.
                let data = data.split_off(skipped as usize);
                gap.write(data).await.map_err(|_| Trouble::Refused)?;
            }
            Ok(ResponsePiece::End(_)) => break Ok(()),
            Err(error) => break Err(Trouble::Failed(error)),
        }
    };
    gap.finish().await.map_err(|_| Trouble::Refused)?;
    // Where it ended just so, the connection is good for another request.
    body.finish();
    end
}

/// Has an answer of which parts are missing read as they come; sees to it that it can begin.
///
/// # Errors
/// What is sent in its place, or nothing where each has to ask for his own part.
pub async fn begun(
    answer: Answer,
    errand: impl FnOnce() -> Errand,
) -> Result<Answer, Option<Error>> {
    let Content::Stored { entry, reply, age, form, slices: _ } = answer.content else {
        return Ok(answer);
    };
    let wanted = wanted(&reply, entry.body.len());
    let file = entry.body.with_gaps().cloned().filter(|_| !wanted.is_empty());
    let errand = file.as_ref().map(|_| errand()).filter(|e| e.request.method == Method::Get);
    let (Some(file), Some(errand)) = (file, errand) else {
        let content = Content::Stored { entry, reply, age, form, slices: None };
        return Ok(Answer { content, ..answer });
    };
    let is_there = |range: &Range<u64>| file.missing_from(range.start) >= range.end;
    let all_there = wanted.iter().all(is_there);
    if !all_there && errand.request.directives().only_if_cached {
        return Err(Some(Error::OnlyIfCached));
    }
    let slices = Slices { errand, entry: entry.clone(), file, trouble: Rc::default() };
    if let Some(first) = wanted.into_iter().next() {
        slices.arrive(first).await.map_err(|trouble| match trouble {
            Trouble::Failed(error) => Some(error),
            Trouble::Refused => None,
        })?;
    }
    let (verdict, cache) = match answer.cache.hit && !all_there {
        true => (Verdict::Miss, fetched_in_part(answer.cache)),
        false => (answer.verdict, answer.cache),
    };
    let slices = Some(Box::new(slices));
    let content = Content::Stored { entry, reply, age, form, slices };
    Ok(Answer { verdict, cache, content, ..answer })
}

fn fetched_in_part(cache: CacheStatus) -> CacheStatus {
    let (fwd, detail) = (Some(WhyFetch::Gaps.fwd()), Some(WhyFetch::Gaps.token()));
    CacheStatus { hit: false, fwd, stored: true, detail, ..cache }
}

/// Whether parts of the body of an answer are missing.
pub fn are_missing(answer: &Answer) -> bool {
    match &answer.content {
        Content::Stored { entry, .. } => entry.body.with_gaps().is_some(),
        _ => false,
    }
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
    /// The next bytes of a range, which is not empty.
    ///
    /// # Errors
    /// When they cannot be had.
    pub async fn next(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let mut damaged = 0;
        loop {
            let failed = |trouble| match trouble {
                Trouble::Failed(error) => error,
                Trouble::Refused => Error::OriginDropped,
            };
            self.arrive(range.clone()).await.map_err(failed)?;
            match self.file.read(range.start, range.end - range.start).await {
                Ok(bytes) if !bytes.is_empty() => return Ok(bytes),
                // What is found damaged is a gap from now on.
                _ if damaged < TRIES => damaged += 1,
                _ => return Err(Error::OriginDropped),
            }
        }
    }

    /// Waits until the first byte of a range is there, and has fetched what comes soon.
    async fn arrive(&self, range: Range<u64>) -> Result<(), Trouble> {
        let mut tries = 0;
        self.fetch_ahead(&range);
        while let Some((change, is_coming)) = self.file.wait_for(range.start) {
            if is_coming {
                change.await;
                continue;
            }
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            if tries == TRIES {
                return Err(Trouble::Failed(Error::OriginDropped));
            }
            tries += 1;
            self.fetch_ahead(&range);
        }
        Ok(())
    }

    /// Begins to fetch the first gap that who reads a range comes to soon, unless others do.
    fn fetch_ahead(&self, range: &Range<u64>) {
        let soon = range.start..range.end.min(range.start.saturating_add(AHEAD_BYTES));
        let has_trouble = self.trouble.borrow().is_some();
        if has_trouble || self.file.missing_from(soon.start) >= soon.end {
            return;
        }
        match self.errand.core.shared.store.fill_gap(&self.file, soon, range.end) {
            Ok(Some(gap)) => self.fetch(gap),
            Ok(None) => {}
            Err(_) => *self.trouble.borrow_mut() = Some(Trouble::Refused),
        }
    }

    fn fetch(&self, gap: GapWriter) {
        let running = self.errand.core.stay();
        let (errand, entry) = (self.errand.clone(), self.entry.clone());
        let trouble = self.trouble.clone();
        tokio::task::spawn_local(async move {
            if let Err(why) = fetch(&errand, &entry, gap).await {
                // Nobody has looked yet since the gap was released: they run on this core.
                *trouble.borrow_mut() = Some(why);
            }
            drop(running);
        });
    }
}

/// Asks the origin for a gap of something stored, and fills it with what comes.
async fn fetch(errand: &Errand, entry: &Arc<Entry>, mut gap: GapWriter) -> Result<(), Trouble> {
    let departure = errand.core.shared.store.depart(errand.key.as_ref());
    let range = gap.range();
    let response = errand.ask_part(&format!("bytes={}-{}", range.start, range.end - 1)).await;
    let response = response.map_err(Trouble::Failed)?;
    let first = match (response.status, ContentRange::of(&response.fields)) {
        (206, Some(part)) if (part.first..=part.last).contains(&range.start) => {
            combine(errand, entry, &response, Some(part.total), &departure)?;
            part.first
        }
        (200, _) => {
            combine(errand, entry, &response, response.length, &departure)?;
            // It gives no parts any more: all that comes is of use.
            gap.widen();
            0
        }
        (500.., _) => return Err(Trouble::Refused),
        _ => return Err(has_changed(errand)),
    };
    fill_gap(gap, response.body, first).await
}

/// Sees to it that a response may be combined with what is stored, which it updates (RFC 9111 §3.4).
fn combine(
    errand: &Errand,
    entry: &Arc<Entry>,
    response: &Response,
    total: Option<u64>,
    departure: &Departure,
) -> Result<(), Trouble> {
    let store = &errand.core.shared.store;
    // What came before an invalidation and what came after it are never put together.
    if departure.is_overtaken() || store.is_invalid(entry) {
        return Err(Trouble::Refused);
    }
    if !partial::is_of(&entry.meta, &response.fields, total) {
        return Err(has_changed(errand));
    }
    match admission::confirmation(&errand.offer(response, departure.born()), &entry.meta) {
        Confirmation::Update(meta) if meta.variant == entry.meta.variant => {
            store.refresh(&errand.key, entry, errand.renewed(*meta), departure);
            Ok(())
        }
        Confirmation::Update(_) | Confirmation::Mismatch => Err(has_changed(errand)),
        Confirmation::ServeOnce(_, why) => {
            errand.core.counters.skipped(why);
            Err(Trouble::Refused)
        }
    }
}

/// The origin has something else by now: what is stored must be validated before it is used.
fn has_changed(errand: &Errand) -> Trouble {
    errand.core.shared.store.invalidate(errand.key.as_ref().url());
    Trouble::Refused
}
