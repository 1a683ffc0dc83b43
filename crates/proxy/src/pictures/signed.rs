//! Who wrote the URL of a picture: somebody who knows the site's key, or anybody.

use crate::error::Error;
use crate::settings::PictureSettings;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imaging::plan::{Dialect, Signature};
use std::fmt;

/// The bytes of a whole signature by SHA-256.
pub const WHOLE_BYTES: usize = 32;

/// The bytes of a signature by SHA-1.
const SHA1_BYTES: usize = 20;

/// A key with its salt; shown by nothing.
#[derive(Clone)]
pub struct SigningKey(hmac::Context);

impl SigningKey {
    /// Of Thumbor, which signs by SHA-1.
    fn of_thumbor(key: &[u8]) -> SigningKey {
        let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
        SigningKey(hmac::Context::with_key(&hmac::Key::new(algorithm, key)))
    }

    /// Of imgproxy: a key and a salt.
    pub fn new(key: &[u8], salt: &[u8]) -> SigningKey {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        context.update(salt);
        SigningKey(context)
    }

    /// Whether that many first bytes of the signature of a text are these.
    fn made(&self, signature: &[u8], bytes: usize, text: &str) -> bool {
        let mut context = self.0.clone();
        context.update(text.as_bytes());
        let tag = context.sign();
        let wanted = tag.as_ref().get(..bytes).unwrap_or(tag.as_ref());
        verify_slices_are_equal(wanted, signature).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The keys of a dialect whose URLs are signed.
#[derive(Clone, Debug)]
pub struct Signing {
    /// Any of them will do; none: URLs are not signed.
    pub keys: Vec<SigningKey>,
    /// How many bytes of a signature URLs have, from 1 to [`WHOLE_BYTES`].
    pub bytes: usize,
}

impl Signing {
    /// That of Thumbor, with or without a key.
    pub fn of_thumbor(key: Option<&[u8]>) -> Signing {
        let keys = key.map(SigningKey::of_thumbor).into_iter().collect();
        Signing { keys, bytes: SHA1_BYTES }
    }

    /// Whether one of the keys made the signature, whichever way the text came here.
    fn made(&self, signature: &Signature<'_>) -> bool {
        // What fills it up is encoded by some clients, and left out by others.
        let text = signature.text.replace("%3D", "=").replace("%3d", "=");
        let text = text.trim_end_matches('=');
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
        let of = |text: &String| self.keys.iter().any(|key| key.made(&bytes, self.bytes, text));
        signature.signed.iter().any(of)
    }
}

/// Whether a target is signed, by who knows a key of the site.
///
/// # Errors
/// It has to be, and is not.
pub fn is_signed(
    settings: &PictureSettings,
    dialect: Dialect,
    target: &str,
) -> Result<bool, Error> {
    let signing = settings.signing.iter().find(|(of, _)| *of == dialect);
    let Some((_, signing)) = signing.filter(|(_, signing)| !signing.keys.is_empty()) else {
        return Ok(false);
    };
    let signature = settings.dialects.signature(dialect, target);
    match signature.is_some_and(|signature| signing.made(&signature)) {
        true => Ok(true),
        false => Err(Error::PictureSignature),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signing(keys: &[(&str, &str)], bytes: usize) -> Signing {
        let keys = keys.iter().map(|(key, salt)| SigningKey::new(key.as_bytes(), salt.as_bytes()));
        Signing { keys: keys.collect(), bytes }
    }

    fn is_made(signing: &Signing, text: &str, signed: &str) -> bool {
        signing.made(&Signature { text, signed: [signed.to_owned(), signed.to_owned()] })
    }

    #[test]
    fn signatures_are_those_that_imgproxy_documents() {
        let path =
            "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png";
        let documented = signing(&[("secret", "hello")], WHOLE_BYTES);
        let signature = "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8";
        assert!(is_made(&documented, signature, path));
        assert!(!is_made(&documented, signature, &path.replace("300", "301")));
        let pairs = [("test-key", "test-salt"), ("test-key2", "test-salt2")];
        let (first, both) = (signing(&pairs[..1], WHOLE_BYTES), signing(&pairs, WHOLE_BYTES));
        let of_first = "oWaL7QoW5TsgbuiS9-5-DI8S3Ibbo1gdB2SteJh3a20";
        let of_second = "jYz1UZ7j1BCdSzH3pZhaYf0iuz0vusoOTdqJsUT6WXI";
        for (signing, signature, is_right) in [
            (&first, of_first, true),
            (&first, of_second, false),
            (&both, of_second, true),
            (&both, "dtLwhdnPPis", false),
            (&signing(&pairs[..1], 8), "oWaL7QoW5Ts", true),
            (&signing(&pairs[..1], 8), of_first, false),
            (&first, "oWaL7QoW5Ts", false),
            (&first, "", false),
            (&first, "!", false),
        ] {
            assert_eq!(is_made(signing, signature, "/asd"), is_right, "{signature}");
        }
    }

    #[test]
    fn signatures_of_thumbor_are_by_sha1() {
        // By: openssl dgst -sha1 -hmac my-security-key -binary | base64
        let signing = Signing::of_thumbor(Some(b"my-security-key"));
        let (text, path) = ("PGjXQSPl4yjqEqXMRhRXRTCxo48=", "300x200/smart/a.jpg");
        assert!(is_made(&signing, text, path));
        for text in
            [text.trim_end_matches('='), &text.replace('=', "%3D"), &text.replace('=', "%3d")]
        {
            assert!(is_made(&signing, text, path), "{text}");
        }
        assert!(!is_made(&signing, text, "300x201/smart/a.jpg"));
        assert!(!is_made(&signing, "unsafe", path));
    }

    #[test]
    fn keys_are_shown_by_nothing() {
        let shown = format!("{:?}", signing(&[("a-secret-key", "some-salt")], 8));
        assert!(!shown.contains("secret") && !shown.contains("salt"), "{shown}");
    }
}
