//! Animations: written by other encoders, read by another decoder, and composed by hand as the formats
//! have it.

use super::Pixels;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use image_webp::{LoopCount, WebPDecoder};
use std::io::Cursor;

/// A frame of a GIF.
pub struct Part {
    pub pixels: Pixels,
    pub at: (u16, u16),
    /// In hundredths of a second.
    pub delay: u16,
    pub dispose: DisposalMethod,
}

impl Part {
    pub fn new(pixels: Pixels) -> Part {
        Part { pixels, at: (0, 0), delay: 10, dispose: DisposalMethod::Keep }
    }
}

/// A GIF of frames that lie on a canvas.
pub fn gif(
    canvas: (u16, u16),
    repeat: Option<Repeat>,
    parts: impl IntoIterator<Item: std::borrow::Borrow<Part>>,
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, canvas.0, canvas.1, &[]).expect("a GIF");
    repeat.into_iter().for_each(|repeat| encoder.set_repeat(repeat).expect("a repetition"));
    for part in parts {
        let part = std::borrow::Borrow::borrow(&part);
        let (width, height) = (part.pixels.width as u16, part.pixels.height as u16);
        let mut frame = Frame::from_rgba_speed(width, height, &mut part.pixels.rgba.clone(), 10);
        (frame.left, frame.top) = part.at;
        (frame.delay, frame.dispose) = (part.delay, part.dispose);
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    file
}

/// What is seen of each frame, by the rules of GIF89a.
pub fn composed(canvas: (u16, u16), parts: &[Part]) -> Vec<Pixels> {
    let mut seen = Pixels::new(canvas.0.into(), canvas.1.into(), |_, _| [0; 4]);
    let mut all = Vec::new();
    for part in parts {
        let before = seen.clone();
        let covers = |x: u32, y: u32| {
            let (x, y) = (x.checked_sub(part.at.0.into())?, y.checked_sub(part.at.1.into())?);
            (x < part.pixels.width && y < part.pixels.height).then(|| part.pixels.at(x, y))
        };
        seen = Pixels::new(seen.width, seen.height, |x, y| match covers(x, y) {
            Some(pixel) if pixel[3] != 0 => pixel,
            _ => before.at(x, y),
        });
        all.push(seen.clone());
        seen = match part.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => seen,
            DisposalMethod::Previous => before,
            DisposalMethod::Background => Pixels::new(seen.width, seen.height, |x, y| {
                if covers(x, y).is_some() { [0; 4] } else { seen.at(x, y) }
            }),
        };
    }
    all
}

/// An animation as it was read.
pub struct Seen {
    pub frames: Vec<Pixels>,
    /// In milliseconds.
    pub lasts: Vec<u32>,
    /// How often all are shown; nothing: for ever.
    pub plays: Option<u16>,
}

/// An animated WebP.
pub fn read(file: &[u8]) -> Seen {
    let mut decoder = WebPDecoder::new(Cursor::new(file)).expect("a WebP");
    assert!(decoder.is_animated(), "it does not move");
    decoder.set_background_color([0; 4]).expect("it moves");
    let (width, height) = decoder.dimensions();
    let plays = match decoder.loop_count() {
        LoopCount::Forever => None,
        LoopCount::Times(times) => Some(times.get()),
    };
    let (mut frames, mut lasts) = (Vec::new(), Vec::new());
    for _ in 0..decoder.num_frames() {
        let mut data = vec![0; decoder.output_buffer_size().expect("a size")];
        lasts.push(decoder.read_frame(&mut data).expect("a frame"));
        let rgba = if decoder.has_alpha() { data } else { super::with_alpha(&data) };
        frames.push(Pixels { width, height, rgba });
    }
    Seen { frames, lasts, plays }
}

/// A frame of an animated WebP.
pub struct Patch {
    pub pixels: Pixels,
    /// Both even.
    pub at: (u32, u32),
    pub lasts: u32,
    pub blends: bool,
    /// Whether its place becomes transparent after it.
    pub clears: bool,
}

/// An animated WebP of lossless frames.
pub fn webp(canvas: (u32, u32), plays: u16, patches: &[Patch]) -> Vec<u8> {
    let three = |value: u32| value.to_le_bytes()[..3].to_vec();
    let sides = [three(canvas.0 - 1), three(canvas.1 - 1)].concat();
    let mut chunks = chunk(b"VP8X", &[&[0x12, 0, 0, 0], &sides[..]].concat());
    chunks.extend(chunk(b"ANIM", &[&[9, 9, 9, 255], &plays.to_le_bytes()[..]].concat()));
    for patch in patches {
        let file = super::webp(&patch.pixels, None, None);
        let flags = u8::from(!patch.blends) << 1 | u8::from(patch.clears);
        let numbers = [
            patch.at.0 / 2,
            patch.at.1 / 2,
            patch.pixels.width - 1,
            patch.pixels.height - 1,
            patch.lasts,
        ];
        let head = numbers.map(three).concat();
        chunks.extend(chunk(b"ANMF", &[&head[..], &[flags], &file[12..]].concat()));
    }
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat()
}

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    let pad: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
    [name, &(data.len() as u32).to_le_bytes(), data, pad].concat()
}

/// How far apart colours are in the mean, as they are seen on grey.
pub fn apart(a: &Pixels, b: &Pixels) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let on_grey = |pixels: &Pixels| -> Vec<f64> {
        let pixels = pixels.rgba.chunks_exact(4);
        let seen = |p: &[u8], at: usize| {
            let alpha = f64::from(p[3]) / 255.0;
            f64::from(p[at]) * alpha + 128.0 * (1.0 - alpha)
        };
        pixels.flat_map(|p| [seen(p, 0), seen(p, 1), seen(p, 2)]).collect()
    };
    let (a, b) = (on_grey(a), on_grey(b));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
}
