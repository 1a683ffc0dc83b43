//! Which strings of JSON are pictures: those that the operator's paths select, and those of a JSON Feed.

use crate::plan::address::is_picture;
use crate::plan::edit::{Change, Keep};
use crate::plan::fault::Fault;
use crate::plan::gather::Gather;
use crate::plan::recipe::{Format, JsonPath, Recipe};
use crate::plan::select::{Selected, select};
use crate::plan::tree::{Kind, Member, Node};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use url::Url;

/// The members of a document that may hold its items, the first that is an array.
pub const ITEM_NAMES: [&str; 7] =
    ["data", "items", "articles", "results", "posts", "entries", "feed"];

/// What errors have members for, and nothing else (RFC 9457 among them); the first line is of those of which
/// one has to be there.
const ERROR_NAMES: [&[&str]; 2] = [
    &[
        "error",
        "errors",
        "message",
        "msg",
        "status",
        "statusCode",
        "status_code",
        "code",
        "detail",
        "details",
        "reason",
        "fault",
        "exception",
        "error_code",
        "error_description",
    ],
    &["type", "title", "instance", "success", "ok", "path", "timestamp", "requestId", "request_id"],
];

/// The items of a document, in their order.
pub(super) struct Items<'t> {
    pub nodes: Vec<&'t Node>,
    /// Whether they are those of a list, and not the document itself as the only one.
    pub are_listed: bool,
}

/// What selected strings hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Url,
    Srcset,
    Html,
    /// An attachment of a JSON Feed, which may be a picture.
    Attachment,
}

/// Where the pictures of a JSON Feed are (1.1, and the author of 1.0).
const JSON_FEED: [(Holds, &str); 10] = [
    (Holds::Url, "$.icon"),
    (Holds::Url, "$.favicon"),
    (Holds::Url, "$.author.avatar"),
    (Holds::Url, "$.authors[*].avatar"),
    (Holds::Url, "$.items[*].image"),
    (Holds::Url, "$.items[*].banner_image"),
    (Holds::Url, "$.items[*].author.avatar"),
    (Holds::Url, "$.items[*].authors[*].avatar"),
    (Holds::Attachment, "$.items[*].attachments[*]"),
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
) -> Result<Items<'t>, Fault> {
    let mut selector = Selector {
        text,
        root,
        base,
        recipe,
        gather,
        kept: BTreeMap::new(),
        owners: HashMap::new(),
    };
    for (holds, name, path) in written(format, recipe) {
        selector.select(holds, name.as_deref(), &path)?;
    }
    let items = selector.items(format)?;
    selector.keep()?;
    let most = recipe.max_items;
    if items.nodes.len() > most {
        return Err(Fault::TooMuch { limit: "max_items", most });
    }
    if items.nodes.windows(2).any(|two| two[0].range.end > two[1].range.start) {
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
    /// The objects that were asked to keep something: whether they do, or have a member of that name.
    owners: HashMap<usize, bool>,
}

impl<'t> Selector<'_, 't> {
    fn select(&mut self, holds: Holds, name: Option<&str>, path: &JsonPath) -> Result<(), Fault> {
        let found = select(self.text, self.root, path)?;
        let (count, mut strings) = (found.len(), 0);
        for selected in found {
            let selected = match holds {
                Holds::Attachment => self.picture_of(selected),
                _ => Some(selected),
            };
            let Some(selected) = selected else { continue };
            let elements = selected.node.elements().filter(|_| holds == Holds::Url);
            let mut pictures = Vec::new();
            for node in elements.unwrap_or(std::slice::from_ref(selected.node)) {
                let Some(said) = node.said(self.text) else { continue };
                strings += 1;
                match holds {
                    Holds::Url | Holds::Attachment => {
                        pictures.extend(self.gather.whole_url(self.base, &said))
                    }
                    Holds::Srcset => pictures.extend(self.gather.srcset(self.base, &said)),
                    Holds::Html => self.gather.html(self.base, &said),
                }
            }
            self.remember(&selected, pictures);
        }
        let Some(name) = name else { return Ok(()) };
        if count == 0 {
            self.gather.note(format!("{name} `{path}` selects nothing"));
        } else if strings == 0 {
            self.gather.note(format!("{name} `{path}` selects {count} values, and no string"));
        }
        Ok(())
    }

    /// The URL of an attachment, if that is a picture.
    fn picture_of(&self, attachment: Selected<'t>) -> Option<Selected<'t>> {
        let member = |name| attachment.node.member(self.text, name);
        let url = member("url")?;
        let said = match member("mime_type") {
            None => None,
            Some(member) => Some(member.value.said(self.text)?),
        };
        let media_type = said.as_ref().map(|said| said.text());
        let is_picture = is_picture(media_type, url.value.said(self.text)?.text());
        is_picture.then(|| attachment.member(url))
    }

    /// Remembers what to keep beside pictures: the value of the member that they are of.
    fn remember(&mut self, selected: &Selected<'_>, pictures: Vec<u32>) {
        let Some(name) = &self.recipe.keep_original_as else { return };
        let Some((object, value)) = selected.owner.filter(|_| !pictures.is_empty()) else { return };
        let known = self.kept.get_mut(&value.range.end);
        if let Some((_, others)) = known {
            return others.extend(pictures);
        }
        match self.owners.get(&object.range.start) {
            Some(true) => {
                return self.gather.note(format!(
                    "an object has several pictures, of which only the first is kept as {name:?}"
                ));
            }
            Some(false) => return,
            None => {}
        }
        // Once an object: each look at it is one at all of its members.
        let keeps = object.member(self.text, name).is_none();
        self.owners.insert(object.range.start, keeps);
        if !keeps {
            return self.gather.note(format!(
                "an object has a member {name:?} already, so its original is not kept: give keep_original_as another name"
            ));
        }
        self.kept.insert(value.range.end, (value.range.start, pictures));
    }

    /// What is kept is written twice, and no more often: values within kept ones would be written as often
    /// as they nest.
    fn keep(self) -> Result<(), Fault> {
        let bytes: usize = self.kept.iter().map(|(end, (start, _))| end - start).sum();
        if bytes > 2 * self.text.len() {
            let what = "keep_original_as repeats values that lie in each other many times over: leave it out, \
                        or let images select no values within others";
            return Err(Fault::Shape { what: what.to_owned() });
        }
        for (end, (start, pictures)) in self.kept {
            let change = Change::Keep(Box::new(Keep { value: start..end, pictures }));
            self.gather.edit(end..end, change);
        }
        Ok(())
    }

    fn items(&mut self, format: Format) -> Result<Items<'t>, Fault> {
        let (text, root) = (self.text, self.root);
        let Some(path) = &self.recipe.items else { return Ok(usual(text, root, format)) };
        let found = select(text, root, path)?;
        let mut nodes: Vec<&Node> = found.into_iter().map(|selected| selected.node).collect();
        nodes.sort_by_key(|node| node.range.start);
        nodes.dedup_by_key(|node| node.range.start);
        match nodes[..] {
            [] => self.gather.note(format!("items `{path}` selects nothing")),
            [Node { kind: Kind::Array(elements), .. }] => return Ok(Items::listed(elements)),
            _ => {}
        }
        let are_listed = !nodes.iter().any(|node| std::ptr::eq(*node, root));
        Ok(Items { nodes, are_listed })
    }
}

/// The items where the operator does not say where they are.
fn usual<'t>(text: &str, root: &'t Node, format: Format) -> Items<'t> {
    if let Some(elements) = root.elements() {
        return Items::listed(elements);
    }
    let member = |name: &&str| root.member(text, name).map(|member| &member.value);
    let names = if format == Format::JsonFeed { &["items"] } else { &ITEM_NAMES[..] };
    if let Some(elements) = names.iter().find_map(|name| member(name)?.elements()) {
        return Items::listed(elements);
    }
    let is_one = format != Format::JsonFeed
        && names.iter().all(|name| member(name).is_none())
        && !is_error(text, root);
    let nodes = if is_one { vec![root] } else { Vec::new() };
    Items { nodes, are_listed: false }
}

/// Whether nothing is there, or nothing but what an error says of itself.
fn is_error(text: &str, root: &Node) -> bool {
    let Kind::Object(members) = &root.kind else { return false };
    let is_of = |names: &[&str], member: &Member| names.contains(&member.name(text).text());
    let [first, _] = ERROR_NAMES;
    let is_only = members.iter().all(|member| ERROR_NAMES.iter().any(|it| is_of(it, member)));
    is_only && (members.is_empty() || members.iter().any(|member| is_of(first, member)))
}

impl<'t> Items<'t> {
    fn listed(elements: &'t [Node]) -> Items<'t> {
        Items { nodes: elements.iter().collect(), are_listed: true }
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
