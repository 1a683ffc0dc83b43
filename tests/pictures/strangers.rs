//! What strangers can make Larder keep and hold of pictures, and what URLs say to who asks alone.

use super::dialects::{KEYS, signed};
use super::{SAFARI_OF_OLD, larder, made, origin};
use crate::support::pictures::jpeg;
use crate::support::{Origin, Reply, until};
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 3600;

#[test]
fn strangers_have_only_so_many_pictures_of_one_source_kept() {
    let origin = origin();
    let larder = larder("variants = 3", &origin);
    let of = |height: u32| format!("/_larder/image/w=64,h={height},fit=cover,f=jpeg/photo.jpg");
    for height in 10..13 {
        larder.fill(&of(height));
        assert!(larder.get(&of(height)).is_hit(), "{height}");
    }
    for _ in 0..2 {
        let beyond = larder.get(&of(13));
        assert_eq!((beyond.status, beyond.field("content-type")), (200, Some("image/jpeg")));
        assert!(beyond.cache().contains("detail=too-many-variants"), "{}", beyond.cache());
    }
    assert!(larder.get(&of(10)).is_hit());
    // Nor by a colour or an effect.
    for options in ["w=64,bg=123456", "w=64,blur=0.37", "crop=17:23", "q=40"] {
        let target = format!("/_larder/image/{options},f=png/photo.jpg");
        assert!(larder.get(&target).cache().contains("too-many-variants"), "{options}");
    }
    // What is only a width of the ladder there is for everybody, and other sources have room.
    for target in ["w=64,f=jpeg/photo.jpg", "w=96,f=png/photo.jpg", "w=64,h=13,f=png/drawn.png"] {
        larder.fill(&format!("/_larder/image/{target}"));
        assert!(larder.get(&format!("/_larder/image/{target}")).is_hit(), "{target}");
    }
    larder.turn_clock(3 * DAY);
    larder.fill(&of(13));
    assert!(larder.get(&of(13)).is_hit(), "what nobody asked for was forgotten");
    let url = format!("http://{}{}", larder.address, of(14));
    larder.fill(&of(15));
    larder.fill(&of(16));
    let (_, text, _) = larder.command(&["explain", "--fetch", &url]);
    assert!(text.contains("too-many-variants"), "{text}");
}

#[test]
fn the_same_picture_in_each_format_counts_once_and_signed_ones_do_not() {
    let origin = origin();
    let images = format!("variants = 1\n[site.images.imgproxy]\n{KEYS}");
    let signing = larder(&images, &origin);
    for width in [50, 51, 52] {
        let target = signed(&format!("/rs:fill:{width}:20/plain/local:///photo.jpg"));
        signing.fill_with(&target, &SAFARI_OF_OLD);
        assert!(signing.get_with(&target, &SAFARI_OF_OLD).is_hit(), "{width}");
    }
    let larder = larder("variants = 1", &origin);
    let target = "/_larder/image/w=64,h=20,fit=cover/photo.jpg";
    for accept in [&SAFARI_OF_OLD[..], &[]] {
        larder.fill_with(target, accept);
        assert!(larder.get_with(target, accept).is_hit(), "{accept:?}");
    }
    let other = larder.get("/_larder/image/w=64,h=21,fit=cover/photo.jpg");
    assert!(other.cache().contains("too-many-variants"), "{}", other.cache());
}

#[test]
fn the_name_of_a_file_is_for_who_asks_by_it() {
    let origin = origin();
    let larder = larder("[site.images.imgproxy]", &origin);
    let plain = larder.fill_with("/_larder/image/w=64/photo.jpg", &SAFARI_OF_OLD);
    let usual = Some("inline; filename=\"photo.webp\"");
    assert_eq!(plain.field("content-disposition"), usual);
    for (target, told) in [
        ("/imgproxy/_/w:64/fn:cat/plain/local:///photo.jpg", "inline; filename=\"cat.webp\""),
        ("/imgproxy/_/w:64/att:1/plain/local:///photo.jpg", "attachment; filename=\"photo.webp\""),
        ("/_larder/image/w=64,name=Y2F0,dl=1/photo.jpg", "attachment; filename=\"cat.webp\""),
    ] {
        let answer = larder.get_with(target, &SAFARI_OF_OLD);
        assert!(answer.is_hit() && answer.body == plain.body, "{target}: {}", answer.cache());
        assert_eq!(answer.all("content-disposition"), [told], "{target}");
    }
    // Who comes first by a name names it for nobody else.
    let first = larder.get_with("/_larder/image/w=96,name=Y2F0/photo.jpg", &SAFARI_OF_OLD);
    assert_eq!(first.all("content-disposition"), ["inline; filename=\"cat.webp\""]);
    let next = larder.fill_with("/_larder/image/w=96/photo.jpg", &SAFARI_OF_OLD);
    assert_eq!(next.all("content-disposition"), ["inline; filename=\"photo.webp\""]);
    assert_eq!(made(&larder), 2);
    let part = [SAFARI_OF_OLD[0], ("Range", "bytes=0-9")];
    let part = larder.get_with("/_larder/image/w=64,name=Y2F0/photo.jpg", &part);
    assert_eq!((part.status, part.all("content-disposition").len()), (206, 1));
    let none = larder.get("/_larder/image/w=64,dl=1/none.jpg");
    assert_eq!((none.status, none.field("content-disposition")), (404, None));
}

#[test]
fn nobody_is_told_to_keep_a_picture_for_longer_than_its_url() {
    let origin = origin();
    // Before Larder begins, whose clock stands still from then on.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let larder = larder("[site.images.imgproxy]", &origin);
    let target =
        |seconds| format!("/imgproxy/_/w:96/exp:{}/plain/local:///photo.jpg", now + seconds);
    let told = |target: &str| {
        let answer = larder.get_with(target, &SAFARI_OF_OLD);
        let control = answer.all("cache-control").join("|");
        let seconds = control.rsplit_once("max-age=").map(|(_, seconds)| seconds.parse::<u64>());
        (control.clone(), seconds.expect("a lifetime").expect("a number"), answer.is_hit())
    };
    let (control, seconds, is_hit) = told(&target(300));
    assert!(control.starts_with("public, ") && (200..=300).contains(&seconds), "{control}");
    assert!(!is_hit);
    larder.settle();
    // It is kept as long as it is good; who has a longer URL is told more.
    let (control, seconds, is_hit) = told(&target(400));
    assert!((301..=400).contains(&seconds) && is_hit, "{control}");
    assert_eq!(told(&target(4000)).0, "public, max-age=600");
    larder.turn_clock(100);
    let (control, seconds, _) = told(&target(300));
    // The picture is a hundred seconds old, which counts.
    assert!((200..=300).contains(&seconds), "{control}");
    let tag = larder.get_with(&target(300), &SAFARI_OF_OLD).field("etag").map(str::to_owned);
    let tag = tag.expect("a validator");
    let fields = [SAFARI_OF_OLD[0], ("If-None-Match", &tag)];
    let unchanged = larder.get_with(&target(300), &fields);
    assert_eq!((unchanged.status, unchanged.all("cache-control")[0]), (304, &*control));
}

#[test]
fn who_reads_an_original_slowly_holds_its_memory() {
    const MIB: usize = 1 << 20;
    let origin = Origin::answering(|asked| {
        let mut bytes = jpeg(64, 48, 1);
        // What stands behind a picture is no part of it, but of the file.
        bytes.resize(if asked.target.starts_with("/large") { 28 * MIB } else { 9 * MIB }, 0);
        Reply::cached("private", bytes)
    });
    let config = "[images]\nmemory = \"32MiB\"\nmax_source = \"30MiB\"\ntimeout = \"2s\"\n\
                  [[site]]\norigin = \"{origin}\"\n[site.images]\noriginals = true\n";
    let larder = crate::support::Larder::configured(config, &origin);
    let mut slow = larder.connect();
    slow.send(crate::support::request("GET", "/_larder/image/raw/large.jpg", &[]));
    let head = slow.read_head();
    assert_eq!(head.status, 200);
    let refused = larder.get("/_larder/image/w=32/other.jpg");
    assert_eq!(refused.status, 504, "{}", refused.text());
    drop(slow);
    // Each time another, since that it took too long is kept for a while.
    let tries = Cell::new(0);
    until("the memory to be free", || {
        tries.set(tries.get() + 1);
        let target = format!("/_larder/image/w=32/other.jpg?{}", tries.get());
        (larder.get(&target).status == 200).then_some(())
    });
}
