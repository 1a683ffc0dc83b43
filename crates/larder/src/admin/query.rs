//! The query of a request to the admin listener: names that are known, each with its value.

use super::problem::Problem;

/// A query, decoded.
#[derive(Debug, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query in which only these names may stand.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(query: Option<&str>, known: &[&str]) -> Result<Query, Problem> {
        let mut pairs = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&name.as_str()) {
                let known = known.join(", ");
                let detail = format!("there is no parameter {name:?} here; known are {known}");
                return Err(Problem::bad_request(detail));
            }
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    /// The value of a parameter that stands once at the most.
    ///
    /// # Errors
    /// That it stands more than once.
    pub fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, Problem> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(Problem::bad_request(format!("give {name} once"))),
            (value, None) => Ok(value),
        }
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Decodes `%41`, and `+` for a space.
fn decode(text: &str) -> Result<String, Problem> {
    let wrong = || Problem::bad_request("write % as %25, and the query in UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = digit().zip(digit()).ok_or_else(wrong)?;
                // Two hexadecimal digits make a byte.
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// Encodes a value so that [`Query`] reads it.
pub fn encode(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:,".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    value.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_unknown_names_refused() {
        for (query, found) in [
            (None, Some(vec![])),
            (Some(""), Some(vec![])),
            (Some("a=1&b=x%2Fy+z"), Some(vec![("a", "1"), ("b", "x/y z")])),
            (Some("a"), Some(vec![("a", "")])),
            (Some("a=b=c&&a=%C3%A9"), Some(vec![("a", "b=c"), ("a", "é")])),
            (Some("c=1"), None),
            (Some("a=%"), None),
            (Some("a=%4"), None),
            (Some("a=%zz"), None),
            (Some("a=%ff"), None),
        ] {
            let read = Query::parse(query, &["a", "b"]).ok();
            let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            assert_eq!(
                read,
                found.map(|pairs| Query(pairs.into_iter().map(own).collect())),
                "{query:?}"
            );
        }
    }

    #[test]
    fn what_stands_once_may_not_stand_twice() {
        let query = Query::parse(Some("a=1&a=2&b=3"), &["a", "b", "c"]).expect("they are known");
        assert!(query.one("a").is_err());
        assert_eq!(query.one("b").expect("once"), Some("3"));
        assert_eq!(query.one("c").expect("never"), None);
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn what_is_encoded_is_read_as_it_was() {
        for value in ["", "http://a.b:81/é?x=1&y=%41+z#", "\u{0}\n"] {
            let query = format!("a={}", encode(value));
            let read = Query::parse(Some(&query), &["a"]).expect("it is right");
            assert_eq!(read.one("a").expect("once"), Some(value));
        }
    }
}
