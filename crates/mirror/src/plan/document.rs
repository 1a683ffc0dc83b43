//! A document that was read: what is known of it, and how it is written.

use crate::plan::edit::{Layout, Stretch};
use crate::plan::fault::Fault;
use crate::plan::gather::Gather;
use crate::plan::recipe::{Format, Recipe};
use crate::plan::sniff::{BYTE_ORDER_MARK, Language};
use crate::plan::{address, json, shape, sniff, tree, xml};
use std::ops::Range;
use url::Url;

/// A document with its pictures.
pub struct Document {
    format: Format,
    text: Box<str>,
    items: usize,
    are_listed: bool,
    published: usize,
    layout: Layout,
    pictures: Vec<Box<str>>,
    beyond: usize,
    notes: Vec<String>,
}

/// Reads a document. `media_type` is the value of its `Content-Type`; `base` its absolute URL, which URLs in
/// it are relative to.
///
/// # Errors
/// When it is malformed, no document of a known format or not the one the recipe says, beyond a limit, or
/// cannot be shaped as the recipe says.
pub fn read(
    bytes: &[u8],
    media_type: Option<&str>,
    base: &str,
    recipe: &Recipe,
) -> Result<Document, Fault> {
    let base = address::base(base)?;
    let (text, language) = sniff::text(bytes, media_type)?;
    let essence = media_type.and_then(|said| said.split(';').next()).map(str::trim);
    let essence = essence.map(str::to_ascii_lowercase);
    let from = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    let mut gather = Gather::default();
    let plan = match language {
        Language::Json => plan_json(&text, from, essence.as_deref(), &base, recipe, &mut gather)?,
        Language::Xml => plan_xml(&text, from, &base, recipe, &mut gather)?,
    };
    gather.judge()?;
    let Plan { format, items, are_listed, published, stretches } = plan;
    let notes = gather.take_notes();
    let not_looked_at = gather.beyond;
    let (layout, pictures, beyond) = Layout::new(
        stretches,
        gather.edits,
        gather.urls,
        recipe.max_pictures,
        recipe.keep_original_as.as_deref(),
    );
    let text = text.into_owned().into_boxed_str();
    Ok(Document {
        format,
        text,
        items,
        are_listed,
        published,
        layout,
        pictures,
        beyond: beyond + not_looked_at,
        notes,
    })
}

impl Document {
    /// What it is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many items came.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Whether they are those of a list: an object by itself may be one item, but not after a list.
    pub fn are_listed(&self) -> bool {
        self.are_listed
    }

    /// How many of them are published.
    pub fn published_items(&self) -> usize {
        self.published
    }

    /// The pictures of what is published: absolute URLs with http or https and without a fragment, each
    /// once, in the order in which they are published.
    pub fn pictures(&self) -> &[Box<str>] {
        &self.pictures
    }

    /// How many more there are than the recipe takes; they keep their URLs.
    pub fn pictures_beyond(&self) -> usize {
        self.beyond
    }

    /// The media type to serve it as.
    pub fn media_type(&self) -> &'static str {
        match self.format {
            Format::Json => "application/json",
            Format::JsonFeed => "application/feed+json",
            Format::Rss => "application/rss+xml; charset=utf-8",
            Format::Atom => "application/atom+xml; charset=utf-8",
        }
    }

    /// What the operator should know: what of the recipe does nothing here.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The document with each picture that `local` knows at its new place. `local` is asked once for each
    /// of [`Document::pictures`].
    pub fn written(&self, local: &dyn Fn(&str) -> Option<String>) -> Vec<u8> {
        let places: Vec<Option<String>> = self.pictures.iter().map(|url| local(url)).collect();
        self.layout.write(&self.text, &places)
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("format", &self.format)
            .field("items", &self.items)
            .field("published", &self.published)
            .field("pictures", &self.pictures)
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

/// What the reader of a language found, but for pictures.
struct Plan {
    format: Format,
    items: usize,
    are_listed: bool,
    published: usize,
    stretches: Vec<Stretch>,
}

fn plan_json(
    text: &str,
    from: usize,
    media_type: Option<&str>,
    base: &Url,
    recipe: &Recipe,
    gather: &mut Gather,
) -> Result<Plan, Fault> {
    let root = tree::read(text, from, recipe)?;
    let format = json::format(text, &root, media_type);
    // A JSON Feed may be read as any JSON is.
    let format = match recipe.format {
        Some(Format::Json) => Format::Json,
        wanted => as_wanted(wanted, format)?,
    };
    let json::Items { nodes, are_listed } = json::read(text, &root, format, base, recipe, gather)?;
    let items = json::bytes(&nodes);
    shape::check_neighbours(text, &items, &recipe.shape)?;
    let sort = recipe.shape.sort.as_ref();
    let by = sort.map(|sort| shape::json_keys(text, &nodes, sort)).unwrap_or_default();
    note_unknown_fields(text, &nodes, &by, recipe, gather);
    let item = |number: usize| shape::fields(text, nodes[number], &recipe.shape);
    let plan = arranged(format, text, &items, &by, recipe, item, |_| false);
    Ok(Plan { are_listed, ..plan })
}

/// Tells of fields that no item has, which are likely to be misspelled.
fn note_unknown_fields(
    text: &str,
    items: &[&tree::Node],
    by: &[Option<shape::By>],
    recipe: &Recipe,
    gather: &mut Gather,
) {
    let shape = &recipe.shape;
    let picked = shape.pick.iter().map(|name| ("pick", name));
    let renamed = shape.rename.iter().map(|(from, _)| ("rename", from));
    for (key, name) in picked.chain(renamed) {
        if !items.is_empty() && items.iter().all(|item| item.member(text, name).is_none()) {
            gather.note(format!("{key} names {name:?}, which no item has"));
        }
    }
    note_unsorted(by, recipe, gather);
}

fn note_unsorted(by: &[Option<shape::By>], recipe: &Recipe, gather: &mut Gather) {
    let Some(sort) = &recipe.shape.sort else { return };
    if !by.is_empty() && by.iter().all(Option::is_none) {
        gather.note(format!("sort names {:?}, which no item has", sort.path.join(".")));
    }
}

fn plan_xml(
    text: &str,
    from: usize,
    base: &Url,
    recipe: &Recipe,
    gather: &mut Gather,
) -> Result<Plan, Fault> {
    let feed = xml::read(text, from, base, recipe, gather)?;
    let format = as_wanted(recipe.format, feed.format)?;
    recipe.fits(format)?;
    for (name, is_said) in [
        ("items", recipe.items.is_some()),
        ("images", !recipe.images.is_empty()),
        ("srcsets", !recipe.srcsets.is_empty()),
        ("html", !recipe.html.is_empty()),
        ("keep_original_as", recipe.keep_original_as.is_some()),
    ] {
        if is_said {
            gather.note(format!("{name} is for JSON and does nothing for {format}"));
        }
    }
    note_unsorted(&feed.by, recipe, gather);
    let item = |number: usize| vec![Stretch::Copy(feed.items[number].clone())];
    let keeps_gap = |gap: Range<usize>| !text[gap].trim().is_empty();
    Ok(arranged(format, text, &feed.items, &feed.by, recipe, item, keeps_gap))
}

fn as_wanted(wanted: Option<Format>, found: Format) -> Result<Format, Fault> {
    match wanted {
        Some(wanted) if wanted != found => Err(Fault::OtherFormat { wanted, found }),
        _ => Ok(found),
    }
}

fn arranged(
    format: Format,
    text: &str,
    items: &[Range<usize>],
    by: &[Option<shape::By>],
    recipe: &Recipe,
    item: impl Fn(usize) -> Vec<Stretch>,
    keeps_gap: impl Fn(Range<usize>) -> bool,
) -> Plan {
    let shape = &recipe.shape;
    if shape.is_none() {
        let stretches = vec![Stretch::Copy(0..text.len())];
        let published = items.len();
        return Plan { format, items: items.len(), are_listed: true, published, stretches };
    }
    let order = shape::order(items.len(), by, shape);
    let stretches = shape::arrange(items, text.len(), &order, item, keeps_gap);
    let published = order.len();
    Plan { format, items: items.len(), are_listed: true, published, stretches }
}
