//! What may be served after purges, worked out slowly: of every body that ever was, when its request
//! left; of every purge, when it was answered. Nothing is folded and nothing hashed: what a purge
//! covers is read from texts.

use policy::purge::{Force, Purge, Scope};
use policy::rule::SiteId;

/// Host, target and site of all URLs there are.
pub const URLS: [(&str, &str, u64); 7] = [
    ("a.b", "/", 1),
    ("a.b", "/p", 1),
    ("a.b", "/p/q?x=1", 1),
    ("a.b", "/pq", 1),
    ("www.a.b", "/p/q", 1),
    ("c.d", "/p", 2),
    ("c.d", "/p/q?x=1", 2),
];

/// What a purge can name of a response.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub url: usize,
    pub tags: Vec<&'static str>,
    pub groups: Vec<&'static str>,
}

/// What a body was made from, as it was then: its names, and when the last request left that brought
/// or confirmed it. It was not gone then, so older purges do not matter.
#[derive(Clone, Debug)]
pub struct Made {
    pub names: Names,
    pub last: u64,
}

/// A 304 that was stored, or may have been.
#[derive(Clone, Debug)]
struct Confirmed {
    departed: u64,
    stored: u64,
    tags: Vec<&'static str>,
    /// Whether what is stored has those tags for sure.
    is_certain: bool,
}

#[derive(Clone, Debug)]
pub struct Body {
    pub names: Names,
    pub departed: u64,
    pub from: Option<Made>,
    confirmed: Vec<Confirmed>,
}

/// All that happened. Times are numbers of steps.
#[derive(Debug, Default)]
pub struct Oracle {
    pub bodies: Vec<Body>,
    pub purges: Vec<(u64, Purge)>,
    /// URLs that unsafe requests made invalid.
    pub invalid: Vec<(u64, usize)>,
}

impl Body {
    pub fn new(names: Names, departed: u64, from: Option<Made>) -> Body {
        Body { names, departed, from, confirmed: Vec::new() }
    }

    /// When the last request left that brought or confirmed it.
    pub fn last(&self) -> u64 {
        self.confirmed.iter().map(|it| it.departed).fold(self.departed, u64::max)
    }

    /// What it is known by at a time.
    pub fn names_at(&self, time: u64) -> Names {
        let mut names = self.names.clone();
        let known = self.confirmed.iter().filter(|it| it.is_certain && it.stored <= time);
        known.for_each(|it| names.tags.extend(&it.tags));
        names
    }
}

impl Oracle {
    /// A 304 to that body came: whose request left `departed` and that names further tags.
    pub fn confirm(&mut self, body: usize, (departed, now): (u64, u64), tags: Vec<&'static str>) {
        let new = Confirmed { departed, stored: now, tags, is_certain: false };
        self.bodies[body].confirmed.push(new);
    }

    /// What the last 304 said is what is stored now.
    pub fn make_certain(&mut self, body: usize) {
        self.bodies[body].confirmed.last_mut().expect("there was one").is_certain = true;
    }

    /// Who read it a while ago, and knew it by these tags, had it confirmed: what others said of it
    /// meanwhile may be lost.
    pub fn confirm_as(&mut self, body: usize, tags: &[Box<str>]) {
        for confirmed in &mut self.bodies[body].confirmed {
            let is_known = |tag: &&str| tags.iter().any(|it| **it == **tag);
            confirmed.is_certain &= confirmed.tags.iter().all(is_known);
        }
    }

    /// What was not written yet is lost: of a body an earlier state may come back.
    pub fn crash(&mut self) {
        self.invalid.clear();
        let all = self.bodies.iter_mut().flat_map(|body| &mut body.confirmed);
        all.for_each(|confirmed| confirmed.is_certain = false);
    }

    /// Whether a purge covers what has these names and came between two times.
    pub fn is_purged(&self, names: &Names, (after, until): (u64, u64)) -> bool {
        self.between(after, until).any(|(_, purge)| covers(purge, names))
    }

    /// Whether a hard purge came after its request left. `tags` are those that who asks knows it by;
    /// nothing for all.
    pub fn is_gone(&self, body: usize, until: u64, tags: Option<&[Box<str>]>) -> bool {
        let body = &self.bodies[body];
        let known = |time: u64| {
            let mut names = body.names_at(time);
            names.tags.retain(|tag| tags.is_none_or(|tags| tags.iter().any(|it| **it == **tag)));
            names
        };
        let hard =
            |after: u64| self.between(after, until).filter(|(_, purge)| purge.force == Force::Hard);
        let from = body.from.as_ref();
        hard(body.departed).any(|(time, purge)| covers(purge, &known(*time)))
            || from.is_some_and(|it| hard(it.last).any(|(_, purge)| covers(purge, &it.names)))
    }

    /// Whether a soft purge that is not paced, and whether a paced one, came after it was last
    /// confirmed.
    pub fn softly(&self, body: usize, until: u64) -> (bool, bool) {
        let body = &self.bodies[body];
        let any = |force: Force| {
            let own = self.between(body.last(), until);
            let mut own = own.filter(|(_, purge)| purge.force == force);
            own.any(|(time, purge)| covers(purge, &body.names_at(*time)))
                || body.from.as_ref().is_some_and(|made| {
                    let from = self.between(made.last, until);
                    let mut from = from.filter(|(_, purge)| purge.force == force);
                    from.any(|(_, purge)| covers(purge, &made.names))
                })
        };
        (any(Force::Soft), any(Force::Paced))
    }

    /// Whether its URL was made invalid after it was last confirmed.
    pub fn is_invalid(&self, body: usize, until: u64) -> bool {
        let body = &self.bodies[body];
        let (url, last) = (body.names.url, body.last());
        self.invalid.iter().any(|(time, it)| *it == url && last < *time && *time <= until)
    }

    fn between(&self, after: u64, until: u64) -> impl Iterator<Item = &(u64, Purge)> {
        self.purges.iter().filter(move |(time, _)| after < *time && *time <= until)
    }
}

fn covers(purge: &Purge, names: &Names) -> bool {
    let (host, target, site) = URLS[names.url];
    let path = target.split('?').next().expect("a part before the query");
    let is_host = |named: &Option<Box<str>>| named.as_deref().is_none_or(|named| named == host);
    purge.scopes.iter().any(|scope| match scope {
        Scope::Everything => true,
        Scope::Site(named) => named.0 == site,
        Scope::Url(url) => is_host(&url.host) && *url.target == *target,
        Scope::SitePath(named, of) => named.0 == site && **of == *path,
        Scope::Prefix(prefix) => {
            let (named, of) = (prefix.get().host(), prefix.get().target());
            let below = path.strip_prefix(of);
            let ends = |rest: &str| rest.is_empty() || of.ends_with('/') || rest.starts_with('/');
            named.is_none_or(|named| named == host) && below.is_some_and(ends)
        }
        Scope::Tag(named, tag) => {
            named.is_none_or(|named| named == SiteId(site)) && names.tags.contains(&&**tag)
        }
        Scope::Group { origin, group } => {
            **origin == format!("http://{host}") && names.groups.contains(&&**group)
        }
        Scope::Pattern(pattern) => {
            let text = pattern.as_str();
            let is_path = text.starts_with('/');
            fits(
                text.as_bytes(),
                if is_path { path.to_owned() } else { format!("{host}{path}") }.as_bytes(),
            )
        }
    })
}

fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|at| fits(rest, &text[at..])),
        ([b'?', rest @ ..], [_, text @ ..]) => fits(rest, text),
        ([one, rest @ ..], [other, text @ ..]) => one == other && fits(rest, text),
        _ => false,
    }
}
