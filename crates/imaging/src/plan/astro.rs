//! The dialect of Astro: `/_image?href=%2F_astro%2Fphoto.jpg&w=640&h=480&f=webp&q=high&fit=cover`.

use super::options::{Background, Fit, Format, Output};
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
    if let Some(name) = given("f")? {
        let format = Format::named(&name);
        let why = "is one of jpeg, png, webp and avif";
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
        let why = "is a side such as top, left top, or center";
        let gravity = Gravity::named(&name).filter(|gravity| *gravity != Gravity::Smart);
        plan.at = Anchor::at(gravity.ok_or_else(|| NoPlan::new("position", why))?);
    }
    if let Some(colour) = given("background")? {
        let why = "is a colour such as #c0ffee";
        let colour = Background::parse(&colour).ok_or_else(|| NoPlan::new("background", why))?;
        plan.background = Some(colour);
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

#[cfg(test)]
mod tests {
    use super::*;

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
            ("position=left+top", Plan { at: Anchor::at(Gravity::NorthWest), ..Plan::default() }),
            (
                "background=%23fff",
                Plan { background: Some(Background([255; 3])), ..Plan::default() },
            ),
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
            ("/_image?href=/a&f=svg", "f"),
            ("/_image?href=/a&q=best", "q"),
            ("/_image?href=/a&position=up", "position"),
            ("/_image?href=/a&background=red", "background"),
            ("/_image?href=/a&w=1&w=2", "w"),
        ] {
            assert_eq!(&*read(target).expect_err(target).at, at, "{target}");
        }
    }
}
