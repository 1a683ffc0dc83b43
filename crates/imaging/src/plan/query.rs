//! Parameters of a query (`application/x-www-form-urlencoded`, as URL Standard §5.1 reads it).

use super::NoPlan;
use std::borrow::Cow;

/// The parameters of a target.
pub struct Query<'t>(&'t str);

impl<'t> Query<'t> {
    /// Those of a target.
    pub fn of(target: &'t str) -> Query<'t> {
        Query(target.split_once('?').map_or("", |(_, query)| query))
    }

    /// The one value of a parameter, if it is there.
    ///
    /// # Errors
    /// If it is there twice, or is no text.
    pub fn one(&self, name: &str) -> Result<Option<Cow<'t, str>>, NoPlan> {
        let mut all = self.0.split('&').filter_map(|pair| {
            let (known, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(known)? == name).then_some(value)
        });
        let Some(value) = all.next() else { return Ok(None) };
        if all.next().is_some() {
            return Err(NoPlan::new(name, "is there more than once"));
        }
        decoded(value).map(Some).ok_or_else(|| NoPlan::new(name, "is no text in UTF-8"))
    }
}

/// Text in which `+` is a space, and `%XX` a byte.
pub fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    bytes(text, true).map(Cow::Owned)
}

/// Text in which only `%XX` is a byte.
pub fn decoded_path(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    bytes(text, false).map(Cow::Owned)
}

fn bytes(text: &str, has_pluses: bool) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).ok()?);
                rest = &behind[2..];
            }
            (b'+', ..) if has_pluses => decoded.push(b' '),
            (byte, ..) => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_there_once() {
        let query = Query::of("/p?a=1&b=%2Fx%20y+z&c&d=%ff&e=1&%65=2&f=%zz%2");
        for (name, value) in [
            ("a", Ok(Some("1"))),
            ("b", Ok(Some("/x y z"))),
            ("c", Ok(Some(""))),
            ("d", Err("is no text in UTF-8")),
            ("e", Err("is there more than once")),
            ("f", Ok(Some("%zz%2"))),
            ("g", Ok(None)),
        ] {
            let found = query.one(name);
            let found = found.as_ref().map(Option::as_deref).map_err(|error| error.why);
            assert_eq!(found, value, "{name}");
        }
        assert_eq!(decoded_path("a+b%20c").as_deref(), Some("a+b c"));
    }
}
