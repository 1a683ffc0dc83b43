//! What kind of thing a response says that it is (RFC 9110 §8.3).

use crate::fields::Fields;
use crate::name::Name;

/// The type in lower case and without parameters; empty where nothing says it.
pub fn media_type(fields: &Fields) -> String {
    let said = fields.text(Name::ContentType).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether events are streamed: what comes is to go on at once, and lasts.
pub fn is_event_stream(fields: &Fields) -> bool {
    let said = fields.get(Name::ContentType).unwrap_or_default();
    let kind = said.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_do_not_count() {
        for (said, kind, streams) in [
            ("Text/HTML; charset=utf-8", "text/html", false),
            ("text/event-stream;charset=utf-8", "text/event-stream", true),
            (" TEXT/Event-Stream ", "text/event-stream", true),
            ("", "", false),
        ] {
            let fields: Fields = [("Content-Type", said)].into_iter().collect();
            assert_eq!((media_type(&fields).as_str(), is_event_stream(&fields)), (kind, streams));
        }
        assert_eq!(media_type(&Fields::new()), "");
    }
}
