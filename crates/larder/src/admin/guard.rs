//! What every request passes before its door: whom it is for, who sent it, what it may.

use super::Admin;
use super::origin::{check_host, check_site};
use super::refusal::Refusal;
use super::routes::{Needs, ROUTES, Route, Takes, allowed};
use super::server::Connection;
use crate::config::written::Scope;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tokio::time::timeout;

/// The longest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The longest wait for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Lets a request through to its door, or says why not.
pub async fn guard(
    State(admin): State<Admin>,
    Extension(connection): Extension<Connection>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = path.as_ref().map(MatchedPath::as_str);
    let mut response = match admit(&admin, &connection, path, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refuse(&admin, &connection, refusal).await,
    };
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn admit(
    admin: &Admin,
    connection: &Connection,
    path: Option<&str>,
    request: Request,
) -> Result<Request, Refusal> {
    let route = route(path, request.method());
    if let Ok(Route { needs: Needs::Nothing, .. }) = route {
        return Ok(request);
    }
    let mut caller = None;
    {
        let access = admin.access.borrow();
        let local = connection.local.ip();
        check_host(request.uri(), request.headers(), local, &access.hosts)?;
        check_site(request.headers())?;
        if let Some(scope) = scope(route?.needs, connection) {
            let checked = access.check(request.headers(), scope);
            if matches!(checked, Ok(_) | Err(Refusal::NoScope(_))) {
                connection.seat.trust();
            }
            caller = Some(checked?);
        }
    }
    let mut request = match route?.takes {
        Takes::Nothing | Takes::Bytes => request,
        Takes::Json if !is_json(request.headers()) => return Err(Refusal::NotJson),
        Takes::Json | Takes::Payload => with_body(request, BODY_TIMEOUT).await?,
    };
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(request)
}

fn route(path: Option<&str>, method: &Method) -> Result<&'static Route, Refusal> {
    let path = path.ok_or(Refusal::UnknownPath)?;
    // HEAD is GET without the body (RFC 9110 §9.3.2).
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let here = |route: &&Route| route.path == path && route.method == method;
    ROUTES.iter().find(here).ok_or_else(|| Refusal::WrongMethod(allowed(path)))
}

/// The scope that a request must have, if any.
fn scope(needs: Needs, connection: &Connection) -> Option<Scope> {
    match needs {
        Needs::Nothing | Needs::Signature => None,
        // Who is on this machine may read its numbers.
        Needs::ReadFromElsewhere => {
            let is_here = connection.local.ip().to_canonical().is_loopback();
            (!is_here).then_some(Scope::Read)
        }
        Needs::Token(scope) => Some(scope),
    }
}

/// The request with its body, which came whole.
async fn with_body(request: Request, patience: Duration) -> Result<Request, Refusal> {
    let (head, body) = request.into_parts();
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.and_then(|length| length.parse().ok()).is_some_and(|n: usize| n > MAX_BODY_BYTES) {
        return Err(Refusal::TooLong);
    }
    let body = timeout(patience, to_bytes(body, MAX_BODY_BYTES)).await;
    let body = body.map_err(|_| Refusal::TooSlow)?.map_err(|_| Refusal::TooLong)?;
    Ok(Request::from_parts(head, Body::from(body)))
}

fn is_json(fields: &HeaderMap) -> bool {
    let kind = fields.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

async fn refuse(admin: &Admin, connection: &Connection, refusal: Refusal) -> Response {
    admin.counts.refusals.count(refusal);
    if refusal == Refusal::WrongToken {
        admin.failures.slow_down(connection.peer.ip(), "a wrong admin token").await;
    }
    refusal.problem().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use http_body_util::{BodyExt, Full};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    /// A body that never comes.
    struct Never;

    impl hyper::body::Body for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    fn taken(fields: &[(&str, &str)], body: Body) -> Result<usize, Refusal> {
        let mut request = axum::http::Request::post("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("a right request");
        let patience = Duration::from_millis(20);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let request = with_body(request, patience).await?;
            let body = request.into_body().collect().await.expect("it is there");
            Ok(body.to_bytes().len())
        })
    }

    #[test]
    fn numbers_are_open_to_this_machine_only() {
        for (local, needs, scope) in [
            ("127.0.0.1:1", Needs::ReadFromElsewhere, None),
            ("[::1]:1", Needs::ReadFromElsewhere, None),
            ("[::ffff:127.0.0.1]:1", Needs::ReadFromElsewhere, None),
            ("10.0.0.1:1", Needs::ReadFromElsewhere, Some(Scope::Read)),
            ("10.0.0.1:1", Needs::Nothing, None),
            ("127.0.0.1:1", Needs::Token(Scope::Purge), Some(Scope::Purge)),
        ] {
            let local = local.parse().expect("an address");
            let connection = Connection { peer: local, local, seat: Arc::default() };
            assert_eq!(super::scope(needs, &connection), scope, "{local} {needs:?}");
        }
    }

    #[test]
    fn a_body_is_not_too_long_and_there_in_time() {
        let json = ("content-type", "application/json");
        let long = || Body::new(Full::new(Bytes::from(vec![b' '; MAX_BODY_BYTES + 1])));
        for (fields, body, found) in [
            (&[json][..], Body::from("{}"), Ok(2)),
            (&[json, ("content-length", "1048577")], Body::empty(), Err(Refusal::TooLong)),
            (&[json], long(), Err(Refusal::TooLong)),
            (&[json], Body::new(Never), Err(Refusal::TooSlow)),
        ] {
            assert_eq!(taken(fields, body), found, "{fields:?}");
        }
    }

    #[test]
    fn what_is_json_says_so() {
        for (kind, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/jsonx", false),
            ("", false),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(is_json(&fields), json, "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
