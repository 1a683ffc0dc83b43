//! Pictures made by code, written by other encoders and read by other decoders than those that are
//! tested, as far as there are any.
#![allow(dead_code)] // each test uses some of it

use imaging::plan::{Format, Output, Plan};
use imaging::{Effort, Limits, Made, Profile, Recipe, picture};
use std::io::Cursor;
use std::num::NonZeroU32;

/// Pixels of red, green, blue and alpha.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

impl Pixels {
    pub fn new(width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 4]) -> Pixels {
        let mut rgba = Vec::new();
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            rgba.extend(colour(x, y));
        }
        Pixels { width, height, rgba }
    }

    /// Something like a photograph: shades, edges and grain.
    pub fn photo(width: u32, height: u32) -> Pixels {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut grain = Vec::new();
        for _ in 0..width * height {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            grain.push((seed % 9) as i32 - 4);
        }
        Pixels::new(width, height, |x, y| {
            let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
            let wave = (u * 19.0 + (v * 7.0).sin() * 2.0).sin() * 50.0;
            let edge = if (u - 0.5).hypot(v - 0.5) < 0.3 { 60.0 } else { -20.0 };
            let grain = f64::from(grain[(y * width + x) as usize]);
            let value = |base: f64| (base + wave + edge + grain).clamp(0.0, 255.0) as u8;
            [value(60.0 + 120.0 * u), value(90.0 + 60.0 * v), value(150.0 - 90.0 * u), 255]
        })
    }

    /// Four fields of one colour each: red, green, blue, and grey at the lower right.
    pub fn fields(width: u32, height: u32) -> Pixels {
        Pixels::new(width, height, |x, y| match (x < width / 2, y < height / 2) {
            (true, true) => [220, 30, 30, 255],
            (false, true) => [30, 200, 40, 255],
            (true, false) => [40, 50, 210, 255],
            (false, false) => [128, 128, 128, 255],
        })
    }

    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let at = 4 * (y * self.width + x) as usize;
        self.rgba[at..at + 4].try_into().expect("four")
    }

    pub fn rgb(&self) -> Vec<u8> {
        self.rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()
    }

    /// How much they look alike: 100 is the same, 70 is good (SSIMULACRA2).
    pub fn likeness(&self, other: &Pixels) -> f64 {
        use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};
        assert_eq!((self.width, self.height), (other.width, other.height));
        let (a, b) = (self.rgb(), other.rgb());
        let slice = |rgb| {
            let row = self.width as usize * 3;
            PixelSlice::new(rgb, self.width, self.height, row, PixelDescriptor::RGB8_SRGB)
                .expect("pixels")
        };
        compute_ssimulacra2(&slice(&a), &slice(&b)).expect("a score")
    }
}

/// A recipe for that format, as it is asked for by somebody who waits.
pub fn recipe(format: Format, width: u32, quality: u8) -> Recipe {
    let plan = Plan {
        width: NonZeroU32::new(width),
        quality: Some(quality),
        output: Output::Is(format),
        ..Plan::default()
    };
    of(plan)
}

/// A plan by the words of Larder's own dialect.
pub fn plan(options: &str) -> Plan {
    Plan::read(options).unwrap_or_else(|wrong| panic!("{options}: {wrong}"))
}

pub fn of(plan: Plan) -> Recipe {
    Recipe { plan, effort: Effort::Quick, keep_copyright: false, profile: Profile::ConvertToSrgb }
}

pub fn make(source: &[u8], recipe: &Recipe) -> Made {
    picture(source, recipe, &Limits::default()).unwrap_or_else(|fault| panic!("{fault}"))
}

/// A PNG of 8 bits with all channels, and chunks of its own before the pixels.
pub fn png_with(pixels: &Pixels, change: impl FnOnce(&mut png::Info<'_>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut info = png::Info::with_size(pixels.width, pixels.height);
    info.color_type = png::ColorType::Rgba;
    info.bit_depth = png::BitDepth::Eight;
    change(&mut info);
    let encoder = png::Encoder::with_info(&mut file, info).expect("a PNG");
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&pixels.rgba).expect("pixels");
    writer.finish().expect("an end");
    file
}

pub fn png(pixels: &Pixels) -> Vec<u8> {
    png_with(pixels, |_| {})
}

/// A JPEG of quality 97 with segments of its own.
pub fn jpeg(pixels: &Pixels, segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    use mozjpeg::{ColorSpace, Compress, Marker};
    let mut jpeg = Compress::new(ColorSpace::JCS_RGB);
    jpeg.set_size(pixels.width as usize, pixels.height as usize);
    jpeg.set_fastest_defaults();
    jpeg.set_quality(97.0);
    jpeg.set_chroma_sampling_pixel_sizes((1, 1), (1, 1));
    let mut jpeg = jpeg.start_compress(Vec::new()).expect("a JPEG");
    for (number, data) in segments {
        jpeg.write_marker(Marker::APP(*number), data);
    }
    jpeg.write_scanlines(&pixels.rgb()).expect("pixels");
    jpeg.finish().expect("an end")
}

/// A lossless WebP.
pub fn webp(pixels: &Pixels, exif: Option<Vec<u8>>, icc: Option<Vec<u8>>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut file);
    exif.into_iter().for_each(|exif| encoder.set_exif_metadata(exif));
    icc.into_iter().for_each(|icc| encoder.set_icc_profile(icc));
    let rgba = image_webp::ColorType::Rgba8;
    encoder.encode(&pixels.rgba, pixels.width, pixels.height, rgba).expect("a WebP");
    file
}

/// A GIF of one frame within a larger canvas.
pub fn gif(pixels: &Pixels, canvas: (u16, u16), at: (u16, u16)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, canvas.0, canvas.1, &[]).expect("a GIF");
    let (width, height) = (pixels.width as u16, pixels.height as u16);
    let mut frame = gif::Frame::from_rgba_speed(width, height, &mut pixels.rgba.clone(), 1);
    (frame.left, frame.top) = at;
    encoder.write_frame(&frame).expect("a frame");
    drop(encoder);
    file
}

/// A GIF of two frames.
pub fn moving_gif(pixels: &Pixels) -> Vec<u8> {
    let mut file = Vec::new();
    let (width, height) = (pixels.width as u16, pixels.height as u16);
    let mut encoder = gif::Encoder::new(&mut file, width, height, &[]).expect("a GIF");
    for _ in 0..2 {
        let frame = gif::Frame::from_rgba_speed(width, height, &mut pixels.rgba.clone(), 1);
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    file
}

/// What a picture shows, by a decoder that is not the one that made it.
pub fn seen(made: &Made) -> Pixels {
    read(&made.bytes)
}

pub fn read(file: &[u8]) -> Pixels {
    match imaging::sniff::kind(file).expect("a picture") {
        imaging::sniff::Kind::Jpeg => read_jpeg(file),
        imaging::sniff::Kind::Png => read_png(file),
        imaging::sniff::Kind::WebP => read_webp(file),
        imaging::sniff::Kind::Avif => super::support::avif::read(file),
        imaging::sniff::Kind::Gif => panic!("no GIF is made"),
    }
}

fn with_alpha(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect()
}

fn read_jpeg(file: &[u8]) -> Pixels {
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::{
        bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions,
    };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let rgb = decoder.decode().expect("a JPEG");
    let (width, height) = decoder.dimensions().expect("a size");
    Pixels { width: width as u32, height: height as u32, rgba: with_alpha(&rgb) }
}

fn read_png(file: &[u8]) -> Pixels {
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("a PNG");
    let mut data = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut data).expect("pixels");
    data.truncate(info.buffer_size());
    let rgba = match info.color_type {
        png::ColorType::Rgba => data,
        png::ColorType::Rgb => with_alpha(&data),
        png::ColorType::Grayscale => data.iter().flat_map(|v| [*v, *v, *v, 255]).collect(),
        png::ColorType::GrayscaleAlpha => {
            data.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect()
        }
        png::ColorType::Indexed => panic!("palettes are expanded"),
    };
    Pixels { width: info.width, height: info.height, rgba }
}

fn read_webp(file: &[u8]) -> Pixels {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).expect("a WebP");
    let (width, height) = decoder.dimensions();
    let mut data = vec![0; decoder.output_buffer_size().expect("a size")];
    decoder.read_image(&mut data).expect("pixels");
    let rgba = if decoder.has_alpha() { data } else { with_alpha(&data) };
    Pixels { width, height, rgba }
}

pub mod avif;
pub mod moving;
