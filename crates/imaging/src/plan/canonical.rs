//! The one spelling of a plan, for keys and for who looks at what is stored.

use super::options::{Best, Fit, Flip, Format, Gravity, Output, Turn};
use super::{Asked, Background, Plan, Source, Wanted, own};
use std::fmt;

impl Asked {
    /// The target that asks for the same in Larder's own dialect: one for all that ask for the same.
    pub fn target(&self) -> String {
        let options = match self.wanted {
            Wanted::Picture(plan) => plan.settled().to_string(),
            Wanted::Info => own::INFO.to_owned(),
        };
        match &self.source {
            Source::Path(path) => format!("{}{options}{path}", own::ROOT),
            Source::Url(url) => format!("{}{options}/{url}", own::ROOT),
        }
    }
}

/// The plan as Larder's own dialect writes it, options in one order, what is usual left out.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options: Vec<String> = Vec::new();
        options.extend(self.width.map(|width| format!("w={width}")));
        options.extend(self.height.map(|height| format!("h={height}")));
        options.extend(fit(self.fit).map(|fit| format!("fit={fit}")));
        options.extend(gravity(self.gravity).map(|gravity| format!("g={gravity}")));
        options.extend(self.quality.map(|quality| format!("q={quality}")));
        options.extend(output(self.output).map(|output| format!("f={output}")));
        options.extend(
            self.background.map(|Background([r, g, b])| format!("bg={r:02x}{g:02x}{b:02x}")),
        );
        options.extend(turn(self.turn).map(|turn| format!("rotate={turn}")));
        options.extend(flip(self.flip).map(|flip| format!("flip={flip}")));
        f.write_str(&options.join(","))
    }
}

impl Plan {
    /// The same plan with nothing in it that changes nothing: plans that make the same picture of every
    /// source are equal then.
    pub fn settled(mut self) -> Plan {
        let has_box = self.width.is_some() && self.height.is_some();
        if !has_box {
            self.fit = Fit::default();
        }
        let cuts_or_pads = matches!(self.fit, Fit::Cover | Fit::Contain);
        if !cuts_or_pads {
            self.gravity = Gravity::default();
        }
        // A half turn and both mirrors are the same.
        if self.flip.horizontal && self.flip.vertical {
            self.flip = Flip::default();
            self.turn = match self.turn {
                Turn::None => Turn::Half,
                Turn::Quarter => Turn::ThreeQuarters,
                Turn::Half => Turn::None,
                Turn::ThreeQuarters => Turn::Quarter,
            };
        }
        self
    }
}

fn fit(fit: Fit) -> Option<&'static str> {
    match fit {
        Fit::Inside => None,
        Fit::Cover => Some("cover"),
        Fit::Contain => Some("contain"),
        Fit::Fill => Some("fill"),
        Fit::Outside => Some("outside"),
    }
}

fn gravity(gravity: Gravity) -> Option<String> {
    let name = match gravity {
        Gravity::Centre => return None,
        Gravity::Focus(x, y) => return Some(format!("{}:{}", part(x), part(y))),
        Gravity::North => "north",
        Gravity::NorthEast => "northeast",
        Gravity::East => "east",
        Gravity::SouthEast => "southeast",
        Gravity::South => "south",
        Gravity::SouthWest => "southwest",
        Gravity::West => "west",
        Gravity::NorthWest => "northwest",
    };
    Some(name.to_owned())
}

fn part(thousandths: u16) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn output(output: Output) -> Option<&'static str> {
    match output {
        Output::Auto => None,
        Output::UpTo(Best::Basic) => Some("auto-basic"),
        Output::UpTo(Best::WebP) => Some("auto-webp"),
        Output::UpTo(Best::Avif) => Some("auto-avif"),
        Output::Same => Some("same"),
        Output::Is(Format::Jpeg) => Some("jpeg"),
        Output::Is(Format::Png) => Some("png"),
        Output::Is(Format::WebP) => Some("webp"),
        Output::Is(Format::Avif) => Some("avif"),
    }
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
    use super::super::{Dialect, Wanted};
    use super::*;

    fn plan(options: &str) -> Plan {
        let target = format!("/_larder/image/{options}/a.jpg");
        match Dialect::Own.read(&target).unwrap_or_else(|error| panic!("{error}")).wanted {
            Wanted::Picture(plan) => plan,
            Wanted::Info => panic!("{options}: a picture"),
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same_plan() {
        for (options, canonical) in [
            ("", ""),
            ("q=75,w=640", "w=640,q=75"),
            ("f=auto,fit=inside,g=centre,rotate=0", ""),
            ("h=2,w=1,g=0.25:1,fit=cover", "w=1,h=2,fit=cover,g=0.25:1"),
            ("f=webp,bg=#C0FFEE,rotate=270,flip=vh", "f=webp,bg=c0ffee,rotate=270,flip=hv"),
            ("g=0.123:0", "g=0.123:0"),
            ("f=auto-webp", "f=auto-webp"),
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
        ] {
            let read = |target: &str| Dialect::of(target).expect("one").read(target).expect("one");
            let asked = read(target);
            assert_eq!(asked.target(), format!("/_larder/image/{canonical}"));
            assert_eq!(read(&asked.target()).target(), asked.target());
            assert_eq!(read(&asked.target()).source, asked.source);
        }
    }

    #[test]
    fn what_changes_nothing_is_left_out() {
        for (options, settled) in [
            ("w=1,fit=cover,g=north", "w=1"),
            ("w=1,h=1,fit=cover,g=north", "w=1,h=1,fit=cover,g=north"),
            ("w=1,h=1,fit=fill,g=north", "w=1,h=1,fit=fill"),
            ("flip=hv", "rotate=180"),
            ("rotate=180,flip=hv", ""),
            ("rotate=90,flip=h", "rotate=90,flip=h"),
        ] {
            assert_eq!(plan(options).settled().to_string(), settled, "{options}");
        }
    }
}
