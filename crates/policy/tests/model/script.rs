//! What happens in one sequence, and what is seen of it: steps, the origin that plays them, and
//! the outcome of a step. Model and machine share these, and nothing else.

use crate::text::{self, Lines};

/// When the clock of every sequence starts: 2001-09-09, a quarter of a second past the second.
pub const START: u64 = 1_000_000_000_250;

/// A sequence: what the operator has set, and what happens.
#[derive(Clone, Debug)]
pub struct Sequence {
    pub rules: Rules,
    pub steps: Vec<Step>,
}

/// The settings of the operator, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub ttl: Option<u64>,
    pub negative_ttl: Option<u64>,
    pub revalidate: Option<u64>,
    pub stale_while_revalidate: Option<u64>,
    pub stale_if_error: Option<u64>,
    pub force: bool,
    pub off: bool,
}

/// One request, after some time, with what the origin does when it is asked.
#[derive(Clone, Debug)]
pub struct Step {
    pub wait: Wait,
    pub ask: Ask,
    /// How long the origin takes to answer, in milliseconds.
    pub delay: u64,
    pub origin: Behaviour,
    /// What the origin does when it is asked again in the same step.
    pub again: Behaviour,
    pub purge: Option<Purge>,
}

/// A purge by the operator.
#[derive(Clone, Debug)]
pub struct Purge {
    pub when: When,
    pub force: Force,
    pub what: What,
}

/// When a purge comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// Before the request of its step.
    Before,
    /// After the first request to the origin has left, and before its answer comes; never, where the
    /// origin is not asked.
    During,
}

/// What a purge does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Force {
    Hard,
    Soft,
    Paced,
}

/// What a purge names.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Everything,
    Tag(String),
    /// Host without port, path and query.
    Url(String, String),
}

/// How far the clock goes before a step.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Millis(u64),
    /// To so many milliseconds around the end of the freshness of the newest stored response.
    Expiry(i64),
    /// To so many milliseconds around the end of its longest stale window.
    WindowEnd(i64),
}

/// A client's request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: String,
    pub host: String,
    pub target: String,
    pub lines: Lines,
    pub has_body: bool,
}

/// What the origin does when it is asked.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// No connection, no answer in time, or dropped before the head.
    Unreachable,
    /// This, whatever the conditions.
    Answer(Template),
    /// A 304 with these lines if conditions were sent, else a 200.
    Confirm(Template),
}

/// A response whose dates and validators depend on the request and the clock.
#[derive(Clone, Debug)]
pub struct Template {
    pub status: u16,
    pub lines: Vec<(String, Value)>,
    pub length: u64,
    /// The connection drops within the body.
    pub cut: bool,
}

/// The value of a line in a [`Template`].
#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    /// An HTTP date so many seconds from now.
    At(i64),
    /// An HTTP date at so many seconds from the start of the sequence.
    Since(i64),
    /// The entity tag that the request has in `If-None-Match`; no line where it has none.
    SentTag,
    /// The same as a weak tag.
    SentTagWeak,
    /// The same as a strong tag.
    SentTagStrong,
    /// The date that the request has in `If-Modified-Since`; no line where it has none.
    SentDate,
}

/// What the origin was asked, as far as the rules of caching decide on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub method: String,
    pub lines: Lines,
}

/// One exchange with the origin; no response means that it was out of reach.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub asked: u64,
    pub answered: u64,
    pub response: Option<Response>,
}

/// What the origin answered. `body` is another number for each response.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub lines: Lines,
    pub body: u32,
    pub length: u64,
    pub cut: bool,
}

/// What the client got.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A stored response.
    Stored { body: u32, status: u16, how: How, shown: Shown, age: u64, lines: Lines },
    /// What the origin answered.
    Passed { body: u32, status: u16, not_modified: bool },
    /// An answer of the cache's own: 502 or 504.
    Failed(u16),
}

/// On which ground a stored response was used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    Fresh,
    /// Stale, and refreshed beside (RFC 5861 §3).
    Refreshed,
    /// Stale, and the client accepts that (RFC 9111 §5.2.1.2).
    Accepted,
    /// Stale, and the origin failed.
    StandsIn,
    /// The origin said that it is good.
    Confirmed,
    /// The origin said that it is good, and that it is not to be kept.
    ConfirmedOnce,
}

/// What of a stored response the client got.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    Full,
    NotModified,
    Parts(Vec<(u64, u64)>),
    Unsatisfiable,
}

/// A response in the store after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub url: String,
    pub body: u32,
    pub status: u16,
    pub invalid: bool,
    pub lines: Lines,
}

/// All that is compared after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub asked: Vec<Asked>,
    pub answer: Answer,
    /// The newest first.
    pub stored: Vec<Held>,
}

/// The origin during one step.
#[derive(Debug)]
pub struct Origin<'s> {
    step: &'s Step,
    number: u32,
    /// The clock, in milliseconds.
    pub now: u64,
    /// What it was asked.
    pub asked: Vec<Asked>,
    /// When the purge came that came while it was asked; to be taken by who asked.
    pub purged: Option<u64>,
}

impl<'s> Origin<'s> {
    /// The origin for the step of that number.
    pub fn new(step: &'s Step, number: usize, now: u64) -> Origin<'s> {
        Origin { step, number: number as u32, now, asked: Vec::new(), purged: None }
    }

    /// The purge of this step, if it comes then.
    pub fn purge(&self, when: When) -> Option<&'s Purge> {
        self.step.purge.as_ref().filter(|purge| purge.when == when)
    }

    /// Takes a request and answers it as the script has it; the clock goes on.
    pub fn ask(&mut self, method: &str, lines: &Lines) -> Exchange {
        const DECISIVE: [&str; 7] = [
            "if-none-match",
            "if-modified-since",
            "if-range",
            "range",
            "if-match",
            "cookie",
            "authorization",
        ];
        let kept = lines.iter().filter(|(name, _)| DECISIVE.contains(&name.as_str()));
        let call = self.asked.len() as u32;
        self.asked.push(Asked { method: method.to_owned(), lines: text::sorted(kept) });
        let asked = self.now;
        self.now += self.step.delay;
        if call == 0 {
            self.purged = self.purge(When::During).map(|_| asked + self.step.delay / 2);
        }
        let behaviour = if call == 0 { &self.step.origin } else { &self.step.again };
        let body = self.number * 10 + call;
        let response = behaviour.answer(lines, self.now, body);
        Exchange { asked, answered: self.now, response }
    }
}

impl Behaviour {
    fn answer(&self, request: &Lines, now: u64, body: u32) -> Option<Response> {
        let conditional = ["if-none-match", "if-modified-since"]
            .iter()
            .any(|name| text::first(request, name).is_some());
        let (template, status) = match self {
            Behaviour::Unreachable => return None,
            Behaviour::Answer(template) => (template, template.status),
            Behaviour::Confirm(template) => (template, if conditional { 304 } else { 200 }),
        };
        let lines = template.lines.iter().filter_map(|(name, value)| {
            value.resolve(request, now).map(|value| (name.to_ascii_lowercase(), value))
        });
        let Template { length, cut, .. } = *template;
        Some(Response { status, lines: lines.collect(), body, length, cut })
    }
}

impl Value {
    fn resolve(&self, request: &Lines, now: u64) -> Option<String> {
        let tag = || text::first(request, "if-none-match");
        let shifted = |from: u64, by: i64| text::http_date((from / 1000).saturating_add_signed(by));
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::At(offset) => Some(shifted(now, *offset)),
            Value::Since(offset) => Some(shifted(START, *offset)),
            Value::SentTag => tag().map(str::to_owned),
            Value::SentTagWeak => tag().map(|tag| format!("W/{}", tag.trim_start_matches("W/"))),
            Value::SentTagStrong => tag().map(|tag| tag.trim_start_matches("W/").to_owned()),
            Value::SentDate => text::first(request, "if-modified-since").map(str::to_owned),
        }
    }
}
