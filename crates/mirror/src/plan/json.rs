//! Which strings of JSON are pictures: those that the operator's paths select, and those of a JSON Feed.

use crate::plan::edit::{Change, Edit};
use crate::plan::fault::Fault;
use crate::plan::gather::Gather;
use crate::plan::recipe::{Format, JsonPath, Recipe};
use crate::plan::tree::{Kind, Node};
use serde_json::Value;
use serde_json_path::{NormalizedPath, PathElement};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use url::Url;

/// The members of a document that may hold its items, the first that is an array.
pub const ITEM_NAMES: [&str; 7] =
    ["data", "items", "articles", "results", "posts", "entries", "feed"];

/// What selected strings hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Url,
    Srcset,
    Html,
}

/// Where the pictures of a JSON Feed are (1.1, and the author of 1.0).
const JSON_FEED: [(Holds, &str); 11] = [
    (Holds::Url, "$.icon"),
    (Holds::Url, "$.favicon"),
    (Holds::Url, "$.author.avatar"),
    (Holds::Url, "$.authors[*].avatar"),
    (Holds::Url, "$.items[*].image"),
    (Holds::Url, "$.items[*].banner_image"),
    (Holds::Url, "$.items[*].author.avatar"),
    (Holds::Url, "$.items[*].authors[*].avatar"),
    (Holds::Url, "$.items[*].attachments[?match(@.mime_type, '[Ii][Mm][Aa][Gg][Ee]/.*')].url"),
    (
        Holds::Url,
        "$.items[*].attachments[?!@.mime_type && search(@.url, '[.](jpe?g|png|gif|webp|avif)$')].url",
    ),
    (Holds::Html, "$.items[*].content_html"),
];

/// Where JSON Feeds say that they are one.
const JSON_FEED_VERSION: &str = "https://jsonfeed.org/version/";

/// JSON, or JSON Feed if it says that it is.
pub(super) fn format(text: &str, root: &Node, media_type: Option<&str>) -> Format {
    let version = root.member(text, "version").and_then(|member| member.value.said(text));
    let is_feed = version.is_some_and(|said| said.text().starts_with(JSON_FEED_VERSION));
    if is_feed || media_type == Some("application/feed+json") {
        Format::JsonFeed
    } else {
        Format::Json
    }
}

/// Finds the pictures of a document; gives its items, in their order.
///
/// # Errors
/// When there are more items than may be, or one lies in another.
pub(super) fn read<'t>(
    text: &str,
    root: &'t Node,
    format: Format,
    base: &Url,
    recipe: &Recipe,
    gather: &mut Gather,
) -> Result<Vec<&'t Node>, Fault> {
    let mut selector = Selector {
        text,
        root,
        base,
        recipe,
        gather,
        kept: BTreeMap::new(),
        owners: BTreeSet::new(),
    };
    let paths = written(format, recipe);
    let asks = !paths.is_empty() || recipe.items.is_some();
    let value = if asks { root.to_value(text) } else { Value::Null };
    for (holds, name, path) in paths {
        selector.select(holds, name.as_deref(), &path, &value);
    }
    let items = selector.items(format, &value);
    selector.keep();
    let most = recipe.max_items;
    if items.len() > most {
        return Err(Fault::TooMuch { limit: "max_items", most });
    }
    if items.windows(2).any(|two| two[0].range.end > two[1].range.start) {
        let what =
            "items selects values within others: write the path of the items only".to_owned();
        return Err(Fault::Shape { what });
    }
    Ok(items)
}

/// The paths to follow; those of the operator with a name to speak of.
fn written(format: Format, recipe: &Recipe) -> Vec<(Holds, Option<String>, JsonPath)> {
    let mut all = Vec::new();
    for (holds, key, paths) in [
        (Holds::Url, "images", &recipe.images),
        (Holds::Srcset, "srcsets", &recipe.srcsets),
        (Holds::Html, "html", &recipe.html),
    ] {
        let named = paths.iter().enumerate();
        all.extend(named.map(|(i, path)| (holds, Some(format!("{key}[{i}]")), path.clone())));
    }
    if format == Format::JsonFeed {
        let known = JSON_FEED.iter().filter_map(|(holds, path)| {
            JsonPath::parse(path).ok().map(|path| (*holds, None, path))
        });
        all.extend(known);
    }
    all
}

struct Selector<'a, 't> {
    text: &'a str,
    root: &'t Node,
    base: &'a Url,
    recipe: &'a Recipe,
    gather: &'a mut Gather,
    /// What is to be kept, by where it ends: from where, and its pictures.
    kept: BTreeMap<usize, (usize, Vec<u32>)>,
    /// The objects that keep something already.
    owners: BTreeSet<usize>,
}

/// A selected value, and the member of an object that it is, or in whose array it is.
struct Selected<'t> {
    node: &'t Node,
    owner: Option<(&'t Node, &'t Node)>,
}

impl<'t> Selector<'_, 't> {
    fn select(&mut self, holds: Holds, name: Option<&str>, path: &JsonPath, value: &Value) {
        let found = path.query(value);
        let (mut count, mut strings) = (0, 0);
        for location in found.locations() {
            count += 1;
            let Some(selected) = self.walk(location) else { continue };
            let elements = selected.node.elements().filter(|_| holds == Holds::Url);
            let mut pictures = Vec::new();
            for node in elements.unwrap_or(std::slice::from_ref(selected.node)) {
                let Some(said) = node.said(self.text) else { continue };
                strings += 1;
                match holds {
                    Holds::Url => pictures.extend(self.gather.whole_url(self.base, &said)),
                    Holds::Srcset => pictures.extend(self.gather.srcset(self.base, &said)),
                    Holds::Html => self.gather.html(self.base, &said),
                }
            }
            self.remember(&selected, pictures);
        }
        let Some(name) = name else { return };
        if count == 0 {
            self.gather.note(format!("{name} `{path}` selects nothing"));
        } else if strings == 0 {
            self.gather.note(format!("{name} `{path}` selects {count} values, and no string"));
        }
    }

    fn walk(&self, location: &NormalizedPath<'_>) -> Option<Selected<'t>> {
        let mut selected = Selected { node: self.root, owner: None };
        let mut steps = 0;
        for step in location.iter() {
            let node = selected.node.step(self.text, step)?;
            match step {
                PathElement::Name(_) => {
                    selected.owner = Some((selected.node, node));
                    steps = 0;
                }
                // An array in an array is nobody's member.
                PathElement::Index(_) => {
                    steps += 1;
                    selected.owner = selected.owner.filter(|_| steps == 1);
                }
            }
            selected.node = node;
        }
        Some(selected)
    }

    /// Remembers what to keep beside pictures: the value of the member that they are of.
    fn remember(&mut self, selected: &Selected<'_>, pictures: Vec<u32>) {
        let Some(name) = &self.recipe.keep_original_as else { return };
        let Some((object, value)) = selected.owner.filter(|_| !pictures.is_empty()) else { return };
        let known = self.kept.get_mut(&value.range.end);
        if let Some((_, others)) = known {
            return others.extend(pictures);
        }
        if object.member(self.text, name).is_some() {
            return self.gather.note(format!(
                "an object has a member {name:?} already, so its original is not kept: give keep_original_as another name"
            ));
        }
        if !self.owners.insert(object.range.start) {
            return self.gather.note(format!(
                "an object has several pictures, of which only the first is kept as {name:?}"
            ));
        }
        self.kept.insert(value.range.end, (value.range.start, pictures));
    }

    fn keep(self) {
        for (end, (start, pictures)) in self.kept {
            let change = Change::Keep { value: start..end, pictures };
            self.gather.edits.push(Edit { range: end..end, change });
        }
    }

    fn items(&mut self, format: Format, value: &Value) -> Vec<&'t Node> {
        let (text, root) = (self.text, self.root);
        let array = |name: &str| root.member(text, name).and_then(|member| member.value.elements());
        let all = |nodes: &'t [Node]| nodes.iter().collect();
        let Some(path) = &self.recipe.items else {
            return match root.elements() {
                Some(elements) => all(elements),
                None if format == Format::JsonFeed => array("items").map_or(Vec::new(), all),
                None => {
                    ITEM_NAMES.iter().find_map(|name| array(name)).map_or_else(|| vec![root], all)
                }
            };
        };
        let found = path.query(value);
        let nodes = found.locations().filter_map(|location| self.walk(location));
        let mut items: Vec<&Node> = nodes.map(|selected| selected.node).collect();
        items.sort_by_key(|node| node.range.start);
        items.dedup_by_key(|node| node.range.start);
        match items[..] {
            [] => self.gather.note(format!("items `{path}` selects nothing")),
            [Node { kind: Kind::Array(elements), .. }] => return all(elements),
            _ => {}
        }
        items
    }
}

/// The value of an item at the end of a path of names.
pub(super) fn at_path<'t>(text: &str, item: &'t Node, path: &[String]) -> Option<&'t Node> {
    path.iter().try_fold(item, |node, name| node.member(text, name).map(|member| &member.value))
}

/// The bytes of a value.
pub(super) fn bytes(nodes: &[&Node]) -> Vec<Range<usize>> {
    nodes.iter().map(|node| node.range.clone()).collect()
}
