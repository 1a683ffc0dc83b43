//! Compressed forms of what the origin sends uncompressed: which one a client gets, and those that
//! are being made.
//!
//! A form is made once, by a task of its own that reads what is stored or what is on its way, and
//! writes a fill of its own, which all read who want that form. When it is whole it is kept beside
//! the response that it was made of, lives and dies with it, and counts.

mod encoder;
mod making;

pub use encoder::Encoder;

use crate::core::{Core, SiteOnCore};
use crate::fill::{Errand, Fill, Flowing, Reader};
use bytes::Bytes;
use making::Source;
use policy::coding::{self, Coding, MIN_CODED_BYTES};
use policy::key::KeyRef;
use policy::request::{Method, Request};
use policy::rule::Compress;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Entry, Made};

/// A request and what it is for, by which an answer is made.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The core.
    pub core: &'a Rc<Core>,
    /// The site.
    pub site: &'a Rc<SiteOnCore>,
    /// The request.
    pub request: &'a Rc<Request>,
    /// Its key.
    pub key: KeyRef<'a>,
}

/// In which form a stored response goes out.
#[derive(Debug)]
pub enum Form {
    /// As the origin sent it.
    Identity,
    /// Coded, but no body follows.
    HeadOnly,
    /// Coded, as it is kept.
    Kept(store::Form),
    /// Coded, as it is being made.
    Coming {
        /// Its header block.
        head: Bytes,
        /// Its body.
        reader: Reader,
    },
}

/// The form in which a whole stored response goes out.
pub fn form_of(wish: Wish<'_>, entry: &Arc<Entry>) -> Form {
    let Some(coding) = wanted(wish, entry) else { return Form::Identity };
    match entry.forms.get(coding) {
        Some(Made::Form(form)) => Form::Kept(form.clone()),
        Some(Made::NotShorter) => Form::Identity,
        None => {
            let made = making::join(wish, coding, Source::Entry(entry.clone()));
            let coming =
                |reader| Form::Coming { head: making::head(wish, entry, coding, None), reader };
            made.map_or(Form::Identity, coming)
        }
    }
}

/// The form of which a client is told that it has it already.
pub fn form_not_modified(wish: Wish<'_>, entry: &Entry) -> Form {
    wanted(wish, entry).map_or(Form::Identity, |_| Form::HeadOnly)
}

/// The coding that a client gets of something stored. What is on disk only would have to be coded
/// each time anew.
fn wanted(wish: Wish<'_>, entry: &Entry) -> Option<Coding> {
    let meta = &entry.meta;
    let has_forms = meta.has_forms && meta.body_bytes >= MIN_CODED_BYTES;
    if !has_forms || entry.body.in_memory().is_none() {
        return None;
    }
    let coding = coding::wanted(wish.request)?;
    // A rule that says no holds for what was stored before too.
    let rule = wish.site.settings.site.rule_for(wish.request);
    (rule.compress != Compress::Off).then_some(coding)
}

/// How a response goes out that is not stored yet, or never will be.
#[derive(Debug, Default)]
pub struct OnTheWay {
    /// The coding that its head names.
    pub coding: Option<Coding>,
    /// What makes it of the body; nothing where that comes coded already, or not at all.
    pub encoder: Option<Encoder>,
}

/// How what a fill brings goes out, and the reader that brings it.
pub fn on_its_way(
    errand: &Errand,
    head: &Flowing,
    reader: Reader,
    not_modified: bool,
) -> (OnTheWay, Reader) {
    let identity = OnTheWay::default();
    let Ok(meta) = &head.admission else {
        let Errand { core, request, .. } = errand;
        let suits = coding::suits_passing(errand.rule(), head.status, &head.shown);
        return match suits {
            true => (passing(core, request, head.length), reader),
            false => (identity, reader),
        };
    };
    // What turned out too long to be kept cannot be read again by those who lag behind, and what is
    // too long for memory is coded for nobody.
    let most = errand.core.shared.store.max_in_memory_bytes();
    let fits = head.length.is_none_or(|length| length <= most);
    let has_forms = meta.has_forms && fits && reader.is_kept();
    let coding = has_forms.then(|| coding::wanted(&errand.request)).flatten();
    let (Some(coding), Some(body)) = (coding, head.body_id) else { return (identity, reader) };
    if not_modified {
        return (OnTheWay { coding: Some(coding), encoder: None }, reader);
    }
    let source = Source::Fill { reader: reader.again(), body, length: head.length };
    match making::join(errand.wish(), coding, source) {
        Some(coded) => (OnTheWay { coding: Some(coding), encoder: None }, coded),
        None => (identity, reader),
    }
}

/// How a response goes out whose body nobody keeps, where its rule has such compressed.
pub fn passing(core: &Core, request: &Request, length: Option<u64>) -> OnTheWay {
    let Some(coding) = coding::wanted(request) else { return OnTheWay::default() };
    if request.method == Method::Head {
        return OnTheWay { coding: Some(coding), encoder: None };
    }
    let shared = &core.shared;
    let place = shared.compressing.places.take(shared.settings.fill.max_compressions, true);
    let encoder = place.and_then(|place| Encoder::new(coding, length, place).ok());
    match encoder {
        Some(_) => core.counters.coded(coding),
        None => core.counters.uncoded.one(),
    }
    OnTheWay { coding: encoder.as_ref().map(Encoder::coding), encoder }
}

/// The forms being made, of the whole process.
#[derive(Debug, Default)]
pub struct Compressing {
    /// By the number of the body that they are made of.
    under_way: Mutex<HashMap<(u64, Coding), Arc<Fill>>>,
    places: Places,
}

impl Compressing {
    /// How many bodies are being compressed, or about to be kept.
    pub fn len(&self) -> usize {
        self.places.all.load(Ordering::Relaxed).max(self.under_way().len())
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<(u64, Coding), Arc<Fill>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many encoders there are; each costs up to some megabytes while it works. Those that wait for
/// an origin or a client may be half of them, so that others always get on with what is stored.
#[derive(Debug, Default)]
struct Places {
    all: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
}

/// One of them; given back on drop.
#[derive(Debug)]
pub struct Place {
    _one_of_all: Counted,
    _one_that_waits: Option<Counted>,
}

impl Places {
    fn take(&self, most: usize, waits: bool) -> Option<Place> {
        let _one_of_all = Counted::one(&self.all, most)?;
        let _one_that_waits = match waits {
            true => Some(Counted::one(&self.waiting, most.div_ceil(2))?),
            false => None,
        };
        Some(Place { _one_of_all, _one_that_waits })
    }
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one(count: &Arc<AtomicUsize>, most: usize) -> Option<Counted> {
        let taken = count.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that it is given back in either case.
        let counted = Counted(count.clone());
        (taken < most).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_wait_leave_half_of_the_places_to_others() {
        let places = Places::default();
        let mut taken: Vec<_> = (0..3).filter_map(|_| places.take(4, true)).collect();
        assert_eq!(taken.len(), 2);
        taken.extend((0..3).filter_map(|_| places.take(4, false)));
        assert_eq!(taken.len(), 4);
        taken.clear();
        assert!(places.take(1, true).is_some(), "all are given back");
    }
}
