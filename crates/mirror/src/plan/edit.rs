//! A document as it is written: the stretches of it that are published, and what changes in them.
//!
//! Nothing is written anew but what changes: all else are bytes of the document as it came.

use crate::plan::spelling::Spelling;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

/// What changes at one place.
pub(super) struct Edit {
    /// The bytes that are replaced; none of them where something is added.
    pub range: Range<usize>,
    pub change: Change,
    /// Which one it was to be found.
    pub found: u32,
}

/// What becomes of it.
pub(super) enum Change {
    /// The place of a picture, by its number.
    Place { picture: u32, spelling: Spelling },
    /// A value is repeated. There are few of them, and of places many.
    Keep(Box<Keep>),
}

/// What stands at `value` is repeated under the name of originals, if one of these pictures is replaced.
pub(super) struct Keep {
    pub value: Range<usize>,
    pub pictures: Vec<u32>,
}

/// A stretch of what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// These bytes of the document, with what changes in them.
    Copy(Range<usize>),
    /// This.
    Say(Box<str>),
}

/// What is written.
pub(super) struct Layout {
    stretches: Vec<Stretch>,
    /// By their place in the document; they do not overlap.
    edits: Vec<Edit>,
    /// What originals are kept under, as it is written.
    kept_as: String,
}

impl Layout {
    /// Of stretches and edits in any order. Where two edits overlap, the first to be found counts. Gives the
    /// pictures of what is written, each once and `max_pictures` at the most, numbered anew, and how many
    /// there are beyond.
    pub fn new(
        stretches: Vec<Stretch>,
        edits: Vec<Edit>,
        urls: Vec<Rc<str>>,
        max_pictures: usize,
        kept_as: Option<&str>,
    ) -> (Layout, Vec<Box<str>>, usize) {
        let kept_as = kept_as.map(|name| serde_json::Value::from(name).to_string());
        let mut layout =
            Layout { stretches, edits: apart(edits), kept_as: kept_as.unwrap_or_default() };
        let (pictures, beyond) = layout.number(&urls, max_pictures);
        (layout, pictures, beyond)
    }

    fn number(&mut self, urls: &[Rc<str>], max_pictures: usize) -> (Vec<Box<str>>, usize) {
        let mut order: Vec<u32> = Vec::new();
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut beyond: HashSet<u32> = HashSet::new();
        for stretch in &self.stretches {
            for edit in self.edits_in(stretch) {
                let Change::Place { picture, .. } = edit.change else { continue };
                if numbers.contains_key(&picture) {
                    continue;
                }
                if order.len() >= max_pictures {
                    beyond.insert(picture);
                    continue;
                }
                numbers.insert(picture, order.len() as u32);
                order.push(picture);
            }
        }
        self.edits.retain_mut(|edit| match &mut edit.change {
            Change::Place { picture, .. } => {
                let number = numbers.get(picture);
                *picture = number.copied().unwrap_or_default();
                number.is_some()
            }
            Change::Keep(keep) => {
                let known = keep.pictures.iter().filter_map(|old| numbers.get(old).copied());
                keep.pictures = known.collect();
                !keep.pictures.is_empty()
            }
        });
        let pictures = order.into_iter().map(|old| Box::from(&*urls[old as usize])).collect();
        (pictures, beyond.len())
    }

    fn edits_in(&self, stretch: &Stretch) -> &[Edit] {
        let Stretch::Copy(range) = stretch else { return &[] };
        let first = self.edits.partition_point(|edit| edit.range.start < range.start);
        let behind = self.edits.partition_point(|edit| edit.range.start < range.end);
        // What is added between two stretches belongs to the first of them.
        let added = self.edits[behind..]
            .iter()
            .take_while(|edit| edit.range.start == range.end && edit.range.is_empty());
        let before = self.edits[first..behind]
            .iter()
            .take_while(|edit| edit.range.start == range.start && edit.range.is_empty());
        &self.edits[first + before.count()..behind + added.count()]
    }

    /// The text with the pictures at their places, by their numbers.
    pub fn write(&self, text: &str, places: &[Option<String>]) -> Vec<u8> {
        let mut out = String::with_capacity(text.len() + text.len() / 8);
        for stretch in &self.stretches {
            match stretch {
                Stretch::Say(said) => out.push_str(said),
                Stretch::Copy(range) => {
                    let mut at = range.start;
                    for edit in self.edits_in(stretch) {
                        if let Some(new) = self.changed(text, &edit.change, places) {
                            out.push_str(&text[at..edit.range.start]);
                            out.push_str(&new);
                            at = edit.range.end;
                        }
                    }
                    out.push_str(&text[at..range.end]);
                }
            }
        }
        out.into_bytes()
    }

    fn changed(&self, text: &str, change: &Change, places: &[Option<String>]) -> Option<String> {
        let place = |picture: u32| places.get(picture as usize)?.as_deref();
        match change {
            Change::Place { picture, spelling } => place(*picture).map(|url| spelling.spell(url)),
            Change::Keep(keep) => {
                let is_replaced = keep.pictures.iter().any(|picture| place(*picture).is_some());
                is_replaced.then(|| format!(",{}:{}", self.kept_as, &text[keep.value.clone()]))
            }
        }
    }
}

/// The edits by their place, without those that overlap one that was found earlier.
fn apart(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_unstable_by_key(|edit| (edit.range.start, edit.range.end, edit.found));
    let mut kept: usize = 0;
    for at in 0..edits.len() {
        let before = kept.checked_sub(1).map(|last| &edits[last]);
        let overlapped = before.filter(|before| before.range.end > edits[at].range.start);
        match overlapped.map(|before| before.found < edits[at].found) {
            Some(true) => continue,
            Some(false) => kept -= 1,
            None => {}
        }
        edits.swap(kept, at);
        kept += 1;
    }
    edits.truncate(kept);
    edits
}
