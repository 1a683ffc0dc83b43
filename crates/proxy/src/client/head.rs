//! The heads of answers, but for what speaks of the connection: the same whatever protocol takes
//! them.

use super::parts::{begin_parts, content_range};
use crate::answer::{Answer, Content};
use crate::cache_status::number;
use crate::compress::{Form, OnTheWay};
use crate::error::Error;
use crate::heads::{status_line, write_beside, write_field, write_fields, write_length};
use crate::http1::status::{is_bodiless, reason};
use policy::coding;
use policy::fields::Fields;
use policy::name::Name;
use policy::partial::OF_ONE_MESSAGE;
use policy::reply::{Reply, belongs_in_304};
use policy::time::Timestamp;
use std::borrow::Cow;
use store::Entry;

/// What stands behind a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// No body.
    Nothing,
    /// A body of so many bytes.
    Bytes(u64),
    /// A body that says itself where it ends.
    Unknown,
}

/// Appends the head of an answer, in the form of HTTP/1.1 and without the empty line that ends it.
pub fn write_head(out: &mut Vec<u8>, answer: &Answer, head_only: bool, now: Timestamp) -> Follows {
    let from = out.len();
    let follows = match &answer.content {
        Content::Stored { entry, reply, age, form, .. } => {
            let follows = begin_stored(out, entry, reply, form, now);
            number(out, b"Age: ", i64::try_from(*age).unwrap_or(i64::MAX));
            out.extend_from_slice(b"\r\n");
            follows
        }
        Content::Flowing { head, not_modified: true, coded, .. } => {
            out.extend_from_slice(&status_line(304));
            write_fields(out, &as_coded(&head.shown, coded), belongs_in_304);
            Follows::Nothing
        }
        Content::Flowing { head, part: Some(part), .. } => {
            let mut shown = head.shown.clone();
            OF_ONE_MESSAGE.into_iter().for_each(|name| shown.remove(name));
            let follows = begin_passing(out, 206, &shown, Some(part.len()), &OnTheWay::default());
            let of = head.length.unwrap_or_default();
            write_field(out, "content-range", content_range(*part, of).as_bytes());
            follows
        }
        Content::Flowing { head, coded, .. } => {
            begin_passing(out, head.status, &head.shown, head.length, coded)
        }
        Content::Passing { status, shown, length, coded, .. } => {
            begin_passing(out, *status, shown, *length, coded)
        }
        Content::Switched { shown, protocol, .. } => {
            out.extend_from_slice(&status_line(101));
            write_fields(out, shown, |_| true);
            write_field(out, "connection", b"upgrade");
            write_field(out, "upgrade", protocol.as_bytes());
            Follows::Nothing
        }
        Content::Made { status, fields, body } => {
            out.extend_from_slice(&status_line(*status));
            write_field(out, "date", now.to_http().as_bytes());
            write_fields(out, fields, |_| true);
            let length = body.len() as u64;
            if !is_bodiless(*status) {
                write_length(out, length);
            }
            if body.is_empty() { Follows::Nothing } else { Follows::Bytes(length) }
        }
        Content::Own(error) => begin_own(out, error, now),
    };
    if let Some(beside) = &answer.beside {
        write_beside(out, from, beside);
    }
    answer.cache.write(out);
    if head_only { Follows::Nothing } else { follows }
}

fn begin_stored(
    out: &mut Vec<u8>,
    entry: &Entry,
    reply: &Reply,
    form: &Form,
    now: Timestamp,
) -> Follows {
    match (reply, form) {
        (Reply::Full, Form::Kept(form)) => {
            out.extend_from_slice(&form.head);
            Follows::Bytes(form.body.len())
        }
        (Reply::Full, Form::Coming { head, .. }) => {
            out.extend_from_slice(head);
            Follows::Unknown
        }
        (Reply::Full, _) => {
            out.extend_from_slice(&entry.heads.full);
            match is_bodiless(entry.meta.status) {
                true => Follows::Nothing,
                false => Follows::Bytes(entry.meta.body_bytes),
            }
        }
        (Reply::NotModified, Form::Identity) => {
            out.extend_from_slice(&entry.heads.not_modified);
            Follows::Nothing
        }
        (Reply::NotModified, _) => {
            out.extend_from_slice(&entry.heads.not_modified_coded);
            Follows::Nothing
        }
        (Reply::Parts(parts), _) => Follows::Bytes(begin_parts(out, entry, parts)),
        (Reply::Unsatisfiable, _) => {
            out.extend_from_slice(&status_line(416));
            write_field(out, "date", now.to_http().as_bytes());
            let all = format!("bytes */{}", entry.meta.body_bytes);
            write_field(out, "content-range", all.as_bytes());
            write_length(out, 0);
            Follows::Nothing
        }
    }
}

fn begin_passing(
    out: &mut Vec<u8>,
    status: u16,
    shown: &Fields,
    length: Option<u64>,
    coded: &OnTheWay,
) -> Follows {
    use std::io::Write;
    // How long a coded body gets is not known before its end.
    let length = length.filter(|_| coded.coding.is_none());
    // Writing to a Vec cannot fail.
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason(status));
    write_fields(out, &as_coded(shown, coded), |name| name != Name::ContentLength);
    if let Some(length) = length.filter(|_| status != 204) {
        write_length(out, length);
    }
    match length {
        _ if is_bodiless(status) => Follows::Nothing,
        Some(length) => Follows::Bytes(length),
        None => Follows::Unknown,
    }
}

/// The fields of the form that goes out.
fn as_coded<'f>(shown: &'f Fields, coded: &OnTheWay) -> Cow<'f, Fields> {
    match coded.coding {
        Some(coding) => Cow::Owned(coding::coded(shown, coding)),
        None => Cow::Borrowed(shown),
    }
}

fn begin_own(out: &mut Vec<u8>, error: &Error, now: Timestamp) -> Follows {
    out.extend_from_slice(&status_line(error.status()));
    write_field(out, "date", now.to_http().as_bytes());
    write_field(out, "content-type", b"text/plain; charset=utf-8");
    write_field(out, "cache-control", b"no-store");
    if let Some(seconds) = error.retry_after() {
        write_field(out, "retry-after", seconds.to_string().as_bytes());
    }
    if *error == Error::Connect {
        write_field(out, "allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    }
    let length = error.page().len() as u64;
    write_length(out, length);
    Follows::Bytes(length)
}
