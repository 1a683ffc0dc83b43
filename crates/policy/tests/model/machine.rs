//! Drives the real functions of `policy` the way `proxy` does, one exchange at a time, over a
//! plain list in the place of the store.

use crate::script::{
    self, Answer, Ask, Exchange, Held, How, Origin, Response, Rules, Shown, What, When,
};
use crate::text::{self, Lines};
use policy::admission::{self, Admission, Confirmation, Offer};
use policy::conditional;
use policy::fields::Fields;
use policy::freshness;
use policy::glob::Glob;
use policy::key::Key;
use policy::meta::Meta;
use policy::name::Name;
use policy::purge::{self, Born, Force, Scope, Subject, Table, TableLimits, Url, Verdict, soften};
use policy::reason::WhyFetch;
use policy::reply::{self, Reply};
use policy::request::{Method, Request};
use policy::reuse::{Failure, Found, Refresh, Reuse, reuse, stands_in};
use policy::route::{Route, route};
use policy::rule::{CacheMode, Rule, Site};
use policy::time::{Seconds, Timestamp};

/// An entry of the list.
#[derive(Clone, Debug)]
struct Entry {
    key: Key,
    host_and_target: String,
    meta: Meta,
    body: u32,
    invalid: bool,
}

/// `policy` and a list of what it said to store, the newest first.
#[derive(Debug)]
pub struct Machine {
    site: Site,
    kept: Vec<Entry>,
    table: Table,
}

/// The name of the purge log.
const LOG_ID: u64 = 7;
/// For how long stale is served after a paced purge.
const STALE_WINDOW: Seconds = Seconds::new(600);

/// What is wanted of the origin, as `proxy`'s errand has it.
struct Errand {
    request: Request,
    key: Key,
    stored: Option<Entry>,
    /// Of the client: whether it goes on its own.
    alone: bool,
    /// The head of the purge log when it left.
    born: Born,
}

impl Machine {
    /// A site with one rule for all.
    pub fn new(rules: &Rules) -> Machine {
        let seconds = |value: Option<u64>| value.map(Seconds::new);
        let rule = Rule {
            ttl: seconds(rules.ttl),
            negative_ttl: seconds(rules.negative_ttl),
            revalidate: seconds(rules.revalidate),
            stale_while_revalidate: seconds(rules.stale_while_revalidate),
            stale_if_error: seconds(rules.stale_if_error),
            cache: match (rules.off, rules.force) {
                (true, _) => CacheMode::Off,
                (_, true) => CacheMode::Force,
                _ => CacheMode::Auto,
            },
            ..Rule::default()
        };
        let site = Site {
            name: "default".to_owned(),
            default_rule: rule,
            session_cookies: vec![Glob::new("sid")],
            ignored_cookies: vec![Glob::new("_ga*")],
            heuristic_max: Seconds::new(3600),
            ..Site::default()
        };
        Machine { site, kept: Vec::new(), table: Table::new(LOG_ID, 0, TableLimits::default()) }
    }

    /// Answers a request.
    pub fn serve(&mut self, ask: &Ask, origin: &mut Origin<'_>) -> Answer {
        if let Some(purge) = origin.purge(When::Before) {
            self.purge(purge, origin.now);
        }
        let request = request(ask);
        let now = Timestamp(origin.now);
        let mut buffer = Vec::new();
        let key = match route(&self.site, self.rule(&request), &request, &mut buffer) {
            Route::Pass(_) => return self.pass(&request, origin),
            Route::Cached(key) => key.to_key(),
        };
        let mut of_key = self.kept.iter().filter(|entry| entry.key == key).peekable();
        let nothing = of_key.peek().is_none();
        let hit = of_key.find(|entry| entry.meta.variant.answers(&request.fields)).cloned();
        let found = match &hit {
            Some(entry) => Found::Response { meta: &entry.meta, invalid: entry.invalid },
            None if nothing => Found::Nothing,
            None => Found::OtherVariants,
        };
        let verdict = reuse(found, &request, now);
        let born = self.table.head();
        let mut errand = Errand { request, key, stored: hit, alone: false, born };
        match (verdict, errand.stored.clone()) {
            (Reuse::Fresh, Some(entry)) => stored(&entry, How::Fresh, &errand.request, now),
            (Reuse::Stale(refresh), Some(entry)) => {
                let how = if refresh == Refresh::Not { How::Accepted } else { How::Refreshed };
                let answer = stored(&entry, how, &errand.request, now);
                // The pace is kept by who does it.
                if refresh != Refresh::Not {
                    self.refresh(errand, origin);
                }
                answer
            }
            (Reuse::Revalidate(why), Some(_)) => self.fetch(errand, why, origin),
            (Reuse::Fetch(why), _) => {
                errand.stored = None;
                self.fetch(errand, why, origin)
            }
            _ => Answer::Failed(504),
        }
    }

    fn rule(&self, request: &Request) -> &Rule {
        self.site.rule_for(request)
    }

    fn pass(&mut self, request: &Request, origin: &mut Origin<'_>) -> Answer {
        let exchange = self.exchange(origin, request.method.as_str(), &lines(&request.fields));
        let Some(response) = exchange.response else { return Answer::Failed(502) };
        let fields = fields(&response.lines);
        for url in purge::invalidated(request, self.site.all_rules(), response.status, &fields) {
            self.invalidate(&url);
        }
        passed(&response, false)
    }

    fn invalidate(&mut self, url: &[u8]) {
        for entry in self.kept.iter_mut().filter(|entry| entry.key.as_ref().url() == url) {
            entry.invalid = true;
        }
    }

    fn fetch(&mut self, mut errand: Errand, why: WhyFetch, origin: &mut Origin<'_>) -> Answer {
        let asks = why == WhyFetch::Request || why == WhyFetch::Authorization;
        let part = errand.stored.is_some() && errand.request.fields.has(Name::Range);
        errand.alone = asks || (errand.request.goes_alone() && !part);
        self.ask(errand, origin)
    }

    fn refresh(&mut self, mut errand: Errand, origin: &mut Origin<'_>) {
        conditional::remove_conditions(&mut errand.request.fields);
        for name in [
            Name::Authorization,
            Name::CacheControl,
            Name::Cookie,
            Name::IfMatch,
            Name::IfUnmodifiedSince,
            Name::Pragma,
            Name::Referer,
        ] {
            errand.request.fields.remove(name);
        }
        self.ask(errand, origin);
    }

    /// Asks the origin and makes of its answer what `policy` says.
    fn ask(&mut self, errand: Errand, origin: &mut Origin<'_>) -> Answer {
        let client = errand.request.clone();
        let ours = !errand.alone || (errand.stored.is_some() && client.method == Method::Get);
        let method = if errand.alone { client.method.clone() } else { Method::Get };
        let asking = Request { method, ..client.clone() };
        let errand = Errand { request: asking, ..errand };
        let validates = errand.stored.clone().filter(|_| ours);
        let validates = validates.filter(|entry| conditional::has_validator(&entry.meta.fields));
        let mut exchange = self.send(&errand.request, ours, validates.as_ref(), origin);
        if let (Some(entry), Some(response)) = (&validates, &exchange.response)
            && response.status == 304
        {
            match self.confirm(&errand, entry, &exchange, response) {
                Some((entry, how)) => return stored(&entry, how, &client, Timestamp(origin.now)),
                None => exchange = self.send(&errand.request, ours, None, origin),
            }
        }
        let now = Timestamp(origin.now);
        let Some(response) = &exchange.response else {
            return self
                .stand_in(&errand, &client, Failure::Unreachable, now)
                .unwrap_or(Answer::Failed(502));
        };
        let failure = Failure::Status(response.status);
        let stood = self.stand_in(&errand, &client, failure, now);
        if errand.alone && stood.is_some() {
            return stood.unwrap_or(Answer::Failed(502));
        }
        if client.method == Method::Head && errand.alone {
            self.update_by_head(&errand, &exchange, response);
        }
        let not_modified = self.admit(&errand, &client, &exchange, response);
        stood.unwrap_or(passed(response, not_modified && !errand.alone))
    }

    /// What a 304 makes of what is stored; nothing if it speaks of something else.
    fn confirm(
        &mut self,
        errand: &Errand,
        entry: &Entry,
        exchange: &Exchange,
        response: &Response,
    ) -> Option<(Entry, How)> {
        let fields = fields(&response.lines);
        let offer = self.offer(errand, exchange, response.status, &fields);
        match admission::confirmation(&offer, &entry.meta) {
            Confirmation::Update(meta) => {
                let new = Entry { meta: *meta, invalid: false, ..entry.clone() };
                self.insert(new.clone(), Some(entry), errand.born);
                Some((new, How::Confirmed))
            }
            Confirmation::ServeOnce(meta, _) => {
                self.invalidate(errand.key.as_ref().url());
                Some((Entry { meta: *meta, ..entry.clone() }, How::ConfirmedOnce))
            }
            Confirmation::Mismatch => None,
        }
    }

    fn stand_in(
        &self,
        errand: &Errand,
        client: &Request,
        failure: Failure,
        now: Timestamp,
    ) -> Option<Answer> {
        let entry = errand.stored.as_ref().filter(|entry| !self.is_gone(entry))?;
        stands_in(&entry.meta, entry.invalid, client, failure, now)
            .then(|| stored(entry, How::StandsIn, client, now))
    }

    fn update_by_head(&mut self, errand: &Errand, exchange: &Exchange, response: &Response) {
        let Some(entry) = errand.stored.as_ref().filter(|_| response.status == 200) else { return };
        if errand.request.fields.has(Name::Authorization) || self.is_gone(entry) {
            return;
        }
        let fields = fields(&response.lines);
        let offer = self.offer(errand, exchange, response.status, &fields);
        match admission::head_update(&offer, &entry.meta, entry.invalid) {
            Some(meta) => {
                let new = Entry { meta: *meta, invalid: false, ..entry.clone() };
                self.insert(new, Some(entry), errand.born);
            }
            None => self.invalidate(errand.key.as_ref().url()),
        }
    }

    /// Stores a response if `policy` says so; says whether it is for the client a 304.
    fn admit(
        &mut self,
        errand: &Errand,
        client: &Request,
        exchange: &Exchange,
        response: &Response,
    ) -> bool {
        if response.status >= 500 && errand.stored.is_some() {
            return false;
        }
        let fields = fields(&response.lines);
        let offer = self.offer(errand, exchange, response.status, &fields);
        let Admission::Store(meta) = admission::admission(&offer) else { return false };
        let reply = reply::reply(client, response.status, &meta.fields, None, meta.has_forms);
        let request = &errand.request;
        let new = Entry {
            key: errand.key.clone(),
            host_and_target: format!("{}{}", request.host, request.target),
            meta: Meta { body_bytes: response.length, ..*meta },
            body: response.body,
            invalid: false,
        };
        if !response.cut {
            self.insert(new, errand.stored.as_ref(), errand.born);
        }
        reply == Reply::NotModified
    }

    fn offer<'a>(
        &'a self,
        errand: &'a Errand,
        exchange: &Exchange,
        status: u16,
        fields: &'a Fields,
    ) -> Offer<'a> {
        Offer {
            site: &self.site,
            rule: self.rule(&errand.request),
            request: &errand.request,
            status,
            fields,
            exchange: freshness::Exchange {
                asked: Timestamp(exchange.asked),
                answered: Timestamp(exchange.answered),
            },
            born: errand.born,
        }
    }

    /// As the store does it: in the place of `replaced` and of those for the same requests, unless
    /// a purge came since its request left.
    fn insert(&mut self, new: Entry, replaced: Option<&Entry>, departed: Born) {
        let subject = Subject::of(new.key.as_ref(), &new.meta);
        if self.table.check(&subject, departed, departed.seq) != Verdict::Valid {
            return;
        }
        self.kept.retain(|old| {
            let same = old.key == new.key && old.meta.variant == new.meta.variant;
            let older = replaced.is_some_and(|replaced| {
                old.key == replaced.key
                    && old.body == replaced.body
                    && old.meta.variant == replaced.meta.variant
            });
            !same && !older
        });
        self.kept.insert(0, new);
    }

    /// As the store does it when it finds them: what is gone is not there, and of what a soft purge
    /// covers the lifetime ends.
    fn purge(&mut self, purge: &script::Purge, at: u64) {
        let force = match purge.force {
            script::Force::Hard => Force::Hard,
            script::Force::Soft => Force::Soft,
            script::Force::Paced => Force::Paced,
        };
        let scope = match &purge.what {
            What::Everything => Scope::Everything,
            What::Tag(tag) => Scope::Tag(None, tag.as_str().into()),
            What::Url(host, target) => {
                Scope::Url(Url { host: Some(host.as_str().into()), target: target.as_str().into() })
            }
        };
        let (by, why) = ("".into(), "".into());
        let purge = purge::Purge { scopes: [scope].into(), force, at: Timestamp(at), by, why };
        self.table.apply(self.table.head().seq + 1, &purge);
        let table = &self.table;
        self.kept.retain_mut(|entry| {
            let subject = Subject::of(entry.key.as_ref(), &entry.meta);
            let (since, window) = match table.check(&subject, entry.meta.born, 0) {
                Verdict::Valid => return true,
                Verdict::Gone => return false,
                Verdict::StaleSince(since) => (since, None),
                Verdict::PacedSince(since) => (since, Some(STALE_WINDOW)),
            };
            entry.meta.life = soften(&entry.meta, since, window);
            true
        });
    }

    fn is_gone(&self, entry: &Entry) -> bool {
        let subject = Subject::of(entry.key.as_ref(), &entry.meta);
        self.table.check(&subject, entry.meta.born, 0) == Verdict::Gone
    }

    /// Asks the origin; what is purged meanwhile is purged when the answer comes.
    fn exchange(&mut self, origin: &mut Origin<'_>, method: &str, lines: &Lines) -> Exchange {
        let exchange = origin.ask(method, lines);
        if let (Some(at), Some(purge)) = (origin.purged.take(), origin.purge(When::During)) {
            self.purge(purge, at);
        }
        exchange
    }

    fn send(
        &mut self,
        request: &Request,
        ours: bool,
        validates: Option<&Entry>,
        origin: &mut Origin<'_>,
    ) -> Exchange {
        let mut out = request.fields.clone();
        match validates {
            Some(entry) => conditional::make_conditional(&mut out, &entry.meta.fields),
            None if ours => conditional::remove_conditions(&mut out),
            None => {}
        }
        self.exchange(origin, request.method.as_str(), &lines(&out))
    }

    /// What is stored, for comparison.
    pub fn held(&self) -> Vec<Held> {
        let one = |entry: &Entry| Held {
            url: entry.host_and_target.clone(),
            body: entry.body,
            status: entry.meta.status,
            invalid: entry.invalid,
            lines: text::sorted(lines(&entry.meta.fields).iter()),
        };
        self.kept.iter().map(one).collect()
    }
}

fn stored(entry: &Entry, how: How, request: &Request, now: Timestamp) -> Answer {
    let meta = &entry.meta;
    let length = Some(meta.body_bytes);
    let shown = match reply::reply(request, meta.status, &meta.fields, length, meta.has_forms) {
        Reply::Full => Shown::Full,
        Reply::NotModified => Shown::NotModified,
        Reply::Parts(parts) => Shown::Parts(parts.iter().map(|p| (p.first, p.last)).collect()),
        Reply::Unsatisfiable => Shown::Unsatisfiable,
    };
    Answer::Stored {
        body: entry.body,
        status: meta.status,
        how,
        shown,
        age: meta.life.age_seconds(now),
        lines: text::sorted(lines(&meta.fields).iter()),
    }
}

fn passed(response: &Response, not_modified: bool) -> Answer {
    Answer::Passed { body: response.body, status: response.status, not_modified }
}

fn request(ask: &Ask) -> Request {
    Request {
        method: Method::of(&ask.method),
        host: ask.host.clone(),
        target: ask.target.clone(),
        fields: fields(&ask.lines),
        has_body: ask.has_body,
        ..Request::default()
    }
}

fn fields(lines: &Lines) -> Fields {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn lines(fields: &Fields) -> Lines {
    let text = |value| String::from_utf8_lossy(value).into_owned();
    fields.iter().map(|field| (field.name.to_owned(), text(field.value))).collect()
}
