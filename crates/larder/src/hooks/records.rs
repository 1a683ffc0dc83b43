//! The file of deliveries: a line of JSON each, appended and made to last before the answer.

use super::deliveries::{Delivery, Known, MAX_KNOWN};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// After so many lines the file is written anew.
const MAX_LINES: usize = 2 * MAX_KNOWN;
/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// The file, open for more.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    file: File,
    lines: usize,
}

/// A line of it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// A delivery.
    Delivery(Box<Delivery>),
    /// What is left of an older one: by what it is known.
    Known {
        /// The hook.
        hook: Box<str>,
        /// By what it is known.
        fingerprint: String,
    },
}

impl Records {
    /// Opens the file, and hands on what it holds, line by line, oldest first. Lines that make no
    /// sense, such as a last one that is not whole, count as none.
    ///
    /// # Errors
    /// If it cannot be read and written.
    pub fn open(path: &Path, mut take: impl FnMut(Line)) -> io::Result<Records> {
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let (mut lines, mut reader, mut line) = (0, BufReader::new(&file), Vec::new());
        let mut is_rest = false;
        loop {
            line.clear();
            let mut piece = reader.by_ref().take(MAX_LINE_BYTES as u64);
            if piece.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let is_whole = line.ends_with(b"\n");
            // What goes on behind a piece that is too long is none either.
            if !is_rest && let Ok(read) = serde_json::from_slice(&line) {
                take(read);
            }
            is_rest = !is_whole;
            lines += 1;
        }
        Ok(Records { path: path.to_owned(), file, lines })
    }

    /// Appends a delivery, and makes it last.
    ///
    /// # Errors
    /// If it cannot be written; what comes after it is on a line of its own all the same.
    pub fn append(&mut self, delivery: &Delivery) -> io::Result<()> {
        let mut line = serde_json::to_vec(delivery)?;
        line.push(b'\n');
        self.lines += 1;
        if let Err(error) = self.file.write_all(&line) {
            // Ends what was written of it.
            let _ = self.file.write_all(b"\n");
            return Err(error);
        }
        self.file.sync_data()
    }

    /// Whether it is time to write it anew.
    pub fn is_long(&self) -> bool {
        self.lines > MAX_LINES
    }

    /// Writes it anew with only this in it, beside its place and then into that.
    ///
    /// # Errors
    /// If it cannot be written; then the old one stays.
    pub fn rewrite<'a>(
        &mut self,
        known: impl IntoIterator<Item = &'a Known>,
        deliveries: impl IntoIterator<Item = &'a Delivery>,
    ) -> io::Result<()> {
        let draft = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let mut lines = 0;
        let mut out = BufWriter::new(&file);
        let mut write = |line: Line| -> io::Result<()> {
            lines += 1;
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")
        };
        for (hook, fingerprint) in known {
            write(Line::Known { hook: hook.clone(), fingerprint: fingerprint.to_string() })?;
        }
        for delivery in deliveries {
            write(Line::Delivery(Box::new(delivery.clone())))?;
        }
        out.flush()?;
        drop(out);
        file.sync_data()?;
        let file = OpenOptions::new().append(true).open(&draft)?;
        std::fs::rename(&draft, &self.path)?;
        (self.file, self.lines) = (file, lines);
        // Else what is appended from now on may be lost with the name.
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}
