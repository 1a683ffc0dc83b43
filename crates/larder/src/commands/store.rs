//! `larder store`: looks at a folder that no process uses; nothing in it is changed.

use super::progress::Progress;
use super::{Failure, say};
use crate::cli::{StoreCommand, StoreFolder};
use anyhow::anyhow;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use store::disk::{self, Folder, Report};

/// Counts, or reads and checks, what a folder holds.
///
/// # Errors
/// When it is no store, is in use, cannot be read, or holds damage where it was checked.
pub fn run(command: &StoreCommand) -> Result<(), Failure> {
    let (StoreCommand::Stat(folder) | StoreCommand::Verify(folder)) = command;
    let verifies = matches!(command, StoreCommand::Verify(_));
    let report = report(folder, verifies)?;
    say(&if folder.json { json(&report) } else { text(&report, verifies) })?;
    match report.damaged + report.damaged_large {
        0 => Ok(()),
        _ if !verifies => Ok(()),
        _ => Err(Failure::Reported),
    }
}

fn report(folder: &StoreFolder, verifies: bool) -> Result<Report, Failure> {
    let path = cache_of(folder);
    let shown = path.display();
    let _progress = Progress::begin(if verifies { "reading all of it" } else { "counting" }, None);
    let opened = Folder::open_existing(&path).and_then(|device| match verifies {
        true => disk::verify(Arc::new(device)),
        false => disk::stat(Arc::new(device)),
    });
    opened.map_err(|error| {
        let mend = match error {
            disk::OpenError::InUse => "; stop that process first",
            _ => "; name the folder of --data, or storage.disk.path",
        };
        anyhow!("{shown}: {error}{mend}").into()
    })
}

/// The folder of the cache: the one that is named, or `cache` in it.
fn cache_of(folder: &StoreFolder) -> PathBuf {
    let inner = folder.dir.join("cache");
    if inner.is_dir() { inner } else { folder.dir.clone() }
}

fn text(report: &Report, verifies: bool) -> String {
    let Report { segments, unlisted, segment_bytes, records, damaged, .. } = report;
    let Report { large_files, large_bytes, damaged_large, .. } = report;
    let mut text = format!(
        "segments     {segments}, {segment_bytes} bytes, {records} records, superseded ones too\n\
         large files  {large_files}, {large_bytes} bytes\n"
    );
    if *unlisted > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{unlisted} segments have no list: the next start reads them whole");
    }
    match damaged + damaged_large {
        0 if verifies => text.push_str("no damage\n"),
        0 => {}
        _ => {
            let _ = writeln!(
                text,
                "damage       {damaged} stretches of segments, {damaged_large} large files; \
                 what is damaged is fetched anew"
            );
        }
    }
    text
}

fn json(report: &Report) -> String {
    let json = serde_json::json!({
        "segments": report.segments,
        "segments_without_list": report.unlisted,
        "segment_bytes": report.segment_bytes,
        "records": report.records,
        "damaged_stretches": report.damaged,
        "large_files": report.large_files,
        "large_bytes": report.large_bytes,
        "damaged_large_files": report.damaged_large,
    });
    format!("{json}\n")
}
