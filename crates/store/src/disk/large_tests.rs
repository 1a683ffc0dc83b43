//! What large bodies promise, sentence by sentence.

use super::device::{Device, read_whole};
use super::faulty_device_tests::{Faults, FaultyDevice};
use super::fixture_tests::{Hands, asks, key, meta, settings};
use super::reply::wait_for;
use super::tier::{Disk, Found};
use super::{DiskBody, LargeFile, Settings};
use bytes::Bytes;
use policy::key::Key;
use std::io;
use std::sync::Arc;
use std::time::Duration;

const SIZE: u64 = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

fn open(device: &FaultyDevice) -> Arc<Disk> {
    open_with(device, 2)
}

/// Without readers, what a thread of the pool would do is done at once.
fn open_with(device: &FaultyDevice, readers: usize) -> Arc<Disk> {
    let settings = Settings {
        size_bytes: SIZE,
        segment_bytes: 64 << 10,
        readers,
        ..settings(&Hands::default())
    };
    Disk::open(Arc::new(device.clone()), settings).unwrap()
}

fn device() -> FaultyDevice {
    FaultyDevice::new(7, u64::MAX)
}

fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Writes a body in pieces of an odd length.
fn write(disk: &Disk, key: &Key, body: &[u8]) -> io::Result<Arc<LargeFile>> {
    let mut writer = wait_for(disk.begin_large(key))?;
    wait_for(async {
        for piece in body.chunks(10_007) {
            writer.write(Bytes::copy_from_slice(piece)).await?;
        }
        writer.finish().await
    })
}

fn store(disk: &Disk, key: &Key, answered: u64, body: &[u8]) -> bool {
    let file = write(disk, key, body).unwrap();
    disk.put(key, meta("a", answered), file, || false) && disk.flush(PATIENCE)
}

fn read(file: &Arc<LargeFile>, mut offset: u64) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let piece = wait_for(file.read(offset, u64::MAX))?;
        if piece.is_empty() {
            return Ok(whole);
        }
        offset += piece.len() as u64;
        whole.extend_from_slice(&piece);
    }
}

fn find(disk: &Disk, key: &Key) -> Option<Arc<LargeFile>> {
    match wait_for(disk.find(key, &asks("a"))) {
        Found::Response(stored) => match stored.body {
            DiskBody::File(file) => Some(file),
            DiskBody::Whole(_) => panic!("it is large"),
        },
        Found::OtherVariants(_) | Found::Nothing => None,
    }
}

fn files(device: &FaultyDevice) -> Vec<String> {
    let folders = device.list("large").unwrap();
    let inside = |folder: super::Listed| device.list(&format!("large/{}", folder.name)).unwrap();
    folders.into_iter().flat_map(inside).map(|listed| listed.name).collect()
}

#[test]
fn a_large_body_is_found_as_it_was_written_in_this_run_and_the_next() {
    let device = device();
    let mut disk = open(&device);
    let root = key("http", "/");
    for bytes in [0, 1, 65_535, 65_536, 65_537, 1_000_000] {
        let body = body(bytes);
        assert!(store(&disk, &root, 1, &body));
        for _ in 0..2 {
            let file = find(&disk, &root).unwrap();
            assert_eq!(file.len(), bytes as u64);
            assert!(read(&file, 0).unwrap() == body, "{bytes}");
            let from = bytes / 3;
            assert!(read(&file, from as u64).unwrap() == body[from..], "{bytes}");
            drop(file);
            disk.close();
            disk = open(&device);
        }
        assert_eq!(files(&device).len(), 1, "the one before is gone");
    }
}

#[test]
fn its_file_says_where_the_body_begins() {
    let device = device();
    let disk = open(&device);
    let body = body(70_000);
    store(&disk, &key("http", "/"), 1, &body);
    let name = files(&device).pop().unwrap();
    let path = format!("large/{}/{name}", &name[14..16]);
    let file = read_whole(&device, &path, SIZE).unwrap();
    let line = String::from_utf8(file.split(|b| *b == b'\n').next().unwrap().to_vec()).unwrap();
    assert_eq!(line, "larder-body 1 at 0000004096 bytes 00000000000000070000 slice 0000065536");
    assert!(file[4096..4096 + 70_000] == body);
}

#[test]
fn a_body_is_read_while_it_is_written() {
    let device = device();
    let disk = open(&device);
    let root = key("http", "/");
    let mut writer = wait_for(disk.begin_large(&root)).unwrap();
    let (file, body) = (writer.file().clone(), body(200_000));
    let reader = std::thread::spawn(move || read(&file, 0));
    let file = wait_for(async {
        for piece in body.chunks(1_000) {
            writer.write(Bytes::copy_from_slice(piece)).await?;
        }
        writer.finish().await
    });
    assert_eq!(file.unwrap().len(), 200_000);
    assert!(reader.join().unwrap().unwrap() == body);
}

#[test]
fn a_piece_is_what_was_asked_for_and_whole_slices_at_the_most() {
    let device = device();
    let disk = open(&device);
    let whole = body(400_000);
    let file = write(&disk, &key("http", "/"), &whole).unwrap();
    let piece = |offset, most| wait_for(file.read(offset, most)).unwrap();
    let most = 256 << 10;
    assert!(piece(0, u64::MAX) == whole[..most]);
    assert!(piece(65_535, 2) == whole[65_535..65_537], "it lies in two slices");
    assert!(piece(70_000, u64::MAX) == whole[70_000..(64 << 10) + most]);
    assert!(piece(399_990, 100) == whole[399_990..]);
    assert!(piece(400_000, 1).is_empty());
}

#[test]
fn a_dropped_writer_leaves_nothing_and_its_readers_hear_it() {
    let device = device();
    let disk = open_with(&device, 0);
    let mut writer = wait_for(disk.begin_large(&key("http", "/"))).unwrap();
    wait_for(writer.write(Bytes::from(body(100_000)))).unwrap();
    let file = writer.file().clone();
    drop(writer);
    assert!(wait_for(file.read(70_000, u64::MAX)).is_err());
    // A thread of the pool removes it.
    let begun = std::time::Instant::now();
    while disk.stats().large_bytes > 0 && begun.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    assert_eq!(disk.stats().large_bytes, 0);
    disk.close();
    drop(open(&device));
    assert_eq!(files(&device), [""; 0]);
}

#[test]
fn what_nobody_put_and_what_was_not_finished_is_removed_at_the_next_start() {
    let device = device();
    let disk = open(&device);
    write(&disk, &key("http", "/"), &body(100_000)).unwrap();
    disk.close();
    device.create_new("large/05/0000000000000005.tmp").unwrap();
    device.create_new("large/05/notes.txt").unwrap();
    drop(open(&device));
    assert_eq!(files(&device), ["notes.txt"], "what is foreign stays");
}

#[test]
fn damage_is_an_error_of_its_slice_or_a_miss() {
    let device = device();
    let root = key("http", "/");
    let disk = open(&device);
    store(&disk, &root, 1, &body(1 << 20));
    drop(disk);
    device.damage(".body", 0.5);
    let disk = open(&device);
    let at_tail = find(&disk, &root).map(|file| {
        assert!(wait_for(file.read(0, u64::MAX)).is_ok(), "the first half is as it was");
        assert!(read(&file, 0).is_err());
    });
    assert!(at_tail.is_some() || disk.stats().corrupt_records == 1);
}

#[test]
fn files_keep_to_the_bound_and_what_is_used_stays() {
    let device = device();
    let disk = open(&device);
    let used = key("http", "/used");
    let body = body(300_000);
    assert!(store(&disk, &used, 1, &body));
    for at in 0..100 {
        assert!(store(&disk, &key("http", &format!("/{at}")), at, &body));
        assert!(find(&disk, &used).is_some(), "at {at}");
    }
    assert!(device.most_bytes() <= SIZE + 128, "{}", device.most_bytes());
    assert!(files(&device).len() > 10);
    let bytes = disk.stats().large_bytes;
    disk.close();
    assert_eq!(open(&device).stats().large_bytes, bytes);
    assert!(write(&disk, &used, &body).is_err(), "it is closed");
}

#[test]
fn a_body_of_half_the_size_and_a_failing_disk_are_refused() {
    let device = device();
    let disk = open(&device);
    let root = key("http", "/");
    assert!(write(&disk, &root, &body(SIZE as usize / 2)).is_err());
    assert_eq!(disk.stats().failing, None);
    device.set_faults(Faults { write_error: 1, ..Faults::default() });
    assert!(write(&disk, &root, &body(100_000)).is_err());
    device.set_faults(Faults::default());
    assert!(store(&disk, &root, 1, &body(100_000)));
}
