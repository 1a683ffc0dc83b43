//! Text with parts of a payload in it: `post:{$.slug}`. The parts are JSONPath (RFC 9535).

use serde_json::Value;
use serde_json_path::JsonPath;
use std::fmt;

/// The most texts that one template makes of a payload.
pub const MAX_TEXTS: usize = 4096;
/// The most bytes of them together: as many as a purge by hand may name.
const MAX_TEXT_BYTES: usize = policy::purge::MAX_REQUEST_BYTES;
/// Times that a path may look everywhere below a place (`..`): each multiplies what it visits.
const MAX_DESCENTS: usize = 1;

/// Text with JSONPath in braces.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Box<[Piece]>,
    written: Box<str>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Path(Box<JsonPath>),
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTemplate {
    /// It is empty.
    Empty,
    /// A brace without the other one.
    Unbalanced,
    /// What stands in braces does not begin with `$`.
    NoPath(String),
    /// What stands in braces is no JSONPath.
    BadPath(String),
    /// A path looks everywhere more than [`MAX_DESCENTS`] times.
    TooManyDescents(String),
}

/// What the texts are for, which says how values are written into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// A tag: without commas and control characters, which no header holds in a tag.
    Tag,
    /// A URL or prefix: what no URL holds is encoded, what is encoded already stays.
    Url,
}

/// More than [`MAX_TEXTS`], or more than [`MAX_TEXT_BYTES`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Template, BadTemplate> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at(at);
            let inner = behind.strip_prefix('{').ok_or(BadTemplate::Unbalanced)?;
            let (path, after) = split_path(inner).ok_or(BadTemplate::Unbalanced)?;
            pieces.extend((!before.is_empty()).then(|| Piece::Text(before.into())));
            pieces.push(Piece::Path(Box::new(read_path(path)?)));
            rest = after;
        }
        pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.into())));
        match pieces.is_empty() {
            true => Err(BadTemplate::Empty),
            false => Ok(Template { pieces: pieces.into(), written: text.into() }),
        }
    }

    /// Whether it depends on the payload at all.
    pub fn reads_payload(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Path(_)))
    }

    /// The texts for a payload: one for each value that a path selects, for each combination where
    /// there are several paths, and none where one selects nothing. Only text that is not empty,
    /// numbers and truth values count; a list is not its members, which `[*]` selects.
    ///
    /// # Errors
    /// If there are too many.
    pub fn fill(&self, payload: &Value, what: For) -> Result<Vec<String>, TooMany> {
        let mut texts = vec![String::new()];
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => texts.iter_mut().for_each(|made| made.push_str(text)),
                Piece::Path(_) if texts.is_empty() => {}
                Piece::Path(path) => {
                    let values = values(path, payload, what)?;
                    // Looked at before they are made: a long one beside many is long many times.
                    let bytes = |all: &[String]| all.iter().map(String::len).sum::<usize>();
                    let made = bytes(&texts).saturating_mul(values.len());
                    let more = bytes(&values).saturating_mul(texts.len());
                    if values.len().saturating_mul(texts.len()) > MAX_TEXTS
                        || made.saturating_add(more) > MAX_TEXT_BYTES
                    {
                        return Err(TooMany);
                    }
                    let with = |made: &String| -> Vec<String> {
                        values.iter().map(|value| format!("{made}{value}")).collect()
                    };
                    texts = texts.iter().flat_map(with).collect();
                }
            }
        }
        // What is written as a path stays one, though a value begins with a slash too: two of them
        // would begin a host.
        if what == For::Url && self.begins_a_path() {
            texts.iter_mut().for_each(|text| *text = format!("/{}", text.trim_start_matches('/')));
        }
        Ok(texts)
    }

    fn begins_a_path(&self) -> bool {
        self.written.starts_with('/') && !self.written.starts_with("//")
    }
}

/// The values that a path selects, as they stand in texts.
fn values(path: &JsonPath, payload: &Value, what: For) -> Result<Vec<String>, TooMany> {
    let (mut values, mut bytes) = (Vec::new(), 0);
    for value in path.query(payload).all() {
        let Some(text) = written(value, what) else { continue };
        bytes += text.len();
        values.push(text);
        if values.len() > MAX_TEXTS || bytes > MAX_TEXT_BYTES {
            return Err(TooMany);
        }
    }
    Ok(values)
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadTemplate::Empty => f.write_str("it is empty"),
            BadTemplate::Unbalanced => f.write_str("a brace stands without the other one"),
            BadTemplate::NoPath(text) => write!(f, "{{{text}}} does not begin with $"),
            BadTemplate::BadPath(why) => f.write_str(why),
            BadTemplate::TooManyDescents(text) => {
                write!(f, "{text} has .. more than once: name the members between")
            }
        }
    }
}

/// What stands before the brace that ends a path, and what behind it. Braces in the path's own
/// quotes do not count.
fn split_path(text: &str) -> Option<(&str, &str)> {
    match unquoted(text).find(|(_, c)| matches!(c, '{' | '}'))? {
        (at, '}') => Some((&text[..at], &text[at + 1..])),
        _ => None,
    }
}

/// The characters of a path that stand outside of its quotes, and where.
fn unquoted(path: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut is_escaped) = (None, false);
    path.char_indices().filter(move |(_, c)| {
        match (quote, c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if *c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(*c),
            (None, _) => return true,
        }
        false
    })
}

fn read_path(text: &str) -> Result<JsonPath, BadTemplate> {
    if !text.starts_with('$') {
        return Err(BadTemplate::NoPath(text.to_owned()));
    }
    if descents(text) > MAX_DESCENTS {
        return Err(BadTemplate::TooManyDescents(text.to_owned()));
    }
    JsonPath::parse(text)
        .map_err(|error| BadTemplate::BadPath(format!("{text} is no JSONPath: {error}")))
}

/// How often `..` stands in a path outside of quotes.
fn descents(path: &str) -> usize {
    let is_dot = |at: usize| path[..at].ends_with('.');
    unquoted(path).filter(|(at, c)| *c == '.' && is_dot(*at)).count()
}

/// A value as it stands in a text; nothing for what has no text.
fn written(value: &Value, what: For) -> Option<String> {
    let text = match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => return None,
    };
    Some(match what {
        For::Tag => encoded(&text, |c| c.is_control() || c == ','),
        For::Url => encoded(&text, |c| !c.is_ascii_graphic() || "#\"<>\\^`{|}".contains(c)),
    })
}

/// The text with those characters as `%XX`, as they are in URLs.
fn encoded(text: &str, is_encoded: impl Fn(char) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match is_encoded(c) {
            false => encoded.push(c),
            true => {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    encoded.push_str(&format!("%{byte:02X}"));
                }
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_of_payloads_stand_in_texts() {
        let payload = json!({
            "slug": "a-1", "n": 7, "is": true, "none": null, "empty": "", "tags": ["x", "y, z"],
            "odd": "m\u{e4}rz #1/2%20", "path": "/b.example/x", "fields": { "slug": { "en-US": "hi", "de": "hallo" } },
            "sys": { "contentType": { "sys": { "id": "post" } } }, "a}b": "brace",
        });
        for (template, what, texts) in [
            ("post:{$.slug}", For::Tag, &["post:a-1"][..]),
            ("{$.n}-{$.is}", For::Tag, &["7-true"]),
            ("plain", For::Tag, &["plain"]),
            ("{$.tags[*]}", For::Tag, &["x", "y%2C z"]),
            ("{$.tags}", For::Tag, &[]),
            ("{$.missing}", For::Tag, &[]),
            ("{$.slug}:{$.none}", For::Tag, &[]),
            ("{$.empty}", For::Tag, &[]),
            ("{$.slug}/{$.tags[*]}", For::Tag, &["a-1/x", "a-1/y%2C z"]),
            ("/{$.odd}", For::Url, &["/m%C3%A4rz%20%231/2%20"]),
            ("{$.odd}", For::Tag, &["m\u{e4}rz #1/2%20"]),
            ("/{$.fields.slug['en-US']}/", For::Url, &["/hi/"]),
            ("{$.fields.slug.*}", For::Tag, &["hi", "hallo"]),
            ("{$.sys.contentType.sys.id}", For::Tag, &["post"]),
            ("{$['a}b']}", For::Tag, &["brace"]),
            ("{$..slug}", For::Tag, &["a-1"]),
            ("{$['..']}{$..['a..b..']}", For::Tag, &[]),
            ("/{$.path}/{$.slug}", For::Url, &["/b.example/x/a-1"]),
            ("{$.path}", For::Url, &["/b.example/x"]),
            ("{$.path}", For::Tag, &["/b.example/x"]),
        ] {
            let read = Template::parse(template).expect(template);
            assert_eq!(read.fill(&payload, what).expect(template), texts, "{template}");
            assert_eq!(read.to_string(), template);
            assert_eq!(read.reads_payload(), template.contains('$'), "{template}");
        }
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (template, why) in [
            ("", "empty"),
            ("{", "brace"),
            ("}", "brace"),
            ("a}b", "brace"),
            ("{$.a", "brace"),
            ("{$.a{$.b}}", "brace"),
            ("{slug}", "does not begin with $"),
            ("{}", "does not begin with $"),
            ("{$.}", "no JSONPath"),
            ("{$[}", "no JSONPath"),
            ("{$..*..*}", ".. more than once"),
            ("{$..[?@..x]}", ".. more than once"),
        ] {
            let error = Template::parse(template).expect_err(template).to_string();
            assert!(error.contains(why), "{template}: {error}");
        }
    }

    #[test]
    fn no_payload_makes_more_texts_than_the_limit() {
        let payload = json!({ "a": vec!["x"; 65] });
        let squared = Template::parse("{$.a[*]}{$.a[*]}").expect("a template");
        assert_eq!(squared.fill(&payload, For::Tag), Err(TooMany));
        let long = json!({ "a": "x".repeat(300_000), "b": vec!["y"; 4] });
        let spread = Template::parse("{$.a}{$.b[*]}").expect("a template");
        assert_eq!(spread.fill(&long, For::Tag), Err(TooMany), "1.2 MB of a payload of 0.3 MB");
        let every = Template::parse("{$..*}").expect("a template");
        assert_eq!(every.fill(&json!(vec![1; MAX_TEXTS + 1]), For::Tag), Err(TooMany));
        let once = Template::parse("{$.a[*]}").expect("a template");
        assert_eq!(once.fill(&payload, For::Tag).map(|texts| texts.len()), Ok(65));
    }
}
