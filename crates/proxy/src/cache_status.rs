//! The `Cache-Status` field (RFC 9211): what happened to a request, in one line.

use std::io::Write;

/// What happened; `detail` is always one of the tokens of `policy::reason` or `crate::error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Answered from the store without asking the origin (§2.1).
    pub hit: bool,
    /// Why the origin was asked (§2.2).
    pub fwd: Option<&'static str>,
    /// The origin's status, where it is not the one of the answer (§2.3).
    pub fwd_status: Option<u16>,
    /// Remaining freshness in seconds; negative: for how long it has been stale (§2.4).
    pub ttl: Option<i64>,
    /// Whether the response was stored (§2.5).
    pub stored: bool,
    /// Whether it was answered by another request's fetch (§2.6).
    pub collapsed: bool,
    /// The reason (§2.8).
    pub detail: Option<&'static str>,
}

/// What failed of the source of a picture, where an older one stood in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoodIn {
    /// The status of the answer that it stood in for, if there was one.
    pub status: Option<u16>,
    /// The detail of it.
    pub detail: &'static str,
}

impl CacheStatus {
    /// Appends the field's line.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Cache-Status: larder");
        if self.hit {
            out.extend_from_slice(b"; hit");
        }
        if let Some(fwd) = self.fwd {
            out.extend_from_slice(b"; fwd=");
            out.extend_from_slice(fwd.as_bytes());
        }
        if let Some(status) = self.fwd_status {
            number(out, b"; fwd-status=", i64::from(status));
        }
        if let Some(ttl) = self.ttl {
            number(out, b"; ttl=", ttl);
        }
        if self.stored {
            out.extend_from_slice(b"; stored");
        }
        if self.collapsed {
            out.extend_from_slice(b"; collapsed");
        }
        if let Some(detail) = self.detail {
            out.extend_from_slice(b"; detail=");
            out.extend_from_slice(detail.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a name and a number.
pub fn number(out: &mut Vec<u8>, name: &[u8], value: i64) {
    out.extend_from_slice(name);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_a_structured_list_of_rfc_9211() {
        for (status, line) in [
            (CacheStatus { hit: true, ttl: Some(57), ..Default::default() }, "larder; hit; ttl=57"),
            (
                CacheStatus {
                    fwd: Some("stale"),
                    fwd_status: Some(304),
                    stored: true,
                    collapsed: true,
                    detail: Some("stale"),
                    ttl: Some(-3),
                    ..Default::default()
                },
                "larder; fwd=stale; fwd-status=304; ttl=-3; stored; collapsed; detail=stale",
            ),
        ] {
            let mut out = Vec::new();
            status.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("Cache-Status: {line}\r\n"));
        }
    }
}
