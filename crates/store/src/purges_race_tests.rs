//! Purges against all that can be under way when they come, by chance and from a printed seed.
//!
//! Requests leave, heads arrive, bodies end, 304s confirm, gaps are filled, something is made of what
//! is stored, memory gives up, the disk is read, the process ends, is killed or loses power; and in
//! between come purges of every kind and unsafe requests. Held against [`oracle_tests`]: after a
//! purge was answered, what it covers and was asked for before it is never valid again, and what a
//! hard one covers is neither found nor validates.

#[path = "purges_race_tests/oracle_tests.rs"]
mod oracle_tests;

use crate::disk::faulty_device_tests::{Chance, FaultyDevice};
use crate::disk::fixture_tests::{Hands, Tier, asks, settings};
use crate::disk::{Settings, Worker, take_format};
use crate::door::{Limits, Lookup, Recall, Recalled, Renewed, Store};
use crate::entry::{Entry, Heads};
use crate::purge_log::{self, Appended, Keeper, PurgeLog};
use crate::scopes::Departure;
use crate::writer::Writer;
use bytes::Bytes;
use oracle_tests::{Body, Made, Names, Oracle, URLS};
use policy::fields::Fields;
use policy::freshness::Life;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::prefix::Prefix;
use policy::purge::{Born, Force, PathPrefix, Pattern, Purge, Scope, Source, TableLimits, Url};
use policy::request::Request;
use policy::rule::{Rule, SiteId};
use policy::time::{Seconds, Timestamp};
use policy::vary::Variant;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const STEPS: u64 = 250;
/// Bodies that are longer go to a file.
const IN_MEMORY: u64 = 2000;
const SEGMENT: u64 = 64 << 10;
const WHY: &str = "it stands as long as the run does";

/// A request on its way, and what came of it so far.
struct Exchange {
    url: usize,
    asks: &'static str,
    departure: Departure,
    departed: u64,
    about: About,
    /// Once its head is there: what is stored when its body ends.
    comes: Option<(usize, Meta, Writer)>,
}

/// What a request is about.
#[derive(Clone)]
enum About {
    Nothing,
    /// It asks whether that is still good, or for what of it is missing.
    Stored(Arc<Entry>),
    /// It makes something of that.
    Source(Arc<Entry>),
}

/// A disk and a log that are driven by hand.
struct Driven {
    device: FaultyDevice,
    worker: Worker,
    keeper: Keeper,
}

struct Run {
    chance: Chance,
    now: u64,
    hands: Hands,
    limits: TableLimits,
    store: Option<Arc<Store>>,
    driven: Option<Driven>,
    oracle: Oracle,
    exchanges: Vec<Exchange>,
    /// What somebody found a while ago: URL and entry.
    held: Vec<(usize, Arc<Entry>)>,
    /// What was found on disk and has not risen yet, and when.
    recalled: Vec<(usize, &'static str, u64, Box<Recalled>)>,
    waiting: Vec<(Purge, Appended)>,
    fresh: u64,
    stale: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut chance = Chance(seed);
        let has_disk = !chance.once_in(4);
        let limits = match chance.once_in(4) {
            true => TableLimits { scopes: 8, patterns: 2 },
            false => TableLimits::default(),
        };
        let mut run = Run {
            now: 1,
            hands: Hands::default(),
            limits,
            store: None,
            driven: None,
            oracle: Oracle::default(),
            exchanges: Vec::new(),
            held: Vec::new(),
            recalled: Vec::new(),
            waiting: Vec::new(),
            fresh: 0,
            stale: 0,
            chance,
        };
        if has_disk {
            let device = FaultyDevice::new(run.chance.next(), u64::MAX);
            take_format(&device, settings(&run.hands).fresh).expect("nothing fails yet");
            run.open(device);
        } else {
            let purges = PurgeLog::in_memory(run.log_settings(None));
            run.store = Some(Store::new(limits_of_store(), Arc::new(purges), None));
        }
        run
    }

    fn log_settings(&self, known: Option<Born>) -> purge_log::Settings {
        purge_log::Settings { limits: self.limits, fresh_log_id: 7, known }
    }

    /// Opens the folder; if the power is cut meanwhile, once more.
    fn open(&mut self, device: FaultyDevice) {
        let disk =
            Settings { size_bytes: 64 * SEGMENT, segment_bytes: SEGMENT, ..settings(&self.hands) };
        let Tier { disk, worker } = Tier::open(&device, disk).expect("the power is on");
        let keeper =
            purge_log::open(Arc::new(device.clone()), self.log_settings(disk.newest_born()));
        let keeper = keeper.expect("the power is on");
        let purges = Arc::new(PurgeLog::by_hand(&keeper));
        assert_eq!(purges.born().log_id, 7, "the log is never lost");
        self.store = Some(Store::new(limits_of_store(), purges, Some(Arc::new(disk))));
        self.driven = Some(Driven { device, worker, keeper });
    }

    fn store(&self) -> Arc<Store> {
        self.store.clone().expect(WHY)
    }

    fn step(&mut self) {
        self.now += 1;
        if !self.chance.once_in(3) {
            self.hands.turn(1);
        }
        match self.chance.below(100) {
            0..20 => self.depart(),
            20..38 => self.arrive(),
            38..54 => self.end_body(),
            54..76 => self.look(),
            76..82 => self.rise(),
            82..88 => self.purge(),
            88..91 => self.answer_purges(),
            91..93 => self.make_invalid(),
            93..95 => self.work(),
            95..96 => self.forget(),
            96..98 => self.crowd(),
            98..99 => self.restart(),
            _ => self.cut_power(),
        }
        if self.is_off() && self.chance.once_in(3) {
            self.restart();
        }
        self.look_at_held();
    }

    fn is_off(&self) -> bool {
        self.driven.as_ref().is_some_and(|driven| driven.device.is_off())
    }

    /// Waits for something; the disk works meanwhile.
    fn drive<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(value) => return value,
                Poll::Pending => self.work(),
            }
        }
    }

    fn work(&mut self) {
        if let Some(Driven { worker, .. }) = &mut self.driven {
            worker.turn(Duration::ZERO);
        }
    }

    /// As `proxy` does it: the request leaves, and then it is seen whether what is stored is of use.
    fn depart(&mut self) {
        let (url, asks) = self.pick();
        let (mut url, mut about) = (url, About::Nothing);
        if let Some((of, entry)) = self.pick_held() {
            let is_source = self.chance.once_in(3) && entry.meta.sources.is_empty();
            about = match is_source {
                true if URLS[of].2 == URLS[url].2 && of != url => About::Source(entry),
                _ if entry.meta.sources.is_empty() => {
                    url = of;
                    About::Stored(entry)
                }
                _ => About::Nothing,
            };
        }
        let departure = self.store().depart(key(url).as_ref(), site(url));
        let used = match &about {
            About::Nothing => None,
            About::Stored(entry) => Some((url, entry)),
            About::Source(entry) => Some((self.oracle.bodies[number(entry)].names.url, entry)),
        };
        if used.is_some_and(|(url, entry)| self.store().is_gone(key(url).as_ref(), entry)) {
            about = About::Nothing;
        }
        let (departed, comes) = (self.now, None);
        self.exchanges.push(Exchange { url, asks, departure, departed, about, comes });
    }

    fn arrive(&mut self) {
        let waits = self.exchanges.iter().position(|exchange| exchange.comes.is_none());
        let Some(at) = waits else { return };
        let exchange = self.exchanges.remove(at);
        match exchange.about.clone() {
            About::Stored(entry) if self.chance.once_in(2) => self.confirm(&exchange, &entry),
            _ if self.driven.is_some() && self.chance.once_in(12) => self.begin_with_gaps(exchange),
            _ => self.head(exchange),
        }
    }

    fn head(&mut self, mut exchange: Exchange) {
        let (body, meta) = self.new_body(&exchange);
        // Who asks now must not join what left before a purge.
        let (names, since) = (&self.oracle.bodies[body].names, (exchange.departed, self.now));
        let is_purged = exchange.departure.is_purged(Some(&meta));
        assert!(is_purged || !self.oracle.is_purged(names, since), "it is joined after a purge");
        let length = if self.chance.once_in(6) { IN_MEMORY + 1 } else { 0 };
        let key = key(exchange.url);
        if let Ok(writer) = self.store().begin(&key, Some(length).filter(|length| *length > 0)) {
            exchange.comes = Some((body, meta, writer));
            self.exchanges.push(exchange);
        }
    }

    /// A response to that request: the number of its body, and what is known of it.
    fn new_body(&mut self, exchange: &Exchange) -> (usize, Meta) {
        let number = self.oracle.bodies.len();
        let mut names = Names { url: exchange.url, tags: self.tags(), groups: Vec::new() };
        let text = number.to_string();
        let mut fields: Fields = [("x-body", &*text), ("etag", &*text)].into_iter().collect();
        if self.chance.once_in(3) {
            names.groups.push("g");
            fields.push(b"cache-groups", b"\"g\"");
        }
        if self.chance.once_in(3) {
            fields.push(b"vary", b"x-a");
        }
        let mut meta = Meta {
            status: 200,
            has_forms: false,
            variant: Variant::of(&fields, &asks(exchange.asks), &[]).expect("no star"),
            fields,
            body_bytes: 0,
            life: self.life(),
            born: exchange.departure.born(),
            site: site(exchange.url),
            tags: boxed(&names.tags),
            sources: Box::default(),
        };
        let from = match &exchange.about {
            About::Source(entry) => Some(self.make_of(entry, &mut meta)),
            About::Nothing | About::Stored(_) => None,
        };
        self.oracle.bodies.push(Body::new(names, exchange.departed, from));
        (number, meta)
    }

    /// It bears the birth and all names of its source (design §5).
    fn make_of(&self, source: &Entry, meta: &mut Meta) -> Made {
        let body = &self.oracle.bodies[number(source)];
        let names =
            Names { url: body.names.url, tags: body.names_at(self.now).tags, groups: Vec::new() };
        let url = key(names.url).as_ref().url().into();
        let tags = source.meta.tags.iter();
        let tags = tags.map(|tag| Source::Tag(source.meta.site, tag.clone()));
        let sources = [Source::Url(url), Source::Site(source.meta.site)].into_iter();
        meta.sources = sources.chain(tags).collect();
        meta.born.seq = meta.born.seq.min(source.meta.born.seq);
        let known = |tag: &&str| source.meta.tags.iter().any(|has| **has == **tag);
        let names = Names { tags: names.tags.into_iter().filter(known).collect(), ..names };
        Made { names, last: body.last() }
    }

    fn end_body(&mut self) {
        let comes = self.exchanges.iter().position(|exchange| exchange.comes.is_some());
        let Some(at) = comes else { return };
        let Exchange { url, departure, about, comes, .. } = self.exchanges.remove(at);
        let Some((body, meta, mut writer)) = comes else { return };
        if self.chance.once_in(10) {
            return;
        }
        let most = if self.chance.once_in(4) { 2 * IN_MEMORY } else { 500 };
        let mut bytes = (body as u64).to_le_bytes().to_vec();
        bytes.resize(8 + self.chance.below(most) as usize, body as u8);
        let replaced = match about {
            About::Stored(entry) => Some(entry),
            About::Nothing | About::Source(_) => None,
        };
        let kept = self.drive(async move {
            writer.push(Bytes::from(bytes)).await?;
            let key = key(url);
            writer.finish(&key, meta, Heads::default(), &departure, replaced.as_ref()).await
        });
        self.hold(url, kept.ok());
    }

    fn begin_with_gaps(&mut self, exchange: Exchange) {
        let (body, mut meta) = self.new_body(&exchange);
        meta.body_bytes = 64;
        let (store, key) = (self.store(), key(exchange.url));
        let entry = self.drive(async move {
            let about = (meta, Heads::default());
            let begun = store.begin_with_gaps(&key, about, 0..8, &exchange.departure, None);
            let (entry, mut gap) = begun.await?;
            gap.end_at(8);
            gap.write(Bytes::copy_from_slice(&(body as u64).to_le_bytes())).await?;
            gap.finish().await.map(|()| entry)
        });
        self.hold(exchange.url, entry.ok());
    }

    /// A 304 to what is stored, or a part of it that was missing.
    fn confirm(&mut self, exchange: &Exchange, entry: &Arc<Entry>) {
        let (store, key) = (self.store(), key(exchange.url));
        let (body, part) = (number(entry), entry.body.file().filter(|file| file.has_gaps()));
        if part.is_some() {
            // What came before an invalidation and what came after it are never put together.
            let is_over = exchange.departure.is_overtaken()
                || exchange.departure.is_purged(Some(&entry.meta))
                || store.is_invalid(entry)
                || store.is_gone(key.as_ref(), entry);
            if is_over {
                return;
            }
        }
        self.oracle.confirm_as(body, &entry.meta.tags);
        let new = self.tags();
        let mut names = self.oracle.bodies[body].names_at(self.now);
        names.tags.extend(&new);
        let tags: Vec<Box<str>> = [&entry.meta.tags[..], &boxed(&new)].concat();
        let mut meta =
            Meta { life: self.life(), born: exchange.departure.born(), ..entry.meta.clone() };
        meta.tags = tags.into();
        let renewed =
            Renewed { meta, heads: Heads::default(), form_head: Rc::new(|_, _, _| Bytes::new()) };
        let kept = store.refresh(&key, entry, renewed, &exchange.departure);
        let found = store.lookup(key.as_ref(), &asks(exchange.asks), site(exchange.url));
        let since = (exchange.departed, self.now);
        let is_purged = self.oracle.is_purged(&names, since);
        if !is_purged {
            self.oracle.confirm(body, since, new);
        }
        if matches!(found, Lookup::Hit(found) if Arc::ptr_eq(&found, &kept)) {
            assert!(!is_purged, "a 304 from before a purge is kept");
            self.oracle.make_certain(body);
        }
        if let Some(file) = part
            && let Ok(Some(mut gap)) = store.fill_gap(file, 8..64, 64)
        {
            let first = (body as u64).to_le_bytes();
            let rest = gap.range().map(|at| first.get(at as usize).copied().unwrap_or(body as u8));
            let piece: Bytes = rest.collect();
            // What cannot be written is missing.
            let _ = self.drive(async move {
                gap.write(piece).await?;
                gap.finish().await
            });
        }
        // Else it is shown to who asked, and nobody else has it.
        self.hold(exchange.url, Some(kept).filter(|_| !is_purged));
    }

    fn look(&mut self) {
        let (url, asks_for) = self.pick();
        let (store, key) = (self.store(), key(url));
        match store.lookup(key.as_ref(), &asks(asks_for), site(url)) {
            Lookup::Hit(entry) => self.found(url, entry, self.now),
            Lookup::Miss | Lookup::OtherVariants(_) if store.may_recall(key.as_ref()) => {
                let now = self.now;
                let recall = async { store.recall(&key, &asks(asks_for), site(url)).await };
                if let Recall::Response(recalled) = self.drive(recall) {
                    self.recalled.push((url, asks_for, now, recalled));
                }
                if self.chance.once_in(2) {
                    self.rise();
                }
            }
            Lookup::Miss | Lookup::OtherVariants(_) => {}
        }
    }

    fn rise(&mut self) {
        let Some((url, asks_for, since, recalled)) = self.recalled.pop() else { return };
        let (store, key, meta) = (self.store(), key(url), recalled.meta().clone());
        let risen = store.rise(&key, *recalled, meta, Heads::default());
        let Some(entry) = self.drive(risen) else { return };
        match store.lookup(key.as_ref(), &asks(asks_for), site(url)) {
            Lookup::Hit(newest) => self.found(url, newest, self.now),
            // Shown once to who asked then.
            Lookup::Miss | Lookup::OtherVariants(_) => self.found(url, entry, since),
        }
    }

    /// What was found is what may be found by one who asked at that time.
    fn found(&mut self, url: usize, entry: Arc<Entry>, asked: u64) {
        let body = number(&entry);
        let told = &self.oracle.bodies[body];
        assert_eq!(told.names.url, url, "a body of another URL");
        if let Some(bytes) = entry.body.in_memory() {
            assert_eq!(bytes[..8], (body as u64).to_le_bytes(), "another body");
        }
        assert!(!self.oracle.is_gone(body, asked, None), "what is gone is found: {body} {told:?}");
        let (soft, paced) = self.oracle.softly(body, asked);
        let life = &entry.meta.life;
        let is_fresh = life.is_fresh(self.time());
        assert!(!is_fresh || !(soft || paced), "it is fresh after a soft purge: {body} {told:?}");
        assert!(!soft || !life.is_paced(), "a soft purge allows more by a paced one: {body}");
        let invalid = self.store().is_invalid(&entry);
        assert!(invalid || !self.oracle.is_invalid(body, asked), "valid, though made invalid");
        *(if is_fresh { &mut self.fresh } else { &mut self.stale }) += 1;
        self.hold(url, Some(entry));
    }

    /// Nobody has anything validated, or lets it stand in, that a hard purge covers.
    fn look_at_held(&mut self) {
        let store = self.store();
        for (url, entry) in &self.held {
            let is_gone = store.is_gone(key(*url).as_ref(), entry);
            let (body, tags) = (number(entry), Some(&*entry.meta.tags));
            let must_be = self.oracle.is_gone(body, self.now, tags);
            assert!(is_gone || !must_be, "it would validate: {body}");
        }
    }

    fn purge(&mut self) {
        let scopes = (0..=self.chance.below(2)).map(|_| self.scope()).collect();
        let force = [Force::Hard, Force::Soft, Force::Paced][self.chance.below(3) as usize];
        let at = Timestamp(self.time().0.saturating_sub(self.chance.below(3)));
        let purge = Purge { scopes, force, at, by: "test".into(), why: "".into() };
        let appended = self.store().purges().append(purge.clone());
        self.waiting.push((purge, appended));
        if self.driven.is_none() || self.chance.once_in(2) {
            self.answer_purges();
        }
    }

    fn answer_purges(&mut self) {
        if let Some(Driven { keeper, .. }) = &mut self.driven {
            while keeper.turn(Duration::ZERO) {}
        }
        for (purge, appended) in std::mem::take(&mut self.waiting) {
            if appended.wait().is_ok() {
                self.oracle.purges.push((self.now, purge));
            }
        }
        // What happens from now on happens later.
        self.now += 1;
    }

    fn scope(&mut self) -> Scope {
        let (host, target, site) = URLS[self.chance.below(URLS.len() as u64) as usize];
        let (path, site) = (target.split('?').next().expect(WHY), SiteId(site));
        let host = Some(host).filter(|_| !self.chance.once_in(3));
        let tag = ["t", "u", "v"][self.chance.below(3) as usize].into();
        let prefix = |text: String| Prefix::parse(&text).and_then(PathPrefix::new).expect("short");
        let pattern = |text: &str| Scope::Pattern(Pattern::new(text).expect("short"));
        match self.chance.below(24) {
            0 => Scope::Everything,
            1 => Scope::Site(site),
            2..7 => Scope::Url(Url { host: host.map(Into::into), target: target.into() }),
            7..9 => Scope::SitePath(site, path.into()),
            9..13 => {
                let cut = self.chance.below(path.len() as u64 + 1) as usize;
                Scope::Prefix(prefix(format!("{}{}", host.unwrap_or_default(), &path[..cut])))
            }
            13..16 => Scope::Tag(Some(site), tag),
            16..18 => Scope::Tag(None, tag),
            18..20 => {
                let origin = format!("http://{}", host.unwrap_or("a.b")).into();
                Scope::Group { origin, group: "g".into() }
            }
            _ => pattern(["/p*", "*/q", "a.b/*", "c.?/p", "*b/p?"][self.chance.below(5) as usize]),
        }
    }

    fn make_invalid(&mut self) {
        let (url, _) = self.pick();
        self.store().invalidate(key(url).as_ref().url());
        self.oracle.invalid.push((self.now, url));
        self.now += 1;
    }

    /// The log gives up what matters to nothing stored, and what is stored stands as before.
    fn forget(&mut self) {
        if self.is_off() {
            return;
        }
        // What is gone is taken away by the first look, and what it hid shows at the next.
        self.stands();
        let before = self.stands();
        self.store().let_purges_be_forgotten();
        if let Some(Driven { keeper, .. }) = &mut self.driven {
            keeper.shared().forget();
            // Where the power is cut, another time.
            let _ = keeper.rewrite();
        }
        let after = self.stands();
        assert!(before == after || self.is_off(), "{before:?} and then {after:?}");
    }

    /// The bodies that are found, and whether fresh.
    fn stands(&mut self) -> Vec<Option<(usize, bool)>> {
        let (store, now) = (self.store(), self.time());
        let all = (0..URLS.len()).flat_map(|url| [(url, asks("1")), (url, asks("2"))]);
        let stands = all.map(|(url, asks)| {
            let key = key(url);
            let meta = match store.lookup(key.as_ref(), &asks, site(url)) {
                Lookup::Hit(entry) => entry.meta.clone(),
                Lookup::Miss | Lookup::OtherVariants(_) => {
                    match self.drive(store.recall(&key, &asks, site(url))) {
                        Recall::Response(recalled) => recalled.meta().clone(),
                        Recall::Nothing | Recall::OtherVariants(_) => return None,
                    }
                }
            };
            Some((number_of(&meta), meta.life.is_fresh(now)))
        });
        stands.collect()
    }

    /// So much else comes that memory gives up what it has.
    fn crowd(&mut self) {
        let store = self.store();
        for other in 0..12 {
            let request =
                Request { host: "x".into(), target: format!("/{other}"), ..Request::default() };
            let key = KeyRef::build(&request, &Rule::default(), &mut Vec::new()).to_key();
            let departure = store.depart(key.as_ref(), SiteId(3));
            let meta = Meta { site: SiteId(3), ..self.any_meta(&departure) };
            let Ok(mut writer) = store.begin(&key, None) else { return };
            let _ = self.drive(async move {
                writer.push(Bytes::from(vec![0; IN_MEMORY as usize])).await?;
                writer.finish(&key, meta, Heads::default(), &departure, None).await
            });
        }
    }

    fn any_meta(&self, departure: &Departure) -> Meta {
        Meta {
            status: 200,
            has_forms: false,
            variant: Variant::default(),
            fields: Fields::new(),
            body_bytes: 0,
            life: self.life(),
            born: departure.born(),
            site: SiteId(0),
            tags: Box::default(),
            sources: Box::default(),
        }
    }

    fn cut_power(&mut self) {
        if let Some(Driven { device, .. }) = &self.driven {
            device.cut_power_in(self.chance.below(20));
        }
    }

    /// The process ends as it is told to, or is killed, or the power was cut; and starts again.
    fn restart(&mut self) {
        let Some(Driven { device, mut worker, keeper }) = self.driven.take() else { return };
        let is_clean = self.chance.once_in(2) && !device.is_off();
        if is_clean {
            while worker.turn(Duration::ZERO) {}
            worker.end();
        }
        if !is_clean || device.is_off() {
            self.oracle.crash();
        }
        self.exchanges.clear();
        self.held.clear();
        self.recalled.clear();
        // Who waits for an answer hears none.
        self.waiting.clear();
        self.store = None;
        drop((worker, keeper));
        if device.is_off() {
            device.switch_on();
        } else {
            device.cut_power_in(u64::MAX);
        }
        self.open(device);
    }

    fn hold(&mut self, url: usize, entry: Option<Arc<Entry>>) {
        let Some(entry) = entry else { return };
        if self.held.len() > 6 {
            self.held.remove(0);
        }
        self.held.push((url, entry));
    }

    fn pick_held(&mut self) -> Option<(usize, Arc<Entry>)> {
        let at = self.chance.below(2 * self.held.len() as u64 + 1) as usize;
        self.held.get(at).cloned()
    }

    fn pick(&mut self) -> (usize, &'static str) {
        // The first ones more often, so that more happens to the same.
        let end = 1 + self.chance.below(URLS.len() as u64);
        let url = self.chance.below(end) as usize;
        (url, ["1", "2"][self.chance.below(2) as usize])
    }

    fn tags(&mut self) -> Vec<&'static str> {
        let chance = &mut self.chance;
        ["t", "u", "v"].into_iter().filter(|_| chance.once_in(3)).collect()
    }

    fn time(&self) -> Timestamp {
        (settings(&self.hands).clock)()
    }

    fn life(&self) -> Life {
        let lifetime = Seconds::new(1_000_000);
        Life { answered: self.time(), lifetime, ..Life::default() }
    }
}

fn limits_of_store() -> Limits {
    Limits {
        memory_bytes: 24 << 10,
        max_object_bytes: 1 << 20,
        max_in_memory_bytes: IN_MEMORY,
        in_flight_bytes: 64 << 20,
        max_variants: 3,
        stale_window: Seconds::new(600),
    }
}

fn key(url: usize) -> Key {
    let (host, target, _) = URLS[url];
    let request = Request { host: host.into(), target: target.into(), ..Request::default() };
    KeyRef::build(&request, &Rule::default(), &mut Vec::new()).to_key()
}

fn site(url: usize) -> SiteId {
    SiteId(URLS[url].2)
}

fn boxed(tags: &[&'static str]) -> Box<[Box<str>]> {
    tags.iter().map(|tag| (*tag).into()).collect()
}

/// The number of the body of an entry.
fn number(entry: &Entry) -> usize {
    number_of(&entry.meta)
}

fn number_of(meta: &Meta) -> usize {
    let text = meta.fields.all_named("x-body").next().expect("each has one");
    std::str::from_utf8(text).expect("a number").parse().expect("a number")
}

fn run(seed: u64) -> u64 {
    let mut run = Run::new(seed);
    for _ in 0..STEPS {
        run.step();
    }
    run.fresh.min(run.stale * 4)
}

#[test]
fn what_left_before_a_purge_is_never_valid_after_it() {
    let (seeds, found) = crate::seeds::run(4, run);
    assert!(found > seeds * 4, "only {found} found: the test tests nothing");
}
