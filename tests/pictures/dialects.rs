//! Pictures by the URLs of other services: who may ask for what, and that they are the same pictures.

use super::{CHROME, SAFARI_OF_OLD, larder, made, origin};
use crate::support::pictures::{jpeg, size};
use crate::support::{Larder, Origin, Reply};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::{SystemTime, UNIX_EPOCH};

pub const KEYS: &str = "keys = [{ key = \"30303030303030303030303030303030\", salt = \"6f6c64\" }, \
                    { key = \"31313131313131313131313131313131\", salt = \"68656C6C6F\" }]\n";

/// A path of imgproxy, signed with the second of the keys.
pub fn signed(path: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"1111111111111111");
    let tag = hmac::sign(&key, format!("hello{path}").as_bytes());
    format!("/imgproxy/{}{path}", URL_SAFE_NO_PAD.encode(tag))
}

fn is_webp(larder: &Larder, target: &str, sides: (u32, u32)) {
    let answer = larder.fill_with(target, &SAFARI_OF_OLD);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert_eq!((answer.field("content-type"), size(&answer.body)), (Some("image/webp"), sides));
}

#[test]
fn without_keys_urls_of_imgproxy_are_strangers() {
    let origin = origin();
    let larder = larder(
        "originals = true\n[site.images.imgproxy]\npresets = { small = \"rs:fill:96:96\" }",
        &origin,
    );
    let coded = URL_SAFE_NO_PAD.encode("local:///photo.jpg");
    // Between two steps of the ladder; who asks for the same by another URL gets the same.
    is_webp(&larder, "/imgproxy/insecure/rs:fit:190/plain/local:///photo.jpg", (200, 150));
    for target in [
        "/imgproxy/_/w:200/cb:1/plain/local:///photo.jpg".to_owned(),
        format!("/imgproxy/unsafe/s:199/{coded}"),
        "/imgproxy/x/w:200/plain/http://site.test/photo.jpg?no=matter".to_owned(),
        "/_larder/image/w=200/photo.jpg".to_owned(),
    ] {
        assert!(larder.get_with(&target, &SAFARI_OF_OLD).is_hit(), "{target}");
    }
    assert_eq!((made(&larder), origin.count()), (1, 1));
    is_webp(&larder, "/imgproxy/_/pr:small/plain/local:///photo.jpg", (96, 96));
    let png = larder.fill(&format!("/imgproxy/_/pr:small/att:1/fn:cat/{coded}.png"));
    assert_eq!(png.field("content-type"), Some("image/png"));
    assert_eq!(png.field("content-disposition"), Some("attachment; filename=\"cat.png\""));
    let info = larder.get("/imgproxy/info/_/plain/local:///photo.jpg");
    assert!(info.text().contains("\"width\":400"), "{}", info.text());
    let raw = larder.get(&format!("/imgproxy/_/raw:1/{coded}"));
    assert_eq!(raw.field("content-type"), Some("image/jpeg"));
    for (path, told) in [
        ("_/brightness:10/plain/local:///photo.jpg", "brightness: is an option of imgproxy Pro"),
        ("_/nonsense:10/plain/local:///photo.jpg", "nonsense: is no option of imgproxy"),
        ("_/pr:large/plain/local:///photo.jpg", "large: is no preset"),
        ("_/w:9/plain/local:///imgproxy/_/w:9/plain/local:///photo.jpg", "itself a picture"),
        ("_/w:9/plain/http://elsewhere.test/a.jpg", "images.sources"),
        ("_", "lacks a signature or a source"),
    ] {
        let answer = larder.get(&format!("/imgproxy/{path}"));
        assert!(matches!(answer.status, 400 | 403), "{path}");
        assert!(answer.text().contains(told), "{path}: {}", answer.text());
    }
    assert_eq!(larder.get("/imgproxy").status, 404, "that is the site's own");
}

#[test]
fn with_keys_each_url_of_imgproxy_is_signed_and_made_as_it_says() {
    let origin = origin();
    let images = format!("dialects = [\"larder\"]\n[site.images.imgproxy]\n{KEYS}");
    let larder = larder(&images, &origin);
    let path = "/rs:fit:190/plain/local:///photo.jpg";
    is_webp(&larder, &signed(path), (190, 143));
    // What others on the way mended is still what was signed.
    let mended = signed("/rs:fit:190/plain/http://site.test/photo.jpg");
    for (from, to) in [("", ""), ("http://", "http:/"), (":fit:", "%3Afit%3A")] {
        let target = mended.replacen(from, to, 1);
        assert!(larder.get_with(&target, &SAFARI_OF_OLD).is_hit(), "{target}");
    }
    let right = signed(path);
    let signature = right.split('/').nth(2).expect("a signature");
    for wrong in [
        format!("/imgproxy/insecure{path}"),
        format!("/imgproxy/{signature}/rs:fit:191/plain/local:///photo.jpg"),
        format!("/imgproxy/{}{path}", &signature[..20]),
        format!("/imgproxy/info/{signature}/w:1/plain/local:///photo.jpg"),
        format!("/imgproxy/_/brightness:10{path}"),
        "/imgproxy/_".to_owned(),
    ] {
        let answer = larder.get(&wrong);
        assert_eq!(answer.status, 403, "{wrong}");
        assert_eq!(
            answer.text(),
            "403 Forbidden\n\nThe picture's URL is not signed as this site has them signed.\n"
        );
        assert!(answer.cache().contains("detail=picture-signature"), "{}", answer.cache());
    }
    // Strangers' URLs still go by the ladder, and what is signed counts to the letter.
    let own = larder.get_with("/_larder/image/w=190/photo.jpg", &SAFARI_OF_OLD);
    assert_eq!(size(&own.body), (200, 150));
    let before = made(&larder);
    for buster in ["1", "2"] {
        is_webp(&larder, &signed(&format!("/w:50/cb:{buster}/plain/local:///photo.jpg")), (50, 38));
    }
    assert_eq!((made(&larder) - before, origin.count()), (2, 1));
}

#[test]
fn a_url_of_imgproxy_is_good_until_it_says() {
    let origin = origin();
    let larder = larder("[site.images.imgproxy]", &origin);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let target = format!("/imgproxy/_/w:96/exp:{}/plain/local:///photo.jpg", now + 100);
    is_webp(&larder, &target, (96, 72));
    larder.turn_clock(200);
    let answer = larder.get_with(&target, &SAFARI_OF_OLD);
    assert_eq!((answer.status, answer.field("cache-control")), (404, Some("no-store")));
    assert!(answer.cache().contains("detail=picture-expired"), "{}", answer.cache());
    let other = larder.get_with("/imgproxy/_/w:96/plain/local:///photo.jpg", &SAFARI_OF_OLD);
    assert!(other.is_hit(), "the picture is still there for others");
    // What is purged by it is purged.
    larder.admin_post("/v1/purge", &format!("{{\"urls\": [\"http://site.test{target}\"]}}"));
    assert!(!larder.get_with("/_larder/image/w=96/photo.jpg", &SAFARI_OF_OLD).is_hit());
}

#[test]
fn a_host_of_pictures_only_has_them_at_its_root() {
    let origin = origin();
    let images = "[site.images.imgproxy]\npath = \"/\"\nbase_url = \"local:///\"\n\
                  auto_format = false";
    let larder = larder(images, &origin);
    let answer = larder.fill_with("/_/w:96/plain/photo.jpg", &CHROME);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((answer.field("content-type"), size(&answer.body)), (Some("image/jpeg"), (96, 72)));
    assert_eq!(answer.field("vary"), None);
    assert_eq!(larder.get("/photo.jpg").status, 400);
    let own = larder.get("/_larder/image/w=96,f=same/photo.jpg");
    assert!(own.is_hit(), "{}", own.cache());
}

#[test]
fn urls_of_cloudflare_are_understood_where_they_are_on() {
    let origin = origin();
    let off = larder("", &origin);
    let target = "/cdn-cgi/image/width=200,quality=75,format=auto/photo.jpg";
    assert_eq!(off.get(target).status, 404);
    let asked = origin.count();
    let larder = larder("dialects = [\"larder\", \"cloudflare\"]", &origin);
    is_webp(&larder, target, (200, 150));
    for same in [
        "/cdn-cgi/image/f=auto,q=75,w=190/http://site.test/photo.jpg",
        "/_larder/image/w=200/photo.jpg",
    ] {
        assert!(larder.get_with(same, &SAFARI_OF_OLD).is_hit(), "{same}");
    }
    let crop = larder.fill("/cdn-cgi/image/w=96,h=96,fit=crop,g=left/photo.jpg");
    assert_eq!((crop.field("content-type"), size(&crop.body)), (Some("image/jpeg"), (96, 96)));
    let info = larder.get("/cdn-cgi/image/format=json/photo.jpg");
    assert!(info.text().contains("\"height\":300"), "{}", info.text());
    let wrong = larder.get("/cdn-cgi/image/w=96,contrast=2/photo.jpg");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("contrast: is not made here"), "{}", wrong.text());
    assert_eq!(origin.count() - asked, 1);
}

#[test]
fn pictures_are_purged_by_the_urls_of_every_dialect() {
    let origin = origin();
    let images = format!("dialects = [\"larder\", \"cloudflare\"]\n[site.images.imgproxy]\n{KEYS}");
    let larder = larder(&images, &origin);
    let imgproxy = signed("/rs:fill:190:100/g:no/plain/local:///photo.jpg");
    for target in [imgproxy.as_str(), "/cdn-cgi/image/w=96,f=auto/photo.jpg"] {
        let both = [&SAFARI_OF_OLD[..], &[]];
        both.iter().for_each(|accept| drop(larder.fill_with(target, accept)));
        let other = "/_larder/image/w=48,f=png/photo.jpg";
        larder.fill(other);
        let url = format!("http://site.test{target}");
        let (code, output, error) = larder.command(&["purge", &url]);
        assert_eq!(code, Some(0), "{output}{error}");
        for accept in both {
            assert!(!larder.get_with(target, accept).is_hit(), "{target}");
        }
        assert!(larder.get(other).is_hit());
    }
    assert_eq!(origin.count(), 1, "their source stays");
}

#[test]
fn urls_of_thumbor_are_signed_where_there_is_a_key() {
    let origin = origin();
    let strangers = larder("[site.images.thumbor]", &origin);
    is_webp(&strangers, "/thumbor/unsafe/190x0/photo.jpg", (200, 150));
    let asked = origin.count();
    let secret = "a-key-of-thumbor-that-is-long";
    let larder = larder(&format!("[site.images.thumbor]\nkey = \"{secret}\""), &origin);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let signed = |path: &str| {
        let tag = hmac::sign(&key, path.as_bytes());
        format!("/thumbor/{}=/{path}", URL_SAFE_NO_PAD.encode(tag))
    };
    let path = "190x100/left/filters:format(webp):quality(75)/photo.jpg";
    is_webp(&larder, &signed(path), (190, 100));
    let fitting = signed("fit-in/190x0/filters:quality(75)/photo.jpg");
    is_webp(&larder, &fitting, (190, 143));
    for wrong in [format!("/thumbor/unsafe/{path}"), signed(path).replacen("190", "191", 1)] {
        assert_eq!(larder.get(&wrong).status, 403, "{wrong}");
    }
    let wrong = larder.get(&signed("190x0/filters:grayscale()/photo.jpg"));
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("grayscale: is no filter"), "{}", wrong.text());
    larder.command(&["purge", &format!("http://site.test{fitting}")]);
    assert!(!larder.get_with(&fitting, &SAFARI_OF_OLD).is_hit());
    assert_eq!(origin.count() - asked, 1);
}

#[test]
fn what_an_origin_has_never_stands_among_pictures() {
    let origin = Origin::answering(|asked| match &*asked.target {
        "/photo.jpg" => Reply::cached("max-age=600", jpeg(400, 300, 1)),
        _ => Reply::cached("public, max-age=3600", "<html>gone"),
    });
    let larder = larder(&format!("[site.images.imgproxy]\n{KEYS}"), &origin);
    // With keys Larder's own URLs are off, under which pictures are kept.
    let own = larder.get_with("/_larder/image/w=190,q=75,f=auto-webp/photo.jpg", &SAFARI_OF_OLD);
    assert_eq!(own.status, 400, "{}", own.text());
    assert!(own.text().contains("images.dialects"), "{}", own.text());
    is_webp(&larder, &signed("/rs:fit:190/plain/local:///photo.jpg"), (190, 143));
}

#[test]
fn who_may_purge_and_explain_needs_no_signature() {
    let origin = origin();
    let images = format!("dialects = [\"larder\"]\n[site.images.imgproxy]\n{KEYS}");
    let larder = larder(&images, &origin);
    let path = "/rs:fit:190/plain/local:///photo.jpg";
    is_webp(&larder, &signed(path), (190, 143));
    // Signed by a key that is not one any more: it is still the URL of that picture.
    let body =
        format!("{{\"urls\": [\"/imgproxy/AfrOrF3gWeDA6VOlDG4TzxMv39O7MXnF4CXpKUwGqRM{path}\"]}}");
    larder.admin_post("/v1/purge", &body);
    assert!(!larder.fill_with(&signed(path), &SAFARI_OF_OLD).is_hit());
    // What a list of what is stored names is told as it is kept, in its own size.
    let kept = "http://site.test/_larder/image/w=190,q=75,f=auto-webp/photo.jpg";
    let (_, text, _) = larder.command(&["explain", kept]);
    assert!(text.contains("hit") && !text.contains("picture-asked"), "{text}");
    for (target, reason) in [
        (format!("/imgproxy/insecure{path}"), "picture-signature"),
        (signed("/exp:1/plain/local:///photo.jpg"), "picture-expired"),
        (signed("/nonsense:1/plain/local:///photo.jpg"), "picture-asked"),
    ] {
        let url = format!("http://{}{target}", larder.address);
        let (_, text, _) = larder.command(&["explain", &url]);
        assert!(text.contains("answered here") && text.contains(reason), "{target}: {text}");
    }
}
