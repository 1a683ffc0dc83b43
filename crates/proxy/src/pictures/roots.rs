//! Below which paths a site's pictures are asked for. They are kept below Larder's own, so that who writes
//! a rule or a purge for one of the others has to be told, or understood.

use crate::settings::PictureSettings;
use imaging::plan::OWN_ROOT;

/// What a path is to those of a site's pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It leads to none.
    None,
    /// It leads to pictures only.
    Within,
    /// It leads to pictures, and to what else is there.
    Around,
}

/// What a path, or a pattern of paths, is to those below which a site's pictures are asked for and not
/// kept. A path that is all of the site's keeps its meaning: what is kept is below it, too.
pub fn reach(settings: &PictureSettings, path: &str) -> Reach {
    // A preset's name stands in no path under which a picture is kept.
    if path.strip_prefix(OWN_ROOT).is_some_and(|options| options.starts_with("p=")) {
        return Reach::Within;
    }
    let roots = roots(settings);
    if roots.iter().any(|root| is_below(root, path)) {
        return Reach::Within;
    }
    let path = path.trim_end_matches('/');
    let is_around = |root: &String| !path.is_empty() && is_below(path, root);
    if roots.iter().any(is_around) { Reach::Around } else { Reach::None }
}

/// Whether a path or a pattern begins with a path and ends there, or in what may stand behind it.
fn is_below(root: &str, path: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '*']))
}

/// The paths, without a slash at their ends. One at the root of a site is not among them: that of a host
/// which has nothing but pictures.
fn roots(settings: &PictureSettings) -> Vec<String> {
    let dialects = &settings.dialects;
    let fixed = dialects.fixed.iter().filter_map(|dialect| dialect.root());
    let imgproxy = dialects.imgproxy.iter().map(|own| &*own.path);
    let thumbor = dialects.thumbor.iter().map(|own| &*own.path);
    let all = fixed.chain(imgproxy).chain(thumbor).map(|root| root.trim_end_matches('/'));
    let all = all.filter(|root| !root.is_empty());
    let with_base = all.flat_map(|root| [root.to_owned(), format!("{}{root}", settings.base)]);
    with_base.filter(|root| *root != OWN_ROOT.trim_end_matches('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::super::allowed::tests::settings;
    use super::*;
    use imaging::plan::{Dialect, Thumbor};

    #[test]
    fn a_path_leads_to_pictures_or_around_them_or_to_none() {
        let mut settings = settings();
        settings.base = "/docs".to_owned();
        settings.dialects.fixed = Dialect::FIXED.to_vec();
        let thumbor = Thumbor { path: "/t/".into(), ..Thumbor::default() };
        settings.dialects.thumbor = Some(thumbor);
        for (path, found) in [
            ("/_next/image", Reach::Within),
            ("/_next/image*", Reach::Within),
            ("/_next/image?url=*", Reach::Within),
            ("/docs/_next/image", Reach::Within),
            ("/docs/_larder/image/w=1/*", Reach::Within),
            ("/_image/", Reach::Within),
            ("/cdn-cgi/image/width=80/*", Reach::Within),
            ("/t/unsafe/*", Reach::Within),
            ("/_next", Reach::Around),
            ("/_next/", Reach::Around),
            ("/docs", Reach::Around),
            ("/_next/images", Reach::None),
            ("/_next/static/*", Reach::None),
            ("/_larder/image/*", Reach::None),
            ("/_larder/image/w=64*", Reach::None),
            ("/_larder/image/p=card/*", Reach::Within),
            ("/", Reach::None),
            ("", Reach::None),
            ("/photos", Reach::None),
        ] {
            assert_eq!(reach(&settings, path), found, "{path}");
        }
        settings.dialects.fixed = vec![Dialect::Own];
        assert_eq!(reach(&settings, "/_next/image"), Reach::None, "it is the origin's");
    }

    #[test]
    fn the_paths_are_those_of_the_dialects() {
        for dialect in Dialect::FIXED {
            let mut settings = settings();
            settings.base = "/b".to_owned();
            settings.dialects.fixed = vec![dialect];
            let root = roots(&settings).remove(0);
            let root = root.strip_prefix("/b").unwrap_or(&root);
            let found = [root.to_owned(), format!("{root}/w=1/a.jpg")].map(|it| Dialect::of(&it));
            assert!(found.contains(&Some(dialect)), "{root}");
        }
    }
}
