//! The doors of the admin listener, each with what it needs. The one list of them.

use super::{
    Admin, doors, entries, explain, feeds, guard, hooks, object, objects, openapi, purge, status,
    tags,
};
use crate::config::written::Scope;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};

/// What a request needs to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A token that may read, unless it comes to a loopback address.
    ReadFromElsewhere,
    /// A token with this scope.
    Token(Scope),
    /// What its own door looks at: a webhook's signature.
    Signature,
}

/// What a door takes of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is not read.
    Nothing,
    /// JSON, which is there whole before the door is asked.
    Json,
    /// The same of who says of it what he likes, as content systems do.
    Payload,
    /// Any bytes, which the door itself takes as they come.
    Bytes,
}

/// A door.
pub struct Route {
    /// Its method.
    pub method: &'static str,
    /// Its path, as the router has it.
    pub path: &'static str,
    /// What it needs.
    pub needs: Needs,
    /// What it takes.
    pub takes: Takes,
    /// What answers.
    door: fn() -> MethodRouter<Admin>,
}

/// All doors.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/health",
        needs: Needs::Nothing,
        takes: Takes::Nothing,
        door: || get(doors::health),
    },
    Route {
        method: "GET",
        path: "/ready",
        needs: Needs::Nothing,
        takes: Takes::Nothing,
        door: || get(doors::ready),
    },
    Route {
        method: "GET",
        path: "/metrics",
        needs: Needs::ReadFromElsewhere,
        takes: Takes::Nothing,
        door: || get(doors::metrics),
    },
    Route {
        method: "GET",
        path: "/v1/status",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(status::status),
    },
    Route {
        method: "GET",
        path: "/v1/objects",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(objects::objects),
    },
    Route {
        method: "GET",
        path: "/v1/object",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(object::object),
    },
    Route {
        method: "GET",
        path: "/v1/explain",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(explain::explain),
    },
    Route {
        method: "POST",
        path: "/v1/explain",
        // It has an origin asked, which is work for that, though nothing is changed here.
        needs: Needs::Token(Scope::Refresh),
        takes: Takes::Json,
        door: || post(explain::explain_and_fetch),
    },
    Route {
        method: "POST",
        path: "/v1/purge",
        needs: Needs::Token(Scope::Purge),
        takes: Takes::Json,
        door: || post(purge::purge),
    },
    Route {
        method: "GET",
        path: "/v1/hooks",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(hooks::hooks),
    },
    Route {
        method: "POST",
        path: "/v1/hooks/{name}",
        needs: Needs::Signature,
        takes: Takes::Payload,
        door: || post(hooks::deliver),
    },
    Route {
        method: "POST",
        path: "/v1/hooks/{name}/test",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Json,
        door: || post(hooks::test),
    },
    Route {
        method: "GET",
        path: "/v1/feeds",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(feeds::feeds),
    },
    Route {
        method: "POST",
        path: "/v1/feeds/{name}/refresh",
        needs: Needs::Token(Scope::Refresh),
        takes: Takes::Json,
        door: || post(feeds::refresh),
    },
    Route {
        method: "POST",
        path: "/v1/feeds/{name}/sweep",
        needs: Needs::Token(Scope::Refresh),
        takes: Takes::Json,
        door: || post(feeds::sweep),
    },
    Route {
        method: "DELETE",
        path: "/v1/feeds/{name}",
        needs: Needs::Token(Scope::Admin),
        takes: Takes::Nothing,
        door: || delete(feeds::drop_edition),
    },
    Route {
        method: "GET",
        path: "/v1/entries/{key}",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(entries::get),
    },
    Route {
        method: "PUT",
        path: "/v1/entries/{key}",
        needs: Needs::Token(Scope::Refresh),
        takes: Takes::Bytes,
        door: || put(entries::put),
    },
    Route {
        method: "DELETE",
        path: "/v1/entries/{key}",
        needs: Needs::Token(Scope::Purge),
        takes: Takes::Nothing,
        door: || delete(entries::delete),
    },
    Route {
        method: "GET",
        path: "/v1/tags",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(tags::tags),
    },
    Route {
        method: "GET",
        path: "/v1/openapi.json",
        needs: Needs::Token(Scope::Read),
        takes: Takes::Nothing,
        door: || get(openapi::openapi),
    },
    #[cfg(feature = "turned-clock")]
    Route {
        method: "POST",
        path: "/clock",
        needs: Needs::Nothing,
        takes: Takes::Json,
        door: || post(doors::turn_clock),
    },
    #[cfg(feature = "turned-clock")]
    Route {
        method: "POST",
        path: "/crash",
        needs: Needs::Nothing,
        takes: Takes::Json,
        door: || post(doors::crash),
    },
];

/// The methods of a path, as `Allow` names them.
pub fn allowed(path: &str) -> &'static str {
    let has = |method| ROUTES.iter().any(|route| (route.path, route.method) == (path, method));
    match (has("GET"), has("POST"), has("PUT")) {
        // Who may keep something may purge it too.
        (_, _, true) => "GET, HEAD, PUT, DELETE",
        (true, true, _) => "GET, HEAD, POST",
        (true, false, _) => "GET, HEAD",
        (false, true, _) => "POST",
        (false, false, _) if has("DELETE") => "DELETE",
        (false, false, _) => "",
    }
}

/// All doors behind their guard.
pub fn router(admin: Admin) -> Router {
    let add = |router: Router<Admin>, route: &Route| router.route(route.path, (route.door)());
    ROUTES
        .iter()
        .fold(Router::new(), add)
        // Asked by nobody: the guard answers first.
        .fallback(doors::nowhere)
        .layer(from_fn_with_state(admin.clone(), guard::guard))
        .with_state(admin)
}
