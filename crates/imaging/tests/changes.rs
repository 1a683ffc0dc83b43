//! What plans change beside the size: seen in what comes out.

mod support;

use imaging::run::marked;
use imaging::{Limits, Made, Media};
use support::{Pixels, jpeg, make, of, plan, png, seen};

fn made(source: &[u8], options: &str) -> Pixels {
    seen(&make(source, &of(plan(&format!("{options},q=100,f=png")))))
}

fn is_near(a: [u8; 4], b: [u8; 4]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 6)
}

#[test]
fn a_crop_is_cut_before_all_else() {
    let source = png(&Pixels::fields(80, 40));
    let (red, green, blue) = ([220, 30, 30, 255], [30, 200, 40, 255], [40, 50, 210, 255]);
    for (options, size, left, right) in [
        ("crop=40:20:northwest", (40, 20), red, red),
        ("crop=40:20:north", (40, 20), red, green),
        ("crop=0.5:20:northwest:20:0,w=20", (20, 10), red, green),
        ("crop=20:40:southwest,h=10", (5, 10), red, blue),
        ("crop=40:20:north,rotate=180", (40, 20), [40, 50, 210, 255], [128, 128, 128, 255]),
        ("crop=40:20:northwest,w=80,enlarge=1", (80, 40), red, red),
    ] {
        let made = made(&source, options);
        assert_eq!((made.width, made.height), size, "{options}");
        let (first, last) = (made.at(1, 1), made.at(made.width - 2, made.height - 2));
        if options.contains("rotate") {
            // After a half turn grey lies upper left, so that the crop's north holds grey and blue.
            assert!(is_near(first, [128, 128, 128, 255]) && is_near(last, left), "{options}");
        } else {
            assert!(is_near(first, left) && is_near(last, right), "{options}: {first:?} {last:?}");
        }
    }
}

#[test]
fn a_picture_is_enlarged_where_told_only() {
    let source = jpeg(&Pixels::photo(64, 48), &[]);
    for (options, width) in
        [("w=128", 64), ("w=128,enlarge=1", 128), ("zoom=3,enlarge=1", 192), ("w=100,dpr=2", 64)]
    {
        assert_eq!(made(&source, options).width, width, "{options}");
    }
    let large = Pixels::photo(64, 48);
    let twice = made(&png(&large), "w=128,enlarge=1");
    let back = made(&png(&twice), "w=64");
    assert!(back.likeness(&large) > 85.0, "{}", back.likeness(&large));
}

#[test]
fn surroundings_are_cut_off_and_the_rest_is_resized() {
    let framed = Pixels::new(60, 40, |x, y| {
        if (20..50).contains(&x) && (10..30).contains(&y) { [10, 90, 10, 255] } else { [255; 4] }
    });
    for (options, size) in
        [("trim=10", (30, 20)), ("trim=10,w=15", (15, 10)), ("trim=10::1:1,rotate=90", (20, 40))]
    {
        let made = made(&png(&framed), options);
        assert_eq!((made.width, made.height), size, "{options}");
        let middle = made.at(made.width / 2, made.height / 2);
        assert!(is_near(middle, [10, 90, 10, 255]), "{options}");
    }
}

#[test]
fn there_is_room_around_where_told() {
    let source = png(&Pixels::new(20, 10, |_, _| [9, 99, 9, 255]));
    for (options, size, corner, inner) in [
        ("pad=5,bg=010203", (30, 20), [1, 2, 3, 255], (5, 5)),
        ("pad=1:2:3:4", (26, 14), [0; 4], (4, 1)),
        ("w=10,dpr=2,pad=5,bg=010203", (40, 30), [1, 2, 3, 255], (10, 10)),
        ("w=40,h=40,extend=southeast,bg=010203", (40, 40), [1, 2, 3, 255], (20, 30)),
        ("w=40,h=40,reshape=south:0:2,bg=010203", (20, 20), [1, 2, 3, 255], (0, 8)),
    ] {
        let made = made(&source, options);
        assert_eq!((made.width, made.height), size, "{options}");
        assert_eq!(made.at(0, 0), corner, "{options}");
        assert_eq!(made.at(inner.0, inner.1), [9, 99, 9, 255], "{options}");
        assert!(inner.1 == 0 || made.at(inner.0, inner.1 - 1) == corner, "{options}");
    }
}

#[test]
fn effects_change_what_they_should() {
    let photo = Pixels::photo(96, 64);
    let source = png(&photo);
    let plain = made(&source, "");
    let spread = |pixels: &Pixels| -> u64 {
        let values: Vec<u8> = pixels.rgba.iter().step_by(4).copied().collect();
        values.windows(2).map(|pair| u64::from(pair[0].abs_diff(pair[1]))).sum()
    };
    let chequered =
        png(&Pixels::new(
            32,
            32,
            |x, y| if (x / 2 + y / 2) % 2 == 0 { [255; 4] } else { [0, 0, 0, 255] },
        ));
    let blurred = made(&chequered, "blur=3");
    assert!(blurred.rgba.iter().step_by(4).all(|v| v.abs_diff(128) < 20));
    assert!(spread(&made(&source, "sharpen=1")) > spread(&plain));
    let squares = made(&source, "pixelate=8");
    assert_eq!(squares.at(0, 0), squares.at(7, 7));
    assert_ne!(squares.at(7, 7), squares.at(8, 8));
}

#[test]
fn a_watermark_lies_on_top() {
    let source = png(&Pixels::new(40, 40, |_, _| [0, 0, 0, 255]));
    let mark = png(&Pixels::new(10, 10, |x, _| [255, 255, 255, if x < 5 { 255 } else { 0 }]));
    let draw = |options: &str, mark: &[u8]| -> Made {
        let recipe = of(plan(&format!("{options},f=png,q=100")));
        marked(&source, Some(mark), &recipe, &Limits::default()).expect("a picture")
    };
    let seen_at = |options: &str, x: u32, y: u32| seen(&draw(options, &mark)).at(x, y)[0];
    assert_eq!((seen_at("wm=1:northwest", 4, 4), seen_at("wm=1:northwest", 6, 4)), (255, 0));
    assert!(seen_at("wm=0.5:northwest", 2, 2).abs_diff(128) <= 1);
    // Scaled to half of the picture.
    let half = "wm=1:northwest:0:0:0.5";
    assert!(seen_at(half, 8, 18) > 250 && seen_at(half, 12, 18) < 5 && seen_at(half, 8, 21) == 0);
    assert_eq!(seen_at("wm=1:tile:0:0", 26, 36), 255);
    // Beside it the plan changes nothing, but the original must not go out.
    assert!(!draw("wm=1", &mark).original);
}

#[test]
fn what_is_wrong_with_a_watermark_is_not_said_of_the_source() {
    let (photo, mark) = (png(&Pixels::photo(40, 40)), png(&Pixels::fields(20, 20)));
    let moving = support::moving_gif(&Pixels::photo(40, 40));
    let limits = Limits { side: 30, ..Limits::default() };
    for (source, mark, limits, words) in [
        (&photo, &b"no picture"[..], Limits::default(), "the watermark is no picture"),
        (&photo, &mark[..mark.len() / 2], Limits::default(), "the watermark is damaged"),
        (&photo, b"<svg xmlns='http://www.w3.org/2000/svg'/>", Limits::default(), "the watermark"),
        (&moving, b"no picture", Limits::default(), "the watermark is no picture"),
        (&photo, &mark, limits, "the source has 40 pixels on a side"),
    ] {
        let made = marked(source, Some(mark), &of(plan("wm=1,f=auto-webp,w=32")), &limits);
        let fault = made.expect_err(words).to_string();
        assert!(fault.starts_with(words), "{fault}");
    }
}

#[test]
fn what_draws_the_eye_is_kept() {
    let source = png(&Pixels::new(200, 50, |x, y| {
        let is_in = (160..180).contains(&x) && (15..35).contains(&y);
        if is_in { [250, 40, 20, 255] } else { [110, 120, 130, 255] }
    }));
    let has_it = |pixels: &Pixels| pixels.rgba.chunks_exact(4).any(|p| p[0] > 200 && p[1] < 90);
    for options in ["w=50,h=50,fit=cover", "crop=50:50", "rotate=90,w=25,h=25,fit=cover"] {
        assert!(!has_it(&made(&source, options)), "{options}");
        assert!(has_it(&made(&source, &format!("{options},g=smart"))), "{options}");
    }
}

#[test]
fn bytes_and_likeness_are_reached_by_quality() {
    let photo = Pixels::photo(160, 120);
    let source = png(&photo);
    for format in ["jpeg", "webp", "avif"] {
        let of_options = |options: &str| make(&source, &of(plan(&format!("{options},f={format}"))));
        let usual = of_options("q=80").bytes.len();
        let most = usual * 2 / 3;
        let small = of_options(&format!("q=80,max={most}")).bytes.len();
        assert!(small <= most && small > most / 2, "{format}: {small} of {most}");
        assert_eq!(of_options(&format!("q=80,max={usual}")).bytes.len(), usual);
        for target in [60, 80] {
            let made = of_options(&format!("score={target}:1:95"));
            let found = seen(&made).likeness(&photo);
            let wanted = f64::from(target)..f64::from(target) + 8.0;
            assert!(wanted.contains(&(found + 0.5)), "{format}: {found} for {target}");
        }
        assert_eq!(of_options("score=99:20:40").bytes, of_options("q=40").bytes);
    }
}

#[test]
fn the_smallest_format_is_taken_where_told() {
    let (photo, drawn) = (png(&Pixels::photo(200, 150)), png(&Pixels::fields(200, 150)));
    for (source, options, media) in [
        (&drawn, "f=best-avif", Media::WebP),
        (&drawn, "f=best-basic", Media::Png),
        (&photo, "f=best-basic", Media::Jpeg),
    ] {
        assert_eq!(make(source, &of(plan(options))).media, media, "{options}");
    }
    let best = make(&photo, &of(plan("f=best-avif"))).bytes.len();
    for format in ["jpeg", "webp", "avif"] {
        let made = make(&photo, &of(plan(&format!("f={format}")))).bytes.len();
        assert!(best <= made, "{format}: {made}, {best}");
    }
    let of_their_own = |options: &str| make(&photo, &of(plan(options))).bytes;
    assert_eq!(of_their_own("f=webp,q=10,fq=webp:90"), of_their_own("f=webp,q=90"));
}

#[test]
fn what_is_left_alone_stays_as_it_came() {
    let source = png(&Pixels::photo(40, 30));
    for (options, is_left) in [
        ("w=10,skip=png,f=png", true),
        ("w=10,skip=png,f=same", true),
        ("w=10,skip=png,f=webp", false),
        ("w=10,skip=jpeg,f=png", false),
    ] {
        let made = make(&source, &of(plan(options)));
        assert_eq!(made.bytes == source, is_left, "{options}");
    }
}

#[test]
fn metadata_stays_where_told() {
    // An orientation of 6, and who made it.
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0".to_vec();
    exif.extend(b"\x01\x3b\0\x02\0\0\0\x04Ada\0\0\0\0\0");
    let source = jpeg(&Pixels::photo(40, 30), &[(1, [b"Exif\0\0", &exif[..]].concat())]);
    for (options, keeps, size) in [
        ("f=jpeg", false, (30, 40)),
        ("metadata=1,f=jpeg", true, (30, 40)),
        ("copyright=1,f=webp", true, (30, 40)),
        ("metadata=1,orient=0,f=png", true, (40, 30)),
    ] {
        let made = make(&source, &of(plan(options)));
        let has = support::avif::find(&made.bytes, b"Ada").is_some();
        assert_eq!(has, keeps, "{options}");
        let info = imaging::info(&made.bytes, &Limits::default()).expect("a picture");
        assert_eq!((info.size.width, info.size.height), size, "{options}");
        assert_eq!(info.orientation, 1, "{options}");
    }
}
