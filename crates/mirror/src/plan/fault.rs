//! Why a document, or what the operator says of it, cannot be used.

use crate::plan::recipe::Format;
use std::fmt;

/// Why there is no plan. Each says what is wrong with the document (`it`) and where, and how to mend it where who reads settings does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are in an encoding that is not read.
    Encoding {
        /// What it calls itself or looks like.
        named: String,
    },
    /// The bytes say UTF-8 and are not.
    NotUtf8 {
        /// Of the first byte that does not fit.
        offset: usize,
    },
    /// There is nothing.
    Empty,
    /// It is neither JSON nor one of the feeds in XML.
    Unknown {
        /// What it is instead.
        found: String,
    },
    /// It is another format than the recipe says.
    OtherFormat {
        /// What the recipe says.
        wanted: Format,
        /// What it is.
        found: Format,
    },
    /// It is not well-formed.
    Malformed {
        /// `JSON` or `XML`.
        language: &'static str,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What stands there.
        what: String,
    },
    /// It is beyond a limit.
    TooMuch {
        /// The name of the limit in [`crate::plan::Recipe`].
        limit: &'static str,
        /// Its value.
        most: usize,
    },
    /// The URL of the document is none.
    Base {
        /// What was given.
        url: String,
        /// What its parser says.
        what: String,
    },
    /// A JSONPath cannot be read.
    Path {
        /// As written.
        text: String,
        /// In bytes, from 1.
        position: usize,
        /// What its parser says.
        what: String,
    },
    /// The items cannot be shaped so.
    Shape {
        /// Why, and what to write instead.
        what: String,
    },
}

impl Fault {
    /// A fault at a byte of the text.
    pub(super) fn malformed(
        language: &'static str,
        text: &str,
        at: usize,
        what: impl Into<String>,
    ) -> Fault {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let of_line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        // Bytes that continue a character do not count.
        let column = of_line.iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
        Fault::Malformed { language, line, column, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Encoding { named } => write!(
                f,
                "it is in {named:?}: UTF-8 is read, in XML ISO-8859-1 and windows-1252 too; have the \
                 upstream send UTF-8"
            ),
            Fault::NotUtf8 { offset } => write!(
                f,
                "byte {offset} is no UTF-8: have the upstream send UTF-8 or, in XML, declare the encoding"
            ),
            Fault::Empty => f.write_str("it is empty"),
            Fault::Unknown { found } => write!(
                f,
                "it is {found}: JSON, JSON Feed, RSS and Atom are read; look at what the URL answers"
            ),
            Fault::OtherFormat { wanted, found } => {
                write!(f, "it is {found} and not {wanted}: set format to {found}, or leave it out")
            }
            Fault::Malformed { language, line, column, what } => {
                write!(f, "no {language} at line {line}, column {column}: {what}")
            }
            Fault::TooMuch { limit: "max_depth", most } => write!(
                f,
                "arrays, objects or elements lie in each other more than {most} deep, and no \
                 deeper ones are read: have the upstream send a flatter document"
            ),
            Fault::TooMuch { limit, most } => {
                write!(f, "it is beyond `{limit}` = {most}: raise that if the document is meant so")
            }
            Fault::Base { url, what } => write!(
                f,
                "{url:?} is no URL of a document ({what}): write one with http or https and a host in ASCII, \
                 as \"xn--…\" if need be"
            ),
            Fault::Path { text, position, what } => {
                write!(f, "{text:?} is no JSONPath, as character {position} shows: {what}")
            }
            Fault::Shape { what } => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        for (text, at, line, column) in
            [("", 0, 1, 1), ("ab", 1, 1, 2), ("a\nb", 2, 2, 1), ("ä\nöx", 5, 2, 2), ("a", 9, 1, 2)]
        {
            let Fault::Malformed { line: l, column: c, .. } =
                Fault::malformed("JSON", text, at, "")
            else {
                panic!("it is that kind");
            };
            assert_eq!((l, c), (line, column), "{text:?} {at}");
        }
    }

    #[test]
    fn each_fault_says_what_to_do() {
        let fault = Fault::malformed("XML", "<a>\n<b></a>", 7, "a b is closed by an a");
        assert_eq!(fault.to_string(), "no XML at line 2, column 4: a b is closed by an a");
        let fault = Fault::OtherFormat { wanted: Format::Rss, found: Format::Atom };
        assert!(fault.to_string().ends_with("set format to atom, or leave it out"));
        let fault = Fault::TooMuch { limit: "max_items", most: 7 };
        assert!(fault.to_string().contains("`max_items` = 7: raise that"));
        // What is no setting is not named as one.
        let fault = Fault::TooMuch { limit: "max_depth", most: 100 };
        assert!(!fault.to_string().contains("max_depth") && fault.to_string().contains("100 deep"));
    }
}
