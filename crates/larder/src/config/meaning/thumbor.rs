//! What the settings of URLs by Thumbor mean.

use super::Notes;
use super::admin::warn_of_short;
use super::imgproxy::check_path;
use crate::config::place::Place;
use crate::config::written::ImagesByThumbor;
use imaging::plan::Thumbor;
use proxy::pictures::Signing;

/// The dialect and whose signatures it takes; nothing where the table is not there.
pub fn thumbor(
    written: &ImagesByThumbor,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<(Thumbor, Signing)> {
    if !notes.document.has(place) {
        return None;
    }
    check_path(&written.path, place, notes);
    if let Some(key) = &written.key {
        warn_of_short(key, &place.key("key"), notes);
    }
    let path = written.path.0.as_str().into();
    let meant = Thumbor { path, auto_format: written.auto_format };
    let key = written.key.as_ref().map(|key| key.reveal().as_bytes());
    Some((meant, Signing::of_thumbor(key)))
}

#[cfg(test)]
mod tests {
    use crate::config::report::Severity;
    use crate::config::{File, Flags, understand};

    #[test]
    fn mistakes_are_told_with_their_remedies() {
        for (lines, errors, warnings, words) in [
            ("", 0, 0, ""),
            ("path = \"/\"\nkey = \"0123456789abcdef01234567\"", 0, 0, ""),
            ("key = \"0123456789\"", 0, 1, "guessed"),
            ("key = \"0123\"", 1, 0, "at least 8"),
            ("key = \"${NONE}\"", 1, 0, "NONE"),
            ("path = \"/_larder/\"", 1, 0, "Larder's own"),
            (
                "path = \"/pictures/\"\n[site.images.imgproxy]\npath = \"/pictures/\"",
                1,
                0,
                "imgproxy",
            ),
        ] {
            let site = "[[site]]\norigin = \"http://a\"\n[site.images.thumbor]\n";
            let text = format!("{site}{lines}\n");
            let (_, report) =
                understand(File { name: "t", text: &text }, &Flags::default(), &|_| None);
            let shown = report.to_string();
            let found = (report.count(Severity::Error), report.count(Severity::Warning));
            assert_eq!(found, (errors, warnings), "{text}\n{shown}");
            assert!(shown.contains(words) && !shown.contains("0123"), "{text}\n{shown}");
        }
    }
}
