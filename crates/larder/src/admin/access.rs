//! Who may do what: tokens and the names of the listener, as one configuration has them.

use super::refusal::Refusal;
use crate::admin_token;
use crate::config::meant;
use crate::config::written::Scope;
use axum::http::{HeaderMap, header};
use policy::glob::Glob;
use std::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Who may do what. A reload makes a new one.
#[derive(Debug, Default)]
pub struct Access {
    tokens: Vec<Token>,
    /// Names by which the listener is asked beside its own.
    pub hosts: Vec<Glob>,
}

struct Token {
    /// Its name in the log.
    name: Box<str>,
    secret: Box<[u8]>,
    may: Vec<Scope>,
}

/// Who asks: the name of his token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name.
    pub name: Box<str>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("name", &self.name)
            .field("may", &self.may)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// The access that is configured, and all of it for the token of the data folder, if there is
    /// one.
    pub fn new(meant: &meant::Admin, of_folder: Option<&str>) -> Access {
        let of_folder = of_folder.map(|secret| Token {
            name: admin_token::FILE.into(),
            secret: secret.as_bytes().into(),
            may: Scope::ALL.to_vec(),
        });
        let configured = meant.tokens.iter().map(|token| Token {
            name: token.name.as_str().into(),
            secret: token.secret.reveal().as_bytes().into(),
            may: token.may.clone(),
        });
        let tokens = of_folder.into_iter().chain(configured).collect();
        Access { tokens, hosts: meant.hosts.clone() }
    }

    /// Checks that a request has a token that may do that; says whose it is.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, fields: &HeaderMap, scope: Scope) -> Result<Caller, Refusal> {
        let offered = bearer(fields).ok_or(Refusal::NoToken)?;
        let token = self.find(offered).ok_or(Refusal::WrongToken)?;
        if !token.may.contains(&scope) {
            tracing::warn!("the admin token {:?} may not {}", token.name, scope.name());
            return Err(Refusal::NoScope(scope));
        }
        Ok(Caller { name: token.name.clone() })
    }

    /// The token with that secret. All are compared to the end, so that time tells nothing but the
    /// lengths of secrets.
    fn find(&self, offered: &[u8]) -> Option<&Token> {
        let mut found = u64::MAX;
        for (number, token) in (0_u64..).zip(&self.tokens) {
            let equal: Choice = token.secret.ct_eq(offered);
            found.conditional_assign(&number, equal);
        }
        usize::try_from(found).ok().and_then(|number| self.tokens.get(number))
    }
}

/// The token of the one `Authorization` (RFC 6750 §2.1).
fn bearer(fields: &HeaderMap) -> Option<&[u8]> {
    let mut all = fields.get_all(header::AUTHORIZATION).iter();
    let value = all.next().filter(|_| all.next().is_none())?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let token = |name: &str, secret: &str, may: &[Scope]| meant::Token {
            name: name.to_owned(),
            secret: secret.parse().expect("it is long enough"),
            may: may.to_vec(),
        };
        let meant = meant::Admin {
            listen: "127.0.0.1:9090".parse().expect("an address"),
            tls: None,
            tokens: vec![
                token("reader", "reads-only", &[Scope::Read]),
                token("purger", "purges-only", &[Scope::Purge]),
            ],
            hosts: Vec::new(),
        };
        Access::new(&meant, Some("of-the-folder"))
    }

    fn fields(values: &[&str]) -> HeaderMap {
        let pair = |value: &&str| (header::AUTHORIZATION, value.parse().expect("a value"));
        values.iter().map(pair).collect()
    }

    #[test]
    fn a_token_may_do_what_it_is_for() {
        for (values, scope, refusal) in [
            (&["Bearer reads-only"][..], Scope::Read, None),
            (&["bearer  reads-only "], Scope::Read, None),
            (&["Bearer reads-only"], Scope::Purge, Some(Refusal::NoScope(Scope::Purge))),
            (&["Bearer purges-only"], Scope::Read, Some(Refusal::NoScope(Scope::Read))),
            (&["Bearer of-the-folder"], Scope::Admin, None),
            (&["Bearer of-the-folde"], Scope::Admin, Some(Refusal::WrongToken)),
            (&["Bearer of-the-folderx"], Scope::Admin, Some(Refusal::WrongToken)),
            (&["Bearer"], Scope::Read, Some(Refusal::NoToken)),
            (&["Bearer "], Scope::Read, Some(Refusal::NoToken)),
            (&["Basic cmVhZHM="], Scope::Read, Some(Refusal::NoToken)),
            (&["reads-only"], Scope::Read, Some(Refusal::NoToken)),
            (&[], Scope::Read, Some(Refusal::NoToken)),
            (&["Bearer reads-only", "Bearer reads-only"], Scope::Read, Some(Refusal::NoToken)),
        ] {
            assert_eq!(access().check(&fields(values), scope).err(), refusal, "{values:?}");
        }
        let nobody = Access::default().check(&fields(&["Bearer x"]), Scope::Read);
        assert_eq!(nobody, Err(Refusal::WrongToken));
    }

    #[test]
    fn a_dump_shows_no_secret() {
        let shown = format!("{:?}", access());
        assert!(!shown.contains("only") && !shown.contains("of-the-folder"), "{shown}");
    }
}
