//! How what was made is told: as an origin would, with a validator and a life.

use super::asked::Making;
use super::disposition::disposition;
use super::source::Lived;
use crate::cache_status::StoodIn;
use crate::upstream::{Response, ResponseBody};
use bytes::Bytes;
use imaging::plan::Wanted;
use policy::cache_control::ResponseDirectives;
use policy::fields::Fields;
use policy::freshness::Exchange;
use policy::lineage::{Lineage, life_told};
use policy::name::Name;
use policy::time::{Seconds, Timestamp};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Counted up whenever the same plan comes out as other bytes: what was made before is made anew when
/// its life ends.
const ENGINE: u32 = 5;
/// How long it lasts that a source is missing, or could not be had, in seconds.
const MISSING_LASTS: u64 = 10;
/// How long it lasts that no picture can be made of a source, in seconds.
const BROKEN_LASTS: u64 = 60;
/// For how long clients keep what takes the place of a picture that is being made, in seconds.
const PROVISIONAL_LASTS: u64 = 60;

/// What is told of a picture that is for one visitor.
const PRIVATE: &str = "private, no-store";

/// What is told beside a picture: nothing in it can act.
const GUARD: [(&str, &str); 2] = [
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "script-src 'none'; frame-src 'none'; sandbox;"),
];

/// The media type of drawings that go out as they came.
pub const SVG: &str = "image/svg+xml";
/// What is told beside a drawing, which may hold scripts: nothing of it acts, and it loads nothing.
const SVG_GUARD: &str = "sandbox; default-src 'none'";

/// The validator of what is made: of which bytes, and by which plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    source: u128,
    plan: u64,
}

impl Tag {
    /// The tag of what a plan makes of a source of that hash (xxh3 of 128 bits), with those bytes drawn
    /// over it.
    pub fn of(source: u128, mark: &[u8], making: &Making) -> Tag {
        let Making { asked, settings, .. } = making;
        let what = match asked.wanted {
            Wanted::Picture(plan) => plan.to_string(),
            Wanted::Info => "info".to_owned(),
            Wanted::Placeholder(which) => which.name().to_owned(),
            Wanted::Raw => "raw".to_owned(),
        };
        let how = (settings.keep_copyright, settings.profile, settings.svg);
        let mark = if mark.is_empty() { 0 } else { xxh3_128(mark) };
        Tag { source, plan: xxh3_64(format!("{ENGINE} {what} {how:?} {mark:x}").as_bytes()) }
    }

    /// As a field says it, of what was made in that manner: other bytes have another tag.
    pub fn text(&self, manner: Manner) -> String {
        let mark = match manner {
            Manner::Thorough => "",
            Manner::Provisional => "-0",
            Manner::Quick => "-1",
            Manner::Simpler => "-2",
        };
        format!("\"{:032x}-{:016x}{mark}\"", self.source, self.plan)
    }

    /// Whether a tag is that of something final that the plan made of the source.
    pub fn is_final(&self, text: &[u8]) -> bool {
        let all = [Manner::Thorough, Manner::Quick, Manner::Simpler];
        all.iter().any(|manner| self.text(*manner).as_bytes() == text)
    }
}

/// How something is made of a source by a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// While somebody waits.
    Quick,
    /// While nobody waits.
    Thorough,
    /// In the place of an AVIF that is still to be made.
    Provisional,
    /// In the place of an AVIF that cannot be made.
    Simpler,
}

/// A picture that was made, or was made before and is good again.
pub struct Outcome<'m> {
    /// What was asked for.
    pub making: &'m Making,
    /// Its source.
    pub life: Lived,
    /// The `Cache-Control` that clients get of the source.
    pub told: Option<Box<[u8]>>,
    /// What it inherits.
    pub lineage: Lineage,
    /// The groups that its source is in.
    pub groups: Vec<Box<[u8]>>,
    /// What stood in for its source.
    pub stood_in: Option<StoodIn>,
    /// Its validator.
    pub tag: String,
    /// Whether a better one is to come.
    pub is_provisional: bool,
    /// Whether it is a drawing.
    pub is_svg: bool,
}

impl Outcome<'_> {
    /// The response, with what was made, or without where the stored one is good.
    pub fn response(self, made: Option<(&str, Bytes)>, exchange: Exchange) -> Response {
        let mut fields = Fields::new();
        let extension = made.as_ref().and_then(|(media, _)| media.strip_prefix("image/"));
        let extension = extension.map(|extension| extension.trim_end_matches("+xml"));
        if let Some((media, _)) = &made {
            fields.add(Name::ContentType, media);
        }
        if let Some(extension) = extension {
            let value = disposition(&self.making.asked, &extension.replace("jpeg", "jpg"));
            if let Some(value) = value {
                fields.push(b"content-disposition", value.as_bytes());
            }
        }
        fields.add(Name::Etag, &self.tag);
        if self.making.varies {
            fields.add(Name::Vary, "Accept");
        }
        for (name, value) in GUARD {
            let value =
                if self.is_svg && name == "content-security-policy" { SVG_GUARD } else { value };
            fields.push(name.as_bytes(), value.as_bytes());
        }
        self.groups.iter().for_each(|groups| fields.add(Name::CacheGroups, groups));
        self.tell_life(&mut fields, exchange.answered);
        let is_provisional = self.is_provisional;
        let lineage = Some(Box::new(self.lineage));
        let (status, length, bytes) = match made {
            Some((_, bytes)) => (200, Some(bytes.len() as u64), bytes),
            None => (304, None, Bytes::new()),
        };
        let (stood_in, body) = (self.stood_in, ResponseBody::Made(bytes));
        Response { status, fields, length, exchange, lineage, is_provisional, stood_in, body }
    }

    fn tell_life(&self, fields: &mut Fields, now: Timestamp) {
        let least = self.making.settings.min_ttl;
        let life = match self.life {
            Lived::NotKept => {
                fields.add(Name::CacheControl, PRIVATE);
                return;
            }
            Lived::Kept(life) => Some(life),
            Lived::Checked => None,
        };
        let unknown = || policy::freshness::Life {
            answered: now,
            always_validate: true,
            ..policy::freshness::Life::default()
        };
        let life = life.unwrap_or_else(unknown);
        let (own, age) = life_told(&life, least, now);
        if age > 0 {
            fields.add(Name::Age, age.to_string());
        }
        if self.is_provisional {
            // Stale at once, and good until the source's life ends: so the next request has the better
            // one made, should the first attempt have come to nothing.
            let left = life.ttl(now).max(i64::try_from(least.get()).unwrap_or(0)).max(0);
            let window = format!("max-age={age}, stale-while-revalidate={left}");
            fields.add(Name::LarderCacheControl, window);
            // Nor do clients keep it for longer than they would the source.
            let told =
                self.told.as_deref().map(|told| ResponseDirectives::parse([told].into_iter()));
            let most = told.and_then(|told| told.max_age).filter(|_| least == Seconds::ZERO);
            let lasts = most.map_or(PROVISIONAL_LASTS, |most| most.get().min(PROVISIONAL_LASTS));
            fields.add(Name::CacheControl, format!("public, max-age={lasts}"));
            return;
        }
        fields.add(Name::LarderCacheControl, own);
        match &self.told {
            _ if life.ttl(now) < i64::try_from(least.get()).unwrap_or(i64::MAX) && age == 0 => {
                let value = format!("public, max-age={}, must-revalidate", least.get());
                fields.add(Name::CacheControl, value);
            }
            Some(told) => fields.add(Name::CacheControl, told),
            None => {}
        }
    }
}

/// Whether something better may take the place of a picture that is made quickly: only as long as its
/// source may be used unasked.
pub fn may_be_provisional(making: &Making, life: Lived, now: Timestamp) -> bool {
    match life {
        Lived::Kept(life) => {
            making.settings.min_ttl > Seconds::ZERO || life.is_fresh(now) && life.ttl(now) > 0
        }
        Lived::Checked => making.settings.min_ttl > Seconds::ZERO,
        Lived::NotKept => false,
    }
}

/// A picture as it is, in the place of one that cannot be made of it.
/// `life`: its own.
pub fn stand_in(
    (media_type, bytes): (&str, Bytes),
    life: Lived,
    lineage: Option<Lineage>,
    exchange: Exchange,
) -> Response {
    let mut fields = Fields::new();
    fields.add(Name::ContentType, media_type);
    fields.add(Name::Etag, format!("\"{:032x}\"", xxh3_128(&bytes)));
    for (name, value) in GUARD {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    let length = Some(bytes.len() as u64);
    let body = ResponseBody::Made(bytes);
    let mut response = Response {
        status: 200,
        fields,
        length,
        exchange,
        lineage: None,
        is_provisional: false,
        stood_in: None,
        body,
    };
    if life == Lived::NotKept {
        response.fields.add(Name::CacheControl, PRIVATE);
        return response;
    }
    shortened(response, lineage)
}

/// A picture in the place of another, for as long as that is not tried again; who purges what it was to
/// be made of purges it too.
pub fn shortened(mut response: Response, lineage: Option<Lineage>) -> Response {
    let fields = &mut response.fields;
    if is_for_one(fields) {
        return response;
    }
    fields.set(Name::LarderCacheControl, format!("max-age={MISSING_LASTS}"));
    fields.set(Name::CacheControl, format!("public, max-age={MISSING_LASTS}"));
    fields.remove(Name::Age);
    response.is_provisional = false;
    if let Some(wanted) = lineage {
        let lineage = match response.lineage.take() {
            Some(own) => own.and(wanted),
            None => wanted,
        };
        response.lineage = Some(Box::new(lineage));
    }
    response
}

/// Whether what was made here is for one visitor, as its source is.
pub fn is_for_one(fields: &Fields) -> bool {
    fields.text(Name::CacheControl) == Some(PRIVATE) && !fields.has(Name::LarderCacheControl)
}

/// An answer that says why there is no picture.
pub fn failure(status: u16, why: &str, lineage: Option<Lineage>, exchange: Exchange) -> Response {
    let lasts = if status == 422 { BROKEN_LASTS } else { MISSING_LASTS };
    let mut fields = Fields::new();
    fields.add(Name::ContentType, "text/plain; charset=utf-8");
    fields.add(Name::LarderCacheControl, format!("max-age={lasts}"));
    fields.add(Name::CacheControl, "no-cache");
    for (name, value) in GUARD {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    let text = format!("There is no picture: {why}.\n");
    let length = Some(text.len() as u64);
    let (lineage, body) = (lineage.map(Box::new), ResponseBody::Made(text.into()));
    Response {
        status,
        fields,
        length,
        exchange,
        lineage,
        is_provisional: false,
        stood_in: None,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_have_other_tags_and_all_but_the_provisional_are_final() {
        let tag = Tag { source: 1, plan: 2 };
        let manners = [Manner::Quick, Manner::Thorough, Manner::Provisional, Manner::Simpler];
        for (at, manner) in manners.into_iter().enumerate() {
            let text = tag.text(manner);
            assert!(manners[..at].iter().all(|before| tag.text(*before) != text), "{text}");
            assert_eq!(tag.is_final(text.as_bytes()), manner != Manner::Provisional, "{text}");
            for other in [Tag { source: 2, ..tag.clone() }, Tag { plan: 1, ..tag.clone() }] {
                assert!(!other.is_final(text.as_bytes()), "{text}");
            }
        }
    }
}
