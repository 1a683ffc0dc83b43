//! Pictures that tests make up, and what is known of those that come back.

use imaging::plan::{Format, Output, Plan};
use imaging::run::{Effort, Recipe};
use imaging::{Info, Limits, Profile};

/// A PNG of that size with some structure, other bytes for another `seed`.
pub fn png(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let wave = (x * 7 + y * 3 + seed * 41) % 256;
        [(x * 255 / width) as u8, (y * 255 / height) as u8, wave as u8]
    };
    let rows = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)));
    written(width, height, png::ColorType::Rgb, &rows.collect::<Vec<u8>>())
}

/// A PNG that is clear on its left half and red on its right.
pub fn half_clear(width: u32, height: u32) -> Vec<u8> {
    let row = (0..width).flat_map(|x| if x < width / 2 { [0; 4] } else { [255, 0, 0, 255] });
    let pixels = row.collect::<Vec<u8>>().repeat(height as usize);
    written(width, height, png::ColorType::Rgba, &pixels)
}

/// A PNG of these pixels of red, green and blue.
pub fn rgb(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    written(width, height, png::ColorType::Rgb, pixels)
}

/// The pixels of a PNG of 8 bits, as red, green and blue.
pub fn pixels(file: &[u8]) -> Vec<u8> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("pixels");
    let channels = info.color_type.samples();
    pixels.truncate(info.buffer_size());
    let rgb = |pixel: &[u8]| match pixel {
        [grey] | [grey, _] => [*grey; 3],
        pixel => [pixel[0], pixel[1], pixel[2]],
    };
    pixels.chunks_exact(channels).flat_map(rgb).collect()
}

/// A GIF of four frames, in each of which a bar is elsewhere.
pub fn moving(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let (across, down) = (width as u16, height as u16);
    let palette = [30, 90, 200, 250, 220, 10];
    let mut encoder = gif::Encoder::new(&mut file, across, down, &palette).expect("memory");
    for at in 0..4 {
        let from = at * width / 4;
        let is_bar = |x: u32| (from..from + width / 4).contains(&x);
        let row: Vec<u8> = (0..width).map(|x| is_bar(x).into()).collect();
        let mut frame =
            gif::Frame::from_indexed_pixels(across, down, row.repeat(height as usize), None);
        frame.delay = 12;
        encoder.write_frame(&frame).expect("memory");
    }
    drop(encoder);
    file
}

fn written(width: u32, height: u32, colour: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("memory");
    writer.write_image_data(pixels).expect("as many pixels as there are");
    writer.finish().expect("memory");
    file
}

/// A JPEG of that size.
pub fn jpeg(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let recipe = Recipe {
        plan: Plan { output: Output::Is(Format::Jpeg), quality: Some(90), ..Plan::default() },
        effort: Effort::Quick,
        keep_copyright: false,
        profile: Profile::ConvertToSrgb,
    };
    let made = imaging::picture(&png(width, height, seed), &recipe, &Limits::default());
    made.expect("it is a picture").bytes
}

/// What is known of a picture that came back; not of one that is none.
pub fn known(bytes: &[u8]) -> Info {
    imaging::info(bytes, &Limits::default()).expect("a picture")
}

/// Its width and height.
pub fn size(bytes: &[u8]) -> (u32, u32) {
    let size = known(bytes).size;
    (size.width, size.height)
}
