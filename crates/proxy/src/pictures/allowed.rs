//! Of which sources pictures are made: the site's own paths, folders, and the origins that are listed.

use crate::error::Error;
use crate::settings::PictureSettings;
use imaging::plan::Source;
use policy::path::match_path;
use policy::request::split_target;

/// Where a source is, by the settings of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the site's own origin.
    Site,
    /// In the folder of that number.
    Folder(usize),
    /// At the listed origin of that number.
    Remote(usize),
}

/// Where a source is.
///
/// # Errors
/// When it is nowhere that may be used.
pub fn place(settings: &PictureSettings, source: &Source) -> Result<Place, Error> {
    match source {
        Source::Path(path) => {
            let path = match_path(split_target(path).0);
            let within = |folder: &str| path.path.starts_with(folder.as_bytes());
            match settings.folders.iter().position(|folder| within(&folder.path)) {
                Some(_) if path.ambiguous => Err(refused("its path can be read in two ways")),
                Some(folder) => Ok(Place::Folder(folder)),
                None => Ok(Place::Site),
            }
        }
        Source::Url(url) => remote(settings, url).map(Place::Remote),
    }
}

fn remote(settings: &PictureSettings, url: &str) -> Result<usize, Error> {
    let (authority, target) = authority_and_target(url);
    let path = match_path(split_target(target).0);
    let listed = settings.sources.iter().position(|source| {
        let is_at = source.settings.origins.iter().any(|origin| origin.url() == authority);
        is_at && begins(&path.path, source.path.as_bytes())
    });
    match listed {
        None => Err(refused("its URL is not below any of images.sources")),
        // Below the path that is allowed, or not, as the origin reads it.
        Some(_) if path.ambiguous => Err(refused("its path can be read in two ways")),
        Some(listed) => Ok(listed),
    }
}

/// Scheme, host and port of a URL without the scheme's own port, and the rest.
pub fn authority_and_target(url: &str) -> (String, &str) {
    let from = url.find("://").map_or(0, |at| at + 3);
    let end = url[from..].find('/').map_or(url.len(), |at| from + at);
    let (authority, target) = url.split_at(end);
    let usual = if authority.starts_with("https:") { ":443" } else { ":80" };
    (authority.strip_suffix(usual).unwrap_or(authority).to_owned(), target)
}

/// Whether a path lies below another, at a segment's boundary.
fn begins(path: &[u8], above: &[u8]) -> bool {
    let above = above.strip_suffix(b"/").unwrap_or(above);
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn refused(why: &'static str) -> Error {
    Error::PictureSource(why.to_owned())
}
