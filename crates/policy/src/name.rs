//! The field names that rules ask for, as small numbers.
//!
//! A head is searched many times on the path of a hit; comparing one byte is cheaper than
//! comparing text. A name that no rule asks for is [`Name::Other`] and is compared as text.

macro_rules! names {
    ($($variant:ident = $text:literal,)*) => {
        /// A field name known to the rules.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each variant is the field of that name")]
        pub enum Name { Other, $($variant,)* }

        impl Name {
            /// The known name for `lower`, which must be in lower case already.
            pub fn of(lower: &[u8]) -> Name {
                $(const $variant: &[u8] = $text.as_bytes();)*
                #[allow(non_upper_case_globals, reason = "constants are named after variants")]
                match lower { $($variant => Name::$variant,)* _ => Name::Other }
            }

            /// The name in lower case; empty for [`Name::Other`].
            pub fn as_str(self) -> &'static str {
                match self { Name::Other => "", $(Name::$variant => $text,)* }
            }

            /// Every known name.
            pub const ALL: &'static [Name] = &[$(Name::$variant,)*];
        }
    };
}

#[allow(non_upper_case_globals, reason = "the macro names constants after variants")]
mod table {
    names! {
        Accept = "accept",
        AcceptEncoding = "accept-encoding",
        AcceptLanguage = "accept-language",
        AcceptRanges = "accept-ranges",
        Age = "age",
        Allow = "allow",
        Authorization = "authorization",
        CacheControl = "cache-control",
        CacheGroupInvalidation = "cache-group-invalidation",
        CacheGroups = "cache-groups",
        CacheStatus = "cache-status",
        CacheTag = "cache-tag",
        CdnCacheControl = "cdn-cache-control",
        CdnLoop = "cdn-loop",
        Connection = "connection",
        ContentDigest = "content-digest",
        ContentEncoding = "content-encoding",
        ContentLanguage = "content-language",
        ContentLength = "content-length",
        ContentLocation = "content-location",
        ContentMd5 = "content-md5",
        ContentRange = "content-range",
        ContentType = "content-type",
        Cookie = "cookie",
        Date = "date",
        Etag = "etag",
        Expect = "expect",
        Expires = "expires",
        Forwarded = "forwarded",
        Host = "host",
        IfMatch = "if-match",
        IfModifiedSince = "if-modified-since",
        IfNoneMatch = "if-none-match",
        IfRange = "if-range",
        IfUnmodifiedSince = "if-unmodified-since",
        KeepAlive = "keep-alive",
        LarderBorn = "larder-born",
        LarderCacheControl = "larder-cache-control",
        LastModified = "last-modified",
        Location = "location",
        MaxForwards = "max-forwards",
        Origin = "origin",
        Pragma = "pragma",
        NetlifyCacheTag = "netlify-cache-tag",
        ProxyAuthenticate = "proxy-authenticate",
        ProxyAuthenticationInfo = "proxy-authentication-info",
        ProxyAuthorization = "proxy-authorization",
        ProxyConnection = "proxy-connection",
        Range = "range",
        Referer = "referer",
        RetryAfter = "retry-after",
        SetCookie = "set-cookie",
        SurrogateControl = "surrogate-control",
        SurrogateKey = "surrogate-key",
        Te = "te",
        Trailer = "trailer",
        TransferEncoding = "transfer-encoding",
        Upgrade = "upgrade",
        UserAgent = "user-agent",
        Vary = "vary",
        VercelCacheTag = "vercel-cache-tag",
        Via = "via",
        Warning = "warning",
        XDevice = "x-device",
        XForwardedFor = "x-forwarded-for",
        XForwardedHost = "x-forwarded-host",
        XForwardedPort = "x-forwarded-port",
        XForwardedProto = "x-forwarded-proto",
        XForwardedServer = "x-forwarded-server",
        XHttpMethodOverride = "x-http-method-override",
        XMiddlewareSubrequest = "x-middleware-subrequest",
        XOriginalUrl = "x-original-url",
        XRealIp = "x-real-ip",
        XRewriteUrl = "x-rewrite-url",
        Xkey = "xkey",
    }
}

pub use table::Name;

impl Name {
    /// Whether a field of this name speaks of one connection only and is never passed on
    /// (RFC 9110 §7.6.1). Fields that `Connection` lists come on top.
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Name::Connection
                | Name::KeepAlive
                | Name::ProxyConnection
                | Name::ProxyAuthenticate
                | Name::ProxyAuthenticationInfo
                | Name::ProxyAuthorization
                | Name::Te
                | Name::Trailer
                | Name::TransferEncoding
                | Name::Upgrade
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_by_its_own_text() {
        for &name in Name::ALL {
            assert_eq!(Name::of(name.as_str().as_bytes()), name);
            assert_eq!(name.as_str(), name.as_str().to_ascii_lowercase());
        }
        assert_eq!(Name::of(b"x-unheard-of"), Name::Other);
    }
}
