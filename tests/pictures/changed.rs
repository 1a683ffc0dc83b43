//! Pictures that are changed beside their size, and what is told beside them.

use super::{ALL, larder, made, origin};
use crate::support::pictures::{half_clear, jpeg, known, png, size};
use crate::support::{Origin, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn a_watermark_is_drawn_and_takes_the_picture_with_it() {
    let marks = Arc::new(AtomicU32::new(0));
    let origin = Origin::answering({
        let marks = marks.clone();
        move |asked| match &*asked.target {
            "/photo.jpg" => Reply::cached("max-age=600", jpeg(400, 300, 1)),
            "/logo.png" => {
                marks.fetch_add(1, Ordering::SeqCst);
                Reply::cached("max-age=60", half_clear(40, 40)).with("Cache-Tag", "brand")
            }
            "/large.png" => Reply::cached("max-age=60", vec![0; (1 << 20) + 1]),
            "/page" => Reply::cached("max-age=60", "<html>"),
            _ => Reply::status(404, "none"),
        }
    });
    let larder = larder("watermark = \"/logo.png\"", &origin);
    let plain = larder.fill("/_larder/image/f=png,w=200/photo.jpg");
    let target = "/_larder/image/f=png,w=200,wm=1:southeast/photo.jpg";
    let marked = larder.fill(target);
    assert_eq!((marked.status, size(&marked.body)), (200, (200, 150)), "{}", marked.text());
    assert_ne!(marked.body, plain.body);
    assert_ne!(marked.field("etag"), plain.field("etag"));
    assert!(larder.get(target).is_hit());
    // By any URL it is drawn as often as it is asked for, but asked of the origin once.
    assert_eq!(larder.fill("/_larder/image/f=png,w=96,wm=0.5:tile/photo.jpg").status, 200);
    // L2xvZ28ucG5n is /logo.png: the same picture.
    let named = target.replace("/photo", ",wms=L2xvZ28ucG5n/photo");
    assert!(larder.get(&named).is_hit());
    assert_eq!(marks.load(Ordering::SeqCst), 1);
    // It lives no longer than its watermark, and goes with it.
    larder.turn_clock(61);
    assert!(larder.get("/_larder/image/f=png,w=200/photo.jpg").is_hit());
    assert!(!larder.fill(target).is_hit());
    larder.admin_post("/v1/purge", r#"{"tags": ["brand"]}"#);
    assert!(!larder.fill(target).is_hit());
    assert!(larder.get("/_larder/image/f=png,w=200/photo.jpg").is_hit());
    // /gone.png, /large.png, /page
    for (name, status) in [
        ("L2dvbmUucG5n", 404),
        ("L2xhcmdlLnBuZw", 422),
        ("L3BhZ2U", 422),
        ("aHR0cDovL2Euci9i", 403),
    ] {
        let answer = larder.get(&format!("/_larder/image/wm=1,wms={name}/photo.jpg"));
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert!(answer.text().contains("watermark"), "{name}: {}", answer.text());
    }
}

#[test]
fn a_watermark_that_nobody_names_is_told() {
    let origin = origin();
    let larder = larder("", &origin);
    let answer = larder.get("/_larder/image/w=64,wm=1/photo.jpg");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("images.watermark"), "{}", answer.text());
    // Named, but not asked for.
    let unused = larder.fill("/_larder/image/f=png,w=64,wms=L2xvZ28ucG5n/photo.jpg");
    assert!(unused.status == 200 && larder.get("/_larder/image/f=png,w=64/photo.jpg").is_hit());
}

#[test]
fn what_changes_a_picture_is_part_of_what_is_kept() {
    let origin = origin();
    let larder = larder("", &origin);
    let target = |options: &str| format!("/_larder/image/f=png,{options}/photo.jpg");
    for (options, width, height) in [
        ("crop=200:100:northwest", 200, 100),
        ("crop=0.5:0.5,w=64", 64, 48),
        ("w=640,enlarge=1", 640, 480),
        ("w=64,pad=8", 80, 64),
        ("w=64,h=64,extend=north,bg=fff", 64, 64),
        ("w=64,h=64,fit=cover,g=smart", 64, 64),
        ("w=64,blur=2", 64, 48),
        ("w=64,dpr=2,sharpen=1", 128, 96),
        ("w=64,pixelate=4", 64, 48),
        ("trim=5,w=64", 64, 48),
    ] {
        let answer = larder.fill(&target(options));
        assert_eq!(answer.status, 200, "{options}: {}", answer.text());
        assert_eq!(size(&answer.body), (width, height), "{options}");
        assert!(larder.get(&target(options)).is_hit(), "{options}");
    }
    assert_eq!(made(&larder), 10);
    let short = larder.fill("/_larder/image/f=webp,max=4000/photo.jpg");
    assert!(short.status == 200 && short.body.len() <= 4000, "{}", short.body.len());
    for options in ["crop=1", "blur=x", "pad=1:2:3:4:5", "wm=2", "score=0", "zoom=0", "cb=%"] {
        let answer = larder.get(&target(options));
        assert_eq!(answer.status, 400, "{options}: {}", answer.text());
        let name = options.split('=').next().unwrap_or_default();
        assert!(answer.text().contains(name), "{options}: {}", answer.text());
    }
}

#[test]
fn presets_are_made_as_the_site_says() {
    let origin = origin();
    let larder = larder("presets = { card = \"w=333,h=222,fit=cover,q=61,f=png\" }", &origin);
    let card = larder.fill("/_larder/image/p=card/photo.jpg");
    assert_eq!((card.status, size(&card.body)), (200, (333, 222)), "not a step of the ladder");
    // The name under which it is saved is no part of what is kept; a width is, and strangers' go up.
    let named = larder.get("/_larder/image/p=card,dl=1/photo.jpg");
    assert!(named.is_hit() && named.body == card.body);
    assert!(named.field("content-disposition").is_some_and(|told| told.starts_with("attachment")));
    let other = larder.fill("/_larder/image/w=210,p=card/photo.jpg");
    assert_eq!(size(&other.body).0, 256);
    let unknown = larder.get("/_larder/image/p=cart/photo.jpg");
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("no preset of the site"), "{}", unknown.text());
    // As any picture, by any of its URLs, and with its source.
    for purged in ["/_larder/image/p=card/photo.jpg", "/photo.jpg"] {
        larder.admin_post("/v1/purge", &format!(r#"{{"urls": ["http://site.test{purged}"]}}"#));
        assert!(!larder.fill("/_larder/image/p=card/photo.jpg").is_hit(), "{purged}");
    }
}

#[test]
fn what_stands_in_the_place_of_a_picture_is_told() {
    let origin = origin();
    let larder = larder(ALL, &origin);
    for (word, media, is_it) in [
        ("blurhash", "text/plain", (|text| text.len() == 28) as fn(&str) -> bool),
        ("thumbhash", "text/plain", |text| (20..44).contains(&text.len())),
        ("lqip", "text/plain", |text| text.starts_with("data:image/webp;base64,")),
        ("dominant", "text/plain", |text| text.len() == 7 && text.starts_with('#')),
        ("palette", "application/json", |text| text.starts_with("[\"#") && text.ends_with("\"]")),
    ] {
        let answer = larder.fill(&format!("/_larder/image/{word}/photo.jpg"));
        let text = answer.text();
        assert_eq!(answer.status, 200, "{word}: {text}");
        assert!(answer.field("content-type").is_some_and(|told| told.starts_with(media)), "{word}");
        assert!(is_it(&text), "{word}: {text}");
        assert!(larder.get(&format!("/_larder/image/{word}/photo.jpg")).is_hit(), "{word}");
        let info = larder.fill("/_larder/image/info/photo.jpg");
        let info: serde_json::Value = serde_json::from_slice(&info.body).expect("JSON");
        let own = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text.clone()));
        assert_eq!(info[word], own, "{word}");
    }
    larder.admin_post("/v1/purge", r#"{"tags": ["photos"]}"#);
    assert!(!larder.fill("/_larder/image/lqip/photo.jpg").is_hit());
}

#[test]
fn drawings_go_out_as_they_are_where_told() {
    let drawing =
        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>";
    let origin = Origin::answering(move |asked| match &*asked.target {
        "/a.svg" => Reply::cached("max-age=600", drawing).with("Content-Type", "image/svg+xml"),
        _ => Reply::cached("max-age=600", "<html><p>none</p>"),
    });
    let refusing = larder("", &origin);
    assert_eq!(refusing.get("/_larder/image/w=64/a.svg").status, 422);
    let passing = larder("svg = true\noriginals = true", &origin);
    for target in ["/_larder/image/w=64/a.svg", "/_larder/image/raw/a.svg"] {
        let answer = passing.fill(target);
        assert_eq!((answer.status, answer.text()), (200, drawing.to_owned()), "{target}");
        for (name, value) in [
            ("content-type", "image/svg+xml"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("content-disposition", "inline; filename=\"a.svg\""),
        ] {
            assert_eq!(answer.field(name), Some(value), "{target}");
        }
        assert!(passing.get(target).is_hit(), "{target}");
    }
    // Astro writes so for every SVG.
    let astro = super::larder(&format!("svg = true\n{ALL}"), &origin);
    for query in ["w=10&h=10&f=svg", "w=20&f=svg", "f=svg"] {
        let answer = astro.fill(&format!("/_image?href=%2Fa.svg&{query}"));
        assert_eq!((answer.status, answer.text()), (200, drawing.to_owned()), "{query}");
        let guard = answer.field("content-security-policy");
        assert_eq!(guard, Some("sandbox; default-src 'none'"), "{query}");
    }
    assert!(astro.get("/_image/?href=%2Fa.svg&w=30&f=svg").is_hit(), "it is the same in each size");
    let refusing = super::larder(ALL, &origin).get("/_image?href=%2Fa.svg&w=10&f=svg");
    assert_eq!((refusing.status, refusing.text().contains("svg = true")), (422, true));
    // Its guard outlives that it is found good again.
    passing.turn_clock(601);
    let target = "/_larder/image/raw/a.svg";
    assert!(!passing.fill(target).is_hit());
    let again = passing.get(target);
    assert!(again.is_hit());
    let guard = again.field("content-security-policy");
    assert_eq!(guard, Some("sandbox; default-src 'none'"));
    assert_eq!(passing.get("/_larder/image/w=64/page").status, 422);
}

#[test]
fn a_source_goes_out_as_it_is_where_that_is_asked_for() {
    let photo = jpeg(90, 60, 1);
    let origin = Origin::answering({
        let photo = photo.clone();
        move |asked| match &*asked.target {
            "/a.jpg" => Reply::cached("max-age=600", photo.clone()),
            "/a.png" => Reply::cached("max-age=600", png(9, 9, 1)),
            _ => Reply::cached("max-age=600", "<script>alert(1)</script>")
                .with("Content-Type", "text/html"),
        }
    });
    let closed = super::larder("", &origin);
    for options in ["raw", "skip=jpeg", "w=9,metadata=1"] {
        let answer = closed.get(&format!("/_larder/image/{options}/a.jpg"));
        assert_eq!(answer.status, 400, "{options}");
        assert!(answer.text().contains("images.originals"), "{options}: {}", answer.text());
    }
    let larder = larder("originals = true", &origin);
    assert_eq!(larder.get("/_larder/image/raw,w=5/a.jpg").status, 400);
    let raw = larder.fill("/_larder/image/raw/a.jpg");
    assert_eq!((raw.status, &raw.body), (200, &photo));
    assert_eq!(raw.field("content-type"), Some("image/jpeg"));
    assert_eq!(raw.field("content-disposition"), Some("inline; filename=\"a.jpg\""));
    assert!(larder.get("/_larder/image/raw/a.jpg").is_hit());
    // What is no picture might act in the name of the site.
    let page = larder.get("/_larder/image/raw/page");
    assert_eq!(page.status, 422, "{}", page.text());
    // The name and what browsers do with it are told beside it: YQ is "a", w7wgeA "ü x".
    for (options, told) in [
        ("name=YQ", "inline; filename=\"a.png\""),
        ("dl=1", "attachment; filename=\"a.png\""),
        ("dl=1,name=w7wgeA", "attachment; filename=\"--x.png\"; filename*=UTF-8''%C3%BC%20x.png"),
    ] {
        let answer = larder.fill(&format!("/_larder/image/f=png,w=16,{options}/a.png"));
        assert_eq!(answer.field("content-disposition"), Some(told), "{options}");
        assert_eq!(known(&answer.body).size.width, 9);
    }
}
