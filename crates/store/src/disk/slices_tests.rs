//! What bodies with gaps promise: what is read is right or missing, whatever came in which order and
//! however the process ended.

use super::faulty_device_tests::{Chance, Faults, FaultyDevice};
use super::fixture_tests::{Hands, asks, key, meta, settings};
use super::large::SLICE;
use super::reply::wait_for;
use super::slice_map::Fate;
use super::tier::{Disk, Found};
use super::{DiskBody, LargeFile, Settings};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

const TOTAL: usize = 5 * SLICE + 777;
const PATIENCE: Duration = Duration::from_secs(60);

fn open(device: &FaultyDevice) -> Arc<Disk> {
    let settings =
        Settings { size_bytes: 8 << 20, segment_bytes: 64 << 10, ..settings(&Hands::default()) };
    Disk::open(Arc::new(device.clone()), settings).unwrap()
}

fn body() -> Vec<u8> {
    (0..TOTAL).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn begin(disk: &Disk) -> Arc<LargeFile> {
    let root = key("http", "/");
    let file = wait_for(disk.begin_with_gaps(&root, TOTAL as u64)).unwrap();
    assert!(disk.put(&root, meta("a", 1), file.clone(), || false) && disk.flush(PATIENCE));
    file
}

fn find(disk: &Disk) -> Option<Arc<LargeFile>> {
    match wait_for(disk.find(&key("http", "/"), &asks("a"))) {
        Found::Response(stored) => match stored.body {
            DiskBody::File(file) => Some(file),
            DiskBody::Whole(_) => panic!("it is large"),
        },
        Found::OtherVariants(_) | Found::Nothing => None,
    }
}

/// Fills the first gap within a range, as far as `stops` allows; gives what it was for.
fn fill(disk: &Disk, file: &Arc<LargeFile>, range: Range<u64>, stops: u64) -> Option<Range<u64>> {
    let until = range.end;
    let mut writer = disk.fill_gap(file, range, until)?;
    let gap = writer.range();
    let end = gap.end.min(gap.start.saturating_add(stops));
    let part = Bytes::copy_from_slice(&body()[gap.start as usize..end as usize]);
    wait_for(async {
        for piece in part.chunks(10_007) {
            writer.write(Bytes::copy_from_slice(piece)).await?;
        }
        writer.flush().await
    })
    .ok()?;
    Some(gap)
}

/// What is there from an offset on, up to the first gap.
fn read(file: &Arc<LargeFile>, from: u64) -> Vec<u8> {
    let mut there = Vec::new();
    loop {
        match wait_for(file.read(from + there.len() as u64, u64::MAX)) {
            Ok(piece) if !piece.is_empty() => there.extend_from_slice(&piece),
            Ok(_) | Err(_) => return there,
        }
    }
}

#[test]
fn gaps_are_filled_and_the_whole_is_there_in_this_run_and_the_next() {
    let device = FaultyDevice::new(7, u64::MAX);
    let disk = open(&device);
    let file = begin(&disk);
    let slice = SLICE as u64;
    assert_eq!(fill(&disk, &file, 70_000..70_001, u64::MAX), Some(slice..2 * slice));
    assert_eq!(file.missing_from(70_000), 2 * slice);
    assert!(read(&file, slice) == body()[SLICE..2 * SLICE]);
    // One that stops within a slice leaves what it had.
    assert_eq!(fill(&disk, &file, 0..10, 5), Some(0..slice));
    assert_eq!((read(&file, 0), file.missing_from(0)), (body()[..5].to_vec(), 5));
    disk.close();
    drop((disk, file));

    let disk = open(&device);
    let file = find(&disk).unwrap();
    assert!(file.has_gaps());
    assert_eq!(read(&file, 0), body()[..5]);
    let gaps: Vec<_> = std::iter::from_fn(|| fill(&disk, &file, 0..u64::MAX, u64::MAX)).collect();
    assert_eq!(gaps, [5..slice, 2 * slice..TOTAL as u64]);
    assert!(!file.has_gaps() && read(&file, 0) == body());
    disk.close();
    let reports = super::verify(Arc::new(device.clone())).unwrap();
    assert_eq!((reports.large_files, reports.damaged_large), (1, 0));
    assert!(read(&find(&open(&device)).unwrap(), 0) == body());
}

#[test]
fn who_waits_for_a_gap_hears_when_it_comes_and_when_it_will_not() {
    let disk = open(&FaultyDevice::new(7, u64::MAX));
    let file = begin(&disk);
    assert_eq!(wait_for(file.come(0)), None, "nobody fetches it");
    let mut writer = disk.fill_gap(&file, 0..1, 1).unwrap();
    let waits = |offset| {
        let file = file.clone();
        let mut heard = Box::pin(async move { file.come(offset).await });
        let pending = heard.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(pending.is_pending());
        heard
    };
    let heard = waits(0);
    assert!(disk.fill_gap(&file, 0..1, 1).is_none(), "it is claimed");
    wait_for(writer.write(Bytes::from(body()[..SLICE].to_vec()))).unwrap();
    assert_eq!(wait_for(heard), Some(Fate::Changed));
    assert!(file.has(0) && wait_for(file.come(0)) == Some(Fate::Changed));
    let at = 2 * SLICE as u64;
    for fate in [Fate::Failed, Fate::Refused, Fate::Outdated] {
        let mut other = disk.fill_gap(&file, at..u64::MAX, 1).unwrap();
        let heard = waits(at);
        other.set_fate(fate);
        drop(other);
        assert_eq!(wait_for(heard), Some(fate));
    }
    let other = disk.fill_gap(&file, at..u64::MAX, 1).unwrap();
    assert!(other.is_left().is_none(), "nobody reads");
    file.enter();
    let left = other.is_left().unwrap();
    file.leave();
    assert_eq!(wait_for(left), Some(()));
}

#[test]
fn a_body_that_was_given_up_takes_no_more() {
    let disk = open(&FaultyDevice::new(7, u64::MAX));
    let file = begin(&disk);
    disk.discard(&file);
    assert_eq!(fill(&disk, &file, 0..1, u64::MAX), None);
    assert_eq!(disk.stats().large_bytes, 0, "nothing is counted twice, nor left");
    assert!(wait_for(disk.begin_with_gaps(&key("http", "/"), 5 << 20)).is_err(), "half the disk");
}

/// Fills, reads, faults, kills and power cuts by chance: what is read is what was written.
fn run(seed: u64) -> u64 {
    let mut chance = Chance(seed);
    let device = FaultyDevice::new(chance.next(), u64::MAX);
    let (mut disk, mut right, whole) = (open(&device), 0, body());
    let mut file = Some(begin(&disk));
    for _ in 0..25 {
        let at = chance.below(TOTAL as u64);
        match (chance.below(12), &file) {
            (0..6, Some(file)) => {
                let stops = if chance.once_in(2) { u64::MAX } else { chance.below(SLICE as u64) };
                fill(&disk, file, at..at + 1 + chance.below(100_000), stops);
            }
            (6..9, Some(file)) => {
                let there = read(file, at);
                assert!(there == whole[at as usize..][..there.len()], "wrong bytes at {at}");
                right += there.len() as u64;
            }
            (9, _) => device.set_faults(match chance.below(4) {
                0 => Faults { write_error: 1 + chance.below(4), ..Faults::default() },
                1 => Faults { read_error: 1 + chance.below(4), ..Faults::default() },
                2 => Faults { bit_flip: 1 + chance.below(4), ..Faults::default() },
                _ => Faults::default(),
            }),
            (10, _) => device.cut_power_in(chance.below(6)),
            _ => {
                device.set_faults(Faults::default());
                drop((file.take(), disk));
                if device.is_off() {
                    device.switch_on();
                }
                disk = open(&device);
                file = find(&disk);
            }
        }
    }
    right
}

#[test]
fn nothing_wrong_is_ever_read_of_a_body_with_gaps() {
    // Each takes ten times as long as others do.
    let (seeds, right) = crate::seeds::run(10, run);
    assert!(right > seeds * 10_000, "only {right} bytes: the test tests nothing");
}
