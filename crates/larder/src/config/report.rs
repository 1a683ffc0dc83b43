//! What was found wrong with a configuration, shown to people and to programs.

use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// One mistake or doubt.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// Where it stands in the text; `None`: in no one line.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but does hardly what was meant.
    Warning,
}

/// All findings about one configuration, in the order of its lines.
#[derive(Clone, Debug)]
pub struct Report {
    file: String,
    findings: Vec<Placed>,
}

/// A finding with its line, ready to be shown.
#[derive(Clone, Debug, Serialize)]
struct Placed {
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    what: String,
    mend: String,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// The line in which a finding stands, and the part of it that is meant, in characters.
#[derive(Clone, Debug)]
struct Excerpt {
    text: String,
    before: usize,
    meant: usize,
}

impl Report {
    /// A report about `file` with that text. The findings' spans are of the text.
    pub fn new(file: &str, text: &str, mut findings: Vec<Finding>) -> Report {
        findings.sort_by_key(|finding| finding.span.as_ref().map(|span| (span.start, span.end)));
        let findings = findings.into_iter().map(|finding| place(finding, text)).collect();
        Report { file: file.to_owned(), findings }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many findings are that grave.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The report as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "file": self.file,
            "ok": self.count(Severity::Error) == 0,
            "findings": self.findings,
        })
    }
}

fn place(finding: Finding, text: &str) -> Placed {
    let Finding { severity, span, what, mend } = finding;
    let Some(span) = span else {
        return Placed { severity, line: None, column: None, what, mend, excerpt: None };
    };
    let start = text.floor_char_boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = text.ceil_char_boundary(span.end.max(start)).min(line_end).max(start);
    let before = text[line_start..start].chars().count();
    let excerpt = Excerpt {
        text: text[line_start..line_end].trim_end().to_owned(),
        before,
        meant: text[start..end].chars().count().max(1),
    };
    let line = text[..start].matches('\n').count() + 1;
    Placed {
        severity,
        line: Some(line),
        column: Some(before + 1),
        what,
        mend,
        excerpt: Some(excerpt),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| finding.show(&self.file, f))
    }
}

impl Placed {
    fn show(&self, file: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{file}:{line}:{column}: ")?,
            _ => write!(f, "{file}: ")?,
        }
        writeln!(f, "{}: {}", self.severity, self.what)?;
        if let (Some(line), Some(excerpt)) = (self.line, &self.excerpt) {
            excerpt.show(line, f)?;
        }
        if self.mend.is_empty() { Ok(()) } else { writeln!(f, "      → {}", self.mend) }
    }
}

impl Excerpt {
    fn show(&self, line: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tabs are kept before the carets, so that they stand below what is meant.
        let keep_tab = |c| if c == '\t' { '\t' } else { ' ' };
        let indent: String = self.text.chars().take(self.before).map(keep_tab).collect();
        writeln!(f, "{line:>4} | {}", self.text)?;
        writeln!(f, "     | {indent}{}", "^".repeat(self.meant))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(span: Option<Range<usize>>) -> Finding {
        Finding { severity: Severity::Error, span, what: "no".into(), mend: "yes".into() }
    }

    #[test]
    fn findings_come_in_the_order_of_lines_with_carets_below() {
        let text = "a = 1\nbé = 22\n";
        let report =
            Report::new("f", text, vec![finding(Some(12..14)), finding(Some(0..1)), finding(None)]);
        let shown = "f: error: no\n      → yes\n\
                     f:1:1: error: no\n   1 | a = 1\n     | ^\n      → yes\n\
                     f:2:6: error: no\n   2 | bé = 22\n     |      ^^\n      → yes\n";
        assert_eq!(report.to_string(), shown);
        assert_eq!(report.to_json()["findings"][2]["line"], 2);
        assert_eq!(report.to_json()["ok"], false);
    }

    #[test]
    fn no_span_makes_it_panic() {
        let text = "é\nab";
        for start in 0..6 {
            for end in 0..8 {
                let report = Report::new("f", text, vec![finding(Some(start..end))]);
                assert!(report.to_string().contains("f:"), "{start}..{end}");
            }
        }
    }
}
