//! What a picture has of its source: who purges that, and whom it is for.

use super::{larder, origin};
use crate::support::pictures::png;
use crate::support::{Origin, Reply, until};

#[test]
fn what_was_purged_by_itself_is_kept_again_of_the_same_source() {
    let origin = origin();
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/photo.jpg";
    for purge in [
        format!("{{\"urls\": [\"{target}\"]}}"),
        r#"{"patterns": ["/_larder/image/*"]}"#.to_owned(),
        format!("{{\"urls\": [\"{target}\"], \"soft\": true}}"),
    ] {
        larder.fill(target);
        assert_eq!(larder.admin_post("/v1/purge", &purge).status, 200, "{purge}");
        assert!(!larder.fill(target).is_hit(), "{purge}");
        let again = larder.get(target);
        assert!(again.is_hit(), "{purge}: {}", again.cache());
    }
    assert_eq!(origin.count(), 1);
}


#[test]
fn a_source_that_was_purged_softly_makes_no_fresh_picture_before_it_is_new() {
    let origin = Origin::answering(|asked| {
        let control = "max-age=600, stale-while-revalidate=600";
        Reply::cached(control, png(80, 60, asked.number as u32))
    });
    let larder = larder("min_ttl = \"1h\"", &origin);
    let target = "/_larder/image/w=64,f=webp/a.png";
    let old = larder.fill(target);
    larder.admin_post("/v1/purge", r#"{"urls": ["/a.png"], "soft": true}"#);
    let new = until("it is made of what is new", || {
        larder.turn_clock(2);
        let answer = larder.fill(target);
        (answer.body != old.body).then_some(answer)
    });
    larder.turn_clock(3000);
    let then = larder.get(target);
    assert!(then.is_hit() && then.body == new.body, "{}", then.cache());
}
