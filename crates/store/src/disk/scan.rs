//! Reading a segment from end to end, where there is no list beside it.

use super::contents::{Contents, Entry};
use super::device::{DeviceFile, read_whole};
use super::record::{ALIGN, MAX_RECORD, Place, Record, aligned, length_of};
use super::segments::{Segment, index_name};
use super::shared::{Settings, Shared};
use std::io;

/// How much is read at once, in bytes.
const WINDOW: usize = 4 << 20;

/// What a segment holds, by the list beside it or by its records; and whether there is a list.
pub(crate) fn contents(shared: &Shared, segment: &Segment) -> io::Result<(Contents, bool)> {
    let bytes = segment.file.len()?;
    let list = read_whole(&*shared.device, &index_name(segment.uid), Settings::MAX_SEGMENT_BYTES);
    let seed = shared.format.seed;
    match list.ok().and_then(|list| Contents::from_file(&list, seed, segment.uid, bytes)) {
        Some(contents) => Ok((contents, true)),
        None => Ok((scan(shared, segment.uid, &*segment.file, bytes)?, false)),
    }
}

/// Reads all records. What is damaged is stepped over, and counted.
pub(crate) fn scan(
    shared: &Shared,
    uid: u64,
    file: &dyn DeviceFile,
    bytes: u64,
) -> io::Result<Contents> {
    let mut contents = Contents::default();
    let (mut window, mut begin, mut at) = (Vec::new(), 0, 0);
    let mut was_good = true;
    // Records that begin where the index cannot point to are none.
    let bytes = bytes.min(Settings::MAX_SEGMENT_BYTES);
    while at < bytes {
        let ahead = (at - begin) as usize;
        let held = window.len().saturating_sub(ahead);
        if held < MAX_RECORD && begin + (window.len() as u64) < bytes {
            (window, begin) = (read(file, at, bytes)?, at);
            if window.is_empty() {
                break;
            }
            continue;
        }
        let here = window.get(ahead..).unwrap_or_default();
        let place = Place { uid, offset: at as u32 };
        let record =
            length_of(here).and_then(|_| Record::read(here, shared.format.seed, place).ok());
        at += match &record {
            Some(record) => {
                contents.push(&Entry::of(record, place.offset), record.seq);
                if let Some(born) = record.born() {
                    contents.births.add(born, true);
                }
                aligned(record.length())
            }
            None => ALIGN,
        } as u64;
        if record.is_none() && was_good {
            shared.tell_damage(uid, place.offset);
        }
        was_good = record.is_some();
    }
    Ok(contents)
}

fn read(file: &dyn DeviceFile, at: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut window = vec![0; WINDOW.min((end - at) as usize)];
    let read = file.read_at(&mut window, at)?;
    window.truncate(read);
    Ok(window)
}
