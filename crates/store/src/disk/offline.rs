//! Looking at a folder that no process uses. Nothing in it is changed.

use super::contents::{Contents, Entry};
use super::device::Device;
use super::error::OpenError;
use super::format::{self, Format, SEGMENTS};
use super::large::LargeFile;
use super::look::{LoadedBody, load_at};
use super::open::{larges, uids_in};
use super::record::Kind;
use super::scan::{contents, scan};
use super::segments::{Segment, segment_name};
use super::shared::{Settings, Shared};
use policy::time::Timestamp;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments.
    pub segments: u64,
    /// Segments without a good list beside them; the next start reads them whole.
    pub unlisted: u64,
    /// Bytes of segments.
    pub segment_bytes: u64,
    /// Records of all kinds, superseded ones too.
    pub records: u64,
    /// Stretches of segments that hold no good record.
    pub damaged: u64,
    /// Large files.
    pub large_files: u64,
    /// Bytes of large files.
    pub large_bytes: u64,
    /// Large files that a record names and that are damaged.
    pub damaged_large: u64,
}

/// Counts what a folder holds, by the lists beside its segments.
///
/// # Errors
/// Why it is not a store, or cannot be read.
pub fn stat(device: Arc<dyn Device>) -> Result<Report, OpenError> {
    report(device, false)
}

/// Reads all that a folder holds, and checks it.
///
/// # Errors
/// Why it is not a store, or cannot be read.
pub fn verify(device: Arc<dyn Device>) -> Result<Report, OpenError> {
    report(device, true)
}

fn report(device: Arc<dyn Device>, reads_all: bool) -> Result<Report, OpenError> {
    let format = format::read(&*device)?;
    let shared = Shared::new(device, format, settings(format));
    read(&shared, reads_all).map_err(OpenError::at(SEGMENTS))
}

/// Nothing is written, so sizes do not matter.
fn settings(fresh: Format) -> Settings {
    Settings {
        size_bytes: 0,
        segment_bytes: 0,
        min_free_bytes: 0,
        queue_bytes: 0,
        readers: 0,
        fresh,
        clock: Arc::new(Timestamp::default),
    }
}

fn read(shared: &Shared, reads_all: bool) -> io::Result<Report> {
    let mut report = Report::default();
    for (_, bytes) in larges(&*shared.device, false)? {
        report.large_files += 1;
        report.large_bytes += bytes;
    }
    for uid in uids_in(&shared.device.list(SEGMENTS)?) {
        let file = shared.device.open(&segment_name(uid))?;
        let bytes = file.len()?;
        let Some(segment) = shared.segments.add(uid, file, bytes) else { break };
        let (mut contents, is_listed) = contents(shared, &segment)?;
        if reads_all && is_listed {
            contents = scan(shared, uid, &*segment.file, bytes)?;
        }
        report.segments += 1;
        report.unlisted += u64::from(!is_listed);
        report.segment_bytes += bytes;
        count(shared, &segment, &contents, reads_all, &mut report);
    }
    report.damaged = shared.counts.corrupt_records.load(Ordering::Relaxed);
    Ok(report)
}

fn count(
    shared: &Shared,
    segment: &Segment,
    contents: &Contents,
    reads_all: bool,
    report: &mut Report,
) {
    for entry in contents.iter() {
        report.records += 1;
        if reads_all && entry.kind == Kind::Large && is_damaged(shared, segment, &entry) {
            report.damaged_large += 1;
        }
    }
}

/// Whether the file of a Large record is there and damaged.
fn is_damaged(shared: &Shared, segment: &Segment, entry: &Entry) -> bool {
    let Some(loaded) = load_at(shared, segment, entry) else { return false };
    let LoadedBody::File { number, bytes } = loaded.body else { return false };
    let (of, help) = ((number, shared.format.seed), shared.help());
    match LargeFile::open(&*shared.device, of, (&loaded.key, bytes), help) {
        Ok(file) => file.is_damaged(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}
