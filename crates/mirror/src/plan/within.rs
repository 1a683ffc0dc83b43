//! Text that is read out of a document, with the way back: what a part of it is in the document's bytes.
//!
//! HTML may be a string of JSON, and the URL in it an attribute with references: each layer is decoded,
//! and knows where each part of what it says stands in the layer around it. So only the bytes of an URL
//! are ever replaced, spelled for each layer, and all else stays as it came.

use crate::plan::spelling::{Layer, Spelling};
use std::borrow::Cow;
use std::ops::Range;

/// Text of a layer.
pub(super) struct Within<'a> {
    text: Cow<'a, str>,
    /// Rising; empty where the text stands literally from `at` on.
    marks: Vec<Mark>,
    at: usize,
    around: Option<&'a Within<'a>>,
    spelling: Spelling,
    is_cut: bool,
}

/// From `text` on stands what is at `source`: literally, or as one piece up to `end`, if that is not 0. There are
/// many of them, and documents have no 4 GiB.
struct Mark {
    text: u32,
    source: u32,
    end: u32,
}

/// The most marks of one text: half a million escapes or references, each with something before it.
const MAX_MARKS: usize = 1_000_000;

/// Text while it is decoded: pieces in the order of their source.
#[derive(Default)]
pub(super) struct Decoded {
    text: String,
    marks: Vec<Mark>,
    /// Whether it would have more marks than may be, and ends before.
    is_cut: bool,
}

impl Decoded {
    /// What stands literally at `source`.
    pub fn literal(&mut self, text: &str, source: usize) {
        if !text.is_empty() && self.mark(source, 0) {
            self.text.push_str(text);
        }
    }

    /// What one escape or reference stands for.
    pub fn piece(&mut self, piece: char, source: Range<usize>) {
        if self.mark(source.start, source.end) {
            self.text.push(piece);
        }
    }

    fn mark(&mut self, source: usize, end: usize) -> bool {
        self.is_cut |= self.marks.len() >= MAX_MARKS;
        if !self.is_cut {
            let text = self.text.len() as u32;
            self.marks.push(Mark { text, source: source as u32, end: end as u32 });
        }
        !self.is_cut
    }
}

impl<'a> Within<'a> {
    /// What stands literally in the document at `at`.
    pub fn literal(text: &'a str, at: usize, layer: Layer) -> Within<'a> {
        let spelling = Spelling::default().within(layer);
        let (text, marks) = (Cow::Borrowed(text), Vec::new());
        Within { text, marks, at, around: None, spelling, is_cut: false }
    }

    /// What stands in the document at `at`, decoded; the sources of `decoded` count from there.
    pub fn decoded(decoded: Decoded, at: usize, layer: Layer) -> Within<'a> {
        let spelling = Spelling::default().within(layer);
        let Decoded { text, marks, is_cut } = decoded;
        Within { text: Cow::Owned(text), marks, at, around: None, spelling, is_cut }
    }

    /// A part of this text that is itself decoded, if need be.
    pub fn nested(
        &'a self,
        part: Range<usize>,
        decoded: Option<Decoded>,
        layer: Layer,
    ) -> Within<'a> {
        let at = part.start;
        let spelling = self.spelling.within(layer);
        let around = Some(self);
        match decoded {
            None => Within {
                text: Cow::Borrowed(&self.text[part]),
                marks: Vec::new(),
                at,
                around,
                spelling,
                is_cut: false,
            },
            Some(Decoded { text, marks, is_cut }) => {
                Within { text: Cow::Owned(text), marks, at, around, spelling, is_cut }
            }
        }
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it says more than this: no document is read that has such a text where pictures are.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// How what takes the place of a part is to be spelled.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// Where a part of the text, that is not empty, stands in the document.
    pub fn source(&self, part: Range<usize>) -> Range<usize> {
        let own = self.at + self.start(part.start)..self.at + self.end(part.end);
        match self.around {
            Some(around) => around.source(own),
            None => own,
        }
    }

    fn start(&self, at: usize) -> usize {
        let behind = self.marks.partition_point(|mark| mark.text as usize <= at);
        self.marked(behind).map_or(at, |mark| mark.literal(at))
    }

    /// The end is that of the last character within, not the beginning of the next.
    fn end(&self, at: usize) -> usize {
        let behind = self.marks.partition_point(|mark| (mark.text as usize) < at);
        match self.marked(behind) {
            None => at,
            Some(mark) if mark.end == 0 => mark.literal(at),
            Some(mark) => mark.end as usize,
        }
    }

    fn marked(&self, behind: usize) -> Option<&Mark> {
        behind.checked_sub(1).map(|before| &self.marks[before])
    }
}

impl Mark {
    fn literal(&self, at: usize) -> usize {
        self.source as usize + (at - self.text as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_again_through_two_layers() {
        // JSON `a\"b&amp;c\"` says a"b&amp;c", and that attribute says b&c.
        let source = r#"a\"b&amp;c\""#;
        let mut json = Decoded::default();
        json.literal("a", 0);
        json.piece('"', 1..3);
        json.literal("b&amp;c", 3);
        json.piece('"', 10..12);
        let json = Within::decoded(json, 0, Layer::Json);
        assert_eq!(json.text(), r#"a"b&amp;c""#);
        let mut html = Decoded::default();
        html.literal("b", 0);
        html.piece('&', 1..6);
        html.literal("c", 6);
        let html = json.nested(2..9, Some(html), Layer::HtmlQuoted);
        assert_eq!(html.text(), "b&c");
        for (part, wanted) in [(0..3, "b&amp;c"), (1..2, "&amp;"), (2..3, "c"), (0..1, "b")] {
            assert_eq!(&source[html.source(part)], wanted);
        }
        assert_eq!(&source[json.source(1..2)], r#"\""#);
        assert_eq!(&source[json.source(9..10)], r#"\""#);
    }
}
