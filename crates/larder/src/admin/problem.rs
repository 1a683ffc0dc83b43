//! Errors as clients of the admin listener get them: problem documents (RFC 9457).

use crate::asked::Unclear;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::borrow::Cow;
use store::purge_log::Refused;

/// What went wrong, and how to mend it.
#[derive(Clone, Debug)]
pub struct Problem {
    status: u16,
    token: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    /// In a box, so that results with problems stay small.
    field: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    /// A problem; `token` is its kind, for programs, `detail` how to mend it.
    pub fn new(
        status: u16,
        token: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem { status, token, title, detail: detail.into(), field: None }
    }

    /// What was asked makes no sense.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(400, "bad-request", "The request makes no sense", detail)
    }

    /// Why a purge was not done.
    pub fn of_purge(error: Refused) -> Problem {
        match error {
            Refused::TooLong => Problem::bad_request(error.to_string()),
            _ => Problem::new(
                503,
                "purge-not-kept",
                "Nothing was purged",
                format!("the purge log cannot be written: {error}; mend the disk and purge again"),
            ),
        }
    }

    /// The same with a header field.
    pub fn with(self, name: HeaderName, value: HeaderValue) -> Problem {
        Problem { field: Some(Box::new((name, value))), ..self }
    }

    /// Its status.
    #[cfg(test)]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// How to mend it.
    #[cfg(test)]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<Unclear> for Problem {
    fn from(unclear: Unclear) -> Problem {
        match unclear {
            Unclear::Wrong(mend) => Problem::bad_request(mend),
            Unclear::UnknownHost(detail) => {
                Problem::new(404, "unknown-host", "No site answers for this host", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem { status, token, title, detail, field } = self;
        let body = json!({
            "type": format!("urn:larder:problem:{token}"),
            "title": title,
            "status": status,
            "detail": detail,
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, format!("{body}\n")).into_response();
        if let Some(field) = field {
            let (name, value) = *field;
            response.headers_mut().insert(name, value);
        }
        response
    }
}
