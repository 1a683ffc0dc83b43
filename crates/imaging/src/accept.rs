//! Which formats a client takes, by `Accept` (RFC 9110 §12.5.1), in as few classes as make a
//! difference: each is a variant of every picture.

use crate::plan::{Best, Format};

/// What a client takes beside JPEG and PNG, which everybody does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// AVIF.
    pub avif: bool,
    /// WebP.
    pub webp: bool,
}

impl Accepted {
    /// What a field says. Only a format that is named counts: `*/*` is sent by clients that show none of
    /// the newer ones.
    pub fn by(accept: &[u8]) -> Accepted {
        let mut accepted = Accepted::default();
        for range in accept.split(|b| *b == b',') {
            let mut parts = range.split(|b| *b == b';').map(<[u8]>::trim_ascii);
            let kind = parts.next().unwrap_or_default();
            let is_wanted = !parts.any(is_zero);
            if kind.eq_ignore_ascii_case(b"image/avif") {
                accepted.avif = is_wanted;
            } else if kind.eq_ignore_ascii_case(b"image/webp") {
                accepted.webp = is_wanted;
            }
        }
        accepted
    }

    /// The best of what both take.
    pub fn best(self, other: Accepted) -> Best {
        match (self.avif && other.avif, self.webp && other.webp) {
            (true, _) => Best::Avif,
            (false, true) => Best::WebP,
            (false, false) => Best::Basic,
        }
    }

    /// Whether a format may be sent.
    pub fn takes(self, format: Format) -> bool {
        match format {
            Format::Jpeg | Format::Png => true,
            Format::WebP => self.webp,
            Format::Avif => self.avif,
        }
    }
}

/// Whether a parameter is a weight of nothing: `q=0`, `q=0.000`.
fn is_zero(parameter: &[u8]) -> bool {
    let Some((name, value)) = parameter.split_at_checked(2) else { return false };
    let zero = value.strip_prefix(b"0").map(|rest| rest.strip_prefix(b".").unwrap_or(rest));
    name.eq_ignore_ascii_case(b"q=") && zero.is_some_and(|rest| rest.iter().all(|b| *b == b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_taken() {
        const CHROME: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
        for (accept, avif, webp) in [
            (CHROME, true, true),
            ("image/webp,image/png,*/*", false, true),
            ("IMAGE/AVIF ; q=0.5", true, false),
            ("image/*", false, false),
            ("*/*", false, false),
            ("", false, false),
            ("image/avif;q=0, image/webp;q=0.0", false, false),
            ("image/webp;q=0.001", false, true),
            ("image/webpx", false, false),
            ("image/webp;quality=0", false, true),
        ] {
            assert_eq!(Accepted::by(accept.as_bytes()), Accepted { avif, webp }, "{accept}");
        }
        let neither = Accepted::default();
        assert!(neither.takes(Format::Jpeg) && !neither.takes(Format::Avif));
    }
}
