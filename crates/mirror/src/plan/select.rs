//! Following a JSONPath over a document's tree: no value is made of more than what a filter looks at.

use crate::plan::fault::Fault;
use crate::plan::path::{Filter, Segment, Selector};
use crate::plan::recipe::JsonPath;
use crate::plan::tree::{Member, Node};
use serde_json::Value;
use serde_json_path::PathElement;
use std::collections::HashSet;
use std::ops::Range;

/// The most values within one that a filter looks at. As `serde_json` has it, one takes up to a kilobyte.
const MAX_ASKED_VALUES: usize = 30_000;
/// The most values that filters of one path look at, those again that lie in each other: ten times what a
/// document may have.
const MAX_LOOKS: usize = 2_000_000;
/// As how many values one counts whose text is matched: the pattern is compiled for each.
const PATTERN_LOOKS: usize = 100;

/// A selected value, and the member of an object that it is, or in whose array it is.
#[derive(Clone, Copy)]
pub(super) struct Selected<'t> {
    pub node: &'t Node,
    pub owner: Option<(&'t Node, &'t Node)>,
    /// Steps into arrays since that member.
    steps: u32,
}

impl<'t> Selected<'t> {
    fn root(node: &'t Node) -> Selected<'t> {
        Selected { node, owner: None, steps: 0 }
    }

    /// A member of it, which is an object.
    pub fn member(self, member: &'t Member) -> Selected<'t> {
        let owner = Some((self.node, &member.value));
        Selected { node: &member.value, owner, steps: 0 }
    }

    /// An element of it, which is an array. An array in an array is nobody's member.
    fn element(self, node: &'t Node) -> Selected<'t> {
        let steps = self.steps + 1;
        Selected { node, owner: self.owner.filter(|_| steps == 1), steps }
    }

    /// All members and elements. Of members of one name each counts.
    fn children(self) -> impl Iterator<Item = Selected<'t>> {
        let members = self.node.members().iter().map(move |member| self.member(member));
        let elements = self.node.elements().unwrap_or_default();
        members.chain(elements.iter().map(move |node| self.element(node)))
    }
}

/// What a path selects, each value once.
///
/// # Errors
/// When a filter would have to look at too much.
pub(super) fn select<'t>(
    text: &str,
    root: &'t Node,
    path: &JsonPath,
) -> Result<Vec<Selected<'t>>, Fault> {
    let Some(segments) = path.parts() else {
        return by_value(text, root, path).ok_or_else(|| Fault::Shape {
            what: format!(
                "`{path}` has a filter that asks about the whole document (`$`), which may hold \
                 {MAX_ASKED_VALUES} values then and holds more: let the filter ask about `@` only"
            ),
        });
    };
    let mut following = Following { text, left: MAX_LOOKS, found: Vec::new() };
    let mut all = vec![Selected::root(root)];
    for segment in segments {
        if segment.descends {
            outermost(&mut all);
        }
        for selected in all {
            following.take(selected, segment).ok_or_else(|| Fault::Shape {
                what: format!(
                    "`{path}` filters values of which one holds more than {MAX_ASKED_VALUES} others, or \
                     more than may be looked at in all: name what lies between, and filter that"
                ),
            })?;
        }
        all = std::mem::take(&mut following.found);
        if segment.selectors.len() > 1 {
            let mut seen = HashSet::new();
            all.retain(|selected| seen.insert(std::ptr::from_ref(selected.node)));
        }
    }
    Ok(all)
}

/// Only those that lie in no other: to descend from one is to descend from all within it too.
fn outermost(all: &mut Vec<Selected<'_>>) {
    all.sort_by_key(|selected| selected.node.range.start);
    let mut end = 0;
    all.retain(|selected| {
        let Range { start, end: its_end } = selected.node.range;
        let is_outermost = start >= end;
        end = end.max(its_end);
        is_outermost
    });
}

/// A path while it is followed.
struct Following<'a, 't> {
    text: &'a str,
    /// How much filters may still look at.
    left: usize,
    /// What the segment took so far.
    found: Vec<Selected<'t>>,
}

impl<'t> Following<'_, 't> {
    /// Adds what a segment takes of a value; nothing when that is too much. It calls itself no deeper than
    /// a document nests.
    fn take(&mut self, from: Selected<'t>, segment: &Segment) -> Option<()> {
        for selector in &segment.selectors {
            match selector {
                Selector::Name(name) => {
                    let member = from.node.member(self.text, name);
                    self.found.extend(member.map(|member| from.member(member)));
                }
                Selector::Wildcard => self.found.extend(from.children()),
                Selector::Index(index) => self.found.extend(at(from, *index)),
                Selector::Slice(slice) => {
                    let elements = from.node.elements().unwrap_or_default();
                    let places = slice.places(elements.len());
                    self.found.extend(places.into_iter().map(|at| from.element(&elements[at])));
                }
                Selector::Filter(filter) => self.filter(from, filter)?,
            }
        }
        if segment.descends {
            for child in from.children() {
                self.take(child, segment)?;
            }
        }
        Some(())
    }

    fn filter(&mut self, from: Selected<'t>, filter: &Filter) -> Option<()> {
        for child in from.children() {
            let (value, values) = value(self.text, child.node)?;
            let looks = if filter.has_pattern { values + PATTERN_LOOKS } else { values };
            self.left = self.left.checked_sub(looks)?;
            if !filter.query.query(&Value::Array(vec![value])).is_empty() {
                self.found.push(child);
            }
        }
        Some(())
    }
}

/// The element at a place, which counts from the end where it is negative.
fn at(from: Selected<'_>, index: i64) -> Option<Selected<'_>> {
    let elements = from.node.elements()?;
    let length = i64::try_from(elements.len()).ok()?;
    let place = if index < 0 { index.checked_add(length)? } else { index };
    elements.get(usize::try_from(place).ok()?).map(|node| from.element(node))
}

/// The same where a filter asks about the whole document, so that all of it has to be a value.
fn by_value<'t>(text: &str, root: &'t Node, path: &JsonPath) -> Option<Vec<Selected<'t>>> {
    let (value, _) = value(text, root)?;
    let found = path.query(&value);
    let walk = |location: &serde_json_path::NormalizedPath<'_>| {
        location.iter().try_fold(Selected::root(root), |from, step| match step {
            PathElement::Name(name) => from.node.member(text, name).map(|it| from.member(it)),
            PathElement::Index(index) => {
                from.node.elements()?.get(*index).map(|it| from.element(it))
            }
        })
    };
    Some(found.locations().filter_map(walk).collect())
}

/// A value by itself and how many it is, unless it is too much.
fn value(text: &str, node: &Node) -> Option<(Value, usize)> {
    fn count(node: &Node, left: usize) -> Option<usize> {
        let members = node.members().iter().map(|member| &member.value);
        let mut within = members.chain(node.elements().unwrap_or_default());
        within.try_fold(left.checked_sub(1)?, |left, node| count(node, left))
    }
    let left = count(node, MAX_ASKED_VALUES)?;
    Some((node.to_value(text), MAX_ASKED_VALUES - left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::recipe::Recipe;
    use crate::plan::tree;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// What a path selects, and what `serde_json_path` does, as texts with their places in the document.
    fn both(text: &str, path: &str) -> [BTreeSet<String>; 2] {
        let root = tree::read(text, 0, &Recipe::default()).expect("it is JSON");
        let path = JsonPath::parse(path).expect("it is one");
        assert!(path.parts().is_some(), "{path} is not parted");
        let shown = |selected: Selected<'_>| {
            let owner = selected.owner.map(|(object, value)| (&object.range, &value.range));
            format!("{:?} of {owner:?}", selected.node.range)
        };
        let ours = select(text, &root, &path).expect("it is not too much");
        let theirs = by_value(text, &root, &path).expect("it is not too much");
        [ours, theirs].map(|found| found.into_iter().map(shown).collect())
    }

    const DOCUMENT: &str = r#"{"a":[{"b":1,"c":"x"},{"b":2,"c":"y","a":{"b":[3,4,[5]]}},7,[8,9]],"b":{"c":null},"d e'":"\"q"}"#;

    #[test]
    fn a_path_selects_what_it_selects_of_values() {
        for path in [
            "$",
            "$.a",
            "$.a[*].c",
            "$ .a [ 0 , -1 ]",
            "$['a'][1][\"a\"].b",
            "$.a[-1][0]",
            "$.a[9]",
            "$.a[1:3]",
            "$.a[::-1]",
            "$.a[::2]",
            "$.a[-2:]",
            "$.a[3:0:-2]",
            "$.a[1:2:0]",
            "$..b",
            "$..*",
            "$..[0]",
            "$..['b','c']",
            "$.*.c",
            "$['d e\\'']",
            "$[\"d e'\",'b']",
            "$.a[?@.b == 2].c",
            "$.a[?@.c == 'y' && (@.b > 1 || @.b < 0)]",
            "$.a[?match(@.c, '[xy]'), 3]",
            "$.a[?@.c == ']']",
            "$.a[?@['c']].b",
            "$..[?@.b].a",
            "$.b[?@ == null]",
        ] {
            let [ours, theirs] = both(DOCUMENT, path);
            assert_eq!(ours, theirs, "{path}");
        }
    }

    #[test]
    fn what_asks_about_the_whole_document_is_asked_of_it() {
        let root = tree::read(DOCUMENT, 0, &Recipe::default()).expect("it is JSON");
        for (path, count) in [("$.a[?@.b == $.a[1].b].c", 1), ("$.a[?@.c == '$'].c", 0)] {
            let path = JsonPath::parse(path).expect("it is one");
            assert_eq!(
                select(DOCUMENT, &root, &path).expect("it is little").len(),
                count,
                "{path}"
            );
        }
    }

    #[test]
    fn a_filter_does_not_look_at_too_much() {
        let many = vec!["1"; MAX_ASKED_VALUES].join(",");
        let text = format!("{{\"a\":[{{\"b\":[{many}]}}]}}");
        let root = tree::read(&text, 0, &Recipe::default()).expect("it is JSON");
        let count = |path: &str| {
            let path = JsonPath::parse(path).expect("it is one");
            select(&text, &root, &path).map(|all| all.len()).map_err(|fault| fault.to_string())
        };
        for (path, remedy) in [
            ("$.a[?@.b]", "filter that"),
            ("$[?@[0].b]", "filter that"),
            ("$.a[?$.a]", "ask about `@` only"),
            ("$.a[*].b[?match(@, '1')]", "filter that"),
        ] {
            let fault = count(path).expect_err("it is too much");
            assert!(fault.contains(path) && fault.ends_with(remedy), "{fault}");
        }
        assert_eq!(count("$.a[*].b[?@ == 1]"), Ok(MAX_ASKED_VALUES));
        assert_eq!(count("$..*"), Ok(MAX_ASKED_VALUES + 3));
        assert_eq!(count("$..*..*..*..*"), Ok(MAX_ASKED_VALUES));
    }

    #[test]
    fn filters_of_values_in_each_other_do_not_look_at_each_again_and_again() {
        let deep =
            format!("{}[{}]{}", "{\"a\":".repeat(90), ["1"; 29_000].join(","), "}".repeat(90));
        let root = tree::read(&deep, 0, &Recipe::default()).expect("it is JSON");
        let path = JsonPath::parse("$..[?@..u]").expect("it is one");
        assert!(select(&deep, &root, &path).is_err());
    }

    #[test]
    fn a_descent_begins_once_for_values_in_each_other() {
        let text =
            format!("{}[{}]{}", "{\"a\":".repeat(90), ["{\"b\":1}"; 9].join(","), "}".repeat(90));
        let root = tree::read(&text, 0, &Recipe::default()).expect("it is JSON");
        for (path, starts) in [("$..a", 1), ("$..*", 1), ("$..b", 9), ("$..a[*]", 1)] {
            let path = JsonPath::parse(path).expect("it is one");
            let mut all = select(&text, &root, &path).expect("it is not too much");
            outermost(&mut all);
            assert_eq!(all.len(), starts, "{path}");
        }
        for (path, count) in [("$..a..b", 9), ("$..*..*..b", 9), ("$..*..*", 107)] {
            let path = JsonPath::parse(path).expect("it is one");
            assert_eq!(select(&text, &root, &path).expect("it is little").len(), count, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_does(steps in prop::collection::vec(
            "(\\.|\\.\\.)(a|b|c|\\*)|(\\.\\.)?\\[(-?[0-3]|(-?[0-4])?:(-?[0-4])?(:(-?[1-2])?)?|'a'|\"c\"|\\*|'b', 0|\\?@\\.b > 1|\\?@\\.c)\\]", 0..4)) {
            let path = format!("${}", steps.concat());
            prop_assume!(JsonPath::parse(&path).is_ok());
            let [ours, theirs] = both(DOCUMENT, &path);
            prop_assert_eq!(ours, theirs, "{}", path);
        }
    }
}
