//! Names and patterns of HTTP, each checked against its grammar as it is read.

use super::fault::Fault;
use super::reading::read_from_text;
use crate::hooks::Template;
use imaging::plan::Source;
use mirror::plan::JsonPath;
use policy::glob::Glob;
use policy::path_pattern;
use policy::request::Method;
use policy::tag_template::TagTemplate;
use std::fmt;
use std::str::FromStr;

/// Defines types that hold checked text.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident, $title:literal, $what:literal, $read:path;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub struct $name(pub String);

            impl FromStr for $name {
                type Err = Fault;

                fn from_str(text: &str) -> Result<$name, Fault> {
                    $read(text).map($name)
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }
        )*
        read_from_text! { $($title, $what: [] $name;)* }
    };
}

words! {
    /// A host, or a pattern of hosts, in lower case and without port.
    HostPattern, "HostPattern", "a host in quotes, such as \"example.com\"", read_host;
    /// A pattern of paths.
    PathPattern, "PathPattern", "a path pattern in quotes, such as \"/api/*\"", read_path;
    /// What the paths of a folder's files begin with.
    FolderPath, "FolderPath", "a path in quotes, such as \"/photos/\"", read_folder_path;
    /// What goes out in the place of a picture.
    OnImageError, "OnImageError", "\"error\", \"original\" or a path", read_on_image_error;
    /// A path that is answered here.
    OwnPath, "OwnPath", "a path in quotes, such as \"/api/revalidate\"", read_own_path;
    /// A path at which a document is served.
    ServedPath, "ServedPath", "a path in quotes, such as \"/api/news.json\"", read_served_path;
    /// A pattern of names of cookies or of parameters of a query.
    NamePattern, "NamePattern", "a name or pattern in quotes, such as \"utm_*\"", read_name;
    /// The name of a cookie.
    CookieName, "CookieName", "a cookie's name in quotes", read_token;
    /// The name of a header field, in lower case.
    FieldName, "FieldName", "a header's name in quotes", read_field_name;
    /// The value of a header field.
    FieldValue, "FieldValue", "a header's value in quotes", read_field_value;
    /// A request method.
    MethodName, "MethodName", "a method in quotes, such as \"GET\"", read_method;
    /// The tag of a language.
    Language, "Language", "a language in quotes, such as \"en\" or \"pt-BR\"", read_language;
    /// A tag of responses.
    Tag, "Tag", "a tag in quotes", read_tag;
    /// The name of a node.
    NodeName, "NodeName", "a name in quotes, such as \"edge-1\"", read_token;
    /// The name of a token.
    TokenName, "TokenName", "a name in quotes, such as \"ci\"", read_token;
    /// The name of a hook, which stands in a path.
    HookName, "HookName", "a name in quotes, such as \"cms\"", read_hook_name;
    /// The name of a feed, which stands in paths and is a folder's.
    FeedName, "FeedName", "a name in quotes, such as \"news\"", read_feed_name;
    /// A JSONPath.
    JsonPathText, "JsonPathText", "a JSONPath in quotes, such as \"$.data[*].image\"", read_json_path;
    /// A URL that is asked.
    WebUrl, "WebUrl", "a URL in quotes, such as \"https://api.example.com/news\"", read_web_url;
    /// What a hook makes of a payload.
    HookTemplate, "HookTemplate", "text in quotes, such as \"post:{$.slug}\"", read_template;
    /// A word that is part of keys.
    Version, "Version", "a word in quotes, such as \"v2\"", read_version;
}

/// The longest name, pattern or value that is taken, in bytes.
const MAX_BYTES: usize = 4096;

/// The longest name of a hook, in bytes.
const MAX_HOOK_NAME_BYTES: usize = 64;

impl HostPattern {
    /// The pattern ready to match.
    pub fn glob(&self) -> Glob {
        Glob::new(&self.0)
    }
}

impl PathPattern {
    /// The pattern ready to match.
    pub fn pattern(&self) -> path_pattern::PathPattern {
        // It was read already.
        path_pattern::PathPattern::parse(&self.0)
            .unwrap_or_else(|_| path_pattern::PathPattern::glob(&self.0))
    }
}

impl Tag {
    /// The tag with what is to be filled in.
    pub fn template(&self) -> TagTemplate {
        // It was read already.
        TagTemplate::parse(&self.0).unwrap_or_default()
    }
}

impl HookTemplate {
    /// The template; nothing only if it was not read by [`FromStr`].
    pub fn template(&self) -> Option<Template> {
        Template::parse(&self.0).ok()
    }
}

impl JsonPathText {
    /// The path; nothing only if it was not read by [`FromStr`].
    pub fn path(&self) -> Option<JsonPath> {
        JsonPath::parse(&self.0).ok()
    }
}

impl NamePattern {
    /// The pattern ready to match.
    pub fn glob(&self) -> Glob {
        Glob::new(&self.0)
    }
}

impl MethodName {
    /// The method of that name.
    pub fn method(&self) -> Method {
        Method::of(&self.0)
    }
}

fn read_host(text: &str) -> Result<String, Fault> {
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        return Err(Fault::new("a host has no scheme", format!("write \"{host}\"")));
    }
    if !text.is_ascii() {
        return Err(Fault::new("this host is not ASCII", "write it in Punycode, as in \"xn--…\""));
    }
    let v6 = text.starts_with('[') && text.ends_with(']');
    let port = |(_, port): &(&str, &str)| !v6 && port.bytes().all(|b| b.is_ascii_digit());
    if let Some((host, _)) = text.rsplit_once(':').filter(port) {
        let mend = format!("write \"{host}\": every port is meant");
        return Err(Fault::new("a host has no port here", mend));
    }
    let fits = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'_' | b'*' | b'?')
            || v6 && matches!(b, b'[' | b']' | b':')
    };
    if text.is_empty() || !text.bytes().all(fits) {
        let mend = "write a name such as \"example.com\" or a pattern such as \"*.example.com\"";
        return Err(Fault::new("this is no host", mend));
    }
    Ok(text.to_ascii_lowercase())
}

fn read_path(text: &str) -> Result<String, Fault> {
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    if !text.starts_with(['/', '*']) {
        let mend = format!("write \"/{text}\", or \"*{text}\" for any path that ends so");
        return Err(Fault::new("a path pattern begins with / or *", mend));
    }
    path_pattern::PathPattern::parse(text).map_err(|wrong| {
        let mend = "write it as in \"/blog/{slug}\" or \"/docs/{path*}\"";
        Fault::new(wrong.to_string(), mend)
    })?;
    Ok(text.to_owned())
}

fn read_folder_path(text: &str) -> Result<String, Fault> {
    let fits = |b: u8| b.is_ascii_graphic() && !b"?#%\\;".contains(&b);
    if !text.starts_with('/') || text.contains("//") || !text.bytes().all(fits) {
        let meant = text.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let is_one = !meant.is_empty() && meant.bytes().all(fits) && !text.contains(':');
        let mend = if is_one {
            format!("write \"/{meant}/\"")
        } else {
            "write it as in \"/photos/\"".to_owned()
        };
        return Err(Fault::new("a path here begins with a slash and has no ?, # or %", mend));
    }
    if text.split('/').any(|segment| segment.starts_with('.')) {
        return Err(Fault::new("a path has no dots here", "write it as in \"/photos/\""));
    }
    Ok(if text.ends_with('/') { text.to_owned() } else { format!("{text}/") })
}

fn read_on_image_error(text: &str) -> Result<String, Fault> {
    if !matches!(text, "error" | "original") && !text.starts_with('/') {
        let mend = "write \"error\", \"original\", or a path such as \"/missing.png\"";
        return Err(Fault::new("this says not what goes out", mend));
    }
    Ok(text.to_owned())
}

fn read_own_path(text: &str) -> Result<String, Fault> {
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"?#*%;\\\"".contains(&b));
    if !text.starts_with('/') || text.len() < 2 || !is_plain || text.contains("//") {
        let mend = "write it as in \"/api/revalidate\", without a query";
        return Err(Fault::new("this is no path of its own", mend));
    }
    if text.len() > MAX_BYTES { Err(too_long()) } else { Ok(text.to_owned()) }
}

/// A path that all clients ask for as it is written.
fn read_served_path(text: &str) -> Result<String, Fault> {
    let mend = "write it as in \"/api/news.json\", without a query";
    if !text.is_ascii() {
        let what = "clients encode what is not ASCII, so nobody would ask for this path";
        return Err(Fault::new(what, "write letters of ASCII, as in \"/api/news.json\""));
    }
    if text.contains(['<', '>', '{', '}', '|', '^', '`']) {
        let what = "clients encode <, >, {, }, |, ^ and `, so nobody would ask for this path";
        return Err(Fault::new(what, mend));
    }
    if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        let what = "clients take . and .. out of paths, so nobody would ask for this one";
        return Err(Fault::new(what, mend));
    }
    let is_too_long = text.len() > MAX_BYTES;
    read_own_path(text).map_err(|fault| match is_too_long {
        true => fault,
        false => Fault::new("this is no path of a document", mend),
    })
}

fn read_name(text: &str) -> Result<String, Fault> {
    let odd = |b: u8| b.is_ascii_control() || matches!(b, b' ' | b';' | b'=' | b'&' | b',');
    if text.is_empty() || text.bytes().any(odd) {
        let mend = "write only the name, such as \"sid\", or a pattern, such as \"utm_*\"";
        return Err(Fault::new("this is no name", mend));
    }
    if text.len() > MAX_BYTES { Err(too_long()) } else { Ok(text.to_owned()) }
}

/// A token of RFC 9110 §5.6.2.
fn read_token(text: &str) -> Result<String, Fault> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(Fault::new("this is no name", "write letters, digits, - and _ only"));
    }
    if text.len() > MAX_BYTES { Err(too_long()) } else { Ok(text.to_owned()) }
}

fn read_hook_name(text: &str) -> Result<String, Fault> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if text.is_empty() || text.len() > MAX_HOOK_NAME_BYTES || !text.bytes().all(fits) {
        let mend = "write letters, digits, - and _ only, 64 at the most: it is part of a path";
        return Err(Fault::new("this is no name of a hook", mend));
    }
    Ok(text.to_owned())
}

fn read_feed_name(text: &str) -> Result<String, Fault> {
    read_hook_name(text).map_err(|fault| Fault::new("this is no name of a feed", fault.mend))
}

fn read_json_path(text: &str) -> Result<String, Fault> {
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    JsonPath::parse(text).map_err(|wrong| {
        let mend = "write it as in \"$.data[*].image\" (RFC 9535)";
        Fault::new(wrong.to_string(), mend)
    })?;
    Ok(text.to_owned())
}

/// The scheme comes in lower case.
fn read_web_url(text: &str) -> Result<String, Fault> {
    let is_url = matches!(Source::parse("url", text), Ok(Source::Url(_)));
    let Some((scheme, rest)) = text.split_once("://").filter(|_| is_url) else {
        let mend = "write it as in \"https://api.example.com/news\"";
        return Err(Fault::new("this is no URL that can be asked", mend));
    };
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    Ok(format!("{}://{rest}", scheme.to_ascii_lowercase()))
}

fn read_template(text: &str) -> Result<String, Fault> {
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    Template::parse(text).map_err(|wrong| {
        let mend = "write it as in \"post:{$.slug}\": a JSONPath (RFC 9535) in braces";
        Fault::new(wrong.to_string(), mend)
    })?;
    Ok(text.to_owned())
}

fn read_field_name(text: &str) -> Result<String, Fault> {
    read_token(text).map(|name| name.to_ascii_lowercase()).map_err(|_| {
        let trimmed = text.trim().trim_end_matches(':');
        let name = read_token(trimmed).unwrap_or_else(|_| "X-Header".to_owned());
        Fault::new("this is no header's name", format!("write the name alone, as in \"{name}\""))
    })
}

/// A field value of RFC 9110 §5.5.
fn read_field_value(text: &str) -> Result<String, Fault> {
    if text.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        return Err(Fault::new("a header's value has no control characters", "write one line"));
    }
    if text.trim_matches([' ', '\t']) != text {
        let mend = "leave out the spaces at the ends";
        return Err(Fault::new("a header's value neither begins nor ends with a space", mend));
    }
    if text.len() > MAX_BYTES { Err(too_long()) } else { Ok(text.to_owned()) }
}

fn read_method(text: &str) -> Result<String, Fault> {
    let upper = text.to_ascii_uppercase();
    let known = !matches!(Method::of(&upper), Method::Other(_));
    if known && text != upper {
        let mend = format!("write \"{upper}\"");
        return Err(Fault::new("methods are written in capitals", mend));
    }
    read_token(text).map_err(|_| Fault::new("this is no method", "write one such as \"GET\""))
}

fn read_language(text: &str) -> Result<String, Fault> {
    let fits = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if !text.split('-').all(fits) {
        let mend = "write a tag such as \"en\", \"de\" or \"pt-BR\"";
        return Err(Fault::new("this is no language", mend));
    }
    Ok(text.to_owned())
}

fn read_tag(text: &str) -> Result<String, Fault> {
    let fits = |b: u8| b.is_ascii_graphic() && b != b',';
    if text.is_empty() || !text.bytes().all(fits) {
        let mend = "write visible ASCII characters without spaces and commas";
        return Err(Fault::new("this is no tag", mend));
    }
    if TagTemplate::parse(text).is_none() {
        let mend = "write it as in \"post:{slug}\", with a name of the rule's path";
        return Err(Fault::new("a brace of this tag has no other one", mend));
    }
    if text.len() > 1024 { Err(too_long()) } else { Ok(text.to_owned()) }
}

fn read_version(text: &str) -> Result<String, Fault> {
    if text.bytes().any(|b| b.is_ascii_control()) {
        return Err(Fault::new("this has control characters", "write a word such as \"v2\""));
    }
    if text.len() > MAX_BYTES { Err(too_long()) } else { Ok(text.to_owned()) }
}

fn too_long() -> Fault {
    Fault::new("this is too long", format!("write at most {MAX_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_pictures_is_told_as_it_was_meant() {
        for (text, mend) in [
            ("docs", "write \"/docs/\""),
            ("a//b/", "write \"/a/b/\""),
            ("https://a/", "write it as in \"/photos/\""),
            ("/a?b", "write it as in \"/photos/\""),
        ] {
            let fault = read_folder_path(text).expect_err(text).to_string();
            assert!(fault.contains(mend), "{text}: {fault}");
        }
    }

    #[test]
    fn hosts_are_patterns_in_lower_case() {
        for (text, host) in [
            ("Example.COM", Some("example.com")),
            ("*.example.com", Some("*.example.com")),
            ("[::1]", Some("[::1]")),
            ("example.com:80", None),
            ("http://example.com/", None),
            ("bücher.example", None),
            ("a b", None),
            ("", None),
        ] {
            let read = text.parse::<HostPattern>().ok();
            assert_eq!(read.as_ref().map(|host| host.0.as_str()), host, "{text}");
        }
    }

    #[test]
    fn a_served_path_is_one_that_clients_ask_for() {
        for (text, why) in [
            ("/api/news.json", None),
            ("/.well-known/news", None),
            ("/a..b/...", None),
            ("/n\u{e4}ws.json", Some("not ASCII")),
            ("/a/../b", Some(". and ..")),
            ("/a/.", Some(". and ..")),
            ("/{a}", Some("clients encode")),
            ("/a|b", Some("clients encode")),
            ("/a`", Some("clients encode")),
            ("/a b", Some("no path of a document")),
            ("news.json", Some("no path of a document")),
            ("/", Some("no path of a document")),
            ("/a?b", Some("no path of a document")),
        ] {
            let read = text.parse::<ServedPath>();
            let said = read.as_ref().err().map(|fault| fault.what.as_str());
            assert_eq!(said.is_some(), why.is_some(), "{text}: {said:?}");
            assert!(why.is_none_or(|why| said.is_some_and(|said| said.contains(why))), "{text}");
            assert!(read.err().is_none_or(|fault| fault.mend.contains("news.json")), "{text}");
        }
    }

    #[test]
    fn urls_have_their_scheme_in_lower_case() {
        for (text, url) in [
            ("HTTPS://api.test/News", Some("https://api.test/News")),
            ("http://[::1]:81/", Some("http://[::1]:81/")),
            ("ftp://api.test/", None),
            ("/news", None),
            ("http/news", None),
        ] {
            let read = text.parse::<WebUrl>().ok();
            assert_eq!(read.as_ref().map(|url| url.0.as_str()), url, "{text}");
        }
    }

    #[test]
    fn methods_are_in_capitals_and_may_be_unknown() {
        for (text, fits) in
            [("GET", true), ("PURGE", true), ("get", false), ("Post", false), ("A B", false)]
        {
            assert_eq!(text.parse::<MethodName>().is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn names_and_values_keep_to_their_grammars() {
        assert_eq!("X-A".parse::<FieldName>().map(|name| name.0), Ok("x-a".into()));
        assert!("X-A:".parse::<FieldName>().is_err_and(|fault| fault.mend.contains("\"X-A\"")));
        for text in ["a\r\nb: c", " a", "a\0"] {
            assert!(text.parse::<FieldValue>().is_err(), "{text:?}");
        }
        for (text, fits) in [("/api/*", true), ("*.css", true), ("api/*", false), ("", false)] {
            assert_eq!(text.parse::<PathPattern>().is_ok(), fits, "{text}");
        }
        for (text, fits) in [("en", true), ("pt-BR", true), ("", false), ("en_US", false)] {
            assert_eq!(text.parse::<Language>().is_ok(), fits, "{text}");
        }
        for (text, fits) in [("post:7", true), ("a b", false), ("a,b", false), ("", false)] {
            assert_eq!(text.parse::<Tag>().is_ok(), fits, "{text}");
        }
        for (text, fits) in [("utm_*", true), ("a=b", false), ("", false)] {
            assert_eq!(text.parse::<NamePattern>().is_ok(), fits, "{text}");
        }
    }
}
