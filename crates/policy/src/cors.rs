//! Cross-origin requests (CORS, Fetch §3.2) under a rule: answered here for the origins that it
//! allows, so that what is stored is the same for all and a preflight never reaches the origin.

use crate::fields::Fields;
use crate::glob::Glob;
use crate::name::Name;
use crate::request::{Method, Request};
use crate::time::Seconds;

/// Who may read answers from pages of other origins, and how they may ask.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// Origins such as `https://example.com`, as patterns.
    pub origins: Vec<Glob>,
    /// Methods that a preflight allows.
    pub methods: Vec<String>,
    /// Header fields that a preflight allows; empty: those that it asks for.
    pub headers: Vec<String>,
    /// Fields of answers that pages may read beside the usual ones.
    pub expose: Vec<String>,
    /// Whether requests may have cookies and credentials.
    pub credentials: bool,
    /// How long browsers may remember the answer to a preflight.
    pub max_age: Seconds,
}

/// What only the rule says.
const OURS: [&str; 6] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
];

/// The method that a preflight asks for; nothing if the request is none.
pub fn asked_by_preflight(request: &Request) -> Option<Method> {
    let is_preflight = request.method == Method::Options && request.fields.has(Name::Origin);
    let asked = request.fields.all_named("access-control-request-method").next()?;
    is_preflight.then(|| Method::of(&String::from_utf8_lossy(asked)))
}

impl Cors {
    /// Whether everybody may read, so that the answer is the same whoever asks.
    pub fn is_for_all(&self) -> bool {
        !self.credentials && self.origins.iter().any(|origin| origin.as_str() == "*")
    }

    /// Takes away what the origin said of it, and says on what the answer depends.
    pub fn prepare(&self, shown: &mut Fields) {
        shown.retain(|field| !OURS.contains(&field.name));
        let known = shown.members(Name::Vary).any(|name| name.eq_ignore_ascii_case(b"origin"));
        if !self.is_for_all() && !known {
            shown.add(Name::Vary, "Origin");
        }
    }

    /// The fields that let the page read that asks; none where it may not, or is no other origin's.
    pub fn allowed(&self, request: &Request) -> Fields {
        let mut fields = Fields::new();
        let Some(origin) = request.fields.get(Name::Origin) else {
            if self.is_for_all() {
                fields.push(b"access-control-allow-origin", b"*");
            }
            return fields;
        };
        if !self.allows(origin) {
            return fields;
        }
        let named = if self.is_for_all() { b"*" } else { origin };
        fields.push(b"access-control-allow-origin", named);
        if self.credentials {
            fields.push(b"access-control-allow-credentials", b"true");
        }
        if !self.expose.is_empty() {
            fields.push(b"access-control-expose-headers", self.expose.join(", ").as_bytes());
        }
        fields
    }

    /// The answer to a preflight.
    pub fn preflight(&self, request: &Request) -> Fields {
        let mut fields = self.allowed(request);
        if !fields.is_empty() {
            fields.push(b"access-control-allow-methods", self.methods.join(", ").as_bytes());
            let asked = request.fields.all_named("access-control-request-headers").next();
            match (self.headers.is_empty(), asked) {
                (true, Some(asked)) => _ = fields.push(b"access-control-allow-headers", asked),
                (true, None) => {}
                (false, _) => {
                    let all = self.headers.join(", ");
                    fields.push(b"access-control-allow-headers", all.as_bytes());
                }
            }
            fields.push(b"access-control-max-age", self.max_age.get().to_string().as_bytes());
        }
        if !self.is_for_all() {
            fields.add(Name::Vary, "Origin");
        }
        fields.add(Name::Vary, "Access-Control-Request-Method, Access-Control-Request-Headers");
        fields
    }

    fn allows(&self, origin: &[u8]) -> bool {
        self.origins.iter().any(|allowed| allowed.matches(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Cors {
        Cors {
            origins: origins.iter().map(|origin| Glob::new(origin)).collect(),
            methods: vec!["GET".to_owned(), "PUT".to_owned()],
            expose: vec!["X-Total".to_owned()],
            credentials,
            max_age: Seconds::new(600),
            ..Cors::default()
        }
    }

    fn from(origin: &str) -> Request {
        Request { fields: [("Origin", origin)].into_iter().collect(), ..Request::default() }
    }

    #[test]
    fn only_listed_origins_may_read_and_each_is_told_its_own_name() {
        for (origins, credentials, origin, allowed) in [
            (vec!["https://a.b"], false, "https://a.b", Some("https://a.b")),
            (vec!["https://a.b"], false, "https://a.b.evil", None),
            (vec!["https://*.a.b"], false, "https://x.a.b", Some("https://x.a.b")),
            (vec!["https://a.b"], true, "http://a.b", None),
            (vec!["*"], false, "https://any", Some("*")),
            (vec!["*"], true, "https://any", Some("https://any")),
            (vec!["https://a.b"], false, "null", None),
        ] {
            let fields = cors(&origins, credentials).allowed(&from(origin));
            let told = fields.all_named("access-control-allow-origin").next();
            assert_eq!(told, allowed.map(str::as_bytes), "{origins:?} {origin}");
            let with = fields.all_named("access-control-allow-credentials").next().is_some();
            assert_eq!(with, credentials && allowed.is_some());
        }
    }

    #[test]
    fn a_preflight_is_an_options_that_names_a_method() {
        let mut request = from("https://a.b");
        assert_eq!(asked_by_preflight(&request), None);
        request.method = Method::Options;
        assert_eq!(asked_by_preflight(&request), None);
        request.fields.push(b"Access-Control-Request-Method", b"PUT");
        request.fields.push(b"Access-Control-Request-Headers", b"x-a");
        assert_eq!(asked_by_preflight(&request), Some(Method::Put));
        let fields = cors(&["https://a.b"], false).preflight(&request);
        let first = |name: &str| {
            fields.all_named(name).next().map(|v| String::from_utf8_lossy(v).into_owned())
        };
        assert_eq!(first("access-control-allow-methods").as_deref(), Some("GET, PUT"));
        assert_eq!(first("access-control-allow-headers").as_deref(), Some("x-a"));
        assert_eq!(first("access-control-max-age").as_deref(), Some("600"));
        let refused = cors(&["https://other"], false).preflight(&request);
        assert!(refused.iter().all(|field| field.name == "vary"));
    }

    #[test]
    fn what_the_origin_says_gives_way() {
        let said = [("Access-Control-Allow-Origin", "https://evil"), ("Vary", "Accept, origin")];
        let mut shown: Fields = said.into_iter().collect();
        cors(&["https://a.b"], false).prepare(&mut shown);
        assert_eq!(shown, [("Vary", "Accept, origin")].into_iter().collect::<Fields>());
        let mut shown = Fields::new();
        cors(&["*"], false).prepare(&mut shown);
        assert!(shown.is_empty());
    }
}
