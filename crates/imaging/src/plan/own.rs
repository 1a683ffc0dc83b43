//! Larder's own dialect: `/_larder/image/w=640,h=480,fit=cover,q=75,f=auto/photo.jpg`, and
//! `/_larder/image/info/photo.jpg`. What stands behind the options is a path of the site, or a URL.

use super::options::{Background, Best, Fit, Flip, Format, Gravity, Output, Turn};
use super::query::decoded_path;
use super::{Asked, MAX_SIDE, NoPlan, Plan, Source, Wanted};
use std::num::NonZeroU32;

/// What begins its paths.
pub const ROOT: &str = "/_larder/image/";
/// The options of an `info`.
pub const INFO: &str = "info";
/// The most that sides are multiplied by.
const MAX_DPR: f32 = 4.0;

/// Reads a target.
///
/// # Errors
/// The first option that is wrong.
pub fn read(target: &str) -> Result<Asked, NoPlan> {
    let rest = target.strip_prefix(ROOT).unwrap_or_default();
    let Some((options, source)) = rest.split_once('/') else {
        return Err(NoPlan::new(
            "the path",
            "lacks a source: write /_larder/image/w=640/photo.jpg",
        ));
    };
    let source = source_of(source)?;
    let options = decoded_path(options).ok_or_else(|| NoPlan::new("the options", "are no text"))?;
    let wanted = match &*options {
        INFO => Wanted::Info,
        options => Wanted::Picture(plan(options)?),
    };
    Ok(Asked { source, wanted })
}

/// The source behind the options: a URL where a scheme begins it, as it stands or encoded whole, else a
/// path of the site.
fn source_of(text: &str) -> Result<Source, NoPlan> {
    // Some clients and proxies make one slash of two.
    let mended = ["http:/", "https:/"].into_iter().find_map(|scheme| {
        let rest = text.strip_prefix(scheme)?;
        (!rest.starts_with('/')).then(|| format!("{scheme}/{rest}"))
    });
    let text = mended.as_deref().unwrap_or(text);
    if is_url(text) {
        return Source::parse("the source", text);
    }
    match decoded_path(text) {
        Some(decoded) if is_url(&decoded) => Source::parse("the source", &decoded),
        // Its own encoding stays: `%2F` and `%3F` mean something else than what they stand for.
        _ => Source::parse("the source", &format!("/{text}")),
    }
}

fn is_url(text: &str) -> bool {
    let begins = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    begins("http://") || begins("https://")
}

/// Whether what stands behind the options, or behind the slash of a path, is taken for a URL.
pub fn reads_as_url(text: &str) -> bool {
    let begins = |text: &str| {
        // One slash is made two.
        let text = text.replacen(":/", "://", usize::from(!text.contains("://")));
        is_url(&text)
    };
    begins(text) || decoded_path(text).is_some_and(|decoded| is_url(&decoded))
}

fn plan(options: &str) -> Result<Plan, NoPlan> {
    let mut plan = Plan::default();
    let mut dpr = 1.0_f32;
    let mut known: Vec<&str> = Vec::new();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| NoPlan::new(option, "is no option: write w=640"))?;
        if known.contains(&name) {
            return Err(NoPlan::new(name, "is there more than once"));
        }
        known.push(name);
        let of = |why| NoPlan::new(name, why);
        match name {
            "w" => plan.width = Some(side(name, value)?),
            "h" => plan.height = Some(side(name, value)?),
            "dpr" => dpr = ratio(value).ok_or_else(|| of("is a number from 0.1 to 4"))?,
            "fit" => {
                let why = "is one of inside, cover, contain, fill and outside";
                plan.fit = Fit::named(value).ok_or_else(|| of(why))?;
            }
            "g" => {
                plan.gravity = gravity(value).ok_or_else(|| {
                    of("is a side such as north, centre, or a point such as 0.5:0.3")
                })?
            }
            "q" => plan.quality = Some(quality(name, value)?),
            "f" => {
                plan.output = output(value)
                    .ok_or_else(|| of("is one of auto, same, jpeg, png, webp and avif"))?
            }
            "bg" => {
                let why = "is a colour such as c0ffee";
                plan.background = Some(Background::parse(value).ok_or_else(|| of(why))?);
            }
            "rotate" => plan.turn = turn(value).ok_or_else(|| of("is 90, 180 or 270"))?,
            "flip" => plan.flip = flip(value).ok_or_else(|| of("is h, v or hv"))?,
            _ => {
                return Err(of(
                    "is no option: there are w, h, dpr, fit, g, q, f, bg, rotate, flip",
                ));
            }
        }
    }
    for side in [&mut plan.width, &mut plan.height].into_iter().flatten() {
        *side = times(*side, dpr);
    }
    Ok(plan)
}

/// A side, in pixels.
pub fn side(name: &str, value: &str) -> Result<NonZeroU32, NoPlan> {
    let number = number(value).and_then(NonZeroU32::new);
    let why = "is a number of pixels from 1 to 16384";
    number.filter(|side| side.get() <= MAX_SIDE).ok_or_else(|| NoPlan::new(name, why))
}

/// A quality.
pub fn quality(name: &str, value: &str) -> Result<u8, NoPlan> {
    let number = number(value).and_then(|number| u8::try_from(number).ok());
    let number = number.filter(|quality| (1..=100).contains(quality));
    number.ok_or_else(|| NoPlan::new(name, "is a number from 1 to 100"))
}

fn number(value: &str) -> Option<u32> {
    value.parse().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit()))
}

fn ratio(value: &str) -> Option<f32> {
    let is_plain = value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    value.parse().ok().filter(|ratio| is_plain && (0.1..=MAX_DPR).contains(ratio))
}

fn times(side: NonZeroU32, dpr: f32) -> NonZeroU32 {
    // At most 16384 times 4: it fits, and no fraction of a pixel is lost.
    let scaled = (side.get() as f32 * dpr).round() as u32;
    NonZeroU32::new(scaled.min(MAX_SIDE)).unwrap_or(NonZeroU32::MIN)
}

fn output(value: &str) -> Option<Output> {
    match value {
        "auto" => Some(Output::Auto),
        "auto-basic" => Some(Output::UpTo(Best::Basic)),
        "auto-webp" => Some(Output::UpTo(Best::WebP)),
        "auto-avif" => Some(Output::UpTo(Best::Avif)),
        "same" => Some(Output::Same),
        name => Format::named(name).map(Output::Is),
    }
}

fn gravity(value: &str) -> Option<Gravity> {
    let Some((x, y)) = value.split_once(':') else { return Gravity::named(value) };
    let part = |text: &str| {
        let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let part: f32 = text.parse().ok().filter(|_| is_plain)?;
        (0.0..=1.0).contains(&part).then(|| (part * 1000.0).round() as u16)
    };
    Some(Gravity::Focus(part(x)?, part(y)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(target: &str) -> Plan {
        match read(target).unwrap_or_else(|error| panic!("{target}: {error}")).wanted {
            Wanted::Picture(plan) => plan,
            Wanted::Info => panic!("{target}: a picture"),
        }
    }

    #[test]
    fn options_say_what_is_to_be_made() {
        let px = NonZeroU32::new;
        for (options, plan) in [
            ("", Plan::default()),
            ("w=640", Plan { width: px(640), ..Plan::default() }),
            ("w=100,h=50,dpr=1.5", Plan { width: px(150), height: px(75), ..Plan::default() }),
            ("w=16384,dpr=4", Plan { width: px(MAX_SIDE), ..Plan::default() }),
            ("w=1,dpr=0.1", Plan { width: px(1), ..Plan::default() }),
            (
                "h=9,fit=cover,g=northwest",
                Plan {
                    height: px(9),
                    fit: Fit::Cover,
                    gravity: Gravity::NorthWest,
                    ..Plan::default()
                },
            ),
            ("g=0.25:1", Plan { gravity: Gravity::Focus(250, 1000), ..Plan::default() }),
            (
                "q=50,f=avif,bg=fff",
                Plan {
                    quality: Some(50),
                    output: Output::Is(Format::Avif),
                    background: Some(Background([255; 3])),
                    ..Plan::default()
                },
            ),
            (
                "rotate=90%2Cflip=h",
                Plan {
                    turn: Turn::Quarter,
                    flip: Flip { horizontal: true, vertical: false },
                    ..Plan::default()
                },
            ),
        ] {
            assert_eq!(picture(&format!("/_larder/image/{options}/a.jpg")), plan, "{options}");
        }
    }

    #[test]
    fn what_stands_behind_is_a_path_or_a_url() {
        let path = |text: &str| Source::Path(text.into());
        let url = |text: &str| Source::Url(text.into());
        for (behind, source) in [
            ("a/b.jpg", path("/a/b.jpg")),
            ("a%2Fb.jpg?v=1", path("/a%2Fb.jpg?v=1")),
            ("https://a.b/c.jpg?x=1", url("https://a.b/c.jpg?x=1")),
            ("https:/a.b/c.jpg", url("https://a.b/c.jpg")),
            ("https%3A%2F%2Fa.b%2Fc%20d.jpg", url("https://a.b/c%20d.jpg")),
            ("HTTP://a.b/c", url("http://a.b/c")),
        ] {
            let asked = read(&format!("/_larder/image/w=1/{behind}")).expect(behind);
            assert_eq!(asked.source, source, "{behind}");
        }
        let info = read("/_larder/image/info/a.jpg").expect("a source");
        assert_eq!((info.wanted, info.source), (Wanted::Info, path("/a.jpg")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (options, at, why) in [
            ("w=0", "w", "from 1"),
            ("w=+1", "w", "from 1"),
            ("w=99999", "w", "16384"),
            ("w=1,w=2", "w", "more than once"),
            ("width=1", "width", "there are w, h"),
            ("w", "w", "write w=640"),
            ("q=0", "q", "1 to 100"),
            ("dpr=5", "dpr", "to 4"),
            ("dpr=NaN", "dpr", "to 4"),
            ("dpr=1e0", "dpr", "to 4"),
            ("fit=crop", "fit", "cover"),
            ("g=0.5:2", "g", "point"),
            ("f=gif", "f", "webp"),
            ("bg=red", "bg", "colour"),
            ("rotate=45", "rotate", "90"),
            ("flip=x", "flip", "hv"),
        ] {
            let error = read(&format!("/_larder/image/{options}/a.jpg")).expect_err(options);
            assert_eq!(&*error.at, at, "{options}");
            assert!(error.why.contains(why), "{options}: {error}");
        }
        assert!(read("/_larder/image/w=1").is_err());
        assert!(read("/_larder/image/w=1/").is_ok(), "the site's own root may be a picture");
    }
}
