//! Pixels made fewer, against a slow reading of what that means: Lanczos of three lobes over linear light
//! with alpha multiplied in, each output pixel on its own.

mod support;

use imaging::plan::Format;
use support::{Pixels, jpeg, make, png, recipe, seen, webp};

fn light(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn value(light: f64) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let value =
        if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0).round() as u8
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        let x = x * std::f64::consts::PI;
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

/// Where along a side each output pixel takes how much from.
fn weights(from: u32, to: u32) -> Vec<Vec<(u32, f64)>> {
    let ratio = f64::from(from) / f64::from(to);
    let reach = 3.0 * ratio.max(1.0);
    let of = |at: u32| {
        let centre = (f64::from(at) + 0.5) * ratio;
        let near = (0..from).filter(|x| (f64::from(*x) + 0.5 - centre).abs() < reach);
        let all: Vec<_> =
            near.map(|x| (x, lanczos((f64::from(x) + 0.5 - centre) / ratio.max(1.0)))).collect();
        let sum: f64 = all.iter().map(|(_, weight)| weight).sum();
        all.into_iter().map(|(x, weight)| (x, weight / sum)).collect()
    };
    (0..to).map(of).collect()
}

fn slowly(source: &Pixels, width: u32, height: u32) -> Pixels {
    let (across, down) = (weights(source.width, width), weights(source.height, height));
    Pixels::new(width, height, |x, y| {
        let mut sums = [0.0; 4];
        for (sy, wy) in &down[y as usize] {
            for (sx, wx) in &across[x as usize] {
                let [r, g, b, a] = source.at(*sx, *sy);
                let alpha = f64::from(a) / 255.0;
                let values = [light(r) * alpha, light(g) * alpha, light(b) * alpha, alpha];
                sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v * wx * wy);
            }
        }
        let alpha = sums[3].clamp(0.0, 1.0);
        let shown = |v: f64| if alpha < 0.002 { 0 } else { value(v / alpha) };
        [shown(sums[0]), shown(sums[1]), shown(sums[2]), (alpha * 255.0).round() as u8]
    })
}

/// The largest difference between two pictures where they can be seen, and the mean one.
fn apart(a: &Pixels, b: &Pixels) -> (u8, f64) {
    let seen = a.rgba.chunks_exact(4).zip(b.rgba.chunks_exact(4));
    let each: Vec<u8> = seen
        .flat_map(|(a, b)| {
            let hidden = a[3] < 40;
            (0..4).map(move |at| if hidden && at < 3 { 0 } else { a[at].abs_diff(b[at]) })
        })
        .collect();
    let sum: u64 = each.iter().map(|v| u64::from(*v)).sum();
    (each.iter().copied().max().unwrap_or(0), sum as f64 / each.len() as f64)
}

#[test]
fn pixels_are_those_of_a_slow_reading() {
    let clear = Pixels::new(150, 100, |x, y| {
        [x as u8, (2 * y) as u8, 200, (120.0 + 135.0 * (f64::from(x * y) / 900.0).sin()) as u8]
    });
    for (name, source) in [("photo", Pixels::photo(150, 100)), ("clear", clear)] {
        // The same but for rounding, and for overshoots, which are cut after each way.
        for (width, height) in [(149, 99), (120, 80), (90, 60), (45, 30)] {
            let made = seen(&make(&png(&source), &recipe(Format::Png, width, 100)));
            let (most, mean) = apart(&made, &slowly(&source, width, height));
            assert!(most <= 12 && mean < 0.2, "{name} at {width}: {most}, {mean}");
        }
    }
}

#[test]
fn shrinking_while_decoding_is_not_seen() {
    let photo = Pixels::photo(512, 384);
    for (name, source) in
        [("JPEG", jpeg(&photo, &[])), ("PNG", png(&photo)), ("WebP", webp(&photo, None, None))]
    {
        for width in [100, 60] {
            let made = seen(&make(&source, &recipe(Format::Png, width, 100)));
            let likeness = made.likeness(&slowly(&photo, width, width * 3 / 4));
            assert!(likeness > 85.0, "{name} at {width}: {likeness}");
        }
    }
}

#[test]
fn light_is_added_and_not_numbers() {
    // Black and white lines are half the light: 188, where an average of numbers would be 128.
    let lines = Pixels::new(400, 400, |_, y| if y % 2 == 0 { [0, 0, 0, 255] } else { [255; 4] });
    for width in [20, 100] {
        let at = seen(&make(&png(&lines), &recipe(Format::Png, width, 100))).at(9, 9);
        assert!(at[0].abs_diff(188) <= 2, "{width}: {at:?}");
    }
}
