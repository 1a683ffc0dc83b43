//! A document as it is written: the stretches of it that are published, and what changes in them.
//!
//! Nothing is written anew but what changes: all else are bytes of the document as it came.

use crate::plan::spelling::Spelling;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What changes at one place.
pub(super) struct Edit {
    /// The bytes that are replaced; none of them where something is added.
    pub range: Range<usize>,
    pub change: Change,
}

/// What becomes of it.
pub(super) enum Change {
    /// The place of a picture, by its number.
    Place { picture: u32, spelling: Spelling },
    /// What stands at `value` is repeated under the name of originals, if one of these pictures is replaced.
    Keep { value: Range<usize>, pictures: Vec<u32> },
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
        urls: Vec<Box<str>>,
        max_pictures: usize,
        kept_as: Option<&str>,
    ) -> (Layout, Vec<Box<str>>, usize) {
        let kept_as = kept_as.map(|name| serde_json::Value::from(name).to_string());
        let mut layout =
            Layout { stretches, edits: apart(edits), kept_as: kept_as.unwrap_or_default() };
        let (pictures, beyond) = layout.number(urls, max_pictures);
        (layout, pictures, beyond)
    }

    fn number(&mut self, urls: Vec<Box<str>>, max_pictures: usize) -> (Vec<Box<str>>, usize) {
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
            Change::Keep { pictures, .. } => {
                *pictures = pictures.iter().filter_map(|old| numbers.get(old).copied()).collect();
                !pictures.is_empty()
            }
        });
        let mut urls: Vec<Option<Box<str>>> = urls.into_iter().map(Some).collect();
        let pictures = order.into_iter().filter_map(|old| urls[old as usize].take()).collect();
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
            Change::Keep { value, pictures } => {
                let is_replaced = pictures.iter().any(|picture| place(*picture).is_some());
                is_replaced.then(|| format!(",{}:{}", self.kept_as, &text[value.clone()]))
            }
        }
    }
}

/// The edits by their place, without those that overlap one that was found earlier.
fn apart(edits: Vec<Edit>) -> Vec<Edit> {
    let mut ordered: Vec<(usize, Edit)> = edits.into_iter().enumerate().collect();
    ordered.sort_by_key(|(found, edit)| (edit.range.start, edit.range.end, *found));
    let mut apart: Vec<(usize, Edit)> = Vec::with_capacity(ordered.len());
    for (found, edit) in ordered {
        let before = apart.last().filter(|(_, before)| before.range.end > edit.range.start);
        match before.map(|(earlier, _)| *earlier < found) {
            Some(true) => {}
            Some(false) => {
                apart.pop();
                apart.push((found, edit));
            }
            None => apart.push((found, edit)),
        }
    }
    apart.into_iter().map(|(_, edit)| edit).collect()
}
