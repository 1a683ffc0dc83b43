//! Pictures that move.

use super::{CHROME, SAFARI_OF_OLD, known, larder, made, origin};
use crate::support::until;
use imaging::run::Media;

#[test]
fn an_animation_goes_out_at_once_and_the_better_one_takes_its_place_for_good() {
    let origin = origin();
    let larder = larder("", &origin);
    let target = "/_larder/image/w=96/moving.gif?192x128";
    let first = larder.get_with(target, &CHROME);
    assert_eq!(first.field("content-type"), Some("image/webp"));
    assert_eq!(first.field("cache-control"), Some("public, max-age=60"));
    let info = known(&first.body);
    assert_eq!((info.format, info.pages, info.size.width), (Media::WebP, 4, 96));
    // There is no animated AVIF: what is final is a WebP, too.
    let better = until("the better animation", || {
        let answer = larder.get_with(target, &CHROME);
        (answer.field("etag") != first.field("etag")).then_some(answer)
    });
    assert_eq!(better.field("content-type"), Some("image/webp"));
    assert_eq!(better.field("cache-control"), Some("public, max-age=600"));
    assert_eq!(known(&better.body).pages, 4);
    larder.settle();
    let in_all = made(&larder);
    for _ in 0..3 {
        let again = larder.get_with(target, &CHROME);
        assert!(again.is_hit() && again.field("etag") == better.field("etag"), "{}", again.cache());
    }
    larder.settle();
    assert_eq!((made(&larder), origin.count()), (in_all, 1));
}

#[test]
fn who_takes_no_animation_gets_it_as_it_came_or_one_frame() {
    let origin = origin();
    let larder = larder("", &origin);
    for (options, accept, media, pages) in [
        ("w=96", &SAFARI_OF_OLD[..], Media::WebP, 4),
        ("w=96", &[], Media::Gif, 4),
        ("w=96,f=same", &CHROME[..], Media::Gif, 4),
        ("w=96,f=webp", &[], Media::WebP, 4),
        ("w=96,f=png", &CHROME[..], Media::Png, 1),
        ("w=96,f=webp,page=2", &[], Media::WebP, 1),
    ] {
        let target = format!("/_larder/image/{options}/moving.gif?192x128");
        let answer = larder.get_with(&target, accept);
        let info = known(&answer.body);
        assert_eq!((answer.status, info.format, info.pages), (200, media, pages), "{options}");
        assert_eq!(answer.field("content-type"), Some(media.media_type()), "{options}");
    }
}
