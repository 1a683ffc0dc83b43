//! Honest clients of HTTP, by hyper: HTTP/1.1 with one request after the other, HTTP/2 with many at
//! once.

use anyhow::Context as _;
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::question::Question;
use crate::soak::crowd::Visit;
use crate::soak::target::{HTTP1, HTTP2};

/// Requests of one visit.
const REQUESTS: usize = 16;
/// No body of the soak is longer.
const MAX_BODY_BYTES: usize = 4 << 20;

/// A visit without TLS.
pub async fn plain(mut visit: Visit) -> anyhow::Result<u64> {
    let questions = choose(&mut visit);
    ask_one_by_one(&visit, &questions).await
}

/// Asks all, one after the other, on one connection without TLS.
pub async fn ask_one_by_one(visit: &Visit, questions: &[Question]) -> anyhow::Result<u64> {
    over_http1(visit.target.plain().await?, questions).await
}

/// A visit over TLS.
pub async fn tls(mut visit: Visit) -> anyhow::Result<u64> {
    let questions = choose(&mut visit);
    over_http1(visit.target.secure(HTTP1).await.context("connecting")?, &questions).await
}

/// A visit over TLS in HTTP/2.
pub async fn http2(mut visit: Visit) -> anyhow::Result<u64> {
    let questions = choose(&mut visit);
    let stream = visit.target.secure(HTTP2).await.context("connecting")?;
    let (requests, connection) = http2::handshake(Here, TokioIo::new(stream)).await?;
    // How it ends, its requests are told too.
    let connection = tokio::task::spawn_local(async { drop(connection.await) });
    let mut streams = JoinSet::new();
    for question in questions {
        streams.spawn_local(on_stream(requests.clone(), question));
    }
    let mut right = 0;
    while let Some(answer) = streams.join_next().await {
        right += answer??;
    }
    drop(requests);
    // It ends by itself once nothing is asked any more.
    connection.await?;
    Ok(right)
}

fn choose(visit: &mut Visit) -> Vec<Question> {
    (0..REQUESTS).map(|_| Question::choose(visit)).collect()
}

async fn over_http1<T>(stream: T, questions: &[Question]) -> anyhow::Result<u64>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // How it ends, its requests are told too.
    tokio::task::spawn_local(async { drop(connection.await) });
    for question in questions {
        let asked = || format!("{question:?} over HTTP/1.1");
        requests.ready().await.with_context(asked)?;
        let answer = requests.send_request(question.request(false)?).await.with_context(asked)?;
        check(question, answer).await?;
    }
    Ok(questions.len() as u64)
}

async fn on_stream(
    mut requests: http2::SendRequest<Empty<Bytes>>,
    question: Question,
) -> anyhow::Result<u64> {
    let asked = || format!("{question:?} over HTTP/2");
    let answer = requests.send_request(question.request(true)?).await.with_context(asked)?;
    check(&question, answer).await?;
    Ok(1)
}

async fn check(question: &Question, answer: Response<Incoming>) -> anyhow::Result<()> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the body of {question:?}: {error}"))?;
    question.check(head.status, &head.headers, &body.to_bytes())
}

/// Runs what hyper wants run on this thread.
#[derive(Clone)]
struct Here;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
