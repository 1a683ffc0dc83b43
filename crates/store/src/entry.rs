//! One stored response, ready to be written, and its forms in other content codings.

use crate::body::Body;
use crate::cost::{ARC_BYTES, SHARED_BYTES, block};
use bytes::Bytes;
use policy::coding::Coding;
use policy::meta::Meta;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Header blocks made once, when the response was stored: status line and fields, each ended by
/// CRLF, without the empty line, so that what changes from hit to hit can be appended.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    /// For the whole response.
    pub full: Bytes,
    /// For a 304.
    pub not_modified: Bytes,
    /// For a 304 to who would get a coded form; the same bytes where nothing differs.
    pub not_modified_coded: Bytes,
}

/// A response in another content coding, made from the stored one.
#[derive(Clone, Debug)]
pub struct Form {
    /// Its prepared header block, like [`Heads::full`].
    pub head: Bytes,
    /// Its body.
    pub body: Body,
}

/// The forms of a response, by coding. Each is made once at the most.
#[derive(Debug, Default)]
pub struct Forms(OnceLock<Box<[OnceLock<Made>; Coding::ALL.len()]>>);

/// What came of making a form.
#[derive(Clone, Debug)]
pub enum Made {
    /// A form that is shorter.
    Form(Form),
    /// It is not shorter than the response itself, which is as good for everybody.
    NotShorter,
}

impl Forms {
    /// What came of making that form, if it was made.
    pub fn get(&self, coding: Coding) -> Option<&Made> {
        self.0.get()?[coding as usize].get()
    }

    /// Whether there is a form in that coding.
    pub(crate) fn has(&self, coding: Coding) -> bool {
        matches!(self.get(coding), Some(Made::Form(_)))
    }

    /// Takes those forms of others that it does not have, with heads that `head` makes of the coding
    /// and the body's length.
    pub(crate) fn take_over(&self, others: &Forms, head: impl Fn(Coding, u64) -> Bytes) {
        for coding in Coding::ALL.into_iter().filter(|coding| self.get(*coding).is_none()) {
            let made = match others.get(coding) {
                Some(Made::Form(Form { body, .. })) => {
                    let head = head(coding, body.len());
                    Made::Form(Form { head, body: body.clone() })
                }
                Some(Made::NotShorter) => Made::NotShorter,
                None => continue,
            };
            self.set(coding, made);
        }
    }

    /// The same forms once more.
    pub(crate) fn copy(&self) -> Forms {
        let copy = Forms::default();
        for coding in Coding::ALL {
            if let Some(made) = self.get(coding) {
                copy.set(coding, made.clone());
            }
        }
        copy
    }

    /// Takes a form in, unless there is one. Says whether it did.
    pub(crate) fn set(&self, coding: Coding, made: Made) -> bool {
        self.0.get_or_init(Box::default)[coding as usize].set(made).is_ok()
    }

    /// The bytes they hold in memory beyond their own size.
    fn footprint(&self) -> usize {
        Coding::ALL.into_iter().filter_map(|coding| self.get(coding)).map(Made::footprint).sum()
    }
}

impl Made {
    /// The bytes it holds in memory, its places in tables included.
    pub(crate) fn footprint(&self) -> usize {
        // The table of all forms counts for each of them: that is simple, and never too little.
        let table = block(size_of::<[OnceLock<Made>; Coding::ALL.len()]>());
        match self {
            Made::Form(form) => table + shared_block(&form.head) + form.body.footprint(),
            Made::NotShorter => table,
        }
    }
}

/// A stored response. It never changes: a 304 makes a new entry that shares the body.
#[derive(Debug)]
pub struct Entry {
    /// What is known of it.
    pub meta: Meta,
    /// Its prepared header blocks.
    pub heads: Heads,
    /// Its body.
    pub body: Body,
    /// Its forms in other content codings.
    pub forms: Forms,
    /// The hash of its URL scope.
    pub(crate) url: u64,
    /// Whether its URL was made invalid already when it was read from disk.
    must_validate: bool,
    /// The invalidation counter when its request left.
    departed: u64,
    /// The head of the purge log at which it was last looked at.
    settled: AtomicU64,
    /// The invalidation counter at which it was last found valid: while nothing is made
    /// invalid, the check on the way of a hit is one comparison.
    checked: AtomicU64,
}

impl Entry {
    /// A response whose request left at `departure`, which is its URL and the invalidation counter.
    pub(crate) fn new(parts: Parts, departure: (u64, u64)) -> Entry {
        let Parts { meta, heads, body, forms, must_validate } = parts;
        let (url, departed) = departure;
        let (checked, settled) = (AtomicU64::new(departed), AtomicU64::new(meta.born.seq));
        Entry { meta, heads, body, forms, url, must_validate, departed, settled, checked }
    }

    /// What it is made of, to make another of it.
    pub(crate) fn again(&self) -> Parts {
        Parts {
            meta: self.meta.clone(),
            heads: self.heads.clone(),
            body: self.body.clone(),
            forms: self.forms.copy(),
            must_validate: self.must_validate,
        }
    }

    /// The same response made of other parts.
    pub(crate) fn with(&self, parts: Parts) -> Entry {
        Entry::new(parts, (self.url, self.departed))
    }

    /// Whether it was looked at under this head of the purge log.
    pub(crate) fn is_settled_at(&self, head: u64) -> bool {
        self.settled_at() == head
    }

    /// The head of the purge log under which it was last looked at.
    pub(crate) fn settled_at(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }

    pub(crate) fn settle_at(&self, head: u64) {
        self.settled.store(head, Ordering::Relaxed);
    }

    /// Whether it was found valid at this count already.
    pub(crate) fn was_checked_at(&self, count: u64) -> bool {
        self.checked.load(Ordering::Relaxed) == count && !self.must_validate
    }

    /// Whether it must be validated whatever has happened since.
    pub(crate) fn must_validate(&self) -> bool {
        self.must_validate
    }

    /// Whether something that happened at `count` came after its request left.
    pub(crate) fn departed_before(&self, count: u64) -> bool {
        self.departed < count
    }

    pub(crate) fn mark_checked_at(&self, count: u64) {
        self.checked.store(count, Ordering::Relaxed);
    }

    /// The bytes it holds in memory, its own size included.
    pub(crate) fn footprint(&self) -> usize {
        block(ARC_BYTES + size_of::<Entry>())
            + block(self.meta.footprint() - size_of::<Meta>())
            + shared_block(&self.heads.full)
            + shared_block(&self.heads.not_modified)
            + self.coded_head_bytes()
            + self.forms.footprint()
            + self.body.footprint()
    }

    /// Nothing where both heads are the same bytes.
    fn coded_head_bytes(&self) -> usize {
        let Heads { not_modified, not_modified_coded, .. } = &self.heads;
        match not_modified.as_ptr() == not_modified_coded.as_ptr() {
            true => 0,
            false => shared_block(not_modified_coded),
        }
    }
}

fn shared_block(bytes: &Bytes) -> usize {
    SHARED_BYTES + block(bytes.len())
}

/// What an entry is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub meta: Meta,
    pub heads: Heads,
    pub body: Body,
    pub forms: Forms,
    pub must_validate: bool,
}
