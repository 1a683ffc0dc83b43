//! Pictures stand upright, whichever way they are stored, and are turned as a plan says after that.

mod support;

use imaging::plan::{Anchor, Fit, Flip, Format, Gravity, Output, Plan, Turn};
use imaging::{Limits, info};
use std::num::NonZeroU32;
use support::{Pixels, jpeg, make, of, plan, png, png_with, recipe, seen, webp};

/// A block of EXIF that tells an orientation.
fn exif(number: u8) -> Vec<u8> {
    [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[number, 0, 0, 0, 0, 0, 0, 0]].concat()
}

/// How a picture must be stored so that it stands upright by that number.
fn stored(upright: &Pixels, number: u8) -> Pixels {
    let (w, h) = (upright.width, upright.height);
    let (width, height) = if number > 4 { (h, w) } else { (w, h) };
    Pixels::new(width, height, |x, y| {
        let (x, y) = match number {
            1 => (x, y),
            2 => (w - 1 - x, y),
            3 => (w - 1 - x, h - 1 - y),
            4 => (x, h - 1 - y),
            5 => (y, x),
            6 => (w - 1 - y, x),
            7 => (w - 1 - y, h - 1 - x),
            _ => (y, h - 1 - x),
        };
        upright.at(x, y)
    })
}

#[test]
fn all_eight_stand_upright_in_each_format_that_tells_them() {
    let upright = Pixels::fields(96, 64);
    for number in 1..=8 {
        let pixels = stored(&upright, number);
        let block = exif(number);
        let sources = [
            jpeg(&pixels, &[(1, [b"Exif\0\0", &block[..]].concat())]),
            png_with(&pixels, |info| info.exif_metadata = Some(block.clone().into())),
            webp(&pixels, Some(block.clone()), None),
            turned_avif(&pixels, number),
        ];
        for (at, source) in sources.into_iter().enumerate() {
            let told = info(&source, &Limits::default()).expect("a picture");
            assert_eq!((told.size.width, told.orientation), (96, number.into()), "{at}");
            for width in [96, 48, 12] {
                let seen = seen(&make(&source, &recipe(Format::Png, width, 100)));
                assert_eq!((seen.width, seen.height), (width, width * 2 / 3));
                is_upright(&seen, &upright, &format!("{number} in {at} at {width}"));
            }
        }
    }
}

/// An AVIF whose container turns it: what is made here tells no turn, so boxes are put in.
fn turned_avif(pixels: &Pixels, number: u8) -> Vec<u8> {
    let mut file = make(&png(pixels), &recipe(Format::Avif, pixels.width, 100)).bytes;
    // Mirrored first, left and right, and then turned against the clock.
    let (mirrored, turns) =
        [(0, 0), (1, 0), (0, 2), (1, 2), (1, 1), (0, 3), (1, 3), (0, 1)][usize::from(number) - 1];
    let mut boxes = Vec::new();
    if mirrored == 1 {
        boxes.extend(b"\0\0\0\x09imir\x01");
    }
    boxes.extend([b"\0\0\0\x09irot", &[turns][..]].concat());
    let count = if mirrored == 1 { 2 } else { 1 };
    let at = |file: &[u8], name: &[u8]| support::avif::find(file, name).expect("a box");
    // They go to the end of the properties, the fifth and sixth of them, and the picture has them.
    let ipco = at(&file, b"ipco");
    let ipma = at(&file, b"ipma");
    let added = boxes.len();
    file.splice(ipma - 4..ipma - 4, boxes);
    grow(&mut file, ipco - 4, added);
    let ipma = ipma + added;
    assert_eq!(file[ipma + 14], 4, "properties of the picture");
    file[ipma + 14] += count;
    let has: Vec<u8> = (0..count).map(|at| 0x85 + at).collect();
    file.splice(ipma + 19..ipma + 19, has);
    grow(&mut file, ipma - 4, count.into());
    let all = added + usize::from(count);
    for name in [&b"iprp"[..], b"meta"] {
        let from = at(&file, name) - 4;
        grow(&mut file, from, all);
    }
    let place = at(&file, b"iloc") + 4 + 8 + 6;
    grow(&mut file, place, all);
    file
}

/// Adds to a number of four bytes.
fn grow(file: &mut [u8], at: usize, by: usize) {
    let number = u32::from_be_bytes(file[at..at + 4].try_into().expect("four")) + by as u32;
    file[at..at + 4].copy_from_slice(&number.to_be_bytes());
}

fn is_upright(seen: &Pixels, upright: &Pixels, words: &str) {
    for (u, v) in [(1, 1), (3, 1), (1, 3), (3, 3)] {
        let at = |pixels: &Pixels| pixels.at(pixels.width * u / 4, pixels.height * v / 4);
        let (is, was) = (at(seen), at(upright));
        assert!(is.iter().zip(was).all(|(a, b)| a.abs_diff(b) < 30), "{words}: {is:?} {was:?}");
    }
}

#[test]
fn turns_and_mirrors_of_a_plan_come_after() {
    let upright = Pixels::fields(96, 64);
    let source = jpeg(&stored(&upright, 6), &[(1, [b"Exif\0\0", &exif(6)[..]].concat())]);
    let [red, green, blue, grey] =
        [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(u, v)| upright.at(24 * u, 16 * v));
    let (left, none) = (Flip { horizontal: true, vertical: false }, Flip::default());
    let top = Flip { horizontal: false, vertical: true };
    for (turn, flip, corners) in [
        (Turn::None, none, [red, green, blue, grey]),
        (Turn::Quarter, none, [blue, red, grey, green]),
        (Turn::Half, none, [grey, blue, green, red]),
        (Turn::ThreeQuarters, none, [green, grey, red, blue]),
        (Turn::None, left, [green, red, grey, blue]),
        (Turn::None, top, [blue, grey, red, green]),
        (Turn::Quarter, left, [red, blue, green, grey]),
    ] {
        let output = Output::Is(Format::Png);
        let plan = Plan {
            width: NonZeroU32::new(32),
            quality: Some(100),
            turn,
            flip,
            output,
            ..Plan::default()
        };
        let seen = seen(&make(&source, &of(plan)));
        let is = [(1, 1), (3, 1), (1, 3), (3, 3)]
            .map(|(u, v)| seen.at(seen.width * u / 4, seen.height * v / 4));
        let right =
            is.iter().flatten().zip(corners.iter().flatten()).all(|(a, b)| a.abs_diff(*b) < 6);
        assert!(right, "{turn:?} {flip:?}: {is:?}");
    }
}

#[test]
fn what_is_cut_is_cut_from_the_upright_picture() {
    let upright = Pixels::fields(96, 64);
    for number in 1..=8 {
        let source = png_with(&stored(&upright, number), |info| {
            info.exif_metadata = Some(exif(number).into());
        });
        for (gravity, colour) in [(Gravity::West, 0), (Gravity::East, 2)] {
            // Half as wide as it is high: only the left or the right fields are left.
            let plan = Plan {
                width: NonZeroU32::new(16),
                height: NonZeroU32::new(32),
                fit: Fit::Cover,
                at: Anchor::at(gravity),
                quality: Some(100),
                output: Output::Is(Format::Png),
                ..Plan::default()
            };
            let seen = seen(&make(&source, &of(plan)));
            assert_eq!((seen.width, seen.height), (16, 32));
            let wanted = upright.at(if colour == 0 { 10 } else { 80 }, 10);
            assert!(seen.at(8, 8).iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 6), "{number}");
        }
    }
}

#[test]
fn a_contained_picture_has_its_background() {
    let source = png(&Pixels::new(80, 40, |_, _| [9, 99, 9, 255]));
    for (background, corner) in [("", [0, 0, 0, 0]), (",bg=010203", [1, 2, 3, 255])] {
        let plan = plan(&format!("w=40,h=40,fit=contain,q=100,f=png{background}"));
        let seen = seen(&make(&source, &of(plan)));
        assert_eq!((seen.at(0, 0), seen.at(20, 20)), (corner, [9, 99, 9, 255]));
    }
}
