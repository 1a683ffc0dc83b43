//! What stands in the place of an origin where a picture is asked for.

use super::allowed::{Place, place};
use super::asked::Making;
use super::gather::Lost;
use super::held::Held;
use super::reading::{Deadline, MAX_MARK_BYTES, read, read_mark, whole};
use super::source::{Coming, Found, Lived, find, wanted};
use super::told::{self, Manner, Outcome, SVG, Tag, failure, may_be_provisional};
use super::workshop::{Done, Material, Refused, Workshop};
use crate::error::Error;
use crate::fill::Errand;
use crate::settings::OnError;
use crate::upstream::Response;
use bytes::Bytes;
use imaging::job::{Job, Task};
use imaging::plan::{Asked, Best, Output, Plan, Source, Wanted};
use imaging::run::{Effort, Media, Recipe};
use imaging::sniff::{is_svg, kind, may_move};
use policy::fields::Fields;
use policy::freshness::Exchange;
use policy::lineage::Lineage;
use policy::name::Name;
use policy::reuse::Failure;
use policy::time::Timestamp;
use tokio::sync::OwnedSemaphorePermit;

/// Gives what is asked for: finds the source, and has it made, or says that what is stored is still it.
/// `asking`: the fields of the request, as an origin would get them.
///
/// # Errors
/// When the source cannot be had, or as many pictures are being made as may.
pub async fn exchange(
    errand: &Errand,
    making: &Making,
    asking: &Fields,
) -> Result<Response, Error> {
    let asked = errand.core.shared.clock.now();
    let stored = asking.get(Name::IfNoneMatch);
    let mut response = match attempt(errand, making, stored, asked).await {
        Ok(Attempt::Answered(response)) => response,
        // Not to come in time is to be out of reach: what is kept may stand in as it may then.
        Ok(Attempt::Failed(failed))
            if failed.is_late && errand.has_stand_in(Failure::Unreachable) =>
        {
            return Err(Error::PictureSourceSlow);
        }
        Ok(Attempt::Failed(failed)) => instead(errand, making, failed, asked).await,
        Err(error) => out_of_reach(errand, making, error, asked).await?,
    };
    // As an origin does (RFC 9110 §6.6.1).
    response.fields.set(Name::Date, response.exchange.answered.to_http());
    Ok(response)
}

enum Attempt {
    Answered(Response),
    Failed(Failed),
}

/// Why there is no picture.
struct Failed {
    status: u16,
    why: String,
    lineage: Option<Lineage>,
    /// Whether the source did not come in time.
    is_late: bool,
    /// When to try again, as the source says it.
    retry_after: Option<Box<[u8]>>,
    /// The source, where it was had, and its life.
    source: Option<(Held, Lived)>,
}

async fn attempt(
    errand: &Errand,
    making: &Making,
    stored: Option<&[u8]>,
    asked: Timestamp,
) -> Result<Attempt, Error> {
    let turn = turn(errand, making).await?;
    let deadline = Deadline::of(errand, making);
    let from = (&making.asked.source, making.place);
    let found = match found(errand, from, "source", deadline).await? {
        Ok(found) => found,
        Err(failed) => return Ok(Attempt::Failed(failed)),
    };
    let (mut mark, mut found) = (Bytes::new(), found);
    if let (Some(source), Some(place)) = (&making.asked.watermark, making.mark) {
        let over = match self::found(errand, (source, place), "watermark", deadline).await? {
            Ok(over) => over,
            Err(failed) => return Ok(Attempt::Failed(failed)),
        };
        let now = errand.core.shared.clock.now();
        let Found { body, lineage, life, told, groups, stood_in, .. } = over;
        mark = match read_mark(body, deadline, now).await {
            Ok(mark) => mark,
            Err(lost) => {
                return lost_source((lost, place), "watermark", MAX_MARK_BYTES, lineage);
            }
        };
        let over = Found { body: Coming::Nothing, lineage, life, told, groups, stood_in, ..over };
        found = found.of_both(Some(over), now);
    }
    of_source(errand, making, (found, mark, turn), deadline, stored, asked).await
}

/// A source whose body may be read, or why there is none; `what` it is in words.
async fn found(
    errand: &Errand,
    (source, place): (&Source, Place),
    what: &str,
    deadline: Deadline,
) -> Result<Result<Found, Failed>, Error> {
    let found = match deadline.head(find(errand, source, place)).await {
        Err(lost) => {
            let lineage = wanted(errand, source, place);
            let (status, why) = meaning((lost, place), what, 0)?;
            return Ok(Err(Failed { is_late: true, ..failed(status, &why, lineage) }));
        }
        Ok(found) => found,
    };
    let found = match found {
        Ok(found) => found,
        // It will not pass by itself, so what it says lasts for a while.
        Err(error) if error.failure().is_none() => {
            let why =
                error.explanation().replacen("The picture's source", &format!("its {what}"), 1);
            return Ok(Err(failed(error.status(), &why, None)));
        }
        Err(error) => return Err(error),
    };
    if found.status != 200 {
        let status = without_picture(found.status);
        let why = format!("its {what} answered {}", found.status);
        let failed = failed(status, &why, Some(found.lineage));
        let retry_after = found.retry_after.filter(|_| status >= 500);
        return Ok(Err(Failed { retry_after, ..failed }));
    }
    if found.is_endless {
        let why = format!("its {what} is a stream of events");
        return Ok(Err(failed(422, &why, Some(found.lineage))));
    }
    Ok(Ok(found))
}

/// What a picture's status is where that of its source is no 200.
fn without_picture(source: u16) -> u16 {
    match source {
        404 | 410 => source,
        401 | 403 => 403,
        // Trouble of the moment: what is kept is no worse for it.
        408 | 425 | 429 => 503,
        500.. => 502,
        // It may answer, but there is no picture in it: 204, a 3xx that names no other place.
        _ => 404,
    }
}

/// What is made of a source that is there.
async fn of_source(
    errand: &Errand,
    making: &Making,
    (found, mark, turn): (Found, Bytes, Option<OwnedSemaphorePermit>),
    deadline: Deadline,
    stored: Option<&[u8]>,
    asked: Timestamp,
) -> Result<Attempt, Error> {
    let shared = &errand.core.shared;
    let now = shared.clock.now();
    let is_quick = !making.takes_its_time
        && is_for_avif(making)
        && may_be_provisional(making, found.life, now);
    let Found { lineage, life, told, groups, stood_in, coding, body, .. } = found;
    let place = turn.or_else(|| shared.workshop.enter()).ok_or(Error::PicturesBusy)?;
    let source = match read(errand, making, body, deadline, now).await {
        Ok(source) => source,
        Err(lost) => {
            let most = making.settings.limits.source_bytes;
            return lost_source((lost, making.place), "source", most, lineage);
        }
    };
    let tag = Tag::of(source.hash(), &mark, making);
    let manner = match (is_quick, making.takes_its_time) {
        (true, _) => Manner::Provisional,
        (false, true) => Manner::Thorough,
        (false, false) => Manner::Quick,
    };
    let is_provisional = manner == Manner::Provisional;
    let text = tag.text(manner);
    let is_svg = making.asked.wanted.is_shown() && passes_as_svg(making, &source);
    let mut outcome = Outcome {
        making,
        life,
        told,
        lineage,
        groups,
        stood_in,
        tag: text,
        is_provisional,
        is_svg,
    };
    if let Some(text) = stored.filter(|text| tag.is_final(text)) {
        // It is there, in whichever manner it was made.
        outcome.tag = String::from_utf8_lossy(text).into_owned();
        outcome.is_provisional = false;
    }
    let exchange = Exchange { asked, answered: now };
    // What is not to be kept any more is not confirmed, but made for who asks.
    let is_confirmed = life != Lived::NotKept || errand.stored.is_none();
    if stored == Some(outcome.tag.as_bytes()) && is_confirmed {
        return Ok(Attempt::Answered(outcome.response(None, exchange)));
    }
    let (done, manner) = match making.asked.wanted {
        _ if is_svg => (told_as(SVG, &shared.workshop, &source).await, manner),
        Wanted::Raw => (as_it_is(&shared.workshop, &source).await, manner),
        Wanted::Picture(_) | Wanted::Info | Wanted::Placeholder(_) => {
            let material = Material { source: source.clone(), mark };
            make(errand, making, place, material, manner).await?
        }
    };
    (outcome.tag, outcome.is_provisional) = (tag.text(manner), manner == Manner::Provisional);
    let exchange = Exchange { asked, answered: shared.clock.now() };
    came_of(done, outcome, (source, coding), exchange)
}

/// What is answered of what came of it.
fn came_of(
    done: Result<Done, Refused>,
    outcome: Outcome<'_>,
    (source, coding): (Held, Option<Box<str>>),
    exchange: Exchange,
) -> Result<Attempt, Error> {
    let refused = match done {
        Ok(Done { media_type, bytes }) => {
            return Ok(Attempt::Answered(outcome.response(Some((media_type, bytes)), exchange)));
        }
        Err(Refused::Lost(lost)) => {
            let Making { settings, place, .. } = outcome.making;
            let most = settings.limits.source_bytes;
            return lost_source((lost, *place), "source", most, outcome.lineage);
        }
        Err(refused) => refused,
    };
    let why = words(&refused, coding);
    let failed = failed(refused.status(), &why, Some(outcome.lineage));
    Ok(Attempt::Failed(Failed { source: Some((source, outcome.life)), ..failed }))
}

/// Why nothing is made of a source that says it has that content coding.
fn words(refused: &Refused, coding: Option<Box<str>>) -> String {
    match coding.filter(|_| refused.status() == 422) {
        Some(coding) => format!("{refused}: it is coded ({coding}), which is not undone"),
        None => refused.to_string(),
    }
}

/// Has it made; where an AVIF is too hard, a WebP for good.
async fn make(
    errand: &Errand,
    making: &Making,
    place: OwnedSemaphorePermit,
    material: Material,
    manner: Manner,
) -> Result<(Result<Done, Refused>, Manner), Error> {
    let is_provisional = manner == Manner::Provisional;
    let workshop = &errand.core.shared.workshop;
    let done = workshop.make(place, job(making, &material, is_provisional), material.clone()).await;
    let is_too_hard = done.as_ref().is_err_and(Refused::is_of_the_making);
    if is_too_hard && may_move(material.source.first()) && may_stay(making) {
        // What moves is no easier to make in another format: it goes out as it came.
        return Ok((as_it_is(workshop, &material.source).await, Manner::Simpler));
    }
    if !is_too_hard || !is_for_avif(making) || is_provisional {
        return Ok((done, manner));
    }
    let place = workshop.enter().ok_or(Error::PicturesBusy)?;
    let simpler = workshop.make(place, job(making, &material, true), material).await;
    Ok((simpler, Manner::Simpler))
}

/// Whether it is a drawing that goes out as it is, and is never drawn here.
fn passes_as_svg(making: &Making, source: &Held) -> bool {
    making.settings.svg && kind(source.first()).is_err() && is_svg(source.first())
}

/// A source as it is. What is no picture might act in the name of the site.
async fn as_it_is(workshop: &Workshop, source: &Held) -> Result<Done, Refused> {
    let media = Media::from(kind(source.first()).map_err(Refused::Source)?);
    told_as(media.media_type(), workshop, source).await
}

/// A source as it is, of that media type.
async fn told_as(
    media_type: &'static str,
    workshop: &Workshop,
    source: &Held,
) -> Result<Done, Refused> {
    let bytes = whole(workshop, source).await.map_err(Refused::Lost)?;
    Ok(Done { media_type, bytes })
}

/// Whether what moves may go out as it came: no format is asked for by name, and the client takes it.
fn may_stay(making: &Making) -> bool {
    let Wanted::Picture(plan) = making.asked.wanted else { return false };
    matches!(plan.output, Output::UpTo(Best::WebP | Best::Avif) | Output::Same)
}

/// What comes of a source, or of `what` it is, that could not be read where it is.
fn lost_source(
    at: (Lost, Place),
    what: &str,
    most: u64,
    lineage: Lineage,
) -> Result<Attempt, Error> {
    let (status, why) = meaning(at, what, most)?;
    let is_late = at.0 == Lost::TooSlow;
    Ok(Attempt::Failed(Failed { is_late, ..failed(status, &why, Some(lineage)) }))
}

/// The status and the words of it.
fn meaning((lost, place): (Lost, Place), what: &str, most: u64) -> Result<(u16, String), Error> {
    match lost {
        Lost::TooLong => Ok((422, format!("its {what} is longer than {} KiB", most >> 10))),
        Lost::TooSlow => Ok((504, format!("its {what} takes longer than may be (images.timeout)"))),
        Lost::Broken if matches!(place, Place::Folder(_)) => Err(Error::PictureSourceLost),
        Lost::Broken => Err(Error::OriginDropped),
    }
}

/// The turn of what nobody waits for, before anything is read for it.
async fn turn(errand: &Errand, making: &Making) -> Result<Option<OwnedSemaphorePermit>, Error> {
    match making.takes_its_time {
        true => errand.core.shared.workshop.turn().await.ok_or(Error::PicturesBusy).map(Some),
        false => Ok(None),
    }
}

fn failed(status: u16, why: &str, lineage: Option<Lineage>) -> Failed {
    let why = why.trim_end_matches('.').to_owned();
    Failed { status, why, lineage, is_late: false, retry_after: None, source: None }
}

/// Whether what is asked for is an AVIF where a WebP would do for the time being.
fn is_for_avif(making: &Making) -> bool {
    matches!(making.asked.wanted, Wanted::Picture(Plan { output: Output::UpTo(Best::Avif), .. }))
}

fn job(making: &Making, material: &Material, is_provisional: bool) -> Job {
    let limits = making.settings.limits;
    let (mark_bytes, is_whole) = (material.mark.len() as u64, false);
    let plan = match making.asked.wanted {
        Wanted::Picture(plan) => plan,
        Wanted::Placeholder(which) => {
            return Job { task: Task::Placeholder(which), limits, mark_bytes, is_whole };
        }
        Wanted::Info | Wanted::Raw => {
            return Job { task: Task::Info, limits, mark_bytes, is_whole };
        }
    };
    let output = match plan.output {
        Output::UpTo(Best::Avif) if is_provisional => Output::UpTo(Best::WebP),
        output => output,
    };
    let recipe = Recipe {
        plan: Plan { output, ..plan },
        effort: if making.takes_its_time { Effort::Thorough } else { Effort::Quick },
        keep_copyright: making.settings.keep_copyright,
        profile: making.settings.profile,
    };
    Job { task: Task::Picture(recipe), limits, mark_bytes, is_whole }
}

/// What goes out in the place of a picture that cannot be made.
async fn instead(errand: &Errand, making: &Making, failed: Failed, asked: Timestamp) -> Response {
    let Failed { status, why, lineage, retry_after, source, .. } = failed;
    let failure = |lineage, exchange| {
        let mut response = failure(status, &why, lineage, exchange);
        if let Some(when) = &retry_after {
            response.fields.add(Name::RetryAfter, when);
        }
        response
    };
    let exchange = |answered| Exchange { asked, answered };
    let clock = &errand.core.shared.clock;
    // Where it does not go out, its memory is for what does.
    let source = source.filter(|_| making.settings.on_error == OnError::Original);
    let original = source
        .and_then(|(source, life)| Some((Media::from(kind(source.first()).ok()?), source, life)));
    if status >= 500 && errand.has_stand_in(Failure::Status(status)) {
        return failure(lineage, exchange(clock.now()));
    }
    if let Some((media, source, life)) = original
        // It may have changed meanwhile where it lies.
        && let Ok(source) = whole(&errand.core.shared.workshop, &source).await
    {
        let original = (media.media_type(), source);
        return told::stand_in(original, life, lineage, exchange(clock.now()));
    }
    if let Some(response) = other(errand, making, asked).await {
        return told::shortened(response, lineage);
    }
    failure(lineage, exchange(clock.now()))
}

/// What goes out in the place of a picture whose source is out of reach for now: what is stored, where it
/// may; else another picture, where there is to be one. It is not that of too much to do here, which is
/// tried again soon.
async fn out_of_reach(
    errand: &Errand,
    making: &Making,
    error: Error,
    asked: Timestamp,
) -> Result<Response, Error> {
    let failure = error.failure().filter(|_| !error.is_ours());
    if failure.is_none_or(|failure| errand.has_stand_in(failure)) {
        return Err(error);
    }
    let lineage = wanted(errand, &making.asked.source, making.place);
    match other(errand, making, asked).await {
        Some(response) => Ok(told::shortened(response, lineage)),
        None => Err(error),
    }
}

/// The picture that the site names for those that cannot be made.
async fn other(errand: &Errand, making: &Making, asked: Timestamp) -> Option<Response> {
    let OnError::Picture(source) = &making.settings.on_error else { return None };
    if making.asked.source == *source {
        return None;
    }
    let place = place(&making.settings, source).ok()?;
    let instead = Asked { source: source.clone(), ..making.asked.clone() };
    let making = Making { asked: instead, place, ..making.clone() };
    match Box::pin(attempt(errand, &making, None, asked)).await {
        Ok(Attempt::Answered(response)) => Some(response),
        Ok(Attempt::Failed(_)) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_soon_is_told_apart_from_what_is_not_there() {
        for (source, status) in [
            (204, 404),
            (206, 404),
            (304, 404),
            (400, 404),
            (401, 403),
            (403, 403),
            (404, 404),
            (408, 503),
            (410, 410),
            (425, 503),
            (429, 503),
            (451, 404),
            (500, 502),
            (503, 502),
        ] {
            assert_eq!(without_picture(source), status, "{source}");
        }
    }

    #[test]
    fn what_a_source_is_lost_of_is_told() {
        let told = |place, lost| match meaning((lost, place), "source", 2048) {
            Ok(told) => told,
            Err(error) => (error.status(), error.token().to_owned()),
        };
        for (place, lost, status, words) in [
            (Place::Folder(0), Lost::Broken, 502, "picture-source-lost"),
            (Place::Site, Lost::Broken, 502, "origin-dropped"),
            (Place::Remote(0), Lost::Broken, 502, "origin-dropped"),
            (Place::Folder(0), Lost::TooLong, 422, "its source is longer than 2 KiB"),
            (
                Place::Site,
                Lost::TooSlow,
                504,
                "its source takes longer than may be (images.timeout)",
            ),
        ] {
            assert_eq!(told(place, lost), (status, words.to_owned()), "{place:?} {lost:?}");
        }
    }
}
