//! Where the admin listener stands, and who may use it.

use super::{Notes, tls};
use crate::config::Flags;
use crate::config::meant::{Admin, Token};
use crate::config::place::Place;
use crate::config::secret::{SAFE_SECRET_BYTES, Secret};
use crate::config::written::{self, Scope};
use proxy::settings::Listen;
use std::net::SocketAddr;

/// What is meant of `[admin]`.
pub fn admin(
    written: &written::Admin,
    flags: &Flags,
    listen: &[Listen],
    notes: &mut Notes<'_, '_>,
) -> Admin {
    let top = Place::top().key("admin");
    let (place, place_of_tokens) = (top.key("listen"), top.key("tokens"));
    let address = flags.admin.unwrap_or(written.listen).0;
    let tokens = tokens(&written.tokens.0, &place_of_tokens, notes);
    if !address.ip().to_canonical().is_loopback() {
        check_open(written, address, &top, notes);
    }
    if address.port() != 0 && listen.iter().any(|own| shares_port(own.address, address)) {
        let what = format!("port {} is the one that sites are served on", address.port());
        notes.error(&place, what, "give the admin listener another port (--admin)");
    }
    let hosts = written.hosts.iter().map(|host| host.glob()).collect();
    let tls = tls::certificates("admin", &written.tls.0, notes);
    Admin { listen: address, tls, tokens, hosts }
}

/// Checks a listener that other machines reach.
fn check_open(
    written: &written::Admin,
    address: SocketAddr,
    top: &Place,
    notes: &mut Notes<'_, '_>,
) {
    let place = &top.key("listen");
    let loopback = format!("use 127.0.0.1:{} and reach it by ssh or a side-car", address.port());
    let has_lost = |name: &str| notes.document.has_lost_below(&top.key(name));
    let (lost_tokens, lost_tls) = (has_lost("tokens"), has_lost("tls"));
    if written.tokens.0.is_empty() && !lost_tokens {
        let what = format!(
            "the admin listener would be open to other machines on {address} without tokens"
        );
        notes.error(place, what, format!("{loopback}, or configure [admin] tokens"));
    }
    let speaks_tls = !written.tls.0.is_empty() || lost_tls;
    if !written.insecure && !speaks_tls {
        let what = format!("tokens would pass in clear on {address}: it is not on loopback");
        let mend =
            "name certificates in [admin] tls, or, where nobody listens in, write insecure = true";
        notes.error(place, what, format!("{loopback}, {mend}"));
    }
}

/// Whether who connects to `address` would reach a listener on `own`.
fn shares_port(own: SocketAddr, address: SocketAddr) -> bool {
    own.port() == address.port() && (own.ip() == address.ip() || own.ip().is_unspecified())
}

fn tokens(written: &[written::Token], place: &Place, notes: &mut Notes<'_, '_>) -> Vec<Token> {
    let mut known: Vec<Token> = Vec::new();
    for (i, token) in written.iter().enumerate() {
        let listed = place.index(i);
        let place = if notes.document.has(&listed) { listed } else { place.clone() };
        let (name, secret) = (place.key("name"), place.key("secret"));
        let lost = |notes: &Notes<'_, '_>, place: &Place| notes.document.has_lost_below(place);
        if token.name.is_none() && !lost(notes, &name) {
            notes.error(&place, "this token has no name", "write name = \"ci\": logs show it");
        }
        if token.secret.is_none() && !lost(notes, &secret) {
            let mend = "write secret = \"${LARDER_TOKEN}\", and set it in the environment";
            notes.error(&place, "this token has no secret", mend);
        }
        if token.may.is_empty() && !lost(notes, &place.key("may")) {
            let all: Vec<_> =
                Scope::ALL.iter().map(|scope| format!("\"{}\"", scope.name())).collect();
            let mend = format!("write may = […] with some of {}", all.join(", "));
            notes.error(&place, "this token may do nothing", mend);
        }
        let (Some(token_name), Some(token_secret)) = (&token.name, &token.secret) else { continue };
        warn_of_short(token_secret, &secret, notes);
        if known.iter().any(|other| other.name == token_name.0) {
            notes.error(&name, "another token has this name", "give each a name of its own");
        }
        if let Some(other) = known.iter().find(|other| other.secret == *token_secret) {
            let what = format!("the token \"{}\" has the same secret", other.name);
            notes.error(&secret, what, "give each a secret of its own");
        }
        let (name, secret) = (token_name.0.clone(), token_secret.clone());
        known.push(Token { name, secret, may: token.may.clone() });
    }
    known
}

/// Warns of a secret that could be guessed.
pub fn warn_of_short(secret: &Secret, place: &Place, notes: &mut Notes<'_, '_>) {
    if secret.reveal().len() < SAFE_SECRET_BYTES {
        let what = format!("a secret of less than {SAFE_SECRET_BYTES} characters may be guessed");
        notes.warn(place, what, "make a longer one, for example by: openssl rand -hex 32");
    }
}

#[cfg(test)]
mod tests {
    use crate::config::report::Severity;
    use crate::config::{File, Flags, understand};

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    /// The errors and warnings that the lines of `[admin]` bring, and all that is said.
    fn found(lines: &str) -> (usize, usize, String) {
        let text = format!("[admin]\n{lines}\n[[site]]\norigin = \"http://a\"\n");
        let environment = |name: &str| (name == "TOKEN").then(|| LONG.to_owned());
        let file = File { name: "t", text: &text };
        let (meant, report) = understand(file, &Flags::default(), &environment);
        let errors = report.count(Severity::Error);
        assert_eq!(meant.is_some(), errors == 0, "{report}");
        if let Some(meant) = meant {
            assert!(!format!("{meant:?}").contains("0123456789"), "{meant:?}");
        }
        let shown = format!("{report}{}", report.to_json());
        (errors, report.count(Severity::Warning), shown)
    }

    #[test]
    fn tokens_are_checked_and_never_shown() {
        for (lines, errors, warnings, words) in [
            ("tokens = [{ name = \"a\", secret = \"${TOKEN}\", may = [\"read\"] }]", 0, 0, ""),
            ("tokens = { name = \"a\", secret = \"${TOKEN}\", may = [\"read\"] }", 0, 0, ""),
            (
                "tokens = [{ name = \"a\", secret = \"0123456789\", may = [\"read\"] }]",
                0,
                1,
                "guessed",
            ),
            (
                "tokens = [{ name = \"a\", secret = \"0123456\", may = [\"read\"] }]",
                1,
                0,
                "at least 8",
            ),
            ("tokens = [{ name = \"a\", secret = 0123456789, may = [\"read\"] }]", 2, 0, ""),
            ("tokens = [{ name = \"a\", secret = 9123456789, may = [\"read\"] }]", 1, 0, "quotes"),
            (
                "tokens = [{ name = \"a\", secret = \"${TOKEN}\", may = [\"reed\"] }]",
                1,
                0,
                "\\\"read\\\"?",
            ),
            ("tokens = [{ name = \"a\", secret = \"${TOKEN}\", may = [] }]", 1, 0, "nothing"),
            ("tokens = [{ name = \"a\", secret = \"${TOKEN}\" }]", 1, 0, "nothing"),
            (
                "tokens = [{ name = \"a b\", secret = \"${TOKEN}\", may = [\"read\"] }]",
                1,
                0,
                "no name",
            ),
            ("tokens = [{ secret = \"${TOKEN}\", may = [\"read\"] }]", 1, 0, "has no name"),
            ("tokens = [{ name = \"a\", may = [\"read\"] }]", 1, 0, "has no secret"),
            (
                "tokens = [{ name = \"a\", secrt = \"0123456789\", may = [\"read\"] }]",
                2,
                0,
                "`secret`?",
            ),
            (
                "tokens = [{ name = \"a\", secret = \"${NONE}\", may = [\"read\"] }]",
                1,
                0,
                "export NONE",
            ),
            ("hosts = [\"http://x\"]", 1, 0, "no scheme"),
        ] {
            let (found_errors, found_warnings, shown) = found(lines);
            assert_eq!((found_errors, found_warnings), (errors, warnings), "{lines}\n{shown}");
            assert!(shown.contains(words), "{lines}\n{shown}");
            assert!(!shown.contains("0123456") && !shown.contains("9123456"), "{shown}");
            assert!(errors == 0 || shown.contains("t:2:"), "{shown}");
        }
    }

    #[test]
    fn names_and_secrets_are_told_apart() {
        let two = |one: &str, other: &str| {
            format!(
                "tokens = [\n{{ name = \"a\", secret = \"{LONG}\", may = [\"read\"] }},\n\
                 {{ name = \"{one}\", secret = \"{other}\", may = [\"purge\"] }}]"
            )
        };
        let other = LONG.replace('0', "f");
        for (lines, errors, words) in [
            (two("b", &other), 0, ""),
            (two("a", &other), 1, "another token has this name"),
            (two("b", LONG), 1, "the token \\\"a\\\" has the same secret"),
        ] {
            let (found, _, shown) = found(&lines);
            assert_eq!(found, errors, "{shown}");
            assert!(shown.contains(words) && !shown.contains("456789"), "{shown}");
        }
    }

    #[test]
    fn other_machines_need_tokens_and_leave_to_be_told_them_in_clear() {
        let tokens = "tokens = [{ name = \"a\", secret = \"${TOKEN}\", may = [\"read\"] }]\n";
        for (lines, errors, words) in [
            ("listen = \"0.0.0.0:9090\"\n".to_owned(), 2, "without tokens"),
            (format!("listen = \"0.0.0.0:9090\"\n{tokens}"), 1, "insecure = true"),
            ("listen = \"0.0.0.0:9090\"\ninsecure = true\n".to_owned(), 1, "[admin] tokens"),
            (format!("listen = \"0.0.0.0:9090\"\ninsecure = true\n{tokens}"), 0, ""),
            (
                format!(
                    "listen = \"0.0.0.0:9090\"\n{tokens}tls = {{ certificate = \"c\", key = \"k\" }}"
                ),
                1,
                "cannot read c",
            ),
            (format!("listen = \"[::1]:9090\"\n{tokens}"), 0, ""),
            ("listen = \"[::ffff:127.0.0.1]:9090\"\n".to_owned(), 0, ""),
            ("listen = \"127.0.0.1:8080\"\n".to_owned(), 1, "port 8080"),
        ] {
            let (found, _, shown) = found(&lines);
            assert_eq!(found, errors, "{lines}{shown}");
            assert!(shown.contains(words), "{lines}{shown}");
        }
    }
}
