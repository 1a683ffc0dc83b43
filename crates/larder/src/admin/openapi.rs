//! `GET /v1/openapi.json`: the admin API described for programs (OpenAPI 3.1).

use axum::http::header;
use axum::response::IntoResponse;

/// The description, as it stands in the repository. A test holds it against the routes.
const DOCUMENT: &str = include_str!("openapi.json");

/// The description.
pub async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::refusal::Refusal;
    use crate::admin::routes::{Needs, ROUTES};
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// Doors that no release has.
    const ONLY_IN_TESTS: [&str; 2] = ["/clock", "/crash"];

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).expect("it is JSON")
    }

    #[test]
    fn each_door_is_described_and_no_other() {
        let document = document();
        let paths = document["paths"].as_object().expect("it has paths");
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("each path has methods").keys();
                methods.map(|method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let doors: BTreeSet<(String, String)> = ROUTES
            .iter()
            .filter(|route| !ONLY_IN_TESTS.contains(&route.path))
            .map(|route| (route.method.to_owned(), route.path.to_owned()))
            .collect();
        assert_eq!(described, doors);
    }

    #[test]
    fn what_a_door_needs_is_described() {
        let document = document();
        for route in ROUTES.iter().filter(|route| !ONLY_IN_TESTS.contains(&route.path)) {
            let door = &document["paths"][route.path][route.method.to_lowercase()];
            let done = if matches!(route.method, "PUT" | "DELETE") { "204" } else { "200" };
            let (scopes, statuses): (Value, &[&str]) = match route.needs {
                Needs::Nothing => (serde_json::json!([]), &["405"]),
                Needs::ReadFromElsewhere => {
                    let scopes = serde_json::json!([{}, { "token": ["read"] }]);
                    (scopes, &["401", "403", "405", "421"])
                }
                Needs::Signature => (serde_json::json!([]), &["200", "400", "401", "404", "413"]),
                Needs::Token(scope) => {
                    let scopes = serde_json::json!([{ "token": [scope.name()] }]);
                    (scopes, &["400", "401", "403", "405", "421"])
                }
            };
            assert_eq!(door["security"], scopes, "{}", route.path);
            for status in statuses.iter().chain([&done]) {
                assert!(door["responses"].get(status).is_some(), "{} {status}", route.path);
            }
            assert!(door["summary"].as_str().is_some_and(|text| !text.is_empty()));
            assert!(door["operationId"].is_string(), "{}", route.path);
        }
    }

    #[test]
    fn all_that_is_referred_to_is_there() {
        fn walk(value: &Value, document: &Value) {
            if let Some(to) = value.get("$ref").and_then(Value::as_str) {
                let pointer = to.strip_prefix('#').expect("within the document");
                assert!(document.pointer(pointer).is_some(), "{to}");
            }
            match value {
                Value::Object(map) => map.values().for_each(|value| walk(value, document)),
                Value::Array(list) => list.iter().for_each(|value| walk(value, document)),
                _ => {}
            }
        }
        let document = document();
        walk(&document, &document);
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let kinds = document.pointer("/components/schemas/Problem/properties/type/description");
        let kinds = kinds.and_then(Value::as_str).expect("problems have types");
        for token in Refusal::TOKENS {
            assert!(kinds.contains(&format!("`{token}`")), "{token}");
        }
    }
}
