//! Pictures that are purged, or made invalid, by their own URLs and by those of their sources.

use super::{SAFARI_OF_OLD, larder, origin};

const SECRET: &str = "a-secret-that-may-purge-pictures";

#[test]
fn the_method_purge_takes_a_picture_in_all_its_spellings() {
    let origin = origin();
    let images =
        format!("dialects = [\"larder\", \"nextjs\"]\n[site.purge_method]\ntoken = \"{SECRET}\"\n");
    let larder = larder(&images, &origin);
    let bearer = format!("Bearer {SECRET}");
    let (next, other) =
        ("/_next/image?url=%2Fphoto.jpg&w=64&q=75", "/_larder/image/w=96/photo.jpg");
    let whole = "/_next/image?url=http%3A%2F%2Fsite.test%2Fphoto.jpg&w=64&q=75";
    for purged in [next, "/_larder/image/q=73,w=60/photo.jpg", whole] {
        for accept in [&SAFARI_OF_OLD[..], &[]] {
            larder.fill_with(next, accept);
        }
        larder.fill(other);
        let said = larder.ask("PURGE", purged, &[("Authorization", &bearer)]);
        assert_eq!(said.status, 200, "{}", said.text());
        for accept in [&SAFARI_OF_OLD[..], &[]] {
            assert!(!larder.get_with(next, accept).is_hit(), "{purged}");
        }
        assert!(larder.get(other).is_hit(), "{purged}");
    }
    let fields = [("Authorization", bearer.as_str()), ("Fastly-Soft-Purge", "1")];
    larder.fill(other);
    assert_eq!(larder.ask("PURGE", other, &fields).status, 200);
    assert!(!larder.get(other).is_hit(), "softly");
    assert_eq!(origin.count(), 1, "their source stays");
}
