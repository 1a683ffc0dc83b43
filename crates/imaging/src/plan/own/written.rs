//! The one spelling of a plan, for keys and for who looks at what is stored.

use super::super::changes::{Keep, Laid, Score, Trim, Watermark};
use super::super::numbers::Milli;
use super::super::options::{Best, Fit, Flip, Format, Output, Turn};
use super::super::place::{Anchor, Gravity};
use super::super::{Asked, Background, Plan, Source, Wanted};
use super::{INFO, RAW, ROOT};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

impl Asked {
    /// The target that asks for the same in Larder's own dialect: one for all that ask for the same.
    pub fn target(&self) -> String {
        let mut options = match self.wanted {
            Wanted::Picture(plan) => plan.settled().to_string(),
            Wanted::Info => INFO.to_owned(),
            Wanted::Placeholder(which) => which.name().to_owned(),
            Wanted::Raw => RAW.to_owned(),
        };
        let coded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let beside = [
            self.watermark.as_ref().map(|source| format!("wms={}", coded(source.as_str()))),
            self.delivery.name.as_ref().map(|name| format!("name={}", coded(name))),
            self.delivery.is_attachment.then(|| "dl=1".to_owned()),
            self.delivery.buster.as_ref().map(|buster| format!("cb={}", coded(buster))),
        ];
        for option in beside.into_iter().flatten() {
            if !options.is_empty() {
                options.push(',');
            }
            options.push_str(&option);
        }
        match &self.source {
            Source::Path(path) => format!("{ROOT}{options}{path}"),
            Source::Url(url) => format!("{ROOT}{options}/{url}"),
        }
    }
}

/// The plan as Larder's own dialect writes it, options in one order, what is usual left out.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: Vec<String> = Vec::new();
        let on = |is_on: bool, option: &str| is_on.then(|| format!("{option}=1"));
        all.extend(self.page.map(|page| format!("page={page}")));
        all.extend(on(self.still, "still"));
        all.extend(self.as_stored.then(|| "orient=0".to_owned()));
        all.extend(self.trim.map(|trim| format!("trim={}", trimmed(trim))));
        all.extend(self.crop.map(|crop| {
            let at = crop.at.map(|at| format!(":{}", anchor(at))).unwrap_or_default();
            format!("crop={}:{}{at}", crop.width, crop.height)
        }));
        all.extend(self.width.map(|width| format!("w={width}")));
        all.extend(self.height.map(|height| format!("h={height}")));
        all.extend(self.min_width.map(|width| format!("mw={width}")));
        all.extend(self.min_height.map(|height| format!("mh={height}")));
        all.extend((self.zoom != Plan::UNZOOMED).then(|| match self.zoom {
            (x, y) if x == y => format!("zoom={x}"),
            (x, y) => format!("zoom={x}:{y}"),
        }));
        all.extend((self.dpr != Milli::ONE).then(|| format!("dpr={}", self.dpr)));
        all.extend((self.fit != Fit::default()).then(|| format!("fit={}", fit(self.fit))));
        all.extend(on(self.enlarge, "enlarge"));
        all.extend((self.at != Anchor::default()).then(|| format!("g={}", anchor(self.at))));
        all.extend(self.extend.map(|at| format!("extend={}", anchor(at))));
        all.extend(self.extend_shape.map(|at| format!("reshape={}", anchor(at))));
        all.extend(turn(self.turn).map(|turn| format!("rotate={turn}")));
        all.extend(flip(self.flip).map(|flip| format!("flip={flip}")));
        for (name, sigma) in [("blur", self.blur), ("sharpen", self.sharpen)] {
            all.extend((!sigma.is_zero()).then(|| format!("{name}={sigma}")));
        }
        all.extend((self.pixelate > 1).then(|| format!("pixelate={}", self.pixelate)));
        all.extend(self.is_padded().then(|| {
            let around = self.padding;
            format!("pad={}:{}:{}:{}", around.top, around.right, around.bottom, around.left)
        }));
        all.extend(self.background.map(|colour| format!("bg={}", hex(colour))));
        all.extend(self.watermark.map(|mark| format!("wm={}", watermark(mark))));
        all.extend(self.quality.map(|quality| format!("q={quality}")));
        let own = Format::NAMED.iter().filter_map(|(format, name)| {
            self.qualities.get(*format).map(|quality| format!("{name}:{quality}"))
        });
        let own: Vec<String> = own.collect();
        all.extend((!own.is_empty()).then(|| format!("fq={}", own.join(":"))));
        all.extend(self.max_bytes.map(|bytes| format!("max={bytes}")));
        all.extend(
            self.score
                .map(|Score { target, least, most }| format!("score={target}:{least}:{most}")),
        );
        all.extend(self.keep.written());
        all.extend(
            (!self.skip.is_empty())
                .then(|| format!("skip={}", self.skip.names().collect::<Vec<_>>().join(":"))),
        );
        all.extend(self.format().map(|format| format!("f={format}")));
        f.write_str(&all.join(","))
    }
}

impl Plan {
    fn format(&self) -> Option<String> {
        let name = match (self.output, self.smallest) {
            (Output::Auto, false) => return None,
            (Output::Auto, true) => return Some("best".to_owned()),
            (Output::UpTo(best), smallest) => {
                let best = match best {
                    Best::Basic => "basic",
                    Best::WebP => "webp",
                    Best::Avif => "avif",
                };
                let word = if smallest { "best" } else { "auto" };
                return Some(format!("{word}-{best}"));
            }
            (Output::Same, _) => "same",
            (Output::Is(format), _) => {
                Format::NAMED.iter().find(|(known, _)| *known == format).map_or("", |known| known.1)
            }
        };
        Some(name.to_owned())
    }
}

impl Keep {
    fn written(self) -> impl Iterator<Item = String> {
        let flag = |name, on: Option<bool>| on.map(|on| format!("{name}={}", u8::from(on)));
        let profile = self.profile.map(|keep| if keep { "keep" } else { "srgb" });
        let all = [
            flag("copyright", self.copyright),
            flag("metadata", self.metadata),
            profile.map(|profile| format!("profile={profile}")),
        ];
        all.into_iter().flatten()
    }
}

fn fit(fit: Fit) -> &'static str {
    Fit::NAMED.iter().find(|(known, _)| *known == fit).map_or("", |(_, name)| name)
}

fn anchor(anchor: Anchor) -> String {
    let Anchor { gravity, x, y } = anchor;
    let named = Gravity::NAMED.iter().find(|(known, _)| *known == gravity);
    match (gravity, named) {
        (Gravity::Focus(x, y), _) => format!("{}:{}", part(x), part(y)),
        (_, Some((_, name))) if x.is_zero() && y.is_zero() => (*name).to_owned(),
        (_, named) => format!("{}:{x}:{y}", named.map_or("", |(_, name)| name)),
    }
}

/// A part of a length; with a point, so that it is no other number.
fn part(thousandths: u16) -> String {
    Milli::thousandths(thousandths.into()).to_string()
}

fn hex(Background([r, g, b]): Background) -> String {
    format!("{r:02x}{g:02x}{b:02x}")
}

fn trimmed(trim: Trim) -> String {
    let Trim { threshold, colour, equal_across, equal_down } = trim;
    let colour = colour.map(hex).unwrap_or_default();
    match (colour.is_empty(), equal_across || equal_down) {
        (true, false) => threshold.to_string(),
        (false, false) => format!("{threshold}:{colour}"),
        (_, true) => {
            format!("{threshold}:{colour}:{}:{}", u8::from(equal_across), u8::from(equal_down))
        }
    }
}

fn watermark(watermark: Watermark) -> String {
    let Watermark { opacity, place, scale } = watermark;
    let place = match place {
        Laid::Tiled(x, y) => format!("tile:{x}:{y}"),
        Laid::Once(Anchor { gravity: Gravity::Focus(..), .. }) => "centre:0:0".to_owned(),
        Laid::Once(Anchor { gravity, x, y }) => {
            format!("{}:{x}:{y}", anchor(Anchor::at(gravity)))
        }
    };
    format!("{opacity}:{place}:{scale}")
}

fn turn(turn: Turn) -> Option<u16> {
    match turn {
        Turn::None => None,
        Turn::Quarter => Some(90),
        Turn::Half => Some(180),
        Turn::ThreeQuarters => Some(270),
    }
}

fn flip(flip: Flip) -> Option<&'static str> {
    match (flip.horizontal, flip.vertical) {
        (false, false) => None,
        (true, false) => Some("h"),
        (false, true) => Some("v"),
        (true, true) => Some("hv"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Dialect;
    use super::*;

    fn plan(options: &str) -> Plan {
        Plan::read(options).unwrap_or_else(|wrong| panic!("{options}: {wrong}"))
    }

    #[test]
    fn what_is_written_is_read_as_the_same_plan() {
        for (options, canonical) in [
            ("", ""),
            ("q=75,w=640", "w=640,q=75"),
            ("f=auto,fit=inside,g=centre,rotate=0,dpr=1,zoom=1,blur=0,pad=0", ""),
            ("h=2,w=1,g=0.25:1,fit=cover", "w=1,h=2,fit=cover,g=0.25:1"),
            ("f=webp,bg=#C0FFEE,rotate=270,flip=vh", "rotate=270,flip=hv,bg=c0ffee,f=webp"),
            ("g=0.123:0", "g=0.123:0"),
            ("g=north:0.50:-10", "g=north:0.5:-10"),
            ("f=auto-webp", "f=auto-webp"),
            ("f=best", "f=best"),
            ("fit=contain,w=1,h=1", "w=1,h=1,extend=centre"),
            ("crop=.5:300:smart", "crop=0.5:300:smart"),
            ("trim=10,pad=1:2", "trim=10,pad=1:2:1:2"),
            ("trim=10::1", "trim=10::1:0"),
            ("wm=0.5", "wm=0.5:centre:0:0:0"),
            ("wm=1:tile:5:5:0.2", "wm=1:tile:5:5:0.2"),
            ("score=80,fq=avif:50:jpg:70", "fq=jpeg:70:avif:50,score=80:30:95"),
            ("skip=gif:jpg,max=20000,page=3", "page=3,max=20000,skip=jpeg:gif"),
        ] {
            let read = plan(options);
            assert_eq!(read.to_string(), canonical, "{options}");
            assert_eq!(plan(canonical), read, "{options}");
        }
    }

    #[test]
    fn a_target_asks_for_the_same() {
        for (target, canonical) in [
            ("/_next/image?url=%2Fa%20b.jpg%3Fv%3D1&w=64&q=75", "w=64,q=75/a%20b.jpg?v=1"),
            ("/_image?href=https%3A%2F%2FA.b%2Fc&w=8", "w=8/https://a.b/c"),
            ("/_larder/image/w=1,fit=cover/a", "w=1/a"),
            ("/_larder/image//a", "/a"),
            ("/_larder/image/info/https:/a.b/c", "info/https://a.b/c"),
            ("/_larder/image/blurhash/a", "blurhash/a"),
            ("/_larder/image/raw,dl=1/a.pdf", "raw,dl=1/a.pdf"),
            ("/_larder/image/cb=MQ==,w=2,name=w6Q/a", "w=2,name=w6Q,cb=MQ/a"),
            ("/_larder/image/wm=1,wms=L2xvZ28ucG5n/a", "wm=1:centre:0:0:0,wms=L2xvZ28ucG5n/a"),
        ] {
            let read = |target: &str| Dialect::of(target).expect("one").read(target).expect("one");
            let asked = read(target);
            assert_eq!(asked.target(), format!("/_larder/image/{canonical}"));
            assert_eq!(read(&asked.target()).target(), asked.target());
            assert_eq!(read(&asked.target()).source, asked.source);
        }
    }
}
