//! The header fields of one message: names and values in the order in which they came.
//!
//! All text lies in one buffer and the list holds offsets, so a list that is cleared and filled
//! again allocates nothing: one connection uses one list for all its requests. Names are kept in
//! lower case; values are bytes, exactly as received.

use crate::name::Name;
use std::fmt;

/// An ordered list of header fields; repeated fields stay apart and in order.
#[derive(Clone, Default)]
pub struct Fields {
    text: Vec<u8>,
    list: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    id: Name,
    name: Span,
    value: Span,
}

/// A part of `text`. Invariant: `at + len` is within `text`, on what `push` wrote.
#[derive(Clone, Copy)]
struct Span {
    at: u32,
    len: u32,
}

/// One field of a [`Fields`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The known name, or [`Name::Other`].
    pub id: Name,
    /// The name in lower case.
    pub name: &'a str,
    /// The value, without surrounding white space, otherwise as received.
    pub value: &'a [u8],
}

impl Fields {
    /// An empty list.
    pub fn new() -> Fields {
        Fields::default()
    }

    /// Forgets all fields and keeps the buffers.
    pub fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
    }

    /// Appends a field; the name may be in any case. The caller has checked both against the
    /// grammar of RFC 9110 §5; a name that is not ASCII is kept as an empty one. Gives the name.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Name {
        let name = if name.is_ascii() { name } else { b"" };
        let name_span = self.keep(name);
        let at = name_span.at as usize;
        self.text[at..at + name.len()].make_ascii_lowercase();
        let id = Name::of(&self.text[at..at + name.len()]);
        let value = self.keep(value);
        self.list.push(Slot { id, name: name_span, value });
        id
    }

    /// Takes the last field back.
    pub fn pop(&mut self) {
        if let Some(slot) = self.list.pop() {
            self.text.truncate(slot.name.at as usize);
        }
    }

    /// Appends a field of a known name.
    pub fn add(&mut self, name: Name, value: impl AsRef<[u8]>) {
        let name_span = self.keep(name.as_str().as_bytes());
        let value = self.keep(value.as_ref());
        self.list.push(Slot { id: name, name: name_span, value });
    }

    /// Replaces every field of that name by one.
    pub fn set(&mut self, name: Name, value: impl AsRef<[u8]>) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes every field of that known name.
    pub fn remove(&mut self, name: Name) {
        self.list.retain(|slot| slot.id != name);
    }

    /// Removes every field of that name, given in lower case.
    pub fn remove_named(&mut self, name: &str) {
        self.retain(|field| field.name != name);
    }

    /// Keeps the fields for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(Field<'_>) -> bool) {
        let text = &self.text;
        self.list.retain(|slot| keep(slot.read(text)));
    }

    /// The first value of that name.
    pub fn get(&self, name: Name) -> Option<&[u8]> {
        self.list.iter().find(|slot| slot.id == name).map(|slot| slot.value.of(&self.text))
    }

    /// The first value of that name, if it is text.
    pub fn text(&self, name: Name) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether there is a field of that name.
    pub fn has(&self, name: Name) -> bool {
        self.list.iter().any(|slot| slot.id == name)
    }

    /// All values of that name, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.list.iter().filter(move |slot| slot.id == name).map(|slot| slot.value.of(&self.text))
    }

    /// All values of a name given in lower case, known or not, in order.
    pub fn all_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |field| field.name == name).map(|field| field.value)
    }

    /// The members of a comma-separated list over all fields of that name, without surrounding
    /// white space; commas within quoted strings do not part; empty members are left out
    /// (RFC 9110 §5.6.1).
    pub fn members(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.all(name).flat_map(list_members)
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.list.iter().map(|slot| slot.read(&self.text))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The bytes this list holds in memory, its own size included.
    pub fn footprint(&self) -> usize {
        size_of::<Fields>() + self.text.capacity() + self.list.capacity() * size_of::<Slot>()
    }

    /// Gives back what the buffers hold beyond need, and the text of removed fields.
    pub fn shrink(&mut self) {
        let mut packed = Fields {
            text: Vec::with_capacity(self.iter().map(|f| f.name.len() + f.value.len()).sum()),
            list: Vec::with_capacity(self.list.len()),
        };
        for field in self.iter() {
            packed.push(field.name.as_bytes(), field.value);
        }
        *self = packed;
    }

    fn keep(&mut self, bytes: &[u8]) -> Span {
        // A head is limited to kilobytes long before offsets could reach 4 GiB.
        let span = Span { at: self.text.len() as u32, len: bytes.len() as u32 };
        self.text.extend_from_slice(bytes);
        span
    }
}

impl Span {
    fn of(self, text: &[u8]) -> &[u8] {
        &text[self.at as usize..(self.at + self.len) as usize]
    }
}

impl Slot {
    fn read(self, text: &[u8]) -> Field<'_> {
        // `push` keeps ASCII names only, so this never falls back.
        let name = std::str::from_utf8(self.name.of(text)).unwrap_or_default();
        Field { id: self.id, name, value: self.value.of(text) }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|field| (field.name, String::from_utf8_lossy(field.value))))
            .finish()
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Fields) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in pairs {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        fields
    }
}

/// The members of one comma-separated value (RFC 9110 §5.6.1), as [`Fields::members`] has them.
pub fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let end = end_of_member(value);
        rest = value.get(end + 1..);
        Some(value[..end].trim_ascii())
    })
    .filter(|member| !member.is_empty())
}

/// The members of one value whose commas part them whatever stands about them, as in `Cache-Tag`, which is
/// no list of HTTP: a quotation mark in a tag must not hide the tags behind it from purges.
pub fn plain_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

fn end_of_member(value: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (i, &byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return i,
            _ => {}
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_keep_their_order_and_values() {
        let fields: Fields =
            [("Set-Cookie", "a=1"), ("X-Y", "é"), ("set-cookie", "b=2")].into_iter().collect();
        let cookies: Vec<_> = fields.all(Name::SetCookie).collect();
        assert_eq!(cookies, [b"a=1", b"b=2"]);
        assert_eq!(fields.all_named("x-y").next(), Some("é".as_bytes()));
    }

    #[test]
    fn plain_members_part_at_every_comma() {
        let members: Vec<&[u8]> = plain_members(b"5\" screen, news,, \"a, b\"").collect();
        assert_eq!(members, [&b"5\" screen"[..], b"news", b"\"a", b"b\""]);
    }

    #[test]
    fn members_part_at_commas_outside_quotes() {
        for (value, members) in [
            ("a, b ,c", vec!["a", "b", "c"]),
            ("", vec![]),
            (",, a,", vec!["a"]),
            (r#"private="a, b", c"#, vec![r#"private="a, b""#, "c"]),
            (r#"x="\",", y"#, vec![r#"x="\",""#, "y"]),
            (r#"x="unclosed, y"#, vec![r#"x="unclosed, y"#]),
        ] {
            let found: Vec<_> = list_members(value.as_bytes()).collect();
            let wanted: Vec<_> = members.iter().map(|m| m.as_bytes()).collect();
            assert_eq!(found, wanted, "{value}");
        }
    }

    #[test]
    fn a_removed_field_is_gone_after_shrinking_too() {
        let mut fields: Fields = [("A", "1"), ("Date", "x"), ("B", "2")].into_iter().collect();
        fields.remove(Name::Date);
        fields.shrink();
        assert_eq!(fields.iter().map(|f| f.name).collect::<Vec<_>>(), ["a", "b"]);
        fields.set(Name::Etag, "\"x\"");
        assert_eq!(fields.get(Name::Etag), Some(&b"\"x\""[..]));
    }
}
