//! The dialect of Cloudflare: `/cdn-cgi/image/width=640,format=auto/photo.jpg`.

use super::colour::opaque;
use super::own::{focus, number, quality, side, sigma, source_of};
use super::query::decoded_path;
use super::{
    Anchor, Asked, Background, Crop, Fit, Flip, Format, Gravity, Milli, NoPlan, Output, Plan, Turn,
    Wanted,
};

/// What begins its paths.
pub const ROOT: &str = "/cdn-cgi/image/";
/// What its words for qualities mean here.
const QUALITIES: [(&str, u8); 4] =
    [("high", 90), ("medium-high", 80), ("medium-low", 65), ("low", 50)];

/// Reads a target.
///
/// # Errors
/// The first option that is wrong, or that is not made here.
pub fn read(target: &str) -> Result<Asked, NoPlan> {
    let rest = target.strip_prefix(ROOT).unwrap_or_default();
    let Some((options, source)) = rest.split_once('/') else {
        let why = "lacks a source: write /cdn-cgi/image/width=640/photo.jpg";
        return Err(NoPlan::new("the path", why));
    };
    let source = source_of(source)?;
    let options = decoded_path(options).ok_or_else(|| NoPlan::new("the options", "are no text"))?;
    let mut reading =
        Reading { plan: Plan { output: Output::Same, ..Plan::default() }, ..Reading::default() };
    let mut known: Vec<&str> = Vec::new();
    for option in parted(&options) {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| NoPlan::new(option, "is no option: write width=640"))?;
        let name = whole_name(name);
        if known.contains(&name) {
            return Err(NoPlan::new(name, "is there more than once"));
        }
        known.push(name);
        let is_known = reading.size(name, value)?
            || reading.change(name, value)?
            || reading.rest(name, value)?;
        if !is_known {
            return Err(NoPlan::new(name, unmade(name)));
        }
    }
    if reading.plan.extend.is_some() {
        // What is padded is padded with white there.
        reading.plan.background.get_or_insert(Background([255; 3]));
    }
    if known.is_empty() {
        return Err(NoPlan::new("the options", "are none: write width=640"));
    }
    Ok(Asked::of(source, reading.done()?))
}

/// What stands between commas that are not between brackets.
fn parted(options: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    let parts = options.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.is_empty())
}

fn whole_name(name: &str) -> &str {
    match name {
        "w" => "width",
        "h" => "height",
        "g" => "gravity",
        "q" => "quality",
        "f" => "format",
        "scq" => "slow-connection-quality",
        name => name,
    }
}

fn unmade(name: &str) -> &'static str {
    match name {
        "border" | "brightness" | "contrast" | "gamma" | "saturation" | "segment" | "zoom"
        | "face-zoom" | "draw" | "upscale" => "is not made here",
        _ => "is no option of Cloudflare: see docs/cloudflare-images.md",
    }
}

/// What the options that were read say.
#[derive(Default)]
struct Reading {
    plan: Plan,
    is_info: bool,
    /// What is cut out of the source first: left, top, width and height.
    cut: [Option<Milli>; 4],
}

impl Reading {
    /// Options of sizes and places; false if it is another.
    fn size(&mut self, name: &str, value: &str) -> Result<bool, NoPlan> {
        let wrong = |why| NoPlan::new(name, why);
        let plan = &mut self.plan;
        match name {
            "width" if value == "auto" => {
                return Err(wrong("cannot be auto here: write a number of pixels"));
            }
            "width" => plan.width = Some(side(name, value)?),
            "height" => plan.height = Some(side(name, value)?),
            "dpr" => {
                let dpr = Milli::parse(value).filter(|dpr| (0.1..=4.0).contains(&dpr.value()));
                plan.dpr = dpr.ok_or_else(|| wrong("is a number from 0.1 to 4"))?;
            }
            "fit" => {
                let (fit, enlarge) = match value {
                    "scale-down" => (Fit::Inside, false),
                    "contain" | "pad" => (Fit::Inside, true),
                    "cover" => (Fit::Cover, true),
                    "crop" => (Fit::Cover, false),
                    "aspect-crop" => (Fit::CoverDown, false),
                    "squeeze" => (Fit::Fill, true),
                    _ => {
                        let why = "is one of scale-down, contain, cover, crop, aspect-crop, pad \
                                   and squeeze";
                        return Err(wrong(why));
                    }
                };
                (plan.fit, plan.enlarge) = (fit, enlarge);
                plan.extend = (value == "pad").then(Anchor::default);
            }
            "gravity" => {
                let gravity = match value {
                    "auto" => Some(Gravity::Smart),
                    "left" | "right" | "top" | "bottom" => Gravity::named(value),
                    "face" => {
                        return Err(wrong("cannot be face here: auto finds what draws the eye"));
                    }
                    point => point.split_once('x').and_then(|(x, y)| focus(x, y)),
                };
                let why = "is auto, left, right, top, bottom, or a point such as 0.5x0.3";
                plan.at = Anchor::at(gravity.ok_or_else(|| wrong(why))?);
            }
            "trim.left" | "trim.top" | "trim.width" | "trim.height" => {
                let at = ["trim.left", "trim.top", "trim.width", "trim.height"];
                let at = at.iter().position(|known| *known == name).unwrap_or_default();
                let pixels = number(value).and_then(|pixels| u16::try_from(pixels).ok());
                let pixels = pixels.ok_or_else(|| wrong("is a number of pixels"))?;
                self.cut[at] = Some(Milli::thousandths(i32::from(pixels) * 1000));
            }
            "trim" if value.split(';').all(|side| side == "0") => {}
            "trim" => {
                let why = "is told by trim.left, trim.top, trim.width and trim.height here";
                return Err(wrong(why));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Options of what is done to the pixels; false if it is another.
    fn change(&mut self, name: &str, value: &str) -> Result<bool, NoPlan> {
        let wrong = |why| NoPlan::new(name, why);
        let half = |most: f64| {
            let number = sigma(value).filter(|number| number.value() <= most)?;
            Milli::parse(&format!("{:.3}", number.value() / 2.0))
        };
        let plan = &mut self.plan;
        match name {
            "background" => {
                let why = "is a colour such as %23c0ffee, white or rgb(240 40 145)";
                plan.background = Some(opaque(value).ok_or_else(|| wrong(why))?);
            }
            // A radius there, the sigma of a Gaussian here: it reaches as far as twice that.
            "blur" => plan.blur = half(250.0).ok_or_else(|| wrong("is a number from 1 to 250"))?,
            // What is recommended there for what was made smaller is what is usual here for screens.
            "sharpen" => {
                plan.sharpen = half(10.0).ok_or_else(|| wrong("is a number from 0 to 10"))?
            }
            "rotate" => {
                plan.turn = match value {
                    "0" => Turn::None,
                    "90" => Turn::Quarter,
                    "180" => Turn::Half,
                    "270" => Turn::ThreeQuarters,
                    _ => return Err(wrong("is 90, 180 or 270")),
                }
            }
            "flip" => {
                plan.flip = match value {
                    "h" => Flip { horizontal: true, vertical: false },
                    "v" => Flip { horizontal: false, vertical: true },
                    "hv" | "vh" => Flip { horizontal: true, vertical: true },
                    _ => return Err(wrong("is h, v or hv")),
                }
            }
            "anim" => {
                plan.still = match value {
                    "true" => false,
                    "false" => true,
                    _ => return Err(wrong("is true or false")),
                }
            }
            "brightness" | "contrast" | "gamma" | "saturation" => {
                // What changes nothing is no harm.
                return Ok(Milli::parse(value) == Some(Milli::ONE));
            }
            "upscale" => return Ok(value == "interpolate"),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Options of what is written, and what is said beside; false if it is another.
    fn rest(&mut self, name: &str, value: &str) -> Result<bool, NoPlan> {
        let wrong = |why| NoPlan::new(name, why);
        let plan = &mut self.plan;
        let one_of = |known: &[&str], why| match known.contains(&value) {
            true => Ok(()),
            false => Err(wrong(why)),
        };
        match name {
            "quality" => plan.quality = Some(quality_of(name, value)?),
            // The connection of who asks does not count: all get the same.
            "slow-connection-quality" => drop(quality_of(name, value)?),
            "format" => match value {
                "auto" => plan.output = Output::Auto,
                "json" => self.is_info = true,
                "baseline-jpeg" => return Err(wrong("cannot be baseline-jpeg here: write jpeg")),
                format => {
                    let why = "is one of auto, avif, webp, jpeg, png and json";
                    plan.output = Output::Is(Format::named(format).ok_or_else(|| wrong(why))?);
                }
            },
            "metadata" => {
                let (copyright, metadata) = match value {
                    "keep" => (true, true),
                    "copyright" => (true, false),
                    "none" => (false, false),
                    _ => return Err(wrong("is one of keep, copyright and none")),
                };
                (plan.keep.copyright, plan.keep.metadata) = (Some(copyright), Some(metadata));
            }
            // The site's `on_error` says what goes out, and nobody waits for a slow format.
            "onerror" => one_of(&["redirect"], "is redirect")?,
            "compression" => one_of(&["fast"], "is fast")?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn done(mut self) -> Result<Wanted, NoPlan> {
        if self.is_info {
            return Ok(Wanted::Info);
        }
        let plan = &mut self.plan;
        // Mirrored first there, turned first here: a quarter turn makes one mirror the other.
        if matches!(plan.turn, Turn::Quarter | Turn::ThreeQuarters) {
            let Flip { horizontal, vertical } = plan.flip;
            plan.flip = Flip { horizontal: vertical, vertical: horizontal };
        }
        let [left, top, width, height] = self.cut;
        if self.cut.iter().any(Option::is_some) {
            let (Some(width), Some(height)) = (width, height) else {
                let why = "needs trim.width and trim.height here";
                return Err(NoPlan::new("trim", why));
            };
            let dense = |pixels: Milli| {
                let pixels = (pixels.value() * plan.dpr.value()).round().min(f64::from(u16::MAX));
                // At most 65535, so it fits.
                Milli::thousandths(pixels as i32 * 1000)
            };
            let from = |pixels: Option<Milli>| dense(pixels.unwrap_or_default());
            let at = Anchor { gravity: Gravity::NorthWest, x: from(left), y: from(top) };
            let (width, height) = (dense(width), dense(height));
            plan.crop = Some(Crop { width, height, at: Some(at) });
        }
        Ok(Wanted::Picture(self.plan))
    }
}

fn quality_of(name: &str, value: &str) -> Result<u8, NoPlan> {
    let word = QUALITIES.iter().find(|(word, _)| *word == value).map(|(_, quality)| *quality);
    word.map_or_else(|| quality(name, value), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same as Larder's own dialect writes it.
    fn own(options: &str) -> String {
        let target = format!("/cdn-cgi/image/{options}/a.jpg");
        match read(&target).unwrap_or_else(|error| panic!("{target}: {error}")).wanted {
            Wanted::Picture(plan) => plan.settled().to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_cloudflare_documents_is_read() {
        for (options, wanted) in [
            ("width=80,quality=75", "w=80,q=75,f=same"),
            ("w=80,h=60,f=auto", "w=80,h=60"),
            ("format=avif", "f=avif"),
            ("f=webp,anim=false", "still=1,f=webp"),
            ("anim=true,f=jpeg", "f=jpeg"),
            ("format=json,w=1", "Info"),
            ("w=90,h=80,fit=scale-down,f=auto", "w=90,h=80"),
            ("w=90,h=80,fit=contain,f=auto", "w=90,h=80,enlarge=1"),
            ("w=90,h=80,fit=cover,g=auto,f=auto", "w=90,h=80,fit=cover,enlarge=1,g=smart"),
            ("w=90,h=80,fit=crop,gravity=left,f=auto", "w=90,h=80,fit=cover,g=west"),
            ("w=90,h=80,fit=crop,g=0x1,f=auto", "w=90,h=80,fit=cover,g=0:1"),
            ("w=90,h=80,fit=aspect-crop,g=0.5x0.33,f=auto", "w=90,h=80,fit=cover-down,g=0.5:0.33"),
            (
                "w=90,h=80,fit=pad,background=white,f=auto",
                "w=90,h=80,enlarge=1,extend=centre,bg=ffffff",
            ),
            ("w=90,h=80,fit=squeeze,f=auto", "w=90,h=80,fit=fill,enlarge=1"),
            ("q=low,f=auto", "q=50"),
            ("q=high,scq=low,onerror=redirect,compression=fast,f=auto", "q=90"),
            ("metadata=keep,f=auto", "copyright=1,metadata=1"),
            ("metadata=copyright,f=auto", "copyright=1,metadata=0"),
            ("metadata=none,f=auto", "copyright=0,metadata=0"),
            ("background=%23ffddee,f=auto", "bg=ffddee"),
            ("background=red,f=auto", "bg=ff0000"),
            ("background=rgb%28240%2C40%2C145%29,f=auto", "bg=f02891"),
            ("background=rgb(240%2040%20145),f=auto", "bg=f02891"),
            ("blur=50,sharpen=2,f=auto", "blur=25,sharpen=1"),
            ("rotate=180,f=auto", "rotate=180"),
            // Mirrored first, then turned.
            ("flip=h,rotate=90,f=auto", "rotate=90,flip=v"),
            (
                "trim.width=678,trim.height=67,trim.left=30,trim.top=40,f=auto",
                "crop=678:67:northwest:30:40",
            ),
            ("trim.width=10,trim.height=10,dpr=2,f=auto", "dpr=2,crop"),
            ("trim=0;0;0;0,brightness=1,saturation=1.0,upscale=interpolate,f=auto", ""),
            ("w=80%2Ch=60%2Cf=auto", "w=80,h=60"),
        ] {
            let found = own(options);
            match wanted.split_once(",crop") {
                Some(_) => assert!(found.contains("crop=20:20:northwest"), "{options}: {found}"),
                None => assert_eq!(found, wanted, "{options}"),
            }
        }
    }

    #[test]
    fn sources_are_paths_and_urls() {
        for (behind, source) in [
            ("uploads/avatar1.jpg", "/uploads/avatar1.jpg"),
            ("https://s3.example.com/bucket/image.png", "https://s3.example.com/bucket/image.png"),
            ("a.jpg?v=1", "/a.jpg?v=1"),
        ] {
            let asked = read(&format!("/cdn-cgi/image/width=100/{behind}")).expect(behind);
            assert_eq!(asked.source.as_str(), source);
        }
        assert!(read("/cdn-cgi/image/w=1/cdn-cgi/image/w=1/a.jpg").is_err());
    }

    #[test]
    fn what_is_not_made_here_is_named() {
        for (options, at, why) in [
            ("width=auto", "width", "auto"),
            ("w=0", "width", "from 1"),
            ("w=1,width=2", "width", "more than once"),
            ("fit=scale-up", "fit", "aspect-crop"),
            ("gravity=face", "gravity", "face"),
            ("g=0.5", "gravity", "point"),
            ("g=2x2", "gravity", "point"),
            ("q=101", "quality", "from 1 to 100"),
            ("format=gif", "format", "webp"),
            ("format=baseline-jpeg", "format", "baseline"),
            ("trim=20;30;20;0", "trim", "trim.left"),
            ("trim.left=3", "trim", "needs"),
            ("blur=251", "blur", "250"),
            ("sharpen=11", "sharpen", "10"),
            ("rotate=45", "rotate", "90"),
            ("background=rgba(1,2,3,0.5)", "background", "colour"),
            ("metadata=all", "metadata", "keep"),
            ("onerror=error", "onerror", "redirect"),
            ("border=1", "border", "not made"),
            ("brightness=1.5", "brightness", "not made"),
            ("segment=foreground", "segment", "not made"),
            ("upscale=generate", "upscale", "not made"),
            ("zoom=0.5", "zoom", "not made"),
            ("colour=1", "colour", "no option"),
            ("w", "w", "write width"),
            ("", "the options", "none"),
        ] {
            let error = read(&format!("/cdn-cgi/image/{options}/a.jpg")).expect_err(options);
            assert_eq!(&*error.at, at, "{options}: {error}");
            assert!(error.why.contains(why), "{options}: {error}");
        }
    }
}
