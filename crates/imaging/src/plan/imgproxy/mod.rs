//! The dialect of imgproxy: `/<signature>/<options>/plain/<source>@<extension>`, and
//! `/<signature>/<options>/<source in base64url>.<extension>`, below a path of the site's choice.

mod info;
mod option;
mod source;
mod unmade;
mod word;

use super::{Asked, NoPlan, Read, Signature, Wanted, dialect};
use option::Reading;
use std::borrow::Cow;

/// What begins the URLs that tell of a source, behind the path of the dialect.
const INFO: &str = "info/";
/// What begins a source that is not in base64url.
const PLAIN: &str = "plain/";
/// The preset that all URLs begin with.
const USUAL_PRESET: &str = "default";
/// What begins a source that is encrypted.
const ENCRYPTED: &str = "enc/";

/// What a site says of the dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imgproxy {
    /// What its paths begin with: a slash, or words between two.
    pub path: Box<str>,
    /// What is set before sources that do not begin with it; empty: nothing.
    pub base_url: Box<str>,
    /// Options by names, parted by slashes as in URLs; those of `default` come before all others.
    pub presets: Vec<(Box<str>, Box<str>)>,
    /// Whether URLs have names of presets in the place of options.
    pub only_presets: bool,
    /// Whether, where no format is told, the best goes out that the client takes; else the source's.
    pub auto_format: bool,
}

impl Default for Imgproxy {
    fn default() -> Imgproxy {
        Imgproxy {
            path: "/imgproxy/".into(),
            base_url: "".into(),
            presets: Vec::new(),
            only_presets: false,
            auto_format: true,
        }
    }
}

impl Imgproxy {
    /// Whether a target is below the path.
    pub fn has(&self, target: &str) -> bool {
        dialect::has(&self.path, target)
    }

    /// The options of a preset.
    fn preset(&self, name: &str) -> Option<&str> {
        self.presets.iter().find(|(known, _)| **known == *name).map(|(_, options)| &**options)
    }

    /// Whether a preset can be used, and if so whether it has the site's own watermark drawn.
    ///
    /// # Errors
    /// The first option of it that is wrong.
    pub fn check_preset(&self, name: &str) -> Result<bool, NoPlan> {
        let mut reading = Reading::new(self, true);
        reading.preset(name, &mut Vec::new())?;
        Ok(reading.has_own_watermark())
    }

    /// What a target is signed with, and what of it is.
    pub fn signature<'t>(&self, target: &'t str) -> Option<Signature<'t>> {
        let (_, text, signed) = self.split(target)?;
        let signed = [signed, &*mended(signed)].map(|path| format!("/{path}"));
        Some(Signature { text, signed })
    }

    /// Whether a target asks what is known of a source, its signature, and all behind that.
    fn split<'t>(&self, target: &'t str) -> Option<(bool, &'t str, &'t str)> {
        let below = dialect::behind(&self.path, target)?;
        let (is_info, below) = match below.strip_prefix(INFO) {
            Some(below) => (true, below),
            None => (false, below),
        };
        let (signature, rest) = dialect::behind_signature(below)?;
        Some((is_info, signature, rest))
    }
}

/// Reads a target.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(settings: &Imgproxy, target: &str, is_signed: bool) -> Result<Read, NoPlan> {
    let Some((is_info, _, path)) = settings.split(target) else {
        let why = "lacks a signature or a source: write /_/rs:fit:640/plain/local:///photo.jpg";
        return Err(NoPlan::new("the path", why));
    };
    let path = mended(path);
    let (options, rest) = match settings.only_presets && !is_info {
        true => path.split_once('/').unwrap_or((&path, "")),
        false => split_options(&path),
    };
    let (source, extension) =
        source::read(settings, rest).map_err(|wrong| without_colon(rest).unwrap_or(wrong))?;
    if is_info {
        let expires = info::read(options)?;
        return Ok(Read { expires, ..Read::of(Asked::of(source, Wanted::Info)) });
    }
    let mut reading = Reading::new(settings, is_signed);
    let used = &mut Vec::new();
    if settings.preset(USUAL_PRESET).is_some() {
        reading.preset(USUAL_PRESET, used)?;
    }
    match settings.only_presets {
        true => options.split(':').try_for_each(|name| reading.preset(name, used))?,
        false => reading.options(options, used)?,
    }
    reading.done(source, extension)
}

/// The options, and what comes behind them: from the first part without a colon.
fn split_options(path: &str) -> (&str, &str) {
    let mut end = 0;
    for part in path.split('/') {
        if !part.contains(':') {
            return (path[..end].trim_end_matches('/'), &path[end..]);
        }
        end += part.len() + 1;
    }
    (path, "")
}

/// That it is an option without a colon which was taken for the beginning of a source.
fn without_colon(rest: &str) -> Option<NoPlan> {
    let (first, behind) = rest.split_once('/')?;
    let is_option = behind.starts_with(PLAIN) || behind.contains("/plain/");
    let is_option = is_option && !rest.starts_with(ENCRYPTED);
    is_option.then(|| NoPlan::new(first, "has no colon, as options have: write width:640"))
}

/// The path as it was before somebody on the way encoded its colons, or made one slash of two.
fn mended(path: &str) -> Cow<'_, str> {
    let source = match path.starts_with(PLAIN) {
        true => Some(0),
        false => path.find("/plain/").map(|at| at + 1),
    };
    let (options, source) = path.split_at(source.unwrap_or(path.len()));
    let options = match options.contains("%3") {
        true => Cow::Owned(options.replace("%3A", ":").replace("%3a", ":")),
        false => Cow::Borrowed(options),
    };
    let (plain, text) = source.split_at(source.len().min(PLAIN.len()));
    let (scheme, behind) = text.split_once(":/").unwrap_or_default();
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_scheme && !behind.starts_with('/') && !behind.is_empty() {
        let slashes = if scheme == "local" { "///" } else { "//" };
        return Cow::Owned(format!("{options}{plain}{scheme}:{slashes}{behind}"));
    }
    match options {
        Cow::Borrowed(_) => Cow::Borrowed(path),
        Cow::Owned(options) => Cow::Owned(options + source),
    }
}

#[cfg(test)]
mod tests;
