//! Asking the upstream for a document, once.

use crate::edition::Edition;
use crate::schedule::retry;
use crate::settings::Feed;
use flate2::read::MultiGzDecoder;
use policy::fields::Fields;
use policy::name::Name;
use policy::time::Timestamp;
use proxy::outward::{Gotten, Outward, Stopped};
use proxy::settings::Reach;
use proxy::{Error, ResponseBody, ResponsePiece};
use std::fmt;
use std::io::Read;
use std::time::Duration;
use tokio::time::timeout;

/// What Larder calls itself.
pub const AGENT: &str = concat!("larder/", env!("CARGO_PKG_VERSION"));
/// What is read.
const ACCEPT: &str = "application/json, application/feed+json, application/rss+xml, \
                      application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5";

/// A document as it came.
#[derive(Debug)]
pub struct Fetched {
    /// Its bytes, uncompressed.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: Option<Box<str>>,
    /// The URL that gave it, at the end of all that sent on.
    pub base: Box<str>,
    /// Its validators.
    pub etag: Option<Box<str>>,
    /// Likewise.
    pub last_modified: Option<Box<str>>,
}

/// What came of asking.
#[derive(Debug)]
pub struct Asked {
    /// The document; nothing if it is the same as before.
    pub fetched: Option<Fetched>,
    /// How long the upstream wants to be left alone.
    pub rest: Option<Duration>,
}

/// Why there is no document, or no new edition of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The upstream cannot be asked.
    Unreachable(String),
    /// It took longer than `timeout`.
    TooSlow,
    /// It answered with that status, and perhaps how long it wants to be left alone.
    Status(u16, Option<Duration>),
    /// It is longer than so many bytes.
    TooLong(u64),
    /// It is in a content coding that is not read, or its coding is broken.
    Coding(String),
    /// It is not what it should be.
    Malformed(String),
    /// It has so many items, and should have at least so many.
    TooFew(usize, usize),
    /// It has so many items where the one before had so many.
    Shrunk(usize, usize),
    /// It has no list of items where the one before had one, of so many.
    NoList(usize),
    /// It cannot be kept.
    Disk(String),
}

/// So many of them, in words.
struct Items(usize);

impl fmt::Display for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} item{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unreachable(how) => write!(f, "the upstream cannot be asked: {how}"),
            Fault::TooSlow => write!(f, "the upstream took longer than `timeout`"),
            Fault::Status(status, None) => write!(f, "the upstream answered {status}"),
            Fault::Status(status, Some(rest)) => {
                write!(f, "the upstream answered {status}, and wants {rest:?} of rest")
            }
            Fault::TooLong(most) => {
                write!(f, "the document is longer than {most} bytes (`max_size`)")
            }
            Fault::Coding(what) => write!(f, "the document's content coding: {what}"),
            Fault::Malformed(what) => write!(f, "the document cannot be used: {what}"),
            Fault::TooFew(0, _) => write!(
                f,
                "the document is empty: no items are found in it (`min_items`); where they are elsewhere, \
                 say so by `items`"
            ),
            Fault::TooFew(items, least) => {
                let items = Items(*items);
                write!(f, "the document has {items}, fewer than {least} (`min_items`)")
            }
            Fault::Shrunk(items, before) => write!(
                f,
                "the document has {} where it had {before} (`max_shrink`): \
                 `larder refresh NAME --accept-shrink` takes it as it is",
                Items(*items)
            ),
            Fault::NoList(before) => write!(
                f,
                "the document has no list of items any more, where it had one of {before}: look at what the \
                 URL answers; `larder refresh NAME --accept-shrink` takes it as it is"
            ),
            Fault::Disk(how) => write!(f, "it cannot be kept: {how}"),
        }
    }
}

impl Fault {
    /// A word for it, for metrics.
    pub fn token(&self) -> &'static str {
        match self {
            Fault::Unreachable(_) => "unreachable",
            Fault::TooSlow => "too-slow",
            Fault::Status(429 | 503, _) => "rate-limited",
            Fault::Status(..) => "status",
            Fault::TooLong(_) => "too-long",
            Fault::Coding(_) | Fault::Malformed(_) => "malformed",
            Fault::TooFew(..) => "too-few",
            Fault::Shrunk(..) | Fault::NoList(_) => "shrunk",
            Fault::Disk(_) => "disk",
        }
    }

    /// All words of [`Fault::token`].
    pub const TOKENS: [&'static str; 9] = [
        "unreachable",
        "too-slow",
        "rate-limited",
        "status",
        "too-long",
        "malformed",
        "too-few",
        "shrunk",
        "disk",
    ];

    /// How long the upstream wants to be left alone.
    pub fn rest(&self) -> Option<Duration> {
        match self {
            Fault::Status(_, rest) => *rest,
            _ => None,
        }
    }
}

/// Asks for the document of a feed, under the validators of `before`.
///
/// # Errors
/// Why there is none.
pub async fn document(
    outward: &Outward,
    feed: &Feed,
    before: Option<&Edition>,
    now: Timestamp,
) -> Result<Asked, Fault> {
    let asking = ask(outward, feed, before, now);
    timeout(feed.timeout, asking).await.unwrap_or(Err(Fault::TooSlow))
}

async fn ask(
    outward: &Outward,
    feed: &Feed,
    before: Option<&Edition>,
    now: Timestamp,
) -> Result<Asked, Fault> {
    let fields = asking(feed, before);
    let secrets: Vec<String> = feed.headers.iter().map(|field| field.name.to_owned()).collect();
    let got = outward.follow(&feed.url, &fields, &secrets, &feed.ways).await;
    let got = got.map_err(|stopped| not_followed(stopped, &feed.ways.further))?;
    let rest = retry::told(&got.fields, now);
    match got.status {
        200 => {}
        304 if before.is_some() => return Ok(Asked { fetched: None, rest }),
        status => return Err(Fault::Status(status, rest)),
    }
    let most = feed.limits.document_bytes;
    let Gotten { url, fields, length, mut body, .. } = got;
    if length.is_some_and(|length| length > most) {
        return Err(Fault::TooLong(most));
    }
    let bytes = decoded(whole(&mut body, most).await?, &fields, most)?;
    let text = |name| fields.text(name).map(Box::from);
    Ok(Asked {
        fetched: Some(Fetched {
            bytes,
            media_type: text(Name::ContentType),
            // What is relative is read against its path; its query may hold a secret.
            base: url.split('?').next().unwrap_or_default().into(),
            etag: text(Name::Etag),
            last_modified: text(Name::LastModified),
        }),
        rest,
    })
}

fn asking(feed: &Feed, before: Option<&Edition>) -> Fields {
    let mut fields = Fields::new();
    let mut add = |name: &str, value: &str| {
        if feed.headers.all_named(name).next().is_none() {
            fields.push(name.as_bytes(), value.as_bytes());
        }
    };
    add("user-agent", AGENT);
    add("accept", ACCEPT);
    add("accept-encoding", "gzip");
    if let Some(before) = before {
        for (name, value) in
            [("if-none-match", &before.etag), ("if-modified-since", &before.last_modified)]
        {
            if let Some(value) = value {
                add(name, value);
            }
        }
    }
    for field in feed.headers.iter() {
        fields.push(field.name.as_bytes(), field.value);
    }
    fields
}

/// `further`: how far it may be sent on.
fn not_followed(stopped: Stopped, further: &Reach) -> Fault {
    let why = match (stopped, further) {
        (Stopped { error: Error::OutOfReach, is_home: true }, _) => {
            "its address is this server itself: write the `url` of the server that has the document"
        }
        (Stopped { error: Error::OutOfReach, .. }, Reach::Public) => {
            "it sends on to a private address, or to this server itself: write where it leads as \
             `url`, or allow_private = true"
        }
        (Stopped { error: Error::OutOfReach, .. }, _) => {
            "it sends on to this server itself: write the `url` of the server that has the document"
        }
        (Stopped { error, .. }, _) => return unreachable(error),
    };
    Fault::Unreachable(why.to_owned())
}

fn unreachable(error: Error) -> Fault {
    // What clients are told of a site's origin.
    let how = error.explanation().replace("The origin's", "its").replace("The origin", "it");
    Fault::Unreachable(how.trim_end_matches('.').to_owned())
}

async fn whole(body: &mut ResponseBody, most: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    loop {
        match body.next().await.map_err(unreachable)? {
            ResponsePiece::End(_) => return Ok(bytes),
            ResponsePiece::Data(piece) => {
                if (bytes.len() + piece.len()) as u64 > most {
                    return Err(Fault::TooLong(most));
                }
                bytes.extend_from_slice(&piece);
            }
        }
    }
}

/// Without its content coding.
fn decoded(bytes: Vec<u8>, fields: &Fields, most: u64) -> Result<Vec<u8>, Fault> {
    let coding = fields.text(Name::ContentEncoding).unwrap_or("identity").trim();
    if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
        return Ok(bytes);
    }
    if !["gzip", "x-gzip"].iter().any(|known| coding.eq_ignore_ascii_case(known)) {
        return Err(Fault::Coding(format!("{coding} was not asked for")));
    }
    let mut plain = Vec::new();
    // One more than may be tells that there is more.
    MultiGzDecoder::new(&bytes[..])
        .take(most + 1)
        .read_to_end(&mut plain)
        .map_err(|error| Fault::Coding(format!("gzip: {error}")))?;
    match plain.len() as u64 > most {
        true => Err(Fault::TooLong(most)),
        false => Ok(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![b' '; 1 << 20]).expect("memory takes it");
        let packed = packed.finish().expect("memory takes it");
        let fields: Fields = [("Content-Encoding", "gzip")].into_iter().collect();
        assert_eq!(decoded(packed.clone(), &fields, 1 << 20).map(|it| it.len()), Ok(1 << 20));
        assert_eq!(decoded(packed.clone(), &fields, (1 << 20) - 1), Err(Fault::TooLong(1048575)));
        assert!(matches!(decoded(packed[..9].to_vec(), &fields, 99), Err(Fault::Coding(_))));
        let other: Fields = [("Content-Encoding", "br")].into_iter().collect();
        assert!(matches!(decoded(packed, &other, 99), Err(Fault::Coding(_))));
    }

    #[test]
    fn all_members_of_gzip_are_read() {
        let member = |text: &str| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            packed.write_all(text.as_bytes()).expect("memory takes it");
            packed.finish().expect("memory takes it")
        };
        let packed = [member("[1,"), member("2,"), member("3]")].concat();
        let fields: Fields = [("Content-Encoding", "gzip")].into_iter().collect();
        assert_eq!(decoded(packed.clone(), &fields, 7), Ok(b"[1,2,3]".to_vec()));
        assert_eq!(decoded(packed.clone(), &fields, 6), Err(Fault::TooLong(6)));
        let cut = packed[..packed.len() - 1].to_vec();
        assert!(matches!(decoded(cut, &fields, 99), Err(Fault::Coding(_))));
    }

    #[test]
    fn a_document_out_of_reach_is_told_apart() {
        let (ours, public) = (Reach::NotUs([80].into()), Reach::Public);
        for (error, is_home, further, words) in [
            (Error::OutOfReach, true, &public, "its address is this server itself"),
            (Error::OutOfReach, true, &ours, "its address is this server itself"),
            (Error::OutOfReach, false, &public, "allow_private"),
            (Error::OutOfReach, false, &ours, "sends on to this server itself"),
            (
                Error::OriginUnknown("x.test".to_owned()),
                true,
                &public,
                "asked: its name does not resolve: x.test",
            ),
            (Error::OriginTimeout, true, &public, "asked: it did not begin to answer in time"),
        ] {
            let said = not_followed(Stopped { error, is_home }, further).to_string();
            assert!(said.contains(words) && !said.contains("icture"), "{said}");
        }
    }
}
