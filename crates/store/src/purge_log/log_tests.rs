//! The purge log by examples: with its thread, on a real folder, and without a disk.

use super::file::LOG;
use super::record::{HEAD, Kind, MAX_RECORD_BYTES, Record};
use super::{PurgeLog, Refused, Settings, open};
use crate::disk::faulty_device_tests::FaultyDevice;
use crate::disk::{self, Device, Disk, Folder, Format, OpenError, take_format};
use policy::purge::{Force, Purge, Scope, Subject, TableLimits, Verdict};
use policy::rule::SiteId;
use policy::time::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const FORMAT: Format = Format { seed: 1, log_id: 2 };

pub(super) fn settings(fresh_log_id: u64) -> Settings {
    Settings { fresh_log_id, ..Settings::default() }
}

pub(super) fn purge(tag: &str, force: Force) -> Purge {
    let scopes = [Scope::Tag(None, tag.into())].into();
    Purge { scopes, force, at: Timestamp(5), by: "test".into(), why: "".into() }
}

/// A folder that is gone with the test.
pub(super) struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("larder-{name}-{}", std::process::id()));
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn device() -> Arc<FaultyDevice> {
    let device = FaultyDevice::new(1, 1 << 30);
    take_format(&device, FORMAT).unwrap();
    Arc::new(device)
}

fn ask(log: &PurgeLog, tag: &str, seq: u64) -> Verdict {
    let tags = [tag.into()];
    let born = policy::purge::Born { seq, ..log.born() };
    log.check(&Subject::new(b"a.b\0/", SiteId(1), &tags, &[]), born, 0)
}

#[test]
fn purges_of_many_threads_are_in_force_when_answered_and_after_a_start() {
    let device = device();
    let log = PurgeLog::open(device.clone(), settings(7)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                for at in 0..50 {
                    let tag = format!("{thread}.{at}");
                    let born = log.head();
                    let seq = log.append(purge(&tag, Force::Hard)).wait().unwrap();
                    assert!(born < seq && seq <= log.head());
                    assert_eq!(ask(log, &tag, born), Verdict::Gone);
                    assert_eq!(ask(log, &tag, seq), Verdict::Valid);
                }
            });
        }
    });
    let (before, stats) = (log.born(), log.stats());
    assert_eq!((before.log_id, before.seq, stats.appended), (7, 400, 400));
    log.close();
    assert_eq!(log.append(purge("x", Force::Hard)).wait(), Err(Refused::Closed));
    let log = PurgeLog::open(device, settings(8)).unwrap();
    assert_eq!(log.born(), before);
    assert_eq!(ask(&log, "7.49", 0), Verdict::Gone);
    assert_eq!(log.noted(400).map(|noted| noted.by), Some("test".into()), "read again");
    let seq = log.append(purge("7.49", Force::Soft)).wait().unwrap();
    assert_eq!(log.noted(seq).map(|noted| noted.seq), Some(seq));
    assert_eq!((seq, ask(&log, "7.49", 400)), (401, Verdict::StaleSince(Timestamp(5))));
}

#[test]
fn what_came_since_is_told_after_a_start_as_far_as_the_log_has_its_text() {
    let device = device();
    let mut keeper = open(device.clone(), settings(7)).unwrap();
    let log = PurgeLog::by_hand(&keeper);
    let start = log.born();
    let append = |keeper: &mut super::Keeper, tag: &str| {
        let appended = log.append(purge(tag, Force::Soft));
        assert!(keeper.turn(Duration::ZERO));
        appended.wait().unwrap()
    };
    append(&mut keeper, "a");
    append(&mut keeper, "b");
    let numbers = |log: &PurgeLog, seq: u64| {
        let news = log.tidings(policy::purge::Born { seq, ..start }).news?;
        Some(news.iter().map(|news| news.seq).collect::<Vec<_>>())
    };
    assert_eq!(numbers(&log, 0), Some(vec![1, 2]));
    keeper.rewrite().unwrap();
    append(&mut keeper, "c");
    assert_eq!(numbers(&log, 0), Some(vec![1, 2, 3]), "it is remembered still");
    drop(keeper);
    let log = PurgeLog::open(device, settings(8)).unwrap();
    assert_eq!(log.tidings(start).head, policy::purge::Born { seq: 3, ..start });
    for (seq, found) in [(0, None), (1, None), (2, Some(vec![3])), (3, Some(vec![])), (4, None)] {
        assert_eq!(numbers(&log, seq), found, "{seq}");
    }
    let other = policy::purge::Born { log_id: start.log_id + 1, seq: 3 };
    assert!(log.tidings(other).news.is_none());
}

#[test]
fn without_a_disk_purges_hold_until_the_process_ends() {
    let log = PurgeLog::in_memory(settings(7));
    for seq in 1..4 {
        assert_eq!(log.append(purge("t", Force::Hard)).wait(), Ok(seq));
    }
    assert_eq!((log.head(), ask(&log, "t", 2)), (3, Verdict::Gone));
    log.note_least_born(u64::MAX);
    assert_eq!(log.stats().table.scopes, 0);
    assert_eq!(ask(&log, "t", 3), Verdict::Valid);
}

#[test]
fn a_purge_too_long_for_a_record_is_refused_at_once() {
    let log = PurgeLog::open(device(), settings(7)).unwrap();
    let why = "x".repeat(MAX_RECORD_BYTES - HEAD).into();
    let long = Purge { why, ..purge("t", Force::Hard) };
    assert_eq!(log.append(long).wait(), Err(Refused::TooLong));
    assert_eq!(log.head(), 0);
}

#[test]
fn a_log_that_has_grown_is_written_anew() {
    let device = device();
    let mut keeper = open(device.clone(), settings(7)).unwrap();
    let log = PurgeLog::by_hand(&keeper);
    for at in 0..40 {
        let why = "x".repeat(100 << 10).into();
        let purge = Purge { why, ..purge(if at < 39 { "t" } else { "u" }, Force::Hard) };
        let appended = log.append(purge);
        keeper.turn(Duration::ZERO);
        appended.wait().unwrap();
    }
    let stats = log.stats();
    assert!(stats.compactions >= 3 && stats.file_bytes < 2 << 20, "{stats:?}");
    drop(keeper);
    let log = PurgeLog::open(device, settings(8)).unwrap();
    assert_eq!((log.born().log_id, log.head()), (7, 40));
    assert_eq!((ask(&log, "t", 38), ask(&log, "t", 39)), (Verdict::Gone, Verdict::Valid));
    assert_eq!(ask(&log, "u", 39), Verdict::Gone);
}

#[test]
fn what_is_older_than_all_that_is_stored_is_given_up_when_the_log_is_written_anew() {
    let mut keeper = open(device(), settings(7)).unwrap();
    let log = PurgeLog::by_hand(&keeper);
    for at in 0..40 {
        let why = "x".repeat(100 << 10).into();
        let appended = log.append(Purge { why, ..purge(&at.to_string(), Force::Soft) });
        log.note_least_born(log.head());
        keeper.turn(Duration::ZERO);
        appended.wait().unwrap();
    }
    assert!(log.stats().table.scopes < 20, "{:?}", log.stats());
}

#[test]
fn the_last_purge_damaged_is_told_from_one_that_was_torn() {
    let device = device();
    let log = PurgeLog::open(device.clone(), settings(7)).unwrap();
    let last = log.append(purge("t", Force::Hard)).wait().unwrap();
    log.close();
    let file = device.open(LOG).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    let noted = bytes.len() - HEAD;
    let note = Record::read(&bytes[noted..], FORMAT.seed, noted as u64).unwrap();
    assert_eq!((note.kind, note.seq, note.durable), (Kind::Durable, last, noted as u64));
    // Without the note it is a torn tail, as a power cut leaves it.
    file.write_at(&[bytes[noted - 9] ^ 1], noted as u64 - 9).unwrap();
    file.set_len(noted as u64).unwrap();
    let log = PurgeLog::open(device.clone(), settings(8)).unwrap();
    assert_eq!((log.born().log_id, log.head()), (7, 0));
    log.close();
    file.write_at(&bytes, 0).unwrap();
    file.write_at(&[bytes[noted - 9] ^ 1], noted as u64 - 9).unwrap();
    let log = PurgeLog::open(device, settings(8)).unwrap();
    assert_eq!((log.born().log_id, log.head()), (8, 0));
}

#[test]
fn a_log_shorter_than_what_stored_responses_know_begins_anew() {
    let device = device();
    let log = PurgeLog::open(device.clone(), settings(7)).unwrap();
    log.append(purge("t", Force::Hard)).wait().unwrap();
    let born = log.born();
    log.close();
    for (seq, log_id, name) in [(1, 7, 7), (9, 8, 7), (2, 7, 9)] {
        let known = Some(policy::purge::Born { log_id, seq });
        let log = PurgeLog::open(device.clone(), Settings { known, ..settings(9) }).unwrap();
        assert_eq!(log.born().log_id, name, "{seq} of {log_id}");
    }
    assert_eq!(born.seq, 1);
}

#[test]
fn the_disk_tier_opens_a_folder_with_a_purge_log_and_looks_into_it() {
    let scratch = Scratch::new("purge-log");
    let disk_settings = || disk::Settings {
        size_bytes: 1 << 20,
        segment_bytes: 64 << 10,
        min_free_bytes: 0,
        queue_bytes: 64 << 10,
        readers: 0,
        fresh: FORMAT,
        clock: Arc::new(Timestamp::default),
    };
    for start in 0..3 {
        let folder: Arc<dyn Device> = Arc::new(Folder::open(&scratch.0).unwrap());
        let disk = Disk::open(folder.clone(), disk_settings()).unwrap();
        let log = PurgeLog::open(folder, settings(7 + start)).unwrap();
        assert_eq!((log.born().log_id, log.head()), (7, start));
        log.append(purge("t", Force::Hard)).wait().unwrap();
        log.close();
        disk.close();
    }
    let folder: Arc<dyn Device> = Arc::new(Folder::open_existing(&scratch.0).unwrap());
    assert_eq!(disk::stat(folder.clone()).unwrap(), disk::verify(folder).unwrap());
}

#[test]
fn a_folder_that_is_no_store_gets_no_log() {
    let device = Arc::new(FaultyDevice::new(1, 1 << 30));
    assert!(matches!(PurgeLog::open(device.clone(), settings(7)), Err(OpenError::Io { .. })));
    assert_eq!(device.list("").unwrap(), []);
}

#[test]
fn limits_hold_after_a_start_too() {
    let device = device();
    let limits = TableLimits { scopes: 16, patterns: 2 };
    for start in 0..2 {
        let settings = Settings { limits, ..settings(7) };
        let log = PurgeLog::open(device.clone(), settings).unwrap();
        for at in 0..20 {
            log.append(purge(&format!("{start}.{at}"), Force::Soft)).wait().unwrap();
        }
        let stats = log.stats().table;
        assert!(stats.scopes <= 16 && stats.floors == 1, "{stats:?}");
        assert_eq!(ask(&log, "0.0", 0), Verdict::StaleSince(Timestamp(5)));
    }
}
