//! What can be said of the URLs of pictures only when all of a site's pictures are known: those that would
//! never be answered with one, or in the place of something else.

use super::Notes;
use crate::config::place::Place;
use crate::config::written::Rule;
use imaging::plan::OWN_ROOT;
use proxy::pictures::{PathReach, begins_a_source, path_reach};
use proxy::settings::PictureSettings;

/// What begins URLs that frameworks and others have for something else.
const OF_OTHERS: [&str; 4] = ["/_next/", "/_image/", "/_astro/", "/cdn-cgi/"];

/// Warns of what is written and cannot be of use.
pub fn warn_of_useless(meant: &PictureSettings, place: &Place, notes: &mut Notes<'_, '_>) {
    if let Some(imgproxy) = &meant.dialects.imgproxy {
        let place = place.key("imgproxy");
        warn_of_path(meant, &imgproxy.path, &place, notes);
        // What is no URL at all is an error elsewhere.
        let base = &*imgproxy.base_url;
        if base.starts_with("http") && !begins_a_source(meant, base) {
            let mend = format!("write sources = [\"{base}\"]");
            notes.warn(&place.key("base_url"), "no source is below this URL", mend);
        }
        for (name, _) in &imgproxy.presets {
            if imgproxy.check_preset(name).unwrap_or_default() {
                warn_of_watermark(meant, name, "wmu:", &place, notes);
            }
        }
    }
    for (name, read) in meant.dialects.presets.all() {
        if read.is_ok_and(|read| read.plan.watermark.is_some() && read.watermark.is_none()) {
            warn_of_watermark(meant, name, "wms=", place, notes);
        }
    }
    if let Some(thumbor) = &meant.dialects.thumbor {
        warn_of_path(meant, &thumbor.path, &place.key("thumbor"), notes);
    }
}

/// Warns of a preset that has the site's watermark drawn where there is none. `option`: by which it can
/// name its own.
fn warn_of_watermark(
    meant: &PictureSettings,
    preset: &str,
    option: &str,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) {
    if meant.watermark.is_none() {
        let mend = format!("name one by images.watermark, or by {option} in the preset");
        let place = place.key("presets").key(preset);
        notes.warn(&place, "it draws a watermark, and there is none", mend);
    }
}

/// Warns of rules that are never used: all that they match are pictures, which are matched as they are
/// kept. `place`: that of the rules.
pub fn warn_of_rules(
    meant: &PictureSettings,
    rules: &[Rule],
    place: &Place,
    notes: &mut Notes<'_, '_>,
) {
    for (i, rule) in rules.iter().enumerate() {
        let paths: Vec<_> = rule.matching.path.0.iter().map(|path| path.pattern()).collect();
        let is_of_pictures = |path: &str| path_reach(meant, path) == PathReach::Within;
        if !paths.is_empty() && paths.iter().all(|path| is_of_pictures(path.as_str())) {
            let what = "this rule is never used: pictures are matched by the path that they are kept under";
            let mend = format!("write path = \"{OWN_ROOT}*\", which is all of the site's pictures");
            notes.warn(&place.index(i), what, mend);
        }
    }
}

fn warn_of_path(meant: &PictureSettings, path: &str, place: &Place, notes: &mut Notes<'_, '_>) {
    let place = place.key("path");
    if OF_OTHERS.iter().any(|other| path.starts_with(other)) {
        let mend = "write another, as in \"/pictures/\"";
        notes.warn(&place, "URLs that begin so are others' already", mend);
    }
    // At a site's root all of its paths are of pictures.
    let is_within = |folder: &str| path.starts_with(folder) || folder.starts_with(path);
    if path != "/" && meant.folders.iter().any(|folder| is_within(&folder.path)) {
        let mend = "give each its own: no picture is made of what has the path of a picture";
        notes.warn(&place, "a folder of pictures has these paths", mend);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::report::Severity;
    use crate::config::{File, Flags, understand};

    #[test]
    fn what_is_never_of_use_is_warned_of() {
        for (lines, warnings, words) in [
            ("[site.images.imgproxy]", 0, ""),
            ("[site.images.imgproxy]\npath = \"/_next/pictures/\"", 1, "others'"),
            ("[site.images.imgproxy]\npath = \"/_image/\"", 1, "others'"),
            ("[site.images.thumbor]\npath = \"/cdn-cgi/image/\"", 1, "others'"),
            ("folders = [{ path = \"/p/\", folder = \"/\" }]\n[site.images.thumbor]", 0, ""),
            (
                "folders = [{ path = \"/p/\", folder = \"/\" }]\n[site.images.thumbor]\npath = \"/p/\"",
                1,
                "folder",
            ),
            (
                "folders = [{ path = \"/p/a/\", folder = \"/\" }]\n[site.images.imgproxy]\npath = \"/p/\"",
                1,
                "folder",
            ),
            (
                "folders = [{ path = \"/p/\", folder = \"/\" }]\n[site.images.imgproxy]\npath = \"/\"",
                0,
                "",
            ),
            (
                "[site.images.imgproxy]\nbase_url = \"https://a.example.com/p/\"",
                1,
                "sources = [\"https://a.example.com/p/\"]",
            ),
            (
                "sources = [\"https://a.example.com/\"]\n[site.images.imgproxy]\nbase_url = \"https://a.example.com/p/\"",
                0,
                "",
            ),
            (
                "sources = [\"https://*.example.com/p/q/\"]\n[site.images.imgproxy]\nbase_url = \"https://a.example.com/p/\"",
                0,
                "",
            ),
            (
                "sources = [\"https://*.example.com/p/q/\"]\n[site.images.imgproxy]\nbase_url = \"https://a.example.com/r/\"",
                1,
                "no source",
            ),
            ("[site.images.imgproxy]\nbase_url = \"local:///photos/\"", 0, ""),
            (
                "[site.images.imgproxy]\npresets = { small = \"w:96/pr:own\", own = \"wm:0.5\" }",
                2,
                "draws a watermark",
            ),
            (
                "watermark = \"/logo.png\"\n[site.images.imgproxy]\npresets = { own = \"wm:0.5\" }",
                0,
                "",
            ),
            ("[site.images.imgproxy]\npresets = { own = \"wm:0.5/wmu:L2xvZ28ucG5n\" }", 0, ""),
            ("presets = { own = \"w=9,wm=0.5\" }", 1, "wms= in the preset"),
            ("presets = { own = \"wm=0.5\" }\nwatermark = \"/logo.png\"", 0, ""),
            ("presets = { own = \"wm=0.5,wms=L2xvZ28ucG5n\" }", 0, ""),
        ] {
            let text = format!("[[site]]\norigin = \"http://a\"\n[site.images]\n{lines}\n");
            let file = File { name: "t", text: &text };
            let (_, report) = understand(file, &Flags::default(), &|_| None);
            let shown = report.to_string();
            let found = (report.count(Severity::Error), report.count(Severity::Warning));
            assert_eq!(found, (0, warnings), "{text}\n{shown}");
            assert!(shown.contains(words), "{text}\n{shown}");
        }
    }

    #[test]
    fn rules_for_paths_that_only_ask_for_pictures_are_warned_of() {
        for (preset, path, warnings) in [
            ("nextjs", "\"/_next/image*\"", 1),
            ("nextjs", "[\"/_next/image\", \"/docs/_next/image\"]", 1),
            ("nextjs", "[\"/_next/image\", \"/a/*\"]", 0),
            ("nextjs", "\"/_next/*\"", 0),
            ("nextjs", "\"/_larder/image/*\"", 0),
            ("nextjs", "\"/_image*\"", 0),
            ("astro", "\"/_image*\"", 1),
            ("none", "\"/_next/image*\"", 0),
        ] {
            let text = format!(
                "[[site]]\norigin = \"http://a\"\npreset = \"{preset}\"\nimages.base = \"/docs/\"\n\
                 [[site.rule]]\nmatch.path = {path}\nttl = \"5h\"\n"
            );
            let file = File { name: "t", text: &text };
            let (_, report) = understand(file, &Flags::default(), &|_| None);
            let shown = report.to_string();
            let found = (report.count(Severity::Error), report.count(Severity::Warning));
            assert_eq!(found, (0, warnings), "{text}\n{shown}");
            assert_eq!(shown.contains("path = \"/_larder/image/*\""), warnings > 0, "{shown}");
        }
    }
}
