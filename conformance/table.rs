//! The table of answers, as a file that people read too.

use std::path::PathBuf;

/// What each server answers to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub larder: String,
    pub hyper: String,
    /// Nothing where it was not asked.
    pub nginx: Option<String>,
    pub reason: String,
}

/// All rows.
pub struct Table(pub Vec<Row>);

const HEAD: &str = "\
# Odd requests

What Larder answers to requests that are odd or malformed, beside hyper 1.12 and nginx 1.22 (behind
`return 200`). Where they differ, the reason for Larder's way stands beside it. A test asks all three
anew (`cargo test -p larder --test conformance`).

| request | Larder | hyper | nginx | why they differ |
| --- | --- | --- | --- | --- |
";

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/odd_requests.md")
}

impl Row {
    /// Whether the servers differ and nothing says why.
    pub fn is_unexplained(&self) -> bool {
        let same = self.larder == self.hyper
            && self.nginx.as_ref().is_none_or(|nginx| *nginx == self.larder);
        !same && self.reason.is_empty()
    }

    fn line(&self) -> String {
        let nginx = self.nginx.as_deref().unwrap_or("?");
        format!(
            "| {} | {} | {} | {nginx} | {} |\n",
            self.name, self.larder, self.hyper, self.reason
        )
    }
}

impl Table {
    /// The table as it is written down; empty where it is not yet.
    pub fn read() -> Table {
        let text = std::fs::read_to_string(file()).unwrap_or_default();
        let rows = text.lines().filter(|line| line.starts_with("| ")).skip(2).filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, larder, hyper, nginx, reason] = cells.as_slice() else { return None };
            Some(Row {
                name: (*name).to_owned(),
                larder: (*larder).to_owned(),
                hyper: (*hyper).to_owned(),
                nginx: (*nginx != "?").then(|| (*nginx).to_owned()),
                reason: (*reason).to_owned(),
            })
        });
        Table(rows.collect())
    }

    /// Writes it down.
    pub fn write(&self) {
        let lines: String = self.0.iter().map(Row::line).collect();
        std::fs::write(file(), format!("{HEAD}{lines}")).expect("the folder can be written to");
    }

    /// The same with the reasons of another, and its answers of servers that were not asked now.
    pub fn with_reasons_of(mut self, other: &Table) -> Table {
        for row in &mut self.0 {
            if let Some(old) = other.0.iter().find(|old| old.name == row.name) {
                row.reason.clone_from(&old.reason);
                row.nginx = row.nginx.take().or_else(|| old.nginx.clone());
            }
        }
        self
    }

    /// Where what was found differs from this, a line each.
    pub fn differences(&self, found: &Table) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &found.0 {
            match self.0.iter().find(|written| written.name == row.name) {
                None => lines.push(format!("{}: not in the table", row.name)),
                Some(written) => {
                    let nginx_differs = row.nginx.is_some() && row.nginx != written.nginx;
                    if row.larder != written.larder || row.hyper != written.hyper || nginx_differs {
                        lines.push(format!("written: {}found:   {}", written.line(), row.line()));
                    }
                }
            }
        }
        let gone = self.0.iter().filter(|row| !found.0.iter().any(|new| new.name == row.name));
        lines.extend(gone.map(|row| format!("{}: no longer asked", row.name)));
        lines
    }
}
