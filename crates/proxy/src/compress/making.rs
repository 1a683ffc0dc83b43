//! The task that makes a form: reads what it is made of, codes it, keeps it and hands it on.

use super::{Compressing, Encoder, Place, Wish};
use crate::core::{Core, Shared, SiteOnCore};
use crate::fill::{Fill, Next, Reader, UNREAD};
use crate::heads;
use bytes::Bytes;
use policy::coding::Coding;
use policy::fields::Fields;
use policy::key::Key;
use policy::request::Request;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use store::{Chunks, Entry, Form, Made, Writer};
use tokio::sync::mpsc::Sender;

/// How much is coded at a time, in bytes: a core does nothing else meanwhile, which is about a
/// millisecond.
const PIECE_BYTES: usize = 64 << 10;

/// What a form is made of.
pub enum Source {
    /// Something stored.
    Entry(Arc<Entry>),
    /// Something on its way into the store.
    Fill {
        /// Brings it, from its first byte on.
        reader: Reader,
        /// The number of its body.
        body: u64,
        /// Its announced length.
        length: Option<u64>,
    },
}

impl Source {
    /// The same number for what is stored as while it was on its way.
    fn body(&self) -> u64 {
        match self {
            Source::Entry(entry) => entry.body.id(),
            Source::Fill { body, .. } => *body,
        }
    }

    fn made(&self, coding: Coding) -> Option<Made> {
        match self {
            Source::Entry(entry) => entry.forms.get(coding).cloned(),
            Source::Fill { reader, .. } => reader.stored()?.forms.get(coding).cloned(),
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Source::Entry(entry) => Some(entry.meta.body_bytes),
            Source::Fill { length, .. } => *length,
        }
    }
}

/// Reads a form from its first byte: one that is being made, or one that is begun now. Nothing
/// where there is no room to make it.
pub fn join(wish: Wish<'_>, coding: Coding, source: Source) -> Option<Reader> {
    let shared = &wish.core.shared;
    let name = (source.body(), coding);
    let mut under_way = shared.compressing.under_way();
    if let Some(reader) = under_way.get(&name).and_then(Fill::reader) {
        return Some(reader);
    }
    // It may have been made just now: then nobody makes it again.
    if let Some(made) = source.made(coding) {
        return match made {
            Made::Form(form) => Some(Fill::reader_of(
                form.body,
                shared.store.depart(wish.key, wish.site.settings.site.id),
            )),
            Made::NotShorter => None,
        };
    }
    let Some((place, writer)) = room(wish, &source) else {
        wish.core.counters.uncoded.one();
        return None;
    };
    wish.core.counters.coded(coding);
    let fill = Arc::new(Fill::new(
        shared.store.depart(wish.key, wish.site.settings.site.id),
        shared.fill_limits(false),
    ));
    under_way.insert(name, fill.clone());
    drop(under_way);
    let reader = fill.first_reader();
    let making = Making {
        core: wish.core.clone(),
        site: wish.site.clone(),
        request: wish.request.clone(),
        key: wish.key.to_key(),
        writer: Some(writer),
        end: EndOnDrop { shared: shared.clone(), name, fill, _running: wish.core.stay() },
    };
    // Made here, behind the lock: it takes some memory. Without an encoder the form ends at once.
    if let Ok(encoder) = Encoder::new(coding, source.length(), place) {
        tokio::task::spawn_local(making.run(encoder, source));
    }
    Some(reader)
}

fn room(wish: Wish<'_>, source: &Source) -> Option<(Place, Writer)> {
    let shared = &wish.core.shared;
    let waits = matches!(source, Source::Fill { .. });
    let place = shared.compressing.places.take(shared.settings.fill.max_compressions, waits)?;
    let writer = match source {
        // What is longer than others in memory has no file to lie in, nor has its form.
        Source::Entry(entry) if entry.body.in_memory().is_some() => {
            shared.store.begin_in_memory(source.length())
        }
        Source::Entry(_) | Source::Fill { .. } => shared.store.begin_form(source.length()),
    };
    Some((place, writer.ok()?))
}

/// The header block of a form.
pub fn head(wish: Wish<'_>, entry: &Entry, coding: Coding, length: Option<u64>) -> Bytes {
    let site = &wish.site.settings.site;
    heads::coded(site, site.rule_for(wish.request), &entry.meta, coding, length)
}

/// A form that is being made.
struct Making {
    core: Rc<Core>,
    site: Rc<SiteOnCore>,
    request: Rc<Request>,
    key: Key,
    /// Nothing once it is known that the form is not kept.
    writer: Option<Writer>,
    end: EndOnDrop,
}

/// Why nothing more is made.
struct Stop;

impl Making {
    async fn run(mut self, encoder: Encoder, source: Source) {
        // However it stops, its readers are told on drop.
        let _ = match source {
            Source::Entry(entry) => self.make_of_entry(encoder, entry).await,
            Source::Fill { reader, .. } => self.make_of_fill(encoder, reader).await,
        };
    }

    async fn make_of_entry(&mut self, mut encoder: Encoder, entry: Arc<Entry>) -> Result<(), Stop> {
        let mut chunks: Chunks = entry.body.chunks(0..entry.body.len());
        while let Some(chunk) = chunks.next().await.map_err(|_| Stop)? {
            self.code(&mut encoder, &chunk).await?;
        }
        self.finish(encoder, Some(entry), Fields::new()).await
    }

    async fn make_of_fill(&mut self, mut encoder: Encoder, mut reader: Reader) -> Result<(), Stop> {
        loop {
            let next = self.next(&mut encoder, &mut reader).await?;
            if !reader.is_kept() {
                self.keep_no_more();
            }
            match next {
                Next::Data(data) => self.code(&mut encoder, &data).await?,
                Next::End(trailers) => {
                    let entry = reader.stored();
                    return self.finish(encoder, entry, trailers).await;
                }
                Next::Broken | Next::Lagged => {
                    // What came is worth showing.
                    let flushed = encoder.flush().map_err(|_| Stop)?;
                    self.hand_on(flushed).await?;
                    return Err(Stop);
                }
            }
        }
    }

    /// Waits for the next of a fill. What there is goes out before, so that a page that comes
    /// slowly is seen as it comes.
    async fn next(&mut self, encoder: &mut Encoder, reader: &mut Reader) -> Result<Next, Stop> {
        let mut next = pin!(reader.next());
        if let Poll::Ready(next) = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            return Ok(next);
        }
        let flushed = encoder.flush().map_err(|_| Stop)?;
        self.hand_on(flushed).await?;
        tokio::select! {
            biased;
            next = next => Ok(next),
            // Nobody waits for it any more.
            () = self.end.fill.is_left_for(UNREAD) => Err(Stop),
        }
    }

    /// Notes that the form is not kept; from now on its slowest reader sets the pace, since none of
    /// them can go on by his own means.
    fn keep_no_more(&mut self) {
        if self.writer.take().is_some() {
            self.end.fill.wait_for_the_slowest();
        }
    }

    async fn code(&mut self, encoder: &mut Encoder, data: &[u8]) -> Result<(), Stop> {
        for piece in data.chunks(PIECE_BYTES) {
            let coded = encoder.push(piece).map_err(|_| Stop)?;
            self.hand_on(coded).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn hand_on(&mut self, coded: Bytes) -> Result<(), Stop> {
        if coded.is_empty() {
            return Ok(());
        }
        if let Some(writer) = &mut self.writer
            && writer.push(coded.clone()).await.is_err()
        {
            self.keep_no_more();
        }
        if self.end.fill.push(coded, None).await { Ok(()) } else { Err(Stop) }
    }

    /// Ends the form and keeps it beside what it was made of.
    async fn finish(
        &mut self,
        encoder: Encoder,
        entry: Option<Arc<Entry>>,
        trailers: Fields,
    ) -> Result<(), Stop> {
        let rest = encoder.finish().map_err(|_| Stop)?;
        self.hand_on(rest).await?;
        let body = self.writer.take().and_then(Writer::into_body);
        if let (Some(body), Some(entry)) = (body, entry) {
            let (_, coding) = self.end.name;
            let Making { core, site, request, key, .. } = &*self;
            let wish = Wish { core, site, request, key: key.as_ref() };
            if body.len() < entry.body.len() {
                self.end.fill.is_stored_as(body.clone(), None);
            }
            // The response may have been confirmed meanwhile: its head is that of now.
            let made = |kept: &Entry| match body.len() < kept.body.len() {
                true => {
                    let head = head(wish, kept, coding, Some(body.len()));
                    Made::Form(Form { head, body: body.clone() })
                }
                false => Made::NotShorter,
            };
            core.shared.store.add_form(key, &entry, coding, made);
        }
        self.end.fill.end(Ok(trailers));
        Ok(())
    }
}

/// However the task ends, nobody goes on waiting for its fill, and nobody finds it any more.
struct EndOnDrop {
    shared: Arc<Shared>,
    name: (u64, Coding),
    fill: Arc<Fill>,
    _running: Option<Sender<()>>,
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let compressing: &Compressing = &self.shared.compressing;
        let mut under_way = compressing.under_way();
        if under_way.get(&self.name).is_some_and(|found| Arc::ptr_eq(found, &self.fill)) {
            under_way.remove(&self.name);
        }
        drop(under_way);
        if !self.fill.has_ended() {
            self.fill.end(Err(()));
        }
    }
}
