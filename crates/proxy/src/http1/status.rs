//! Reason phrases (RFC 9110 §15), for people who read the wire.

/// The phrase for a status; empty where there is no well-known one.
pub fn reason(status: u16) -> &'static str {
    if status == 499 {
        // nginx's, which those know who read logs.
        return "Client Closed Request";
    }
    http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("")
}

/// Whether a response of that status never has a body (RFC 9110 §6.4.1).
pub fn is_bodiless(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}
