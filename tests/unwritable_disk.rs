//! A disk that cannot be written: serving goes on, from memory and from what is there.

use crate::support::{Larder, Origin, Reply};
use std::fs;

/// An origin that answers each target with 3,000 bytes of its own.
fn origin() -> Origin {
    Origin::answering(|asked| Reply::cached("max-age=3600", body_of(&asked.target)))
}

fn body_of(target: &str) -> String {
    target.chars().cycle().take(3_000).collect()
}

fn get_all(larder: &Larder, numbers: std::ops::Range<u32>) {
    for target in numbers.map(|number| format!("/{number}")) {
        assert_eq!(larder.get(&target).text(), body_of(&target));
    }
}

#[test]
fn where_no_folder_can_be_made_it_serves_from_memory_and_says_so_once() {
    // Nobody can make a folder there, whoever runs the test.
    let toml = "storage.disk.path = \"/proc/self/larder\"\n[[site]]\norigin = \"{origin}\"";
    let origin = origin();
    let larder = Larder::configured(toml, &origin);
    larder.wait_for_error_line("nothing is kept on disk: /proc/self/larder cannot be used");
    larder.fill("/1");
    assert!(larder.get("/1").is_hit());
    get_all(&larder, 0..20);
    assert_eq!(larder.error_lines("on disk").len(), 1);
    assert_eq!(larder.admin("GET", "/ready", "").status, 200);
}

/// A file in the place of a folder refuses even the super-user, as a file system does that has
/// become read-only.
#[test]
fn what_cannot_be_written_any_more_is_still_read_until_it_can_again() {
    let toml = "storage.memory = \"1MiB\"\nstorage.max_object = \"256KiB\"\n\
                storage.disk = { size = \"16MiB\", min_free = \"0B\" }\n\
                [[site]]\norigin = \"{origin}\"";
    let origin = origin();
    let larder = Larder::configured(toml, &origin);
    get_all(&larder, 0..200);
    larder.settle();
    let (folder, away) = (larder.data().join("cache/segments"), larder.data().join("away"));
    fs::rename(&folder, &away).unwrap();
    fs::write(&folder, "").unwrap();

    get_all(&larder, 200..800);
    larder.settle();
    larder.wait_for_metric("larder_disk_failing", &[], 1);
    assert!(larder.metrics().sum("larder_disk_dropped_total", &[]) > 0);
    // Lines come beside what they tell of, so a moment later.
    larder.wait_for_error_line("the disk tier cannot write");
    assert_eq!(larder.error_lines("the disk tier cannot write").len(), 1);
    let ready = larder.admin("GET", "/ready", "");
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("the disk cannot be written"), "{}", ready.text());
    assert!(larder.get("/799").is_hit(), "memory goes on");
    let asked = origin.count();
    get_all(&larder, 0..200);
    assert_eq!(origin.count(), asked, "what was written before is still there");

    fs::remove_file(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    larder.turn_clock(11);
    larder.wait_for_metric("larder_disk_failing", &[], 0);
    larder.wait_for_error_line("the disk tier writes again");
    assert_eq!(larder.error_lines("the disk tier writes again").len(), 1);
    assert!(!larder.admin("GET", "/ready", "").text().contains("disk"));
    let before = larder.metrics().sum("larder_disk_objects", &[]);
    get_all(&larder, 1_000..1_100);
    larder.settle();
    assert_eq!(larder.metrics().sum("larder_disk_objects", &[]), before + 100);
}
