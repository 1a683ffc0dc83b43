//! The options of Larder's own dialect, one by one.

use super::super::changes::{
    Crop, Delivery, Kinds, Laid, Padding, Qualities, Score, Trim, Watermark,
};
use super::super::colour::opaque;
use super::super::numbers::Milli;
use super::super::options::{Background, Best, Fit, Flip, Format, Output, Turn};
use super::super::place::{Anchor, Gravity};
use super::super::query::decoded_path;
use super::super::{MAX_SIDE, NoPlan, Plan, Source};
use super::INFO;
use crate::placeholder::Placeholder;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::num::NonZeroU32;

/// The most that sides are multiplied by.
const MAX_DPR: f64 = 4.0;
/// The largest blur and sharpening, by their sigma in pixels.
pub const MAX_SIGMA: f64 = 250.0;
/// The longest name of a file, and the longest buster, in bytes.
const MAX_TEXT_BYTES: usize = 200;

/// What the options say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What is to be made.
    pub plan: Plan,
    /// The watermark, where it is not the site's.
    pub watermark: Option<Source>,
    /// What is said beside it.
    pub delivery: Delivery,
}

/// Reads options that stand between commas.
///
/// # Errors
/// The first that is wrong.
pub fn read(options: &str) -> Result<Options, NoPlan> {
    let mut read = Options::default();
    read.add(options)?;
    Ok(read)
}

impl Options {
    /// Reads further options, which win over those that were there.
    ///
    /// # Errors
    /// The first that is wrong.
    pub(super) fn add(&mut self, options: &str) -> Result<(), NoPlan> {
        let mut known: Vec<&str> = Vec::new();
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').ok_or_else(|| without_value(option))?;
            if known.contains(&name) {
                return Err(NoPlan::new(name, "is there more than once"));
            }
            known.push(name);
            let is_known = self.plan.size(name, value)?
                || self.plan.change(name, value)?
                || self.plan.format_and_bytes(name, value)?
                || self.beside(name, value)?;
            if !is_known && name == "p" {
                return Err(NoPlan::new(
                    name,
                    "is a preset, which no preset has, nor raw beside it",
                ));
            }
            if !is_known {
                return Err(NoPlan::new(
                    name,
                    "is no option: there are w, h, dpr, fit, g, q, f, bg, p, rotate, flip, crop, trim, \
                     blur, sharpen, pad, wm and those of docs/images.md",
                ));
            }
        }
        Ok(())
    }
}

fn without_value(option: &str) -> NoPlan {
    let is_word = option == INFO || Placeholder::NAMED.iter().any(|(_, name)| *name == option);
    let why = match is_word {
        true => "stands alone: no options go beside it",
        false => "lacks a value: options are written as in w=640",
    };
    NoPlan::new(option, why)
}

/// Sets a field if the value is one, or says what it should have been.
fn set<T>(field: &mut T, name: &str, value: Option<T>, why: &'static str) -> Result<bool, NoPlan> {
    *field = value.ok_or_else(|| NoPlan::new(name, why))?;
    Ok(true)
}

impl Plan {
    /// Options of sizes and places; false if it is another.
    fn size(&mut self, name: &str, value: &str) -> Result<bool, NoPlan> {
        const ANCHOR: &str = "is a side such as north, centre, one with a distance such as north:0:10, or a point such \
             as 0.5:0.3";
        match name {
            "w" => self.width = Some(side(name, value)?),
            "h" => self.height = Some(side(name, value)?),
            "mw" => self.min_width = Some(side(name, value)?),
            "mh" => self.min_height = Some(side(name, value)?),
            "zoom" => {
                let (x, y) = value.split_once(':').unwrap_or((value, value));
                let zoom = zoom(x).zip(zoom(y));
                set(&mut self.zoom, name, zoom, "is a number from 0.01 to 100, or two")?;
            }
            "dpr" => {
                let dpr = Milli::parse(value).filter(|dpr| (0.1..=MAX_DPR).contains(&dpr.value()));
                set(&mut self.dpr, name, dpr, "is a number from 0.1 to 4")?;
            }
            "fit" if value == "contain" => self.extend = Some(self.extend.unwrap_or_default()),
            "fit" => {
                let fit = Fit::NAMED.into_iter().find_map(|(fit, n)| (n == value).then_some(fit));
                let why =
                    "is one of inside, cover, cover-down, contain, fill, force, outside, by-shape";
                set(&mut self.fit, name, fit, why)?;
            }
            "enlarge" => self.enlarge = flag(name, value)?,
            "g" => drop(set(&mut self.at, name, anchor(value), ANCHOR)?),
            "extend" => drop(set(&mut self.extend, name, still(value).map(Some), ANCHOR)?),
            "reshape" => drop(set(&mut self.extend_shape, name, still(value).map(Some), ANCHOR)?),
            "crop" => {
                let why = "is a width, a height and where: 400:300, or 0.5:0:north";
                set(&mut self.crop, name, crop(value).map(Some), why)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Options of what is done to the pixels; false if it is another.
    fn change(&mut self, name: &str, value: &str) -> Result<bool, NoPlan> {
        match name {
            "page" => {
                let page = number(value).and_then(|page| u16::try_from(page).ok());
                set(&mut self.page, name, page.map(Some), "is the number of a frame, from 0")
            }
            "still" => set(&mut self.still, name, Some(flag(name, value)?), ""),
            "orient" => set(&mut self.as_stored, name, Some(!flag(name, value)?), ""),
            "trim" => {
                let why = "is how much colours may differ, and where told their colour: 10:fff";
                set(&mut self.trim, name, trim(value).map(Some), why)
            }
            "rotate" => set(&mut self.turn, name, turn(value), "is 90, 180 or 270"),
            "flip" => set(&mut self.flip, name, flip(value), "is h, v or hv"),
            "blur" => set(&mut self.blur, name, sigma(value), "is a number from 0 to 250"),
            "sharpen" => set(&mut self.sharpen, name, sigma(value), "is a number from 0 to 250"),
            "pixelate" => {
                let size = number(value).and_then(|size| u16::try_from(size).ok());
                set(&mut self.pixelate, name, size, "is a number of pixels")
            }
            "pad" => {
                let why = "is one to four numbers of pixels: above, right, below, left";
                set(&mut self.padding, name, padding(value), why)
            }
            "bg" => {
                let colour = opaque(value).map(Some);
                set(&mut self.background, name, colour, "is a colour such as c0ffee or white")
            }
            "wm" => {
                let why = "is an opacity, a side, distances and a scale: 0.5:southeast:10:10:0.2";
                set(&mut self.watermark, name, watermark(value).map(Some), why)
            }
            _ => Ok(false),
        }
    }

    /// Options of what is written; false if it is another.
    fn format_and_bytes(&mut self, name: &str, value: &str) -> Result<bool, NoPlan> {
        match name {
            "q" => self.quality = Some(quality(name, value)?),
            "fq" => {
                let why = "is formats and their qualities: webp:70:avif:60";
                set(&mut self.qualities, name, qualities(value), why)?;
            }
            "f" => {
                let why = "is one of auto, best, same, jpeg, png, webp, avif, and auto and best up to a format: \
                           auto-webp, best-webp, and so with basic and avif";
                let (output, smallest) = output(value).ok_or_else(|| NoPlan::new(name, why))?;
                (self.output, self.smallest) = (output, smallest);
            }
            "max" => {
                let bytes = number(value).and_then(NonZeroU32::new).map(Some);
                set(&mut self.max_bytes, name, bytes, "is a number of bytes")?;
            }
            "score" => {
                let why = "is a score from 1 to 100, and where told the least and the most quality";
                set(&mut self.score, name, score(value).map(Some), why)?;
            }
            "copyright" => self.keep.copyright = Some(flag(name, value)?),
            "metadata" => self.keep.metadata = Some(flag(name, value)?),
            "profile" => {
                let keep = match value {
                    "keep" => Some(true),
                    "srgb" => Some(false),
                    _ => None,
                };
                set(&mut self.keep.profile, name, keep.map(Some), "is keep or srgb")?;
            }
            "skip" => {
                let mut kinds = Kinds::default();
                let all = value.split(':').all(|kind| kinds.add(kind)).then_some(kinds);
                set(&mut self.skip, name, all, "is formats such as gif:png")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Options {
    /// Options beside the plan; false if it is another.
    fn beside(&mut self, name: &str, value: &str) -> Result<bool, NoPlan> {
        let text = || {
            let bytes = URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            text.ok_or_else(|| NoPlan::new(name, "is no text in base64url"))
        };
        match name {
            "wms" => self.watermark = Some(Source::parse(name, &text()?)?),
            "name" => self.delivery.name = Some(short(name, &text()?)?),
            "dl" => self.delivery.is_attachment = flag(name, value)?,
            "cb" => self.delivery.buster = Some(short(name, &text()?)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A text that is not too long.
///
/// # Errors
/// It is.
pub fn short(name: &str, text: &str) -> Result<Box<str>, NoPlan> {
    match text.len() <= MAX_TEXT_BYTES {
        true => Ok(text.into()),
        false => Err(NoPlan::new(name, "is longer than 200 bytes")),
    }
}

/// A side, in pixels.
///
/// # Errors
/// It is none.
pub fn side(name: &str, value: &str) -> Result<NonZeroU32, NoPlan> {
    let number = number(value).and_then(NonZeroU32::new);
    let why = "is a number of pixels from 1 to 16384";
    number.filter(|side| side.get() <= MAX_SIDE).ok_or_else(|| NoPlan::new(name, why))
}

/// A quality.
///
/// # Errors
/// It is none.
pub fn quality(name: &str, value: &str) -> Result<u8, NoPlan> {
    one_to_hundred(value).ok_or_else(|| NoPlan::new(name, "is a number from 1 to 100"))
}

fn one_to_hundred(value: &str) -> Option<u8> {
    let number = number(value).and_then(|number| u8::try_from(number).ok());
    number.filter(|number| (1..=100).contains(number))
}

/// A whole number in digits.
pub fn number(value: &str) -> Option<u32> {
    value.parse().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit()))
}

fn flag(name: &str, value: &str) -> Result<bool, NoPlan> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(NoPlan::new(name, "is 1 or 0")),
    }
}

/// A factor of sizes.
pub fn zoom(value: &str) -> Option<Milli> {
    Milli::parse(value).filter(|zoom| (0.01..=100.0).contains(&zoom.value()))
}

/// The width of a blur.
pub fn sigma(value: &str) -> Option<Milli> {
    Milli::parse(value).filter(|sigma| (0.0..=MAX_SIGMA).contains(&sigma.value()))
}

fn output(value: &str) -> Option<(Output, bool)> {
    Some(match value {
        "auto" => (Output::Auto, false),
        "auto-basic" => (Output::UpTo(Best::Basic), false),
        "auto-webp" => (Output::UpTo(Best::WebP), false),
        "auto-avif" => (Output::UpTo(Best::Avif), false),
        "best" => (Output::Auto, true),
        "best-basic" => (Output::UpTo(Best::Basic), true),
        "best-webp" => (Output::UpTo(Best::WebP), true),
        "best-avif" => (Output::UpTo(Best::Avif), true),
        "same" => (Output::Same, false),
        name => (Output::Is(Format::named(name)?), false),
    })
}

fn anchor(value: &str) -> Option<Anchor> {
    let mut parts = value.split(':');
    let first = parts.next()?;
    let (x, y) = (parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    match (Gravity::named(first), x, y) {
        (Some(gravity), x, y) => {
            let distance = |text: Option<&str>| text.map_or(Some(Milli::default()), Milli::parse);
            Some(Anchor { gravity, x: distance(x)?, y: distance(y)? })
        }
        (None, Some(y), None) => focus(first, y).map(Anchor::at),
        (None, ..) => None,
    }
}

/// A point, by parts of width and height.
pub fn focus(x: &str, y: &str) -> Option<Gravity> {
    let part = |text: &str| {
        let part = Milli::parse(text).filter(|part| (0.0..=1.0).contains(&part.value()))?;
        Some((part.value() * 1000.0).round() as u16)
    };
    Some(Gravity::Focus(part(x)?, part(y)?))
}

/// A place for which the picture need not be looked at.
fn still(value: &str) -> Option<Anchor> {
    anchor(value).filter(|anchor| anchor.gravity != Gravity::Smart)
}

fn crop(value: &str) -> Option<Crop> {
    let mut parts = value.splitn(3, ':');
    let mut length = || {
        let length = Milli::parse(parts.next()?)?;
        (0.0..=f64::from(u16::MAX)).contains(&length.value()).then_some(length)
    };
    let (width, height) = (length()?, length()?);
    let at = match parts.next() {
        None => None,
        Some(at) => Some(anchor(at)?),
    };
    Some(Crop { width, height, at })
}

fn trim(value: &str) -> Option<Trim> {
    let parts: Vec<&str> = value.split(':').collect();
    let threshold = Milli::parse(parts.first()?)?;
    let colour = match parts.get(1).filter(|colour| !colour.is_empty()) {
        None => None,
        Some(colour) => Some(Background::parse(colour)?),
    };
    let flag = |at: usize| match parts.get(at).copied() {
        None | Some("" | "0") => Some(false),
        Some("1") => Some(true),
        Some(_) => None,
    };
    let is_right = (0.0..=255.0).contains(&threshold.value()) && parts.len() <= 4;
    let (equal_across, equal_down) = (flag(2)?, flag(3)?);
    is_right.then_some(Trim { threshold, colour, equal_across, equal_down })
}

fn padding(value: &str) -> Option<Padding> {
    let parts: Option<Vec<u16>> = value
        .split(':')
        .map(|part| number(part).and_then(|part| u16::try_from(part).ok()))
        .collect();
    let (top, right, bottom, left) = match *parts?.as_slice() {
        [all] => (all, all, all, all),
        [down, across] => (down, across, down, across),
        [top, across, bottom] => (top, across, bottom, across),
        [top, right, bottom, left] => (top, right, bottom, left),
        _ => return None,
    };
    let is_right = [top, right, bottom, left].iter().all(|side| u32::from(*side) <= MAX_SIDE);
    is_right.then_some(Padding { top, right, bottom, left })
}

fn watermark(value: &str) -> Option<Watermark> {
    let mut parts = value.split(':');
    let opacity = Milli::parse(parts.next()?)?;
    let place = parts.next().unwrap_or("centre");
    let mut length = || parts.next().map_or(Some(Milli::default()), Milli::parse);
    let (x, y, scale) = (length()?, length()?, length()?);
    let place = match place {
        "tile" => Laid::Tiled(x, y),
        name => {
            let gravity = Gravity::named(name).filter(|gravity| *gravity != Gravity::Smart)?;
            Laid::Once(Anchor { gravity, x, y })
        }
    };
    let within = |part: Milli, most: f64| (0.0..=most).contains(&part.value());
    let is_right =
        parts.next().is_none() && !opacity.is_zero() && within(opacity, 1.0) && within(scale, 1.0);
    is_right.then_some(Watermark { opacity, place, scale })
}

fn qualities(value: &str) -> Option<Qualities> {
    let mut qualities = Qualities::default();
    let mut parts = value.split(':');
    while let Some(format) = parts.next() {
        qualities.set(Format::named(format)?, one_to_hundred(parts.next()?)?);
    }
    Some(qualities)
}

fn score(value: &str) -> Option<Score> {
    let parts: Option<Vec<u8>> = value.split(':').map(one_to_hundred).collect();
    let (target, least, most) = match *parts?.as_slice() {
        [target] => (target, Score::LEAST, Score::MOST),
        [target, least, most] if least <= most => (target, least, most),
        _ => return None,
    };
    Some(Score { target, least, most })
}

fn turn(value: &str) -> Option<Turn> {
    match value {
        "0" => Some(Turn::None),
        "90" => Some(Turn::Quarter),
        "180" => Some(Turn::Half),
        "270" => Some(Turn::ThreeQuarters),
        _ => None,
    }
}

fn flip(value: &str) -> Option<Flip> {
    match value {
        "h" => Some(Flip { horizontal: true, vertical: false }),
        "v" => Some(Flip { horizontal: false, vertical: true }),
        "hv" | "vh" => Some(Flip { horizontal: true, vertical: true }),
        _ => None,
    }
}

/// The options as they stand in a path: `%2C` is a comma like any other.
///
/// # Errors
/// They are no text.
pub fn of_path(options: &str) -> Result<std::borrow::Cow<'_, str>, NoPlan> {
    decoded_path(options).ok_or_else(|| NoPlan::new("the options", "are no text"))
}
