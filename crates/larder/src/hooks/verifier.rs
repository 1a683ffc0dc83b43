//! Whether a delivery is from who knows the hook's secret, each content system in its own way; and
//! by what it would be known if it came again.
//!
//! No field is asked for that a system does not send. A signature is looked at before all else: what
//! is told of a delivery counts once that is right.

use crate::config::secret::Secret;
use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL,
};
use policy::fields::Fields;
use policy::time::Timestamp;
use serde_json::Value;
use std::fmt;
use subtle::ConstantTimeEq;

/// How old a signed time may be, and how far ahead, in milliseconds.
const MAX_SKEW_MILLIS: u64 = 5 * 60 * 1000;
/// What begins the secrets of Standard Webhooks; the rest is base64.
const STANDARD_PREFIX: &str = "whsec_";
/// What stands before that where a sender shows the version too, as Supabase does.
const STANDARD_VERSION: &str = "v1,";
/// As people copy it: with the padding or without.
const BASE64_OF_SECRETS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Characters of the id of a delivery that are told of.
const MAX_ID_CHARS: usize = 256;
/// Signatures of one delivery that are looked at.
const MAX_SIGNATURES: usize = 8;

/// How deliveries prove where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Contentful: `x-contentful-signature` over method, path, signed headers and body.
    Contentful,
    /// Sanity: `sanity-webhook-signature` over time and body.
    Sanity,
    /// Ghost, since 5.87: `X-Ghost-Signature` over body and time.
    Ghost,
    /// Shopify: `X-Shopify-Hmac-Sha256` over the body.
    Shopify,
    /// GitHub: `X-Hub-Signature-256` over the body.
    GitHub,
    /// Standard Webhooks: `webhook-signature` over id, time and body.
    Standard,
    /// The secret itself in that header, by itself or behind `Bearer `.
    Header(Box<str>),
}

/// A delivery as far as it is looked at here.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'d> {
    /// The method.
    pub method: &'d str,
    /// Path and query, as they were sent.
    pub target: &'d str,
    /// The header fields.
    pub fields: &'d Fields,
    /// The body, byte for byte.
    pub body: &'d [u8],
}

/// By what a delivery is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

/// A delivery whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genuine {
    /// By what it would be known if it came again; nothing where no field tells.
    pub fingerprint: Option<Fingerprint>,
    /// The id that its sender gave it.
    pub id: Option<Box<str>>,
}

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forged {
    /// A field is not there, or more than once.
    Missing(&'static str),
    /// A field is not written as its system writes it.
    Unreadable(&'static str),
    /// The time is not among what is signed.
    UnsignedTime,
    /// No secret makes this signature.
    Wrong,
    /// It was signed too long ago; so many seconds.
    Old(u64),
    /// It was signed in the future; so many seconds ahead.
    Ahead(u64),
}

const CONTENTFUL_SIGNATURE: &str = "x-contentful-signature";
const CONTENTFUL_HEADERS: &str = "x-contentful-signed-headers";
const CONTENTFUL_TIME: &str = "x-contentful-timestamp";
const SANITY_SIGNATURE: &str = "sanity-webhook-signature";
const GHOST_SIGNATURE: &str = "x-ghost-signature";
const SHOPIFY_SIGNATURE: &str = "x-shopify-hmac-sha256";
const SHOPIFY_ID: &str = "x-shopify-webhook-id";
const GITHUB_SIGNATURE: &str = "x-hub-signature-256";
const GITHUB_ID: &str = "x-github-delivery";
/// Id, time and signature of Standard Webhooks, and the names of those before it was a standard.
const STANDARD: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];
const SVIX: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];

impl Kind {
    /// Looks at a delivery.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify(
        &self,
        secrets: &[Secret],
        signed: Signed<'_>,
        now: Timestamp,
    ) -> Result<Genuine, Forged> {
        let check_any = |tags: &[Vec<u8>], parts: &[&[u8]]| check(self, secrets, tags, parts);
        let check = |tag: &[u8], parts: &[&[u8]]| check_any(&[tag.to_vec()], parts);
        match self {
            Kind::Contentful => {
                let (tag, time) = contentful(signed, check)?;
                check_time(time, now)?;
                Ok(known_by(&[&tag], None))
            }
            Kind::Sanity => {
                let text = one(signed.fields, SANITY_SIGNATURE)?;
                let (time, tag) = sanity(text).ok_or(Forged::Unreadable(SANITY_SIGNATURE))?;
                check(&tag, &[time.as_bytes(), b".", signed.body])?;
                check_time(millis(time, SANITY_SIGNATURE)?, now)?;
                Ok(known_by(&[&tag], None))
            }
            Kind::Ghost => {
                let text = one(signed.fields, GHOST_SIGNATURE)?;
                let (tag, time) = ghost(text).ok_or(Forged::Unreadable(GHOST_SIGNATURE))?;
                check(&tag, &[signed.body, time.as_bytes()])?;
                check_time(millis(time, GHOST_SIGNATURE)?, now)?;
                Ok(known_by(&[&tag], None))
            }
            Kind::Shopify => {
                let text = one(signed.fields, SHOPIFY_SIGNATURE)?;
                let tag = BASE64.decode(text);
                check(&tag.map_err(|_| Forged::Unreadable(SHOPIFY_SIGNATURE))?, &[signed.body])?;
                Ok(known_by_id(signed, SHOPIFY_ID))
            }
            Kind::GitHub => {
                let text = one(signed.fields, GITHUB_SIGNATURE)?;
                let tag = text.strip_prefix("sha256=").and_then(unhex);
                check(&tag.ok_or(Forged::Unreadable(GITHUB_SIGNATURE))?, &[signed.body])?;
                Ok(known_by_id(signed, GITHUB_ID))
            }
            Kind::Standard => {
                let names @ [id, ..] = standard_names(signed.fields);
                check_time(standard(signed, names, check_any)?, now)?;
                Ok(known_by_id(signed, id))
            }
            Kind::Header(name) => {
                check_header(signed.fields, name, secrets)?;
                Ok(Genuine { fingerprint: None, id: None })
            }
        }
    }

    /// The word for it in the configuration.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Contentful => "contentful",
            Kind::Sanity => "sanity",
            Kind::Ghost => "ghost",
            Kind::Shopify => "shopify",
            Kind::GitHub => "github",
            Kind::Standard => "standard",
            Kind::Header(_) => "header",
        }
    }

    /// Whether the payload says what happened, and no header.
    pub fn names_event_in_payload(&self) -> bool {
        matches!(self, Kind::Standard | Kind::Header(_))
    }

    /// What happened, as the system calls it; nothing where it does not say.
    pub fn event<'d>(&self, fields: &'d Fields, payload: Option<&'d Value>) -> Option<&'d str> {
        let field =
            |name| fields.all_named(name).next().and_then(|it| std::str::from_utf8(it).ok());
        let member = |name| payload.and_then(|payload| payload.get(name)).and_then(Value::as_str);
        match self {
            Kind::Contentful => field("x-contentful-topic"),
            Kind::Sanity => field("sanity-operation"),
            Kind::Ghost => None,
            Kind::Shopify => field("x-shopify-topic"),
            Kind::GitHub => field("x-github-event"),
            Kind::Standard => member("type"),
            Kind::Header(_) => member("event"),
        }
    }
}

/// Whether one of the secrets makes one of those signatures (HMAC-SHA256) of the parts together.
fn check(kind: &Kind, secrets: &[Secret], tags: &[Vec<u8>], parts: &[&[u8]]) -> Result<(), Forged> {
    let makes_one = |secret: &Secret| -> bool {
        let mut context = hmac::Context::with_key(&key(kind, secret));
        parts.iter().for_each(|part| context.update(part));
        let made = context.sign();
        tags.iter().any(|tag| made.as_ref().ct_eq(tag).into())
    };
    if secrets.iter().any(makes_one) { Ok(()) } else { Err(Forged::Wrong) }
}

fn key(kind: &Kind, secret: &Secret) -> hmac::Key {
    let encoded = encoded_key(secret).filter(|_| *kind == Kind::Standard);
    match encoded.and_then(|encoded| BASE64_OF_SECRETS.decode(encoded).ok()) {
        Some(bytes) => hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        None => hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()),
    }
}

/// The base64 in a secret of Standard Webhooks; nothing if it is not written like one.
fn encoded_key(secret: &Secret) -> Option<&str> {
    let text = secret.reveal();
    text.strip_prefix(STANDARD_VERSION).unwrap_or(text).strip_prefix(STANDARD_PREFIX)
}

/// Whether a secret of Standard Webhooks can be read; nothing if it is not written like one.
pub fn standard_key_is_whole(secret: &Secret) -> Option<bool> {
    encoded_key(secret).map(|encoded| BASE64_OF_SECRETS.decode(encoded).is_ok())
}

/// Checks a signature of Contentful; gives it, and its time.
fn contentful(
    signed: Signed<'_>,
    check: impl Fn(&[u8], &[&[u8]]) -> Result<(), Forged>,
) -> Result<(Vec<u8>, Timestamp), Forged> {
    let tag = unhex(one(signed.fields, CONTENTFUL_SIGNATURE)?);
    let tag = tag.ok_or(Forged::Unreadable(CONTENTFUL_SIGNATURE))?;
    let listed = one(signed.fields, CONTENTFUL_HEADERS)?.to_ascii_lowercase();
    let mut names: Vec<&str> = listed.split(',').map(str::trim).collect();
    names.sort_unstable();
    names.dedup();
    let mut headers = String::new();
    for name in &names {
        let value =
            signed.fields.all_named(name).next().and_then(|it| std::str::from_utf8(it).ok());
        let colon = if headers.is_empty() { "" } else { ";" };
        // One that was lost on the way makes another signature.
        let value = value.unwrap_or_default().trim();
        headers.push_str(&format!("{colon}{name}:{value}"));
    }
    let target = contentful_target(signed.target);
    let line = [signed.method, &target, &headers, ""].join("\n");
    check(&tag, &[line.as_bytes(), signed.body])?;
    if !names.contains(&CONTENTFUL_TIME) {
        return Err(Forged::UnsignedTime);
    }
    Ok((tag, millis(one(signed.fields, CONTENTFUL_TIME)?, CONTENTFUL_TIME)?))
}

/// A target as Contentful signs it: a query is encoded as if it were one value, and once more.
fn contentful_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?').filter(|(_, query)| !query.is_empty()) else {
        return target.trim_end_matches('?').to_owned();
    };
    let mut encoded = format!("{path}?");
    for byte in query.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            true => encoded.push(byte.into()),
            false => encoded.push_str(&format!("%25{byte:02X}")),
        }
    }
    encoded
}

/// The time and signature of `t=…,v1=…`.
fn sanity(text: &str) -> Option<(&str, Vec<u8>)> {
    let (time, rest) = text.trim().strip_prefix("t=")?.split_once([',', ' '])?;
    let tag = rest.trim_start_matches([',', ' ']).strip_prefix("v1=")?;
    Some((time, BASE64_URL.decode(tag).ok()?))
}

/// The signature and time of `sha256=…, t=…`.
fn ghost(text: &str) -> Option<(Vec<u8>, &str)> {
    let (tag, time) = text.trim().split_once(',')?;
    Some((unhex(tag.strip_prefix("sha256=")?)?, time.trim_start().strip_prefix("t=")?))
}

/// The names by which a delivery has its id, time and signature.
fn standard_names(fields: &Fields) -> [&'static str; 3] {
    let is_older = fields.all_named(STANDARD[0]).next().is_none()
        && fields.all_named(SVIX[0]).next().is_some();
    if is_older { SVIX } else { STANDARD }
}

/// Checks a signature of Standard Webhooks; gives its time.
fn standard(
    signed: Signed<'_>,
    names: [&'static str; 3],
    check_any: impl Fn(&[Vec<u8>], &[&[u8]]) -> Result<(), Forged>,
) -> Result<Timestamp, Forged> {
    let [id_name, time_name, signature_name] = names;
    let (id, time) = (one(signed.fields, id_name)?, one(signed.fields, time_name)?);
    let text = one(signed.fields, signature_name)?;
    // Several, while its sender rotates secrets; those of other versions are not ours.
    let tags = text.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let tags: Vec<Vec<u8>> =
        tags.filter_map(|tag| BASE64.decode(tag).ok()).take(MAX_SIGNATURES).collect();
    if tags.is_empty() {
        return Err(Forged::Unreadable(signature_name));
    }
    check_any(&tags, &[id.as_bytes(), b".", time.as_bytes(), b".", signed.body])?;
    let seconds = millis(time, time_name)?;
    Ok(Timestamp(seconds.0.saturating_mul(1000)))
}

/// Checks a secret that stands in a header by itself or behind `Bearer `.
fn check_header(fields: &Fields, name: &str, secrets: &[Secret]) -> Result<(), Forged> {
    let mut all = fields.all_named(name);
    let (Some(value), None) = (all.next(), all.next()) else {
        return Err(Forged::Missing("the header of the secret"));
    };
    let value = match value.split_at_checked("Bearer ".len()) {
        Some((word, token)) if word.eq_ignore_ascii_case(b"bearer ") => token,
        _ => value,
    };
    let is_it =
        |secret: &Secret| -> bool { secret.reveal().as_bytes().ct_eq(value.trim_ascii()).into() };
    if secrets.iter().any(is_it) { Ok(()) } else { Err(Forged::Wrong) }
}

/// The one value of a field.
fn one<'f>(fields: &'f Fields, name: &'static str) -> Result<&'f str, Forged> {
    let mut all = fields.all_named(name);
    match (all.next(), all.next()) {
        (Some(value), None) => {
            std::str::from_utf8(value).map(str::trim).map_err(|_| Forged::Unreadable(name))
        }
        _ => Err(Forged::Missing(name)),
    }
}

fn millis(text: &str, name: &'static str) -> Result<Timestamp, Forged> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.map(Timestamp).ok_or(Forged::Unreadable(name))
}

fn check_time(time: Timestamp, now: Timestamp) -> Result<(), Forged> {
    match (now.0.checked_sub(time.0), time.0.checked_sub(now.0)) {
        (Some(age), _) if age > MAX_SKEW_MILLIS => Err(Forged::Old(age / 1000)),
        (_, Some(ahead)) if ahead > MAX_SKEW_MILLIS => Err(Forged::Ahead(ahead / 1000)),
        _ => Ok(()),
    }
}

fn known_by(parts: &[&[u8]], id: Option<Box<str>>) -> Genuine {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&context.finish().as_ref()[..16]);
    Genuine { fingerprint: Some(Fingerprint(fingerprint)), id }
}

/// Known by its id and its body together: the id alone may be anybody's, where it is not signed.
fn known_by_id(signed: Signed<'_>, name: &'static str) -> Genuine {
    match one(signed.fields, name) {
        Ok(id) if !id.is_empty() => {
            let shown: String = id.chars().take(MAX_ID_CHARS).collect();
            known_by(&[id.as_bytes(), signed.body], Some(shown.into()))
        }
        _ => Genuine { fingerprint: None, id: None },
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// As hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Fingerprint {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Fingerprint> {
        unhex(text)?.try_into().ok().map(Fingerprint)
    }
}

/// In words that say how to mend it, and nothing of the secret.
impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Forged::Missing(name) => write!(f, "{name} is missing or there twice"),
            Forged::Unreadable(name) => write!(f, "{name} cannot be read"),
            Forged::UnsignedTime => write!(f, "{CONTENTFUL_TIME} is not among the signed headers"),
            Forged::Wrong => f.write_str("the signature or secret is wrong"),
            Forged::Old(seconds) => {
                write!(f, "it was signed {seconds} s ago, more than 300: compare the clocks")
            }
            Forged::Ahead(seconds) => {
                write!(f, "it was signed {seconds} s in the future: compare the clocks")
            }
        }
    }
}
