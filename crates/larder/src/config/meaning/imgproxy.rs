//! What the settings of URLs by imgproxy mean.

use super::Notes;
use crate::config::place::Place;
use crate::config::secret::{HexSecret, MIN_SECRET_BYTES};
use crate::config::words::FolderPath;
use crate::config::written::ImagesByImgproxy;
use imaging::plan::{Imgproxy, RESERVED, Source};
use proxy::pictures::{Signing, SigningKey, WHOLE_BYTES};

/// A key that is shorter can be guessed, given time, in bytes.
const SAFE_KEY_BYTES: usize = 16;

/// The dialect and whose signatures it takes; nothing where the table is not there.
pub fn imgproxy(
    written: &ImagesByImgproxy,
    place: &Place,
    notes: &mut Notes<'_, '_>,
) -> Option<(Imgproxy, Signing)> {
    if !notes.document.has(place) {
        return None;
    }
    check_path(&written.path, place, notes);
    let presets = written.presets.iter();
    let presets = presets.map(|(name, options)| (name.as_str().into(), options.as_str().into()));
    let meant = Imgproxy {
        path: written.path.0.as_str().into(),
        base_url: written.base_url.as_str().into(),
        presets: presets.collect(),
        only_presets: written.only_presets,
        auto_format: written.auto_format,
    };
    check(&meant, place, notes);
    Some((meant, signing(written, place, notes)))
}

/// A dialect cannot have what is Larder's own.
pub fn check_path(path: &FolderPath, place: &Place, notes: &mut Notes<'_, '_>) {
    if path.0.starts_with(RESERVED) {
        let mend = "write another, as in \"/pictures/\"";
        notes.error(&place.key("path"), "what begins so is Larder's own", mend);
    }
}

fn check(meant: &Imgproxy, place: &Place, notes: &mut Notes<'_, '_>) {
    let base = meant.base_url.strip_prefix("local://").unwrap_or(&meant.base_url);
    if !meant.base_url.is_empty()
        && let Err(wrong) = Source::parse("base_url", base)
    {
        let mend = "write it as in \"https://cdn.example.com/\", or \"local:///photos/\"";
        notes.error(&place.key("base_url"), format!("this {}", wrong.why), mend);
    }
    for (name, _) in &meant.presets {
        if let Err(wrong) = meant.check_preset(name) {
            let mend = "write options as in \"rs:fill:320:240/q:60\"";
            notes.error(&place.key("presets").key(name), wrong.to_string(), mend);
        }
    }
    if meant.only_presets && meant.presets.is_empty() {
        let mend = "write presets = { small = \"rs:fit:320\" }";
        notes.error(&place.key("only_presets"), "there are no presets", mend);
    }
}

fn signing(written: &ImagesByImgproxy, place: &Place, notes: &mut Notes<'_, '_>) -> Signing {
    let bytes = written.signature_size.0;
    if bytes > WHOLE_BYTES {
        let what = format!("a signature has at most {WHOLE_BYTES} bytes");
        notes.error(&place.key("signature_size"), what, "leave it out: URLs have all of them");
    }
    let mut keys = Vec::new();
    for (i, pair) in written.keys.iter().enumerate() {
        let place = place.key("keys").index(i);
        let [key, salt] = [("key", &pair.key), ("salt", &pair.salt)].map(|(name, digits)| {
            let place = place.key(name);
            let bytes = digits.as_ref().and_then(HexSecret::bytes);
            let bytes = bytes.filter(|bytes| !bytes.is_empty());
            if bytes.is_none() && !notes.document.has_lost_below(&place) {
                let mend = "make one by: openssl rand -hex 32";
                notes.error(&place, "these are no pairs of hexadecimal digits", mend);
            }
            bytes
        });
        let (Some(key), Some(salt)) = (key, salt) else { continue };
        if key.len() < MIN_SECRET_BYTES {
            let what = format!("a key has at least {MIN_SECRET_BYTES} bytes");
            notes.error(&place.key("key"), what, "make one by: openssl rand -hex 32");
        } else if key.len() < SAFE_KEY_BYTES {
            let what = format!("a key of less than {SAFE_KEY_BYTES} bytes may be guessed");
            notes.warn(&place.key("key"), what, "make a longer one by: openssl rand -hex 32");
        }
        keys.push(SigningKey::new(&key, &salt));
    }
    Signing { keys, bytes }
}

#[cfg(test)]
mod tests {
    use crate::config::report::Severity;
    use crate::config::{File, Flags, understand};
    use imaging::plan::Dialect;

    const PAIR: &str = "{ key = \"00112233445566778899aabbccddeeff\", salt = \"68656C6C6F\" }";

    #[test]
    fn mistakes_are_told_with_their_remedies() {
        for (line, errors, warnings, words) in [
            ("", 0, 0, ""),
            ("path = \"/\"", 0, 0, ""),
            ("path = \"/_larder/x\"", 1, 0, "Larder's own"),
            (&format!("keys = [{PAIR}]\nsignature_size = 8"), 0, 0, ""),
            (&format!("keys = [{PAIR}]\nsignature_size = 33"), 1, 0, "at most 32"),
            ("signature_size = 0", 1, 0, "1"),
            ("keys = [{ key = \"\", salt = \"aa\" }]", 1, 0, "hexadecimal"),
            (
                "keys = [{ key = \"00112233445566778899aabbccddeef\", salt = \"x\" }]",
                2,
                0,
                "hexadecimal",
            ),
            ("keys = [{ key = \"736563726574\", salt = \"aa\" }]", 1, 0, "at least 8 bytes"),
            ("keys = [{ key = \"7365637265740000\", salt = \"aa\" }]", 0, 1, "guessed"),
            ("keys = [{ key = \"00112233445566778899aabbccddeeff\" }]", 1, 0, "hexadecimal"),
            ("keys = [{ key = \"${NONE}\", salt = \"aa\" }]", 1, 0, "NONE"),
            ("base_url = \"https://cdn.example.com/\"", 0, 1, "no source"),
            ("base_url = \"local:///photos/\"", 0, 0, ""),
            ("base_url = \"s3://bucket/\"", 1, 0, "no URL"),
            ("presets = { small = \"rs:fit:320/pr:sharp\", sharp = \"sh:0.7\" }", 0, 0, ""),
            ("presets = { small = \"w:-1\" }", 1, 0, "0 to 16384"),
            ("presets = { small = \"pr:none\" }", 1, 0, "no preset"),
            ("only_presets = true", 1, 0, "no presets"),
        ] {
            let site = "[[site]]\norigin = \"http://a\"\n[site.images.imgproxy]\n";
            let text = format!("{site}{line}\n");
            let (_, report) =
                understand(File { name: "t", text: &text }, &Flags::default(), &|_| None);
            let shown = report.to_string();
            let found = (report.count(Severity::Error), report.count(Severity::Warning));
            assert_eq!(found, (errors, warnings), "{text}\n{shown}");
            assert!(shown.contains(words), "{text}\n{shown}");
            assert!(!shown.contains("00112233") && !shown.contains("736563"), "{shown}");
        }
    }

    #[test]
    fn only_the_table_switches_it_on() {
        for (table, is_on) in [("images", false), ("images.imgproxy", true)] {
            let text = format!("[[site]]\norigin = \"http://a\"\n[site.{table}]\n");
            let file = File { name: "t", text: &text };
            let (meant, report) = understand(file, &Flags::default(), &|_| None);
            let meant = meant.unwrap_or_else(|| panic!("{report}"));
            let pictures = meant.settings.sites[0].pictures.clone().expect("they are made");
            let found = pictures.dialects.of("/imgproxy/_/plain/local:///a");
            assert_eq!(found == Some(Dialect::Imgproxy), is_on);
            assert_eq!(pictures.dialects.of("/cdn-cgi/image/w=1/a"), None);
        }
    }
}
