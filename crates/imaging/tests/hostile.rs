//! Sources that are damaged, or lie, or are bombs: they end in a fault that says so, within bounds.

mod support;

use imaging::plan::{Format, Plan};
use imaging::run::STUMBLED;
use imaging::{Fault, Limits, Measure, info, picture};
use support::moving::{self, Part, Patch};
use support::{Pixels, gif, jpeg, make, of, plan, png, recipe, webp};

/// A small picture in each format, and in each way of it that is decoded differently.
fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let (photo, fields) = (Pixels::photo(33, 21), Pixels::fields(24, 16));
    let clear = Pixels::new(20, 20, |x, y| [9, x as u8, y as u8, (12 * x) as u8]);
    let made =
        |pixels: &Pixels, format, quality| make(&png(pixels), &recipe(format, 20, quality)).bytes;
    let mut interlaced = png(&photo);
    interlaced[28] = 1;
    vec![
        (
            "JPEG",
            jpeg(
                &photo,
                &[(
                    1,
                    b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
                        .to_vec(),
                )],
            ),
        ),
        ("progressive JPEG", progressive(&photo)),
        ("PNG", png(&photo)),
        ("interlaced PNG", interlaced),
        ("PNG of a palette", made(&fields, Format::Png, 50)),
        ("WebP", made(&photo, Format::WebP, 80)),
        ("WebP with alpha", made(&clear, Format::WebP, 80)),
        ("lossless WebP", webp(&clear, Some(vec![7; 40]), Some(vec![9; 200]))),
        ("AVIF", made(&photo, Format::Avif, 60)),
        ("AVIF with alpha", made(&clear, Format::Avif, 60)),
        ("GIF", gif(&fields, (30, 30), (3, 3))),
        ("moving GIF", moving_gif()),
        ("moving WebP", moving_webp(&[(0, 0), (8, 4), (2, 2)])),
    ]
}

/// Frames that lie here and there, and are disposed of in each way.
fn moving_gif() -> Vec<u8> {
    use gif::DisposalMethod::{Background, Keep, Previous};
    let part = |at, dispose| Part { at, dispose, ..Part::new(Pixels::fields(12, 9)) };
    let parts = [part((0, 0), Background), part((8, 4), Previous), part((2, 2), Keep)];
    moving::gif((20, 16), Some(gif::Repeat::Infinite), &parts)
}

fn moving_webp(places: &[(u32, u32)]) -> Vec<u8> {
    let pixels = Pixels::new(12, 9, |x, y| [9, x as u8, y as u8, (20 * x) as u8]);
    let patch = |at: &(u32, u32)| {
        let pixels = pixels.clone();
        Patch { pixels, at: *at, lasts: 30, blends: at.0 > 2, clears: at.0 == 2 }
    };
    moving::webp((20, 16), 3, &places.iter().map(patch).collect::<Vec<_>>())
}

fn progressive(pixels: &Pixels) -> Vec<u8> {
    use mozjpeg::{ColorSpace, Compress};
    let mut jpeg = Compress::new(ColorSpace::JCS_RGB);
    jpeg.set_size(pixels.width as usize, pixels.height as usize);
    jpeg.set_progressive_mode();
    let mut jpeg = jpeg.start_compress(Vec::new()).expect("a JPEG");
    jpeg.write_scanlines(&pixels.rgb()).expect("pixels");
    jpeg.finish().expect("an end")
}

/// Small limits, so that no lie costs time.
fn limits() -> Limits {
    Limits { pixels: 1 << 16, side: 4096, memory_bytes: 16 << 20, ..Limits::default() }
}

/// Whatever comes of it, no decoder stumbled.
fn survives(source: &[u8], words: &str) -> bool {
    let plans = [recipe(Format::WebP, 8, 50), of(Plan::default()), of(plan("f=png,page=2"))];
    let faults = plans.map(|recipe| picture(source, &recipe, &limits()).err());
    let told = info(source, &limits()).err();
    for fault in faults.iter().chain([&told]).flatten() {
        assert!(*fault != Fault::Broken(STUMBLED.into()), "{words}");
    }
    told.is_none()
}

#[test]
fn what_ends_too_early_is_damaged() {
    for (name, source) in corpus() {
        assert!(survives(&source, name) || name == "interlaced PNG", "{name}");
        for end in 0..source.len() {
            survives(&source[..end], &format!("{name} of {end} bytes"));
        }
        let half = &source[..source.len() / 2];
        // Of what moves the first frame may be whole, which is all that is looked at.
        let is_whole = name.starts_with("moving");
        assert!(info(half, &limits()).is_err() || is_whole, "half of a {name}");
    }
}

#[test]
fn bytes_that_were_changed_harm_nobody() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for (name, source) in corpus() {
        for round in 0..300 {
            let mut changed = source.clone();
            for _ in 0..1 + random(4) {
                // Headers are where it hurts most.
                let reach = if round % 2 == 0 { changed.len().min(200) } else { changed.len() };
                let at = random(reach);
                changed[at] = [0, 0xff, 0x7f, random(256) as u8][random(4)];
            }
            survives(&changed, &format!("{name}, round {round}"));
        }
    }
}

#[test]
fn a_jpeg_that_lost_pixels_is_not_made_grey() {
    let mut source = jpeg(&Pixels::photo(64, 64), &[]);
    let scan = source.windows(2).position(|part| part == [0xff, 0xda]).expect("a scan");
    let end = source.len() - 2;
    // No code is that long.
    source[scan + 40..end].iter_mut().enumerate().for_each(|(at, b)| *b = [0xff, 0][at % 2]);
    let fault = info(&source, &limits()).expect_err("damaged");
    assert!(matches!(fault, Fault::Broken(_)), "{fault}");
}

fn too_large(source: &[u8], what: Measure) {
    match picture(source, &of(Plan::default()), &Limits::default()) {
        Err(Fault::TooLarge { what: found, .. }) => assert_eq!(found, what),
        other => panic!("{what:?}: {other:?}"),
    }
}

#[test]
fn what_is_too_large_is_refused_by_its_headers() {
    let mut bomb = png(&Pixels::fields(4, 4));
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    too_large(&bomb, Measure::Pixels);
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 1]);
    too_large(&bomb, Measure::Side);
    let mut canvas = gif(&Pixels::fields(4, 4), (4, 4), (0, 0));
    canvas[6..10].copy_from_slice(&[0, 0x7f, 0, 0x7f]);
    too_large(&canvas, Measure::Pixels);
    let mut wide = jpeg(&Pixels::fields(8, 8), &[]);
    let frame = wide.windows(2).position(|part| part == [0xff, 0xc0]).expect("a frame");
    wide[frame + 5..frame + 9].copy_from_slice(&[0x7f, 0xff, 0x7f, 0xff]);
    too_large(&wide, Measure::Pixels);
    too_large(&vec![0; 33 << 20], Measure::SourceBytes);
}

#[test]
fn a_progressive_jpeg_of_thousands_of_scans_is_refused() {
    let source = progressive(&Pixels::photo(16, 16));
    let scan = (0..source.len() - 1)
        .rev()
        .find(|at| source[*at..*at + 2] == [0xff, 0xda])
        .expect("a scan");
    let (start, end) = source.split_at(scan);
    let scans = end[..end.len() - 2].repeat(3000);
    too_large(&[start, &scans, &[0xff, 0xd9]].concat(), Measure::Scans);
}

#[test]
fn animations_that_lie_are_refused() {
    let whole = |source: &[u8]| picture(source, &of(plan("w=9,f=webp")), &limits());
    let patch = |source: &[u8], at: usize, bytes: &[u8]| {
        let mut source = source.to_vec();
        source[at..at + bytes.len()].copy_from_slice(bytes);
        source
    };
    let (gif, webp) = (moving_gif(), moving_webp(&[(0, 0), (8, 4), (2, 2)]));
    assert!(whole(&gif).is_ok() && whole(&webp).is_ok());
    let found = |source: &[u8], name: &[u8], which: usize| {
        let all = source.windows(name.len()).enumerate();
        all.filter(|(_, part)| *part == name).nth(which).expect("one").0
    };
    let frame = found(&gif, &[0x2c, 8, 0, 4, 0], 0);
    let anmf = found(&webp, b"ANMF", 1) + 8;
    for (words, source) in [
        ("a frame of a GIF beyond its canvas", patch(&gif, frame + 1, &[60, 0])),
        ("a frame of a GIF that is larger than its canvas", patch(&gif, frame + 5, &[0xff, 0xff])),
        ("a GIF that ends in its second frame", gif[..frame + 20].to_vec()),
        ("a frame of a WebP beyond its canvas", patch(&webp, anmf, &[30])),
        ("a WebP that ends in its second frame", webp[..anmf + 40].to_vec()),
        ("a WebP that says it does not move", patch(&webp, 20, &[0x10])),
        ("a WebP of another canvas than its frames", patch(&webp, 24, &[3])),
    ] {
        let made = whole(&source);
        assert!(matches!(made, Err(Fault::Broken(_))), "{words}: {made:?}");
        assert_ne!(made, Err(Fault::Broken(STUMBLED.into())), "{words}");
        // Where the format is free it goes out as it came: browsers show most of these.
        let free = picture(&source, &of(plan("w=9,f=auto-webp")), &limits());
        assert!(free.is_err() || free.is_ok_and(|made| made.bytes == source), "{words}");
    }
    let beyond = patch(&gif, frame + 1, &[60, 0]);
    let free = picture(&beyond, &of(plan("w=9,f=auto-avif")), &limits());
    assert!(free.is_ok_and(|made| made.original && made.bytes == beyond));
}

#[test]
fn an_animation_of_weeks_is_refused() {
    let pixels = || Pixels::fields(2, 2);
    let frames = |count: usize| -> Vec<Patch> {
        let frame = |_| Patch {
            pixels: pixels(),
            at: (0, 0),
            lasts: 0xff_ffff,
            blends: false,
            clears: false,
        };
        (0..count).map(frame).collect()
    };
    let long = of(plan("f=webp"));
    // libwebp would count beyond 31 bits.
    let source = moving::webp((2, 2), 0, &frames(129));
    assert!(matches!(picture(&source, &long, &limits()), Err(Fault::Broken(_))));
    assert!(picture(&moving::webp((2, 2), 0, &frames(100)), &long, &limits()).is_ok());
    let parts = (0..4000).map(|_| Part { delay: 65_535, ..Part::new(pixels()) });
    let source = moving::gif((2, 2), None, parts);
    assert!(matches!(picture(&source, &long, &limits()), Err(Fault::Broken(_))));
}

#[test]
fn many_small_frames_on_a_huge_canvas_cost_nothing() {
    let parts = (0..5000).map(|at| Part { at: (at % 900, 0), ..Part::new(Pixels::fields(1, 1)) });
    let gif = moving::gif((1000, 1000), None, parts);
    let places: Vec<(u32, u32)> = (0..500).map(|at| (2 * at, 2)).collect();
    let mut webp = moving_webp(&places);
    webp[24..30].copy_from_slice(&[0xe7, 7, 0, 0xe7, 7, 0]);
    for (source, frames, options) in
        [(&gif, 5000, "w=9,f=webp"), (&gif, 5000, "f=png,page=4999"), (&webp, 500, "w=9,f=webp")]
    {
        match picture(source, &of(plan(options)), &Limits::default()) {
            Err(Fault::TooLarge { what, is, .. }) => {
                assert_eq!(what, Measure::AnimationPixels);
                assert!(is >= frames * 1_000_000, "{options}: {is}");
            }
            other => panic!("{options}: {other:?}"),
        }
        let free = picture(source, &of(plan("w=9,f=auto-webp")), &Limits::default());
        assert!(free.expect("as it came").original);
        assert_eq!(u64::from(info(source, &Limits::default()).expect("frames").pages), frames);
    }
    let many = moving::gif((1, 1), None, (0..10_001).map(|_| Part::new(Pixels::fields(1, 1))));
    too_large(&many, Measure::Frames);
}

#[test]
fn a_huge_result_is_refused_before_it_is_begun() {
    let plan = plan("w=16384,h=16384,fit=contain");
    let made = picture(&png(&Pixels::fields(4, 4)), &of(plan), &Limits::default());
    assert!(matches!(made, Err(Fault::TooLarge { what: Measure::OutputPixels, .. })), "{made:?}");
}

#[test]
fn what_is_no_picture_says_what_to_do() {
    for (source, words) in [
        (&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], "an SVG"),
        (b"<!doctype html><title>404</title>", "no picture"),
        (b"", "no picture"),
        (b"\0\0\0\x14ftypheic\0\0\0\0heic", "HEIC"),
    ] {
        let fault = info(source, &Limits::default()).expect_err("no picture");
        assert!(fault.to_string().contains(words), "{fault}");
    }
}

#[test]
fn a_thin_part_of_a_large_picture_takes_little_memory() {
    let source = png(&Pixels::photo(390, 2000));
    let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    for options in ["crop=390:4,w=380,f=webp", "w=380,h=4,fit=cover,f=webp"] {
        let made = picture(&source, &of(plan(options)), &limits);
        let made = made.unwrap_or_else(|fault| panic!("{options}: {fault}"));
        assert_eq!((made.size.width, made.size.height), (380, 4), "{options}");
    }
}
