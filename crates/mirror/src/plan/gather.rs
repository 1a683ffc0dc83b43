//! Collects what of a document is a picture: which URL, and which bytes of the document it stands in.

use crate::plan::edit::{Change, Edit};
use crate::plan::html::{self, Holds};
use crate::plan::spelling::Layer;
use crate::plan::within::Within;
use crate::plan::{address, srcset};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use url::Url;

/// What was found so far.
#[derive(Default)]
pub(super) struct Gather {
    /// Each URL once; edits name them by their number.
    pub urls: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    /// In the order in which they were found.
    pub edits: Vec<Edit>,
    notes: BTreeSet<String>,
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

    /// A part of a text is a URL. Gives the number of the picture, if it is one.
    pub fn url(&mut self, base: &Url, text: &Within<'_>, part: Range<usize>) -> Option<u32> {
        let url = address::picture(base, &text.text()[part.clone()])?;
        let picture = self.number(url);
        let place = Change::Place { picture, spelling: text.spelling() };
        self.edits.push(Edit { range: text.source(part), change: place });
        Some(picture)
    }

    /// All of a text is a URL, but for white space around it.
    pub fn whole_url(&mut self, base: &Url, text: &Within<'_>) -> Option<u32> {
        let said = text.text();
        let start = said.len() - said.trim_ascii_start().len();
        self.url(base, text, start..start + said.trim_ascii().len())
    }

    /// A text is a list of candidates. Gives the pictures in it.
    pub fn srcset(&mut self, base: &Url, text: &Within<'_>) -> Vec<u32> {
        // What takes the place of a URL must stay one candidate.
        let list = text.nested(0..text.text().len(), None, Layer::Srcset);
        let candidates = srcset::candidates(list.text());
        candidates.into_iter().filter_map(|part| self.url(base, &list, part)).collect()
    }

    /// A text is HTML.
    pub fn html(&mut self, base: &Url, text: &Within<'_>) {
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

    fn number(&mut self, url: Box<str>) -> u32 {
        if let Some(number) = self.numbers.get(&url) {
            return *number;
        }
        // A document of 4 GiB of URLs is beyond any limit on bodies.
        let number = self.urls.len() as u32;
        self.urls.push(url.clone());
        self.numbers.insert(url, number);
        number
    }
}
