//! Every failure that a client may see, and the one place where it becomes an answer.

use crate::http1::status::reason;
use policy::reuse::Failure;

/// Why a request gets no response of its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request breaks the grammar of HTTP/1.1; the text says where.
    Malformed(&'static str),
    /// The request target is longer than `max_target`.
    TargetTooLong,
    /// The head is larger than `max_head`, or has more fields than `max_fields`.
    HeadTooLarge,
    /// The body is larger than `max_body`.
    BodyTooLarge,
    /// The head or body did not come in time.
    ClientTooSlow,
    /// The client went away within its request.
    ClientGone,
    /// The client closed its sending half while it waited for the answer.
    ClientLeft,
    /// Plain HTTP where TLS is spoken.
    PlainOnTls,
    /// `Expect` has something other than `100-continue`.
    Expectation,
    /// A transfer coding other than `chunked`.
    TransferCoding,
    /// CONNECT: Larder is no forward proxy.
    Connect,
    /// No site answers for the host.
    UnknownHost,
    /// The request came by here before.
    Loop,
    /// `max_connections` are open.
    TooManyConnections,
    /// The origin has `concurrency` requests under way and `queue` waiting.
    QueueFull,
    /// `max_long_streams` are open.
    TooManyStreams,
    /// No turn for the origin within `queue_timeout`.
    QueueTimeout,
    /// The request allows no asking the origin, and nothing stored will do.
    OnlyIfCached,
    /// The URL of a picture asks for what there is not; the text says what is wrong.
    PictureAsked(String),
    /// The source of a picture may not be used; the text says why.
    PictureSource(String),
    /// The URL of a picture is not signed with a key of the site.
    PictureSignature,
    /// The URL of a picture may be asked for no more.
    PictureExpired,
    /// The origin's name leads to no address that may be asked for what strangers name.
    OutOfReach,
    /// As many pictures are being made, and as many wait, as may.
    PicturesBusy,
    /// What lies on this machine for feeds cannot be read, or is damaged.
    ShelfUnreadable,
    /// The source of a picture, a file, was overwritten while it was read, or cannot be read.
    PictureSourceLost,
    /// The source of a picture did not come within `images.timeout`, and one that is kept may go out.
    PictureSourceSlow,
    /// The origin's name does not resolve.
    OriginUnknown(String),
    /// The origin refuses connections; the text says how.
    OriginUnreachable(String),
    /// The origin's TLS is not to be believed, or broken; the text says how.
    OriginTls(String),
    /// No connection within `connect_timeout`.
    OriginConnectTimeout,
    /// No response head within `first_byte_timeout`.
    OriginTimeout,
    /// No further byte of a response within `between_bytes_timeout`.
    OriginStalled,
    /// The origin closed or reset the connection before its response was whole.
    OriginDropped,
    /// The origin's response breaks the grammar of HTTP/1.1; the text says how.
    OriginMalformed(String),
    /// The origin's response head is larger than the origin's `max_head`.
    OriginHeadTooLarge,
}

impl Error {
    /// All words of [`Error::token`].
    pub const TOKENS: &'static [&'static str] = &[
        "malformed-request",
        "target-too-long",
        "head-too-large",
        "body-too-large",
        "client-too-slow",
        "client-gone",
        "client-left",
        "plain-on-tls",
        "expectation",
        "transfer-coding",
        "connect",
        "unknown-host",
        "loop",
        "too-many-connections",
        "origin-queue-full",
        "origin-queue-timeout",
        "too-many-streams",
        "only-if-cached",
        "picture-asked",
        "picture-source",
        "picture-signature",
        "picture-expired",
        "out-of-reach",
        "pictures-busy",
        "shelf-unreadable",
        "picture-source-lost",
        "picture-source-slow",
        "origin-unknown",
        "origin-unreachable",
        "origin-tls",
        "origin-connect-timeout",
        "origin-timeout",
        "origin-stalled",
        "origin-dropped",
        "origin-malformed",
        "origin-head-too-large",
    ];

    /// The status that the client gets.
    pub fn status(&self) -> u16 {
        use Error::*;
        match self {
            Malformed(_) | ClientGone | PlainOnTls | PictureAsked(_) => 400,
            Connect => 405,
            ClientTooSlow => 408,
            BodyTooLarge => 413,
            TargetTooLong => 414,
            Expectation => 417,
            OutOfReach | PictureSource(_) | PictureSignature => 403,
            PictureExpired => 404,
            UnknownHost => 421,
            HeadTooLarge => 431,
            ClientLeft => 499,
            ShelfUnreadable => 500,
            TransferCoding => 501,
            PictureSourceLost | OriginUnknown(_) | OriginUnreachable(_) | OriginTls(_)
            | OriginDropped | OriginMalformed(_) | OriginHeadTooLarge => 502,
            TooManyConnections | TooManyStreams | QueueFull | QueueTimeout | PicturesBusy => 503,
            OnlyIfCached | PictureSourceSlow | OriginConnectTimeout | OriginTimeout
            | OriginStalled => 504,
            Loop => 508,
        }
    }

    /// The word for it in `Cache-Status`, logs and metrics.
    pub fn token(&self) -> &'static str {
        use Error::*;
        match self {
            Malformed(_) => "malformed-request",
            TargetTooLong => "target-too-long",
            HeadTooLarge => "head-too-large",
            BodyTooLarge => "body-too-large",
            ClientTooSlow => "client-too-slow",
            ClientGone => "client-gone",
            ClientLeft => "client-left",
            PlainOnTls => "plain-on-tls",
            Expectation => "expectation",
            TransferCoding => "transfer-coding",
            Connect => "connect",
            UnknownHost => "unknown-host",
            Loop => "loop",
            TooManyConnections => "too-many-connections",
            QueueFull => "origin-queue-full",
            QueueTimeout => "origin-queue-timeout",
            TooManyStreams => "too-many-streams",
            OnlyIfCached => "only-if-cached",
            PictureAsked(_) => "picture-asked",
            PictureSource(_) => "picture-source",
            PictureSignature => "picture-signature",
            PictureExpired => "picture-expired",
            OutOfReach => "out-of-reach",
            PicturesBusy => "pictures-busy",
            ShelfUnreadable => "shelf-unreadable",
            PictureSourceLost => "picture-source-lost",
            PictureSourceSlow => "picture-source-slow",
            OriginUnknown(_) => "origin-unknown",
            OriginUnreachable(_) => "origin-unreachable",
            OriginTls(_) => "origin-tls",
            OriginConnectTimeout => "origin-connect-timeout",
            OriginTimeout => "origin-timeout",
            OriginStalled => "origin-stalled",
            OriginDropped => "origin-dropped",
            OriginMalformed(_) => "origin-malformed",
            OriginHeadTooLarge => "origin-head-too-large",
        }
    }

    /// What it means, in a sentence for people.
    pub fn explanation(&self) -> String {
        use Error::*;
        let text = match self {
            Malformed(what) => return format!("The request is malformed: {what}."),
            TargetTooLong => "The request's URL is longer than this server takes (max_target).",
            HeadTooLarge => {
                "The request's header fields are larger or more than this server takes \
                 (max_head, max_fields)."
            }
            BodyTooLarge => "The request's body is larger than this server takes (max_body).",
            ClientTooSlow => "The request did not arrive in time (header_timeout, body_timeout).",
            ClientGone => "The request ended before its announced end.",
            ClientLeft => "The client closed its side of the connection before the answer.",
            PlainOnTls => "This port speaks HTTPS: ask again with https:// instead of http://.",
            Expectation => "The request expects something other than 100-continue.",
            TransferCoding => "The request uses a transfer coding other than chunked.",
            Connect => "CONNECT is not answered: this server is no forward proxy.",
            UnknownHost => "No site of this server answers for the request's host.",
            Loop => "The request came by this server before: its origin points back at it.",
            TooManyConnections => {
                "The server has as many connections as it takes (max_connections)."
            }
            QueueFull => "The origin has as many requests as it takes, and as many wait (queue).",
            TooManyStreams => "The server has as many long streams as it takes (max_long_streams).",
            QueueTimeout => "The origin had no turn for the request in time (queue_timeout).",
            OnlyIfCached => "The request asks for a stored response only, and none will do.",
            PictureAsked(what) => return format!("The picture's URL is wrong: {what}."),
            PictureSource(why) => {
                return format!("The picture's source may not be used: {why}.");
            }
            PictureSignature => "The picture's URL is not signed as this site has them signed.",
            PictureExpired => "The picture's URL was good until a time that is past.",
            OutOfReach => {
                "The picture's source has no address that may be asked: it is private, or this \
                 server's own (allow_private)."
            }
            PicturesBusy => {
                "As many pictures are being made as this server makes at once, and as many wait \
                 (images.queue)."
            }
            ShelfUnreadable => "What this server keeps of a feed cannot be read, or is damaged.",
            PictureSourceLost => {
                "The picture's source was overwritten while it was read, or cannot be read: put a \
                 new file in the place of an old one by renaming it."
            }
            PictureSourceSlow => "The picture's source did not come in time (images.timeout).",
            OriginUnknown(how) => return format!("The origin's name does not resolve: {how}."),
            OriginUnreachable(how) => return format!("The origin is not reachable: {how}."),
            OriginTls(how) => return format!("The origin's TLS cannot be used: {how}."),
            OriginConnectTimeout => "The origin took no connection in time (connect_timeout).",
            OriginTimeout => "The origin did not begin to answer in time (first_byte_timeout).",
            OriginStalled => "The origin stopped within its answer (between_bytes_timeout).",
            OriginDropped => "The origin closed the connection before its answer was whole.",
            OriginMalformed(how) => return format!("The origin's answer is malformed: {how}."),
            OriginHeadTooLarge => "The origin's header fields are larger than is taken (max_head).",
        };
        text.to_owned()
    }

    /// What an exchange with an origin failed of; nothing where the connection was lost before the
    /// first byte of a response.
    pub fn from_exchange(error: &hyper::Error) -> Option<Error> {
        match () {
            () if error.is_parse_too_large() => Some(Error::OriginHeadTooLarge),
            () if error.is_parse() => Some(Error::OriginMalformed(error.to_string())),
            // The only thing of ours that can fail is the client's body.
            () if error.is_user() => Some(Error::ClientGone),
            () => None,
        }
    }

    /// The page that the client gets.
    pub fn page(&self) -> String {
        let status = self.status();
        format!("{status} {}\n\n{}\n", reason(status), self.explanation())
    }

    /// What failed as `policy` sees it: whether a stored response may stand in. Nothing if the
    /// client is at fault.
    pub fn failure(&self) -> Option<Failure> {
        match self.status() {
            _ if matches!(self, Error::OnlyIfCached | Error::TooManyConnections) => None,
            _ if *self == Error::TooManyStreams => None,
            502..=504 => Some(Failure::Unreachable),
            _ => None,
        }
    }

    /// Whether it is a limit of ours that stood in the way of asking an origin.
    pub fn is_ours(&self) -> bool {
        use Error::*;
        matches!(self, QueueFull | QueueTimeout | TooManyStreams | PicturesBusy | OutOfReach)
    }

    /// Whether the connection cannot be used after it, since where the next request begins is
    /// not known.
    pub fn closes(&self) -> bool {
        use Error::*;
        matches!(
            self,
            Malformed(_)
                | TargetTooLong
                | HeadTooLarge
                | BodyTooLarge
                | ClientTooSlow
                | ClientGone
                | ClientLeft
                | PlainOnTls
                | Expectation
                | TransferCoding
                | Connect
                | TooManyConnections
        )
    }

    /// Whether the same request may be tried again: seconds for `Retry-After`.
    pub fn retry_after(&self) -> Option<u32> {
        // Who refuses connections may be about to start.
        let may_start = matches!(self, Error::OriginUnreachable(_));
        (may_start || self.status() == 503).then_some(1)
    }
}
