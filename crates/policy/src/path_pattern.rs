//! Patterns of paths: globs, and patterns whose parts have names.
//!
//! `/blog/*` is a glob: `*` crosses `/`. In `/blog/{slug}` the part in braces is one segment, or what
//! stands in its place within one, and never empty; `{rest*}` at the end is all that is left, which
//! may be empty. In a pattern with named parts `*` and `?` stay within their segment, but for a `*`
//! that is the last segment. So a path is matched in one pass, and each part has one value.

use crate::glob::Glob;
use std::fmt;

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: Box<str>,
    form: Form,
}

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Glob(Glob),
    Segments(Box<[Segment]>, Rest),
}

/// One segment of a path.
#[derive(Clone, PartialEq, Eq)]
enum Segment {
    Like(Glob),
    Named { before: Box<[u8]>, name: Box<str>, after: Box<[u8]> },
}

/// What may follow the segments.
#[derive(Clone, PartialEq, Eq)]
enum Rest {
    Nothing,
    Anything,
    Named(Box<str>),
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A brace without its other one, or one within another.
    Brace,
    /// A name that is empty or has other characters than letters, digits, `_` and `-`.
    Name,
    /// A name that stands twice.
    Twice,
    /// Two names in one segment, whose ends could not be told.
    TwoInASegment,
    /// A `{name*}` that is not the whole of the last segment.
    RestInside,
    /// A pattern with names that does not begin with `/`.
    Relative,
}

/// The named parts of a path, with their values.
pub type Captures<'a> = Vec<(&'a str, &'a [u8])>;

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<PathPattern, Malformed> {
        let form = match text.contains(['{', '}']) {
            true => segments(text)?,
            false => Form::Glob(Glob::new(text)),
        };
        Ok(PathPattern { text: text.into(), form })
    }

    /// A glob without named parts.
    pub fn glob(text: &str) -> PathPattern {
        PathPattern { text: text.into(), form: Form::Glob(Glob::new(text)) }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of a decoded path fits.
    pub fn matches(&self, path: &[u8]) -> bool {
        match &self.form {
            Form::Glob(glob) => glob.matches(path),
            Form::Segments(..) => self.captures(path).is_some(),
        }
    }

    /// The named parts of a decoded path; nothing if it does not fit.
    pub fn captures<'a>(&'a self, path: &'a [u8]) -> Option<Captures<'a>> {
        let (segments, rest) = match &self.form {
            Form::Glob(glob) => return glob.matches(path).then(Vec::new),
            Form::Segments(segments, rest) => (segments, rest),
        };
        let mut captures = Captures::new();
        let mut left = Some(path.strip_prefix(b"/")?);
        for pattern in segments {
            let here = left?;
            let end = here.iter().position(|b| *b == b'/');
            let segment = &here[..end.unwrap_or(here.len())];
            captures.extend(pattern.fit(segment)?);
            left = end.map(|end| &here[end + 1..]);
        }
        match (rest, left) {
            (Rest::Nothing, None) | (Rest::Anything, Some(_)) => {}
            (Rest::Named(name), Some(left)) => captures.push((name, left)),
            (Rest::Nothing, Some(_)) | (Rest::Anything | Rest::Named(_), None) => return None,
        }
        Some(captures)
    }

    /// The names of its parts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (segments, rest) = match &self.form {
            Form::Glob(_) => (&[][..], None),
            Form::Segments(segments, Rest::Named(rest)) => (&segments[..], Some(&**rest)),
            Form::Segments(segments, _) => (&segments[..], None),
        };
        let named = segments.iter().filter_map(|segment| match segment {
            Segment::Named { name, .. } => Some(&**name),
            Segment::Like(_) => None,
        });
        named.chain(rest)
    }

    /// A glob that fits all that the pattern fits, and where it has named parts perhaps more.
    pub fn hull(&self) -> Glob {
        match &self.form {
            Form::Glob(glob) => glob.clone(),
            Form::Segments(..) => {
                let mut hull = String::new();
                for piece in self.text.split_inclusive('}') {
                    let before = piece.find('{').map_or(piece, |at| &piece[..at]);
                    hull.push_str(before);
                    hull.push_str(if before.len() < piece.len() { "*" } else { "" });
                }
                Glob::new(&hull)
            }
        }
    }

    /// The pattern as a glob, if it has no named parts.
    pub fn as_glob(&self) -> Option<&Glob> {
        match &self.form {
            Form::Glob(glob) => Some(glob),
            Form::Segments(..) => None,
        }
    }
}

impl Segment {
    fn fit<'a>(&'a self, segment: &'a [u8]) -> Option<Option<(&'a str, &'a [u8])>> {
        match self {
            Segment::Like(glob) => glob.matches(segment).then_some(None),
            Segment::Named { before, name, after } => {
                let value = segment.strip_prefix(&**before)?.strip_suffix(&**after)?;
                (!value.is_empty()).then_some(Some((name, value)))
            }
        }
    }
}

fn segments(text: &str) -> Result<Form, Malformed> {
    let mut parts: Vec<&str> =
        text.strip_prefix('/').ok_or(Malformed::Relative)?.split('/').collect();
    let rest = match parts.last().copied().unwrap_or_default() {
        "*" => Rest::Anything,
        last => match last.strip_prefix('{').and_then(|last| last.strip_suffix("*}")) {
            Some(name) => Rest::Named(name_of(name)?),
            None => Rest::Nothing,
        },
    };
    if rest != Rest::Nothing {
        parts.pop();
    }
    let segments: Vec<Segment> = parts.into_iter().map(segment).collect::<Result<_, _>>()?;
    let pattern = PathPattern { text: text.into(), form: Form::Segments(segments.into(), rest) };
    let mut names: Vec<&str> = pattern.names().collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Malformed::Twice);
    }
    Ok(pattern.form)
}

fn segment(text: &str) -> Result<Segment, Malformed> {
    let Some((before, behind)) = text.split_once('{') else {
        return if text.contains('}') {
            Err(Malformed::Brace)
        } else {
            Ok(Segment::Like(Glob::new(text)))
        };
    };
    let (name, after) = behind.split_once('}').ok_or(Malformed::Brace)?;
    match () {
        () if name.ends_with('*') => Err(Malformed::RestInside),
        () if before.contains('}') || name.contains('{') => Err(Malformed::Brace),
        () if after.contains('{') => Err(Malformed::TwoInASegment),
        () if after.contains('}') => Err(Malformed::Brace),
        // A star beside a name leaves open where the name ends.
        () if before.contains(['*', '?']) || after.contains(['*', '?']) => {
            Err(Malformed::TwoInASegment)
        }
        () => Ok(Segment::Named {
            before: before.as_bytes().into(),
            name: name_of(name)?,
            after: after.as_bytes().into(),
        }),
    }
}

fn name_of(name: &str) -> Result<Box<str>, Malformed> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let is_name = !name.is_empty() && name.bytes().all(fits);
    if is_name { Ok(name.into()) } else { Err(Malformed::Name) }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What is wrong, in words.
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Brace => "a brace of this pattern has no other one",
            Malformed::Name => "a name in braces has letters, digits, - and _ only",
            Malformed::Twice => "a name stands twice in this pattern",
            Malformed::TwoInASegment => "a segment has one name and no * or ? beside it",
            Malformed::RestInside => "{name*} is the whole of the last segment",
            Malformed::Relative => "a pattern with names begins with /",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, path: &str) -> Option<String> {
        let pattern = PathPattern::parse(pattern).expect("a pattern");
        let captures = pattern.captures(path.as_bytes())?;
        let text =
            |(name, value): &(&str, &[u8])| format!("{name}={}", String::from_utf8_lossy(value));
        Some(captures.iter().map(text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn named_parts_are_segments_and_have_one_value() {
        for (pattern, path, captures) in [
            ("/blog/{slug}", "/blog/a-1", Some("slug=a-1")),
            ("/blog/{slug}", "/blog/", None),
            ("/blog/{slug}", "/blog/a/", None),
            ("/blog/{slug}", "/blog/a/b", None),
            ("/blog/{slug}", "/blog", None),
            ("/{lang}/post-{id}.html", "/de/post-7.html", Some("lang=de id=7")),
            ("/{lang}/post-{id}.html", "/de/post-.html", None),
            ("/{a}/*/{b}", "/1/2/3", Some("a=1 b=3")),
            ("/{a}/x?/c", "/1/xy/c", Some("a=1")),
            ("/{a}/*", "/1/", Some("a=1")),
            ("/{a}/*", "/1/2/3", Some("a=1")),
            ("/{a}/*", "/1", None),
            ("/docs/{path*}", "/docs/a/b", Some("path=a/b")),
            ("/docs/{path*}", "/docs/", Some("path=")),
            ("/docs/{path*}", "/docs", None),
            ("/blog/*", "/blog/a/b", Some("")),
            ("*.html", "/a/b.html", Some("")),
        ] {
            let found = captured(pattern, path);
            assert_eq!(found.as_deref(), captures, "{pattern} {path}");
            let parsed = PathPattern::parse(pattern).expect("a pattern");
            assert_eq!(parsed.matches(path.as_bytes()), captures.is_some(), "{pattern} {path}");
            assert!(
                captures.is_none() || parsed.hull().matches(path.as_bytes()),
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        for (pattern, wrong) in [
            ("/a/{b", Malformed::Brace),
            ("/a/b}", Malformed::Brace),
            ("/a/}{b", Malformed::Brace),
            ("/{a{b}}", Malformed::Brace),
            ("/a/{}", Malformed::Name),
            ("/a/{b c}", Malformed::Name),
            ("/a/{*}", Malformed::Name),
            ("/{a}/{a}", Malformed::Twice),
            ("/{a}/{a*}", Malformed::Twice),
            ("/{a}-{b}", Malformed::TwoInASegment),
            ("/*{a}", Malformed::TwoInASegment),
            ("/{a*}/b", Malformed::RestInside),
            ("/x{a*}", Malformed::RestInside),
            ("*/{a}", Malformed::Relative),
        ] {
            assert_eq!(PathPattern::parse(pattern), Err(wrong), "{pattern}");
        }
    }
}
