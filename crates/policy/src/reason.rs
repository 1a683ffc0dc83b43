//! Every "no" that the rules can say, each with a token that logs, metrics and `Cache-Status`
//! show, and with a page in `docs/not-cached.md`.

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$why:meta])* $variant:ident = $token:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$why])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word for it in `Cache-Status`, logs and metrics.
            pub fn token(self) -> &'static str {
                match self { $($name::$variant => $token,)* }
            }
        }
    };
}

reasons! {
    /// Why a request is not answered by way of the cache at all.
    WhyPass {
        /// The method is neither GET nor HEAD.
        Method = "method",
        /// A GET or HEAD with a body, whose meaning the key cannot hold.
        RequestBody = "request-body",
        /// The client wants to go on in another protocol, such as WebSocket.
        Upgrade = "upgrade",
        /// A rule has `cache = "off"`.
        RuleOff = "rule-off",
        /// A cookie that the site calls a session's.
        SessionCookie = "session-cookie",
    }
}

reasons! {
    /// Why a response is not stored.
    WhySkip {
        /// The request has `Cache-Control: no-store` (RFC 9111 §5.2.1.5).
        RequestNoStore = "request-no-store",
        /// The response has `no-store` (§5.2.2.5).
        NoStore = "no-store",
        /// The response is `private` (§5.2.2.7).
        Private = "private",
        /// The response sets a cookie.
        SetCookie = "set-cookie",
        /// The request had `Authorization`, and the response does not allow sharing (§3.5).
        Authorization = "authorization",
        /// The request had cookies, and the response has no explicit shared freshness.
        Cookie = "cookie",
        /// `Vary: *` (§4.1).
        VaryStar = "vary-star",
        /// `Vary` nominates more fields than are kept apart.
        VaryTooWide = "vary-too-wide",
        /// A part of a response (206) that cannot be told to be of the same as other parts: it has
        /// no strong validator, or does not say how long the whole is; or there is no disk.
        Partial = "partial",
        /// A 304 to the client's own condition, or to none.
        NotModified = "not-modified",
        /// The answer is to the client's own condition or range (412, 416).
        Condition = "condition",
        /// `must-understand` on a status that is not understood (§5.2.2.3).
        NotUnderstood = "must-understand",
        /// The status is cacheable only with explicit freshness, and there is none (§3).
        Status = "status",
        /// Nothing says how long it is fresh, and nothing it could be validated by.
        NoFreshness = "no-freshness",
        /// It is stale on arrival, and has nothing it could be validated by.
        Expired = "expired",
        /// The origin failed (5xx), and an older response is kept rather than this one.
        OlderKept = "older-kept",
        /// A stream of events, which never ends and is one visitor's.
        EventStream = "event-stream",
        /// HTML or JSON under a name like that of a static file (cache deception).
        Deceptive = "deceptive-suffix",
        /// It has more tags than are kept of one response, or a longer one: a purge would miss it.
        TooManyTags = "too-many-tags",
        /// As many pictures of its source are kept as may be of those that anybody can ask for.
        TooManyVariants = "too-many-variants",
        /// The answer to a HEAD has no body to store.
        Head = "head",
        /// The body is longer than `max_object`.
        TooLarge = "too-large",
        /// The bodies under way exceed `in_flight_bytes`.
        InFlight = "in-flight-full",
        /// The disk, for which it was meant, fails or is full.
        Disk = "disk",
        /// The body ended before its announced length.
        Incomplete = "incomplete",
    }
}

reasons! {
    /// Why the origin is asked although the request goes by way of the cache.
    WhyFetch {
        /// Nothing is stored under this key.
        UriMiss = "uri-miss",
        /// Something is stored, for other values of the fields that `Vary` names.
        VaryMiss = "vary-miss",
        /// What is stored is not fresh any more.
        Stale = "stale",
        /// What is stored must be validated every time (`no-cache`).
        NoCache = "no-cache",
        /// An unsafe request made what is stored invalid (RFC 9111 §4.4).
        Invalidated = "invalidated",
        /// The request asks for validation: `no-cache`, `max-age`, `min-fresh`.
        Request = "request-directive",
        /// The request has `Authorization` and what is stored is not shared with such.
        Authorization = "authorization",
        /// Some of what was asked for is stored, some is missing.
        Gaps = "gaps",
        /// Earlier answers could not be shared, so nobody waits for this one.
        Uncacheable = "known-uncacheable",
    }
}

impl WhySkip {
    /// Whether the next answer for the same key is likely not to be shared either, so that
    /// nobody should wait for it.
    pub fn is_lasting(self) -> bool {
        !matches!(
            self,
            WhySkip::RequestNoStore
                | WhySkip::Condition
                | WhySkip::Authorization
                | WhySkip::Disk
                | WhySkip::Head
                | WhySkip::InFlight
                | WhySkip::Incomplete
                | WhySkip::NotModified
                | WhySkip::OlderKept
                | WhySkip::Partial
                | WhySkip::TooManyVariants
        )
    }
}

impl WhyFetch {
    /// The same, where earlier answers of the URL are known not to be shareable.
    pub fn where_known(self, is_known: bool, has_stored: bool) -> WhyFetch {
        if is_known && !has_stored { WhyFetch::Uncacheable } else { self }
    }

    /// The `fwd` value of RFC 9211 §2.2.
    pub fn fwd(self) -> &'static str {
        match self {
            WhyFetch::UriMiss | WhyFetch::Uncacheable => "uri-miss",
            WhyFetch::VaryMiss => "vary-miss",
            WhyFetch::Stale | WhyFetch::NoCache | WhyFetch::Invalidated => "stale",
            WhyFetch::Request | WhyFetch::Authorization => "request",
            WhyFetch::Gaps => "partial",
        }
    }
}

impl WhyPass {
    /// The `fwd` value of RFC 9211 §2.2.
    pub fn fwd(self) -> &'static str {
        match self {
            WhyPass::Method => "method",
            _ => "bypass",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_token_of_its_own() {
        let mut skips: Vec<_> = WhySkip::ALL.iter().map(|why| why.token()).collect();
        skips.sort_unstable();
        let all = skips.len();
        skips.dedup();
        assert_eq!(skips.len(), all);
        let tokens =
            WhyPass::ALL.iter().map(|w| w.token()).chain(WhyFetch::ALL.iter().map(|w| w.token()));
        for token in tokens.chain(skips) {
            assert!(token.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{token}");
        }
    }

    #[test]
    fn fwd_is_a_value_of_rfc_9211() {
        for why in WhyFetch::ALL {
            assert!(["uri-miss", "vary-miss", "stale", "request", "partial"].contains(&why.fwd()));
        }
        assert_eq!(WhyPass::Method.fwd(), "method");
        assert_eq!(WhyPass::RuleOff.fwd(), "bypass");
    }
}
