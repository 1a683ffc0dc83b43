//! `[admin]`: the listener for operators, and who may use it.

use super::Tls;
use crate::config::address::Listener;
use crate::config::reading::TableOrMany;
use crate::config::secret::Secret;
use crate::config::words::{HostPattern, TokenName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// `[admin]`: the listener for operators.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address of the listener. Other than on loopback it needs `tokens`, and `tls` or `insecure`.
    /// `--admin` wins over this.
    pub listen: Listener,
    /// Certificates of the listener, as those of the server. Where set, it speaks TLS only; the name
    /// that clients ask by goes into `hosts`.
    #[schemars(example = Tls::example())]
    pub tls: TableOrMany<Tls>,
    /// Who may ask for what: a name for the log, a secret of at least 8 characters (24 and more are
    /// safe) sent as `Authorization: Bearer …`, and what it may do: "read" (status, objects,
    /// metrics), "purge", "refresh", "admin" (reload). The token in `DIR/admin.token` may do
    /// everything.
    #[schemars(example = example_of_tokens())]
    pub tokens: TableOrMany<Token>,
    /// Names by which the listener is asked beside `localhost` and its addresses; `*` stands for any
    /// characters. Other names are refused, so that no page in a browser of this network can
    /// ask it by a name of its own (DNS rebinding).
    #[schemars(example = ["larder.internal"])]
    pub hosts: Vec<HostPattern>,
    /// Whether it may listen on other addresses than loopback without `tls`, though tokens then pass
    /// in clear. For networks where nobody listens in.
    pub insecure: bool,
}

/// `tokens`: a secret, and what it may be used for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// Its name in the log.
    pub name: Option<TokenName>,
    /// The secret.
    pub secret: Option<Secret>,
    /// What it may be used for.
    pub may: Vec<Scope>,
}

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Scope {
    /// To look: status, objects, metrics.
    Read,
    /// To purge.
    Purge,
    /// To have something refreshed.
    Refresh,
    /// To reload, and all else.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Purge, Scope::Refresh, Scope::Admin];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Purge => "purge",
            Scope::Refresh => "refresh",
            Scope::Admin => "admin",
        }
    }
}

/// Secrets themselves are never written out, so the example is not made of a [`Token`].
fn example_of_tokens() -> serde_json::Value {
    serde_json::json!([{ "name": "ci", "secret": "${LARDER_TOKEN}", "may": ["read", "purge"] }])
}

impl Default for Admin {
    fn default() -> Admin {
        Admin {
            listen: Listener(SocketAddr::from((Ipv4Addr::LOCALHOST, 9090))),
            tls: TableOrMany::default(),
            tokens: TableOrMany::default(),
            hosts: Vec::new(),
            insecure: false,
        }
    }
}
