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
}

/// From `text` on stands what is at `source`: literally, or, if there is an `end`, as one piece up to there.
struct Mark {
    text: usize,
    source: usize,
    end: Option<usize>,
}

/// Text while it is decoded: pieces in the order of their source.
#[derive(Default)]
pub(super) struct Decoded {
    text: String,
    marks: Vec<Mark>,
}

impl Decoded {
    /// What stands literally at `source`.
    pub fn literal(&mut self, text: &str, source: usize) {
        if !text.is_empty() {
            self.marks.push(Mark { text: self.text.len(), source, end: None });
            self.text.push_str(text);
        }
    }

    /// What one escape or reference stands for.
    pub fn piece(&mut self, piece: char, source: Range<usize>) {
        self.marks.push(Mark {
            text: self.text.len(),
            source: source.start,
            end: Some(source.end),
        });
        self.text.push(piece);
    }
}

impl<'a> Within<'a> {
    /// What stands literally in the document at `at`.
    pub fn literal(text: &'a str, at: usize, layer: Layer) -> Within<'a> {
        let spelling = Spelling::default().within(layer);
        Within { text: Cow::Borrowed(text), marks: Vec::new(), at, around: None, spelling }
    }

    /// What stands in the document at `at`, decoded; the sources of `decoded` count from there.
    pub fn decoded(decoded: Decoded, at: usize, layer: Layer) -> Within<'a> {
        let spelling = Spelling::default().within(layer);
        let text = Cow::Owned(decoded.text);
        Within { text, marks: decoded.marks, at, around: None, spelling }
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
            },
            Some(Decoded { text, marks }) => {
                Within { text: Cow::Owned(text), marks, at, around, spelling }
            }
        }
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
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
        let behind = self.marks.partition_point(|mark| mark.text <= at);
        match behind.checked_sub(1).map(|before| &self.marks[before]) {
            None => at,
            Some(mark) => mark.source + (at - mark.text),
        }
    }

    /// The end is that of the last character within, not the beginning of the next.
    fn end(&self, at: usize) -> usize {
        let behind = self.marks.partition_point(|mark| mark.text < at);
        match behind.checked_sub(1).map(|before| &self.marks[before]) {
            None => at,
            Some(mark) => mark.end.unwrap_or(mark.source + (at - mark.text)),
        }
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
