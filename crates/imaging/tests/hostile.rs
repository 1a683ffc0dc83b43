//! Sources that are damaged, or lie, or are bombs: they end in a fault that says so, within bounds.

mod support;

use imaging::plan::{Format, Plan};
use imaging::run::STUMBLED;
use imaging::{Fault, Limits, Measure, info, picture};
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
    ]
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
    let plans = [recipe(Format::WebP, 8, 50), of(Plan::default())];
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
        assert!(info(half, &limits()).is_err(), "half of a {name}");
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
