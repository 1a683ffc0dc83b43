//! From an error of serde to what a person is told: what is wrong, and what to write instead.

use super::fault::Fault;
use super::place::Place;
use super::settings;

/// Keys that a later version knows.
const NOT_YET: [(&str, &str); 8] = [
    ("shared", "leave it out: responses are kept in memory, see storage.memory"),
    ("cluster", "leave it out: each node stands alone"),
    ("hook", "leave it out: changes show when their lifetime ends"),
    ("feed", "leave it out"),
    ("alert", "leave it out: watch /metrics on the admin listener"),
    ("images", "leave it out: pictures pass as the origin sends them"),
    ("regenerate", "leave it out"),
    ("shield", "name the other Larder as origin by http://"),
];

/// Explains an error that deserializing met at `place`.
pub fn explain(message: &str, place: &Place) -> Fault {
    if let Some((unknown, known)) = unknown_word(message, "unknown field ") {
        return explain_key(unknown, &known, place);
    }
    if let Some((unknown, known)) = unknown_word(message, "unknown variant ") {
        if known.contains(&"cloudflare") && matches!(unknown, "imgproxy" | "thumbor") {
            let what = format!("\"{unknown}\" has a table of its own");
            return Fault::new(what, format!("write [site.images.{unknown}]"));
        }
        let mend = nearest(unknown, &known).map(|word| format!("did you mean \"{word}\"?"));
        let mend = mend.unwrap_or_else(|| format!("write one of: {}", known.join(", ")));
        return Fault::new(format!("\"{unknown}\" is not known here"), mend);
    }
    match message.split_once(", expected ") {
        // One that brings its remedy may have these words in it.
        Some((found, expected)) if !message.contains('\n') => explain_type(found, expected, place),
        _ => Fault::unpack(message),
    }
}

/// Takes apart "unknown field `a`, expected one of `b`, `c`".
fn unknown_word<'m>(message: &'m str, kind: &str) -> Option<(&'m str, Vec<&'m str>)> {
    let mut words = message.strip_prefix(kind)?.split('`').skip(1).step_by(2);
    Some((words.next()?, words.collect()))
}

fn explain_key(unknown: &str, known: &[&str], place: &Place) -> Fault {
    if let Some((_, instead)) = NOT_YET.iter().find(|(name, _)| *name == unknown) {
        return Fault::new(format!("`{unknown}` is not in this version"), *instead);
    }
    let what = format!("unknown key `{unknown}`");
    if let Some(meant) = nearest(unknown, known) {
        return Fault::new(what, format!("did you mean `{meant}`?"));
    }
    let here = place.parent().and_then(|parent| parent.name().map(str::to_owned));
    let below = here.as_deref().map_or_else(Vec::new, |here| tables_below(here, unknown));
    if !below.is_empty() {
        return Fault::new(what, format!("it belongs in {}", below.join(" or ")));
    }
    let elsewhere = sections_with(unknown);
    if !elsewhere.is_empty() && !elsewhere.iter().any(|section| Some(section) == here.as_ref()) {
        return Fault::new(what, format!("it belongs in {}", elsewhere.join(" or ")));
    }
    Fault::new(what, format!("known here: {}", known.join(", ")))
}

/// The headers of the tables below one of that name that know a key of that name.
fn tables_below(here: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for section in settings::sections() {
        for (table, last) in section.settings.iter().filter_map(|it| it.name.rsplit_once('.')) {
            let above = table.rsplit_once('.').map_or("", |(above, _)| above);
            if last == name && above.split('.').any(|part| part == here) {
                found.push(format!("[{}.{table}]", section.name));
            }
        }
    }
    found
}

/// The headers of the sections that know a key of that name.
fn sections_with(name: &str) -> Vec<String> {
    let sections = settings::sections();
    let knows = |section: &&settings::Section| {
        section.settings.iter().any(|setting| setting.name.split('.').next() == Some(name))
    };
    let header = |section: &settings::Section| match section.repeated {
        true => format!("[[{}]]", section.name),
        false => format!("[{}]", section.name),
    };
    sections.iter().filter(knows).map(header).collect()
}

fn explain_type(found: &str, expected: &str, place: &Place) -> Fault {
    let found = found.strip_prefix("invalid type: ").unwrap_or(found);
    if found.starts_with("map") && place.name() == Some("origin") && place.steps().len() > 1 {
        let mend = "write an origin, such as \"http://127.0.0.1:4321\", or a list of them";
        return Fault::new("origins as tables are not in this version", mend);
    }
    if matches!(place.name(), Some("secret" | "token")) {
        // What was found is perhaps the secret.
        return Fault::new("this is no secret", format!("write {expected}"));
    }
    if expected == "struct Revalidate" {
        let mend = "write { secret = \"${REVALIDATE_SECRET}\" }; a time belongs in a [[site.rule]]";
        return Fault::new("this is the door for content systems", mend);
    }
    let expected = match expected.strip_prefix("struct ") {
        Some(_) => "a table: { … }",
        None => expected,
    };
    let found = match found {
        "map" => "a table",
        "sequence" => "a list",
        other => other,
    };
    Fault::new(format!("{found} does not belong here"), format!("write {expected}"))
}

/// The known word that is most like the unknown one, if any is much like it.
fn nearest<'k>(unknown: &str, known: &[&'k str]) -> Option<&'k str> {
    let tolerated = (unknown.len() / 3).max(1);
    let distance = |word: &&'k str| distance(&unknown.to_ascii_lowercase(), word);
    let begins = |word: &&&str| unknown.len() > 3 && word.starts_with(unknown);
    let best = known.iter().copied().min_by_key(distance).filter(|w| distance(w) <= tolerated);
    best.or_else(|| known.iter().find(begins).copied())
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let changed = rows[i][j] + usize::from(a != b);
            let mut least = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_serde_become_advice() {
        let site = Place::top().key("site").index(0);
        for (message, place, what, mend) in [
            (
                "unknown field `tll`, expected one of `match`, `ttl`, `cache`",
                site.key("rule").index(0).key("tll"),
                "unknown key `tll`",
                "did you mean `ttl`?",
            ),
            (
                "unknown field `ttl`, expected one of `hosts`, `origin_host`",
                site.key("ttl"),
                "unknown key `ttl`",
                "it belongs in [[site.rule]]",
            ),
            (
                "unknown field `path`, expected one of `sources`, `folders`",
                site.key("images").key("path"),
                "unknown key `path`",
                "it belongs in [site.images.imgproxy] or [site.images.thumbor]",
            ),
            (
                "unknown variant `thumbor`, expected one of `larder`, `cloudflare`",
                site.key("images").key("dialects"),
                "\"thumbor\" has a table of its own",
                "write [site.images.thumbor]",
            ),
            (
                "unknown field `zzzzzz`, expected `listen` or `node`",
                Place::top().key("server").key("zzzzzz"),
                "unknown key `zzzzzz`",
                "known here: listen, node",
            ),
            (
                "unknown field `alert`, expected one of `server`, `site`",
                Place::top().key("alert"),
                "`alert` is not in this version",
                "leave it out: watch /metrics on the admin listener",
            ),
            (
                "unknown variant `jsn`, expected one of `off`, `json`",
                Place::top().key("log").key("access"),
                "\"jsn\" is not known here",
                "did you mean \"json\"?",
            ),
            (
                "invalid type: integer `30`, expected a length",
                Place::top().key("storage").key("memory"),
                "integer `30` does not belong here",
                "write a length",
            ),
            (
                "invalid type: map, expected an URL",
                site.key("origin"),
                "origins as tables are not in this version",
                "write an origin, such as \"http://127.0.0.1:4321\", or a list of them",
            ),
            (
                "invalid type: string \"60s\", expected struct Revalidate",
                site.key("revalidate"),
                "this is the door for content systems",
                "write { secret = \"${REVALIDATE_SECRET}\" }; a time belongs in a [[site.rule]]",
            ),
            (
                "invalid type: integer `123456789`, expected a secret in quotes",
                site.key("purge_method").key("token"),
                "this is no secret",
                "write a secret in quotes",
            ),
            (
                "invalid type: boolean `true`, expected struct PurgeMethod",
                site.key("purge_method"),
                "boolean `true` does not belong here",
                "write a table: { … }",
            ),
            ("a\nb", Place::top(), "a", "b"),
            (
                "\"$.a[\" is no JSONPath: in a segment, expected closing ']'\nwrite it so",
                Place::top(),
                "\"$.a[\" is no JSONPath: in a segment, expected closing ']'",
                "write it so",
            ),
        ] {
            assert_eq!(explain(message, &place), Fault::new(what, mend), "{message}");
        }
    }

    #[test]
    fn words_are_near_when_few_letters_differ() {
        for (one, other, steps) in [
            ("ttl", "tll", 1),
            ("hsots", "hosts", 1),
            ("", "ab", 2),
            ("listen", "listen", 0),
            ("max_age", "memory", 6),
        ] {
            assert_eq!(distance(one, other), steps, "{one} {other}");
        }
        assert_eq!(
            nearest("stale_while", &["stale_while_revalidate", "ttl"]),
            Some("stale_while_revalidate")
        );
        assert_eq!(nearest("x", &["ttl"]), None);
    }
}
