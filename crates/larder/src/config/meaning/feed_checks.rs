//! What cannot be meant of a feed, though each of its values could be by itself.

use super::Notes;
use crate::config::place::Place;
use crate::config::written::{Feed as WrittenFeed, FeedFormat, Written};
use crate::hooks::Hook;
use imaging::plan::Dialect;
use mirror::settings::Feed;
use proxy::settings::{PictureSettings, SiteSettings};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the paths begin with that Larder answers itself, whatever a feed says.
const OWN_ROOT: &str = "/_larder/";
/// The most further attempts of a run.
const MAX_RETRIES: usize = 100;
/// The longest document, in bytes: it is held in memory.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;
/// The longest picture, in bytes.
const MAX_PICTURE_BYTES: u64 = 256 << 20;
/// What caches and browsers know of `Cache-Control` (RFC 9111 §5.2, RFC 5861, RFC 8246).
const DIRECTIVES: [&str; 13] = [
    "max-age",
    "s-maxage",
    "no-cache",
    "no-store",
    "no-transform",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "private",
    "public",
    "immutable",
    "stale-while-revalidate",
    "stale-if-error",
];

/// Takes note of values that are too great, and of fields that are not an operator's to write.
pub fn check(written: &WrittenFeed, place: &Place, notes: &mut Notes<'_, '_>) {
    if written.max_shrink > 100 {
        let mend = "write a number from 0 to 100";
        notes.error(&place.key("max_shrink"), "these are more than all", mend);
    }
    if written.retries.0 > MAX_RETRIES {
        let mend = format!("write at most {MAX_RETRIES}: its next turn comes anyway");
        notes.error(&place.key("retries"), "these are more attempts than are made", mend);
    }
    if written.max_size.0 > MAX_DOCUMENT_BYTES {
        let mend =
            format!("write at most \"{}MiB\": it is held in memory", MAX_DOCUMENT_BYTES >> 20);
        notes.error(&place.key("max_size"), "longer documents are not read", mend);
    }
    if written.max_image_size.0 > MAX_PICTURE_BYTES {
        let mend = format!("write at most \"{}MiB\"", MAX_PICTURE_BYTES >> 20);
        notes.error(&place.key("max_image_size"), "longer pictures are not mirrored", mend);
    }
    if written.keep_original_as.as_deref() == Some("") {
        let mend = "write keep_original_as = \"original\", or leave it out";
        notes.error(&place.key("keep_original_as"), "a field has a name", mend);
    }
    check_headers(written, &place.key("headers"), notes);
    check_renames(written, &place.key("rename"), notes);
    check_cache_control(&written.cache_control.0, &place.key("cache_control"), notes);
}

fn check_headers(written: &WrittenFeed, place: &Place, notes: &mut Notes<'_, '_>) {
    for name in written.headers.keys() {
        let why = match name.0.as_str() {
            "host" => "it comes from `url`",
            "accept-encoding" => "Larder asks for the codings that it reads",
            "range" => "Larder asks for the whole document",
            "cdn-loop" => "Larder writes it, so that nobody is asked in circles",
            name if name.starts_with("if-") => "Larder asks by conditions of its own",
            "content-length" | "expect" => "the request has no body",
            "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer"
            | "transfer-encoding" | "upgrade" => {
                "it speaks of the connection, which is Larder's (RFC 9110 §7.6.1)"
            }
            _ => continue,
        };
        let what = format!("the header {name} is not a feed's to set");
        notes.error(&place.key(&name.0), what, format!("leave it out: {why}"));
    }
}

fn check_renames(written: &WrittenFeed, place: &Place, notes: &mut Notes<'_, '_>) {
    let mut taken = BTreeSet::new();
    for (old, new) in &written.rename {
        if !taken.insert(new) {
            let what = format!("another field gets the name {new:?} too");
            notes.error(&place.key(old), what, "give each a name of its own");
        }
    }
}

fn check_cache_control(text: &str, place: &Place, notes: &mut Notes<'_, '_>) {
    let is_known = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        DIRECTIVES.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    if !text.split(',').any(is_known) {
        let what = "this says nothing that browsers know, so they guess for how long it is good";
        notes.warn(place, what, "write \"public, max-age=60\", or \"no-cache\"");
    }
}

/// Takes note of what is for JSON where a feed in XML is fetched; says whether there was any.
pub fn check_format(written: &WrittenFeed, place: &Place, notes: &mut Notes<'_, '_>) -> bool {
    let format = match written.format {
        Some(FeedFormat::Rss) => "rss",
        Some(FeedFormat::Atom) => "atom",
        _ => return false,
    };
    let mut has_any = false;
    for (key, is_set) in [
        ("items", written.items.is_some()),
        ("images", !written.images.is_empty()),
        ("srcsets", !written.srcsets.is_empty()),
        ("html", !written.html.is_empty()),
        ("keep_original_as", written.keep_original_as.is_some()),
        ("pick", !written.pick.is_empty()),
        ("rename", !written.rename.is_empty()),
    ] {
        if is_set {
            let what = format!("{key} is for JSON, and the format is {format}");
            let mend = "leave it out: pictures of such documents are found without";
            notes.error(&place.key(key), what, mend);
            has_any = true;
        }
    }
    has_any
}

/// Takes note where a feed's path is that of something else. `of`: what was written, the sites of that, and
/// the hooks.
pub fn check_path(
    feed: &Feed,
    of: (&Written, &[SiteSettings], &[Arc<Hook>]),
    place: &Place,
    notes: &mut Notes<'_, '_>,
) {
    let (written, sites, hooks) = of;
    let path = &*feed.serve_at;
    let is_its = |settings: &SiteSettings| feed.site_id.is_none_or(|id| id == settings.site.id);
    let its = || written.site.iter().zip(sites).filter(|(_, settings)| is_its(settings));
    let is_hook = hooks.iter().any(|hook| {
        let shares = match (&hook.site, feed.site_id) {
            (Some(site), Some(id)) => site.id == id,
            _ => true,
        };
        shares && *hook.path == *path
    });
    let is_picture = || {
        let mut all = its().filter_map(|(_, settings)| settings.pictures.as_deref());
        Dialect::of(path).is_some() || all.any(|pictures| is_made(pictures, path))
    };
    let is_revalidate = || {
        its().any(|(site, _)| site.revalidate.secret.is_some() && site.revalidate.path.0 == path)
    };
    let is_regenerate =
        || its().any(|(site, _)| site.regenerate.key.is_some() && site.regenerate.path.0 == path);
    let what = match () {
        () if path.starts_with(OWN_ROOT) => "Larder has other things below this path",
        () if is_hook => "this is the path of a hook",
        () if is_revalidate() => "this is the path of the site's revalidate",
        () if is_regenerate() => "this is the path of the site's regenerate",
        () if is_picture() => "URLs of pictures have this path",
        () => return,
    };
    notes.error(place, what, "write another, such as \"/api/news.json\"");
}

/// Whether a site's URLs of pictures have that path.
fn is_made(pictures: &PictureSettings, path: &str) -> bool {
    let below = path.strip_prefix(pictures.base.as_str()).filter(|rest| rest.starts_with('/'));
    pictures.dialects.make(below.unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use crate::config::report::Severity;
    use crate::config::{File, Flags, understand};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    /// What is said of a feed with these lines, below these of a site.
    fn said(site: &str, feed: &str) -> (usize, usize, String) {
        let has = |key: &str| feed.lines().any(|line| line.starts_with(&format!("{key} =")));
        let url = if has("url") { "" } else { "url = \"http://api.test/\"\n" };
        let serve_at = if has("serve_at") { "" } else { "serve_at = \"/api/news.json\"\n" };
        let text = format!(
            "admin.listen = \"127.0.0.1:9099\"\n[[site]]\norigin = \"http://a\"\n{site}\n\
             [[feed]]\nname = \"news\"\n{url}{serve_at}{feed}\n"
        );
        let file = File { name: "t", text: &text };
        let (_, report) = understand(file, &Flags::default(), &|_| None);
        (report.count(Severity::Error), report.count(Severity::Warning), report.to_string())
    }

    /// Checks that each is said as often, at a line that has the word.
    fn all_said(cases: &[(&str, &str, usize, usize, &str)]) {
        for (site, feed, errors, warnings, words) in cases {
            let (found, warned, shown) = said(site, feed);
            assert_eq!((found, warned), (*errors, *warnings), "{site}\n{feed}\n{shown}");
            assert!(shown.contains(words), "{words}: {site}\n{feed}\n{shown}");
        }
    }

    #[test]
    fn a_document_takes_no_path_of_anything_else() {
        let key = format!("regenerate = {{ key = \"{KEY}\" }}");
        let secret = format!("revalidate = {{ secret = \"{KEY}\" }}");
        let hook = format!(
            "[[hook]]\nname = \"cms\"\nkind = \"ghost\"\ntags = [\"a\"]\nsecret = \"{KEY}\"\n"
        );
        let pair = format!("{{ key = \"{KEY}\", salt = \"{KEY}\" }}");
        let imgproxy = &format!("images = {{ imgproxy = {{ keys = [{pair}] }} }}");
        let at = |path: &str| format!("serve_at = \"{path}\"");
        all_said(&[
            (&key, &at("/api/regenerate"), 1, 0, "path of the site's regenerate"),
            ("", &at("/api/regenerate"), 0, 0, ""),
            (&secret, &at("/api/revalidate"), 1, 0, "path of the site's revalidate"),
            ("", &at("/api/revalidate"), 0, 0, ""),
            (&hook, &at("/_larder/hooks/cms"), 1, 0, "below this path"),
            (&format!("{hook}path = \"/in\"\n"), &at("/in"), 1, 0, "path of a hook"),
            ("", &at("/_larder/anything"), 1, 0, "below this path"),
            ("", &at("/_larders/anything"), 0, 0, ""),
            ("", &at("/_next/image"), 1, 0, "URLs of pictures"),
            ("", &at("/_next/images"), 0, 0, ""),
            ("", &at("/_image"), 1, 0, "URLs of pictures"),
            ("", &at("/cdn-cgi/image/a"), 1, 0, "URLs of pictures"),
            (imgproxy, &at("/imgproxy/news.json"), 1, 0, "URLs of pictures"),
            ("", &at("/imgproxy/news.json"), 0, 0, ""),
            ("images = { base = \"/docs\" }", &at("/docs/_image"), 1, 0, "URLs of pictures"),
            ("", &at("/näws.json"), 1, 0, "letters of ASCII"),
            ("", &at("/a/../b"), 1, 0, ". and .."),
        ]);
    }

    #[test]
    fn what_is_for_json_is_not_for_xml() {
        for (line, key) in [
            ("items = \"$.a\"", "items"),
            ("images = [\"$.a\"]", "images"),
            ("srcsets = [\"$.a\"]", "srcsets"),
            ("html = [\"$.a\"]", "html"),
            ("keep_original_as = \"a\"", "keep_original_as"),
            ("pick = [\"a\"]", "pick"),
            ("rename = { a = \"b\" }", "rename"),
        ] {
            let words = format!("{key} is for JSON");
            all_said(&[
                ("", &format!("format = \"rss\"\n{line}"), 1, 0, &words),
                ("", &format!("format = \"atom\"\n{line}"), 1, 0, &words),
                ("", &format!("format = \"json\"\n{line}"), 0, 0, ""),
                ("", line, 0, 0, ""),
            ]);
        }
    }

    #[test]
    fn numbers_have_a_most() {
        all_said(&[
            ("", "every = \"366d\"", 0, 0, ""),
            ("", "every = \"367d\"", 1, 0, "once a year"),
            ("", "every = \"1h\"\njitter = \"30m\"", 0, 0, ""),
            ("", "every = \"1h\"\njitter = \"31m\"", 0, 1, "half the period"),
            ("", "jitter = \"31m\"", 0, 1, "half the period"),
            ("", "retries = 100", 0, 0, ""),
            ("", "retries = 101", 1, 0, "at most 100"),
            ("", "max_size = \"64MiB\"", 0, 0, ""),
            ("", "max_size = \"65MiB\"", 1, 0, "64MiB"),
            ("", "max_image_size = \"256MiB\"", 0, 0, ""),
            ("", "max_image_size = \"257MiB\"", 1, 0, "256MiB"),
            ("", "max_shrink = 101", 1, 0, "0 to 100"),
            ("", "max_items = 5\nmax_values = 500", 0, 0, ""),
            ("", "max_items = 0", 1, 0, ""),
            ("[feeds]\nconcurrency = 64", "", 0, 0, ""),
            ("[feeds]\nconcurrency = 65", "", 1, 0, "at most 64"),
        ]);
    }

    #[test]
    fn words_say_something() {
        all_said(&[
            ("", "cache_control = \"\"", 0, 1, "browsers know"),
            ("", "cache_control = \"for ever\"", 0, 1, "browsers know"),
            ("", "cache_control = \"x, Max-Age=5\"", 0, 0, ""),
            ("", "keep_original_as = \"\"", 1, 0, "a field has a name"),
            ("", "rename = { a = \"c\", b = \"c\" }", 1, 0, "\"c\" too"),
            ("", "rename = { a = \"b\", b = \"a\" }", 0, 0, ""),
            ("", "url = \"HTTP://api.test/\"", 0, 0, ""),
        ]);
    }

    #[test]
    fn a_time_zone_is_told_of_where_it_stands() {
        let cron = "schedule = \"0 6 * * *\"\n";
        all_said(&[
            ("", &format!("{cron}timezone = \"Europe/Berlin\""), 0, 0, ""),
            ("", &format!("{cron}timezone = \"Nowhere\""), 1, 0, "such as Europe/Berlin"),
            ("", "schedule = \"x\"\ntimezone = \"Nowhere\"", 2, 0, "such as Europe/Berlin"),
            ("", "timezone = \"Europe/Berlin\"", 0, 1, "only a schedule"),
        ]);
        let shown = said("", &format!("{cron}timezone = \"Nowhere\"")).2;
        assert!(shown.contains("timezone = \"Nowhere\"") && !shown.contains("0 6"), "{shown}");
    }

    #[test]
    fn fields_of_the_connection_are_not_a_feeds() {
        for name in [
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "TE",
            "Trailer",
            "Upgrade",
            "Keep-Alive",
            "Range",
            "If-None-Match",
            "If-Match",
            "If-Modified-Since",
            "If-Range",
            "Accept-Encoding",
            "CDN-Loop",
            "Expect",
        ] {
            let line = format!("headers = {{ {name} = \"x\" }}");
            let words = format!("the header {} is not a feed's to set", name.to_lowercase());
            all_said(&[("", &line, 1, 0, &words)]);
        }
        let usual = "headers = { Authorization = \"Bearer x\", X-Api-Key = \"y\", Accept = \"z\" }";
        all_said(&[("", usual, 0, 0, "")]);
    }

    #[test]
    fn neither_feeds_nor_pictures_lead_to_where_this_process_is_asked() {
        let text = "server.listen = [\"127.0.0.1:8089\"]\nadmin.listen = \"127.0.0.1:9099\"\n[[site]]\n\
                    origin = \"http://a\"\nimages = { sources = [\"http://b/\"], allow_private = true }\n\
                    [[feed]]\nname = \"news\"\nurl = \"http://api.test/\"\nserve_at = \"/a\"\n\
                    allow_private = true\n";
        let file = File { name: "t", text };
        let (meant, report) = understand(file, &Flags::default(), &|_| None);
        let meant = meant.unwrap_or_else(|| panic!("{report}"));
        let feed = &meant.feeds.feeds[0];
        let pictures = meant.settings.sites[0].pictures.as_ref().expect("pictures are made");
        let of_source = &pictures.sources[0].settings.reach;
        for reach in [&feed.ways.first, &feed.ways.further, &feed.picture_ways.first, of_source] {
            for (address, allowed) in [
                ("127.0.0.1:9099", false),
                ("[::1]:9099", false),
                ("127.0.0.1:8089", false),
                ("127.0.0.1:8090", true),
            ] {
                assert_eq!(reach.allows(address.parse().expect("one")), allowed, "{address}");
            }
        }
    }
}
