//! What the settings of pictures mean.

use super::{Notes, imgproxy, origin_tls, picture_urls, thumbor};
use crate::config::address::SourceBelow;
use crate::config::place::Place;
use crate::config::written::{
    ImageDialect, ImageFormat, ImageProfile, Images, Preset, Site, SiteImages, Written,
};
use imaging::Profile;
use imaging::accept::Accepted;
use imaging::limits::Limits;
use imaging::plan::{Dialect, Dialects, MAX_SIDE, OWN_ROOT, Presets, Source};
use policy::path_pattern::PathPattern;
use policy::rule::{KeyParts, Match, Rule, SiteId};
use policy::time::Seconds;
use proxy::pictures::Signing;
use proxy::settings::{
    Folder, OnError, OriginHost, PictureLimits, PictureSettings, Reach, RemoteSource, SiteSettings,
};
use std::sync::Arc;

/// How long pictures of Next.js are fresh at the least (`minimumCacheTTL` of Next 16).
const NEXT_MIN_TTL: Seconds = Seconds::new(4 * 3600);
/// The most widths that a ladder has.
const MAX_WIDTHS: usize = 64;
/// A word in the keys of other origins' sources that no rule can have, so that what the site itself
/// answers for their hosts is never taken for them.
const SOURCE_KEY: &str = "\u{1}source";

/// Limits of making pictures.
pub fn limits(written: &Images) -> PictureLimits {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    PictureLimits {
        workers: written.workers.map_or_else(cores, |count| count.0),
        queue: written.queue.0,
        memory_bytes: written.memory.0,
        timeout: written.timeout.0,
    }
}

/// Whether pictures are made for a site.
pub fn are_made(site: &Site, place: &Place, notes: &Notes<'_, '_>) -> bool {
    let is_on = notes.document.has(&place.key("images")) || site.preset != Preset::None;
    site.images.enabled.unwrap_or(is_on)
}

/// Puts a rule for pictures before the first that was not written for them: one for all paths gives
/// lifetimes to their sources, and pictures live as long as those.
pub fn keep_from_rules(site: &mut policy::rule::Site) {
    let is_for_pictures = |rule: &Rule| {
        let paths = &rule.matches.paths;
        !paths.is_empty() && paths.iter().all(|path| path.as_str().starts_with(OWN_ROOT))
    };
    let at = site.rules.iter().position(|rule| !is_for_pictures(rule));
    let paths = vec![PathPattern::glob(&format!("{OWN_ROOT}*"))];
    let matches = Match { paths, ..Match::default() };
    let rule = Rule { matches, is_built_in: true, ..Rule::default() };
    site.rules.insert(at.unwrap_or(site.rules.len()), rule);
}

/// Which pictures are made for a site; nothing where none are. `not_us`: how far its sources may lead
/// at the most.
pub fn pictures(
    site: &Site,
    id: SiteId,
    all: &Written,
    not_us: &Reach,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<Arc<PictureSettings>> {
    if !are_made(site, place, notes) {
        return None;
    }
    let (images, place) = (&site.images, place.key("images"));
    check_numbers(images, &place, notes);
    let (dialects, signing) = dialects(site, &place, notes);
    let sources = images.sources.iter().enumerate();
    let sources = sources.filter_map(|(i, source)| {
        remote(site, id, source, not_us, &place.key("sources").index(i), notes)
    });
    let meant = PictureSettings {
        sources: sources.collect(),
        dialects,
        signing,
        base: images.base.iter().map(|base| base.0.trim_end_matches('/')).collect(),
        folders: folders(images, &place, notes),
        widths: images.widths.clone(),
        variants: images.variants.0,
        formats: Accepted {
            avif: images.formats.contains(&ImageFormat::Avif),
            webp: images.formats.contains(&ImageFormat::WebP),
        },
        quality: images.quality,
        watermark: watermark(images, &place, notes),
        min_ttl: min_ttl(site),
        on_error: on_error(images, &place, notes),
        keep_copyright: images.keep_copyright,
        originals: images.originals,
        svg: images.svg,
        profile: match images.profile {
            ImageProfile::Srgb => Profile::ConvertToSrgb,
            ImageProfile::Keep => Profile::Keep,
        },
        limits: of_one(&all.images),
    };
    picture_urls::warn_of_useless(&meant, &place, notes);
    Some(Arc::new(meant))
}

fn of_one(written: &Images) -> Limits {
    Limits {
        source_bytes: written.max_source.0,
        pixels: written.max_pixels.0 as u64,
        output_pixels: written.max_pixels.0 as u64,
        memory_bytes: written.worker_memory.0,
        frames: u32::try_from(written.max_frames.0).unwrap_or(u32::MAX),
        animation_pixels: written.max_animation_pixels.0 as u64,
        ..Limits::default()
    }
}

fn check_numbers(images: &SiteImages, place: &Place, notes: &mut Notes<'_, '_>) {
    if !(1..=100).contains(&images.quality) {
        let place = place.key("quality");
        notes.error(&place, "a quality is a number from 1 to 100", "write 75, or leave it out");
    }
    let widths = &images.widths;
    let place = place.key("widths");
    if widths.iter().any(|width| !(1..=MAX_SIDE).contains(width)) || !widths.is_sorted() {
        let mend = "write them in rising order, as in [320, 640, 1280]";
        notes.error(&place, format!("widths are numbers from 1 to {MAX_SIDE}, rising"), mend);
    }
    if widths.len() > MAX_WIDTHS {
        let mend = format!("write at most {MAX_WIDTHS}");
        notes.error(&place, "these are too many widths: each is a picture of its own", mend);
    }
}

/// All dialects, and whose signatures their URLs bear.
fn dialects(
    site: &Site,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> (Dialects, Vec<(Dialect, Signing)>) {
    let images = &site.images;
    let imgproxy = imgproxy::imgproxy(&images.imgproxy, &place.key("imgproxy"), notes);
    let thumbor = thumbor::thumbor(&images.thumbor, &place.key("thumbor"), notes);
    if imgproxy.is_some() && thumbor.is_some() && images.imgproxy.path == images.thumbor.path {
        let place = place.key("thumbor").key("path");
        notes.error(&place, "URLs of imgproxy have this path", "give each its own");
    }
    let (imgproxy, of_imgproxy) = imgproxy.unzip();
    let (thumbor, of_thumbor) = thumbor.unzip();
    let of_imgproxy = of_imgproxy.map(|signing| (Dialect::Imgproxy, signing));
    let of_thumbor = of_thumbor.map(|signing| (Dialect::Thumbor, signing));
    let presets = presets(&site.images, place, notes);
    let dialects = Dialects { fixed: fixed(site), presets, imgproxy, thumbor };
    (dialects, of_imgproxy.into_iter().chain(of_thumbor).collect())
}

/// The presets of Larder's own dialect.
fn presets(images: &SiteImages, place: &Place, notes: &mut Notes<'_, '_>) -> Presets {
    let written = images.presets.iter();
    let meant = Presets::new(
        written.map(|(name, options)| (name.as_str().into(), options.as_str().into())),
    );
    for (name, read) in meant.all() {
        let place = place.key("presets").key(name);
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        {
            let mend = "write letters, digits, \"-\", \"_\" and \".\"";
            notes.error(&place, "no URL can have this name in it", mend);
        }
        if let Err(wrong) = read {
            notes.error(&place, wrong.to_string(), "write options as in \"w=320,h=240,fit=cover\"");
        }
    }
    meant
}

/// The dialects whose paths are the same on every site.
fn fixed(site: &Site) -> Vec<Dialect> {
    let named = |dialect: &ImageDialect| match dialect {
        ImageDialect::Larder => Dialect::Own,
        ImageDialect::NextJs => Dialect::Next,
        ImageDialect::Astro => Dialect::Astro,
        ImageDialect::Cloudflare => Dialect::Cloudflare,
    };
    if let Some(dialects) = &site.images.dialects {
        return dialects.iter().map(named).collect();
    }
    // Who has URLs signed means them to be the only way.
    let is_signed = !site.images.imgproxy.keys.is_empty() || site.images.thumbor.key.is_some();
    let own = (!is_signed).then_some(Dialect::Own);
    let of_preset = match site.preset {
        Preset::None => None,
        Preset::NextJs => Some(Dialect::Next),
        Preset::Astro => Some(Dialect::Astro),
    };
    own.into_iter().chain(of_preset).collect()
}

fn min_ttl(site: &Site) -> Seconds {
    let usual = if site.preset == Preset::NextJs { NEXT_MIN_TTL } else { Seconds::ZERO };
    site.images.min_ttl.map_or(usual, |ttl| ttl.0)
}

fn watermark(images: &SiteImages, place: &Place, notes: &mut Notes<'_, '_>) -> Option<Source> {
    let written = images.watermark.as_deref()?;
    let wrong = match Source::parse("watermark", written) {
        Ok(source) => return Some(source),
        Err(wrong) => wrong.why,
    };
    let mend = "write a path such as \"/logo.png\", or a URL below one of `sources`";
    notes.error(&place.key("watermark"), format!("this source {wrong}"), mend);
    None
}

fn on_error(images: &SiteImages, place: &Place, notes: &mut Notes<'_, '_>) -> OnError {
    match images.on_error.0.as_str() {
        "error" => OnError::Tell,
        "original" => OnError::Original,
        path => match Source::parse("on_error", path) {
            Ok(source) => OnError::Picture(source),
            Err(wrong) => {
                let mend = "write \"error\", \"original\", or a path such as \"/missing.png\"";
                notes.error(&place.key("on_error"), format!("this path {}", wrong.why), mend);
                OnError::Tell
            }
        },
    }
}

fn folders(images: &SiteImages, place: &Place, notes: &mut Notes<'_, '_>) -> Vec<Folder> {
    let place = place.key("folders");
    let mut folders: Vec<Folder> = Vec::new();
    for (i, written) in images.folders.iter().enumerate() {
        let path = &written.path.0;
        if folders.iter().any(|known| path.starts_with(&known.path)) {
            let mend = "put it before that one, or leave it out";
            notes.error(&place.index(i).key("path"), "a folder before has these paths", mend);
        }
        if !written.folder.is_dir() {
            let what = format!("there is no folder {} yet", written.folder.display());
            notes.warn(&place.index(i).key("folder"), what, "make it, or write where it is");
        }
        let (path, folder) = (path.clone(), written.folder.clone());
        folders.push(Folder { path, folder, ttl: written.ttl.0 });
    }
    folders
}

/// Another origin, as a site that nobody but pictures asks.
fn remote(
    site: &Site,
    id: SiteId,
    source: &SourceBelow,
    not_us: &Reach,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<RemoteSource> {
    let address = source.origin.0.clone();
    let origin_tls = match address.is_tls {
        true => Some(origin_tls::of_sources(site, place, notes)?),
        false => None,
    };
    if source.wildcard.is_some() && !address.host.contains('.') {
        let what = "pictures are made of whatever any host has whose name ends so";
        notes.warn(place, what, "name the domain that is yours, as in \"https://*.example.com/\"");
    }
    let key = KeyParts { version: SOURCE_KEY.to_owned(), ..KeyParts::default() };
    let hosts = site.hosts.first();
    let policy = policy::rule::Site {
        id,
        name: hosts.map_or("default", |host| host.0.as_str()).to_owned(),
        default_rule: Rule { key, ..Rule::default() },
        heuristic_max: Seconds::new(3600),
        ..policy::rule::Site::default()
    };
    let reach = match site.images.allow_private {
        true => not_us.clone(),
        false => Reach::Public,
    };
    let settings = SiteSettings {
        site: policy,
        origins: vec![address],
        origin_tls,
        health_check: None,
        doors: Vec::new(),
        shelves: Vec::new(),
        origin_host: OriginHost::Origin,
        reach,
        pictures: None,
    };
    Some(RemoteSource { path: source.path.clone(), wildcard: source.wildcard, settings })
}

#[cfg(test)]
mod tests {
    use crate::config::report::Severity;
    use crate::config::{File, Flags, understand};

    #[test]
    fn presets_are_checked() {
        for (presets, errors, words) in [
            ("card = \"w=320,h=240,fit=cover\", \"a.b-c_1\" = \"\"", 0, ""),
            ("card = \"w=0\"", 1, "from 1"),
            ("card = \"rs:fill:320\"", 1, "w=320,h=240,fit=cover"),
            ("card = \"p=card\"", 1, "no preset has"),
            ("\"a,b\" = \"w=9\"", 1, "no URL"),
            ("\"\" = \"w=9\"", 1, "no URL"),
        ] {
            let text = format!(
                "[[site]]\norigin = \"http://a\"\n[site.images]\npresets = {{ {presets} }}\n"
            );
            let file = File { name: "larder.toml", text: &text };
            let (_, report) = understand(file, &Flags::default(), &|_| None);
            assert_eq!(report.count(Severity::Error), errors, "{presets}: {report}");
            assert!(report.to_string().contains(words), "{presets}: {report}");
        }
    }
}
