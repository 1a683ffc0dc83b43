//! Header fields of a request as the rules read them.

use axum::http::HeaderMap;
use policy::fields::Fields;

/// Those of a request.
pub fn fields(headers: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in headers {
        fields.push(name.as_str().as_bytes(), value.as_bytes());
    }
    fields
}
