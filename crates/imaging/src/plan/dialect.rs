//! In which dialect a URL asks for a picture, and which of them a site understands.

use super::{
    Asked, Imgproxy, NoPlan, Presets, Thumbor, astro, cloudflare, imgproxy, next, own, thumbor,
};

/// The longest target that is read, in bytes.
pub const MAX_TARGET_BYTES: usize = 8 << 10;

/// How a URL asks for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Larder's own: `/_larder/image/w=640,f=auto/photo.jpg`.
    Own,
    /// That of Next.js: `/_next/image?url=%2Fphoto.jpg&w=640&q=75`.
    Next,
    /// That of Astro: `/_image?href=%2Fphoto.jpg&w=640&f=webp`.
    Astro,
    /// That of Cloudflare: `/cdn-cgi/image/width=640,format=auto/photo.jpg`.
    Cloudflare,
    /// That of imgproxy, below a path of the site's choice: `/imgproxy/_/rs:fit:640/plain/local:///photo.jpg`.
    Imgproxy,
    /// That of Thumbor, likewise: `/thumbor/unsafe/fit-in/640x480/photo.jpg`.
    Thumbor,
}

impl Dialect {
    /// Those whose paths are the same on every site.
    pub const FIXED: [Dialect; 4] =
        [Dialect::Own, Dialect::Next, Dialect::Astro, Dialect::Cloudflare];

    /// What its paths begin with, where that is the same on every site.
    pub fn root(self) -> Option<&'static str> {
        match self {
            Dialect::Own => Some(own::ROOT),
            Dialect::Next => Some(next::PATH),
            Dialect::Astro => Some(astro::PATH),
            Dialect::Cloudflare => Some(cloudflare::ROOT),
            Dialect::Imgproxy | Dialect::Thumbor => None,
        }
    }

    /// The dialect that a target is written in, if it is one whose paths are the same on every site.
    pub fn of(target: &str) -> Option<Dialect> {
        let path = target.split('?').next().unwrap_or_default();
        // Sites whose pages have a slash at their end write it here too.
        let bare = path.strip_suffix('/').unwrap_or(path);
        Dialect::FIXED.into_iter().find(|dialect| match dialect {
            Dialect::Own => path.starts_with(own::ROOT),
            Dialect::Next => bare == next::PATH,
            Dialect::Astro => bare == astro::PATH,
            Dialect::Cloudflare => path.starts_with(cloudflare::ROOT),
            Dialect::Imgproxy | Dialect::Thumbor => false,
        })
    }
}

/// What a URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it asks for.
    pub asked: Asked,
    /// Until when it may be asked for, in seconds since 1970.
    pub expires: Option<u64>,
    /// Whether all that is to be made is what a preset of the site says, so that strangers have no choice
    /// in it.
    pub is_given: bool,
}

impl Read {
    /// What is asked for, by whoever likes.
    pub(super) fn of(asked: Asked) -> Read {
        Read { asked, expires: None, is_given: false }
    }
}

/// What a URL says of who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'t> {
    /// The signature, as it stands there.
    pub text: &'t str,
    /// What is signed: as it came, and as it was before others on the way "mended" it.
    pub signed: [String; 2],
}

/// The dialects that a site understands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialects {
    /// Of those whose paths are the same on every site.
    pub fixed: Vec<Dialect>,
    /// The presets of Larder's own.
    pub presets: Presets,
    /// That of imgproxy.
    pub imgproxy: Option<Imgproxy>,
    /// That of Thumbor.
    pub thumbor: Option<Thumbor>,
}

impl Dialects {
    /// The dialect that a target is written in, if it is understood.
    pub fn of(&self, target: &str) -> Option<Dialect> {
        match Dialect::of(target) {
            Some(dialect) if self.fixed.contains(&dialect) => Some(dialect),
            _ => self.below(target).map(|(dialect, _)| dialect),
        }
    }

    /// Whether what a path leads to is itself made here. A host that serves nothing but pictures has
    /// sources under the same paths: there only what is the same everywhere counts.
    pub fn make(&self, target: &str) -> bool {
        Dialect::of(target).is_some() || self.below(target).is_some_and(|(_, path)| path.len() > 1)
    }

    /// The dialect below whose path a target is, and that path: the longer of two.
    fn below(&self, target: &str) -> Option<(Dialect, &str)> {
        let imgproxy = self.imgproxy.as_ref().filter(|own| own.has(target));
        let thumbor = self.thumbor.as_ref().filter(|own| own.has(target));
        let imgproxy = imgproxy.map(|own| (Dialect::Imgproxy, &*own.path));
        let thumbor = thumbor.map(|own| (Dialect::Thumbor, &*own.path));
        imgproxy.into_iter().chain(thumbor).max_by_key(|(_, path)| path.len())
    }

    /// The signature of a target, if its dialect has any.
    pub fn signature<'t>(&self, dialect: Dialect, target: &'t str) -> Option<Signature<'t>> {
        match dialect {
            Dialect::Imgproxy => self.imgproxy.as_ref()?.signature(target),
            Dialect::Thumbor => self.thumbor.as_ref()?.signature(target),
            Dialect::Own | Dialect::Next | Dialect::Astro | Dialect::Cloudflare => None,
        }
    }

    /// What a target of a dialect says. `is_signed`: whether who wrote it knows the site's key.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(&self, dialect: Dialect, target: &str, is_signed: bool) -> Result<Read, NoPlan> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(NoPlan::new("the URL", "is longer than 8192 bytes"));
        }
        let off = || NoPlan::new("the URL", "is of a dialect that is not understood");
        let asked = match dialect {
            Dialect::Own => return own::read(&self.presets, target),
            Dialect::Next => next::read(target),
            Dialect::Astro => astro::read(target),
            Dialect::Cloudflare => cloudflare::read(target),
            Dialect::Imgproxy => {
                let settings = self.imgproxy.as_ref().ok_or_else(off)?;
                return imgproxy::read(settings, target, is_signed);
            }
            Dialect::Thumbor => thumbor::read(self.thumbor.as_ref().ok_or_else(off)?, target),
        };
        asked.map(Read::of)
    }
}

/// What begins paths that are of no dialect but Larder's own, wherever those begin.
pub const RESERVED: &str = "/_larder/";

/// Whether a target is of a dialect that begins at a path of the site's choice.
pub(super) fn has(path: &str, target: &str) -> bool {
    target.starts_with(path) && !target.starts_with(RESERVED)
}

/// What stands behind that path, without a query, which counts nothing there.
pub(super) fn behind<'t>(path: &str, target: &'t str) -> Option<&'t str> {
    target.split('?').next().unwrap_or_default().strip_prefix(path)
}

/// A signature and all behind it, where both are there.
pub(super) fn behind_signature(text: &str) -> Option<(&str, &str)> {
    let (signature, rest) = text.split_once('/')?;
    (!signature.is_empty() && !rest.is_empty()).then_some((signature, rest))
}

impl Dialect {
    /// What a target of this dialect asks for, of one whose paths are the same on every site.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(self, target: &str) -> Result<Asked, NoPlan> {
        Dialects::default().read(self, target, false).map(|read| read.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_dialect() {
        for (target, dialect) in [
            ("/_larder/image/w=1/a.jpg", Some(Dialect::Own)),
            ("/_larder/images/w=1/a.jpg", None),
            ("/_next/image?url=/a&w=1&q=1", Some(Dialect::Next)),
            ("/_next/image", Some(Dialect::Next)),
            ("/_next/image/?url=/a&w=1&q=1", Some(Dialect::Next)),
            ("/_next/image//?url=/a", None),
            ("/_next/image/a.jpg", None),
            ("/_next/images?url", None),
            ("/_image?href=/a", Some(Dialect::Astro)),
            ("/_image/?href=/a", Some(Dialect::Astro)),
            ("/_image/a", None),
            ("/a/_image?href=/a", None),
            ("/cdn-cgi/image/w=1/a.jpg", Some(Dialect::Cloudflare)),
            ("/cdn-cgi/images/w=1/a.jpg", None),
            ("/imgproxy/_/w:1/plain/a", None),
            ("/", None),
        ] {
            assert_eq!(Dialect::of(target), dialect, "{target}");
        }
    }

    #[test]
    fn a_site_says_which_dialects_it_understands_and_where() {
        let imgproxy = |path: &str| Imgproxy { path: path.into(), ..Imgproxy::default() };
        let dialects = |path| Dialects {
            fixed: vec![Dialect::Own],
            presets: Presets::default(),
            imgproxy: Some(imgproxy(path)),
            thumbor: Some(Thumbor::default()),
        };
        let (below, whole) = (dialects("/imgproxy/"), dialects("/"));
        let (own, other) = (Some(Dialect::Own), Some(Dialect::Imgproxy));
        for (target, at_path, at_root) in [
            ("/_larder/image/w=1/a", own, own),
            ("/_larder/hooks/a", None, None),
            ("/imgproxy/_/w:1/plain/a", other, other),
            ("/imgproxy", None, other),
            ("/cdn-cgi/image/w=1/a", None, other),
            ("/a.jpg", None, other),
            ("/thumbor/unsafe/a.jpg", Some(Dialect::Thumbor), Some(Dialect::Thumbor)),
        ] {
            assert_eq!(below.of(target), at_path, "{target}");
            assert_eq!(whole.of(target), at_root, "{target}");
        }
        assert!(below.make("/imgproxy/_/a") && !below.make("/a.jpg"));
        assert!(!whole.make("/a.jpg") && whole.make("/_next/image?url=/a"));
    }
}
