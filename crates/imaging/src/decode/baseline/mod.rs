//! JPEG, decoded to an eighth, a quarter or half of its size, of the lowest coefficients of each block
//! alone: the others' bits are passed over, several values at once. libjpeg reads each of them, which is
//! most of the time that a small picture of a large photograph takes. And decoded as it is, where it is
//! made smaller later and the processor is of those that do so faster than libjpeg.
//!
//! Only what nearly all photographs are is read: baseline, one scan, grey or YCbCr, the first of the
//! components the finest. All else, and whatever is damaged, is libjpeg's to read, or to refuse.

mod bits;
mod colours;
mod frame;
mod huffman;
mod pixels;
#[cfg(target_arch = "x86_64")]
mod whole;
mod window;

use crate::colour::Layout;
use crate::fault::Fault;
use crate::intake::{Intake, Rows, Wish};
use crate::sizing::Size;
use crate::sniff::Header;
use crate::wide::widest;
use bits::{Bits, Place};
use colours::coloured;
use frame::{Component, Frame};
use pixels::{Coefficients, Eighth, Half, NOWHERE, Quarter, Reduction};
use std::io::Read;
use window::Window;

/// A JPEG that is read here.
pub(crate) struct Baseline<'a> {
    frame: Frame<'a>,
    way: Way,
}

/// How it is decoded.
enum Way {
    Eighth,
    Quarter,
    Half,
    #[cfg(target_arch = "x86_64")]
    Whole(crate::wide::Wide),
}

impl<'a> Baseline<'a> {
    /// Whether it is read here to so many eighths; else that is left to libjpeg. Of `source` it takes no more
    /// than what stands before the scan.
    pub fn of(source: &'a [u8], header: &Header<'_>, eighths: u8, wish: &Wish) -> Option<Self> {
        let frame = Frame::read(source).filter(|frame| frame.size == header.size)?;
        let way = match eighths {
            1 => Way::Eighth,
            2 => Way::Quarter,
            4 => Way::Half,
            #[cfg(target_arch = "x86_64")]
            8 if is_much_smaller(header.size, wish.target) => Way::Whole(crate::wide::Wide::get()?),
            _ => return None,
        };
        Some(Baseline { frame, way })
    }

    /// Decodes it, with what follows `source`. Nothing where it is damaged: what libjpeg does not refuse, it
    /// has to be given from the start.
    pub fn decode(
        &self,
        follows: &mut dyn Read,
        header: &Header<'_>,
        wish: &Wish,
    ) -> Result<Option<Intake>, Fault> {
        let Some(coded) = Window::new(self.frame.coded, follows) else { return Ok(None) };
        match self.way {
            Way::Eighth => decoded(Eighth, (&self.frame, coded), header, wish),
            Way::Quarter => decoded(Quarter, (&self.frame, coded), header, wish),
            Way::Half => decoded(Half, (&self.frame, coded), header, wish),
            #[cfg(target_arch = "x86_64")]
            Way::Whole(wide) => decoded(whole::Whole(wide), (&self.frame, coded), header, wish),
        }
    }
}

/// Whether a picture becomes so much smaller that it is not seen how halved colours were doubled: here each
/// pixel is taken twice, and by libjpeg what lies between them is drawn through.
#[cfg(target_arch = "x86_64")]
fn is_much_smaller(size: Size, target: Size) -> bool {
    let is_less = |side: u32, target: u32| u64::from(side) * 4 >= u64::from(target) * 5;
    is_less(size.width, target.width) && is_less(size.height, target.height)
}

fn decoded<R: Reduction>(
    reduction: R,
    (frame, coded): (&Frame<'_>, Window<'_>),
    header: &Header<'_>,
    wish: &Wish,
) -> Result<Option<Intake>, Fault> {
    let side = |side: u32| (side * R::SIDE as u32).div_ceil(8);
    let size = Size { width: side(frame.size.width), height: side(frame.size.height) };
    let layout = if frame.components.len() == 1 { Layout::Grey } else { Layout::Rgb };
    let rows = Rows::new(size, layout, header.icc.as_deref());
    let mut intake = Intake::new(&rows.shrunk_to(R::SIDE as u8, header.size), wish);
    let mut scan = Scan::new(reduction, frame, coded);
    let mut row = vec![0; size.width as usize * layout.channels()];
    let mut left = size.height as usize;
    while left > 0 {
        if next_row(&mut scan).is_none() {
            return Ok(None);
        }
        let count = left.min(frame.factors.1 * R::SIDE);
        for y in 0..count {
            scan.row(y, &mut row);
            intake.push8(&row)?;
        }
        left -= count;
    }
    Ok(scan.has_end().then_some(intake))
}

/// The scan, as far as it was read.
struct Scan<'a, 'c, R> {
    reduction: R,
    frame: &'a Frame<'a>,
    coded: Window<'c>,
    place: Place,
    planes: Vec<Plane<'a>>,
    across: usize,
    /// How many units were read since the last marker, and how many markers there were.
    units: usize,
    restarts: u8,
}

/// A component, as far as it was read.
struct Plane<'a> {
    component: &'a Component,
    /// The pixels of the last row of its blocks, and the length of their rows.
    strip: Vec<u8>,
    width: usize,
    /// By how many coefficients came before: where the next one stands, and what it is multiplied by.
    places: [(u16, u16); PLACES],
    /// What the first coefficient was.
    before: i32,
}

/// The coefficients of a block, and how far beyond them a broken one may lead.
const PLACES: usize = 64 + 16;
/// The largest coefficient before it is multiplied: they have twelve bits.
const MOST: i32 = 4095;

impl<'a, 'c, R: Reduction> Scan<'a, 'c, R> {
    fn new(reduction: R, frame: &'a Frame<'a>, coded: Window<'c>) -> Scan<'a, 'c, R> {
        let across = (frame.size.width as usize).div_ceil(8 * frame.factors.0);
        let plane = |component: &'a Component| {
            let width = across * component.factors.0 * R::SIDE;
            let mut places = [(NOWHERE, 0); PLACES];
            for ((to, place), step) in places.iter_mut().zip(R::PLACES).zip(component.steps) {
                *to = (place, step);
            }
            let strip = vec![0; width * component.factors.1 * R::SIDE];
            Plane { component, strip, width, places, before: 0 }
        };
        Scan {
            reduction,
            frame,
            coded,
            place: Place::default(),
            planes: frame.components.iter().map(plane).collect(),
            across,
            units: 0,
            restarts: 0,
        }
    }

    /// Whether there is more behind what was read: where there is not, the end is missing.
    fn has_end(&mut self) -> bool {
        let place = self.coded.moved_to(self.place);
        place.is_some_and(|place| self.coded.bits(place).has_more())
    }

    /// Writes one row of pixels of those that were read last.
    fn row(&self, y: usize, row: &mut [u8]) {
        let line = |at: usize| {
            let Plane { component, strip, width, .. } = &self.planes[at];
            let y = y * component.factors.1 / self.frame.factors.1;
            &strip[y * width..][..*width]
        };
        match self.planes.len() {
            1 => row.copy_from_slice(&line(0)[..row.len()]),
            _ => {
                let is_halved = self.frame.components[1].factors.0 < self.frame.factors.0;
                coloured(line(0), [line(1), line(2)], is_halved, row);
            }
        }
    }
}

widest! {
    /// Reads a row of units; nothing where it is not whole.
    fn next_row<R: Reduction>(scan: &mut Scan<'_, '_, R>) -> Option<()> => next_row_of
}

#[inline(always)]
fn next_row_of<R: Reduction>(scan: &mut Scan<'_, '_, R>) -> Option<()> {
    let mut coefficients = [0; 65];
    let Scan { reduction, frame, coded, planes, .. } = scan;
    let mut bits = coded.bits(scan.place);
    for at in 0..scan.across {
        if !bits.is_ample() {
            let place = coded.moved_to(bits.place())?;
            bits = coded.bits(place);
        }
        if frame.restarts_after == Some(scan.units) {
            bits.restart(scan.restarts)?;
            planes.iter_mut().for_each(|plane| plane.before = 0);
            scan.units = 0;
            scan.restarts = (scan.restarts + 1) % 8;
        }
        scan.units += 1;
        for plane in &mut *planes {
            let (across, down) = plane.component.factors;
            for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                let only_first = plane.read::<R>(&mut bits, &mut coefficients)?;
                let place = y * R::SIDE * plane.width + (at * across + x) * R::SIDE;
                let strip = plane.strip.get_mut(place..)?;
                match only_first {
                    true => flat::<R>(coefficients[0], strip, plane.width),
                    false => reduction.pixels(&coefficients, strip, plane.width),
                }
            }
        }
    }
    scan.place = bits.place();
    (!bits.is_over()).then_some(())
}

/// A block of one value.
#[inline(always)]
fn flat<R: Reduction>(first: i32, strip: &mut [u8], width: usize) {
    let value = pixels::sample(first);
    for row in strip.chunks_mut(width).take(R::SIDE) {
        row[..R::SIDE].fill(value);
    }
}

impl Plane<'_> {
    /// Reads the lowest coefficients of the next block, each as large as it is meant; tells whether it has
    /// but the first.
    #[inline(always)]
    fn read<R: Reduction>(
        &mut self,
        bits: &mut Bits<'_>,
        coefficients: &mut Coefficients,
    ) -> Option<bool> {
        let Component { first, others, .. } = self.component;
        // The processor keeps a copy in its registers.
        let mut own = *bits;
        own.fill();
        self.before = self.before.wrapping_add(first.next(&mut own)?.value);
        coefficients[..R::SIDE * R::SIDE].fill(0);
        // No encoder writes larger ones, and these cannot overflow what follows.
        coefficients[0] = self.before.clamp(-MOST, MOST) * i32::from(self.places[0].1);
        let mut at = 1;
        while at <= R::LAST {
            // There are bits for two of them.
            own.fill();
            for _ in 0..2 {
                let symbol = others.next(&mut own)?;
                if symbol.steps == 0 {
                    *bits = own;
                    return Some(at == 1);
                }
                at += symbol.steps;
                let (place, step) = self.places[at - 1];
                coefficients[usize::from(place)] = symbol.value * i32::from(step);
                if at > R::LAST {
                    break;
                }
            }
        }
        if at > 64 {
            return None;
        }
        others.pass_over(&mut own, at)?;
        *bits = own;
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::Profile;
    use crate::intake::Taken;
    use crate::limits::Limits;
    use crate::sniff::header;
    use mozjpeg::{ColorSpace, Compress, Decompress};

    /// What comes out where it is resized no further.
    fn reduced(source: &[u8], eighths: u8) -> Option<(Size, Vec<u8>)> {
        let header = header(source, &Limits::default()).expect("a header");
        let side = |side: u32| (side * u32::from(eighths)).div_ceil(8);
        let target = Size { width: side(header.size.width), height: side(header.size.height) };
        let wish = Wish { target, part: None, profile: Profile::default() };
        let own = match eighths {
            // It would be left to libjpeg, since it is made no smaller.
            #[cfg(target_arch = "x86_64")]
            8 => {
                let (frame, way) = (Frame::read(source)?, Way::Whole(crate::wide::Wide::get()?));
                Baseline { frame, way }
            }
            _ => Baseline::of(source, &header, eighths, &wish)?,
        };
        let intake = own.decode(&mut std::io::empty(), &header, &wish);
        let intake = intake.expect("no fault")?;
        match intake.finish().expect("all rows").0 {
            Taken::Whole(raster) => Some((raster.size, raster.pixels)),
            _ => panic!("it was resized"),
        }
    }

    fn jpeg(width: usize, height: usize, change: impl FnOnce(&mut Compress)) -> Vec<u8> {
        let value = |x: usize, y: usize, c: usize| {
            let (x, y) = (x as f64 / 23.0, y as f64 / 17.0);
            let wave = (x + c as f64).sin() + (y - x / 3.0).cos();
            (128.0 + 55.0 * wave + ((x * 37.0 + y * 91.0) % 9.0)) as u8
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb: Vec<u8> =
            places.flat_map(|(x, y)| [value(x, y, 0), value(x, y, 1), value(x, y, 2)]).collect();
        let mut jpeg = Compress::new(ColorSpace::JCS_RGB);
        jpeg.set_size(width, height);
        jpeg.set_fastest_defaults();
        jpeg.set_quality(94.0);
        change(&mut jpeg);
        let mut jpeg = jpeg.start_compress(Vec::new()).expect("a JPEG");
        jpeg.write_scanlines(&rgb).expect("pixels");
        jpeg.finish().expect("an end")
    }

    fn by_libjpeg(source: &[u8], eighths: u8) -> (Size, Vec<u8>) {
        let mut jpeg = Decompress::new_mem(source).expect("a JPEG");
        jpeg.scale(eighths);
        let mut jpeg = jpeg.rgb().expect("colours");
        let size = Size { width: jpeg.width() as u32, height: jpeg.height() as u32 };
        (size, jpeg.read_scanlines::<u8>().expect("pixels"))
    }

    #[test]
    fn pixels_are_about_those_of_libjpeg() {
        for (across, down) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
            for (width, height) in [(203, 131), (64, 48), (9, 200)] {
                let source = jpeg(width, height, |jpeg| {
                    jpeg.set_chroma_sampling_pixel_sizes((across, down), (across, down));
                });
                for eighths in [1, 2, 4, 8] {
                    let Some((size, own)) = reduced(&source, eighths) else {
                        assert!(eighths == 8 && crate::wide::Wide::get().is_none());
                        continue;
                    };
                    let (other_size, other) = by_libjpeg(&source, eighths);
                    assert_eq!(size, other_size);
                    let apart = own.iter().zip(&other).map(|(a, b)| u64::from(a.abs_diff(*b)));
                    let mean = apart.sum::<u64>() as f64 / own.len() as f64;
                    let words = format!("{across}x{down} {width}x{height} {eighths}: {mean}");
                    // It gives halved colours twice the pixels, where it can.
                    let most = match (across, down, eighths) {
                        (1, 1, 8) => 0.1,
                        (1, 1, _) => 1.2,
                        _ => 5.0,
                    };
                    assert!(mean < most, "{words}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_read_here_is_left_to_libjpeg() {
        let whole = jpeg(200, 100, |_| {});
        assert!(reduced(&whole, 2).is_some());
        assert!(reduced(&whole[..whole.len() * 2 / 3], 2).is_none());
        assert!(reduced(&jpeg(200, 100, Compress::set_progressive_mode), 2).is_none());
        let rgb = jpeg(200, 100, |jpeg| jpeg.set_color_space(ColorSpace::JCS_RGB));
        assert!(reduced(&rgb, 2).is_none());
        let mut changed = whole.clone();
        let middle = whole.len() / 2;
        changed[middle..middle + 2].copy_from_slice(&[0xff, 0xd3]);
        assert!(reduced(&changed, 2).is_none());
    }

    #[test]
    fn what_libjpeg_refuses_is_left_to_it() {
        let whole = flat(&[7; 24], 64, 24);
        assert!(reduced(&whole, 1).is_some());
        // The end is missing, or half of it.
        for less in [1, 2] {
            let mut cut = whole[..whole.len() - less].to_vec();
            assert!(reduced(&cut, 1).is_none(), "{less}");
            cut.extend([0xff; 5]);
            assert!(reduced(&cut, 1).is_none(), "{less}");
        }
        let at = |marker| whole.windows(2).position(|two| two == [0xff, marker]).expect("it");
        let (frame, every, scan) = (at(0xc0), at(0xdd), at(0xda));
        // What does not stand before a scan.
        for marker in [0xf3, 0x60, 0xde] {
            let mut changed = whole.clone();
            changed[every + 1] = marker;
            assert!(reduced(&changed, 1).is_none(), "{marker:x}");
        }
        // A code that is all ones.
        let mut counts = [0; 16];
        counts[0] = 1;
        assert!(huffman::Table::new(&counts, &[0], true).is_some());
        counts[0] = 2;
        assert!(huffman::Table::new(&counts, &[0, 1], true).is_none());
        // Longer than what they hold.
        for at in [frame, every, scan] {
            let mut changed = whole.clone();
            let end = at + 2 + usize::from(changed[at + 3]);
            changed[at + 3] += 1;
            changed.insert(end, 0);
            assert!(reduced(&changed, 1).is_none(), "{at}");
        }
    }

    /// Grey blocks of one value each, and a marker after so many; codes that are easily written.
    fn flat(values: &[u8], width: u16, every: usize) -> Vec<u8> {
        let height = (values.len() * 8) as u16 / (width / 8);
        let mut file = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
        file.extend([1; 64]);
        file.extend([0xff, 0xc0, 0, 11, 8]);
        file.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
        file.extend([1, 1, 0x11, 0]);
        // Twelve codes of four bits, and one of one bit.
        file.extend([0xff, 0xc4, 0, 31, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(0..12);
        file.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend([0xff, 0xdd, 0, 4, 0, every as u8, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        for (number, part) in values.chunks(every).enumerate() {
            if number > 0 {
                file.extend([0xff, 0xd0 + (number as u8 - 1) % 8]);
            }
            let (mut bits, mut before) = (String::new(), 0);
            for value in part {
                let first = 8 * (i32::from(*value) - 128);
                let apart = first - before;
                let size = (32 - apart.unsigned_abs().leading_zeros()) as usize;
                bits.push_str(&format!("{size:04b}"));
                if size > 0 {
                    let coded = if apart < 0 { apart + (1 << size) - 1 } else { apart };
                    bits.push_str(&format!("{coded:0size$b}"));
                }
                bits.push('0');
                before = first;
            }
            for byte in bits.as_bytes().chunks(8) {
                let text = format!("{:1<8}", String::from_utf8_lossy(byte));
                let byte = u8::from_str_radix(&text, 2).expect("bits");
                file.push(byte);
                file.extend((byte == 0xff).then_some(0));
            }
        }
        file.extend([0xff, 0xd9]);
        file
    }

    #[test]
    fn it_goes_on_behind_markers() {
        let values: Vec<u8> = (0..96_u32).map(|at| (at * at * 37 % 256) as u8).collect();
        for every in [1, 3, 5, 96] {
            let source = flat(&values, 64, every);
            let (_, pixels) = reduced(&source, 1).expect("it is read");
            assert!(pixels.chunks(3).map(|pixel| pixel[0]).eq(values.iter().copied()), "{every}");
            assert_eq!(by_libjpeg(&source, 1).1, pixels);
            // One of them is lost.
            if let Some(at) = source.windows(2).rposition(|two| matches!(two, [0xff, 0xd0..=0xd7]))
            {
                let lost = [&source[..at], &source[at + 2..]].concat();
                assert!(reduced(&lost, 1).is_none(), "{every}");
            }
        }
    }

    #[test]
    fn a_marker_after_long_fill_does_not_part_a_unit() {
        let values: Vec<u8> = (0..96).map(|at| 100 + at).collect();
        let source = flat(&values, 64, 92);
        let marker = source.windows(2).rposition(|two| two == [0xff, 0xd0]).expect("one");
        let coded = source.windows(2).position(|two| two == [0xff, 0xda]).expect("it") + 10;
        let filled = |fill: usize| {
            let (before, after) = source.split_at(marker);
            [before, &vec![0xff; fill], after, &[0; 100_000]].concat()
        };
        // The marker ends so many bytes before the piece that is in memory does.
        for left in 0..8 {
            let source = filled((64 << 10) - (marker - coded + 2) - left);
            if let Some((_, pixels)) = reduced(&source, 1) {
                assert!(pixels.chunks(3).map(|p| p[0]).eq(values.iter().copied()), "{left}");
            }
        }
        assert!(reduced(&filled(1), 1).is_some() && reduced(&filled(1000), 1).is_some());
    }
}
