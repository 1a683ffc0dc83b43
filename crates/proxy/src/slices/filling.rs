//! Filling the gaps of stored bodies with what the origin gives.

use super::passing::{Passing, part};
use super::{Reading, Trouble};
use crate::fill::{Confirmed, Errand, Fill, Head};
use crate::heads;
use crate::upstream::{Response, ResponseBody, ResponsePiece};
use policy::admission::{self, Admission, Confirmation};
use policy::partial::{self, BLOCK_BYTES, ContentRange};
use policy::reason::WhySkip;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use store::{Departure, Entry, Fate, GapWriter};
use tokio::time::sleep;

/// So long those who waited for the beginning of a body have to begin to read it.
const GRACE: Duration = Duration::from_secs(1);

/// Stores a part that came for a fill as the beginning of the whole, and lets all know who wait.
pub async fn flow(errand: &Errand, fill: &Arc<Fill>, response: Response) {
    if let Some(entry) = confirmed(errand, &response, fill.departure()) {
        let confirmed = Confirmed { entry, skipped: None, stood_in: None };
        fill.begin(Head::Confirmed(confirmed), false, false);
        return fill.end(Err(()));
    }
    match begin(errand, fill, &response).await {
        Ok((entry, gap, part)) => {
            errand.unmark_parts();
            let reading = entry.body.file().cloned().map(Reading::new);
            fill.begin(Head::Stored { entry, status: Some(206) }, false, true);
            // Who needs what does not come asks for it himself.
            let _ = fill_gap(errand, gap, response.body, part, (true, reading)).await;
        }
        Err(why) => {
            errand.skip(why, response.status);
            if is_of_the_response(why) {
                errand.mark_parts();
            }
            fill.begin(Head::Refused, false, false);
        }
    }
    fill.end(Err(()));
}

/// What is stored, confirmed by a part of the very same: the origin does not answer conditions.
fn confirmed(errand: &Errand, response: &Response, departure: &Departure) -> Option<Arc<Entry>> {
    let stored = errand.stored.as_ref().filter(|stored| stored.body.file().is_some())?;
    part(stored, response)?;
    if errand.core.shared.store.is_gone(errand.key.as_ref(), stored) {
        return None;
    }
    let offer = errand.offer(response, departure.born());
    match admission::confirmation(&offer, &stored.meta) {
        Confirmation::Update(meta) if meta.variant == stored.meta.variant => {
            let renewed = errand.renewed(*meta);
            Some(errand.core.shared.store.refresh(&errand.key, stored, renewed, departure))
        }
        _ => None,
    }
}

async fn begin(
    errand: &Errand,
    fill: &Fill,
    response: &Response,
) -> Result<(Arc<Entry>, GapWriter, Range<u64>), WhySkip> {
    let departure = fill.departure();
    let (meta, range) = partial::admit(&errand.offer(response, departure.born()))?;
    if response.length != Some(range.len()) {
        // It is not what it says it is.
        return Err(WhySkip::Partial);
    }
    let site = &errand.site.settings.site;
    let heads = heads::prepared(site, errand.rule(), &meta, meta.body_bytes);
    let (key, replaced) = (&errand.key, errand.stored.as_ref());
    let part = range.first..range.last + 1;
    let store = &errand.core.shared.store;
    let begun = store.begin_with_gaps(key, (*meta, heads), part.clone(), departure, replaced);
    let (entry, gap) = begun.await?;
    Ok((entry, gap, part))
}

/// Asks the origin for a gap of something stored, and fills it with what comes.
///
/// # Errors
/// Why it is not filled.
pub async fn fetch(errand: &Errand, entry: &Arc<Entry>, mut gap: GapWriter) -> Result<(), Trouble> {
    let departure = errand.depart();
    let range = gap.range();
    let asked = format!("bytes={}-{}", range.start, range.end - 1);
    let response = tokio::select! {
        biased;
        response = errand.ask_part(&asked) => response.map_err(Trouble::Failed)?,
        // Its turn is for those who wait.
        () = gap.is_left() => return Ok(()),
    };
    let status = response.status;
    let part = part(entry, &response).filter(|part| part.contains(&range.start));
    let Some(part) = part else {
        return Err(match status {
            200 | 206 | 404 | 410 | 416 if status >= 400 || is_other(entry, &response) => {
                // It must be validated before it is used.
                errand.core.shared.store.invalidate(errand.key.as_ref().url());
                gap.set_fate(Fate::Outdated);
                Trouble::Outdated
            }
            500.. => Trouble::Otherwise,
            _ => {
                gap.set_fate(Fate::Refused);
                Trouble::Otherwise
            }
        });
    };
    match combine(errand, entry, &response, &departure) {
        Combined::Yes => {}
        Combined::Outdated => {
            gap.set_fate(Fate::Outdated);
            return Err(Trouble::Outdated);
        }
        Combined::NotStored(why) => {
            errand.core.counters.skipped(why);
            if is_of_the_response(why) {
                gap.set_fate(Fate::Refused);
            }
            return Err(Trouble::Alone(Some(Box::new(Passing::of(response, part)))));
        }
    }
    if status == 200 {
        // It gives no parts any more: all that comes is of use.
        gap.widen();
    }
    fill_gap(errand, gap, response.body, part, (status == 206, None)).await
}

/// Whether a reason not to store lies in what the origin sent, so that it holds for others too.
fn is_of_the_response(why: WhySkip) -> bool {
    !matches!(
        why,
        WhySkip::RequestNoStore
            | WhySkip::Cookie
            | WhySkip::Authorization
            | WhySkip::InFlight
            | WhySkip::Disk
    )
}

/// Whether a response with a body is of something else than what is stored.
fn is_other(entry: &Entry, response: &Response) -> bool {
    let total = match ContentRange::of(&response.fields) {
        Some(range) => Some(range.total),
        None => response.length,
    };
    !partial::is_of(&entry.meta, &response.fields, total)
}

/// Whether a response may be combined with what is stored.
enum Combined {
    Yes,
    /// What is stored is not to be used any more.
    Outdated,
    /// It is of the same, and not to be stored.
    NotStored(WhySkip),
}

/// Sees to it that a part of something stored may be combined with it, and updates it (RFC 9111
/// §3.4).
fn combine(
    errand: &Errand,
    entry: &Arc<Entry>,
    response: &Response,
    departure: &Departure,
) -> Combined {
    let store = &errand.core.shared.store;
    // What came before an invalidation and what came after it are never put together.
    let is_over = departure.is_overtaken()
        || departure.is_purged(Some(&entry.meta))
        || store.is_invalid(entry)
        || store.is_gone(errand.key.as_ref(), entry);
    if is_over {
        return Combined::Outdated;
    }
    if entry.body.file().is_some_and(|file| !file.is_kept()) {
        return Combined::NotStored(WhySkip::Disk);
    }
    let offer = errand.offer(response, departure.born());
    // The bytes are stored, not only the fields: what forbids that counts as for any response.
    let admitted = match response.status {
        206 => partial::admit(&offer).map(|_| ()),
        _ => match admission::admission(&offer) {
            Admission::Store(_) => Ok(()),
            Admission::Skip(why) => Err(why),
        },
    };
    if let Err(why) = admitted {
        return Combined::NotStored(why);
    }
    match admission::confirmation(&offer, &entry.meta) {
        Confirmation::Update(meta) if meta.variant == entry.meta.variant => {
            store.refresh(&errand.key, entry, errand.renewed(*meta), departure);
            Combined::Yes
        }
        Confirmation::ServeOnce(_, why) => Combined::NotStored(why),
        Confirmation::Update(_) | Confirmation::Mismatch => {
            store.invalidate(errand.key.as_ref().url());
            Combined::Outdated
        }
    }
}

/// Writes what comes of a part into a gap, until that is full. Once nobody reads the body it goes on
/// only if little is missing, and there is a place for those that nobody waits for.
async fn fill_gap(
    errand: &Errand,
    mut gap: GapWriter,
    mut body: ResponseBody,
    part: Range<u64>,
    (gives_parts, mut reading): (bool, Option<Reading>),
) -> Result<(), Trouble> {
    let mut skip = gap.range().start.saturating_sub(part.start);
    gap.start_at(part.start);
    gap.end_at(part.end);
    let finish_bytes = errand.core.shared.fill_limits(false).finish_bytes;
    // Who gives no parts would have to give all of it again.
    let goes_on_bytes = if gives_parts { finish_bytes } else { finish_bytes.max(BLOCK_BYTES) };
    let mut grace = pin!(sleep(GRACE));
    let mut left = pin!(gap.is_left());
    let mut unattended = None;
    let end = loop {
        if gap.is_full() {
            break Ok(());
        }
        let piece = tokio::select! {
            biased;
            piece = body.next() => piece,
            () = &mut grace, if reading.is_some() => {
                reading = None;
                continue;
            }
            () = &mut left, if unattended.is_none() => {
                unattended = errand.site.upstream.go_on_unattended();
                if unattended.is_none() || gap.missing() > goes_on_bytes {
                    break Ok(());
                }
                continue;
            }
        };
        match piece {
            Ok(ResponsePiece::Data(mut data)) => {
                let skipped = skip.min(data.len() as u64);
                skip -= skipped;
                // At most the data's length, which is a usize.
                let data = data.split_off(skipped as usize);
                if gap.write(data).await.is_err() {
                    gap.set_fate(Fate::Refused);
                    return Err(Trouble::Alone(None));
                }
            }
            Ok(ResponsePiece::End(_)) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let finished = gap.finish().await;
    // Where it ended just so, the connection is good for another request.
    body.finish();
    end.map_err(Trouble::Failed)?;
    finished.map_err(|_| Trouble::Alone(None))
}
