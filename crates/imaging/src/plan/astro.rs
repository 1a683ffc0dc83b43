//! The dialect of Astro: `/_image?href=%2F_astro%2Fphoto.jpg&w=640&h=480&f=webp&q=high&fit=cover`.

use super::colour::any;
use super::numbers::Milli;
use super::options::{Fit, Format, Output};
use super::own::{quality, side};
use super::place::{Anchor, Gravity};
use super::query::Query;
use super::{Asked, NoPlan, Plan, Source, Wanted};
use std::num::NonZeroU32;

/// Its path, which may have a slash at its end.
pub const PATH: &str = "/_image";
/// What its words for qualities mean to its usual image service.
const QUALITIES: [(&str, u8); 4] = [("low", 25), ("mid", 50), ("high", 80), ("max", 100)];

/// Reads a target.
///
/// # Errors
/// The first parameter that is wrong.
pub fn read(target: &str) -> Result<Asked, NoPlan> {
    let query = Query::of(target);
    // Astro writes what a component was not given as nothing.
    let given = |name: &'static str| -> Result<Option<_>, NoPlan> {
        Ok(query.one(name)?.filter(|value| !value.is_empty()))
    };
    let href = given("href")?.ok_or_else(|| NoPlan::new("href", "is missing"))?;
    let source = Source::parse("href", &href)?;
    let read_side = |name: &'static str| -> Result<Option<NonZeroU32>, NoPlan> {
        given(name)?.map(|value| side(name, &value)).transpose()
    };
    let mut plan = Plan { width: read_side("w")?, height: read_side("h")?, ..Plan::default() };
    let format = given("f")?;
    let is_svg = format.as_deref() == Some("svg");
    if let Some(name) = format.filter(|_| !is_svg) {
        let format = Format::named(&name);
        let why = "is one of jpeg, png, webp, avif and svg";
        plan.output = Output::Is(format.ok_or_else(|| NoPlan::new("f", why))?);
    }
    if let Some(value) = given("q")? {
        let word = QUALITIES.iter().find(|(word, _)| *word == value).map(|(_, quality)| *quality);
        plan.quality = Some(word.map_or_else(|| quality("q", &value), Ok)?);
    }
    if let Some(name) = given("fit")? {
        plan.fit = fit(&name);
    }
    if let Some(name) = given("position")? {
        let why =
            "is a side such as top, left top or center, a place such as 50% 25%, or attention";
        plan.at = Anchor::at(position(&name).ok_or_else(|| NoPlan::new("position", why))?);
    }
    if let Some(colour) = given("background")? {
        let why = "is a colour such as #c0ffee, white or rgb(192 255 238)";
        plan.background = match &*colour {
            "transparent" => None,
            // Astro's service draws on it as if it were opaque.
            colour => Some(any(colour).ok_or_else(|| NoPlan::new("background", why))?),
        };
    }
    if is_svg {
        // Astro writes it for all SVGs, and hands on whatever comes, in its own size.
        plan = Plan { output: Output::Same, ..Plan::default() };
    }
    Ok(Asked::of(source, Wanted::Picture(plan)))
}

/// As Astro's usual image service understands the words of CSS: what it does not know is `inside`.
fn fit(name: &str) -> Fit {
    match name {
        "fill" => Fit::Fill,
        "cover" => Fit::Cover,
        "none" | "outside" => Fit::Outside,
        _ => Fit::Inside,
    }
}

/// As sharp and CSS write places; what sharp seeks by looking is sought here too.
fn position(name: &str) -> Option<Gravity> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "attention" | "entropy" => return Some(Gravity::Smart),
        "smart" => return None,
        name if Gravity::named(name).is_some() => return Gravity::named(name),
        _ => {}
    }
    let words: Vec<&str> = name.split_ascii_whitespace().collect();
    let (x, y) = match *words.as_slice() {
        [x] => (thousandths(x, "left", "right")?, 500),
        // Words of CSS may stand in any order.
        [y, x] if matches!(y, "top" | "bottom") || matches!(x, "left" | "right") => {
            (thousandths(x, "left", "right")?, thousandths(y, "top", "bottom")?)
        }
        [x, y] => (thousandths(x, "left", "right")?, thousandths(y, "top", "bottom")?),
        _ => return None,
    };
    // An edge or the middle is nearer to what is meant than the point that lies there.
    let named = Gravity::NAMED.into_iter().map(|(gravity, _)| gravity);
    let side = named.filter(|it| *it != Gravity::Smart).find(|it| it.point() == (x, y));
    Some(side.unwrap_or(Gravity::Focus(x, y)))
}

/// How far along a side is, in thousandths.
fn thousandths(word: &str, first: &str, last: &str) -> Option<u16> {
    match word {
        "center" | "centre" => Some(500),
        word if word == first => Some(0),
        word if word == last => Some(1000),
        word => {
            let percent = Milli::parse(word.strip_suffix('%')?)?.value();
            (0.0..=100.0).contains(&percent).then_some((percent * 10.0).round() as u16)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Background;

    fn picture(query: &str) -> Plan {
        let target = format!("/_image?href=%2Fa.jpg&{query}");
        match read(&target).unwrap_or_else(|error| panic!("{target}: {error}")).wanted {
            Wanted::Picture(plan) => plan,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[test]
    fn what_astro_writes_is_read() {
        let px = NonZeroU32::new;
        let at = |gravity| Plan { at: Anchor::at(gravity), ..Plan::default() };
        let on = |colour| Plan { background: Some(Background(colour)), ..Plan::default() };
        for (query, plan) in [
            ("", Plan::default()),
            ("w=960&h=540", Plan { width: px(960), height: px(540), ..Plan::default() }),
            ("w=&f=&q=&fit=", Plan::default()),
            ("f=jpg", Plan { output: Output::Is(Format::Jpeg), ..Plan::default() }),
            ("q=high", Plan { quality: Some(80), ..Plan::default() }),
            ("q=33", Plan { quality: Some(33), ..Plan::default() }),
            ("fit=contain", Plan { fit: Fit::Inside, ..Plan::default() }),
            ("fit=cover", Plan { fit: Fit::Cover, ..Plan::default() }),
            ("fit=none", Plan { fit: Fit::Outside, ..Plan::default() }),
            ("position=left+top", at(Gravity::NorthWest)),
            ("position=northeast", at(Gravity::NorthEast)),
            ("position=attention", at(Gravity::Smart)),
            ("position=entropy", at(Gravity::Smart)),
            ("position=50%25+50%25", at(Gravity::Centre)),
            ("position=0%25+100%25", at(Gravity::SouthWest)),
            ("position=center+top", at(Gravity::North)),
            ("position=top+center", at(Gravity::North)),
            ("position=center+left", at(Gravity::West)),
            ("position=Bottom", at(Gravity::South)),
            ("position=30%25+72.5%25", at(Gravity::Focus(300, 725))),
            ("position=30%25", at(Gravity::Focus(300, 500))),
            ("background=red", on([255, 0, 0])),
            ("background=rgb(1,2,3)", on([1, 2, 3])),
            ("background=rgba(1,+2,+3,+0.5)", on([1, 2, 3])),
            ("background=%23c0ffee80", on([0xc0, 0xff, 0xee])),
            ("background=transparent", Plan::default()),
            ("w=10&h=10&f=svg&q=high", Plan { output: Output::Same, ..Plan::default() }),
            ("background=%23fff", on([255; 3])),
            ("other=1", Plan::default()),
        ] {
            assert_eq!(picture(query), plan, "{query}");
        }
        let hosted = read("/_image?href=https%3A%2F%2Fa.b%2Fc.jpg&w=1").expect("a plan");
        assert_eq!(hosted.source, Source::Url("https://a.b/c.jpg".into()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (target, at) in [
            ("/_image", "href"),
            ("/_image?href=a.jpg", "href"),
            ("/_image?href=/a&w=1px", "w"),
            ("/_image?href=/a&h=-1", "h"),
            ("/_image?href=/a&f=svgz", "f"),
            ("/_image?href=/a&f=svg&w=0", "w"),
            ("/_image?href=/a&q=best", "q"),
            ("/_image?href=/a&position=up", "position"),
            ("/_image?href=/a&position=smart", "position"),
            ("/_image?href=/a&position=10px+5px", "position"),
            ("/_image?href=/a&position=101%25+5%25", "position"),
            ("/_image?href=/a&background=reddish", "background"),
            ("/_image?href=/a&w=1&w=2", "w"),
        ] {
            assert_eq!(&*read(target).expect_err(target).at, at, "{target}");
        }
    }
}
