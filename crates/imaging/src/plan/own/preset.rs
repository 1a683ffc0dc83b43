//! Presets of Larder's own dialect: `p=card` stands for options that the site's settings give.

use super::super::NoPlan;
use super::option::{Options, read};

/// The option that names a preset.
const NAME: &str = "p";

/// The presets of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presets(Vec<(Box<str>, Box<str>)>);

impl Presets {
    /// Those with these names and options.
    pub fn new(presets: impl IntoIterator<Item = (Box<str>, Box<str>)>) -> Presets {
        Presets(presets.into_iter().collect())
    }

    /// What each says, by its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, Result<Options, NoPlan>)> {
        self.0.iter().map(|(name, options)| (&**name, read(options)))
    }

    /// Reads options, one of which may name a preset: its options come first, and those beside it win
    /// over them. Tells too whether what is to be made is just what the preset says.
    ///
    /// # Errors
    /// The first that is wrong.
    pub(super) fn read(&self, options: &str) -> Result<(Options, bool), NoPlan> {
        let named = |option: &&str| option.split('=').next() == Some(NAME);
        let mut presets = options.split(',').filter(named);
        let Some(preset) = presets.next() else { return Ok((read(options)?, false)) };
        if presets.next().is_some() {
            return Err(NoPlan::new(NAME, "is there more than once"));
        }
        let name = preset.split_once('=').map_or("", |(_, name)| name);
        let known = self.0.iter().find(|(known, _)| **known == *name);
        let (_, given) = known.ok_or_else(|| {
            NoPlan::new(NAME, "is no preset of the site: they are named in images.presets")
        })?;
        let given = read(given)?;
        let mut all = given.clone();
        let others: Vec<&str> = options.split(',').filter(|option| !named(option)).collect();
        all.add(&others.join(","))?;
        let is_given = (all.plan, &all.watermark) == (given.plan, &given.watermark);
        Ok((all, is_given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::plan::options::Fit;
    use std::num::NonZeroU32;

    #[test]
    fn options_beside_a_preset_win_over_it() {
        let presets = Presets::new([("card".into(), "w=320,h=240,fit=cover".into())]);
        let card = |width| Plan {
            width: NonZeroU32::new(width),
            height: NonZeroU32::new(240),
            fit: Fit::Cover,
            ..Plan::default()
        };
        let wide = Plan { width: NonZeroU32::new(5), ..Plan::default() };
        for (options, plan, is_given) in [
            ("p=card", card(320), true),
            ("p=card,dl=1,", card(320), true),
            ("w=320,p=card", card(320), true),
            ("w=9,p=card", card(9), false),
            ("p=card,w=9", card(9), false),
            ("w=5", wide, false),
            ("", Plan::default(), false),
        ] {
            let (read, given) =
                presets.read(options).unwrap_or_else(|no| panic!("{options}: {no}"));
            assert_eq!((read.plan, given), (plan, is_given), "{options}");
        }
    }

    #[test]
    fn what_is_no_preset_is_named() {
        let presets = Presets::new([("self".into(), "p=self".into()), ("a".into(), "w=1".into())]);
        for (options, at, why) in [
            ("p=none", "p", "no preset"),
            ("p=", "p", "no preset"),
            ("p", "p", "no preset"),
            ("p=a,p=a", "p", "more than once"),
            ("p=a,w=0", "w", "from 1"),
            ("p=self", "p", "no preset has"),
        ] {
            let wrong = presets.read(options).expect_err(options);
            assert!(&*wrong.at == at && wrong.why.contains(why), "{options}: {wrong}");
        }
    }
}
