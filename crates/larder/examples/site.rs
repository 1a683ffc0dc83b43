//! The origin behind `make run`: a small site of pages, an API and pictures whose every answer
//! takes 200 ms, so that one sees what a cache in front of it changes.
//!
//! `cargo run --example site -- 127.0.0.1:4321 examples/site`

use anyhow::Context;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a slow application takes for an answer.
const WORK: Duration = Duration::from_millis(200);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:4321".to_owned());
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "examples/site".to_owned()));
    let routes = Router::new()
        .route("/", get(|State(folder): State<PathBuf>| file(folder, "index.html".to_owned())))
        .route("/api/time", get(time))
        .route("/api/me", get(me))
        .route("/{*name}", get(|State(folder), Path(name)| file(folder, name)))
        .with_state(folder);
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .with_context(|| format!("the site cannot listen on {address}"))?;
    axum::serve(listener, routes).await?;
    Ok(())
}

/// A file of the site: assets live for ever, pages are fresh for a minute.
async fn file(folder: PathBuf, name: String) -> Response {
    tokio::time::sleep(WORK).await;
    let outside = name.split('/').any(|part| part.starts_with('.') || part.is_empty());
    let content = match outside {
        true => None,
        false => std::fs::read(folder.join(&name)).ok(),
    };
    let Some(content) = content else {
        return (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response();
    };
    let lifetime = match name.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "s-maxage=60, stale-while-revalidate=600",
    };
    let headers = [(header::CONTENT_TYPE, kind(&name)), (header::CACHE_CONTROL, lifetime)];
    let tag = tag(&content);
    let mut response = (headers, content).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A validator that changes with the content (FNV-1a).
fn tag(content: &[u8]) -> String {
    let hash = content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("\"{hash:016x}\"")
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

async fn time() -> impl IntoResponse {
    tokio::time::sleep(WORK).await;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let second = since.as_secs() % 86_400;
    let clock = format!("{:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60);
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "s-maxage=5")];
    (headers, format!("{{\"time\":\"{clock}\"}}\n"))
}

async fn me() -> impl IntoResponse {
    tokio::time::sleep(WORK).await;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private")];
    (headers, "{\"name\":\"you\"}\n")
}
