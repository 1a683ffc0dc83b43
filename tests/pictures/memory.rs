//! How much memory the processes that make pictures take at the most, as the system counts it.

use super::workers;
use crate::support::{Larder, Origin, Reply};
use std::fs;
use std::io::Write;
use std::thread;

const MIB: u64 = 1 << 20;

/// A GIF of a thousand frames, in which a bar goes its way.
fn thousand_frames() -> Vec<u8> {
    let (width, height) = (200, 150);
    let mut file = Vec::new();
    let palette = [30, 90, 200, 250, 220, 10];
    let mut encoder = gif::Encoder::new(&mut file, width, height, &palette).expect("memory");
    for at in 0..1000 {
        let row: Vec<u8> = (0..width).map(|x| (x.abs_diff(at % width) < 9).into()).collect();
        let pixels = row.repeat(height.into());
        let frame = gif::Frame::from_indexed_pixels(width, height, pixels, None);
        encoder.write_frame(&gif::Frame { delay: 5, ..frame }).expect("memory");
    }
    drop(encoder);
    file
}

/// A PNG of a hundred million pixels, written row by row.
fn hundred_megapixels() -> Vec<u8> {
    const SIDE: u32 = 10_000;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect("memory");
    let mut rows = writer.stream_writer().expect("memory");
    let band = SIDE / 50;
    for y in (0..SIDE).step_by(band as usize) {
        let row: Vec<u8> = (0..SIDE).flat_map(|x| [(x / 40) as u8, (y / 40) as u8, 90]).collect();
        for _ in 0..band {
            rows.write_all(&row).expect("memory");
        }
    }
    rows.finish().expect("as many rows as there are");
    drop(writer);
    file
}

/// Asks for a picture, and how much memory any of those who make them had at the most meanwhile.
fn peak_bytes(larder: &Larder, target: &str) -> u64 {
    let of = |pid: String| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
    };
    thread::scope(|scope| {
        let asking = scope.spawn(|| larder.get(target));
        let mut peak = 0;
        while !asking.is_finished() {
            peak = workers(larder).into_iter().filter_map(of).max().unwrap_or(0).max(peak);
            thread::yield_now();
        }
        let answer = asking.join().expect("an answer");
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        peak
    })
}

#[test]
fn many_frames_and_many_pixels_take_little_memory() {
    let (gif, png) = (thousand_frames(), hundred_megapixels());
    let origin = Origin::answering(move |asked| {
        Reply::cached("max-age=600", if asked.target.ends_with("gif") { &gif } else { &png })
    });
    let images = "[images]\nworkers = 1\nmax_pixels = 100000000\ntimeout = \"60s\"\n";
    let config = format!("{images}[[site]]\norigin = \"{{origin}}\"\n[site.images]\n");
    // Of each it is several times what was measured, so that only another order is found.
    for (target, most) in [
        ("/_larder/image/w=96,f=webp/moving.gif", 96 * MIB),
        ("/_larder/image/w=640,f=webp/large.png", 256 * MIB),
    ] {
        let larder = Larder::configured(&config, &origin);
        let peak = peak_bytes(&larder, target);
        assert!((MIB..most).contains(&peak), "{target}: {} MiB", peak / MIB);
    }
}
