//! Animations in and out, as others read them.

mod support;

use gif::{DisposalMethod, Repeat};
use imaging::{Fault, Limits, Measure, Media, Recipe, info, picture};
use support::moving::{Part, Patch, apart, composed, gif, read, webp};
use support::{Pixels, make, of, plan, png, seen};

/// A square of a colour on a canvas of another, with a hole.
fn square(side: u32, colour: [u8; 3]) -> Pixels {
    let [r, g, b] = colour;
    Pixels::new(side, side, |x, y| match (x, y) {
        (2..4, 2..4) => [0; 4],
        _ => [r, g, b, 255],
    })
}

fn field(width: u32, height: u32, colour: [u8; 3]) -> Pixels {
    let [r, g, b] = colour;
    Pixels::new(width, height, |_, _| [r, g, b, 255])
}

/// Frames that lie here and there, and are disposed of in each way.
fn scraps() -> Vec<Part> {
    use DisposalMethod::{Any, Background, Keep, Previous};
    let part = |pixels, at, delay, dispose| Part { pixels, at, delay, dispose };
    vec![
        part(square(20, [200, 30, 30]), (3, 2), 5, Previous),
        part(square(16, [30, 200, 30]), (10, 6), 7, Keep),
        part(square(12, [30, 30, 200]), (5, 5), 20, Background),
        part(square(8, [200, 200, 30]), (22, 12), 0, Any),
        part(square(10, [200, 30, 200]), (0, 0), 1, Previous),
        part(square(6, [30, 200, 200]), (17, 1), 2, Background),
        part(field(32, 24, [90, 90, 90]), (0, 0), 300, Background),
        part(square(8, [1, 2, 3]), (24, 16), 11, Keep),
    ]
}

/// A disc that goes its way before a landscape.
fn scene(frames: u32) -> Vec<Part> {
    let backdrop = Pixels::photo(64, 48);
    let frame = |at: u32| {
        Part::new(Pixels::new(64, 48, |x, y| {
            let (dx, dy) = (x as i32 - 8 - 5 * at as i32, y as i32 - 24);
            if dx * dx + dy * dy < 60 { [250, 220, 10, 255] } else { backdrop.at(x, y) }
        }))
    };
    (0..frames).map(frame).collect()
}

fn moving(source: &[u8], options: &str) -> support::moving::Seen {
    let made = make(source, &of(plan(options)));
    assert_eq!((made.media, made.original), (Media::WebP, false), "{options}");
    let seen = read(&made.bytes);
    let size = (seen.frames[0].width, seen.frames[0].height);
    assert_eq!(size, (made.size.width, made.size.height), "{options}");
    seen
}

#[test]
fn frames_are_drawn_and_disposed_of_as_they_say() {
    let canvas = (32, 24);
    let source = gif(canvas, Some(Repeat::Infinite), scraps());
    let seen = moving(&source, "f=webp,q=100");
    let right = composed(canvas, &scraps());
    assert_eq!(seen.frames.len(), right.len());
    for (at, (frame, right)) in seen.frames.iter().zip(&right).enumerate() {
        // Where libwebp blends, the other decoder is a shade off.
        assert!(apart(frame, right) < 1.1, "frame {at}: {}", apart(frame, right));
        let shown = |pixels: &Pixels| pixels.rgba.iter().skip(3).step_by(4).copied().collect();
        let (is, was): (Vec<u8>, Vec<u8>) = (shown(frame), shown(right));
        assert_eq!(is, was, "what is transparent of frame {at}");
    }
    // What is told to be shown for 10 ms or less is shown for 100 by browsers.
    assert_eq!(seen.lasts, [50, 70, 200, 100, 100, 20, 3000, 110]);
}

#[test]
fn it_is_shown_as_often_as_its_source() {
    for (repeat, plays) in [
        (None, Some(1)),
        (Some(Repeat::Infinite), None),
        // Told is how often it is shown again.
        (Some(Repeat::Finite(1)), Some(2)),
        (Some(Repeat::Finite(65_535)), Some(65_535)),
    ] {
        let source = gif((32, 24), repeat, scraps());
        assert_eq!(moving(&source, "w=16,f=auto-webp").plays, plays, "{repeat:?}");
    }
    for plays in [0, 1, 7] {
        let patches = [patch([9, 9, 9], (0, 0)), patch([200, 9, 9], (2, 4))];
        let source = webp((16, 16), plays, &patches);
        let told = (plays > 0).then_some(plays);
        assert_eq!(moving(&source, "f=webp,w=8").plays, told);
    }
}

fn patch(colour: [u8; 3], at: (u32, u32)) -> Patch {
    Patch { pixels: square(10, colour), at, lasts: 40, blends: true, clears: false }
}

#[test]
fn a_webp_is_read_as_it_moves() {
    let glass = Pixels::new(8, 8, |x, _| [10, 220, 40, (x * 30) as u8]);
    let patches = [
        Patch { lasts: 30, clears: true, ..patch([200, 10, 10], (4, 2)) },
        Patch { lasts: 0, ..patch([10, 10, 200], (0, 6)) },
        Patch { pixels: glass, lasts: 5000, ..patch([0; 3], (4, 4)) },
        Patch { blends: false, ..patch([90, 90, 10], (6, 0)) },
        Patch { pixels: field(20, 16, [7, 7, 7]), ..patch([0; 3], (0, 0)) },
        Patch { clears: true, ..patch([250, 250, 250], (10, 6)) },
        patch([1, 99, 1], (2, 2)),
    ];
    let source = webp((20, 16), 0, &patches);
    let right = read(&source);
    let seen = moving(&source, "f=webp,q=100");
    assert_eq!((seen.lasts, seen.frames.len()), (right.lasts, right.frames.len()));
    for (at, (frame, right)) in seen.frames.iter().zip(&right.frames).enumerate() {
        assert!(apart(frame, right) < 1.5, "frame {at}: {}", apart(frame, right));
    }
}

#[test]
fn each_frame_is_shaped_as_a_picture_is() {
    let parts = scene(6);
    let source = gif((64, 48), None, &parts);
    let mark = png(&square(8, [255, 0, 255]));
    for options in [
        "w=32",
        "w=96,enlarge=1",
        "w=24,h=24,fit=cover",
        "w=24,h=24,fit=cover,g=0.1:0.5",
        "w=40,h=40,fit=contain,bg=0000ff",
        "crop=20:20:southeast",
        "crop=0.5:0.5,w=20",
        "rotate=90,flip=h,w=24",
        "w=32,pad=3,blur=1.5",
        "w=32,sharpen=1,pixelate=4",
        "w=32,wm=1:southeast:2:2",
        "trim=10",
    ] {
        let recipe = |options: &str| of(plan(options));
        let made = |source: &[u8], recipe: &Recipe| {
            let made = imaging::run::marked(source, Some(&mark), recipe, &Limits::default());
            made.unwrap_or_else(|fault| panic!("{options}: {fault}"))
        };
        let moved = read(&made(&source, &recipe(&format!("{options},f=webp,q=95"))).bytes);
        assert_eq!(moved.frames.len(), parts.len(), "{options}");
        for (at, frame) in moved.frames.iter().enumerate() {
            let still = make(&source, &of(plan(&format!("page={at},f=png,q=100")))).bytes;
            let still = seen(&made(&still, &recipe(&format!("{options},f=webp,q=95"))));
            assert!(apart(frame, &still) < 4.0, "{options} of {at}: {}", apart(frame, &still));
        }
    }
}

#[test]
fn what_is_looked_for_is_found_in_the_first_frame_and_stays() {
    // A checked patch that jumps from the left to the right; and a frame around all.
    let frame = |left: u32| {
        Part::new(Pixels::new(120, 40, move |x, y| match (x.wrapping_sub(left), y) {
            (0..30, 8..38) if (x / 3 + y / 3) % 2 == 0 => [250, 40, 20, 255],
            _ => [40, 40, 40, 255],
        }))
    };
    let source = gif((120, 40), None, &[frame(4), frame(80)]);
    let smart = moving(&source, "w=40,h=40,fit=cover,g=smart,f=webp,q=90");
    let reds = |pixels: &Pixels| pixels.rgba.chunks_exact(4).filter(|p| p[0] > 150).count();
    assert!(reds(&smart.frames[0]) > 300 && reds(&smart.frames[1]) == 0);
    let trimmed = moving(&source, "trim=10,f=webp,q=90");
    let (first, second) = (&trimmed.frames[0], &trimmed.frames[1]);
    assert!(first.width < 40 && reds(first) > 300, "{}", first.width);
    assert_eq!((first.width, reds(second)), (second.width, 0));
}

#[test]
fn formats_that_do_not_move_show_the_first_frame_or_the_one_that_is_asked_for() {
    let canvas = (32, 24);
    let (parts, right) = (scraps(), composed(canvas, &scraps()));
    let source = gif(canvas, None, &parts);
    for (options, at) in [
        ("f=png,q=100", 0),
        ("f=png,q=100,page=0", 0),
        ("f=png,q=100,page=3", 3),
        ("f=png,q=100,page=7", 7),
        ("f=png,q=100,page=900", 7),
        ("f=png,q=100,still=1", 0),
    ] {
        assert!(apart(&seen(&make(&source, &of(plan(options)))), &right[at]) < 0.01, "{options}");
    }
    for (options, media) in [
        ("f=jpeg", Media::Jpeg),
        ("f=avif", Media::Avif),
        ("f=webp,still=1", Media::WebP),
        ("f=auto-webp,page=2", Media::WebP),
        ("f=auto-basic,page=2", Media::Png),
    ] {
        let made = make(&source, &of(plan(options)));
        assert_eq!((made.media, info(&made.bytes, &Limits::default()).unwrap().pages), (media, 1));
    }
    // A client that takes no WebP gets the first frame of one.
    let patches = [patch([9, 9, 9], (0, 0)), patch([200, 9, 9], (2, 4))];
    let source = webp((16, 16), 0, &patches);
    assert_eq!(make(&source, &of(plan("f=auto-basic"))).media, Media::Png);
    let second = make(&source, &of(plan("f=png,q=100,page=1")));
    assert_eq!(seen(&second).at(5, 10), [200, 9, 9, 255]);
}

#[test]
fn what_looks_like_the_one_before_only_lasts_longer() {
    let mut parts = scene(3);
    parts.insert(1, Part { delay: 33, ..Part::new(parts[0].pixels.clone()) });
    parts.push(Part { delay: 50, ..Part::new(parts[3].pixels.clone()) });
    let source = gif((64, 48), None, &parts);
    assert_eq!(info(&source, &Limits::default()).expect("a GIF").pages, 5);
    let made = make(&source, &of(plan("w=32,f=webp")));
    assert_eq!(info(&made.bytes, &Limits::default()).expect("a WebP").pages, 3);
    assert_eq!(read(&made.bytes).lasts, [430, 100, 600]);
    // Where none differs, nothing moves.
    let source = support::moving_gif(&Pixels::fields(40, 30));
    let made = make(&source, &of(plan("w=20,f=webp")));
    assert_eq!(info(&made.bytes, &Limits::default()).expect("a WebP").pages, 1);
    assert_eq!(seen(&made).width, 20);
}

#[test]
fn it_goes_out_as_it_came_where_no_animation_can_be_made_of_it() {
    let source = gif((64, 48), None, scene(4));
    for options in
        ["w=32", "w=32,f=auto-basic", "w=32,f=same", "f=same", "skip=gif,w=32,f=auto-webp"]
    {
        let made = make(&source, &of(plan(options)));
        assert_eq!((made.media, made.original), (Media::Gif, true), "{options}");
        assert_eq!(made.bytes, source, "{options}");
    }
    // One that has too many pixels in all too, unless it is asked for by name.
    let limits = Limits { animation_pixels: 4 * 64 * 48 - 1, ..Limits::default() };
    let made = picture(&source, &of(plan("w=32,f=auto-avif")), &limits).expect("a GIF");
    assert_eq!(made.bytes, source);
    for options in ["w=32,f=webp", "f=png,page=3"] {
        let fault = picture(&source, &of(plan(options)), &limits).expect_err("too much");
        let what = Measure::AnimationPixels;
        assert_eq!(fault, Fault::TooLarge { what, is: 4 * 64 * 48, limit: 4 * 64 * 48 - 1 });
    }
    assert!(picture(&source, &of(plan("f=png,page=2")), &limits).is_ok());
    let large = of(plan("w=6400,enlarge=1,f=webp"));
    let fault = picture(&source, &large, &Limits::default());
    assert!(matches!(fault, Err(Fault::TooLarge { .. })), "{fault:?}");
}

#[test]
fn nothing_that_moves_is_larger_than_its_source() {
    let source = gif((64, 48), Some(Repeat::Infinite), scene(4));
    let small = make(&source, &of(plan("f=webp,q=20"))).bytes;
    for output in ["auto-webp", "auto-avif", "same", "webp"] {
        let made = make(&small, &of(plan(&format!("q=98,f={output}"))));
        assert!(made.original && made.bytes.len() <= small.len(), "{output}");
        assert_eq!((made.media, read(&made.bytes).lasts), (Media::WebP, vec![100; 4]));
    }
    // A GIF that is smaller than any WebP of it still tells how often it is shown.
    let tiny = [
        Part::new(Pixels::new(1, 1, |_, _| [0, 0, 0, 255])),
        Part::new(Pixels::new(1, 1, |_, _| [9; 4])),
    ];
    let tiny = gif((1, 1), Some(Repeat::Infinite), &tiny);
    let made = make(&tiny, &of(plan("f=auto-webp")));
    assert_eq!((made.media, made.bytes), (Media::Gif, tiny));
}

#[test]
fn a_slow_change_is_seen() {
    // Every frame a shade darker, while something else moves.
    let frame = |at: u32| {
        Part::new(Pixels::new(64, 48, move |x, y| {
            let shade = 200 - (2 * at) as u8;
            let is_dot = (x.wrapping_sub(at) < 6) && (20..26).contains(&y);
            if is_dot { [250, 20, 20, 255] } else { [shade, shade, shade, 255] }
        }))
    };
    let parts: Vec<Part> = (0..60).map(frame).collect();
    let moved = moving(&gif((64, 48), None, &parts), "f=webp,q=80");
    let right = composed((64, 48), &parts);
    assert_eq!(moved.frames.len(), right.len());
    let worst = moved.frames.iter().zip(&right).map(|(a, b)| apart(a, b)).fold(0.0, f64::max);
    assert!(worst < 6.0, "{worst}");
}

#[test]
fn the_quality_that_is_sought_is_that_of_the_first_frame() {
    let frames = [Pixels::photo(320, 240), Pixels::fields(320, 240)].map(Part::new);
    let source = gif((320, 240), None, &frames);
    let size = |options: &str| make(&source, &of(plan(options))).bytes.len();
    assert!(size("w=240,f=webp,score=90") > size("w=240,f=webp,score=50"));
    assert!(size("w=240,f=webp,q=95") > size("w=240,f=webp,q=30"));
}

#[test]
fn the_bytes_of_what_moves_are_brought_below_what_is_told() {
    let source = gif((64, 48), Some(Repeat::Infinite), scene(8));
    let of_options = |options: &str| make(&source, &of(plan(&format!("f=webp,{options}"))));
    let usual = of_options("q=90").bytes.len();
    for part in [2, 4] {
        let made = of_options(&format!("q=90,max={}", usual / part * 3 / 2));
        assert!(made.bytes.len() <= usual / part * 3 / 2, "{} of {usual}", made.bytes.len());
        assert!(made.bytes.len() > usual / part / 3, "{} of {usual}", made.bytes.len());
        assert_eq!(read(&made.bytes).frames.len(), 8);
    }
    assert_eq!(of_options(&format!("q=90,max={usual}")).bytes.len(), usual);
    // As far as giving quality up goes.
    assert_eq!(of_options("q=90,max=10").bytes, of_options("q=1").bytes);
}

#[test]
fn a_png_that_moves_goes_out_as_it_came_or_is_its_first_frame() {
    let frames = [field(32, 24, [200, 30, 30]), field(32, 24, [30, 30, 200])];
    let mut source = Vec::new();
    let mut encoder = png::Encoder::new(&mut source, 32, 24);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(2, 0).expect("frames");
    let mut writer = encoder.write_header().expect("a header");
    frames.iter().for_each(|frame| writer.write_image_data(&frame.rgba).expect("a frame"));
    writer.finish().expect("an end");
    assert_eq!(info(&source, &Limits::default()).expect("a PNG").pages, 2);
    for options in ["w=16", "w=16,f=auto-webp", "w=16,f=auto-avif", "f=same", "max=10"] {
        let made = make(&source, &of(plan(options)));
        assert_eq!((made.media, made.bytes == source), (Media::Png, true), "{options}");
    }
    for (options, media) in [
        ("w=16,f=png,q=100", Media::Png),
        ("w=16,f=webp,q=100", Media::WebP),
        ("w=16,f=auto-webp,still=1", Media::WebP),
        ("w=16,f=auto-webp,page=1", Media::WebP),
    ] {
        let made = make(&source, &of(plan(options)));
        assert_eq!((made.media, made.size.width, made.original), (media, 16, false), "{options}");
        assert!(apart(&seen(&made), &field(16, 12, [200, 30, 30])) < 2.0, "{options}");
        assert_eq!(info(&made.bytes, &Limits::default()).expect("a picture").pages, 1);
    }
}

#[test]
fn an_avif_that_moves_goes_out_as_it_came_or_is_the_picture_that_stands_in_it() {
    let boxed = |name: &[u8; 4], body: Vec<u8>| {
        let length = u32::try_from(body.len() + 8).expect("a short box");
        [&length.to_be_bytes()[..], name, &body].concat()
    };
    let still = make(&png(&field(32, 24, [200, 30, 30])), &of(plan("f=avif,q=95"))).bytes;
    // Three samples, whose pixels nobody here looks at.
    let sizes = boxed(b"stsz", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3].to_vec());
    let track = [b"stbl", b"minf", b"mdia", b"trak", b"moov"];
    let source = [still, track.into_iter().fold(sizes, |body, name| boxed(name, body))].concat();
    assert_eq!(info(&source, &Limits::default()).expect("an AVIF").pages, 3);
    for options in ["w=16,f=auto-avif", "w=16,f=same", "w=16,f=auto-avif,max=10"] {
        let made = make(&source, &of(plan(options)));
        assert_eq!((made.media, made.bytes == source), (Media::Avif, true), "{options}");
    }
    for options in
        ["w=16,f=avif,q=95", "w=16,f=auto-webp", "w=16,f=auto-basic", "w=16,f=auto-avif,still=1"]
    {
        let made = make(&source, &of(plan(options)));
        assert_eq!((made.size.width, made.original), (16, false), "{options}");
        assert!(apart(&seen(&made), &field(16, 12, [200, 30, 30])) < 6.0, "{options}");
        assert_eq!(info(&made.bytes, &Limits::default()).expect("a picture").pages, 1);
    }
}

#[test]
fn a_thousand_frames_need_no_more_memory_than_a_few() {
    let frame = |at: u32| {
        Part::new(Pixels::new(200, 150, |x, y| match (x.abs_diff(at % 200), y) {
            (0..12, 60..90) => [250, 220, 10, 255],
            _ => [20 * (x / 40) as u8, 60, 30 * (y / 50) as u8, 255],
        }))
    };
    let source = gif((200, 150), Some(Repeat::Infinite), (0..1000).map(frame));
    let limits = Limits { memory_bytes: 16 << 20, ..Limits::default() };
    let made = picture(&source, &of(plan("w=100,f=auto-avif")), &limits).expect("an animation");
    assert_eq!(
        (made.media, info(&made.bytes, &limits).expect("a WebP").pages),
        (Media::WebP, 1000)
    );
    assert!(made.bytes.len() < source.len());
}
