//! About how much memory the making of a picture takes, by its header and its plan.

use super::{Work, is_looked_at, part};
use crate::limits::pixels;
use crate::plan::{Best, Format, Output};
use crate::resize::{Part, Scaler, shrink};
use crate::sizing::{Size, Sizing};
use crate::sniff::Kind;

impl Work<'_> {
    /// About how much memory it takes at the most, beside the source.
    pub(super) fn memory_bytes(&self) -> u64 {
        let (size, target) = (self.header.size, self.target());
        let channels = if self.header.alpha { 4 } else { 3 };
        let decoded = pixels(size) * u64::from(self.header.cost.pixel_bytes);
        let shrunk = Size {
            width: size.width / shrink(size.width, target.width),
            height: size.height / shrink(size.height, target.height),
        };
        let kept = match self.plan().trim {
            // Turned, and then resized.
            Some(_) => {
                2 * pixels(size) * channels
                    + Scaler::bytes(size, &Part::whole(size, size), channels)
            }
            None if size == target => pixels(size) * channels,
            None if is_looked_at(self.plan()) => 2 * channels * pixels(shrunk),
            None => {
                let part = part(self.plan(), size, self.orientation);
                Scaler::bytes(shrunk, &part, channels)
            }
        };
        decoded + kept + self.made_bytes(&self.sizing)
    }

    /// About how much memory what is made takes at the most, when it is of that size.
    pub(super) fn made_bytes(&self, sizing: &Sizing) -> u64 {
        let channels = if self.header.alpha { 4 } else { 3 };
        let made = pixels(sizing.canvas).max(pixels(sizing.cut.size));
        let bytes = self.sample_bytes(sizing) * channels + self.plan().effect_bytes(channels);
        made * bytes + self.moving_bytes(made)
    }

    /// About how many bytes each sample of what is made takes at the most, until it is written.
    fn sample_bytes(&self, sizing: &Sizing) -> u64 {
        let (is_avif, is_webp) = match self.plan().output {
            Output::Is(format) => (format == Format::Avif, format == Format::WebP),
            Output::UpTo(best) => (best == Best::Avif, best == Best::WebP),
            Output::Same => (self.header.kind == Kind::Avif, self.header.kind == Kind::WebP),
            Output::Auto => (false, false),
        };
        let has_alpha = self.header.alpha || sizing.canvas != sizing.cut.size;
        match is_avif || is_webp && has_alpha {
            // libaom, and libwebp where alpha is written beside: measured 19 to 26 bytes a pixel.
            true => 7,
            // As it was made, turned, changed, and as an encoder holds it.
            false => 4,
        }
    }
}
