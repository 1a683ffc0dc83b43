//! Collects what of a document is a picture: which URL, and which bytes of the document it stands in.

use crate::plan::edit::{Change, Edit};
use crate::plan::fault::Fault;
use crate::plan::html::{self, Holds};
use crate::plan::spelling::Layer;
use crate::plan::within::Within;
use crate::plan::{address, srcset};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;
use url::Url;

/// What all URLs of pictures of a document may take. A short one in a document may be a long one against its
/// base, so its length is no bound.
const MAX_URLS_BYTES: usize = 8 << 20;
/// What each takes beside its own bytes.
const URL_COST_BYTES: usize = 64;

/// The most places in a document where URLs of pictures stand: each costs memory, and a longer URL that takes
/// it.
const MAX_PLACES: usize = 100_000;

/// What was found so far.
#[derive(Default)]
pub(super) struct Gather {
    /// Each URL once; edits name them by their number.
    pub urls: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, u32>,
    /// What all of them take.
    bytes: usize,
    /// Places of further ones, which keep theirs.
    pub beyond: usize,
    pub edits: Vec<Edit>,
    notes: BTreeSet<String>,
    /// Why the document is beyond what is read, if it is.
    too_much: Option<Fault>,
}

impl Gather {
    /// What the operator should know, once.
    pub fn note(&mut self, note: String) {
        self.notes.insert(note);
    }

    /// All that was noted.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes).into_iter().collect()
    }

    /// What was found is all.
    ///
    /// # Errors
    /// When there is more than is read.
    pub fn judge(&mut self) -> Result<(), Fault> {
        self.too_much.take().map_or(Ok(()), Err)
    }

    fn refuse(&mut self, what: impl Fn() -> String) {
        self.too_much.get_or_insert_with(|| Fault::Shape { what: what() });
    }

    /// A part of a text is a URL. Gives the number of the picture, if it is one.
    pub fn url(&mut self, base: &Url, text: &Within<'_>, part: Range<usize>) -> Option<u32> {
        self.too_much.is_none().then_some(())?;
        let url = address::picture(base, &text.text()[part.clone()])?;
        if self.edits.len() >= MAX_PLACES {
            self.refuse(|| {
                format!(
                    "it names pictures in more than {MAX_PLACES} places, and no more are read: have \
                     the upstream send fewer items, or let images, srcsets and html name fewer values"
                )
            });
            return None;
        }
        let picture = self.number(url)?;
        let place = Change::Place { picture, spelling: text.spelling() };
        self.edit(text.source(part), place);
        Some(picture)
    }

    /// These bytes change.
    pub fn edit(&mut self, range: Range<usize>, change: Change) {
        // A document of 4 GiB is beyond any limit on bodies.
        let found = self.edits.len() as u32;
        self.edits.push(Edit { range, change, found });
    }

    /// All of a text is a URL, but for white space around it.
    pub fn whole_url(&mut self, base: &Url, text: &Within<'_>) -> Option<u32> {
        self.check(text);
        let said = text.text();
        let start = said.len() - said.trim_ascii_start().len();
        self.url(base, text, start..start + said.trim_ascii().len())
    }

    /// A text is a list of candidates. Gives the pictures in it.
    pub fn srcset(&mut self, base: &Url, text: &Within<'_>) -> Vec<u32> {
        self.check(text);
        // What takes the place of a URL must stay one candidate.
        let list = text.nested(0..text.text().len(), None, Layer::Srcset);
        let candidates = srcset::candidates(list.text());
        candidates.into_iter().filter_map(|part| self.url(base, &list, part)).collect()
    }

    /// A text is HTML.
    pub fn html(&mut self, base: &Url, text: &Within<'_>) {
        self.check(text);
        for attribute in html::attributes(text.text()) {
            let layer = if attribute.is_quoted { Layer::HtmlQuoted } else { Layer::HtmlBare };
            let decoded = html::decoded(&text.text()[attribute.value.clone()]);
            let value = text.nested(attribute.value, decoded, layer);
            self.held(base, attribute.holds, &value);
        }
    }

    /// A text is what an attribute holds.
    pub fn held(&mut self, base: &Url, holds: Holds, value: &Within<'_>) {
        match holds {
            Holds::Url => drop(self.whole_url(base, value)),
            Holds::Srcset => drop(self.srcset(base, value)),
        }
    }

    fn check(&mut self, text: &Within<'_>) {
        if text.is_cut() {
            self.refuse(|| {
                "a text in which pictures are has more escapes or references than are read (half a million): \
                 have the upstream send a shorter one"
                    .to_owned()
            });
        }
    }

    /// The number of a picture; none for one that there is no place for.
    fn number(&mut self, url: Box<str>) -> Option<u32> {
        if let Some(number) = self.numbers.get(&*url) {
            return Some(*number);
        }
        if self.bytes + url.len() + URL_COST_BYTES > MAX_URLS_BYTES {
            self.beyond += 1;
            self.note(format!(
                "the URLs of its pictures take more than {} MiB, so further pictures keep theirs",
                MAX_URLS_BYTES >> 20
            ));
            return None;
        }
        self.bytes += url.len() + URL_COST_BYTES;
        let (number, url) = (self.urls.len() as u32, Rc::<str>::from(url));
        self.urls.push(url.clone());
        self.numbers.insert(url, number);
        Some(number)
    }
}
