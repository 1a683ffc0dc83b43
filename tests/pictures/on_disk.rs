//! Long sources that lie on disk, in a folder or as a stored body: they are read in pieces, and nothing
//! comes out otherwise.

use super::{CHROME, wait_for};
use crate::support::pictures::{rgb, size};
use crate::support::{Larder, Origin, Received, Reply};
use std::fs;
use std::path::PathBuf;

const MIB: u64 = 1 << 20;
/// So small that what is longer than 64 KiB lies on disk only.
const SMALL_MEMORY: &str = "storage.memory = \"2MiB\"";

/// A PNG that is as long as its pixels, since nothing of it repeats.
fn noise(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 9) as u8
    };
    let pixels: Vec<u8> = (0..width * height * 3).map(|_| byte()).collect();
    rgb(width, height, &pixels)
}

/// An origin that has the same for each path.
fn having(bytes: &[u8]) -> Origin {
    let bytes = bytes.to_vec();
    Origin::answering(move |_| Reply::cached("public, max-age=600", &bytes))
}

/// One that has files of a folder as sources, the folder, which is gone with the last, and what is set
/// beside.
fn with_folder(top: &str, images: &str, origin: &Origin) -> (Larder, PathBuf, Larder) {
    let other = Larder::before(origin);
    let at = other.data().join("photos");
    fs::create_dir_all(&at).expect("a folder");
    let folders = format!("folders = [{{ path = \"/photos/\", folder = {at:?}, ttl = \"10s\" }}]");
    let site = format!("[[site]]\norigin = \"{{origin}}\"\n[site.images]\n{images}\n{folders}\n");
    (Larder::configured(&format!("{top}\n{site}"), origin), at, other)
}

/// What tells whether two answers are the same picture.
fn picture(answer: &Received) -> (u16, Option<&str>, Option<&str>, &[u8]) {
    (answer.status, answer.field("content-type"), answer.field("etag"), &answer.body)
}

#[test]
fn a_source_on_disk_makes_what_one_in_memory_makes() {
    let source = noise(640, 480, 1);
    let origin = having(&source);
    let (small, folder, _other) = with_folder(SMALL_MEMORY, "originals = true", &origin);
    fs::write(folder.join("a.png"), &source).expect("a file");
    small.fill("/a.png");
    small.settle();
    assert!(small.metrics().sum("larder_disk_large_bytes", &[]) >= source.len() as u64);
    assert!(small.metrics().sum("larder_memory_bytes", &[]) < source.len() as u64);
    let large = super::larder("originals = true", &origin);
    large.fill("/a.png");
    large.settle();
    for what in ["w=64,f=webp", "w=96,h=96,g=smart,f=png", "w=48,f=avif", "info", "raw"] {
        let of = |path: &str| format!("/_larder/image/{what}/{path}");
        let in_memory = large.get(&of("a.png"));
        assert_eq!(in_memory.status, 200, "{what}: {}", in_memory.text());
        for path in ["photos/a.png", "a.png"] {
            let on_disk = small.get(&of(path));
            assert!(picture(&on_disk) == picture(&in_memory), "{what} {path}: {}", on_disk.text());
        }
    }
    assert_eq!(origin.count(), 2, "each has it from the origin once");
}

#[test]
fn a_long_file_that_is_replaced_makes_another_picture() {
    let origin = having(b"");
    let (larder, folder, _other) = with_folder("", "", &origin);
    let file = folder.join("a.png");
    fs::write(&file, noise(640, 480, 1)).expect("a file");
    let target = "/_larder/image/w=64,f=webp/photos/a.png";
    let first = larder.fill(target);
    // The same again is found to be the same, and is not made again.
    larder.turn_clock(11);
    assert!(picture(&larder.fill(target)) == picture(&first));
    assert_eq!(super::made(&larder), 1);
    fs::write(&file, noise(480, 640, 2)).expect("a file");
    larder.turn_clock(11);
    let second = larder.fill(target);
    assert_eq!((size(&first.body), size(&second.body)), ((64, 48), (64, 85)));
    assert_ne!(first.field("etag"), second.field("etag"));
    // What nobody waits for is made of it, too.
    let better = wait_for(&larder, "/_larder/image/w=64/photos/a.png", "image/avif");
    assert_eq!(size(&better.body), (64, 85));
    assert_eq!(larder.get_with("/_larder/image/w=96/photos/a.png", &CHROME).status, 200);
}

#[test]
fn a_long_file_goes_out_as_it_is_where_it_has_to() {
    let source = noise(640, 480, 1);
    let cut = &source[..source.len() / 2];
    let drawing = format!("<svg xmlns='http://www.w3.org/2000/svg'>{}</svg>", " ".repeat(400_000));
    let origin = having(b"");
    let images = "on_error = \"original\"\nsvg = true\noriginals = true";
    let (larder, folder, _other) = with_folder("images.max_source = \"1MiB\"", images, &origin);
    for (name, bytes, asked, media) in [
        ("cut.png", cut, "w=64,f=webp", "image/png"),
        ("drawn.svg", drawing.as_bytes(), "w=64,f=webp", "image/svg+xml"),
        ("a.png", &source, "raw", "image/png"),
    ] {
        fs::write(folder.join(name), bytes).expect("a file");
        let answer = larder.get(&format!("/_larder/image/{asked}/photos/{name}"));
        assert_eq!((answer.status, answer.field("content-type")), (200, Some(media)), "{name}");
        assert!(answer.body == bytes, "{name}");
    }
    fs::write(folder.join("long.png"), vec![0; (MIB + 1) as usize]).expect("a file");
    let long = larder.get("/_larder/image/w=64/photos/long.png");
    assert_eq!(long.status, 422);
    assert!(long.text().contains("its source is longer than 1024 KiB"), "{}", long.text());
}

#[test]
fn the_server_holds_little_of_a_long_source() {
    // 20 MB of noise.
    let source = noise(2800, 2400, 1);
    let origin = having(&source);
    let top = "images.workers = 1\nimages.timeout = \"60s\"\nimages.memory = \"1MiB\"";
    let (larder, folder, _other) = with_folder(&format!("{SMALL_MEMORY}\n{top}"), "", &origin);
    fs::write(folder.join("a.png"), &source).expect("a file");
    larder.fill("/a.png");
    larder.settle();
    assert!(larder.metrics().sum("larder_disk_large_bytes", &[]) >= source.len() as u64);
    for path in ["photos/a.png", "a.png"] {
        // What it holds at most is counted anew.
        fs::write(format!("/proc/{}/clear_refs", larder.pid()), "5").expect("it is ours");
        let before = larder.peak_bytes();
        let answer = larder.get(&format!("/_larder/image/w=64,f=webp/{path}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let more = larder.peak_bytes().saturating_sub(before);
        assert!(more < 6 * MIB, "{path}: {} KiB more", more >> 10);
    }
}
