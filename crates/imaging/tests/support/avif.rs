//! AVIF by another decoder (a port of dav1d), and boxes found by their names: enough for what is made
//! here.

use super::Pixels;
use re_rav1d::dav1d::{Decoder, PlanarImageComponent, Settings};

/// What an AVIF shows that was made here: 8 bits, BT.601, the full range, all of which is asserted.
pub fn read(file: &[u8]) -> Pixels {
    let colr = find(file, b"colrnclx").expect("a box of colours");
    assert_eq!(file[colr + 8..colr + 15], [0, 1, 0, 13, 0, 6, 0x80], "colours of the file");
    let frames = frames(file);
    let (colour, width, height) = planes(&frames[0]);
    let alpha = frames.get(1).map(|frame| planes(frame).0);
    let half = colour[1].len() < colour[0].len();
    let rgba = (0..width * height).flat_map(|at| {
        let (x, y) = (at % width, at / width);
        let other = if half { y / 2 * width.div_ceil(2) + x / 2 } else { at };
        let value = |plane: usize| colour[plane].get(other).map_or(0.0, |v| f64::from(*v) - 128.0);
        let (light, cb, cr) = (f64::from(colour[0][at]), value(1), value(2));
        let rgb = [light + 1.402 * cr, light - 0.344_14 * cb - 0.714_14 * cr, light + 1.772 * cb];
        let [r, g, b] = rgb.map(|v| v.round().clamp(0.0, 255.0) as u8);
        [r, g, b, alpha.as_ref().map_or(255, |alpha| alpha[0][at])]
    });
    Pixels { width: width as u32, height: height as u32, rgba: rgba.collect() }
}

pub fn find(file: &[u8], name: &[u8]) -> Option<usize> {
    file.windows(name.len()).position(|part| part == name)
}

/// The frames of colours and of alpha, by the table of places.
fn frames(file: &[u8]) -> Vec<Vec<u8>> {
    let iloc = find(file, b"iloc").expect("a table of places") + 4;
    let number =
        |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four")) as usize;
    let count = usize::from(file[iloc + 7]);
    // The third is EXIF.
    let places = (0..count).map(|item| iloc + 8 + 14 * item).filter(|at| file[at + 1] < 3);
    let frame = |at: usize| file[number(at + 6)..number(at + 6) + number(at + 10)].to_vec();
    places.map(frame).collect()
}

fn planes(frame: &[u8]) -> ([Vec<u8>; 3], usize, usize) {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    let mut decoder = Decoder::with_settings(&settings).expect("a decoder");
    decoder.send_data(frame.to_vec(), None, None, None).expect("a frame");
    let picture = decoder.get_picture().expect("a picture");
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    assert_eq!(picture.bit_depth(), 8);
    assert_eq!(format!("{:?}", picture.color_range()), "Full", "the range that the frame tells");
    let grey = format!("{:?}", picture.pixel_layout()) == "I400";
    let components = [PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V];
    let planes = components.map(|component| {
        if grey && component as u32 != PlanarImageComponent::Y as u32 {
            return Vec::new();
        }
        let plane = picture.plane(component);
        let stride = picture.stride(component) as usize;
        let (w, h) = match (
            component as u32 == PlanarImageComponent::Y as u32,
            format!("{:?}", picture.pixel_layout()).as_str(),
        ) {
            (false, "I420") => (width.div_ceil(2), height.div_ceil(2)),
            _ => (width, height),
        };
        plane.chunks(stride).take(h).flat_map(|row| row[..w].to_vec()).collect()
    });
    (planes, width, height)
}
