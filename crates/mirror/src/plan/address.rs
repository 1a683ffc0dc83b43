//! What in a document is the address of a picture, and which one it is.

use crate::plan::fault::Fault;
use url::Url;

/// The longest URL in bytes, as it stands and as it is fetched.
pub const MAX_URL_BYTES: usize = 8 * 1024;
/// The endings of paths that are taken for pictures where nothing else says what they are.
const EXTENSIONS: [&str; 8] = ["jpg", "jpeg", "png", "gif", "webp", "avif", "bmp", "jxl"];

/// The URL of a document.
///
/// # Errors
/// [`Fault::Base`] when it is none with http or https.
pub(super) fn base(text: &str) -> Result<Url, Fault> {
    let fault = |what: &str| Fault::Base { url: text.to_owned(), what: what.to_owned() };
    let url = Url::parse(text).map_err(|error| fault(&error.to_string()))?;
    if !is_web(&url) {
        return Err(fault("neither http nor https"));
    }
    Ok(url)
}

/// The absolute URL of a picture, without its fragment; none where it stays as it is: another scheme, with
/// a name or a password in it, too long, or the document itself.
pub(super) fn picture(base: &Url, text: &str) -> Option<Box<str>> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c.is_ascii_control());
    if text.is_empty() || text.len() > MAX_URL_BYTES || text.starts_with('#') {
        return None;
    }
    let mut url = base.join(text).ok()?;
    url.set_fragment(None);
    let is_bare = url.username().is_empty() && url.password().is_none();
    let is_other = url.as_str() != base.as_str().split('#').next().unwrap_or_default();
    let fits = url.as_str().len() <= MAX_URL_BYTES;
    (is_web(&url) && is_bare && is_other && fits).then(|| String::from(url).into_boxed_str())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// Whether what has that type, or an URL that ends so where none is told, is a picture.
pub(super) fn is_picture(media_type: Option<&str>, url: &str) -> bool {
    match media_type.map(str::trim).filter(|said| !said.is_empty()) {
        Some(said) => said.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/")),
        None => ends_like_picture(url),
    }
}

fn ends_like_picture(url: &str) -> bool {
    let path = url.trim().split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_and_some_stay() {
        let base = base("https://a.example/feeds/news.json?x=1").unwrap();
        let long = format!("/{}", "a".repeat(MAX_URL_BYTES));
        for (text, url) in [
            ("b.jpg", Some("https://a.example/feeds/b.jpg")),
            ("/b.jpg#top", Some("https://a.example/b.jpg")),
            ("../b.jpg", Some("https://a.example/b.jpg")),
            ("//c.example/b.jpg", Some("https://c.example/b.jpg")),
            ("HTTP://C.example:80/b c.jpg", Some("http://c.example/b%20c.jpg")),
            ("  https://c.example/ä.jpg\n", Some("https://c.example/%C3%A4.jpg")),
            ("https://c.example/a?b=1&amp;c", Some("https://c.example/a?b=1&amp;c")),
            ("https://xn--mller-kva.example/a.png", Some("https://xn--mller-kva.example/a.png")),
            // Names in other letters than those of ASCII need tables of Unicode, which are not here.
            ("https://müller.example/a.png", None),
            ("https://me:secret@c.example/b.jpg", None),
            ("https://me@c.example/b.jpg", None),
            ("data:image/png;base64,AAAA", None),
            ("ftp://c.example/b.jpg", None),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
            ("https://", None),
            ("https://a b/", None),
            ("#top", None),
            ("?x=1", None),
            ("", None),
            (" \t", None),
            (&long, None),
        ] {
            assert_eq!(picture(&base, text).as_deref(), url, "{text:?}");
        }
    }

    #[test]
    fn a_document_has_an_address_on_the_web() {
        for wrong in ["", "news.json", "file:///news.json", "ftp://a.example/"] {
            assert!(matches!(base(wrong), Err(Fault::Base { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_type_says_more_than_an_ending() {
        for (media_type, url, wanted) in [
            (Some("image/jpeg"), "a", true),
            (Some(" IMAGE/png "), "a", true),
            (Some("audio/mpeg"), "a.jpg", false),
            (Some(""), "a.JPG?x=1#y", true),
            (None, "https://a.example/b.webp", true),
            (None, "https://a.example/b.mp3", false),
            (None, "https://a.jpg/b", false),
            (None, "https://a.example/?f=.jpg", false),
            (Some("imäge"), "a.jpg", false),
        ] {
            assert_eq!(is_picture(media_type, url), wanted, "{media_type:?} {url}");
        }
    }
}
