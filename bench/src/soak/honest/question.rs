//! What an honest client asks, and whether an answer is right.

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, HOST, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Empty;

use super::coding;
use crate::certificate;
use crate::origin;
use crate::soak::crowd::Visit;

/// What clients accept, by turns; each is a value of `Accept-Encoding`.
const ACCEPTED: [&str; 5] = ["identity", "gzip", "br", "zstd", "gzip, br, zstd"];
const SIZES: [usize; 4] = [500, 5_000, 50_000, 300_000];
/// How many URLs there are that many clients ask for.
const KNOWN: u64 = 100;
/// The range that is asked for; every text is longer.
const FIRST: usize = 10;
const LAST: usize = 409;

/// One request.
#[derive(Debug)]
pub struct Question {
    path: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// The text in one of these codings.
    Coded(&'static str),
    /// A part of the text.
    Part,
    /// What is not to be sent again.
    NotModified,
}

impl Question {
    /// Asks for a path of `/text/` as it is.
    pub fn whole(path: String) -> Self {
        Self { path, form: Form::Coded("identity") }
    }

    /// Any of them: known or cold, short or long.
    pub fn choose(visit: &mut Visit) -> Self {
        let mut below = |bound: usize| visit.rng.below(bound as u64) as usize;
        let folder = format!("/text/{}", SIZES[below(SIZES.len())]);
        let (accepted, form, is_new) = (ACCEPTED[below(ACCEPTED.len())], below(8), below(4) == 0);
        let path = match is_new {
            true => visit.new_path(&folder),
            false => format!("{folder}/known-{}", visit.rng.below(KNOWN)),
        };
        let form = match form {
            0 => Form::Part,
            1 => Form::NotModified,
            _ => Form::Coded(accepted),
        };
        Self { path, form }
    }

    /// The request, with a whole URL where HTTP/2 is spoken.
    pub fn request(&self, is_http2: bool) -> anyhow::Result<Request<Empty<Bytes>>> {
        let (host, path) = (certificate::NAME, &self.path);
        let request = match is_http2 {
            true => Request::get(format!("https://{host}{path}")),
            false => Request::get(path).header(HOST, host),
        };
        let request = match self.form {
            Form::Coded(accepted) => request.header(ACCEPT_ENCODING, accepted),
            Form::Part => request.header(RANGE, format!("bytes={FIRST}-{LAST}")),
            Form::NotModified => request.header(IF_NONE_MATCH, origin::etag(self.size()?)),
        };
        Ok(request.body(Empty::new())?)
    }

    /// Whether this is the right answer.
    pub fn check(&self, status: StatusCode, fields: &HeaderMap, body: &[u8]) -> anyhow::Result<()> {
        let text = origin::text(&self.path, self.size()?);
        let is_right = match (&self.form, status) {
            (Form::NotModified, StatusCode::NOT_MODIFIED) => body.is_empty(),
            (Form::Part, StatusCode::PARTIAL_CONTENT) => {
                let range = format!("bytes {FIRST}-{LAST}/{}", text.len());
                fields.get(CONTENT_RANGE).is_some_and(|said| said == range.as_str())
                    && body == &text[FIRST..=LAST]
            }
            // The origin knows no ranges: a part of what was not stored comes whole.
            (Form::Part, StatusCode::OK) => body == text,
            (Form::Coded(accepted), StatusCode::OK) => {
                let coding = fields.get(CONTENT_ENCODING).map(|coding| coding.to_str());
                let coding = coding.transpose()?.unwrap_or("identity");
                ensure!(
                    coding == "identity" || accepted.contains(coding),
                    "{coding} was not asked for: {self:?}"
                );
                let decoded = coding::decode(coding, body);
                decoded.with_context(|| format!("decoding {coding}: {self:?}"))? == text
            }
            // Revalidating a cold URL is a question to the origin, which knows no conditions.
            (Form::NotModified, StatusCode::OK) => body == text,
            _ => bail!("{status} to {self:?}: {:.200}", String::from_utf8_lossy(body)),
        };
        ensure!(is_right, "{status} with another body, of {} bytes, to {self:?}", body.len());
        Ok(())
    }

    fn size(&self) -> anyhow::Result<usize> {
        origin::text_size(&self.path).context("honest clients ask for texts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(form: Form) -> Question {
        Question { path: "/text/500/a".into(), form }
    }

    #[test]
    fn the_text_of_another_path_is_wrong() {
        let fields = HeaderMap::new();
        let check = |path| {
            let body = origin::text(path, 500);
            question(Form::Coded("identity")).check(StatusCode::OK, &fields, &body)
        };
        assert!(check("/text/500/a").is_ok());
        assert!(check("/text/500/b").is_err());
    }

    #[test]
    fn a_part_says_which_it_is() {
        let mut fields = HeaderMap::new();
        let body = &origin::text("/text/500/a", 500)[FIRST..=LAST];
        let check = |fields: &HeaderMap| {
            question(Form::Part).check(StatusCode::PARTIAL_CONTENT, fields, body)
        };
        assert!(check(&fields).is_err());
        fields.insert(CONTENT_RANGE, "bytes 10-409/500".parse().expect("a value"));
        assert!(check(&fields).is_ok());
    }

    #[test]
    fn a_coding_that_was_not_asked_for_is_wrong() {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_ENCODING, "br".parse().expect("a value"));
        let asked = question(Form::Coded("gzip"));
        let error = asked.check(StatusCode::OK, &fields, b"").expect_err("br was not asked for");
        assert!(error.to_string().contains("br was not asked for"), "{error}");
    }
}
