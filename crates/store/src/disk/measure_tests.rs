//! Figures of the disk tier on a real folder: `cargo test --profile quick -p store measure --
//! --ignored --nocapture`.

use super::fixture_tests::{asks, key, meta, settings};
use super::reply::wait_for;
use super::tier::{Disk, Found};
use super::{Folder, OpenError, Settings};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const OBJECTS: u64 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(600);

fn open(path: &Path) -> Result<Arc<Disk>, OpenError> {
    let size_bytes = 8 << 30;
    let settings = Settings {
        size_bytes,
        segment_bytes: Settings::segment_bytes_for(size_bytes),
        queue_bytes: 64 << 20,
        readers: 4,
        ..settings(&super::fixture_tests::Hands::default())
    };
    Disk::open(Arc::new(Folder::open(path)?), settings)
}

#[test]
#[ignore = "takes a while and some gigabytes of disk"]
fn measure() {
    let path = std::env::temp_dir().join(format!("larder-measure-{}", std::process::id()));
    let disk = open(&path).unwrap();
    let body = Bytes::from(vec![b'x'; 1024]);
    let begin = Instant::now();
    for at in 0..OBJECTS {
        while !disk
            .put(&key("https", &format!("/page/{at}")), meta("a", at), body.clone(), || false)
        {
            assert!(disk.flush(PATIENCE));
        }
    }
    assert!(disk.flush(PATIENCE));
    let seconds = begin.elapsed().as_secs_f64();
    disk.close();
    let stats = disk.stats();
    println!("{:.0} puts/s", OBJECTS as f64 / seconds);
    println!("amplification {:.3}", stats.bytes_written as f64 / (OBJECTS * 1024) as f64);
    println!("{:.1} bytes of index an object", stats.index_bytes as f64 / OBJECTS as f64);
    println!("{stats:?}");
    drop(disk);
    for how in ["clean", "by scan"] {
        if how == "by scan" {
            for file in std::fs::read_dir(path.join("segments")).unwrap() {
                let file = file.unwrap().path();
                if file.extension().is_some_and(|end| end == "idx") {
                    std::fs::remove_file(file).unwrap();
                }
            }
        }
        let begin = Instant::now();
        let disk = open(&path).unwrap();
        println!("opened {how} in {:.3} s", begin.elapsed().as_secs_f64());
        assert_eq!(disk.stats().objects, OBJECTS);
        finds(&disk);
    }
    std::fs::remove_dir_all(&path).unwrap();
}

fn finds(disk: &Disk) {
    let mut micros = Vec::new();
    for at in (0..OBJECTS).step_by(7) {
        let key = key("https", &format!("/page/{}", at * 7919 % OBJECTS));
        let request = asks("a");
        let begin = Instant::now();
        let found = wait_for(disk.find(&key, &request));
        micros.push(begin.elapsed().as_nanos() as f64 / 1000.0);
        assert!(matches!(found, Found::Response(_)));
    }
    micros.sort_by(f64::total_cmp);
    let at = |part: f64| micros[(micros.len() as f64 * part) as usize];
    println!("find p50 {:.2} us, p99 {:.2} us", at(0.5), at(0.99));
}
