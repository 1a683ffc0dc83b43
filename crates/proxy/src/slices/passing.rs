//! Bytes of a body that come for one client alone, since they may not be stored or there is no room
//! for them.

use crate::error::Error;
use crate::fill::Errand;
use crate::upstream::{Response, ResponseBody, ResponsePiece};
use bytes::Bytes;
use policy::partial::{self, BLOCK_BYTES, ContentRange};
use std::ops::Range;
use store::Entry;

/// A part of a body on its way to one client.
#[derive(Debug)]
pub struct Passing {
    body: ResponseBody,
    /// Which bytes of the whole come yet.
    left: Range<u64>,
}

impl Passing {
    /// Asks for a range of something stored, as the client is to get it.
    ///
    /// # Errors
    /// When the origin fails, or has something else by now.
    pub async fn ask(errand: &Errand, entry: &Entry, range: Range<u64>) -> Result<Passing, Error> {
        // Behind a block there may be more in the store by then.
        let end = range.end.min(range.start.saturating_add(BLOCK_BYTES));
        let asked = format!("bytes={}-{}", range.start, end - 1);
        let response = errand.ask_part(&asked).await?;
        let part = part(entry, &response).filter(|part| part.contains(&range.start));
        let left = part.ok_or(Error::OriginDropped)?;
        Ok(Passing { body: response.body, left })
    }

    /// What comes with a response that bears this part of the whole.
    pub fn of(response: Response, part: Range<u64>) -> Passing {
        Passing { body: response.body, left: part }
    }

    /// Whether what comes lies behind an offset.
    pub fn is_ahead_of(&self, offset: u64) -> bool {
        offset < self.left.start && !self.left.is_empty()
    }

    /// The next bytes of a range; nothing if it has none of them.
    pub async fn next(&mut self, range: Range<u64>) -> Option<Bytes> {
        while self.left.contains(&range.start) {
            let Ok(ResponsePiece::Data(mut data)) = self.body.next().await else { break };
            let skipped = range.start.saturating_sub(self.left.start).min(data.len() as u64);
            let begin = self.left.start + skipped;
            // At most the data's length, which is a usize.
            let mut wanted = data.split_off(skipped as usize);
            self.left.start = begin + wanted.len() as u64;
            let most = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            wanted.truncate(most);
            if !wanted.is_empty() {
                return Some(wanted);
            }
        }
        None
    }
}

/// Which bytes of something stored a response bears, if it is of the very same, and as long as it
/// says.
pub fn part(entry: &Entry, response: &Response) -> Option<Range<u64>> {
    let (part, total) = match response.status {
        206 => {
            let range = ContentRange::of(&response.fields)?;
            (range.first..range.last + 1, range.total)
        }
        200 => (0..response.length?, response.length?),
        _ => return None,
    };
    let is_so_long = response.length == Some(part.end - part.start);
    let is_of = partial::is_of(&entry.meta, &response.fields, Some(total));
    (is_so_long && is_of).then_some(part)
}
