//! Which parts of a feed in XML are pictures: RSS 0.9x, 1.0 and 2.0, Atom, Media RSS, iTunes.
//!
//! The document is read event by event, and only places are kept. No entity is ever expanded: a document
//! that declares some is refused, and a reference to one stays what it is.

use crate::plan::address::{MAX_URL_BYTES, is_picture};
use crate::plan::fault::Fault;
use crate::plan::gather::Gather;
use crate::plan::html;
use crate::plan::names::Space;
use crate::plan::recipe::{Format, MAX_DEPTH, Recipe};
use crate::plan::shape::By;
use crate::plan::spelling::Layer;
use crate::plan::within::Within;
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::NamespaceError;
use std::ops::Range;
use std::rc::Rc;
use url::Url;

/// The most attributes of an element: each is held against all others, since no two may have one name.
const MAX_ATTRIBUTES: usize = 1000;

/// What was found besides pictures.
#[derive(Debug)]
pub(super) struct Feed {
    pub format: Format,
    pub items: Vec<Range<usize>>,
    /// What each item is sorted by, if the recipe asks for an order.
    pub by: Vec<Option<By>>,
}

/// Reads a feed from `from` on, where a mark of its encoding may have ended.
///
/// # Errors
/// What is malformed, with its place, what is no feed, or what is beyond a limit of the recipe.
pub(super) fn read(
    text: &str,
    from: usize,
    base: &Url,
    recipe: &Recipe,
    gather: &mut Gather,
) -> Result<Feed, Fault> {
    let mut walk = Walk {
        text,
        from,
        recipe,
        gather,
        base: Rc::new(base.clone()),
        stack: Vec::new(),
        elements: 0,
        format: None,
        item: None,
        items: Vec::new(),
        by: Vec::new(),
    };
    walk.all()?;
    let Some(format) = walk.format else {
        return Err(Fault::malformed("XML", text, text.len(), "it ends before its first element"));
    };
    Ok(Feed { format, items: walk.items, by: walk.by })
}

/// An element that is open.
struct Open {
    space: Space,
    local: Box<str>,
    /// The name with its prefix.
    name: Box<str>,
    /// Where its content begins.
    content: usize,
    base: Rc<Url>,
    has_children: bool,
    /// What the content is, as far as the start tag says.
    content_is: Content,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Url,
    Html,
    /// Elements of XHTML.
    Xhtml,
}

struct Walk<'a> {
    text: &'a str,
    from: usize,
    recipe: &'a Recipe,
    gather: &'a mut Gather,
    base: Rc<Url>,
    stack: Vec<Open>,
    elements: usize,
    format: Option<Format>,
    /// Where the open item begins, and how many elements are open around it.
    item: Option<(usize, usize)>,
    items: Vec<Range<usize>>,
    by: Vec<Option<By>>,
}

impl Walk<'_> {
    fn all(&mut self) -> Result<(), Fault> {
        let mut reader = NsReader::from_str(&self.text[self.from..]);
        loop {
            let start = self.from + reader.buffer_position() as usize;
            let (space, event) = match reader.read_resolved_event() {
                Ok((resolved, event)) => (Space::of(&resolved), event),
                Err(error) => {
                    let at = self.from + reader.error_position() as usize;
                    let what = match error {
                        quick_xml::Error::Namespace(NamespaceError::TooManyBindings(most)) => {
                            format!("more than {most} namespaces are bound at once")
                        }
                        error => error.to_string(),
                    };
                    return Err(Fault::malformed("XML", self.text, at, what));
                }
            };
            let end = self.from + reader.buffer_position() as usize;
            match event {
                Event::Start(tag) => self.open(space, &tag, start, end)?,
                Event::Empty(tag) => {
                    self.open(space, &tag, start, end)?;
                    self.close(end, end)?;
                }
                Event::End(_) => self.close(start, end)?,
                Event::DocType(doctype) if doctype.contains('[') => {
                    return Err(self.fault(start, "a DTD within the document is not read"));
                }
                Event::Eof if self.stack.is_empty() => return Ok(()),
                Event::Eof => {
                    let names: Vec<&str> = self.stack.iter().map(|open| &*open.name).collect();
                    let what = format!("it ends within {}", names.join(" > "));
                    return Err(self.fault(end, &what));
                }
                _ => {}
            }
        }
    }

    fn fault(&self, at: usize, what: &str) -> Fault {
        Fault::malformed("XML", self.text, at, what)
    }

    fn open(
        &mut self,
        space: Space,
        tag: &BytesStart<'_>,
        start: usize,
        end: usize,
    ) -> Result<(), Fault> {
        self.count_element()?;
        let name = tag.name();
        let local: Box<str> = name.local_name().as_ref().into();
        if self.format.is_none() {
            self.format = Some(root(space, &local)?);
        } else if self.stack.is_empty() {
            return Err(self.fault(start, "a second root element begins"));
        }
        let attributes = self.attributes(tag, start)?;
        let (base, in_xhtml) = self.within(&attributes);
        if base.as_str().len() > self.base.as_str().len().max(MAX_URL_BYTES) {
            let what = format!("an xml:base makes URLs longer than {MAX_URL_BYTES} bytes");
            return Err(self.fault(start, &what));
        }
        let is_item = matches!((space, &*local), (Space::Rss, "item") | (Space::Atom, "entry"));
        if is_item && self.item.is_none() {
            self.item = Some((start, self.stack.len()));
        }
        self.of_attributes(space, &local, &attributes, &base, in_xhtml);
        let content_is =
            if in_xhtml { Content::Xhtml } else { self.content(space, &local, &attributes) };
        let (name, content, has_children) = (name.as_ref().into(), end, false);
        self.stack.push(Open { space, local, name, content, base, has_children, content_is });
        Ok(())
    }

    fn count_element(&mut self) -> Result<(), Fault> {
        self.elements += 1;
        for (limit, most, has) in [
            ("max_depth", self.recipe.max_depth.min(MAX_DEPTH), self.stack.len()),
            ("max_values", self.recipe.max_values, self.elements),
        ] {
            if has > most {
                return Err(Fault::TooMuch { limit, most });
            }
        }
        Ok(())
    }

    /// What an element that begins is read against, and whether it is one of XHTML.
    fn within(&mut self, attributes: &Attributes<'_>) -> (Rc<Url>, bool) {
        let (base, in_xhtml) = match self.stack.last_mut() {
            None => (self.base.clone(), false),
            Some(around) => {
                around.has_children = true;
                (around.base.clone(), around.content_is == Content::Xhtml)
            }
        };
        let own = attributes.said("xml:base").and_then(|said| base.join(&said).ok());
        (own.map_or(base, Rc::new), in_xhtml)
    }

    fn attributes<'t>(
        &self,
        tag: &'t BytesStart<'_>,
        start: usize,
    ) -> Result<Attributes<'t>, Fault> {
        let mut list = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| self.fault(start, &error.to_string()))?;
            if list.len() >= MAX_ATTRIBUTES {
                let what = format!("an element has more than {MAX_ATTRIBUTES} attributes");
                return Err(self.fault(start, &what));
            }
            let std::borrow::Cow::Borrowed(raw) = attribute.value else { continue };
            // The tag is a part of the text: one byte before it is its `<`.
            let within = raw.as_ptr() as usize - tag.as_ptr() as usize;
            list.push((attribute.key.0, raw, start + 1 + within));
        }
        Ok(Attributes { list })
    }

    /// The pictures that attributes of an element are.
    fn of_attributes(
        &mut self,
        space: Space,
        element: &str,
        attributes: &Attributes<'_>,
        base: &Url,
        in_xhtml: bool,
    ) {
        let media_type = attributes.said("type");
        let is_picture = |name| {
            let url = attributes.said(name).unwrap_or_default();
            is_picture(media_type.as_deref(), &url)
        };
        let is_media = || match attributes.said("medium").as_deref() {
            Some(medium) => medium == "image",
            None => is_picture("url"),
        };
        let name = match (space, element) {
            (Space::Rss, "enclosure") if is_picture("url") => "url",
            (Space::Media, "content") if is_media() => "url",
            (Space::Media, "thumbnail") => "url",
            (Space::Itunes, "image") => "href",
            (Space::Atom, "link")
                if attributes.said("rel").as_deref() == Some("enclosure") && is_picture("href") =>
            {
                "href"
            }
            (Space::Atom, "content") if media_type.is_some() && is_picture("src") => "src",
            _ if in_xhtml => return self.of_xhtml(element, attributes, base),
            _ => return,
        };
        if let Some(value) = attributes.value(name) {
            self.gather.whole_url(base, &value);
        }
    }

    fn of_xhtml(&mut self, element: &str, attributes: &Attributes<'_>, base: &Url) {
        for (name, ..) in &attributes.list {
            if let (Some(holds), Some(value)) = (html::holds(element, name), attributes.value(name))
            {
                self.gather.held(base, holds, &value);
            }
        }
    }

    /// What the content of an element is.
    fn content(&self, space: Space, local: &str, attributes: &Attributes<'_>) -> Content {
        let around = self.stack.last().map(|open| (open.space, &*open.local));
        let said = attributes.said("type");
        match (space, local) {
            (Space::Rss, "url") if around == Some((Space::Rss, "image")) => Content::Url,
            (Space::Rss, "image") if self.item.is_some() => Content::Url,
            (Space::Atom, "logo" | "icon") => Content::Url,
            (Space::Content, "encoded") | (Space::Rss, "description") => Content::Html,
            (Space::Atom, "content" | "summary" | "title" | "rights") => match said.as_deref() {
                Some("html" | "text/html") => Content::Html,
                Some("xhtml" | "application/xhtml+xml") => Content::Xhtml,
                _ => Content::Nothing,
            },
            (Space::Media, "description" | "text") if said.as_deref() == Some("html") => {
                Content::Html
            }
            _ => Content::Nothing,
        }
    }

    /// Its content ends at `content_end`, and it at `end`.
    fn close(&mut self, content_end: usize, end: usize) -> Result<(), Fault> {
        let Some(open) = self.stack.pop() else {
            return Err(self.fault(content_end, "an element ends that did not begin"));
        };
        let content = open.content..content_end.max(open.content);
        if matches!(open.content_is, Content::Url | Content::Html) && !open.has_children {
            match said(self.text, content.clone()) {
                Some(text) if open.content_is == Content::Url => {
                    self.gather.whole_url(&open.base, &text);
                }
                Some(text) => self.gather.html(&open.base, &text),
                None => self.gather.note(format!(
                    "the text of a <{}> is in several parts, and pictures in it stay",
                    open.name
                )),
            }
        }
        let Some((start, depth)) = self.item else { return Ok(()) };
        if self.stack.len() == depth {
            return self.close_item(start..end);
        }
        if self.stack.len() == depth + 1 {
            self.sort_by(&open, content);
        }
        Ok(())
    }

    fn close_item(&mut self, item: Range<usize>) -> Result<(), Fault> {
        self.item = None;
        self.items.push(item);
        self.by.resize(self.items.len(), None);
        let most = self.recipe.max_items;
        if self.items.len() > most {
            return Err(Fault::TooMuch { limit: "max_items", most });
        }
        Ok(())
    }

    /// Remembers what an element of an item says, if items are sorted by it. The first of that name counts.
    fn sort_by(&mut self, open: &Open, content: Range<usize>) {
        let Some(sort) = &self.recipe.shape.sort else { return };
        let is_named =
            sort.path.len() == 1 && (sort.path[0] == *open.name || sort.path[0] == *open.local);
        if !is_named || self.by.len() > self.items.len() {
            return;
        }
        let text = said(self.text, content).map(|text| text.text().trim().to_owned());
        self.by.push(text.filter(|text| !text.is_empty()).map(By::Text));
    }
}

fn root(space: Space, local: &str) -> Result<Format, Fault> {
    match (space, local) {
        (Space::Rss, "rss") | (Space::Rdf, "RDF") => Ok(Format::Rss),
        (Space::Atom, "feed") => Ok(Format::Atom),
        _ => Err(Fault::Unknown { found: format!("XML whose root is <{local}>") }),
    }
}

/// The text of an element without elements in it: one CDATA section, or text with references. None where it
/// is in several parts, since markup may reach from one to the next.
fn said(text: &str, content: Range<usize>) -> Option<Within<'_>> {
    let raw = text.get(content.clone())?;
    let bare = raw.trim();
    if let Some(section) = bare.strip_prefix("<![CDATA[") {
        let end = section.find("]]>")?;
        let at = content.start + (raw.len() - raw.trim_start().len()) + 9;
        return (end + 3 == section.len())
            .then(|| Within::literal(&section[..end], at, Layer::CData));
    }
    if raw.contains('<') {
        return None;
    }
    Some(match html::decoded_xml(raw) {
        None => Within::literal(raw, content.start, Layer::XmlText),
        Some(decoded) => Within::decoded(decoded, content.start, Layer::XmlText),
    })
}

/// The attributes of a start tag: names with prefixes, values as they stand, and where.
struct Attributes<'t> {
    list: Vec<(&'t str, &'t str, usize)>,
}

impl Attributes<'_> {
    fn value(&self, name: &str) -> Option<Within<'_>> {
        let (_, raw, at) = self.list.iter().find(|(known, ..)| *known == name)?;
        Some(match html::decoded_xml(raw) {
            None => Within::literal(raw, *at, Layer::XmlAttribute),
            Some(decoded) => Within::decoded(decoded, *at, Layer::XmlAttribute),
        })
    }

    fn said(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.text().trim().to_owned())
    }
}
