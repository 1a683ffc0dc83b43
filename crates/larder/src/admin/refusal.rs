//! Why the admin listener refuses a request: the status, the words and the metric of each reason.

use super::problem::Problem;
use crate::config::written::Scope;
use axum::http::{HeaderValue, header};
use proxy::metrics::Counter;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It names no host, or several.
    NoHost,
    /// It is for a host that this listener is not.
    WrongHost,
    /// A page of another site made a browser send it.
    CrossSite,
    /// There is no such path.
    UnknownPath,
    /// The path has no such method; those that it has.
    WrongMethod(&'static str),
    /// It has no token.
    NoToken,
    /// Its token is not one of ours.
    WrongToken,
    /// Its token is not for this.
    NoScope(Scope),
    /// It would change something, and its body is not JSON.
    NotJson,
    /// Its body is too long.
    TooLong,
    /// Its body did not come in time.
    TooSlow,
}

impl Refusal {
    /// The words for all reasons, in metrics and as the end of a problem's type.
    pub const TOKENS: [&str; 11] = [
        "no-host",
        "wrong-host",
        "cross-site",
        "unknown-path",
        "wrong-method",
        "no-token",
        "wrong-token",
        "no-scope",
        "not-json",
        "too-long",
        "too-slow",
    ];

    fn number(self) -> usize {
        match self {
            Refusal::NoHost => 0,
            Refusal::WrongHost => 1,
            Refusal::CrossSite => 2,
            Refusal::UnknownPath => 3,
            Refusal::WrongMethod(_) => 4,
            Refusal::NoToken => 5,
            Refusal::WrongToken => 6,
            Refusal::NoScope(_) => 7,
            Refusal::NotJson => 8,
            Refusal::TooLong => 9,
            Refusal::TooSlow => 10,
        }
    }

    /// What the client is told.
    pub fn problem(self) -> Problem {
        let token = Refusal::TOKENS[self.number()];
        match self {
            Refusal::NoHost => Problem::new(400, token, "No host, or several", "send one Host field"),
            Refusal::WrongHost => Problem::new(
                421,
                token,
                "This listener goes by another name",
                "ask by localhost, 127.0.0.1 or the address that it listens on, or name the host in \
                 [admin] hosts",
            ),
            Refusal::CrossSite => Problem::new(
                403,
                token,
                "Sent by a page of another site",
                "use a program, or a page of this listener; see the fields Origin and Sec-Fetch-Site",
            ),
            Refusal::UnknownPath => {
                Problem::new(404, token, "There is no such path", "GET /v1/openapi.json lists them all")
            }
            Refusal::WrongMethod(allowed) => {
                let detail = format!("this path takes {allowed}");
                let allowed = HeaderValue::from_static(allowed);
                Problem::new(405, token, "This path has no such method", detail)
                    .with(header::ALLOW, allowed)
            }
            Refusal::NoToken => Problem::new(
                401,
                token,
                "A token is needed",
                "send Authorization: Bearer TOKEN, with the token of DIR/admin.token (DIR is the folder \
                 of --data) or one of [admin] tokens",
            )
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"larder\"")),
            Refusal::WrongToken => Problem::new(
                401,
                token,
                "This token is not known",
                "take that of DIR/admin.token (DIR is the folder of --data) or one of [admin] tokens",
            )
            .with(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"larder\", error=\"invalid_token\""),
            ),
            Refusal::NoScope(scope) => {
                let name = scope.name();
                let detail = format!("give it \"{name}\" in its may = […], or take another token");
                let challenge = format!(
                    "Bearer realm=\"larder\", error=\"insufficient_scope\", scope=\"{name}\""
                );
                let problem = Problem::new(403, token, "This token is not for that", detail);
                match HeaderValue::from_str(&challenge) {
                    Ok(challenge) => problem.with(header::WWW_AUTHENTICATE, challenge),
                    Err(_) => problem,
                }
            }
            Refusal::NotJson => Problem::new(
                415,
                token,
                "The body is not said to be JSON",
                "send Content-Type: application/json",
            ),
            Refusal::TooLong => {
                Problem::new(413, token, "The body is too long", "send at most 1 MiB")
            }
            Refusal::TooSlow => {
                Problem::new(408, token, "The body did not come in time", "send it without a pause")
            }
        }
    }
}

/// How often requests were refused, by reason.
#[derive(Debug, Default)]
pub struct Refusals([Counter; Refusal::TOKENS.len()]);

impl Refusals {
    /// Counts one.
    pub fn count(&self, refusal: Refusal) {
        self.0[refusal.number()].one();
    }

    /// Each reason and how often it was.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::TOKENS.into_iter().zip(self.0.iter().map(Counter::read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_status_and_says_how_to_mend_it() {
        for (refusal, status) in [
            (Refusal::NoHost, 400),
            (Refusal::WrongHost, 421),
            (Refusal::CrossSite, 403),
            (Refusal::UnknownPath, 404),
            (Refusal::WrongMethod("GET"), 405),
            (Refusal::NoToken, 401),
            (Refusal::WrongToken, 401),
            (Refusal::NoScope(Scope::Read), 403),
            (Refusal::NotJson, 415),
            (Refusal::TooLong, 413),
            (Refusal::TooSlow, 408),
        ] {
            let problem = refusal.problem();
            assert_eq!(problem.status(), status, "{refusal:?}");
            assert!(problem.detail().len() > 10, "{refusal:?}");
        }
    }
}
