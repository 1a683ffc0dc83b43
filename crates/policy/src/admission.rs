//! The third decision: is a response stored, and as what (RFC 9111 §3)?

use crate::cache_control::ResponseDirectives;
use crate::coding;
use crate::conditional;
use crate::cookies;
use crate::fields::{Fields, plain_members};
use crate::freshness::{self, Exchange, Life, Origin, Staleness};
use crate::groups;
use crate::media_type;
use crate::meta::Meta;
use crate::name::Name;
use crate::purge::Born;
use crate::reason::WhySkip;
use crate::request::{Method, Request};
use crate::rule::{Rule, Site};
use crate::targeted::{self, Speaker};
use crate::time::{Seconds, Timestamp};
use crate::vary::{Unkeepable, Variant};

/// A response with all that decides on it.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The site.
    pub site: &'a Site,
    /// The rule for the request.
    pub rule: &'a Rule,
    /// The client's request.
    pub request: &'a Request,
    /// The response's status.
    pub status: u16,
    /// The response's fields, less those of its connection.
    pub fields: &'a Fields,
    /// When it was asked for and came.
    pub exchange: Exchange,
    /// The head of the purge log when it was asked for.
    pub born: Born,
}

/// The verdict on a response.
#[derive(Debug)]
pub enum Admission {
    /// Store it as this; the body's length is filled in when it is whole.
    Store(Box<Meta>),
    /// Do not store it.
    Skip(WhySkip),
}

/// The verdict on a 304 that answers our own validators.
#[derive(Debug)]
pub enum Confirmation {
    /// What is stored is good again, as this.
    Update(Box<Meta>),
    /// What is stored is still what the origin has; it may be served now, but not kept.
    ServeOnce(Box<Meta>, WhySkip),
    /// The 304 speaks of something else: ask again without conditions (RFC 9111 §4.3.4).
    Mismatch,
}

impl Admission {
    /// The verdict where an older response is stored: a failure of the origin does not take its
    /// place.
    pub fn beside(self, older: bool) -> Admission {
        match self {
            Admission::Store(meta) if older && meta.status >= 500 => {
                Admission::Skip(WhySkip::OlderKept)
            }
            verdict => verdict,
        }
    }
}

/// Decides whether a whole response is stored.
pub fn admission(offer: &Offer<'_>) -> Admission {
    let (speaker, mut directives) = targeted::winner(offer.fields);
    offer.site.preset.read(&mut directives);
    if let Some(why) = refuse_by_kind(offer, &directives) {
        return Admission::Skip(why);
    }
    if !offer.rule.forces()
        && let Some(why) = refuse_by_privacy(offer, speaker, &directives)
    {
        return Admission::Skip(why);
    }
    let mut keyed = keyed(offer.rule);
    if coding::suits_stored(offer.rule, offer.status, offer.fields) {
        // Other forms are made from this one, so it answers whatever is accepted.
        keyed.push("accept-encoding");
    }
    let variant = match Variant::of(offer.fields, &offer.request.fields, &keyed) {
        Ok(variant) => variant,
        Err(Unkeepable::Star) => return Admission::Skip(WhySkip::VaryStar),
        Err(Unkeepable::TooWide) => return Admission::Skip(WhySkip::VaryTooWide),
    };
    let tags = match tags(offer) {
        Ok(tags) => tags,
        Err(why) => return Admission::Skip(why),
    };
    match life(offer, speaker, &directives) {
        Ok(life) => {
            Admission::Store(Box::new(Meta { tags, ..meta(offer, &directives, variant, life) }))
        }
        Err(why) => Admission::Skip(why),
    }
}

/// Decides what a 304 to our own validators makes of what is stored (RFC 9111 §4.3.4).
/// `offer` has the 304; its `status` is not looked at.
pub fn confirmation(offer: &Offer<'_>, stored: &Meta) -> Confirmation {
    if !conditional::speaks_of(offer.fields, &stored.fields) {
        return Confirmation::Mismatch;
    }
    let update = offer.site.preset.updating(&stored.fields, offer.fields);
    let fields = conditional::updated(&stored.fields, &with_date(&update, offer.exchange));
    // What was stored without an `Age` must not inherit one, and a 304's counts.
    let whole = Offer { status: stored.status, fields: &fields, ..*offer };
    // Who purges by a tag that the body was sent with, or by what it was made from, means it,
    // whatever a 304 says since.
    let kept = |meta: Meta| {
        let mut tags = [&stored.tags[..], &meta.tags[..]].concat();
        tags.sort_unstable();
        tags.dedup();
        let (body_bytes, sources) = (stored.body_bytes, stored.sources.clone());
        Box::new(Meta { body_bytes, tags: tags.into(), sources, ..meta })
    };
    match admission(&whole) {
        Admission::Store(meta) => Confirmation::Update(kept(*meta)),
        Admission::Skip(why) => {
            let answered = offer.exchange.answered;
            let initial_age = freshness::initial_age(&fields, offer.exchange);
            let life = Life { answered, initial_age, ..Life::default() };
            let mut meta = Meta { fields, life, ..stored.clone() };
            // What goes out tells its age anew.
            meta.fields.remove(Name::Age);
            Confirmation::ServeOnce(kept(meta), why)
        }
    }
}

/// What the answer to a HEAD makes of what is stored (RFC 9111 §4.3.5): the stored response as
/// updated, or nothing if it does not describe it, which makes it invalid. What an unsafe request
/// made `invalid` (§4.4) is good again only where a validator says that it is still the same.
pub fn head_update(offer: &Offer<'_>, stored: &Meta, invalid: bool) -> Option<Box<Meta>> {
    let describes = conditional::head_describes(stored, offer.fields)
        && (!invalid || conditional::has_validator(&stored.fields));
    if !describes {
        return None;
    }
    let get = Request { method: Method::Get, ..offer.request.clone() };
    match confirmation(&Offer { request: &get, ..*offer }, stored) {
        Confirmation::Update(meta) => Some(meta),
        _ => None,
    }
}

/// Whether a response on its way may answer others who wait for it: it is kept, and it is fresh
/// on arrival or may be served stale. What must be validated each time answers only who asked.
pub fn is_shareable(meta: &Meta) -> bool {
    let life = &meta.life;
    let window = match life.stale {
        Staleness::Windows { revalidate, .. } => revalidate.millis(),
        _ => 0,
    };
    !life.always_validate && life.initial_age < life.lifetime.millis() + window
}

/// Reasons that lie in what kind of answer it is, which no rule overrides.
fn refuse_by_kind(offer: &Offer<'_>, directives: &ResponseDirectives) -> Option<WhySkip> {
    if offer.request.method != Method::Get {
        return Some(WhySkip::Head);
    }
    match offer.status {
        206 => return Some(WhySkip::Partial),
        304 => return Some(WhySkip::NotModified),
        412 | 416 => return Some(WhySkip::Condition),
        _ => {}
    }
    if media_type::is_event_stream(offer.fields) {
        return Some(WhySkip::EventStream);
    }
    if directives.must_understand && !is_understood(offer.status) {
        return Some(WhySkip::NotUnderstood);
    }
    offer.request.directives().no_store.then_some(WhySkip::RequestNoStore)
}

/// Reasons that lie in whom the answer is for. Only `cache = "force"` overrides them.
fn refuse_by_privacy(
    offer: &Offer<'_>,
    speaker: Speaker,
    directives: &ResponseDirectives,
) -> Option<WhySkip> {
    let request = &offer.request.fields;
    // `must-understand` on a status that is understood lifts `no-store` (§5.2.2.3).
    if directives.no_store && !directives.must_understand {
        return Some(WhySkip::NoStore);
    }
    if directives.private {
        return Some(WhySkip::Private);
    }
    if offer.fields.has(Name::SetCookie) {
        return Some(WhySkip::SetCookie);
    }
    if request.has(Name::Authorization) && !directives.shares_authorized() {
        return Some(WhySkip::Authorization);
    }
    let told = directives.public || directives.s_maxage.is_some() || speaker.is_targeted();
    let ruled = offer.rule.lifetime(offer.status).is_some();
    if !(told || ruled) && cookies::speaks_of_a_visitor(request, &offer.site.ignored_cookies) {
        return Some(WhySkip::Cookie);
    }
    (!told && is_deceptive(offer.request.path(), offer.fields)).then_some(WhySkip::Deceptive)
}

/// The freshness to store it with, or why it is not worth storing.
fn life(
    offer: &Offer<'_>,
    speaker: Speaker,
    directives: &ResponseDirectives,
) -> Result<Life, WhySkip> {
    let forced = offer.rule.forces();
    let answered = offer.exchange.answered;
    let said = (speaker, directives);
    let max =
        if may_guess(offer.site, offer.request) { offer.site.heuristic_max } else { Seconds::ZERO };
    let (lifetime, origin) =
        freshness::lifetime(offer.status, offer.fields, said, offer.rule, answered, max);
    let initial_age = freshness::initial_age(offer.fields, offer.exchange);
    let lifetime = match origin {
        _ if offer.site.preset.calls_stale(offer.fields) => Seconds::ZERO,
        Origin::Rule => freshness::from_arrival(lifetime, initial_age),
        _ => lifetime,
    };
    let explicit = matches!(origin, Origin::Rule | Origin::Explicit);
    let cacheable =
        explicit || directives.public || freshness::is_heuristically_cacheable(offer.status);
    if !cacheable {
        return Err(WhySkip::Status);
    }
    let ruled = origin == Origin::Rule;
    let life = Life {
        answered,
        initial_age,
        lifetime,
        stale: freshness::staleness(offer.status, directives, offer.rule),
        always_validate: directives.no_cache && !ruled,
        shares_authorized: directives.shares_authorized() || forced,
        ..Life::default()
    };
    let useful = !life.always_validate && life.initial_age < lifetime.millis();
    let windowed = matches!(life.stale, Staleness::Windows { .. }) && explicit;
    if useful || windowed || conditional::has_validator(offer.fields) {
        return Ok(life);
    }
    Err(if explicit { WhySkip::Expired } else { WhySkip::NoFreshness })
}

/// Heuristics are for requests that speak of no visitor (design §4).
pub fn may_guess(site: &Site, request: &Request) -> bool {
    !request.fields.has(Name::Authorization)
        && !cookies::speaks_of_a_visitor(&request.fields, &site.ignored_cookies)
}

fn meta(offer: &Offer<'_>, directives: &ResponseDirectives, variant: Variant, life: Life) -> Meta {
    let mut fields = with_date(offer.fields, offer.exchange);
    fields.remove(Name::SetCookie);
    fields.remove(Name::Age);
    fields.retain(|field| {
        !field.id.is_hop_by_hop() && !directives.withheld.iter().any(|name| name == field.name)
    });
    fields.shrink();
    Meta {
        status: offer.status,
        fields,
        body_bytes: 0,
        variant,
        has_forms: coding::suits_stored(offer.rule, offer.status, offer.fields),
        life,
        born: offer.born,
        site: offer.site.id,
        tags: Box::default(),
        sources: Box::default(),
    }
}

/// A response without `Date` gets the time at which it came (RFC 9110 §6.6.1).
fn with_date(fields: &Fields, exchange: Exchange) -> Fields {
    let mut fields = fields.clone();
    if fields.get(Name::Date).and_then(Timestamp::parse_http).is_none() {
        fields.set(Name::Date, exchange.answered.to_http());
    }
    fields
}

/// The fields that bear tags parted by commas: Cloudflare's name, Netlify's and Vercel's.
pub const COMMA_TAGS: [Name; 3] = [Name::CacheTag, Name::NetlifyCacheTag, Name::VercelCacheTag];
/// The fields that bear tags parted by spaces: Fastly's name and Varnish's.
pub const SPACE_TAGS: [Name; 2] = [Name::SurrogateKey, Name::Xkey];

/// The same as they are kept.
pub fn tags_told(fields: &Fields) -> Box<[Box<str>]> {
    tags_of(fields).into_iter().map(Box::from).collect()
}

/// The tags that fields name, by whichever names.
pub fn tags_of(fields: &Fields) -> Vec<String> {
    let commas = COMMA_TAGS.into_iter().flat_map(|name| fields.all(name).flat_map(plain_members));
    let commas = commas.map(<[u8]>::to_vec);
    let spaces = SPACE_TAGS.into_iter().flat_map(|name| {
        fields.all(name).flat_map(|value| value.split(|b| *b == b' ')).map(<[u8]>::to_vec)
    });
    let tags = commas.chain(spaces).filter_map(|tag| String::from_utf8(tag).ok());
    tags.filter(|tag| !tag.is_empty()).collect()
}

/// Tags of the response, and those of the rule. What has more than are kept is not stored: a purge
/// would miss it.
fn tags(offer: &Offer<'_>) -> Result<Box<[Box<str>]>, WhySkip> {
    let of_rule = offer.rule.tags_at(offer.request.path());
    let tags = tags_of(offer.fields).into_iter().chain(of_rule);
    let has_few_groups = !groups::are_too_many(&groups::groups(offer.fields));
    kept_tags(tags).filter(|_| has_few_groups).ok_or(WhySkip::TooManyTags)
}

/// Tags as they are kept; nothing where there are more or longer ones than are.
pub fn kept_tags(tags: impl Iterator<Item = String>) -> Option<Box<[Box<str>]>> {
    let mut tags: Vec<Box<str>> =
        tags.filter(|tag| !tag.is_empty()).map(String::into_boxed_str).collect();
    tags.sort_unstable();
    tags.dedup();
    let too_many = tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.len() > MAX_TAG_BYTES);
    (!too_many).then(|| tags.into())
}

/// Tags kept of one response.
pub const MAX_TAGS: usize = 1024;
/// Bytes of one tag.
pub const MAX_TAG_BYTES: usize = 1024;

/// The statuses whose meaning for caching is known here (§5.2.2.3): the final ones of RFC 9110.
fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

/// Request fields that the key holds, so that `Vary` need not tell them apart.
fn keyed(rule: &Rule) -> Vec<&str> {
    let mut names: Vec<&str> = rule.key.headers.iter().map(String::as_str).collect();
    if !rule.key.languages.is_empty() {
        names.push("accept-language");
    }
    if rule.cors.is_some() {
        // The answer is made for who asks when it goes out.
        names.push("origin");
    }
    names
}

/// Whether a page is dressed up as a static file: the way of cache deception.
fn is_deceptive(path: &str, fields: &Fields) -> bool {
    const STATIC: [&str; 21] = [
        "avif", "bmp", "css", "eot", "gif", "ico", "jpeg", "jpg", "js", "mjs", "mp3", "mp4", "otf",
        "pdf", "png", "svg", "ttf", "webm", "webp", "woff", "woff2",
    ];
    let name = path.rsplit('/').next().unwrap_or_default();
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    let kind = media_type::media_type(fields);
    let page =
        kind == "text/html" || kind == "application/json" || kind.starts_with("application/xhtml");
    page && suffix.is_some_and(|suffix| STATIC.contains(&suffix.as_str()))
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
