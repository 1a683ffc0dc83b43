//! Plans that make the same picture of every source become equal.

use super::changes::Padding;
use super::options::{Fit, Flip, Turn};
use super::place::Anchor;
use super::{MAX_SIDE, Milli, NoPlan, Plan, own};
use std::num::NonZeroU32;

impl Plan {
    /// Reads a plan by the options of Larder's own dialect.
    ///
    /// # Errors
    /// The first option that is wrong.
    pub fn read(options: &str) -> Result<Plan, NoPlan> {
        own::options(options).map(|read| read.plan)
    }

    /// The same plan with nothing in it that changes nothing.
    pub fn settled(mut self) -> Plan {
        let has_box = self.width.is_some() && self.height.is_some();
        if !has_box && self.fit != Fit::Force {
            self.fit = Fit::default();
        }
        if self.width.is_none() && self.height.is_none() {
            self.fit = Fit::default();
            self.extend = None;
        }
        if !has_box {
            self.extend_shape = None;
        }
        if self.pixelate <= 1 {
            self.pixelate = 0;
        }
        if self.page.is_some() {
            self.still = false;
        }
        if self.score.is_some() {
            self.quality = None;
            self.qualities = Default::default();
        }
        if !self.may_cut() {
            self.at = Anchor::default();
        }
        self.settle_density();
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

    /// Whether the gravity may say what is cut off.
    fn may_cut(&self) -> bool {
        let cuts = matches!(self.fit, Fit::Cover | Fit::CoverDown | Fit::ByShape);
        cuts || self.min_width.is_some()
            || self.min_height.is_some()
            || self.crop.is_some_and(|crop| crop.at.is_none())
    }

    /// Multiplies the sides where nothing else depends on the density.
    fn settle_density(&mut self) {
        let is_plain = self.fit == Fit::Inside
            && self.extend.is_none()
            && self.extend_shape.is_none()
            && self.min_width.is_none()
            && self.min_height.is_none()
            && self.zoom == Plan::UNZOOMED
            && self.padding == Padding::default()
            && self.watermark.is_none()
            && !self.at.is_in_pixels();
        if !is_plain || self.dpr == Milli::ONE || (self.width.is_none() && self.height.is_none()) {
            return;
        }
        for side in [&mut self.width, &mut self.height].into_iter().flatten() {
            // At most 16384 times 4: it fits.
            let scaled = (f64::from(side.get()) * self.dpr.value()).round() as u32;
            *side = NonZeroU32::new(scaled.min(MAX_SIDE)).unwrap_or(NonZeroU32::MIN);
        }
        self.dpr = Milli::ONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_is_left_out() {
        for (options, settled) in [
            ("w=1,fit=cover,g=north", "w=1"),
            ("w=1,h=1,fit=cover,g=north", "w=1,h=1,fit=cover,g=north"),
            ("w=1,h=1,fit=fill,g=north", "w=1,h=1,fit=fill"),
            ("w=1,fit=force", "w=1,fit=force"),
            ("flip=hv", "rotate=180"),
            ("rotate=180,flip=hv", ""),
            ("rotate=90,flip=h", "rotate=90,flip=h"),
            ("w=100,h=50,dpr=1.5", "w=150,h=75"),
            ("w=16384,dpr=4", "w=16384"),
            ("w=1,dpr=0.1", "w=1"),
            ("w=1,dpr=2,pad=1", "w=1,dpr=2,pad=1:1:1:1"),
            ("pixelate=1,extend=north,page=2,still=1", "page=2"),
            ("crop=1:1,g=north", "crop=1:1,g=north"),
            ("crop=1:1:south,g=north", "crop=1:1:south"),
            ("q=70,fq=webp:1,score=80", "score=80:30:95"),
        ] {
            let plan = Plan::read(options).expect(options);
            assert_eq!(plan.settled().to_string(), settled, "{options}");
        }
    }
}
