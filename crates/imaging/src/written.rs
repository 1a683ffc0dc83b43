//! Pixels as a file: in which format, and of which quality, where the plan leaves that to what comes out.

use crate::encode::{Manner, check_sides, encode};
use crate::fault::Fault;
use crate::plan::{Background, Best, Format, Output, Plan, Score};
use crate::raster::Raster;
use crate::run::{DEFAULT_QUALITY, Made};
use crate::score::Judge;

/// The picture as the plan wants it written. `own`: the format where that of the source is asked for.
pub(crate) fn written(
    raster: Raster,
    plan: &Plan,
    own: Format,
    manner: &Manner<'_>,
) -> Result<Made, Fault> {
    let size = raster.size;
    let formats = formats(&raster, plan, own, manner.is_drawn);
    let mut flat = None;
    let mut best: Option<(Format, Vec<u8>)> = None;
    for format in formats {
        let raster = match format.has_alpha() || !raster.alpha {
            true => &raster,
            false => flat.get_or_insert_with(|| {
                let background = plan.background.unwrap_or(Background([255; 3]));
                raster.clone().flattened(background)
            }),
        };
        let bytes = as_told(raster, plan, format, manner)?;
        if best.as_ref().is_none_or(|(_, best)| bytes.len() < best.len()) {
            best = Some((format, bytes));
        }
    }
    let (format, bytes) = best.ok_or(Fault::broken("no format to be written"))?;
    Ok(Made { bytes, media: format.into(), size, original: false })
}

/// The formats that are tried; the smallest of what comes out is taken. Where none is asked for by name,
/// those are left out that have no sides so long.
fn formats(raster: &Raster, plan: &Plan, own: Format, is_drawn: bool) -> Vec<Format> {
    let best = match plan.output {
        Output::Is(format) => return vec![format],
        Output::Same => return vec![own],
        Output::Auto => Best::Basic,
        Output::UpTo(best) => best,
    };
    // What is too long for AVIF is so for WebP, and PNG has room for all.
    for best in [best, Best::Basic] {
        let mut formats = formats_up_to(best, raster.alpha, plan, is_drawn);
        formats.retain(|format| check_sides(raster.size, *format).is_ok());
        if !formats.is_empty() {
            return formats;
        }
    }
    vec![Format::Png]
}

/// The formats that are tried where a client takes all up to one.
fn formats_up_to(best: Best, alpha: bool, plan: &Plan, is_drawn: bool) -> Vec<Format> {
    let mut formats = match best {
        Best::Avif if is_drawn => vec![Format::WebP, Format::Avif],
        Best::Avif => vec![Format::Avif],
        Best::WebP => vec![Format::WebP],
        Best::Basic if alpha => vec![Format::Png],
        Best::Basic if is_drawn => vec![Format::Png, Format::Jpeg],
        Best::Basic => vec![Format::Jpeg],
    };
    if plan.smallest {
        if best == Best::Avif && !is_drawn {
            formats.push(Format::WebP);
        }
        if best != Best::Basic && !alpha && !is_drawn {
            formats.push(Format::Jpeg);
        }
        // What is flat fits into a palette, and what is transparent is mostly flat.
        if best != Best::Basic && (alpha || is_drawn) {
            formats.push(Format::Png);
        }
    }
    formats
}

/// The quality that is told for a format, or the least by which a picture looks as good as is told.
pub(crate) fn quality(
    raster: &Raster,
    plan: &Plan,
    format: Format,
    manner: &Manner<'_>,
) -> Result<u8, Fault> {
    match plan.score {
        None => Ok(told(plan, format)),
        Some(score) => sought(raster, score, format, manner).map(|(quality, _)| quality),
    }
}

fn told(plan: &Plan, format: Format) -> u8 {
    plan.qualities.get(format).or(plan.quality).unwrap_or(DEFAULT_QUALITY).clamp(1, 100)
}

/// The least quality that is good enough; the most, where none is.
fn sought(
    raster: &Raster,
    score: Score,
    format: Format,
    manner: &Manner<'_>,
) -> Result<(u8, Vec<u8>), Fault> {
    let judge = Judge::of(raster);
    let of = |quality: u8| encode(raster, format, &Manner { quality, ..*manner });
    search(score.least..=score.most, of, |bytes| Ok(judge.score(bytes)? >= f64::from(score.target)))
}

/// Of the quality that is told, or that reaches what is told.
fn as_told(
    raster: &Raster,
    plan: &Plan,
    format: Format,
    manner: &Manner<'_>,
) -> Result<Vec<u8>, Fault> {
    let of = |quality: u8| encode(raster, format, &Manner { quality, ..*manner });
    let (quality, bytes) = match plan.score {
        None => (told(plan, format), of(told(plan, format))?),
        Some(score) => sought(raster, score, format, manner)?,
    };
    let Some(most) = plan.max_bytes else { return Ok(bytes) };
    let fits = |bytes: &[u8]| bytes.len() as u64 <= u64::from(most.get());
    if fits(&bytes) || quality == 1 {
        return Ok(bytes);
    }
    // The other way round: the first that is too large comes after the best that is not.
    let (beyond, _) = search(1..=quality, of, |bytes| Ok(!fits(bytes)))?;
    of(beyond.saturating_sub(1).max(1))
}

/// The least quality whose picture is right, and that picture; the most, where none is. What is right at
/// one quality is taken to be right at a higher one.
fn search(
    qualities: std::ops::RangeInclusive<u8>,
    of: impl Fn(u8) -> Result<Vec<u8>, Fault>,
    is_right: impl Fn(&[u8]) -> Result<bool, Fault>,
) -> Result<(u8, Vec<u8>), Fault> {
    let (mut least, mut most) = (*qualities.start(), *qualities.end());
    let mut found = None;
    while least < most {
        let middle = least + (most - least) / 2;
        let bytes = of(middle)?;
        match is_right(&bytes)? {
            true => {
                most = middle;
                found = Some(bytes);
            }
            false => {
                least = middle + 1;
                found = None;
            }
        }
    }
    match found {
        Some(bytes) => Ok((most, bytes)),
        None => Ok((most, of(most)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::Size;

    fn raster(width: u32, height: u32, alpha: bool) -> Raster {
        let pixels = vec![0; width as usize * height as usize * if alpha { 4 } else { 3 }];
        Raster { size: Size { width, height }, alpha, pixels }
    }

    #[test]
    fn a_format_whose_sides_are_too_short_is_left_out_where_the_choice_is_free() {
        use Format::{Avif, Jpeg, Png, WebP};
        let (tall, taller, tallest) = (16_384, 65_501, 65_537);
        for (options, height, alpha, is_drawn, formats) in [
            ("f=auto-webp", tall - 1, false, false, &[WebP][..]),
            ("f=auto-webp", tall, false, false, &[Jpeg]),
            ("f=auto-webp", tall, true, false, &[Png]),
            ("f=auto-webp", tall, false, true, &[Png, Jpeg]),
            ("f=auto-webp", taller, false, false, &[Png]),
            ("f=best-webp", tall, false, false, &[Jpeg]),
            ("f=best-webp", 9, true, false, &[WebP, Png]),
            ("f=best-avif", 9, true, false, &[Avif, WebP, Png]),
            ("f=auto-webp", 9, true, false, &[WebP]),
            ("f=auto-avif", 9, true, false, &[Avif]),
            ("f=auto-avif", tall, false, false, &[Avif]),
            ("f=auto-avif", tall, false, true, &[Avif]),
            ("f=best-avif", tall, false, false, &[Avif, Jpeg]),
            ("f=auto-avif", tallest, false, false, &[Png]),
            ("f=auto-basic", taller, false, false, &[Png]),
            // What is asked for by name is that or nothing.
            ("f=webp", tall, false, false, &[WebP]),
            ("f=same", tall, false, false, &[WebP]),
        ] {
            let plan = Plan::read(options).expect(options);
            let found = super::formats(&raster(1, height, alpha), &plan, WebP, is_drawn);
            assert_eq!(found, formats, "{options} {height} {alpha} {is_drawn}");
        }
    }
}
