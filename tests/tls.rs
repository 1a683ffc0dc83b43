//! TLS toward clients, and what comes before it.

use crate::support::{Authority, Http2, Larder, Origin, Reply, Setup, until};
use std::net::SocketAddr;

fn page() -> Origin {
    Origin::answering(|asked| {
        let told = |name: &str| asked.field(name).unwrap_or("-").to_owned();
        Reply::cached("max-age=60", format!("{} {}", told("x-forwarded-proto"), told("forwarded")))
    })
}

const SITE: &str = "[[site]]\norigin = \"{origin}\"";

fn secure(authority: &Authority, origin: &Origin) -> (Larder, SocketAddr) {
    let larder = Setup::default().secure(authority, &["site.test"], SITE, origin).start();
    let address = larder.secure.expect("it listens with TLS");
    (larder, address)
}

#[test]
fn both_versions_of_http_are_spoken_over_tls_and_the_scheme_is_in_the_key() {
    let (authority, origin) = (Authority::new(), page());
    let (larder, address) = secure(&authority, &origin);
    let mut old = authority.connect(address, "site.test");
    let first = old.get("/").expect("it is believed");
    assert_eq!((first.status, first.text().starts_with("https ")), (200, true), "{first:?}");
    assert!(first.text().contains("proto=https"), "{}", first.text());
    larder.settle();
    assert!(old.get("/").expect("the connection is kept").is_hit());
    assert!(Http2::secure(address, "site.test", &authority).get("/").is_hit());
    let plain = larder.get("/");
    assert!(!plain.is_hit() && plain.text().starts_with("http "), "{plain:?}");
}

#[test]
fn the_certificate_is_the_one_for_the_name_that_is_asked_for() {
    let (authority, origin) = (Authority::new(), page());
    let mut tables = String::new();
    for name in ["a.test", "*.b.test"] {
        let [certificate, key] = authority.issue(&[name]);
        tables.push_str(&format!("{{ certificate = {certificate:?}, key = {key:?} }}, "));
    }
    let toml = format!(
        "server.tls = [{tables}]\nserver.listen = [\"127.0.0.1:0\"]\n\
         server.listen_plain = [\"127.0.0.1:0\"]\n{SITE}"
    );
    let larder = Setup::default().serving_as_told(&toml, &origin).start();
    let address = larder.secure.expect("it listens with TLS");
    for (name, believed) in
        [("a.test", true), ("x.b.test", true), ("b.test", false), ("other.test", false)]
    {
        let answer = authority.connect(address, name).get("/");
        assert_eq!(answer.is_ok(), believed, "{name}: {answer:?}");
    }
}

#[test]
fn certificates_are_read_again_when_their_files_change() {
    let (authority, origin) = (Authority::new(), page());
    let (larder, address) = secure(&authority, &origin);
    let shown = || {
        let mut client = authority.connect(address, "site.test");
        assert_eq!(client.get("/").expect("it is believed").status, 200);
        client.certificate()
    };
    let mut kept = authority.connect(address, "site.test");
    kept.get("/").expect("it is believed");
    let before = shown();
    let [certificate, _] = authority.issue(&["site.test"]);
    larder.wait_for_error_line("the certificates changed");
    assert_ne!(shown(), before);
    assert_eq!(kept.get("/").expect("a connection goes on").status, 200);
    std::fs::write(&certificate, "no certificate").unwrap();
    larder.wait_for_error_line("the certificates stay as they were");
    assert_ne!(shown(), before);
}

#[test]
fn plain_http_on_a_tls_port_is_told_so() {
    let (authority, origin) = (Authority::new(), page());
    let (larder, address) = secure(&authority, &origin);
    let mut client = crate::support::Client::connect(address);
    let answer = client.get("/");
    assert_eq!((answer.status, answer.cache()), (400, "larder; detail=plain-on-tls"));
    assert!(answer.text().contains("https://"), "{}", answer.text());
    client.assert_closed();
    assert_eq!(origin.count(), 0);
    drop(larder);
}

#[test]
fn garbage_instead_of_tls_is_closed_and_counted() {
    let (authority, origin) = (Authority::new(), page());
    let (larder, address) = secure(&authority, &origin);
    for garbage in
        [&b"\x16\x03\x01\xff\xffgarbage"[..], b"\0\0\0\0", b"\x16\x03\x01\0\x05\x01\0\0\x01x"]
    {
        let mut client = crate::support::Client::connect(address);
        client.send(garbage);
        client.finish_sending();
        client.read_to_end();
    }
    larder.wait_for_metric("larder_handshakes_failed_total", &[], 3);
    larder.wait_for_metric("larder_connections", &[], 0);
    assert_eq!(authority.connect(address, "site.test").get("/").expect("it goes on").status, 200);
}

#[test]
fn whoever_says_nothing_is_not_waited_for() {
    let (authority, origin) = (Authority::new(), page());
    let toml = format!("server.limits.header_timeout = \"100ms\"\n{SITE}");
    let larder = Setup::default().secure(&authority, &["site.test"], &toml, &origin).start();
    let address = larder.secure.expect("it listens with TLS");
    for beginning in [&b""[..], b"\x16", b"\x16\x03\x01\x02\0\x01"] {
        let mut client = crate::support::Client::connect(address);
        client.send(beginning);
        client.assert_closed();
    }
}

#[test]
fn wrong_files_are_said_with_their_line() {
    let authority = Authority::new();
    let [certificate, _] = authority.issue(&["a.test"]);
    let [_, other] = authority.issue(&["b.test"]);
    for (certificate, key, says) in [
        (certificate.display().to_string(), "/none.pem".to_owned(), "cannot read /none.pem"),
        (certificate.display().to_string(), other.display().to_string(), "not that of the"),
        (other.display().to_string(), other.display().to_string(), "no certificate in the file"),
    ] {
        let toml = format!(
            "[server]\ntls = {{ certificate = {certificate:?}, key = {key:?} }}\n\
             [[site]]\norigin = \"http://127.0.0.1:9\"\n"
        );
        let file = authority.file().with_file_name("larder.toml");
        std::fs::write(&file, toml).unwrap();
        let check = std::process::Command::new(env!("CARGO_BIN_EXE_larder"))
            .arg("check")
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&check.stdout);
        assert_eq!(check.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains("larder.toml:2"), "{said}");
    }
}

#[test]
fn a_balancer_says_for_whom_it_speaks() {
    let origin = Origin::as_told();
    let toml = format!("server.proxy_protocol = [\"127.0.0.1\"]\n{SITE}");
    let larder = Larder::configured(&toml, &origin);
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\0\x01\0\x02";
    let v1 = b"PROXY TCP4 192.0.2.7 127.0.0.1 56324 443\r\n";
    for (header, client) in
        [(&v1[..], "192.0.2.7"), (v2, "192.0.2.7"), (b"PROXY UNKNOWN\r\n", "127.0.0.1")]
    {
        let mut connection = larder.connect();
        connection.send(header);
        assert_eq!(connection.get("/").status, 200);
        assert_eq!(origin.last().field("x-forwarded-for"), Some(client));
        assert_eq!(connection.get("/again").status, 200, "the header comes once");
    }
    for wrong in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PROXY TCP4 x\r\n", b"\r\n\r\nGET"] {
        let mut connection = larder.connect();
        connection.send(wrong);
        connection.finish_sending();
        connection.assert_closed();
    }
    until("they are counted", || {
        (larder.metrics().sum("larder_handshakes_failed_total", &[]) == 3).then_some(())
    });
}

#[test]
fn strangers_cannot_say_for_whom_they_speak() {
    let origin = Origin::as_told();
    let toml = format!("server.proxy_protocol = [\"192.0.2.0/24\"]\n{SITE}");
    let larder = Larder::configured(&toml, &origin);
    let mut client = larder.connect();
    client.send("PROXY TCP4 192.0.2.7 127.0.0.1 56324 443\r\n");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.read().status, 400);
    assert_eq!(origin.count(), 0);
}

/// What TLS had taken and the socket had no room for was never sent.
#[test]
fn a_large_answer_comes_to_its_last_byte_however_slowly_it_is_read() {
    let (authority, body) = (Authority::new(), vec![b'x'; 4 << 20]);
    let sent = body.clone();
    let origin = Origin::answering(move |_| Reply::cached("max-age=60", &sent));
    let (larder, address) = secure(&authority, &origin);
    larder.fill("/");
    for _ in 0..3 {
        let mut client = authority.connect_narrow(address, "site.test");
        let received = client.get("/").expect("it is believed");
        assert!(received.body == body && !received.cut, "{}", received.body.len());
    }
}
