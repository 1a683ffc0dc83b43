//! Rules and sites that are never reached because one before them takes all they match.

use policy::glob::Glob;
use policy::path_pattern::PathPattern;
use policy::rule::Match;

/// Whether everything that `later` matches is matched by `earlier` too, as far as the patterns
/// tell: it may miss some, but what it finds is so.
pub fn covers(earlier: &Match, later: &Match) -> bool {
    let methods = earlier.methods.is_empty()
        || !later.methods.is_empty() && later.methods.iter().all(|m| earlier.methods.contains(m));
    methods
        && any_covers(&earlier.paths, &later.paths)
        && earlier.headers.iter().all(|wanted| later.headers.contains(wanted))
        && earlier.cookies.iter().all(|wanted| later.cookies.contains(wanted))
}

fn any_covers(earlier: &[PathPattern], later: &[PathPattern]) -> bool {
    let everything = earlier.is_empty() || earlier.iter().any(covers_every_path);
    everything
        || !later.is_empty()
            && later.iter().all(|inner| earlier.iter().any(|outer| pattern_covers(outer, inner)))
}

/// What a pattern with named parts covers beside itself is not looked into.
fn pattern_covers(outer: &PathPattern, inner: &PathPattern) -> bool {
    outer == inner || outer.as_glob().is_some_and(|outer| glob_covers(outer, &inner.hull()))
}

fn covers_every_path(pattern: &PathPattern) -> bool {
    matches!(pattern.as_str(), "*" | "/*")
}

/// Whether `outer` fits all that `inner` fits. Each star of `inner` is tried as nothing and as
/// more characters than `outer` has, which only a star of `outer` can take.
pub fn glob_covers(outer: &Glob, inner: &Glob) -> bool {
    let long = "\u{1}".repeat(outer.as_str().len() + 1);
    let fits = |star: &str| {
        let one = inner.as_str().replace('*', star).replace('?', "\u{2}");
        outer.matches(one.as_bytes())
    };
    fits("") && fits(&long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::request::Method;

    #[test]
    fn a_pattern_covers_what_its_stars_take() {
        for (outer, inner, covers) in [
            ("/api/*", "/api/v1/*", true),
            ("/api/*", "/api/", true),
            ("/api/*", "/api", false),
            ("/a?", "/a*", false),
            ("/a?", "/ab", true),
            ("/a?", "/a?", true),
            ("*.css", "/static/*.css", true),
            ("*.css", "/static/*", false),
            ("*", "/x", true),
            ("/x", "/x", true),
            ("/*a*", "/*", false),
            ("/a*b", "/a*b*b", true),
        ] {
            let covered = glob_covers(&Glob::new(outer), &Glob::new(inner));
            assert_eq!(covered, covers, "{outer} {inner}");
        }
    }

    #[test]
    fn a_rule_is_covered_only_by_one_with_fewer_conditions() {
        let paths = |paths: &[&str]| Match {
            paths: paths.iter().map(|path| PathPattern::parse(path).expect("one")).collect(),
            ..Match::default()
        };
        let get = Match { methods: vec![Method::Get], ..Match::default() };
        let beta = Match { cookies: vec![("beta".into(), None)], ..Match::default() };
        for (earlier, later, is_covered) in [
            (Match::default(), paths(&["/a"]), true),
            (paths(&["/*"]), Match::default(), true),
            (paths(&["/a"]), Match::default(), false),
            (paths(&["/a", "/b/*"]), paths(&["/b/c", "/a"]), true),
            (paths(&["/a"]), paths(&["/a", "/b"]), false),
            (paths(&["/a/*"]), paths(&["/a/{b}"]), true),
            (paths(&["/a/{b}"]), paths(&["/a/{b}"]), true),
            (paths(&["/a/{b}"]), paths(&["/a/*"]), false),
            (paths(&["/a/{b}"]), paths(&["/a/c"]), false),
            (get.clone(), Match::default(), false),
            (get.clone(), get.clone(), true),
            (Match::default(), get, true),
            (beta.clone(), Match::default(), false),
            (Match::default(), beta, true),
        ] {
            assert_eq!(covers(&earlier, &later), is_covered, "{earlier:?} {later:?}");
        }
    }
}
