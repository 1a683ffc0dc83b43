//! One option of imgproxy: a name, and what stands behind its colons.

use super::super::own::{focus, number};
use super::super::{Anchor, Gravity, MAX_SIDE, Milli, NoPlan};
use std::num::NonZeroU32;

/// An option as it is written.
pub struct Word<'u> {
    /// Its name.
    pub name: &'u str,
    /// What stands behind it: at least one text, which may be empty.
    pub args: Vec<&'u str>,
}

impl<'u> Word<'u> {
    /// Reads what stands between two slashes.
    ///
    /// # Errors
    /// It has no colon.
    pub fn read(text: &'u str) -> Result<Word<'u>, NoPlan> {
        let (name, args) = text
            .split_once(':')
            .ok_or_else(|| NoPlan::new(text, "is no option: write width:640"))?;
        Ok(Word { name, args: args.split(':').collect() })
    }

    /// That this is what is wrong with it.
    pub fn wrong(&self, why: &'static str) -> NoPlan {
        NoPlan::new(self.name, why)
    }

    /// The value, if there is one.
    ///
    /// # Errors
    /// There is none.
    pub fn must<T>(&self, value: Option<T>, why: &'static str) -> Result<T, NoPlan> {
        value.ok_or_else(|| self.wrong(why))
    }

    /// Checks that there are no more arguments than that.
    ///
    /// # Errors
    /// There are.
    pub fn most(&self, most: usize) -> Result<(), NoPlan> {
        match self.args.len() <= most {
            true => Ok(()),
            false => Err(self.wrong("has more arguments than there are")),
        }
    }

    /// The argument of that number, if it is there and says anything.
    pub fn given(&self, at: usize) -> Option<&'u str> {
        self.args.get(at).copied().filter(|text| !text.is_empty())
    }

    /// The only argument.
    ///
    /// # Errors
    /// There are more.
    pub fn only(&self) -> Result<&'u str, NoPlan> {
        self.most(1)?;
        Ok(self.args[0])
    }

    /// The only argument, which says yes or no.
    ///
    /// # Errors
    /// There are more.
    pub fn flag(&self) -> Result<bool, NoPlan> {
        self.only().map(is_true)
    }

    /// A side; 0 is none.
    ///
    /// # Errors
    /// It is no number of pixels.
    pub fn side(&self, text: &str) -> Result<Option<NonZeroU32>, NoPlan> {
        let side = number(text).filter(|side| *side <= MAX_SIDE);
        self.must(side, "is a number of pixels from 0 to 16384").map(NonZeroU32::new)
    }

    /// A place, from the argument of that number on; distances that it does not tell are those of
    /// `before`.
    ///
    /// # Errors
    /// It is none, or one that has to be found by looking where that may not be.
    pub fn anchor(
        &self,
        from: usize,
        may_be_smart: bool,
        before: Anchor,
    ) -> Result<Anchor, NoPlan> {
        let distance = |text: Option<&&str>, before: Milli| match text {
            None | Some(&"") => Some(before),
            Some(text) => Milli::parse(text),
        };
        let zero = |text: &'u str| if text.is_empty() { "0" } else { text };
        let anchor = match self.args.get(from..).unwrap_or_default() {
            ["sm"] if may_be_smart => Some(Anchor::at(Gravity::Smart)),
            ["fp", x, y] => focus(zero(x), zero(y)).map(Anchor::at),
            [name, rest @ ..] if rest.len() <= 2 => {
                let (x, y) = (distance(rest.first(), before.x), distance(rest.get(1), before.y));
                side(name).and_then(|gravity| Some(Anchor { gravity, x: x?, y: y? }))
            }
            _ => None,
        };
        self.must(
            anchor,
            match may_be_smart {
                true => {
                    "is a place such as ce, no or soea:10:20, sm, or a point such as fp:0.5:0.3"
                }
                false => "is a place such as ce, no or soea:10:20, or a point such as fp:0.5:0.3",
            },
        )
    }
}

/// A canvas that may be off for now: where the picture lies on it stays as it was told.
#[derive(Clone, Copy, Default)]
pub struct Extended {
    /// Whether it is on.
    pub is_on: bool,
    /// Where the picture lies.
    pub at: Anchor,
}

impl Extended {
    /// Reads whether there is a canvas, and where on it the picture lies, from the argument of that number
    /// on.
    ///
    /// # Errors
    /// The place is none.
    pub fn read(&mut self, word: &Word<'_>, from: usize) -> Result<(), NoPlan> {
        if word.args.len() > from + 1 {
            self.at = word.anchor(from + 1, false, self.at)?;
        }
        self.is_on = is_true(word.args[from]);
        Ok(())
    }
}

/// As Go reads it: all else is no.
pub fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// The place of that name.
pub fn side(name: &str) -> Option<Gravity> {
    Some(match name {
        "ce" => Gravity::Centre,
        "no" => Gravity::North,
        "noea" => Gravity::NorthEast,
        "ea" => Gravity::East,
        "soea" => Gravity::SouthEast,
        "so" => Gravity::South,
        "sowe" => Gravity::SouthWest,
        "we" => Gravity::West,
        "nowe" => Gravity::NorthWest,
        _ => return None,
    })
}
