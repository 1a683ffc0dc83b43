//! The options of imgproxy, one by one; where one is written twice, the last counts.

use super::super::own::{number, quality, short, sigma, zoom};
use super::super::query::decoded_path;
use super::super::{
    Anchor, Asked, Background, Crop, Delivery, Fit, Flip, Format, Laid, Milli, NoPlan, Output,
    Padding, Plan, Qualities, Read, Score, Source, Trim, Turn, Wanted, Watermark,
};
use super::Imgproxy;
use super::unmade::{NEVER_MADE, why_unmade};
use super::word::{Extended, Word, is_true, side};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::num::NonZeroU32;

/// The options that stand between slashes.
pub fn words(options: &str) -> impl Iterator<Item = Result<Word<'_>, NoPlan>> {
    options.split('/').filter(|text| !text.is_empty()).map(Word::read)
}

/// When a URL ends, in seconds since 1970; nothing: never.
///
/// # Errors
/// It is no point in time.
pub fn expiry(word: &Word<'_>) -> Result<Option<u64>, NoPlan> {
    let time: Option<i64> = word.only()?.parse().ok();
    let time = word.must(time, "is a time in seconds since 1970")?;
    Ok(u64::try_from(time).ok().filter(|time| *time > 0))
}

/// What the options that were read say.
pub struct Reading<'s> {
    settings: &'s Imgproxy,
    is_signed: bool,
    plan: Plan,
    /// The format, and whether the smallest file is sought, where that was told.
    format: Option<(Output, bool)>,
    is_raw: bool,
    watermark: Option<Source>,
    mark: Option<Watermark>, // as it was laid last, seen or not
    delivery: Delivery,
    expires: Option<u64>,
    extend: Extended,
    extend_shape: Extended,
}

impl<'s> Reading<'s> {
    /// Nothing was read yet.
    pub fn new(settings: &'s Imgproxy, is_signed: bool) -> Reading<'s> {
        Reading {
            settings,
            is_signed,
            plan: Plan::default(),
            format: None,
            is_raw: false,
            watermark: None,
            mark: None,
            delivery: Delivery::default(),
            expires: None,
            extend: Extended::default(),
            extend_shape: Extended::default(),
        }
    }

    /// Reads options that stand between slashes. `used`: the presets that are being read.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn options(&mut self, options: &str, used: &mut Vec<&'s str>) -> Result<(), NoPlan> {
        for word in words(options) {
            let word = word?;
            if matches!(word.name, "preset" | "pr") {
                word.args.iter().try_for_each(|name| self.preset(name, used))?;
                continue;
            }
            let is_known = self.size(&word)?
                || self.place(&word)?
                || self.change(&word)?
                || self.laid_over(&word)?
                || self.written(&word)?
                || self.beside(&word)?;
            if !is_known {
                return Err(word.wrong(why_unmade(word.name)));
            }
        }
        Ok(())
    }

    /// Reads a preset. One that leads to itself is not read again.
    ///
    /// # Errors
    /// There is none of that name, or an option of it is wrong.
    pub fn preset(&mut self, name: &str, used: &mut Vec<&'s str>) -> Result<(), NoPlan> {
        if name.is_empty() {
            return Err(NoPlan::new("preset", "lacks a name: write preset:small"));
        }
        let known = self.settings.presets.iter().find(|(known, _)| **known == *name);
        let Some((name, options)) = known else {
            return Err(NoPlan::new(name, "is no preset of the site"));
        };
        if used.contains(&&**name) {
            return Ok(());
        }
        used.push(name);
        self.options(options, used)?;
        used.pop();
        Ok(())
    }

    /// Whether a watermark is drawn that no option names.
    pub fn has_own_watermark(&self) -> bool {
        self.plan.watermark.is_some() && self.watermark.is_none()
    }

    /// What is asked for of a source. `extension`: the format that stands behind it.
    ///
    /// # Errors
    /// The format is none.
    pub fn done(mut self, source: Source, extension: Option<&str>) -> Result<Read, NoPlan> {
        if let (Some(extension), false) = (extension, self.is_raw) {
            self.format = Some(output("the extension", extension)?);
        }
        if self.plan.quality.is_some() {
            // There it goes before those of formats.
            self.plan.qualities = Qualities::default();
        }
        self.plan.extend = self.extend.is_on.then_some(self.extend.at);
        self.plan.extend_shape = self.extend_shape.is_on.then_some(self.extend_shape.at);
        let usual = if self.settings.auto_format { Output::Auto } else { Output::Same };
        (self.plan.output, self.plan.smallest) = self.format.unwrap_or((usual, false));
        let watermark = self.watermark.filter(|_| self.plan.watermark.is_some() && !self.is_raw);
        let wanted = match self.is_raw {
            true => Wanted::Raw,
            false => Wanted::Picture(self.plan),
        };
        let asked = Asked { source, wanted, watermark, delivery: self.delivery };
        Ok(Read { expires: self.expires, ..Read::of(asked) })
    }

    /// Options of sizes; false if it is another.
    fn size(&mut self, word: &Word<'_>) -> Result<bool, NoPlan> {
        match word.name {
            "resize" | "rs" => {
                word.most(8)?;
                if let Some(name) = word.given(0) {
                    self.plan.fit = fit(word, name)?;
                }
                self.sides(word, 1)?;
            }
            "size" | "s" => {
                word.most(7)?;
                self.sides(word, 0)?;
            }
            "resizing_type" | "rt" => self.plan.fit = fit(word, word.only()?)?,
            "width" | "w" => self.plan.width = word.side(word.only()?)?,
            "height" | "h" => self.plan.height = word.side(word.only()?)?,
            "min-width" | "mw" => self.plan.min_width = word.side(word.only()?)?,
            "min-height" | "mh" => self.plan.min_height = word.side(word.only()?)?,
            "zoom" | "z" => {
                word.most(2)?;
                let (x, y) = (word.args[0], word.args.get(1).unwrap_or(&word.args[0]));
                let why = "is a number from 0.01 to 100, or two";
                self.plan.zoom = word.must(zoom(x).zip(zoom(y)), why)?;
            }
            "dpr" => {
                let dpr = Milli::parse(word.only()?);
                let dpr = dpr.filter(|dpr| (0.1..=4.0).contains(&dpr.value()));
                self.plan.dpr = word.must(dpr, "is a number from 0.1 to 4")?;
            }
            "enlarge" | "el" => self.plan.enlarge = word.flag()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Width, height, and whether it is enlarged and extended, as far as they are there.
    fn sides(&mut self, word: &Word<'_>, from: usize) -> Result<(), NoPlan> {
        if let Some(width) = word.given(from) {
            self.plan.width = word.side(width)?;
        }
        if let Some(height) = word.given(from + 1) {
            self.plan.height = word.side(height)?;
        }
        if let Some(enlarge) = word.given(from + 2) {
            self.plan.enlarge = is_true(enlarge);
        }
        if word.given(from + 3).is_some() {
            self.extend.read(word, from + 3)?;
        }
        Ok(())
    }

    /// Options of what is cut off and added; false if it is another.
    fn place(&mut self, word: &Word<'_>) -> Result<bool, NoPlan> {
        match word.name {
            "extend" | "ex" => {
                word.most(4)?;
                self.extend.read(word, 0)?;
            }
            "extend_aspect_ratio" | "extend_ar" | "exar" => {
                word.most(4)?;
                self.extend_shape.read(word, 0)?;
            }
            "gravity" | "g" => self.plan.at = word.anchor(0, true, self.plan.at)?,
            "crop" | "c" => {
                let before = self.plan.crop;
                let (width, height) =
                    before.map(|crop| (crop.width, crop.height)).unwrap_or_default();
                let length = |at: usize, before: Milli| match word.args.get(at) {
                    None => Some(before),
                    Some(text) => {
                        let most = f64::from(u16::MAX);
                        Milli::parse(text).filter(|length| (0.0..=most).contains(&length.value()))
                    }
                };
                let why = "is a width and a height: 400:300, or 0.5:0";
                let (width, height) = word.must(length(0, width).zip(length(1, height)), why)?;
                let at = before.and_then(|crop| crop.at);
                let at = match word.args.len() > 2 {
                    true => Some(word.anchor(2, true, at.unwrap_or_default())?),
                    false => at,
                };
                let cuts = !width.is_zero() || !height.is_zero();
                self.plan.crop = cuts.then_some(Crop { width, height, at });
            }
            "trim" | "t" => self.plan.trim = trim(word, self.plan.trim)?,
            "padding" | "pd" => self.plan.padding = padding(word, self.plan.padding)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Options of what is done to the pixels; false if it is another.
    fn change(&mut self, word: &Word<'_>) -> Result<bool, NoPlan> {
        const SIGMA: &str = "is a number from 0 to 250";
        match word.name {
            "auto_rotate" | "ar" => self.plan.as_stored = !word.flag()?,
            "rotate" | "rot" => {
                let angle: Option<i32> = word.only()?.parse().ok();
                let turn = angle.and_then(|angle| match angle.rem_euclid(360) {
                    0 => Some(Turn::None),
                    90 => Some(Turn::Quarter),
                    180 => Some(Turn::Half),
                    270 => Some(Turn::ThreeQuarters),
                    _ => None,
                });
                self.plan.turn = word.must(turn, "is a multiple of 90")?;
            }
            "flip" | "fl" => {
                word.most(2)?;
                let flip = |at: usize, was: bool| word.given(at).map_or(was, is_true);
                let Flip { horizontal, vertical } = self.plan.flip;
                self.plan.flip =
                    Flip { horizontal: flip(0, horizontal), vertical: flip(1, vertical) };
            }
            "background" | "bg" => self.plan.background = background(word)?,
            "blur" | "bl" => self.plan.blur = word.must(sigma(word.only()?), SIGMA)?,
            "sharpen" | "sh" => self.plan.sharpen = word.must(sigma(word.only()?), SIGMA)?,
            "pixelate" | "pix" => {
                let size = number(word.only()?).and_then(|size| u16::try_from(size).ok());
                self.plan.pixelate = word.must(size, "is a number of pixels")?;
            }
            "page" | "pg" => {
                let page = number(word.only()?).and_then(|page| u16::try_from(page).ok());
                self.plan.page = Some(word.must(page, "is the number of a frame, from 0")?);
            }
            "disable_animation" | "da" => self.plan.still = word.flag()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Options of watermarks; false if it is another.
    fn laid_over(&mut self, word: &Word<'_>) -> Result<bool, NoPlan> {
        match word.name {
            "watermark" | "wm" => {
                self.mark = Some(watermark(word, self.mark)?);
                self.plan.watermark = self.mark.filter(|mark| !mark.opacity.is_zero());
            }
            "watermark_url" | "wmu" => {
                self.watermark = match word.only()? {
                    "" => None,
                    coded => Some(Source::parse(word.name, &decoded(word, coded)?)?),
                };
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Options of what is written; false if it is another.
    fn written(&mut self, word: &Word<'_>) -> Result<bool, NoPlan> {
        match word.name {
            "quality" | "q" => {
                self.plan.quality = match word.only()? {
                    "0" => None,
                    text => Some(quality(word.name, text)?),
                };
            }
            "format_quality" | "fq" => self.qualities(word)?,
            "autoquality" | "aq" => self.auto_quality(word)?,
            "max_bytes" | "mb" => {
                let bytes = word.must(number(word.only()?), "is a number of bytes")?;
                self.plan.max_bytes = NonZeroU32::new(bytes);
            }
            "format" | "f" | "ext" => self.format = Some(output(word.name, word.only()?)?),
            "strip_metadata" | "sm" => self.plan.keep.metadata = Some(!word.flag()?),
            "keep_copyright" | "kcr" => self.plan.keep.copyright = Some(word.flag()?),
            "strip_color_profile" | "scp" => self.plan.keep.profile = Some(!word.flag()?),
            "preserve_hdr" | "ph" if !word.flag()? => {}
            "enforce_thumbnail" | "eth" if !word.flag()? => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn qualities(&mut self, word: &Word<'_>) -> Result<(), NoPlan> {
        let why = "is formats and their qualities: webp:70:avif:60";
        for pair in word.args.chunks(2) {
            let [format, text] = pair else { return Err(word.wrong(why)) };
            match Format::named(format) {
                // 0 is the usual one.
                Some(format) if *text == "0" => self.plan.qualities.clear(format),
                None if *text == "0" => {}
                Some(format) => self.plan.qualities.set(format, quality(word.name, text)?),
                None if NEVER_MADE.contains(format) => {}
                None => return Err(word.wrong(why)),
            }
        }
        Ok(())
    }

    /// What is sought by DSSIM is sought by SSIMULACRA2 here.
    fn auto_quality(&mut self, word: &Word<'_>) -> Result<(), NoPlan> {
        word.most(5)?;
        let target = |usual: &'static str| word.given(1).unwrap_or(usual);
        match word.args[0] {
            "none" => self.plan.score = None,
            "size" if word.args.len() <= 2 => {
                let bytes = word.must(number(target("")), "is a number of bytes")?;
                self.plan.max_bytes = NonZeroU32::new(bytes);
            }
            "dssim" | "ml" => {
                let distance = Milli::parse(target("0.02")).map(Milli::value);
                let score = distance.map(|distance| (100.0 - 1000.0 * distance).round());
                let score = score.filter(|score| (1.0..=100.0).contains(score));
                let why = "has as its target a number such as 0.02, up to 0.099";
                let score = word.must(score, why)? as u8;
                let bound = |at: usize, usual: u8| match word.given(at) {
                    Some(text) => quality(word.name, text),
                    None => Ok(usual),
                };
                let (least, most) = (bound(2, Score::LEAST)?, bound(3, Score::MOST)?);
                let why = "has a least quality above its most";
                let score = (least <= most).then_some(Score { target: score, least, most });
                self.plan.score = Some(word.must(score, why)?);
            }
            _ => return Err(word.wrong("is none, dssim:0.02, ml:0.02 or size:100000 here")),
        }
        Ok(())
    }

    /// Options beside the plan; false if it is another.
    fn beside(&mut self, word: &Word<'_>) -> Result<bool, NoPlan> {
        match word.name {
            "skip_processing" | "skp" => {
                for name in &word.args {
                    if !self.plan.skip.add(name) && !NEVER_MADE.contains(name) {
                        return Err(word.wrong("is names of formats: jpg:png"));
                    }
                }
            }
            "raw" => self.is_raw = word.flag()?,
            "cachebuster" | "cb" => {
                let text = short(word.name, word.only()?)?;
                // What strangers write must not fill the cache with the same picture.
                self.delivery.buster = Some(text).filter(|text| self.is_signed && !text.is_empty());
            }
            "expires" | "exp" => self.expires = expiry(word)?,
            "filename" | "fn" => {
                word.most(2)?;
                let name = match word.given(1).is_some_and(is_true) {
                    true => decoded(word, word.args[0])?,
                    false => {
                        let name = decoded_path(word.args[0]);
                        word.must(name, "is no text in UTF-8")?.into_owned()
                    }
                };
                self.delivery.name = Some(short(word.name, &name)?).filter(|name| !name.is_empty());
            }
            "return_attachment" | "att" => self.delivery.is_attachment = word.flag()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn decoded(word: &Word<'_>, text: &str) -> Result<String, NoPlan> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    word.must(text, "is no text in base64url")
}

fn fit(word: &Word<'_>, name: &str) -> Result<Fit, NoPlan> {
    let fit = match name {
        "fit" => Some(Fit::Inside),
        "fill" => Some(Fit::Cover),
        "fill-down" => Some(Fit::CoverDown),
        "force" => Some(Fit::Force),
        "auto" => Some(Fit::ByShape),
        _ => None,
    };
    word.must(fit, "is one of fit, fill, fill-down, force and auto")
}

fn trim(word: &Word<'_>, before: Option<Trim>) -> Result<Option<Trim>, NoPlan> {
    word.most(4)?;
    let colour = match word.given(1) {
        None => None,
        Some(colour) => Some(word.must(hex(colour), "has as its colour one such as ffddee")?),
    };
    let Some(threshold) = word.given(0) else { return Ok(None) };
    let threshold = Milli::parse(threshold).filter(|it| (0.0..=255.0).contains(&it.value()));
    let threshold = word.must(threshold, "is how much colours may differ, from 0 to 255")?;
    let equal = |at: usize, before: bool| word.given(at).map_or(before, is_true);
    let (across, down) =
        before.map(|trim| (trim.equal_across, trim.equal_down)).unwrap_or_default();
    let (equal_across, equal_down) = (equal(2, across), equal(3, down));
    Ok(Some(Trim { threshold, colour, equal_across, equal_down }))
}

fn padding(word: &Word<'_>, before: Padding) -> Result<Padding, NoPlan> {
    word.most(4)?;
    let side = |at: usize| {
        // At most 16384, so it fits.
        let side = |text| word.side(text).map(|side| side.map_or(0, |side| side.get() as u16));
        word.given(at).map(side).transpose()
    };
    let (top, right, bottom, left) = (side(0)?, side(1)?, side(2)?, side(3)?);
    let across = right.or(top);
    Ok(Padding {
        top: top.unwrap_or(before.top),
        right: across.unwrap_or(before.right),
        bottom: bottom.or(top).unwrap_or(before.bottom),
        left: left.or(across).unwrap_or(before.left),
    })
}

fn background(word: &Word<'_>) -> Result<Option<Background>, NoPlan> {
    let why = "is a colour such as ffddee, or 255:221:238";
    match *word.args.as_slice() {
        [""] => Ok(None),
        [colour] => word.must(hex(colour), why).map(Some),
        [r, g, b] => {
            let part = |text: &str| number(text).and_then(|part| u8::try_from(part).ok());
            let parts = part(r).zip(part(g)).zip(part(b));
            word.must(parts, why).map(|((r, g), b)| Some(Background([r, g, b])))
        }
        _ => Err(word.wrong(why)),
    }
}

fn hex(text: &str) -> Option<Background> {
    Background::parse(text).filter(|_| !text.starts_with('#'))
}

fn watermark(word: &Word<'_>, before: Option<Watermark>) -> Result<Watermark, NoPlan> {
    word.most(5)?;
    let was = match before.map(|mark| mark.place) {
        None => (None, Milli::default(), Milli::default()),
        Some(Laid::Tiled(x, y)) => (None, x, y),
        Some(Laid::Once(Anchor { gravity, x, y })) => (Some(gravity), x, y),
    };
    let number = |at: usize, before: Milli| word.given(at).map_or(Some(before), Milli::parse);
    let within = |part: &Milli| (0.0..=1.0).contains(&part.value());
    let opacity = Milli::parse(word.args[0]).filter(within);
    let opacity = word.must(opacity, "has an opacity from 0 to 1")?;
    let (x, y) =
        word.must(number(2, was.1).zip(number(3, was.2)), "has numbers as its distances")?;
    let place = match (word.given(1), before.map(|mark| mark.place)) {
        (Some("re"), _) | (None, Some(Laid::Tiled(..))) => Laid::Tiled(x, y),
        (None, _) => Laid::Once(Anchor { gravity: was.0.unwrap_or_default(), x, y }),
        (Some(name), _) => {
            let gravity = word.must(side(name), "is at a place such as ce, no, soea, or re")?;
            Laid::Once(Anchor { gravity, x, y })
        }
    };
    let scale = before.map(|mark| mark.scale).unwrap_or_default();
    let scale = word.must(number(4, scale).filter(within), "has a scale from 0 to 1")?;
    Ok(Watermark { opacity, place, scale })
}

fn output(at: &str, name: &str) -> Result<(Output, bool), NoPlan> {
    match (name, Format::named(name)) {
        ("best", _) => Ok((Output::Auto, true)),
        (_, Some(format)) => Ok((Output::Is(format), false)),
        (_, None) => Err(NoPlan::new(at, "is one of jpg, png, webp, avif and best")),
    }
}
