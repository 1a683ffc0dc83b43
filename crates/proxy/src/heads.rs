//! Writing response heads.
//!
//! What is the same for every hit is written once, when a response is stored; a hit appends what
//! changes. Names go out in Title-Case, as people expect to read them.

use crate::http1::status::{is_bodiless, reason};
use bytes::Bytes;
use policy::coding::{self, Coding};
use policy::fields::Fields;
use policy::meta::Meta;
use policy::name::Name;
use policy::reply;
use policy::rule::{Rule, Site};
use store::Heads;

/// The heads of a response whose whole body has `length` bytes, for all its hits.
pub fn prepared(site: &Site, rule: &Rule, meta: &Meta, length: u64) -> Heads {
    let mut shown = reply::shown(site, rule, meta.status, &meta.fields, meta.has_forms);
    let mut full = status_line(meta.status);
    write_fields(&mut full, &shown, |id| id != Name::ContentLength);
    if !is_bodiless(meta.status) {
        write_length(&mut full, length);
    }
    let not_modified = self::not_modified(&shown);
    let mut not_modified_coded = not_modified.clone();
    if meta.has_forms && coding::weaken(&mut shown) {
        not_modified_coded = self::not_modified(&shown);
    }
    Heads { full: exact(&full), not_modified, not_modified_coded }
}

/// The head of a coded form whose body has `length` bytes, where that is known yet.
pub fn coded(site: &Site, rule: &Rule, meta: &Meta, coding: Coding, length: Option<u64>) -> Bytes {
    let shown = reply::shown(site, rule, meta.status, &meta.fields, meta.has_forms);
    let mut head = status_line(meta.status);
    write_fields(&mut head, &coding::coded(&shown, coding), |_| true);
    if let Some(length) = length {
        write_length(&mut head, length);
    }
    exact(&head)
}

fn not_modified(shown: &Fields) -> Bytes {
    let mut head = status_line(304);
    write_fields(&mut head, shown, reply::belongs_in_304);
    exact(&head)
}

/// A status line.
pub fn status_line(status: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", reason(status)).as_bytes());
    out
}

/// Appends the fields for which `wanted` says so.
pub fn write_fields(out: &mut Vec<u8>, fields: &Fields, wanted: impl Fn(Name) -> bool) {
    for field in fields.iter().filter(|field| wanted(field.id)) {
        write_field(out, field.name, field.value);
    }
}

/// Appends one field, its name in Title-Case.
pub fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    let mut at_start = true;
    for byte in name.bytes() {
        out.push(if at_start { byte.to_ascii_uppercase() } else { byte });
        at_start = byte == b'-';
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Fields that an answer has once: those for who asks take the place of those that are stored.
const OWN: [&str; 3] = ["cache-control", "content-disposition", "strict-transport-security"];

/// Appends the fields that an answer bears for who asks to its head, which begins at `from`.
pub fn write_beside(out: &mut Vec<u8>, from: usize, beside: &Fields) {
    for name in OWN.into_iter().filter(|name| beside.iter().any(|field| field.name == *name)) {
        remove_field(out, from, name);
    }
    write_fields(out, beside, |_| true);
}

fn remove_field(out: &mut Vec<u8>, from: usize, name: &str) {
    let head = out.split_off(from);
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| value_in(line, name).is_none()).for_each(|line| out.extend(line));
}

/// The value of a field in a head that was written, the first if there are several.
pub fn field_of(head: &[u8], name: Name) -> Option<String> {
    let value = head.split(|byte| *byte == b'\n').find_map(|line| value_in(line, name.as_str()))?;
    String::from_utf8(value.trim_ascii().to_vec()).ok()
}

fn value_in<'l>(line: &'l [u8], name: &str) -> Option<&'l [u8]> {
    let (before, value) = line.split_at_checked(name.len())?;
    before.eq_ignore_ascii_case(name.as_bytes()).then_some(value)?.strip_prefix(b":")
}

/// Appends `Content-Length`.
pub fn write_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
}

fn exact(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_out_in_title_case_and_values_as_they_are() {
        let mut out = Vec::new();
        let fields: Fields =
            [("x-a-b", "Q"), ("etag", "\"x\""), ("X-A-B", "r")].into_iter().collect();
        write_fields(&mut out, &fields, |id| id != Name::Etag);
        assert_eq!(out, b"X-A-B: Q\r\nX-A-B: r\r\n");
    }

    #[test]
    fn what_is_for_who_asks_takes_the_place_of_what_is_stored() {
        let head = b"before\r\nHTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nVary: a\r\n";
        assert_eq!(field_of(head, Name::CacheControl).as_deref(), Some("max-age=9"));
        assert_eq!(field_of(head, Name::Age), None);
        let beside = [("cache-control", "max-age=1"), ("vary", "b")];
        let mut out = head.to_vec();
        write_beside(&mut out, 8, &beside.into_iter().collect());
        let wanted =
            b"before\r\nHTTP/1.1 200 OK\r\nVary: a\r\nCache-Control: max-age=1\r\nVary: b\r\n";
        assert_eq!(out, wanted);
    }
}
