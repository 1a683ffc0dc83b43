//! Deliveries of webhooks, as strangers may send them.

use larder::config::secret::Secret;
use larder::hooks::{Kind, Signed};
use policy::fields::Fields;
use policy::time::Timestamp;

/// What deliveries are signed with here; nobody who has only the corpus makes a signature of it.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Header fields, a line each, an empty line, and a body: no way of signing believes it, whatever it
/// says, but for the token that it may have by chance.
pub fn webhook(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..end], data.get(end + 2..).unwrap_or_default());
    let mut fields = Fields::new();
    for line in head.split(|b| *b == b'\n') {
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        fields.push(&line[..colon], value.trim_ascii());
    }
    let secret: Secret = SECRET.parse().expect("it is long enough");
    let signed = Signed { method: "POST", target: "/_larder/hooks/x?y=1", fields: &fields, body };
    let payload = serde_json::from_slice(body).ok();
    let kinds = [
        Kind::Contentful,
        Kind::Sanity,
        Kind::Ghost,
        Kind::Shopify,
        Kind::GitHub,
        Kind::Standard,
        Kind::Header("x-token".into()),
    ];
    for kind in kinds {
        let _ = kind.event(&fields, payload.as_ref());
        match kind.verify(std::slice::from_ref(&secret), signed, Timestamp(1_767_225_600_000)) {
            Err(forged) => assert!(!forged.to_string().contains(SECRET)),
            Ok(_) => assert!(head.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())),
        }
    }
}
