//! Each format in and out, as others read it.

mod support;

use imaging::plan::{Format, Output, Plan};
use imaging::{Effort, Limits, Media, Recipe, info, picture};
use support::{Pixels, gif, jpeg, make, of, plan, png, png_with, read, recipe, seen, webp};

const FORMATS: [Format; 4] = [Format::Jpeg, Format::Png, Format::WebP, Format::Avif];

/// One picture in each format that is read.
fn sources(pixels: &Pixels) -> Vec<(&'static str, Vec<u8>)> {
    let avif = make(&png(pixels), &recipe(Format::Avif, pixels.width, 100)).bytes;
    vec![
        ("JPEG", jpeg(pixels, &[])),
        ("PNG", png(pixels)),
        ("WebP", webp(pixels, None, None)),
        ("AVIF", avif),
    ]
}

#[test]
fn each_format_is_made_of_each() {
    let photo = Pixels::photo(301, 203);
    let small = seen(&make(&png(&photo), &recipe(Format::Png, 101, 100)));
    for (name, source) in sources(&photo) {
        for format in FORMATS {
            let made = make(&source, &recipe(format, 101, 90));
            assert_eq!((made.media, made.original), (Media::from(format), false));
            assert_eq!((made.size.width, made.size.height), (101, 68), "{name} {format:?}");
            let likeness = seen(&made).likeness(&small);
            assert!(likeness > 60.0, "{name} to {format:?}: {likeness}");
        }
    }
}

#[test]
fn quality_looks_the_same_in_each_format_and_more_of_it_better() {
    let photo = Pixels::photo(400, 300);
    let source = png(&photo);
    for (quality, least) in [(50, 40.0), (80, 60.0), (95, 75.0)] {
        let likeness = [Format::Jpeg, Format::WebP, Format::Avif]
            .map(|format| seen(&make(&source, &recipe(format, 400, quality))).likeness(&photo));
        let worst = likeness.iter().copied().fold(f64::MAX, f64::min);
        let best = likeness.iter().copied().fold(f64::MIN, f64::max);
        assert!(worst > least && best - worst < 15.0, "{quality}: {likeness:?}");
    }
}

#[test]
fn fields_keep_their_colours() {
    let fields = Pixels::fields(64, 48);
    for (name, source) in sources(&fields) {
        for format in FORMATS {
            let seen = seen(&make(&source, &recipe(format, 32, 90)));
            for (x, y) in [(6, 5), (26, 5), (6, 19), (26, 19)] {
                let (is, was) = (seen.at(x, y), fields.at(2 * x, 2 * y));
                let apart = is.iter().zip(was).map(|(a, b)| a.abs_diff(b)).max();
                assert!(apart <= Some(6), "{name} to {format:?}: {is:?}, was {was:?}");
            }
        }
    }
}

#[test]
fn what_is_transparent_stays_so_or_is_drawn_on_the_background() {
    let disc = Pixels::new(80, 80, |x, y| match (x as i32 - 40).pow(2) + (y as i32 - 40).pow(2) {
        0..900 => [250, 240, 30, 255],
        // What is not seen is black: it must not shine through.
        _ => [0, 0, 0, 0],
    });
    for format in [Format::Png, Format::WebP, Format::Avif] {
        let seen = seen(&make(&png(&disc), &recipe(format, 20, 90)));
        assert!(seen.at(0, 0)[3] < 6 && seen.at(10, 10)[3] > 249, "{format:?}");
        if format == Format::Png {
            // No dark halo: whatever is half transparent is as yellow as the rest.
            let edge = seen.rgba.chunks_exact(4).filter(|p| (60..200).contains(&p[3]));
            assert!(edge.clone().count() > 8);
            assert!(edge.into_iter().all(|p| p[0] > 215 && p[1] > 205), "{:?}", seen.rgba);
        }
    }
    for (background, corner) in [(None, [255; 3]), (Some([0, 0, 255]), [0, 0, 255])] {
        let mut recipe = recipe(Format::Jpeg, 20, 95);
        recipe.plan.background = background.map(imaging::plan::Background);
        let at = seen(&make(&png(&disc), &recipe)).at(0, 0);
        assert!(at.iter().zip(corner).all(|(a, b)| a.abs_diff(b) < 12), "{at:?}");
    }
}

#[test]
fn the_first_frame_of_a_gif_is_where_it_belongs_on_its_canvas() {
    let red = Pixels::new(10, 8, |_, _| [200, 0, 0, 255]);
    let source = gif(&red, (40, 30), (20, 10));
    let seen = seen(&make(&source, &recipe(Format::Png, 40, 100)));
    for (x, y, colour) in [(20, 10, [200, 0, 0, 255]), (29, 17, [200, 0, 0, 255]), (30, 17, [0; 4])]
    {
        assert_eq!(seen.at(x, y), colour, "{x} {y}");
    }
}

#[test]
fn deep_and_interlaced_and_grey_pngs_are_read() {
    let photo = Pixels::photo(90, 70);
    let grey: Vec<u8> = photo.rgba.chunks_exact(4).flat_map(|p| [p[1], 0]).collect();
    let mut file = Vec::new();
    let mut info = png::Info::with_size(90, 70);
    (info.color_type, info.bit_depth) = (png::ColorType::Grayscale, png::BitDepth::Sixteen);
    let mut writer = png::Encoder::with_info(&mut file, info).unwrap().write_header().unwrap();
    writer.write_image_data(&grey).unwrap();
    writer.finish().unwrap();
    let seen = seen(&make(&file, &recipe(Format::Png, 90, 100)));
    let right = |p: (&[u8], &[u8])| p.0[0] == p.0[2] && p.0[1].abs_diff(p.1[1]) <= 1;
    assert!(seen.rgba.chunks_exact(4).zip(photo.rgba.chunks_exact(4)).all(right));
}

#[test]
fn nothing_is_larger_than_its_source_where_no_pixel_changes() {
    let photo = Pixels::photo(120, 90);
    let small = |format, quality| make(&png(&photo), &recipe(format, 120, quality)).bytes;
    for (format, best, name) in [
        (Format::Jpeg, "auto", "jpeg"),
        (Format::WebP, "auto-webp", "webp"),
        (Format::Avif, "auto-avif", "avif"),
    ] {
        let source = small(format, 20);
        for output in [best, "same", name] {
            let made = make(&source, &of(plan(&format!("q=98,f={output}"))));
            assert!(made.bytes.len() <= source.len(), "{format:?} {output}");
            assert!(made.original, "{format:?} {output}");
            assert_eq!(read(&made.bytes), read(&source), "{format:?} {output}");
        }
    }
    // One that the client does not take is made anew.
    assert!(!make(&small(Format::Avif, 20), &of(plan("q=98"))).original);
}

#[test]
fn an_original_that_goes_out_has_lost_what_is_not_needed() {
    let photo = Pixels::photo(60, 40);
    let secret = b"GPS 59.3293 N".to_vec();
    let noisy =
        [(1, [b"http://ns.adobe.com/xap/1.0/\0", &secret[..]].concat()), (13, secret.clone())];
    let text = |info: &mut png::Info<'_>| {
        let chunk = png::text_metadata::TEXtChunk::new("Comment", "GPS 59.3293 N");
        info.uncompressed_latin1_text.push(chunk);
    };
    let pngs = png_with(&Pixels::fields(60, 40), text);
    for (source, quality) in [(jpeg(&photo, &noisy), 100), (pngs, 100)] {
        assert!(support::avif::find(&source, &secret).is_some());
        let plan = Plan { quality: Some(quality), output: Output::Same, ..Plan::default() };
        let made = make(&source, &of(plan));
        assert!(support::avif::find(&made.bytes, &secret).is_none());
        assert!(made.bytes.len() < source.len());
    }
}

#[test]
fn an_original_avif_or_gif_has_lost_it_too() {
    let secret = b"GPS 59.3293 N";
    // A copyright that is long enough to be stored beside its entry.
    let exif =
        [&b"MM\0\x2a\0\0\0\x08\0\x01\x82\x98\0\x02\0\0\0\x0e\0\0\0\x1a\0\0\0\0"[..], secret, &[0]];
    let photo = jpeg(&Pixels::photo(60, 40), &[(1, [b"Exif\0\0", &exif.concat()[..]].concat())]);
    let kept = Recipe { keep_copyright: true, ..recipe(Format::Avif, 60, 10) };
    let avif = make(&photo, &kept).bytes;
    let mut gif = gif(&Pixels::fields(8, 8), (8, 8), (0, 0));
    let end = gif.len() - 1;
    gif.splice(end..end, [b"\x21\xfe\x0d", &secret[..], &[0]].concat());
    for source in [avif, gif] {
        assert!(support::avif::find(&source, secret).is_some());
        let made = make(&source, &of(plan("q=98,f=auto-avif")));
        assert!(made.original && support::avif::find(&made.bytes, secret).is_none());
        make(&made.bytes, &recipe(Format::Png, 4, 80));
    }
}

#[test]
fn who_made_it_is_kept_where_told_in_each_format() {
    let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x82\x98\0\x02\0\0\0\x09\0\0\0\x1a\0\0\0\0(c) Ada.\0\0";
    let photo = Pixels::photo(60, 40);
    let source = jpeg(&photo, &[(1, [b"Exif\0\0", &exif[..]].concat())]);
    for format in FORMATS {
        for (keep_copyright, width) in [(false, 30), (true, 30), (true, 60)] {
            let made = make(&source, &Recipe { keep_copyright, ..recipe(format, width, 80) });
            let found = support::avif::find(&made.bytes, b"(c) Ada.").is_some();
            assert_eq!(found, keep_copyright, "{format:?}");
            assert_eq!((seen(&made).width, seen(&made).height), (width, width * 2 / 3));
        }
    }
}

#[test]
fn auto_is_what_client_and_picture_allow() {
    let (photo, fields) = (png(&Pixels::photo(200, 150)), png(&Pixels::fields(200, 150)));
    let clear = png(&Pixels::new(200, 150, |x, y| [(x % 256) as u8, y as u8, 99, (x % 200) as u8]));
    for (source, best, media) in [
        (&photo, "basic", Media::Jpeg),
        (&photo, "webp", Media::WebP),
        (&photo, "avif", Media::Avif),
        (&clear, "basic", Media::Png),
        (&fields, "basic", Media::Png),
        (&fields, "avif", Media::WebP),
    ] {
        let plan = plan(&format!("w=100,f=auto-{best}"));
        assert_eq!(make(source, &of(plan)).media, media, "{best}");
    }
}

#[test]
fn what_is_too_long_for_webp_is_made_in_a_format_that_has_room() {
    let (tall, clear) = ([99, 9, 200, 255], [99, 9, 200, 100]);
    for (colour, output, media) in [
        (tall, "auto-webp", Media::Png),
        (tall, "best-webp", Media::Png),
        (clear, "auto-webp", Media::Png),
        (tall, "auto-avif", Media::Avif),
    ] {
        let source = png(&Pixels::new(8, 20_000, |_, _| colour));
        let made = make(&source, &of(plan(&format!("w=4,h=16384,fit=fill,f={output}"))));
        assert_eq!((made.media, made.size.height), (media, 16_384), "{output}");
        assert_eq!(seen(&made).height, 16_384);
    }
    let photo = jpeg(&Pixels::photo(16, 17_000), &[]);
    assert_eq!(make(&photo, &of(plan("f=auto-webp"))).media, Media::Jpeg);
    let named = picture(&photo, &recipe(Format::WebP, 16, 80), &Limits::default());
    assert!(named.is_err_and(|fault| fault.to_string().contains("16383")));
    // What moves goes out as it came.
    let moving = support::moving_gif(&Pixels::new(8, 17_000, |_, _| tall));
    let made = make(&moving, &of(plan("f=auto-webp")));
    assert!((made.media, made.original) == (Media::Gif, true));
}

#[test]
fn the_best_of_a_transparent_drawing_is_the_smallest_that_looks_as_good() {
    // Rings whose edges become soft, so that what comes out has more colours than were drawn.
    let logo = Pixels::new(800, 300, |x, y| {
        let far = (f64::from(x) - 400.0).hypot((f64::from(y) - 150.0) * 2.0);
        match (far / 40.0) as u32 {
            0 | 3 => [200, 30, 60, 255],
            1 | 5 => [20, 60, 160, 255],
            6 => [20, 60, 160, 120],
            _ => [0; 4],
        }
    });
    let source = png(&logo);
    let exact = seen(&make(&source, &recipe(Format::Png, 640, 100)));
    let on_white = |pixels: Pixels| {
        let mut pixels = pixels;
        for p in pixels.rgba.chunks_exact_mut(4) {
            let over = |v: u8| 255 - (255 - u32::from(v)) * u32::from(p[3]) / 255;
            p.copy_from_slice(&[over(p[0]) as u8, over(p[1]) as u8, over(p[2]) as u8, 255]);
        }
        pixels
    };
    let exact = on_white(exact);
    let of = |output: &str| {
        let made = make(&source, &of(plan(&format!("w=640,f={output}"))));
        let likeness = on_white(seen(&made)).likeness(&exact);
        (made, likeness)
    };
    for best in ["best-webp", "best-avif"] {
        let (made, likeness) = of(best);
        assert_eq!(made.media, Media::Png, "{best}");
        for other in ["webp", "avif"] {
            let (larger, least) = of(other);
            assert!(made.bytes.len() < larger.bytes.len(), "{best} {other}");
            assert!(likeness >= least - 1.0, "{best} {likeness}, {other} {least}");
        }
    }
}

#[test]
fn thorough_work_is_smaller_and_as_good() {
    let photo = Pixels::photo(320, 240);
    for format in [Format::Jpeg, Format::WebP, Format::Avif] {
        let quick = recipe(format, 320, 75);
        let thorough = Recipe { effort: Effort::Thorough, ..quick };
        let (quick, thorough) = (make(&png(&photo), &quick), make(&png(&photo), &thorough));
        assert!(thorough.bytes.len() < quick.bytes.len() * 104 / 100, "{format:?}");
        let lost = seen(&quick).likeness(&photo) - seen(&thorough).likeness(&photo);
        assert!(lost < 5.0, "{format:?}: {lost}");
    }
}

#[test]
fn info_tells_what_is_there() {
    let photo = Pixels::fields(64, 48);
    for (name, source) in sources(&photo) {
        let info =
            info(&source, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!((info.size.width, info.size.height, info.pages), (64, 48, 1), "{name}");
        assert_eq!(info.orientation, 1);
    }
    let red = png(&Pixels::new(
        30,
        30,
        |x, _| if x < 20 { [200, 10, 10, 255] } else { [0, 0, 200, 255] },
    ));
    let info = info(&red, &Limits::default()).expect("a picture");
    let json = info.to_json();
    assert!(json.starts_with(r##"{"format":"png","width":30,"height":30,"orientation":1,"pages":1,"alpha":true,"dominant":"#c80a0a","palette":["##), "{json}");
    assert!(picture(b"GIF", &recipe(Format::Png, 1, 1), &Limits::default()).is_err());
}
