//! What is said of a picture to an operator who asks what would happen to a request.

use super::allowed::Place;
use super::asked::{asked, below};
use super::source::request_for;
use crate::settings::SiteSettings;
use imaging::plan::Wanted;
use policy::request::Request;

/// A picture that is asked for.
#[derive(Debug)]
pub struct Picture {
    /// Its source, a path or a URL.
    pub source: String,
    /// Where it is kept: what is made of the source, in Larder's own words.
    pub target: String,
    /// The width that was asked for and the one of the ladder that is made instead, in pixels.
    pub snapped: Option<(u32, u32)>,
    /// The request by which the source is asked for.
    pub request: Request,
    place: Place,
}

/// The picture that a request is for; nothing where it is for none, or is refused.
pub fn picture(site: &SiteSettings, request: &Request) -> Option<Picture> {
    let (wanted, making) = asked(site, request)?.ok()?;
    let settings = &making.settings;
    let target = below(&settings.base, &request.target);
    let dialect = settings.dialects.of(target)?;
    let read = settings.dialects.read(dialect, target, making.is_given).ok()?;
    let width = |wanted| match wanted {
        Wanted::Picture(plan) => {
            plan.width.map(|width| (f64::from(u32::from(width)) * plan.dpr.value()).round() as u32)
        }
        _ => None,
    };
    let widths = width(read.asked.wanted).zip(width(making.asked.wanted));
    Some(Picture {
        source: making.asked.source.as_str().to_owned(),
        target: wanted.target,
        snapped: widths.filter(|(asked, made)| asked != made && !making.is_given),
        request: request_for(request, &making.asked.source),
        place: making.place,
    })
}

impl Picture {
    /// The site that is asked for the source; nothing where that is a file, or it is not known before.
    pub fn origin<'s>(&self, site: &'s SiteSettings) -> Option<&'s SiteSettings> {
        match self.place {
            Place::Site => Some(site),
            Place::Folder(_) => None,
            Place::Remote(number) => {
                let remote = site.pictures.as_ref()?.sources.get(number)?;
                remote.wildcard.is_none().then_some(&remote.settings)
            }
        }
    }
}
