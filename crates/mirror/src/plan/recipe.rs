//! What the operator says of a document.

use crate::plan::fault::Fault;
use crate::plan::path::{self, Segment};
use std::fmt;

/// What the operator says of a document. The default finds out by itself and changes nothing but pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// What it has to be; else what its bytes and its media type show.
    pub format: Option<Format>,
    /// Where the items of JSON are: an array, or each item. Else the document if it is an array, else
    /// the first of [`crate::plan::ITEM_NAMES`] that is an array, else all of it is one item: but for what has
    /// one of those names that is no array, is empty, or has only what errors have, which has none.
    pub items: Option<JsonPath>,
    /// To URLs of pictures in JSON: strings, or arrays of strings.
    pub images: Vec<JsonPath>,
    /// To strings like those of `srcset`.
    pub srcsets: Vec<JsonPath>,
    /// To strings of HTML in which pictures are.
    pub html: Vec<JsonPath>,
    /// The name under which an object of JSON keeps what was replaced in it.
    pub keep_original_as: Option<String>,
    /// What becomes of the items.
    pub shape: Shape,
    /// The most items a document may have.
    pub max_items: usize,
    /// How deep elements, arrays and objects may lie in each other; at most [`MAX_DEPTH`] counts.
    pub max_depth: usize,
    /// The most values a document in JSON, or elements one in XML, may have: what is read of each costs memory.
    pub max_values: usize,
    /// The most pictures; those beyond keep their URL.
    pub max_pictures: usize,
}

/// No recipe lets documents nest deeper: they are read by functions that call themselves.
pub const MAX_DEPTH: usize = 256;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Any JSON (RFC 8259).
    Json,
    /// JSON Feed 1.0 or 1.1.
    JsonFeed,
    /// RSS 0.9x, 1.0 or 2.0.
    Rss,
    /// Atom (RFC 4287).
    Atom,
}

/// What becomes of the items. The default leaves them as they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// The only fields of an item that stay; none named: all.
    pub pick: Vec<String>,
    /// Fields that get another name: from, to.
    pub rename: Vec<(String, String)>,
    /// How many stay, after sorting.
    pub limit: Option<usize>,
    /// In which order.
    pub sort: Option<Sort>,
}

/// An order of items: by numbers, by dates (RFC 3339, RFC 2822) or by text, as all values of the field allow.
/// Items without the field come last; what is equal stays as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The way to the field in an item, name by name.
    pub path: Vec<String>,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// A JSONPath (RFC 9535).
#[derive(Clone)]
pub struct JsonPath {
    text: Box<str>,
    query: serde_json_path::JsonPath,
    /// Nothing where it cannot be parted.
    parts: Option<Box<[Segment]>>,
}

impl Default for Recipe {
    fn default() -> Recipe {
        Recipe {
            format: None,
            items: None,
            images: Vec::new(),
            srcsets: Vec::new(),
            html: Vec::new(),
            keep_original_as: None,
            shape: Shape::default(),
            max_items: 10_000,
            max_depth: 100,
            max_values: 200_000,
            max_pictures: 2_000,
        }
    }
}

impl Recipe {
    /// Whether it can be followed, as far as that is seen without a document: fields of items are picked
    /// and renamed in JSON only.
    ///
    /// # Errors
    /// What cannot, by name.
    pub fn check(&self) -> Result<(), Fault> {
        self.format.map_or(Ok(()), |format| self.fits(format))
    }

    /// Whether it can be followed for a document of that format.
    pub(super) fn fits(&self, format: Format) -> Result<(), Fault> {
        let shape = &self.shape;
        let said = |what: String| Err(Fault::Shape { what });
        if !format.is_xml() {
            return Ok(());
        }
        for (name, used) in [("pick", !shape.pick.is_empty()), ("rename", !shape.rename.is_empty())]
        {
            if used {
                return said(format!("{name} is for JSON and this is {format}: leave {name} out"));
            }
        }
        match &shape.sort {
            Some(sort) if sort.path.len() != 1 => said(format!(
                "sort by {:?} is for JSON and this is {format}: name one element of an item, as \"-pubDate\"",
                sort.path.join(".")
            )),
            _ => Ok(()),
        }
    }
}

impl Shape {
    /// Whether it leaves items as they came.
    pub fn is_none(&self) -> bool {
        *self == Shape::default()
    }
}

impl Sort {
    /// Reads `field`, `field.of.it`, or either behind a `-` for descending.
    ///
    /// # Errors
    /// When a name in it is empty.
    pub fn parse(text: &str) -> Result<Sort, Fault> {
        let (descending, path) = match text.strip_prefix('-') {
            Some(path) => (true, path),
            None => (false, text),
        };
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            let what = format!(
                "{text:?} names no field to sort by: write \"date\", \"-date\" or \"meta.date\""
            );
            return Err(Fault::Shape { what });
        }
        Ok(Sort { path, descending })
    }
}

impl JsonPath {
    /// Reads a JSONPath.
    ///
    /// # Errors
    /// [`Fault::Path`] with the place.
    pub fn parse(text: &str) -> Result<JsonPath, Fault> {
        match serde_json_path::JsonPath::parse(text) {
            Ok(query) => {
                let parts = path::parts(text).map(Vec::into_boxed_slice);
                Ok(JsonPath { text: text.into(), query, parts })
            }
            Err(error) => Err(Fault::Path {
                text: text.to_owned(),
                position: error.position() + 1,
                what: error.message().to_owned(),
            }),
        }
    }

    /// Its segments; nothing where it can only be asked of a value.
    pub(super) fn parts(&self) -> Option<&[Segment]> {
        self.parts.as_deref()
    }

    /// The places that it selects.
    pub(super) fn query<'b>(
        &self,
        value: &'b serde_json::Value,
    ) -> serde_json_path::LocatedNodeList<'b> {
        self.query.query_located(value)
    }
}

impl Format {
    /// Whether it is written in XML.
    pub fn is_xml(self) -> bool {
        matches!(self, Format::Rss | Format::Atom)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Json => "json",
            Format::JsonFeed => "json-feed",
            Format::Rss => "rss",
            Format::Atom => "atom",
        })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonPath({:?})", self.text)
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &JsonPath) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jsonpath_is_told_as_written_and_a_wrong_one_with_its_place() {
        let path = JsonPath::parse("$.data[*]['a b']").unwrap();
        assert_eq!(path.to_string(), "$.data[*]['a b']");
        assert_eq!(path, JsonPath::parse("$.data[*]['a b']").unwrap());
        assert_ne!(path, JsonPath::parse("$.data").unwrap());
        for wrong in ["", "data", "$.", "$.a[", "$..", "$.a[?]"] {
            let fault = JsonPath::parse(wrong).unwrap_err();
            assert!(matches!(&fault, Fault::Path { text, .. } if text == wrong), "{fault}");
            // Who reads settings says what to write.
            assert!(!fault.to_string().contains("write"), "{fault}");
        }
    }

    #[test]
    fn an_order_is_read_of_a_path_with_or_without_a_minus() {
        let path = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        for (text, names, descending) in
            [("date", &["date"][..], false), ("-a.b", &["a", "b"], true), ("-a-b", &["a-b"], true)]
        {
            assert_eq!(Sort::parse(text), Ok(Sort { path: path(names), descending }));
        }
        for wrong in ["", "-", "a.", ".a", "a..b"] {
            assert!(Sort::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_for_json_is_refused_for_xml_by_name() {
        let with = |format, shape| Recipe { format, shape, ..Recipe::default() }.check();
        let pick = Shape { pick: vec!["a".into()], ..Shape::default() };
        let rename = Shape { rename: vec![("a".into(), "b".into())], ..Shape::default() };
        let deep = Shape { sort: Sort::parse("a.b").ok(), ..Shape::default() };
        let flat = Shape { sort: Sort::parse("-pubDate").ok(), limit: Some(3), ..Shape::default() };
        for format in [Format::Rss, Format::Atom] {
            for (shape, name) in [(&pick, "pick"), (&rename, "rename"), (&deep, "sort")] {
                let fault = with(Some(format), shape.clone()).unwrap_err().to_string();
                assert!(fault.starts_with(name), "{fault}");
            }
            assert_eq!(with(Some(format), flat.clone()), Ok(()));
        }
        for format in [None, Some(Format::Json), Some(Format::JsonFeed)] {
            assert_eq!(with(format, pick.clone()), Ok(()));
        }
    }
}
