//! The dialect of Thumbor: `/<signature>/fit-in/640x480/filters:quality(75)/photo.jpg`, below a path of the
//! site's choice.

use super::colour::opaque;
use super::own::{number, quality, sigma, source_of, zoom};
use super::query::decoded_path;
use super::{
    Anchor, Asked, Crop, Fit, Format, Gravity, MAX_SIDE, Milli, NoPlan, Output, Plan, Signature,
    Trim, Turn, Wanted, dialect,
};
use std::num::NonZeroU32;

/// What begins the part that names filters.
const FILTERS: &str = "filters:";

/// What a site says of the dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbor {
    /// What its paths begin with: a slash, or words between two.
    pub path: Box<str>,
    /// Whether, where no format is told, the best goes out that the client takes; else the source's.
    pub auto_format: bool,
}

impl Default for Thumbor {
    fn default() -> Thumbor {
        Thumbor { path: "/thumbor/".into(), auto_format: true }
    }
}

impl Thumbor {
    /// Whether a target is below the path.
    pub fn has(&self, target: &str) -> bool {
        dialect::has(&self.path, target)
    }

    /// What a target is signed with, and what of it is.
    pub fn signature<'t>(&self, target: &'t str) -> Option<Signature<'t>> {
        let (text, signed) = self.split(target)?;
        Some(Signature { text, signed: [signed.to_owned(), mended(signed)] })
    }

    fn split<'t>(&self, target: &'t str) -> Option<(&'t str, &'t str)> {
        dialect::behind_signature(dialect::behind(&self.path, target)?)
    }
}

/// The path as it was before somebody on the way made one slash of the two of a URL.
fn mended(path: &str) -> String {
    let squeezed = ["http:/", "https:/"].into_iter().find_map(|scheme| {
        let end = path.find(scheme)? + scheme.len();
        let is_first = end == scheme.len() || path[..end - scheme.len()].ends_with('/');
        (is_first && !path[end..].starts_with('/')).then_some(end)
    });
    match squeezed {
        Some(end) => format!("{}/{}", &path[..end], &path[end..]),
        None => path.to_owned(),
    }
}

/// Reads a target.
///
/// # Errors
/// The first part or filter that is wrong, or that is not made here.
pub fn read(settings: &Thumbor, target: &str) -> Result<Asked, NoPlan> {
    let Some((_, mut rest)) = settings.split(target) else {
        let why = "lacks a signature or a source: write /unsafe/640x480/photo.jpg";
        return Err(NoPlan::new("the path", why));
    };
    let mut reading = Reading::default();
    let mut is_info = false;
    if rest.starts_with("debug/") {
        return Err(NoPlan::new("debug", "is not made here: leave it out"));
    }
    // Each part is there once at most, in this order; what is none of them begins the source.
    for part in Part::ALL {
        let Some((text, behind)) = rest.split_once('/') else { break };
        let is_read = match part {
            Part::Meta => {
                is_info = text == "meta";
                is_info
            }
            Part::Filters => {
                let Some((filters, behind)) = filters(rest) else { break };
                reading.filters(filters)?;
                rest = behind;
                continue;
            }
            part => reading.part(part, text)?,
        };
        if is_read {
            rest = behind;
        }
    }
    let source = source_of(rest)?;
    match is_info {
        true => Ok(Asked::of(source, Wanted::Info)),
        false => Ok(Asked::of(source, Wanted::Picture(reading.done(settings)))),
    }
}

/// What stands between the signature and the source.
#[derive(Clone, Copy)]
enum Part {
    Meta,
    Trim,
    Crop,
    FitIn,
    Sides,
    Across,
    Down,
    Smart,
    Filters,
}

impl Part {
    const ALL: [Part; 9] = [
        Part::Meta,
        Part::Trim,
        Part::Crop,
        Part::FitIn,
        Part::Sides,
        Part::Across,
        Part::Down,
        Part::Smart,
        Part::Filters,
    ];
}

/// The filters, which may hold slashes between brackets, and what is behind them.
fn filters(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix(FILTERS)?;
    let end = text.find(")/").map(|at| at + 1);
    let end = end.or_else(|| text.starts_with('/').then_some(0))?;
    Some((&text[..end], &text[end + 1..]))
}

/// What the parts that were read say.
#[derive(Default)]
struct Reading {
    plan: Plan,
    is_within: bool,
    is_enlarged: Option<bool>,
    across: Option<Gravity>,
    down: Option<Gravity>,
    is_filled: bool,
    output: Option<Output>,
}

impl Reading {
    /// One part before the filters; false if the text is another.
    fn part(&mut self, part: Part, text: &str) -> Result<bool, NoPlan> {
        match part {
            Part::Trim => return self.trim(text),
            Part::Crop => return self.crop(text),
            Part::FitIn => match text {
                "fit-in" => self.is_within = true,
                "full-fit-in" => (self.is_within, self.plan.fit) = (true, Fit::Outside),
                "adaptive-fit-in" | "adaptive-full-fit-in" => {
                    return Err(NoPlan::new(text, "is not made here: write fit-in"));
                }
                _ => return Ok(false),
            },
            Part::Sides => return self.sides(text),
            Part::Across => {
                self.across = match text {
                    "left" => Some(Gravity::West),
                    "center" => Some(Gravity::Centre),
                    "right" => Some(Gravity::East),
                    _ => return Ok(false),
                }
            }
            Part::Down => {
                self.down = match text {
                    "top" => Some(Gravity::North),
                    "middle" => Some(Gravity::Centre),
                    "bottom" => Some(Gravity::South),
                    _ => return Ok(false),
                }
            }
            Part::Smart if text == "smart" => self.plan.at = Anchor::at(Gravity::Smart),
            Part::Smart | Part::Meta | Part::Filters => return Ok(false),
        }
        Ok(true)
    }

    fn trim(&mut self, text: &str) -> Result<bool, NoPlan> {
        let mut parts = text.split(':');
        if parts.next() != Some("trim") {
            return Ok(false);
        }
        let wrong = |why| NoPlan::new("trim", why);
        let mut threshold = Milli::default();
        for part in parts {
            match part {
                "top-left" => {}
                "bottom-right" => return Err(wrong("is by the upper left corner here")),
                number => {
                    let read =
                        Milli::parse(number).filter(|it| (0.0..=255.0).contains(&it.value()));
                    threshold = read.ok_or_else(|| wrong("has a tolerance from 0 to 255"))?;
                }
            }
        }
        self.plan.trim =
            Some(Trim { threshold, colour: None, equal_across: false, equal_down: false });
        Ok(true)
    }

    /// Two corners: `10x20:110x120`.
    fn crop(&mut self, text: &str) -> Result<bool, NoPlan> {
        let corner = |text: &str| {
            let (x, y) = text.split_once('x')?;
            let fits = |text: &str| number(text).and_then(|side| u16::try_from(side).ok());
            Some((fits(x)?, fits(y)?))
        };
        let corners = text.split_once(':').and_then(|(one, other)| corner(one).zip(corner(other)));
        let Some(((left, top), (right, bottom))) = corners else { return Ok(false) };
        if (left, top, right, bottom) == (0, 0, 0, 0) {
            return Ok(true);
        }
        if left >= right || top >= bottom {
            return Err(NoPlan::new(text, "is no area: write left x top : right x bottom"));
        }
        let pixels = |number: u16| Milli::thousandths(i32::from(number) * 1000);
        let at = Anchor { gravity: Gravity::NorthWest, x: pixels(left), y: pixels(top) };
        let (width, height) = (pixels(right - left), pixels(bottom - top));
        self.plan.crop = Some(Crop { width, height, at: Some(at) });
        Ok(true)
    }

    /// `300x200`; 0 or nothing keeps the shape, a minus mirrors.
    fn sides(&mut self, text: &str) -> Result<bool, NoPlan> {
        let Some((width, height)) = text.split_once('x') else { return Ok(false) };
        let side = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let side = if digits.is_empty() { Some(0) } else { number(digits) };
            side.map(|side| (side, digits.len() != text.len()))
        };
        let (Some((width, is_across)), Some((height, is_down))) = (side(width), side(height))
        else {
            return match text.contains("orig") {
                true => Err(NoPlan::new(text, "cannot be orig here: write 0")),
                false => Ok(false),
            };
        };
        if width.max(height) > MAX_SIDE {
            return Err(NoPlan::new(text, "has sides from 0 to 16384"));
        }
        (self.plan.width, self.plan.height) = (NonZeroU32::new(width), NonZeroU32::new(height));
        (self.plan.flip.horizontal, self.plan.flip.vertical) = (is_across, is_down);
        Ok(true)
    }

    /// Filters, parted by colons: `quality(75):format(webp)`.
    fn filters(&mut self, text: &str) -> Result<(), NoPlan> {
        let all = text.split_inclusive(')').map(|filter| filter.trim_start_matches(':'));
        for filter in all.filter(|filter| !filter.is_empty()) {
            let parted = filter.strip_suffix(')').and_then(|filter| filter.split_once('('));
            let why = "is no filter: write quality(75)";
            let (name, value) = parted.ok_or_else(|| NoPlan::new(filter, why))?;
            let why = "is no text";
            let value = decoded_path(value).ok_or_else(|| NoPlan::new(name, why))?;
            self.filter(name, value.trim())?;
        }
        Ok(())
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<(), NoPlan> {
        let wrong = |why| NoPlan::new(name, why);
        let plan = &mut self.plan;
        match name {
            "quality" => plan.quality = Some(quality(name, value)?),
            "format" => {
                let why = "is one of jpeg, png, webp and avif";
                let format = Format::named(value).ok_or_else(|| wrong(why))?;
                self.output = Some(Output::Is(format));
            }
            "blur" => {
                // The radius, and where told the sigma, which is as much otherwise.
                let told = value.rsplit(',').next().unwrap_or(value);
                plan.blur = sigma(told.trim()).ok_or_else(|| wrong("is a number from 0 to 250"))?;
            }
            "fill" => {
                let colour = value.split(',').next().unwrap_or(value);
                let why = "is a colour such as c0ffee, white or transparent";
                self.is_filled = true;
                plan.background = match colour {
                    "transparent" => None,
                    colour => Some(opaque(colour).ok_or_else(|| wrong(why))?),
                };
            }
            "background_color" => {
                let why = "is a colour such as c0ffee or white";
                plan.background = Some(opaque(value).ok_or_else(|| wrong(why))?);
            }
            "rotate" => {
                plan.turn = match value {
                    "0" => Turn::None,
                    "180" => Turn::Half,
                    // The box would have to be turned with it.
                    _ => return Err(wrong("is 180 here")),
                }
            }
            "no_upscale" => self.is_enlarged = Some(false),
            "upscale" => self.is_enlarged = Some(true),
            "strip_icc" => plan.keep.profile = Some(false),
            "strip_exif" => plan.keep.metadata = Some(false),
            "max_bytes" => {
                let bytes = number(value).and_then(NonZeroU32::new);
                plan.max_bytes = Some(bytes.ok_or_else(|| wrong("is a number of bytes"))?);
            }
            "proportion" => {
                let part = zoom(value).filter(|part| part.value() <= 1.0);
                let part = part.ok_or_else(|| wrong("is a number from 0.01 to 1"))?;
                plan.zoom = (part, part);
            }
            _ => return Err(wrong("is no filter that is made here: see docs/thumbor.md")),
        }
        Ok(())
    }

    fn done(self, settings: &Thumbor) -> Plan {
        let mut plan = self.plan;
        if !self.is_within {
            plan.fit = Fit::Cover;
        }
        plan.enlarge = self.is_enlarged.unwrap_or(!self.is_within);
        if plan.at.gravity != Gravity::Smart {
            let (x, _) = self.across.unwrap_or_default().point();
            let (_, y) = self.down.unwrap_or_default().point();
            let named = Gravity::NAMED.map(|(gravity, _)| gravity).into_iter();
            let corner = named.filter(|it| *it != Gravity::Smart).find(|it| it.point() == (x, y));
            plan.at = Anchor::at(corner.unwrap_or_default());
        }
        plan.extend = (self.is_filled && self.is_within).then(Anchor::default);
        let usual = if settings.auto_format { Output::Auto } else { Output::Same };
        plan.output = self.output.unwrap_or(usual);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(path: &str) -> Result<(String, Box<str>), NoPlan> {
        let asked = read(&Thumbor::default(), &format!("/thumbor/unsafe/{path}"))?;
        let told = match asked.wanted {
            Wanted::Picture(plan) => plan.settled().to_string(),
            other => format!("{other:?}"),
        };
        Ok((told, asked.source.as_str().into()))
    }

    #[test]
    fn what_thumbor_documents_is_read() {
        for (path, wanted) in [
            ("300x200/", "w=300,h=200,fit=cover,enlarge=1"),
            ("300x0/", "w=300,enlarge=1"),
            ("x200/", "h=200,enlarge=1"),
            ("0x0/", "enlarge=1"),
            ("-300x-200/", "w=300,h=200,fit=cover,enlarge=1,rotate=180"),
            ("-0x0/", "enlarge=1,flip=h"),
            ("fit-in/300x200/", "w=300,h=200"),
            ("full-fit-in/300x200/", "w=300,h=200,fit=outside"),
            ("fit-in/9x9/filters:upscale()/", "w=9,h=9,enlarge=1"),
            ("9x9/filters:no_upscale()/", "w=9,h=9,fit=cover"),
            ("9x8/left/top/", "w=9,h=8,fit=cover,enlarge=1,g=northwest"),
            ("9x8/right/", "w=9,h=8,fit=cover,enlarge=1,g=east"),
            ("9x8/middle/", "w=9,h=8,fit=cover,enlarge=1"),
            ("9x8/center/bottom/smart/", "w=9,h=8,fit=cover,enlarge=1,g=smart"),
            ("trim/9x0/", "trim=0,w=9,enlarge=1"),
            ("trim:top-left:50/fit-in/9x0/", "trim=50,w=9"),
            ("10x20:110x140/fit-in/9x0/", "crop=100:120:northwest:10:20,w=9"),
            ("0x0:0x0/fit-in/9x0/", "w=9"),
            ("fit-in/9x0/filters:quality(80):format(webp)/", "w=9,q=80,f=webp"),
            ("fit-in/9x9/filters:fill(fff)/", "w=9,h=9,extend=centre,bg=ffffff"),
            ("fit-in/9x9/filters:fill(transparent)/", "w=9,h=9,extend=centre"),
            ("fit-in/9x0/filters:blur(7):max_bytes(900)/", "w=9,blur=7,max=900"),
            ("fit-in/9x0/filters:blur(7, 2):rotate(180)/", "w=9,rotate=180,blur=2"),
            ("fit-in/9x0/filters:strip_icc():strip_exif()/", "w=9,metadata=0,profile=srgb"),
            (
                "fit-in/9x0/filters:proportion(0.5):background_color(black)/",
                "w=9,zoom=0.5,bg=000000",
            ),
            ("meta/300x200/", "Info"),
            ("", "enlarge=1"),
        ] {
            let found = own(&format!("{path}a/b.jpg"));
            assert_eq!(found, Ok((wanted.to_owned(), "/a/b.jpg".into())), "{path}");
        }
    }

    #[test]
    fn sources_are_paths_and_urls() {
        for (behind, source) in [
            ("https://a.b/c.jpg", "https://a.b/c.jpg"),
            ("https%3A%2F%2Fa.b%2Fc.jpg%3Fx", "https://a.b/c.jpg?x"),
            ("a.jpg?v=1", "/a.jpg"),
        ] {
            let found = own(&format!("9x9/{behind}")).expect(behind);
            assert_eq!(&*found.1, source);
        }
    }

    #[test]
    fn what_is_not_made_here_is_named() {
        for (path, at, why) in [
            ("adaptive-fit-in/9x9/", "adaptive-fit-in", "not made"),
            ("origx9/", "origx9", "orig"),
            ("debug/9x9/", "debug", "not made"),
            ("99999x9/", "99999x9", "16384"),
            ("trim:bottom-right/", "trim", "upper left"),
            ("trim:300/", "trim", "255"),
            ("9x9:5x10/", "9x9:5x10", "area"),
            ("filters:quality(0)/", "quality", "100"),
            ("filters:format(gif)/", "format", "webp"),
            ("filters:rotate(90)/", "rotate", "180"),
            ("filters:fill(blur)/", "fill", "colour"),
            ("filters:proportion(2)/", "proportion", "0.01"),
            ("filters:grayscale()/", "grayscale", "no filter"),
            ("filters:focal(1x1:2x2)/", "focal", "no filter"),
            ("filters:x)/", "x)", "write quality"),
        ] {
            let error = own(&format!("{path}a.jpg")).expect_err(path);
            assert_eq!(&*error.at, at, "{path}: {error}");
            assert!(error.why.contains(why), "{path}: {error}");
        }
        assert!(read(&Thumbor::default(), "/thumbor/unsafe").is_err());
    }

    #[test]
    fn what_is_signed_is_all_behind_the_signature() {
        let signature = Thumbor::default().signature("/thumbor/abc/9x9/a%20b?c").expect("one");
        assert_eq!((signature.text, &*signature.signed[0]), ("abc", "9x9/a%20b"));
        for (arrived, signed) in [
            ("9x9/https:/a.b/c", "9x9/https://a.b/c"),
            ("http:/a.b/c", "http://a.b/c"),
            ("9x9/https://a.b/c", "9x9/https://a.b/c"),
            ("9x9/xhttp:/a", "9x9/xhttp:/a"),
            ("9x9/http:/a.b/https:/c", "9x9/http://a.b/https:/c"),
        ] {
            let target = format!("/thumbor/abc/{arrived}");
            let signature = Thumbor::default().signature(&target).expect("one");
            assert!(signature.signed.iter().any(|it| it == signed), "{arrived}");
        }
    }
}
