//! Secrets of the configuration: told to nobody, in no message and no dump.

use super::fault::Fault;
use super::reading::read_from_text;
use std::fmt;
use std::str::FromStr;

/// The shortest secret that is taken, in bytes.
pub const MIN_SECRET_BYTES: usize = 8;
/// A secret that is shorter can be guessed, given time, in bytes.
pub const SAFE_SECRET_BYTES: usize = 24;
/// The longest secret that is taken, in bytes.
pub const MAX_SECRET_BYTES: usize = 1024;

/// What stands in messages in the place of a secret.
const HIDDEN: &str = "(hidden)";

/// A secret that clients send as a bearer token. Shown by nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A key or a salt in hexadecimal digits, as imgproxy has them. Shown by nothing; whether it is right is
/// for who knows what it is for.
#[derive(Clone, PartialEq, Eq)]
pub struct HexSecret(String);

read_from_text! {
    "Secret", "a secret in quotes, such as \"${LARDER_TOKEN}\"": [] Secret;
    "HexSecret", "hexadecimal digits in quotes, such as \"${IMGPROXY_KEY}\"": [] HexSecret;
}

impl HexSecret {
    /// What the digits stand for; nothing if they are none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Option<Vec<u8>> = self.0.as_bytes().iter().map(digit).collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
        Some(digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect())
    }
}

impl FromStr for HexSecret {
    type Err = Fault;

    fn from_str(text: &str) -> Result<HexSecret, Fault> {
        if text.len() > MAX_SECRET_BYTES {
            let mend = format!("write at most {MAX_SECRET_BYTES} characters");
            return Err(Fault::new("this secret is too long", mend));
        }
        Ok(HexSecret(text.to_owned()))
    }
}

impl fmt::Display for HexSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Debug for HexSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Secret {
    /// The secret itself, to be compared with and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Secret, Fault> {
        if text.len() < MIN_SECRET_BYTES {
            let what = format!("a secret has at least {MIN_SECRET_BYTES} characters");
            let mend = "make one by: openssl rand -hex 32; and keep it in the environment";
            return Err(Fault::new(what, mend));
        }
        if text.len() > MAX_SECRET_BYTES {
            let mend = format!("write at most {MAX_SECRET_BYTES} characters");
            return Err(Fault::new("this secret is too long", mend));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            let mend = "write visible ASCII characters without spaces: it is sent in a header";
            return Err(Fault::new("this secret cannot be sent as a token", mend));
        }
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// The text with the values of keys that hold secrets replaced by stars, character by character, so
/// that lines and columns stay. It works on text that is no TOML too. References to the environment
/// are no secrets and stay.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = next_name(rest) {
        let (before, found) = rest.split_at(at);
        masked.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'');
        let value = found.find(|c| !is_name(c)).unwrap_or(found.len());
        let blank = |c: char| matches!(c, ' ' | '\t' | '=');
        let value = value + found[value..].find(|c| !blank(c)).unwrap_or(found.len() - value);
        let (name, behind) = found.split_at(value);
        masked.push_str(name);
        let length = if name.contains('=') { length_of_value(behind) } else { 0 };
        // The key of a certificate is the name of a file.
        let is_shown = name.starts_with("key") && is_file_or_table(&behind[..length]);
        let length = if is_shown { 0 } else { length };
        let (value, behind) = behind.split_at(length);
        masked.push_str(&stars(value));
        rest = behind;
    }
    masked + rest
}

/// Where the next key begins that may hold a secret: `secret` however it is spelled, `token`, or the
/// `key` and the `salt` of signatures.
fn next_name(text: &str) -> Option<usize> {
    let is_token = |at: &usize| !text[at + "token".len()..].starts_with('s');
    let token = text.match_indices("token").map(|(at, _)| at).find(is_token);
    let is_word = |at: &usize, name: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        !text[..*at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part)
    };
    let signing = ["key", "salt"]
        .into_iter()
        .filter_map(|name| text.match_indices(name).map(|(at, _)| at).find(|at| is_word(at, name)));
    text.find("sec").into_iter().chain(token).chain(signing).min()
}

fn is_file_or_table(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'', ' ']);
    // A secret in base64 may begin with a slash, but ends like none of these.
    let ends = [".pem", ".key", ".crt"].iter().any(|ending| value.ends_with(ending));
    ends || value.starts_with(['{', '['])
}

fn length_of_value(text: &str) -> usize {
    for quote in ["\"\"\"", "'''"] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.find(quote).map_or(text.len(), |end| end + 2 * quote.len());
        }
    }
    let line = text.find('\n').unwrap_or(text.len());
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut is_escaped = false;
            let closes = |(_, c): &(usize, char)| {
                let closes = *c == quote && !is_escaped;
                is_escaped = quote == '"' && *c == '\\' && !is_escaped;
                closes
            };
            text[1..line].char_indices().find(closes).map_or(line, |(at, _)| at + 2)
        }
        _ => text[..line].find([',', '}', '#']).unwrap_or(line),
    }
}

fn stars(value: &str) -> String {
    let inner = value.trim_matches(['"', '\'']);
    if inner.starts_with("${") && inner.find('}') == Some(inner.len() - 1) {
        return value.to_owned();
    }
    let star = |c: char| if matches!(c, '"' | '\'' | '\n' | '\r' | ' ' | '\t') { c } else { '*' };
    value.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_enough_and_can_be_sent() {
        let long = "x".repeat(MAX_SECRET_BYTES + 1);
        for (text, fits) in [
            ("12345678", true),
            ("1234567", false),
            ("with a space", false),
            ("mit-ümlaut", false),
            ("", false),
            (&long, false),
        ] {
            let read = text.parse::<Secret>();
            assert_eq!(read.is_ok(), fits, "{text}");
            if let Err(fault) = read {
                assert!(text.is_empty() || !fault.to_string().contains(text), "{fault}");
            }
        }
    }

    #[test]
    fn a_key_is_hexadecimal_digits() {
        for (text, bytes) in [
            ("736563726574", Some(b"secret".to_vec())),
            ("68656C6C6F", Some(b"hello".to_vec())),
            ("", Some(Vec::new())),
            ("123", None),
            ("xy", None),
        ] {
            let read: HexSecret = text.parse().expect("it is short");
            assert_eq!(read.bytes(), bytes, "{text}");
            assert_eq!(format!("{read} {read:?}"), "(hidden) (hidden)");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let secret: Secret = "0123456789".parse().expect("it is long enough");
        let shown = format!("{secret} {secret:?} {}", serde_json::json!(secret));
        assert!(!shown.contains("0123"), "{shown}");
        assert_eq!(secret.reveal(), "0123456789");
    }

    #[test]
    fn values_of_secrets_are_masked_in_any_text() {
        for (text, masked) in [
            ("a = 1\nsecret = \"s3c\"\nb = 2", "a = 1\nsecret = \"***\"\nb = 2"),
            (
                "{ name = \"a\", secret = 'x\\', may = [] }",
                "{ name = \"a\", secret = '**', may = [] }",
            ),
            ("{ secret=\"a\\\"b\", may }", "{ secret=\"**\"*\", may }"),
            ("secret = \"${A}\"", "secret = \"${A}\""),
            ("secret = \"${A}x\"", "secret = \"*****\""),
            ("\"secret\" = 12345678 # c", "\"secret\" = ******** # c"),
            ("secrt = \"abc", "secrt = \"***"),
            ("secret = \"\"\"a\nb\"\"\"\nc", "secret = \"\"\"*\n*\"\"\"\nc"),
            ("token = \"abc\"", "token = \"***\""),
            ("tokens = [{ name = \"abc\" }]", "tokens = [{ name = \"abc\" }]"),
            ("# seconds, a section", "# seconds, a section"),
            ("[{ key = \"a1\", salt = \"b2\" }]", "[{ key = \"**\", salt = \"**\" }]"),
            ("key = \"${A}\"\nsalt='b2'", "key = \"${A}\"\nsalt='**'"),
            ("key = \"a/b.c\"", "key = \"*****\""),
            ("tls = { key = \"key.pem\" }", "tls = { key = \"key.pem\" }"),
            ("[site.rule.key]\nkey.drop = \"a\"", "[site.rule.key]\nkey.drop = \"a\""),
            ("keys = [\"a\"]", "keys = [\"a\"]"),
            ("secret", "secret"),
            ("secret =", "secret ="),
            ("secret = \"é\"", "secret = \"*\""),
        ] {
            assert_eq!(mask(text), masked, "{text}");
        }
    }
}
