//! SIGHUP: the configuration whole, or the old one stays.

use crate::support::{Gate, Larder, Origin, Reply, request};
use std::sync::atomic::{AtomicBool, Ordering};

fn site(origin: &Origin, rule: &str) -> String {
    format!("[[site]]\norigin = \"http://{}\"\n[[site.rule]]\n{rule}\n", origin.address())
}

#[test]
fn what_changed_is_in_effect_at_the_next_request_and_what_is_stored_stays() {
    let origin = Origin::answering(|_| Reply::cached("max-age=600", "page"));
    let larder = Larder::configured(&site(&origin, "headers.set = { X-Rule = \"old\" }"), &origin);
    let mut kept = larder.connect();
    assert_eq!(kept.get("/").field("x-rule"), Some("old"));
    larder.settle();
    larder.reload(&site(&origin, "headers.set = { X-Rule = \"new\" }"));
    larder.wait_for_error_line("is in effect");
    assert!(kept.get("/").is_hit(), "what is stored stays");
    assert_eq!(kept.get("/fresh").field("x-rule"), Some("new"), "on a kept connection too");
    larder.wait_for_metric("larder_requests_total", &["site=\"default\""], 3);
    let connections: Vec<usize> = origin.asked().iter().map(|asked| asked.connection).collect();
    assert!(connections.iter().all(|one| *one == connections[0]), "kept as well: {connections:?}");
}

#[test]
fn a_configuration_with_mistakes_changes_nothing_and_the_log_says_which() {
    let origin = Origin::as_told();
    let larder = Larder::configured(&site(&origin, "cache = \"off\""), &origin);
    larder.reload("[[site]]\norigin = \"http://127.0.0.1:1\"\ncach = 1\n");
    larder.wait_for_error_line("the one from before stays");
    assert!(!larder.error_lines("unknown key `cach`").is_empty());
    assert_eq!(larder.get("/").cache(), "larder; fwd=bypass; fwd-status=200; detail=rule-off");
}

#[test]
fn what_cannot_change_is_said_and_the_rest_changes() {
    let origin = Origin::as_told();
    let larder = Larder::configured(&site(&origin, "cache = \"off\""), &origin);
    let toml = format!("storage.memory = \"32MiB\"\n{}", site(&origin, "cache = \"auto\""));
    larder.reload(&toml);
    larder.wait_for_error_line("storage.memory changed: it takes effect at the next start");
    larder.wait_for_error_line("is in effect");
    assert!(!larder.get("/").cache().contains("rule-off"));
}

#[test]
fn what_is_under_way_is_finished_by_the_old_configuration() {
    let gate = Gate::shut();
    let held = gate.clone();
    let old = Origin::answering(move |_| {
        held.pass();
        Reply::ok("old")
    });
    let new = Origin::answering(|_| Reply::ok("new"));
    let larder = Larder::configured(&site(&old, ""), &old);
    let mut client = larder.connect();
    client.send(request("GET", "/", &[]));
    old.wait_for(1);
    larder.reload(&site(&new, ""));
    larder.wait_for_error_line("is in effect");
    assert_eq!(larder.get("/other").text(), "new");
    gate.open();
    assert_eq!(client.read().text(), "old");
}

#[test]
fn no_request_is_lost_while_reloads_come_under_load() {
    let origin = Origin::answering(|asked| match asked.target.as_str() {
        "/stored" => Reply::cached("max-age=600", "page"),
        _ => Reply::ok("page"),
    });
    let larder = Larder::configured(&site(&origin, "headers.set = { X = \"0\" }"), &origin);
    let is_over = AtomicBool::new(false);
    let asked: usize = std::thread::scope(|scope| {
        let ask = |target: &'static str| {
            let (larder, is_over) = (&larder, &is_over);
            scope.spawn(move || {
                let (mut client, mut count) = (larder.connect(), 0);
                while !is_over.load(Ordering::SeqCst) {
                    assert_eq!(client.get(target).text(), "page");
                    assert_eq!(larder.get(target).status, 200);
                    count += 2;
                }
                count
            })
        };
        let clients = [ask("/stored"), ask("/passed"), ask("/passed"), ask("/stored")];
        for number in 1..=20 {
            larder.reload(&site(&origin, &format!("headers.set = {{ X = \"{number}\" }}")));
            let number = number.to_string();
            crate::support::until("it is in effect", || {
                (larder.get(&format!("/new{number}")).field("x") == Some(&number)).then_some(())
            });
        }
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(asked > 40, "{asked}");
}

/// What one group of visitors got was served to all, since its rule had stood where theirs is now.
#[test]
fn what_one_rule_stored_is_not_another_s_after_rules_moved() {
    let origin = Origin::answering(|asked| {
        let group = asked.field("x-beta").map_or("all", |_| "beta");
        Reply::ok(group)
    });
    let rules = "[[site.rule]]\nmatch = { header = { X-Beta = true } }\nttl = \"10m\"\n\
                 [[site.rule]]\nmatch = { path = \"/*\" }\nttl = \"10m\"\n";
    let first = "match = { header = { X-Internal = true } }\n";
    let larder = Larder::configured(&site(&origin, &format!("{first}{rules}")), &origin);
    assert_eq!(larder.fill_with("/", &[("X-Beta", "1")]).text(), "beta");
    let head = format!("[[site]]\norigin = \"http://{}\"\n", origin.address());
    larder.reload(&format!("{head}{rules}"));
    larder.wait_for_error_line("is in effect");
    assert_eq!(larder.get("/").text(), "all");
    assert!(larder.get_with("/", &[("X-Beta", "1")]).is_hit());
}

#[test]
fn an_origin_that_a_check_left_out_comes_back_when_the_check_is_gone() {
    let one = Origin::answering(|asked| match asked.target.as_str() {
        "/hc" => Reply::status(500, ""),
        _ => Reply::ok("one"),
    });
    let two = Origin::answering(|_| Reply::ok("two"));
    let origins = format!(
        "[[site]]\norigin = [\"http://{}\", \"http://{}\"]\n",
        one.address(),
        two.address()
    );
    let check = "health_check = { path = \"/hc\", every = \"20ms\" }\n";
    let larder = Larder::configured(&format!("{origins}{check}"), &one);
    larder.wait_for_error_line("fails its checks");
    larder.reload(&origins);
    larder.wait_for_error_line("is in effect");
    crate::support::until("it is asked", || (larder.get("/x").text() == "one").then_some(()));
}
