//! The commands that ask a running Larder.

use crate::support::{Authority, Client, Larder, Origin, Reply, request};
use serde_json::{Value, json};

fn larder() -> (Origin, Larder) {
    let origin = Origin::answering(|asked| {
        let language = asked.field("accept-language").unwrap_or("none").to_owned();
        Reply::cached("max-age=600", language).with("Vary", "Accept-Language").with("X-Own", "kept")
    });
    let larder = Larder::before(&origin);
    for n in 0..5 {
        larder.fill_with(&format!("/news/{n}"), &[("Host", "a.test")]);
    }
    larder.fill_with("/p", &[("Host", "a.test"), ("Accept-Language", "de")]);
    larder.fill_with("/p", &[("Host", "a.test"), ("Accept-Language", "en")]);
    (origin, larder)
}

#[test]
fn objects_are_listed_for_people_and_programs() {
    let (_origin, larder) = larder();
    let (code, output, error) = larder.command(&["objects"]);
    assert_eq!((code, output.lines().count(), error.as_str()), (Some(0), 7, ""), "{output}");
    assert!(output.contains("http://a.test/news/3") && output.contains("memory+disk"), "{output}");
    let (code, output, error) = larder.command(&["objects", "--prefix", "/news", "--limit", "2"]);
    assert_eq!((code, output.lines().count()), (Some(0), 2), "{output}");
    assert!(error.contains("--limit"), "{error}");
    let (code, output, _) = larder.command(&["objects", "--json", "--limit", "3"]);
    let listed: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!((code, listed["objects"].as_array().map(Vec::len)), (Some(0), Some(3)));
    assert_eq!(listed["truncated"], true);
    let (code, _, error) = larder.command(&["objects", "--prefix", "ftp://x/"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("example.com/news"), "{error}");
}

#[test]
fn one_response_is_shown_and_others_of_its_url_are_named() {
    let (_origin, larder) = larder();
    let (code, output, error) = larder.command(&["show", "http://a.test/news/1"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(output.starts_with("200 http://a.test/news/1\n"), "{output}");
    assert!(output.contains("x-own: kept") && output.contains("memory disk"), "{output}");
    let (_, output, _) = larder.command(&["show", "a.test/p", "-H", "Accept-Language: de"]);
    assert!(output.contains("variant   accept-language: de\n"), "{output}");
    assert!(output.contains("2 are stored"), "{output}");
    let (code, output, _) = larder.command(&["show", "a.test/p"]);
    assert_eq!(code, Some(0));
    assert!(output.starts_with("no stored response is for this request"), "{output}");
    let (_, output, _) = larder.command(&["show", "a.test/news/1", "--json"]);
    let shown: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!(shown["picked"]["status"], 200);
    let (code, output, error) = larder.command(&["show", "a.test/none"]);
    assert_eq!((code, output.as_str()), (Some(1), ""));
    assert!(error.contains("Nothing is stored"), "{error}");
    assert_eq!(larder.command(&["show"]).0, Some(2), "wrong usage");
}

#[test]
fn the_status_is_a_few_lines() {
    let (_origin, larder) = larder();
    let (code, output, error) = larder.command(&["status"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(output.contains("requests  7") && output.contains("memory    7 stored"), "{output}");
    let (_, output, _) = larder.command(&["status", "--json"]);
    let status: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!(status["requests"]["total"], 7);
}

#[test]
fn errors_say_what_to_name() {
    let (_origin, larder) = larder();
    let other = larder.data().join("other");
    std::fs::create_dir_all(&other).unwrap();
    let run = |environment: &[(&str, &str)], arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(arguments).env_remove("LARDER_TOKEN").env_remove("LARDER_ADMIN");
        command.envs(environment.iter().copied()).env("HOME", &other).env("XDG_STATE_HOME", &other);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let admin = format!("http://{}", larder.admin);
    let error = run(&[], &["status", "--admin", "http://127.0.0.1:1"]);
    assert!(error.contains("larder serve") && error.contains("--admin URL"), "{error}");
    let error = run(&[("LARDER_ADMIN", &admin)], &["status"]);
    assert!(error.contains("other/larder/admin.token") && error.contains("--data"), "{error}");
    let wrong = "wrong-wrong-wrong";
    let error = run(&[("LARDER_TOKEN", wrong)], &["objects", "--admin", &admin]);
    assert!(
        error.contains("that of LARDER_TOKEN is not known") && !error.contains(wrong),
        "{error}"
    );
    let error = run(&[], &["status", "--admin", &format!("http://{}", larder.address)]);
    assert!(error.contains("no Larder") || error.contains("says"), "{error}");
}

#[test]
fn the_listener_speaks_tls_with_those_who_believe_its_certificate() {
    let (authority, origin) = (Authority::new(), Origin::as_told());
    let [certificate, key] = authority.issue(&["localhost"]);
    let toml = format!(
        "admin.tls = {{ certificate = {certificate:?}, key = {key:?} }}\n\
         [[site]]\norigin = \"{{origin}}\"\n"
    );
    let larder = Larder::configured(&toml, &origin);
    let admin = format!("https://localhost:{}", larder.admin.port());
    let ask = |line: &[&str], believed: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_larder"));
        command.args(line).env_remove("LARDER_TOKEN").env("LARDER_ADMIN", &admin);
        let output = command.env("SSL_CERT_FILE", believed).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let data = larder.data();
    let status = ["status", "--json", "--data", data.to_str().unwrap()];
    let (code, output, error) = ask(&status, &authority.file());
    assert_eq!(code, Some(0), "{error}");
    let status: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!(status["sites"], 1);
    assert_eq!(ask(&["health"], &authority.file()).0, Some(0));
    let (code, _, error) = ask(&["health"], &Authority::new().file());
    assert_eq!(code, Some(1), "another authority is not believed: {error}");
    let mut plain = Client::connect(larder.admin);
    plain.send(request("GET", "/health", &[]));
    let said = String::from_utf8_lossy(&plain.read_to_end()).into_owned();
    assert!(!said.contains("HTTP/1.1 200"), "nothing is said in clear: {said}");
}

#[test]
fn purges_are_asked_for_by_command() {
    let (_origin, larder) = larder();
    let (code, output, _) = larder.command(&["purge", "--prefix", "/news", "--dry-run"]);
    assert_eq!((code, output.as_str()), (Some(0), "would cover 5 stored responses\n"));
    let (code, output, error) = larder.command(&["purge", "--prefix", "/news"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(output, "purged: 1 scope, number 1 in the log\n");
    assert!(!larder.get_with("/news/1", &[("Host", "a.test")]).is_hit());
    let (code, output, _) = larder.command(&["purge", "a.test/p", "--soft", "--json"]);
    let answer: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!((code, &answer["seq"]), (Some(0), &Value::from(2)));
    assert_eq!(larder.command(&["purge"]).0, Some(2), "nothing is named");
    let (code, _, error) = larder.command(&["purge", "ftp://a/b"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("urls[0]"), "{error}");
    assert_eq!(larder.metrics().sum("larder_purges_total", &[]), 2);
}

#[test]
fn top_shows_frames_where_there_is_no_terminal() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "x"));
    let larder = Larder::before(&origin);
    larder.fill("/");
    larder.get("/");
    let frames = ["top", "--frames", "1", "--interval", "0.1"];
    let (code, output, error) = larder.command(&frames);
    assert_eq!(code, Some(0), "{error}");
    for part in ["larder 0.", "requests", "from the cache", "SITE", "default", "uri-miss"] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let (code, output, _) = larder.command(&[&frames[..], &["--json"]].concat());
    let status: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!((code, &status["by_site"][0]["requests"]["hit"]), (Some(0), &json!(1)));
    assert_eq!(status["reasons"]["uri-miss"], 1);
    assert_eq!(status["purges"]["failing"], Value::Null);
    let (code, _, error) = larder.command(&["top", "--interval", "0"]);
    assert!(code == Some(2) && error.contains("0.1 to 3600"), "{error}");
}
