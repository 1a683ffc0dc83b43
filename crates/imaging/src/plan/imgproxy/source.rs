//! The source in a URL of imgproxy.

use super::super::query::decoded_path;
use super::super::{NoPlan, Source};
use super::{ENCRYPTED, Imgproxy, PLAIN};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What is wrong is the source.
const AT: &str = "the source";
/// What begins a path of the site.
const LOCAL: &str = "local://";

/// The source behind the options, and the extension behind that, if there is one.
///
/// # Errors
/// It is none that may be asked for.
pub fn read<'u>(settings: &Imgproxy, text: &'u str) -> Result<(Source, Option<&'u str>), NoPlan> {
    let wrong = |why| NoPlan::new(AT, why);
    if text.starts_with(ENCRYPTED) {
        return Err(NoPlan::new("enc", "stands for an encrypted source, which is not read here"));
    }
    let (text, extension) = match text.strip_prefix(PLAIN) {
        Some(plain) => {
            let (text, extension) = parted(plain, '@')?;
            let text = decoded_path(text).ok_or_else(|| wrong("is no text in UTF-8"))?;
            (text.into_owned(), extension)
        }
        None => {
            let (text, extension) = parted(text, '.')?;
            let joined: String = text.split('/').collect();
            let bytes = URL_SAFE_NO_PAD.decode(joined.trim_end_matches('='));
            let bytes = bytes.map_err(|_| wrong("is neither plain/… nor in base64url"))?;
            let text = String::from_utf8(bytes);
            (text.map_err(|_| wrong("is no text in UTF-8"))?, extension)
        }
    };
    let whole = match text.starts_with(&*settings.base_url) {
        true => text,
        false => format!("{}{text}", settings.base_url),
    };
    let source = match whole.strip_prefix(LOCAL) {
        Some(path) => Source::parse(AT, &format!("/{}", path.trim_start_matches('/'))),
        None => Source::parse(AT, &whole),
    };
    Ok((source?, extension))
}

/// What is before a mark, and what is behind it, if anything is.
fn parted(text: &str, mark: char) -> Result<(&str, Option<&str>), NoPlan> {
    let (text, extension) = text.split_once(mark).unwrap_or((text, ""));
    match () {
        () if text.is_empty() => Err(NoPlan::new(AT, "is empty")),
        () if extension.contains(mark) => Err(NoPlan::new(AT, "has several extensions")),
        () => Ok((text, Some(extension).filter(|extension| !extension.is_empty()))),
    }
}
