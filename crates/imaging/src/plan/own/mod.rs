//! Larder's own dialect: `/_larder/image/w=640,h=480,fit=cover,q=75,f=auto/photo.jpg`, and
//! `/_larder/image/info/photo.jpg`. What stands behind the options is a path of the site, or a URL.

mod option;
mod preset;
mod written;

use super::query::decoded_path;
use super::{Asked, NoPlan, Plan, Read, Source, Wanted};
use crate::placeholder::Placeholder;
use option::of_path;
pub use option::{Options, focus, number, quality, read as options, short, side, sigma, zoom};
pub use preset::Presets;

/// What begins its paths.
pub const ROOT: &str = "/_larder/image/";
/// The options of an `info`.
pub const INFO: &str = "info";
/// The options of a source as it is.
pub const RAW: &str = "raw";

/// Reads a target.
///
/// # Errors
/// The first option that is wrong.
pub fn read(presets: &Presets, target: &str) -> Result<Read, NoPlan> {
    let rest = target.strip_prefix(ROOT).unwrap_or_default();
    let Some((options, source)) = rest.split_once('/') else {
        return Err(NoPlan::new(
            "the path",
            "lacks a source: write /_larder/image/w=640/photo.jpg",
        ));
    };
    let source = source_of(source)?;
    let options = of_path(options)?;
    let (word, rest) = options.split_once(',').unwrap_or((&options, ""));
    let placeholder = Placeholder::NAMED.into_iter().find(|(_, name)| *name == word);
    let mut is_given = false;
    let (wanted, beside) = match word {
        _ if let (Some((which, _)), true) = (placeholder, rest.is_empty()) => {
            (Wanted::Placeholder(which), Options::default())
        }
        INFO if rest.is_empty() => (Wanted::Info, Options::default()),
        RAW => {
            let read = option::read(rest)?;
            if read.plan != Plan::default() || read.watermark.is_some() {
                return Err(NoPlan::new(
                    RAW,
                    "is the source as it is: beside it may stand name and dl",
                ));
            }
            (Wanted::Raw, read)
        }
        _ => {
            let (read, is_said_by_it) = presets.read(&options)?;
            is_given = is_said_by_it;
            (Wanted::Picture(read.plan), read)
        }
    };
    let asked = Asked { source, wanted, watermark: beside.watermark, delivery: beside.delivery };
    Ok(Read { is_given, ..Read::of(asked) })
}

/// The source behind the options: a URL where a scheme begins it, as it stands or encoded whole, else a
/// path of the site.
///
/// # Errors
/// It is none.
pub fn source_of(text: &str) -> Result<Source, NoPlan> {
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
    // One slash is made two.
    let begins = |text: &str| {
        let is_scheme = |scheme: &str| {
            text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        };
        is_scheme("http:/") || is_scheme("https:/")
    };
    begins(text) || decoded_path(text).is_some_and(|decoded| is_url(&decoded))
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::super::numbers::Milli;
    use super::super::options::{Background, Fit, Flip, Format, Output, Turn};
    use super::super::place::{Anchor, Gravity};
    use super::*;
    use std::num::NonZeroU32;

    fn asked(target: &str) -> Result<Asked, NoPlan> {
        read(&Presets::default(), target).map(|read| read.asked)
    }

    fn picture(target: &str) -> Plan {
        match asked(target).unwrap_or_else(|error| panic!("{target}: {error}")).wanted {
            Wanted::Picture(plan) => plan,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[test]
    fn options_say_what_is_to_be_made() {
        let px = NonZeroU32::new;
        for (options, plan) in [
            ("", Plan::default()),
            ("w=640", Plan { width: px(640), ..Plan::default() }),
            (
                "w=100,dpr=1.5",
                Plan { width: px(100), dpr: Milli::thousandths(1500), ..Plan::default() },
            ),
            (
                "h=9,fit=cover,g=northwest",
                Plan {
                    height: px(9),
                    fit: Fit::Cover,
                    at: Anchor::at(Gravity::NorthWest),
                    ..Plan::default()
                },
            ),
            ("bg=white", Plan { background: Some(Background([255; 3])), ..Plan::default() }),
            ("g=0.25:1", Plan { at: Anchor::at(Gravity::Focus(250, 1000)), ..Plan::default() }),
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
            let asked = asked(&format!("/_larder/image/w=1/{behind}")).expect(behind);
            assert_eq!(asked.source, source, "{behind}");
        }
        let info = asked("/_larder/image/info/a.jpg").expect("a source");
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
            ("w", "w", "lacks a value"),
            ("info,w=1", "info", "stands alone"),
            ("lqip,w=1", "lqip", "stands alone"),
            ("raw,p=a", "p", "nor raw"),
            ("w=9,extend", "extend", "lacks a value"),
            ("q=0", "q", "1 to 100"),
            ("dpr=5", "dpr", "to 4"),
            ("dpr=NaN", "dpr", "to 4"),
            ("dpr=1e0", "dpr", "to 4"),
            ("fit=crop", "fit", "cover"),
            ("g=0.5:2", "g", "point"),
            ("f=gif", "f", "best-webp"),
            ("bg=reddish", "bg", "colour"),
            ("bg=#ff000080", "bg", "colour"),
            ("rotate=45", "rotate", "90"),
            ("flip=x", "flip", "hv"),
        ] {
            let error = asked(&format!("/_larder/image/{options}/a.jpg")).expect_err(options);
            assert_eq!(&*error.at, at, "{options}");
            assert!(error.why.contains(why), "{options}: {error}");
        }
        assert!(asked("/_larder/image/w=1").is_err());
        assert!(asked("/_larder/image/w=1/").is_ok(), "the site's own root may be a picture");
    }
}
