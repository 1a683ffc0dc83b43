//! JSONPath (RFC 9535) in its parts. `serde_json_path` reads and judges paths, and answers for values of its
//! own only, which take many times the bytes of a document. So a path that it took is parted here, followed
//! over places ([`crate::plan::select`]), and it is asked of filters only, value by value.

use std::str::FromStr;

/// One step of a path: which children of each value are taken.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Whether those of all that lies within are taken too.
    pub descends: bool,
    pub selectors: Vec<Selector>,
}

/// Which children.
#[derive(Clone, Debug)]
pub(super) enum Selector {
    Name(String),
    Wildcard,
    /// From the end where it is negative.
    Index(i64),
    Slice(Slice),
    Filter(Filter),
}

/// A question to each child.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// Asked of an array whose only element is the child: whether it selects it.
    pub query: serde_json_path::JsonPath,
    /// Whether it matches texts with a pattern.
    pub has_pattern: bool,
}

/// Elements from one to before another, or backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub step: i64,
}

/// White space between parts; all other is of names.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// The parts of a path that is known to be one; nothing where it cannot be parted: where a filter asks
/// about the whole document.
pub(super) fn parts(path: &str) -> Option<Vec<Segment>> {
    let mut parts = Parts { rest: path.trim_matches(BLANKS).strip_prefix('$')? };
    let mut segments = Vec::new();
    while let Some(segment) = parts.segment()? {
        segments.push(segment);
    }
    Some(segments)
}

struct Parts<'a> {
    rest: &'a str,
}

impl Parts<'_> {
    /// The next segment; none at the end.
    fn segment(&mut self) -> Option<Option<Segment>> {
        self.space();
        if self.rest.is_empty() {
            return Some(None);
        }
        let descends = self.take("..");
        if !descends && !self.take(".") || self.rest.starts_with('[') {
            let selectors = self.bracketed()?;
            return Some(Some(Segment { descends, selectors }));
        }
        let selector = if self.take("*") { Selector::Wildcard } else { self.short_name()? };
        Some(Some(Segment { descends, selectors: vec![selector] }))
    }

    fn short_name(&mut self) -> Option<Selector> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then(|| Selector::Name(name.to_owned()))
    }

    fn bracketed(&mut self) -> Option<Vec<Selector>> {
        let mut selectors = Vec::new();
        self.take("[").then_some(())?;
        loop {
            self.space();
            selectors.push(self.selector()?);
            self.space();
            if self.take("]") {
                return Some(selectors);
            }
            self.take(",").then_some(())?;
        }
    }

    fn selector(&mut self) -> Option<Selector> {
        if let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            return self.quoted(quote).map(Selector::Name);
        }
        if self.take("*") {
            return Some(Selector::Wildcard);
        }
        let is_filter = self.take("?");
        let text = self.up_to_end()?;
        if is_filter {
            // It is a part of a path that is one already.
            let query = serde_json_path::JsonPath::parse(&format!("$[?{text}]")).ok()?;
            // A text that only quotes one of them counts too: it is asked of few values then.
            let has_pattern = ["match(", "search("].iter().any(|function| text.contains(function));
            return Some(Selector::Filter(Filter { query, has_pattern }));
        }
        if !text.contains(':') {
            return text.trim().parse().ok().map(Selector::Index);
        }
        let mut bounds = text.split(':').map(bound);
        let (start, end) = (bounds.next()??, bounds.next()??);
        let step = bounds.next().unwrap_or(Some(None))?;
        Some(Selector::Slice(Slice { start, end, step: step.unwrap_or(1) }))
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let end = end_of_quoted(self.rest)?;
        let inner = &self.rest[1..end - 1];
        self.rest = &self.rest[end..];
        // What it escapes is as in JSON, but for the quotation marks.
        let json = match quote {
            '"' => inner.to_owned(),
            _ => inner.replace("\\'", "'").replace('"', "\\\""),
        };
        serde_json::from_str(&format!("\"{json}\"")).ok()
    }

    /// What stands before the comma or bracket that ends a selector; nothing where it names the document.
    fn up_to_end(&mut self) -> Option<String> {
        let (mut depth, mut at) = (0_usize, 0);
        loop {
            match self.rest[at..].chars().next()? {
                '"' | '\'' => at += end_of_quoted(&self.rest[at..])? - 1,
                '$' => return None,
                ',' | ']' if depth == 0 => break,
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.checked_sub(1)?,
                other => at += other.len_utf8() - 1,
            }
            at += 1;
        }
        let (text, rest) = self.rest.split_at(at);
        self.rest = rest;
        Some(text.to_owned())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches(BLANKS);
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// A number, or none where none stands.
fn bound(text: &str) -> Option<Option<i64>> {
    match text.trim() {
        "" => Some(None),
        text => i64::from_str(text).ok().map(Some),
    }
}

/// Where a string ends that a text begins with, behind its closing quotation mark.
fn end_of_quoted(text: &str) -> Option<usize> {
    let quote = text.bytes().next()?;
    let mut at = 1;
    loop {
        match text.as_bytes().get(at)? {
            b'\\' => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

impl Slice {
    /// The places of the elements that it takes of so many, in its order.
    pub fn places(self, length: usize) -> Vec<usize> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let from_end = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let bound = |at: Option<i64>, usual: i64, least: i64, most: i64| {
            at.map_or(usual, |at| from_end(at).clamp(least, most))
        };
        let mut places = Vec::new();
        let (mut at, end) = match self.step {
            0 => return places,
            1.. => (bound(self.start, 0, 0, length), bound(self.end, length, 0, length)),
            _ => {
                (bound(self.start, length - 1, -1, length - 1), bound(self.end, -1, -1, length - 1))
            }
        };
        while if self.step > 0 { at < end } else { at > end } {
            places.extend(usize::try_from(at));
            at = at.saturating_add(self.step);
        }
        places
    }
}
