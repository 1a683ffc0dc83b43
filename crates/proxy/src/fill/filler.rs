//! The task that writes a fill: asks the origin, decides on the response, stores and hands on.

use super::errand::{Arrival, Conditions, Errand};
use super::{Fill, Flowing, Head, Reader};
use crate::background;
use crate::error::Error;
use crate::slices;
use crate::upstream::request::make_anonymous;
use crate::upstream::{Early, Response, ResponsePiece};
use policy::admission;
use policy::conditional;
use policy::meta::Meta;
use policy::name::Name;
use policy::partial;
use policy::range::Spec;
use policy::reason::WhySkip;
use policy::request::{Method, Request};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::{Departure, Lookup, Writer};
use tokio::sync::mpsc::Sender;

/// How long a body of unknown length that nobody reads any more may be silent before it is given up.
pub const UNREAD: Duration = Duration::from_secs(5);
/// The longest pause before the next refresh of what its framework goes on calling old. Next does not
/// make a page anew for those who ask for parts of it in advance.
const OLD_PAUSE: Duration = Duration::from_secs(10);

/// Leads a fill: runs it beside the request that began it. Interim responses go to `early`, which
/// is that request's: they may be as private as the final one turns out to be.
pub fn lead(mut errand: Errand, fill: Arc<Fill>, early: Early) {
    if errand.request.method != Method::Get {
        Rc::make_mut(&mut errand.request).method = Method::Get;
    }
    let end = EndOnDrop::new(&errand, &fill);
    tokio::task::spawn_local(async move {
        let brought = run(&errand, fill, Some(early)).await;
        drop(end);
        if let Brought::Provisional = brought {
            // Beside it, so that a failure does not take its place.
            let (key, site) = (errand.key.as_ref(), errand.site.settings.site.id);
            let found = errand.core.shared.store.lookup(key, &errand.request.fields, site);
            if let Lookup::Hit(entry) = found {
                errand.stored = Some(entry);
            }
            background::refresh(errand, false);
        }
    });
}

/// Runs a fill for nobody in particular: no cookies, no credentials, no address, none of the
/// wishes of the request that gave the occasion.
pub async fn fill_in_background(mut errand: Errand, fill: Arc<Fill>) {
    let site = errand.site.clone();
    let rule = site.settings.site.rule_for(&errand.request);
    let mut request = Request::clone(&errand.request);
    request.method = Method::Get;
    conditional::remove_conditions(&mut request.fields);
    for name in [Name::CacheControl, Name::IfMatch, Name::IfUnmodifiedSince, Name::Pragma] {
        request.fields.remove(name);
    }
    make_anonymous(&mut request.fields, rule);
    errand.request = Rc::new(request);
    if errand.stored.as_ref().is_some_and(|stored| stored.body.with_gaps().is_some()) {
        // Nobody wanted all of it so far.
        errand.part = Some(partial::first_ask(Spec::From(0, Some(0))).into());
    }
    errand.client.is_told = false;
    if let Some(making) = &mut errand.making {
        Rc::make_mut(making).takes_its_time = true;
    }
    if let Some(entry) = errand.fresh_by_now().await {
        fill.begin(Head::Stored { entry, status: None }, false, false);
        return;
    }
    let brought = run(&errand, fill, None).await;
    let shared = &errand.core.shared;
    match brought {
        Brought::Something | Brought::Provisional => {
            shared.pauses.went_well(errand.key.as_ref().bytes())
        }
        Brought::TheOldAgain => errand.pause(OLD_PAUSE),
        // Nobody in particular asked, so it is so for everybody: the old page is not true any more.
        Brought::NothingToKeep => {
            shared.store.invalidate(errand.key.as_ref().url());
        }
        Brought::Failure => errand.pause(Duration::MAX),
    }
}

/// What came of a fill.
#[derive(Clone, Copy)]
enum Brought {
    /// A response that is kept, or the word that the stored one is good.
    Something,
    /// A response that is kept until a better one is made, which can begin now.
    Provisional,
    /// A response that is kept and that its framework calls old, as it did the one before: it does
    /// not become new by being asked for.
    TheOldAgain,
    /// A response that may not be kept, nor will the next.
    NothingToKeep,
    /// Nothing, or what the origin sends when it is in trouble: what is stored stays.
    Failure,
}

/// What a response that is not kept says of the one that is stored.
fn unkept(why: WhySkip, status: u16) -> Brought {
    let is_in_trouble = status >= 500 || matches!(status, 408 | 425 | 429);
    if why.is_lasting() && !is_in_trouble { Brought::NothingToKeep } else { Brought::Failure }
}

async fn run(errand: &Errand, fill: Arc<Fill>, early: Option<Early>) -> Brought {
    if let Some(entry) = errand.fresh_on_disk().await {
        fill.begin(Head::Stored { entry, status: None }, false, false);
        return Brought::Something;
    }
    let arrival = tokio::select! {
        biased;
        arrival = errand.ask(Conditions::Ours, fill.departure(), early) => arrival,
        // Its turn is for those who wait.
        () = fill.is_left_without_a_place(&errand.site.upstream) => Err(Error::OriginDropped),
    };
    match arrival {
        Err(error) => {
            fill.begin(Head::Failed(error), false, false);
            Brought::Failure
        }
        Ok(Arrival::Confirmed(confirmed)) => {
            fill.begin(Head::Confirmed(confirmed), false, false);
            Brought::Something
        }
        Ok(Arrival::Response(response)) if errand.part.is_some() && response.status == 206 => {
            slices::flow(errand, &fill, *response).await;
            Brought::Something
        }
        Ok(Arrival::Response(response)) if errand.part.is_some() && response.status == 416 => {
            fill.begin(Head::Refused, false, false);
            Brought::Failure
        }
        Ok(Arrival::Response(response)) => flow(errand, &fill, *response).await,
    }
}

/// However its task ends, even before it began, nobody goes on waiting for a fill; and the core
/// does not stop before, since readers may be on other cores.
pub struct EndOnDrop {
    errand: Errand,
    fill: Arc<Fill>,
    _running: Option<Sender<()>>,
}

impl EndOnDrop {
    /// Made before the task is.
    pub fn new(errand: &Errand, fill: &Arc<Fill>) -> EndOnDrop {
        let _running = errand.core.stay();
        EndOnDrop { errand: errand.clone(), fill: fill.clone(), _running }
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.errand.core.shared.fills.leave(self.errand.name(), &self.fill);
        if !self.fill.has_ended() {
            self.fill.end(Err(()));
        }
    }
}

/// Hands on a response that one request got for itself and that may be stored: it is stored at
/// the origin's pace, not at that of its client.
pub fn keep_alone(
    errand: Errand,
    departure: Departure,
    response: Response,
    meta: Box<Meta>,
    writer: Writer,
) -> (Arc<Flowing>, Reader) {
    let limits = errand.core.shared.fill_limits(false);
    let fill = Arc::new(Fill::new(departure, limits));
    let reader = fill.first_reader();
    let flowing = errand.flowing(&response, Ok(meta), Some(&writer));
    fill.begin(Head::Flowing(flowing.clone()), false, true);
    let end = EndOnDrop::new(&errand, &fill);
    let head = flowing.clone();
    tokio::task::spawn_local(async move {
        // Whether it is kept matters to nobody here: it was this one's request.
        let _ = body(&errand, &fill, response, &head, Some(writer)).await;
        drop(end);
    });
    (flowing, reader)
}

/// Decides on a response, says how it begins, and hands its body on.
async fn flow(errand: &Errand, fill: &Arc<Fill>, response: Response) -> Brought {
    let (decision, writer) = errand.admit(&response, fill.departure());
    let is_shared = decision.as_ref().is_ok_and(|meta| admission::is_shareable(meta));
    if !is_shared {
        errand.core.shared.fills.leave(errand.name(), fill);
    }
    let flowing = errand.flowing(&response, decision, writer.as_ref());
    if errand.part.is_some() && response.length.is_some() {
        // Who wants a part leaves early, and the next would have to ask for all of it again.
        fill.go_on_for(partial::BLOCK_BYTES);
    }
    fill.begin(Head::Flowing(flowing.clone()), is_shared, writer.is_some());
    let is_provisional = response.is_provisional;
    let kept = body(errand, fill, response, &flowing, writer).await;
    match flowing.admission.as_ref().err().copied().or(kept.err()) {
        None if errand.is_old_again(&flowing) => Brought::TheOldAgain,
        None if is_provisional => Brought::Provisional,
        None => Brought::Something,
        Some(why) => unkept(why, flowing.status),
    }
}

/// Hands a body on and stores it, if there is a writer.
///
/// # Errors
/// Why what was to be stored is not.
async fn body(
    errand: &Errand,
    fill: &Arc<Fill>,
    response: Response,
    head: &Flowing,
    mut writer: Option<Writer>,
) -> Result<(), WhySkip> {
    let mut body = response.body;
    let mut kept = Ok(());
    loop {
        let piece = tokio::select! {
            biased;
            piece = body.next() => piece,
            // What is not stored is for those who read it; an origin may be silent for long.
            () = fill.is_left(), if writer.is_none() => return kept,
            // Nor does anybody know when a body of unknown length ends.
            () = fill.is_left_for(UNREAD), if writer.is_some() && head.length.is_none() => {
                return Err(WhySkip::Incomplete);
            }
        };
        match piece {
            Ok(ResponsePiece::Data(chunk)) => {
                let refused = match &mut writer {
                    Some(writer) => writer.push(chunk.clone()).await.err(),
                    None => None,
                };
                // A writer that is of no more use counts until its chunks are read.
                let spent = refused.and_then(|why| {
                    errand.skip(why, head.status);
                    kept = Err(why);
                    fill.keep_window_only();
                    writer.take()
                });
                if let Some(file) = writer.as_ref().and_then(Writer::file) {
                    fill.goes_to(file);
                }
                if !fill.push(chunk, head.length).await {
                    return kept.and(Err(WhySkip::Incomplete));
                }
                drop(spent);
            }
            Ok(ResponsePiece::End(trailers)) => {
                if let (Some(writer), Ok(meta)) = (writer, &head.admission) {
                    match errand.keep(writer, (**meta).clone(), fill.departure()).await {
                        Ok(entry) => fill.is_stored_as(entry.body.clone(), Some(entry)),
                        Err(why) => {
                            errand.skip(why, head.status);
                            kept = Err(why);
                        }
                    }
                }
                fill.end(Ok(trailers));
                return kept;
            }
            Err(_) => {
                if writer.is_some() {
                    errand.skip(WhySkip::Incomplete, head.status);
                }
                fill.breaks_off(writer);
                return kept.and(Err(WhySkip::Incomplete));
            }
        }
    }
}
