//! The text of a configuration file as a tree in which every key and value knows where it
//! stands, so that what is wrong can be shown, and what is wrong can be taken out to find what
//! else is.

use super::place::{Place, Step};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A parsed file. Spans are those of the text also after parts were taken out.
#[derive(Clone, Debug)]
pub struct Document<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    removed: Vec<Place>,
}

impl<'t> Document<'t> {
    /// Parses the text; what breaks the grammar of TOML comes beside what could be read.
    pub fn parse(text: &'t str) -> (Document<'t>, Vec<toml::de::Error>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        (Document { text, root, removed: Vec::new() }, errors)
    }

    /// A copy of the tree to deserialize from.
    pub fn tree(&self) -> Spanned<DeTable<'t>> {
        self.root.clone()
    }

    /// Where the setting at `place` stands in the text; where there is none, its nearest
    /// ancestor; `None` if that is the whole file.
    pub fn span(&self, place: &Place) -> Option<Range<usize>> {
        let mut found = None;
        let mut here = Node::Table(self.root.get_ref());
        for step in place.steps() {
            match here.child(step) {
                Some(value) => {
                    found = Some(value.span());
                    here = Node::of(value.get_ref());
                }
                None => break,
            }
        }
        found
    }

    /// The line in which the setting at `place`, or its nearest ancestor, begins.
    pub fn line(&self, place: &Place) -> Option<usize> {
        let before = self.text.get(..self.span(place)?.start)?;
        Some(before.matches('\n').count() + 1)
    }

    /// Whether there is something at `place`.
    pub fn has(&self, place: &Place) -> bool {
        let mut here = Some(Node::Table(self.root.get_ref()));
        for step in place.steps() {
            let child = here.and_then(|node| node.child(step));
            here = child.map(|value| Node::of(value.get_ref()));
        }
        here.is_some()
    }

    /// The place of the innermost entry or element whose key or value covers the span.
    pub fn place_at(&self, span: &Range<usize>) -> Option<Place> {
        let mut best: Option<(usize, Place)> = None;
        let mut look = |place: &Place, covered: &[Range<usize>]| {
            let covers = |own: &&Range<usize>| own.start <= span.start && span.end <= own.end;
            let Some(width) = covered.iter().filter(covers).map(Range::len).min() else { return };
            // What comes later is further in.
            if best.as_ref().is_none_or(|(least, _)| width <= *least) {
                best = Some((width, place.clone()));
            }
        };
        walk(&Node::Table(self.root.get_ref()), &Place::top(), &mut look);
        best.map(|(_, place)| place)
    }

    /// Takes out the entry or element at `place`; whether there was one.
    pub fn remove(&mut self, place: &Place) -> bool {
        let Some((last, way)) = place.steps().split_last() else { return false };
        let removed = remove_from(NodeMut::Table(self.root.get_mut()), way, last);
        if removed {
            self.removed.push(place.clone());
        }
        removed
    }

    /// Whether something at `place` was taken out, so that its absence is no mistake.
    pub fn has_lost(&self, place: &Place) -> bool {
        self.removed.contains(place)
    }

    /// Whether something at or below `place` was taken out.
    pub fn has_lost_below(&self, place: &Place) -> bool {
        self.removed.iter().any(|removed| removed.steps().starts_with(place.steps()))
    }

    /// Shows every text value with its span and lets it be replaced.
    pub fn replace_text(&mut self, mut replace: impl FnMut(&str, Range<usize>) -> Option<String>) {
        replace_in_table(self.root.get_mut(), &mut replace);
    }
}

/// A table or list of the tree, or a leaf.
enum Node<'a, 't> {
    Table(&'a DeTable<'t>),
    List(&'a [Spanned<DeValue<'t>>]),
    Leaf,
}

impl<'a, 't> Node<'a, 't> {
    fn of(value: &'a DeValue<'t>) -> Node<'a, 't> {
        match value {
            DeValue::Table(table) => Node::Table(table),
            DeValue::Array(list) => Node::List(list),
            _ => Node::Leaf,
        }
    }

    fn child(&self, step: &Step) -> Option<&'a Spanned<DeValue<'t>>> {
        match (self, step) {
            (Node::Table(table), Step::Key(name)) => {
                // Names of headers are looked for in lower case, and written in any.
                let in_any_case =
                    || table.iter().find(|(key, _)| key.get_ref().eq_ignore_ascii_case(name));
                table.get(name.as_str()).or_else(|| in_any_case().map(|(_, value)| value))
            }
            (Node::List(list), Step::Index(index)) => list.get(*index),
            _ => None,
        }
    }
}

/// Visits each entry and element below `node` with the spans of its key and value.
fn walk(node: &Node<'_, '_>, place: &Place, look: &mut impl FnMut(&Place, &[Range<usize>])) {
    match node {
        Node::Table(table) => {
            for (key, value) in table.iter() {
                let place = place.key(key.get_ref());
                look(&place, &[key.span(), value.span()]);
                walk(&Node::of(value.get_ref()), &place, look);
            }
        }
        Node::List(list) => {
            for (index, value) in list.iter().enumerate() {
                let place = place.index(index);
                look(&place, &[value.span()]);
                walk(&Node::of(value.get_ref()), &place, look);
            }
        }
        Node::Leaf => {}
    }
}

enum NodeMut<'a, 't> {
    Table(&'a mut DeTable<'t>),
    List(&'a mut DeArray<'t>),
}

fn remove_from(node: NodeMut<'_, '_>, way: &[Step], last: &Step) -> bool {
    let Some((step, way)) = way.split_first() else {
        return match (node, last) {
            (NodeMut::Table(table), Step::Key(name)) => table.remove(name.as_str()).is_some(),
            (NodeMut::List(list), Step::Index(index)) if *index < list.len() => {
                let before = std::mem::replace(list, DeArray::new());
                let others = before.into_iter().enumerate().filter(|(i, _)| i != index);
                *list = others.map(|(_, value)| value).collect();
                true
            }
            _ => false,
        };
    };
    let child = match (node, step) {
        (NodeMut::Table(table), Step::Key(name)) => table.get_mut(name.as_str()),
        (NodeMut::List(list), Step::Index(index)) => list.get_mut(*index),
        _ => None,
    };
    match child.map(Spanned::get_mut) {
        Some(DeValue::Table(table)) => remove_from(NodeMut::Table(table), way, last),
        Some(DeValue::Array(list)) => remove_from(NodeMut::List(list), way, last),
        _ => false,
    }
}

fn replace_in_table<R>(table: &mut DeTable<'_>, replace: &mut R)
where
    R: FnMut(&str, Range<usize>) -> Option<String>,
{
    for (_, value) in table.iter_mut() {
        replace_in(value, replace);
    }
}

fn replace_in<R>(value: &mut Spanned<DeValue<'_>>, replace: &mut R)
where
    R: FnMut(&str, Range<usize>) -> Option<String>,
{
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => {
            if let Some(new) = replace(text, span) {
                *text = new.into();
            }
        }
        DeValue::Array(list) => list.iter_mut().for_each(|value| replace_in(value, replace)),
        DeValue::Table(table) => replace_in_table(table, replace),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[server]
listen = ["a", "b"]
[[site]]
origin = "x"
[[site.rule]]
key.query.sort = 1
match = { path = "/p" }
"#;

    fn span_of(part: &str) -> Range<usize> {
        let start = TEXT.find(part).expect("the text has it");
        start..start + part.len()
    }

    #[test]
    fn spans_lead_to_places_and_back() {
        let (document, errors) = Document::parse(TEXT);
        assert!(errors.is_empty());
        for (part, place) in [
            ("\"b\"", "server.listen[1]"),
            ("listen", "server.listen"),
            ("origin", "site[0].origin"),
            ("\"x\"", "site[0].origin"),
            ("1", "site[0].rule[0].key.query.sort"),
            ("sort", "site[0].rule[0].key.query.sort"),
            ("path", "site[0].rule[0].match.path"),
            ("\"/p\"", "site[0].rule[0].match.path"),
        ] {
            let found = document.place_at(&span_of(part)).expect(part);
            assert_eq!(found.to_string(), place, "{part}");
        }
        let rule = Place::top().key("site").index(0).key("rule").index(0);
        let sort = rule.key("key").key("query").key("sort");
        assert_eq!(document.span(&sort), Some(span_of("1")));
        assert_eq!(document.span(&rule.key("ttl")), Some(span_of("[[site.rule]]")));
        assert_eq!(document.span(&Place::top().key("log")), None);
    }

    #[test]
    fn what_is_taken_out_is_gone_and_remembered() {
        let (mut document, _) = Document::parse(TEXT);
        let origin = Place::top().key("site").index(0).key("origin");
        assert!(document.remove(&origin));
        assert!(!document.remove(&origin));
        assert!(document.has_lost(&origin));
        let listener = Place::top().key("server").key("listen").index(0);
        assert!(document.remove(&listener));
        assert_eq!(document.span(&listener), Some(span_of("\"b\"")), "the next moves up");
    }
}
