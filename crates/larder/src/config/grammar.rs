//! What breaks the grammar of TOML, told once a line and with a remedy.

use super::fault::Fault;
use super::report::{Finding, Severity};
use std::ops::Range;

/// What is broken in a text.
pub struct Broken {
    /// The first break of each line.
    pub findings: Vec<Finding>,
    /// From here on keys may seem to stand where they do not: what is said of them is not sure.
    pub unsure_from: usize,
}

impl Broken {
    /// Sorts out the parser's errors.
    pub fn sort_out(text: &str, errors: &[toml::de::Error]) -> Broken {
        let start = |error: &&toml::de::Error| error.span().map_or(0, |span| span.start);
        let mut sorted: Vec<&toml::de::Error> = errors.iter().collect();
        sorted.sort_by_key(start);
        let first = sorted.first().map_or(usize::MAX, start);
        let misplaces = sorted.iter().any(|error| error.message().starts_with("unclosed"));
        let unsure_from = if misplaces { first } else { usize::MAX };
        // One missing bracket breaks all that follows in its line; once is enough.
        sorted.dedup_by_key(|error| line_of(text, error.span()));
        let findings = sorted.iter().map(|error| finding(error)).collect();
        Broken { findings, unsure_from }
    }

    /// Whether the text is whole.
    pub fn is_none(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether what stands at `span` surely stands where it seems to.
    pub fn leaves_sure(&self, span: Option<&Range<usize>>) -> bool {
        span.is_none_or(|span| span.start < self.unsure_from)
    }
}

fn line_of(text: &str, span: Option<Range<usize>>) -> Option<usize> {
    let before = text.get(..span?.start)?;
    Some(before.matches('\n').count())
}

fn finding(error: &toml::de::Error) -> Finding {
    let message = error.message();
    let mend = match message {
        _ if message.starts_with("unclosed") || message.starts_with("missing comma") => {
            "close what was opened before: [ with ], { with }, \" with \""
        }
        _ if message.contains("quoted") => "put the value in quotes",
        _ if message.contains("duplicate") => "write each key and each table once",
        _ => "write key = value on a line of its own, with text in quotes",
    };
    let Fault { what, mend } = Fault::new(format!("this is not TOML: {message}"), mend);
    Finding { severity: Severity::Error, span: error.span(), what, mend }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;

    fn broken(text: &str) -> Broken {
        let (_, errors) = Document::parse(text);
        Broken::sort_out(text, &errors)
    }

    #[test]
    fn each_line_is_blamed_once_with_a_remedy() {
        for (text, lines, part_of_the_remedy) in [
            ("a = 1\n", 0, ""),
            ("a = \n", 1, "quotes"),
            ("a = x y\nb = 1\n", 1, "quotes"),
            ("a = 1\na = 2\n", 1, "once"),
            ("a = [1\n[b]\n", 1, "close"),
            ("[a\nb = 1", 1, "close"),
        ] {
            let broken = broken(text);
            assert_eq!(broken.findings.len(), lines, "{text:?} {:?}", broken.findings);
            let first = broken.findings.first();
            assert!(
                first.is_none_or(|f| f.mend.contains(part_of_the_remedy)),
                "{text:?} {first:?}"
            );
        }
    }

    #[test]
    fn behind_a_bracket_left_open_nothing_is_sure() {
        let open = broken("a = 1\n[b\nc = 1\n");
        assert!(open.leaves_sure(Some(&(0..1))) && !open.leaves_sure(Some(&(9..10))));
        assert!(broken("a = \nb = 1").leaves_sure(Some(&(5..6))));
    }
}
