//! Groups of responses (RFC 9875): what a response to an unsafe request names is made invalid.

use crate::support::{Larder, Origin, Reply};

fn origin() -> Origin {
    Origin::answering(|asked| {
        let reply = Reply::cached("max-age=3600", asked.number.to_string());
        match (&*asked.method, asked.field("x-groups")) {
            ("GET", Some(groups)) => reply.with("Cache-Groups", groups),
            (_, Some(groups)) => reply.with("Cache-Group-Invalidation", groups),
            (_, None) => reply,
        }
    })
}

#[test]
fn a_group_is_invalid_once_the_answer_that_says_so_is_there() {
    let origin = origin();
    let larder = Larder::before(&origin);
    let fill = |target: &str, groups: &str| drop(larder.fill_with(target, &[("X-Groups", groups)]));
    fill("/posts", "\"posts\", \"front\"");
    fill("/post/1", "\"posts\"");
    fill("/about", "\"about\"");
    for ask in [("GET", "\"posts\""), ("POST", "posts"), ("POST", "\"post\"")] {
        larder.ask(ask.0, "/form", &[("X-Groups", ask.1)]);
        assert!(larder.get("/posts").is_hit(), "{ask:?}");
    }
    larder.ask("POST", "/form", &[("X-Groups", "\"posts\", \"other\"")]);
    for target in ["/posts", "/post/1"] {
        let answer = larder.get(target);
        assert!(answer.cache().contains("fwd=uri-miss"), "{}", answer.cache());
    }
    assert!(larder.get("/about").is_hit());
}

#[test]
fn groups_are_kept_to_their_origin_and_outlive_the_process() {
    let origin = origin();
    let mut larder = Larder::before(&origin);
    let host = |host: &'static str| [("X-Groups", "\"g\""), ("Host", host)];
    larder.fill_with("/", &host("a.test"));
    larder.fill_with("/", &host("b.test"));
    larder.ask("DELETE", "/x", &host("a.test"));
    assert!(larder.get_with("/", &host("b.test")).is_hit());
    larder.restart();
    assert!(larder.get_with("/", &host("b.test")).is_hit());
    assert!(!larder.get_with("/", &host("a.test")).is_hit());
}
