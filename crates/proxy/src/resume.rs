//! How a reader that fell out of a fill's window goes on by its own means: it asks the origin for
//! the rest of what it has begun to send, if that can be known to be the rest of the same thing.

use crate::error::Error;
use crate::fill::{Errand, Flowing};
use crate::upstream::{Response, ResponseBody, ResponsePiece};
use bytes::Bytes;
use policy::conditional::{is_weak, strongly_equal};
use policy::fields::Fields;
use policy::name::Name;
use policy::partial::ContentRange;

/// The rest of a response, from some offset on.
#[derive(Debug)]
pub struct Rest {
    body: ResponseBody,
    /// Bytes that were sent already and come again.
    skip: u64,
}

impl Rest {
    /// Asks for the rest of a response of which `offset` bytes are sent. Only a strong validator
    /// says that what comes is the rest of the same thing (RFC 9110 §8.8.1); without one there is
    /// nothing to go on with.
    pub async fn ask(errand: &Errand, head: &Flowing, offset: u64) -> Option<Rest> {
        let tag = head.shown.get(Name::Etag).filter(|tag| !is_weak(tag))?;
        let response = errand.ask_rest(offset, tag).await.ok()?;
        let same = response.fields.get(Name::Etag).is_some_and(|new| strongly_equal(new, tag));
        let skip = match response.status {
            206 if same && is_rest(&response, offset) => 0,
            200 if same => offset,
            _ => return None,
        };
        Some(Rest { body: response.body, skip })
    }

    /// The next bytes that were not sent yet; nothing at the end.
    ///
    /// # Errors
    /// When the origin breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let ResponsePiece::Data(mut data) = self.body.next().await? else {
                return if self.skip == 0 { Ok(None) } else { Err(Error::OriginDropped) };
            };
            let skipped = self.skip.min(data.len() as u64);
            self.skip -= skipped;
            // At most the data's length, which is a usize.
            let rest = data.split_off(skipped as usize);
            if !rest.is_empty() {
                return Ok(Some(rest));
            }
        }
    }
}

/// The request's fields that ask for the rest.
pub fn conditions(fields: &mut Fields, offset: u64, tag: &[u8]) {
    fields.add(Name::Range, format!("bytes={offset}-"));
    fields.add(Name::IfRange, tag);
}

/// Whether a 206 is all from that offset on (RFC 9110 §14.4): a server may send less than asked.
fn is_rest(response: &Response, offset: u64) -> bool {
    let range = ContentRange::of(&response.fields);
    range.is_some_and(|range| range.first == offset && range.last + 1 == range.total)
}
