//! The demo's servers: an API that is slow, limits its rate and sometimes fails; a CDN of pictures that
//! is slow and sometimes fails; and the site's app, which asks the API for each visitor.

use super::pictures::Pictures;
use anyhow::Context;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// The site's page: it asks `/api/news.json` and shows what comes.
const PAGE: &str = include_str!("page.html");
/// How long the API takes, in milliseconds.
const API_MILLIS: (u64, u64) = (100, 300);
/// How long the CDN takes, in milliseconds.
const CDN_MILLIS: (u64, u64) = (50, 200);
/// One answer of so many of the API fails.
const API_FAILS: u64 = 20;
/// One answer of so many of the CDN fails.
const CDN_FAILS: u64 = 30;
/// Answers a second of the API; further requests get 429.
const API_RATE: u32 = 10;
/// The API has a new item so often.
const NEWS_EVERY: Duration = Duration::from_secs(60);

/// What was begun, and what it counts.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The API.
    pub api: SocketAddr,
    /// The CDN.
    pub pictures: SocketAddr,
    /// The site's app.
    pub app: SocketAddr,
    /// What was asked of the API and the CDN.
    pub counted: Arc<Counted>,
}

/// Requests and bytes.
#[derive(Debug, Default)]
pub struct Counted {
    /// Requests.
    pub requests: AtomicU64,
    /// Bytes of bodies.
    pub bytes: AtomicU64,
}

#[derive(Clone)]
struct World {
    counted: Arc<Counted>,
    pictures: Arc<Pictures>,
    cdn: SocketAddr,
    items: u64,
    is_off: Arc<AtomicBool>,
    dice: Arc<AtomicU64>,
    window: Arc<Mutex<(Instant, u32)>>,
}

/// Begins them on a thread of their own: the app at `port`, the API and the CDN at the next two, or
/// where there is room.
///
/// # Errors
/// When no address can be had.
pub fn begin(port: u16, items: u64) -> anyhow::Result<Begun> {
    let [app, api, cdn] = [0, 1, 2].map(|step| listen(port, step));
    let (app, api, cdn) = (app?, api?, cdn?);
    let counted = Arc::<Counted>::default();
    let begun = Begun {
        api: api.local_addr()?,
        pictures: cdn.local_addr()?,
        app: app.local_addr()?,
        counted: counted.clone(),
    };
    let world = World {
        counted,
        pictures: Arc::default(),
        cdn: begun.pictures,
        items,
        is_off: Arc::default(),
        dice: Arc::new(AtomicU64::new(0x1234_5678_9abc_def1)),
        window: Arc::new(Mutex::new((Instant::now(), 0))),
    };
    let run = move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let [app, api, cdn] = [app, api, cdn].map(TcpListener::from_std);
            let (app, api, cdn) = (app?, api?, cdn?);
            let (ends, _, _) = tokio::join!(
                async { axum::serve(app, of_app(world.clone())).await },
                async { axum::serve(api, of_api(world.clone())).await },
                async { axum::serve(cdn, of_cdn(world.clone())).await },
            );
            ends.context("the demo's app")
        })
    };
    let report = move || {
        if let Err(error) = run() {
            tracing::error!("the demo's servers ended: {error:#}");
        }
    };
    std::thread::Builder::new().name("demo".into()).spawn(report).context("the demo's thread")?;
    Ok(begun)
}

fn listen(port: u16, step: u16) -> anyhow::Result<std::net::TcpListener> {
    // Port 0 is any.
    let wanted = if port == 0 { 0 } else { port.saturating_add(step) };
    let wanted = (Ipv4Addr::LOCALHOST, wanted);
    let listener = std::net::TcpListener::bind(wanted)
        .or_else(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("an address for the demo's servers")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn of_app(world: World) -> Router {
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/api/news.json", get(news))
        .with_state(world)
}

fn of_api(world: World) -> Router {
    Router::new()
        .route("/v1/news", get(news))
        .route("/sent", get(sent))
        .route("/off", post(off))
        .route("/on", post(on))
        .with_state(world)
}

fn of_cdn(world: World) -> Router {
    Router::new().route("/{item}/cover.jpg", get(picture)).with_state(world)
}

/// How many bytes the API and the CDN have sent, for who measures.
async fn sent(State(world): State<World>) -> String {
    format!("{}\n", world.counted.bytes.load(Ordering::Relaxed))
}

async fn off(State(world): State<World>) -> &'static str {
    world.is_off.store(true, Ordering::Relaxed);
    "the API and the CDN are away\n"
}

async fn on(State(world): State<World>) -> &'static str {
    world.is_off.store(false, Ordering::Relaxed);
    "the API and the CDN are back\n"
}

/// The document: slow, limited, unreliable.
async fn news(State(world): State<World>) -> Response {
    world.wait(API_MILLIS).await;
    if world.is_off.load(Ordering::Relaxed) || world.fails(API_FAILS) {
        return world.failed();
    }
    if !world.may() {
        let after = [(header::RETRY_AFTER, "1")];
        return (StatusCode::TOO_MANY_REQUESTS, after, "too many requests\n").into_response();
    }
    let first = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
        / NEWS_EVERY.as_secs();
    let items: Vec<Value> =
        (0..world.items).map(|back| item(first.saturating_sub(back), world.cdn)).collect();
    let document = json!({ "data": items });
    world.count(document.to_string().len());
    Json(document).into_response()
}

fn item(number: u64, cdn: SocketAddr) -> Value {
    const SUBJECTS: [&str; 6] = [
        "The harbour",
        "A village",
        "The night train",
        "The observatory",
        "The old mill",
        "The lake",
    ];
    const VERBS: [&str; 5] = ["opens again", "has a new keeper", "is late", "was painted", "sings"];
    let subject = SUBJECTS[(number % 6) as usize];
    let verb = VERBS[(number / 6 % 5) as usize];
    json!({
        "id": number,
        "title": format!("{subject} {verb}"),
        "summary": "What happened, who was there, and what the neighbours say of it.".repeat(3),
        "enclosure": format!("http://{cdn}/{number}/cover.jpg"),
    })
}

async fn picture(State(world): State<World>, Path(item): Path<u64>) -> Response {
    world.wait(CDN_MILLIS).await;
    if world.is_off.load(Ordering::Relaxed) || world.fails(CDN_FAILS) {
        return world.failed();
    }
    match world.pictures.get(item) {
        Ok(bytes) => {
            world.count(bytes.len());
            ([(header::CONTENT_TYPE, "image/jpeg")], bytes.to_vec()).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

impl World {
    /// A number that nobody foresees and every run repeats (xorshift).
    fn throw(&self) -> u64 {
        let step = |mut dice: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^ dice << 17
        };
        let before =
            self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| Some(step(it)));
        step(before.unwrap_or(1))
    }

    async fn wait(&self, (least, most): (u64, u64)) {
        sleep(Duration::from_millis(least + self.throw() % (most - least))).await;
    }

    fn fails(&self, one_of: u64) -> bool {
        self.throw().is_multiple_of(one_of)
    }

    fn failed(&self) -> Response {
        self.count(0);
        (StatusCode::BAD_GATEWAY, "the upstream is unwell\n").into_response()
    }

    /// Whether the API's rate allows one more.
    fn may(&self) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.0.elapsed() >= Duration::from_secs(1) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        window.1 <= API_RATE
    }

    fn count(&self, bytes: usize) {
        self.counted.requests.fetch_add(1, Ordering::Relaxed);
        self.counted.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
