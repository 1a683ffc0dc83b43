//! Colours: profiles are converted or kept, and inks become light.

mod support;

use imaging::plan::{Format, Output, Plan};
use imaging::{Limits, Profile, Recipe, picture};
use moxcms::{ColorProfile, Layout, TransformOptions};
use support::{Pixels, jpeg, make, of, plan, png_with, read, recipe, seen, webp};

const COLOURS: [[u8; 3]; 6] =
    [[200, 60, 50], [50, 190, 70], [60, 80, 200], [128, 128, 128], [250, 250, 240], [20, 20, 30]];

/// Six fields with these colours of sRGB, as a profile stores them.
fn fields(profile: &ColorProfile) -> Pixels {
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let to = srgb.create_transform_8bit(Layout::Rgb, profile, Layout::Rgb, options).expect("a way");
    let stored = COLOURS.map(|colour| {
        let mut stored = [0; 3];
        to.transform(&colour, &mut stored).expect("a colour");
        stored
    });
    Pixels::new(96, 16, |x, _| {
        let [r, g, b] = stored[(x / 16) as usize];
        [r, g, b, 255]
    })
}

fn shows_the_colours(seen: &Pixels, words: &str) {
    let step = seen.width / 6;
    for (at, colour) in (0..).zip(COLOURS) {
        let is = seen.at(at * step + step / 2, seen.height / 2);
        assert!(
            is.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 9),
            "{words}: {is:?} {colour:?}"
        );
    }
}

fn icc_segment(profile: &[u8]) -> Vec<u8> {
    [b"ICC_PROFILE\0\x01\x01", profile].concat()
}

#[test]
fn wide_gamuts_become_srgb_in_each_format() {
    for (name, profile) in
        [("P3", ColorProfile::new_display_p3()), ("Adobe", ColorProfile::new_adobe_rgb())]
    {
        let (pixels, icc) = (fields(&profile), profile.encode().expect("a profile"));
        for source in [
            jpeg(&pixels, &[(2, icc_segment(&icc))]),
            png_with(&pixels, |info| info.icc_profile = Some(icc.clone().into())),
            webp(&pixels, None, Some(icc.clone())),
        ] {
            for width in [96, 48] {
                let made = make(&source, &recipe(Format::Png, width, 100));
                assert!(support::avif::find(&made.bytes, b"iCCP").is_none() || made.original);
                if !made.original {
                    shows_the_colours(&seen(&made), name);
                }
            }
        }
    }
}

#[test]
fn a_profile_is_kept_where_told_and_says_what_the_colours_are() {
    let profile = ColorProfile::new_display_p3();
    let (pixels, icc) = (fields(&profile), profile.encode().expect("a profile"));
    let source = png_with(&pixels, |info| info.icc_profile = Some(icc.clone().into()));
    for format in [Format::Jpeg, Format::Png, Format::WebP, Format::Avif] {
        let kept = Recipe { profile: Profile::Keep, ..recipe(format, 48, 95) };
        let made = make(&source, &kept);
        let stored = read(&made.bytes);
        let is = stored.at(4, 4);
        assert!(is[0].abs_diff(pixels.at(8, 8)[0]) <= 5, "{format:?}: {is:?}");
        // Made anew of that it is in sRGB again.
        shows_the_colours(&seen(&make(&made.bytes, &recipe(Format::Png, 24, 100))), "again");
    }
}

#[test]
fn a_profile_of_srgb_changes_nothing_and_does_not_go_along() {
    let icc = ColorProfile::new_srgb().encode().expect("a profile");
    let fields = fields(&ColorProfile::new_srgb());
    let source = png_with(&fields, |info| info.icc_profile = Some(icc.into()));
    let kept = Recipe { profile: Profile::Keep, ..recipe(Format::Png, 48, 100) };
    let made = make(&source, &kept);
    assert!(support::avif::find(&made.bytes, b"iCCP").is_none());
    shows_the_colours(&seen(&made), "sRGB");
}

#[test]
fn a_damaged_profile_is_none() {
    let fields = fields(&ColorProfile::new_srgb());
    for icc in [b"no profile".to_vec(), vec![0; 4000]] {
        let source = jpeg(&fields, &[(2, icc_segment(&icc))]);
        shows_the_colours(&seen(&make(&source, &recipe(Format::Png, 48, 100))), "damaged");
    }
}

#[test]
fn grey_with_a_profile_of_grey_is_as_light_as_it_says() {
    let icc = ColorProfile::new_gray_with_gamma(1.0).encode().expect("a profile");
    let mut file = Vec::new();
    let mut info = png::Info::with_size(8, 8);
    (info.color_type, info.bit_depth) = (png::ColorType::Grayscale, png::BitDepth::Eight);
    info.icc_profile = Some(icc.into());
    let mut writer = png::Encoder::with_info(&mut file, info).unwrap().write_header().unwrap();
    writer.write_image_data(&[55; 64]).unwrap();
    writer.finish().unwrap();
    // 55 of 255 in linear light is 127 in sRGB.
    let is = seen(&make(&file, &recipe(Format::Png, 4, 100))).at(1, 1);
    assert!(is[..3].iter().all(|v| v.abs_diff(127) <= 2), "{is:?}");
}

/// A JPEG of inks, as they are written: the other way round where it is Adobe's.
fn cmyk(inks: [u8; 4], adobe: Option<u8>) -> Vec<u8> {
    use mozjpeg::{ColorSpace, Compress, Marker};
    let mut jpeg = Compress::new(ColorSpace::JCS_CMYK);
    jpeg.set_size(16, 16);
    jpeg.set_fastest_defaults();
    let transform = adobe == Some(2);
    jpeg.set_color_space(if transform { ColorSpace::JCS_YCCK } else { ColorSpace::JCS_CMYK });
    jpeg.set_quality(98.0);
    let mut jpeg = jpeg.start_compress(Vec::new()).expect("a JPEG");
    let _ = Marker::APP(14);
    let value = |v: u8| if adobe.is_some() { 255 - v } else { v };
    jpeg.write_scanlines(&inks.map(value).repeat(256)).expect("pixels");
    let mut file = jpeg.finish().expect("an end");
    let marker = file.windows(2).position(|part| part == [0xff, 0xee]);
    if let (None, Some(at)) = (adobe, marker) {
        file.drain(at..at + 16);
    }
    file
}

#[test]
fn inks_become_light_whichever_way_round_they_are_stored() {
    for adobe in [None, Some(0), Some(2)] {
        for (inks, light) in [
            ([0, 0, 0, 0], [255, 255, 255]),
            ([255, 0, 0, 0], [0, 255, 255]),
            ([0, 255, 0, 0], [255, 0, 255]),
            ([0, 0, 0, 255], [0, 0, 0]),
            ([0, 128, 255, 51], [204, 102, 0]),
        ] {
            let is = seen(&make(&cmyk(inks, adobe), &recipe(Format::Png, 8, 100))).at(4, 4);
            assert!(
                is.iter().zip(light).all(|(a, b)| a.abs_diff(b) <= 6),
                "{adobe:?} {inks:?}: {is:?}"
            );
        }
    }
    let plan = Plan { output: Output::Is(Format::WebP), ..Plan::default() };
    assert!(!make(&cmyk([9; 4], Some(0)), &of(plan)).original);
}

/// A profile of inks with a table for each of those tags, in which paper is white and the fourth ink that
/// light (L of Lab); of the others there is nothing to see.
fn profile_of_inks(tables: &[(&[u8; 4], u8)]) -> Vec<u8> {
    let table = |black: u8| {
        // Four inks to three values over a grid of two steps each, and straight lines before and behind it.
        let mut lut = [&b"mft1\0\0\0\0\x04\x03\x02\0"[..]].concat();
        for at in 0..9 {
            lut.extend(if at % 4 == 0 { [0, 1, 0, 0] } else { [0; 4] });
        }
        (0..4).for_each(|_| lut.extend(0..=255));
        let lightness = (f64::from(black) * 2.55).round() as u8;
        (0..16).for_each(|at| lut.extend([if at % 2 == 0 { 255 } else { lightness }, 128, 128]));
        (0..3).for_each(|_| lut.extend(0..=255));
        lut
    };
    let mut icc = vec![0; 128];
    icc[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    icc[12..24].copy_from_slice(b"prtrCMYKLab ");
    icc[36..40].copy_from_slice(b"acsp");
    // The light of D50.
    icc[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
    icc.extend((tables.len() as u32).to_be_bytes());
    let first = icc.len() + 12 * tables.len();
    let tables: Vec<_> = tables.iter().map(|(tag, black)| (tag, table(*black))).collect();
    for (at, (tag, table)) in tables.iter().enumerate() {
        let length = table.len() as u32;
        icc.extend(
            [***tag, (first as u32 + at as u32 * length).to_be_bytes(), length.to_be_bytes()]
                .concat(),
        );
    }
    tables.iter().for_each(|(_, table)| icc.extend(table));
    let length = icc.len() as u32;
    icc[..4].copy_from_slice(&length.to_be_bytes());
    icc
}

#[test]
fn inks_are_converted_to_be_looked_at_where_their_profile_says_how() {
    for (tables, half, black) in [
        (&[(b"A2B0", 0), (b"A2B1", 40)][..], 119, 0),
        // Lightnesses of 60 and 20: in linear light 0.28 and 0.03, and what is 0.03 becomes 0.
        (&[(b"A2B1", 40), (b"A2B0", 20)], 139, 0),
        // What has only one is converted by that.
        (&[(b"A2B1", 20)], 139, 0),
        // What is as light as that is no black: 0.57 becomes 0.47.
        (&[(b"A2B0", 80)], 220, 182),
    ] {
        let icc = icc_segment(&profile_of_inks(tables));
        let head = [&[0xff, 0xe2][..], &(icc.len() as u16 + 2).to_be_bytes(), &icc].concat();
        for (key, light) in [(0, 255), (128, half), (255, black)] {
            let mut source = cmyk([0, 0, 0, key], Some(0));
            source.splice(2..2, head.iter().copied());
            let is = seen(&make(&source, &recipe(Format::Png, 8, 100))).at(4, 4);
            assert!(is[..3].iter().all(|v| v.abs_diff(light) <= 3), "{tables:?} {key}: {is:?}");
        }
    }
}

/// AVIF of 64 by 48 pixels of one colour (200, 50, 50), of 10 and of 12 bits, by another encoder (libvips
/// with libheif).
const OF_10_BITS: &str = "AAAAHGZ0eXBhdmlmAAAAAG1pZjFhdmlmbWlhZgAAANZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAA\
     AAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAAA+gABAAAAAAAAACkAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAAB\
     AABhdjAxAAAAAA5waXRtAAAAAAABAAAAVmlwcnAAAAA4aXBjbwAAAAxhdjFDgSBCAAAAABRpc3BlAAAAAAAAAEAAAA\
     AwAAAAEHBpeGkAAAAAAwoKCgAAABZpcG1hAAAAAAAAAAEAAQOBAgMAAAAxbWRhdBIACgk4FX+9rAQ0GkAyGhPCYyaA\
     APCAAAAATGK8WOoEOfillw893Gv0";
const OF_12_BITS: &str = "AAAAHGZ0eXBhdmlmAAAAAG1pZjFhdmlmbWlhZgAAANZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAA\
     AAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAAA+gABAAAAAAAAACsAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAAB\
     AABhdjAxAAAAAA5waXRtAAAAAAABAAAAVmlwcnAAAAA4aXBjbwAAAAxhdjFDgUBiAAAAABRpc3BlAAAAAAAAAEAAAA\
     AwAAAAEHBpeGkAAAAAAwwMDAAAABZpcG1hAAAAAAAAAAEAAQOBAgMAAAAzbWRhdBIACglYFX+9rQENBogyHBPCYyaA\
     APCAAAAATGJ8515tYILhnTOEJd32MoA=";

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}

#[test]
fn deep_avif_is_read() {
    for file in [OF_10_BITS, OF_12_BITS] {
        let seen = seen(&make(&base64(file), &of(plan("f=png,q=100"))));
        assert_eq!((seen.width, seen.height), (64, 48));
        let found = seen.at(30, 20);
        assert!(found.iter().zip([200, 50, 50, 255]).all(|(a, b)| a.abs_diff(b) <= 2), "{found:?}");
    }
}

#[test]
fn colours_that_are_told_by_code_points_are_converted_or_kept() {
    let red = Pixels::new(32, 32, |_, _| [200, 50, 50, 255]);
    let plain = make(&png_with(&red, |_| {}), &of(plan("f=avif,q=100"))).bytes;
    let at = support::avif::find(&plain, b"nclx").expect("code points");
    let with = |primaries: u8, transfer: u8| {
        let mut file = plain.clone();
        file[at + 4..at + 8].copy_from_slice(&[0, primaries, 0, transfer]);
        file
    };
    let red = |file: &[u8], options: &str| {
        seen(&make(file, &of(plan(&format!("{options},f=png,q=100"))))).at(9, 9)
    };
    let plain_red = red(&with(1, 13), "");
    // What is wider than sRGB is more of its colour there.
    for primaries in [9, 12] {
        let [r, g, ..] = red(&with(primaries, 13), "");
        assert!(r > plain_red[0] + 10 && g < plain_red[1], "{primaries}: {r} {g}");
    }
    // Or stays as it is, with a profile that tells how.
    let kept = make(&with(12, 13), &of(plan("profile=keep,f=png,q=100"))).bytes;
    assert!(support::avif::find(&kept, b"iCCP").is_some());
    assert_eq!(seen(&make(&kept, &of(plan("profile=keep,f=png,q=100")))).at(9, 9), plain_red);
    for transfer in [16, 18] {
        let fault = picture(&with(9, transfer), &of(plan("w=9")), &Limits::default());
        assert!(fault.is_err_and(|fault| fault.to_string().contains("HDR")), "{transfer}");
    }
}
