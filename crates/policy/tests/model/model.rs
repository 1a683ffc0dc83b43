//! A shared cache by RFC 9111, slow and obvious: responses as they came, each with the request
//! that it answered, in one list; every question is answered from their text.
//!
//! The way of a request is the one of design §2 and §4: what passes by, what is served, what the
//! origin is asked, what becomes of its answer.

use crate::merging;
use crate::purging::{self, Softened};
use crate::replying;
use crate::reusing::{self, Verdict};
use crate::script::{
    Answer, Ask, Exchange, Force, Held, How, Origin, Purge, Response, Rules, Wait, When,
};
use crate::storing::{self, Staleness};
use crate::text::{self, Lines};

/// A stored response and the request that it answered.
#[derive(Clone, Debug)]
pub struct Stored {
    pub ask: Ask,
    pub status: u16,
    pub lines: Lines,
    /// When the request left, and when the answer came, in milliseconds.
    pub asked: u64,
    pub answered: u64,
    pub body: u32,
    pub length: u64,
    /// An unsafe request made it invalid (§4.4).
    pub invalid: bool,
    /// What it is purged by beside its URL: its tags, and those that it ever had (design §5).
    pub tags: Vec<String>,
    /// The soft purges that it lives on after.
    pub softened: Vec<Softened>,
}

/// The cookie that the site calls a session's.
const SESSION_COOKIE: &str = "sid";

/// The cache.
#[derive(Debug)]
pub struct Model {
    pub rules: Rules,
    /// The newest first.
    ///
    /// Decided: of several that fit, the one that came last is used. §4 goes by `Date`; that
    /// differs only where an origin's clock goes back.
    pub kept: Vec<Stored>,
    /// The purge that came while the origin was asked, if one did.
    pub during: Option<Purge>,
}

impl Model {
    /// How far the clock goes before a step.
    pub fn wait(&self, wait: Wait, now: u64) -> u64 {
        let newest = self.kept.first();
        let until = |end: u64, offset: i64| end.saturating_add_signed(offset).saturating_sub(now);
        // Near 2^31 s of lifetime there is nothing to be seen that is not seen before.
        let end = newest.map_or(now, |stored| {
            let left = storing::lifetime(&self.rules, stored) * 1000;
            (stored.answered + left).saturating_sub(storing::age(stored, stored.answered))
        });
        let end = end.min(now + 1_000_000_000);
        match (wait, newest.map(|stored| storing::staleness(&self.rules, stored))) {
            (Wait::Millis(length), _) => length,
            (Wait::Expiry(offset), _) => until(end, offset),
            (Wait::WindowEnd(offset), Some(Staleness::Windows { revalidate, error })) => {
                until(end + revalidate.max(error).min(1_000_000) * 1000, offset)
            }
            (Wait::WindowEnd(offset), _) => until(end, offset),
        }
    }

    /// Answers a request.
    pub fn serve(&mut self, ask: &Ask, origin: &mut Origin<'_>) -> Answer {
        self.during = None;
        if let Some(purge) = origin.purge(When::Before) {
            purging::purge(&mut self.kept, purge, origin.now);
        }
        if self.passes(ask) {
            return self.pass(ask, origin);
        }
        let found = self.kept.iter().find(|stored| reusing::is_for(stored, ask)).cloned();
        let now = origin.now;
        let verdict = found.as_ref().map(|stored| reusing::verdict(&self.rules, stored, ask, now));
        match (verdict, found) {
            (Some(Verdict::Serve(how)), Some(stored)) => {
                let answer = from_store(&stored, how, ask, now);
                if how == How::Refreshed {
                    self.refresh(&stored, ask, origin);
                }
                answer
            }
            // §5.2.1.7
            _ if reusing::wants_no_origin(ask) => Answer::Failed(504),
            (Some(Verdict::Ask { wished }), Some(stored)) => {
                self.fetch(ask, Some(stored), wished, origin)
            }
            // What credentials keep from being used is asked for on its own.
            (Some(_), _) => self.fetch(ask, None, true, origin),
            (None, _) => self.fetch(ask, None, false, origin),
        }
    }

    /// Design §4: only GET and HEAD without a body and without a session go by way of the cache,
    /// and none where a rule switches it off.
    fn passes(&self, ask: &Ask) -> bool {
        let session = text::cookie_names(&ask.lines).iter().any(|name| name == SESSION_COOKIE);
        !["GET", "HEAD"].contains(&ask.method.as_str()) || ask.has_body || self.rules.off || session
    }

    fn pass(&mut self, ask: &Ask, origin: &mut Origin<'_>) -> Answer {
        let Some(response) = self.ask(origin, &ask.method, &ask.lines).response else {
            return Answer::Failed(502);
        };
        for (host, target) in merging::invalidated(ask, &response) {
            self.invalidate(&host, &target);
        }
        passed(&response, false)
    }

    fn invalidate(&mut self, host: &str, target: &str) {
        for stored in &mut self.kept {
            let own = &stored.ask;
            stored.invalid |= merging::host_name(&own.host) == host && own.target == target;
        }
    }

    /// Asks the origin. What is purged meanwhile is purged when the answer comes.
    fn ask(&mut self, origin: &mut Origin<'_>, method: &str, lines: &Lines) -> Exchange {
        let exchange = origin.ask(method, lines);
        if let (Some(at), Some(purge)) = (origin.purged.take(), origin.purge(When::During)) {
            purging::purge(&mut self.kept, purge, at);
            self.during = Some(purge.clone());
        }
        exchange
    }

    /// Asks the origin on behalf of a request. `wished`: what is stored would do, but the
    /// request's own words, or its credentials, want it otherwise.
    ///
    /// Design §4: a request that wishes so, or has credentials, goes on its own, and so does one
    /// for a part, unless the part is cut from something stored. It goes with its own method and
    /// conditions, but a GET where something is stored asks about that. All others ask for the
    /// whole on behalf of all.
    fn fetch(
        &mut self,
        ask: &Ask,
        stored: Option<Stored>,
        wished: bool,
        origin: &mut Origin<'_>,
    ) -> Answer {
        let is = |name: &str| text::has(&ask.lines, name);
        let alone =
            is("authorization") || is("range") || is("if-match") || is("if-unmodified-since");
        let alone = wished || (alone && !(stored.is_some() && is("range")));
        let as_it_is = alone && (stored.is_none() || ask.method == "HEAD");
        let asking = if alone { ask.clone() } else { as_get(ask) };
        let exchange = match &stored {
            _ if as_it_is => self.ask(origin, &ask.method, &ask.lines),
            Some(stored) => self.ask(origin, "GET", &conditional(&ask.lines, stored)),
            None => self.ask(origin, "GET", &unconditional(&ask.lines)),
        };
        let Some(response) = &exchange.response else {
            return self.in_place_of(ask, stored.as_ref(), None, Answer::Failed(502), origin.now);
        };
        match stored {
            Some(stored) if response.status == 304 && !as_it_is && has_validator(&stored) => {
                self.confirmed(ask, &asking, stored, &exchange, response, alone, origin)
            }
            stored => self.arrived(ask, &asking, stored, &exchange, response, alone, origin.now),
        }
    }

    /// A 304 to the validators of what is stored (§4.3.4).
    #[allow(clippy::too_many_arguments, reason = "all that is known of one exchange")]
    fn confirmed(
        &mut self,
        ask: &Ask,
        asking: &Ask,
        stored: Stored,
        exchange: &Exchange,
        response: &Response,
        alone: bool,
        origin: &mut Origin<'_>,
    ) -> Answer {
        if !merging::is_about(&response.lines, &stored.lines) {
            // §4.3.4: it says nothing of what is stored. Ask again, without conditions. Decided: to
            // a purge both are one request, that left when the first did.
            let again = origin.ask("GET", &unconditional(&ask.lines));
            return match &again.response {
                None => self.in_place_of(ask, Some(&stored), None, Answer::Failed(502), origin.now),
                Some(response) => {
                    self.arrived(ask, asking, Some(stored), &again, response, alone, origin.now)
                }
            };
        }
        let updated = merging::updated(&stored, asking, exchange, response);
        if storing::is_stored(&self.rules, &updated) {
            let kept = self.keep(updated, Some(&stored));
            return from_store(&kept, How::Confirmed, ask, origin.now);
        }
        // It is what the origin has, and answers who asked; but what is kept may not be updated
        // by an answer that may not be stored, so it has to be validated again. Decided: all of
        // that URL.
        self.invalidate(merging::host_name(&ask.host), &ask.target);
        from_store(&updated, How::ConfirmedOnce, ask, origin.now)
    }

    /// A response that is none of our 304s.
    #[allow(clippy::too_many_arguments, reason = "all that is known of one exchange")]
    fn arrived(
        &mut self,
        ask: &Ask,
        asking: &Ask,
        stored: Option<Stored>,
        exchange: &Exchange,
        response: &Response,
        alone: bool,
        now: u64,
    ) -> Answer {
        if alone && ask.method == "HEAD" {
            let stood = self.in_place_of(
                ask,
                stored.as_ref(),
                Some(response.status),
                passed(response, false),
                now,
            );
            if let (Answer::Passed { .. }, Some(stored)) = (&stood, &stored) {
                self.head(ask, stored, exchange, response);
            }
            return stood;
        }
        let kept = self.store(asking, stored.as_ref(), exchange, response);
        // Who asked on his own gets the answer as it came; of one that is for all, each gets
        // what his conditions leave of it (§4.3.2).
        let new = new(asking, exchange, response);
        let not_modified =
            !alone && kept && response.status == 200 && replying::client_has(&new, ask);
        self.in_place_of(
            ask,
            stored.as_ref(),
            Some(response.status),
            passed(response, not_modified),
            now,
        )
    }

    /// The answer, or the stored response that stands in for it.
    fn in_place_of(
        &self,
        ask: &Ask,
        stored: Option<&Stored>,
        status: Option<u16>,
        answer: Answer,
        now: u64,
    ) -> Answer {
        // Design §5: never used again, not under stale-if-error either.
        let is_gone = |stored: &Stored| {
            let hard = self.during.as_ref().filter(|purge| purge.force == Force::Hard);
            hard.is_some_and(|purge| purging::covers(purge, stored))
        };
        match stored {
            Some(stored) if is_gone(stored) => answer,
            Some(stored) if reusing::stands_in(&self.rules, stored, ask, status, now) => {
                from_store(stored, How::StandsIn, ask, now)
            }
            _ => answer,
        }
    }

    /// The answer to a HEAD about something that is stored (§4.3.5). Decided: one with
    /// credentials says nothing of what others get.
    fn head(&mut self, ask: &Ask, stored: &Stored, exchange: &Exchange, response: &Response) {
        let is_gone = |purge: &Purge| purge.force == Force::Hard && purging::covers(purge, stored);
        let is_gone = self.during.as_ref().is_some_and(is_gone);
        if response.status != 200 || text::has(&ask.lines, "authorization") || is_gone {
            return;
        }
        let updated = merging::updated(stored, &as_get(ask), exchange, response);
        // §4.4: without a validator nobody knows that what is invalid is still the same.
        let known = !stored.invalid
            || text::has(&stored.lines, "etag")
            || text::has(&stored.lines, "last-modified");
        let describes = known && merging::describes(&response.lines, stored);
        if describes && storing::is_stored(&self.rules, &updated) {
            self.keep(updated, Some(stored));
        } else {
            self.invalidate(merging::host_name(&ask.host), &ask.target);
        }
    }

    /// Refreshes what was served stale, on nobody's behalf (RFC 5861 §3, design §4).
    fn refresh(&mut self, stored: &Stored, ask: &Ask, origin: &mut Origin<'_>) {
        let mut asking = as_get(ask);
        asking.lines.retain(|(name, _)| !reusing::OF_THE_VISITOR.contains(&name.as_str()));
        self.fetch(&asking, Some(stored.clone()), false, origin);
    }

    /// Stores a response if that is allowed (§3) and it came whole (§3.3). Says whether it is
    /// allowed. Design §4: where the origin fails (5xx), the older response is kept.
    fn store(
        &mut self,
        ask: &Ask,
        older: Option<&Stored>,
        exchange: &Exchange,
        response: &Response,
    ) -> bool {
        let new = new(ask, exchange, response);
        let kept_older = response.status >= 500 && older.is_some();
        let allowed = !kept_older && storing::is_stored(&self.rules, &new);
        if allowed && !response.cut {
            self.keep(new, older);
        }
        allowed
    }

    /// Puts a response in the place of `older` and of those for the same requests.
    fn keep(&mut self, mut new: Stored, older: Option<&Stored>) -> Stored {
        let said = crate::says::says(&new.lines);
        let withheld = said.withheld();
        // §3.1, and what `private="…"` and `no-cache="…"` name (§5.2.2.4, §5.2.2.7).
        new.lines.retain(|(name, _)| name != "set-cookie" && !withheld.contains(name));
        // Design §5: what was asked for before a purge that covers it is born dead.
        if self.during.as_ref().is_some_and(|purge| purging::covers(purge, &new)) {
            return new;
        }
        let same = |old: &Stored| {
            let fields = reusing::nominated(&new);
            old.ask.host == new.ask.host
                && old.ask.target == new.ask.target
                && fields == reusing::nominated(old)
                && reusing::is_for(old, &new.ask)
        };
        let is_older = |old: &Stored| {
            older.is_some_and(|older| (older.body, &older.ask.lines) == (old.body, &old.ask.lines))
        };
        self.kept.retain(|old| !same(old) && !is_older(old));
        self.kept.insert(0, new.clone());
        new
    }

    /// What is stored, for comparison.
    pub fn held(&self) -> Vec<Held> {
        let one = |stored: &Stored| Held {
            url: format!("{}{}", stored.ask.host, stored.ask.target),
            body: stored.body,
            status: stored.status,
            invalid: stored.invalid,
            lines: visible(stored),
        };
        self.kept.iter().map(one).collect()
    }
}

/// The lines of a stored response that clients may see; `Age` is made anew each time.
fn visible(stored: &Stored) -> Lines {
    text::sorted(stored.lines.iter().filter(|(name, _)| name != "age"))
}

fn new(ask: &Ask, exchange: &Exchange, response: &Response) -> Stored {
    Stored {
        ask: ask.clone(),
        status: response.status,
        lines: merging::dated(&response.lines, exchange.answered),
        asked: exchange.asked,
        answered: exchange.answered,
        body: response.body,
        length: response.length,
        invalid: false,
        tags: purging::tags(&response.lines),
        softened: Vec::new(),
    }
}

fn from_store(stored: &Stored, how: How, ask: &Ask, now: u64) -> Answer {
    Answer::Stored {
        body: stored.body,
        status: stored.status,
        how,
        shown: replying::shown(stored, ask),
        // §5.1: whole seconds, at most 2^31.
        age: (storing::age(stored, now) / 1000).min(text::FOREVER),
        lines: visible(stored),
    }
}

fn passed(response: &Response, not_modified: bool) -> Answer {
    Answer::Passed { body: response.body, status: response.status, not_modified }
}

fn as_get(ask: &Ask) -> Ask {
    Ask { method: "GET".to_owned(), ..ask.clone() }
}

fn has_validator(stored: &Stored) -> bool {
    text::has(&stored.lines, "etag") || text::has(&stored.lines, "last-modified")
}

/// A request for the whole: without the client's conditions and ranges.
fn unconditional(lines: &Lines) -> Lines {
    let gone = ["if-none-match", "if-modified-since", "if-range", "range"];
    lines.iter().filter(|(name, _)| !gone.contains(&name.as_str())).cloned().collect()
}

/// A request that asks whether what is stored is still good (§4.3.1).
fn conditional(lines: &Lines, stored: &Stored) -> Lines {
    let mut lines = unconditional(lines);
    for (validator, condition) in
        [("etag", "if-none-match"), ("last-modified", "if-modified-since")]
    {
        if let Some(value) = text::first(&stored.lines, validator) {
            lines.push((condition.to_owned(), value.to_owned()));
        }
    }
    lines
}
