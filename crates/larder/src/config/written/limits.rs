//! Limits: of clients, of origins, of what is kept. Their defaults are those of the data path.

use crate::config::quantity::{Count, Length, Lifetime, Size};
use policy::time::Seconds;
use proxy::settings::{ClientLimits, FillLimits, OriginLimits, PurgeLimits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `server.limits`: limits toward clients.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once; further ones get 503 with `Retry-After`. Each costs a file
    /// descriptor and some kilobytes.
    pub max_connections: Count<1>,
    /// The longest request target (path and query); a longer one gets 414.
    pub max_target: Size<64>,
    /// The longest request head; a longer one gets 431.
    pub max_head: Size<1024>,
    /// Header fields of a request; more get 431.
    pub max_fields: Count<1>,
    /// The longest request body; a longer one gets 413. Bodies are streamed, never held.
    pub max_body: Size<0>,
    /// From the first byte of a request to the end of its head; longer gets 408. It ends those
    /// who send one byte at a time to keep a connection busy.
    pub header_timeout: Length<1>,
    /// How long a connection without a request is kept.
    pub idle_timeout: Length<1>,
    /// The longest pause within a request body; longer gets 408.
    pub body_timeout: Length<1>,
    /// How long a client may take nothing of its response before it is cut.
    pub send_timeout: Length<1>,
    /// How much of a response a client has to take in a second, once it was waited for
    /// send_timeout in all; a slower one is cut, so that nobody holds memory for ever. "0B": never.
    pub min_send_rate: Size<0>,
    /// How many requests one HTTP/2 connection may have under way at once.
    pub max_streams: Count<1>,
    /// How many connections may go on in another protocol (WebSocket) or stream events at once;
    /// they count apart from the requests to origins. At a stop they are cut at once.
    pub max_long_streams: Count<1>,
    /// How long such a connection or stream may be silent.
    pub long_stream_timeout: Length<1>,
    /// From the signal to stop until what still runs is cut. A little less than the 30 s after
    /// which container platforms kill.
    pub drain_timeout: Length<0>,
}

/// `[origin]`: limits toward each origin.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Origins {
    /// To connect, name look-up included; longer gets 504.
    pub connect_timeout: Length<1>,
    /// From the request sent to the head of the response; longer gets 504.
    pub first_byte_timeout: Length<1>,
    /// The longest pause within a response body; then the fill is given up.
    pub between_bytes_timeout: Length<1>,
    /// Requests under way at once to one origin. It shields the origin from a rush.
    pub concurrency: Count<1>,
    /// Requests that wait for their turn to one origin; further ones get 503.
    pub queue: Count<0>,
    /// The longest wait for a turn; longer gets 503.
    pub queue_timeout: Length<1>,
    /// Idle connections kept to one origin, on each core.
    pub max_idle_connections: Count<0>,
    /// How long an idle connection is kept. Less than the 5 s after which Node.js closes its
    /// own, or a request could meet a connection that is being closed.
    pub idle_timeout: Length<1>,
    /// The longest response head; a longer one gets 502.
    pub max_head: Size<8192>,
    /// Header fields of a response; more get 502.
    pub max_fields: Count<1>,
    /// Where a site has several origins: after so many failures in a row one is left out for a
    /// while; the last one never is.
    pub eject_after: Count<1>,
    /// For how long the first time; each further time so much longer, up to ten times.
    pub eject_for: Length<1>,
    /// Of a hundred requests, how many may be tried again at another origin of the site: those
    /// without a body and with an idempotent method, of whose response no byte came.
    pub retry_percent: Count<0>,
    /// How long an address is used before its name is looked up again.
    pub dns_ttl: Length<1>,
}

/// `[purge]`: how purges go about.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Purges {
    /// Pages a second of one site that are made anew after a paced purge, those that are asked for
    /// first. `paced_rate` times `stale_window` should be more than the pages that are asked for
    /// all the time.
    pub paced_rate: Count<1>,
    /// For how long what a paced purge covers is served stale meanwhile, but for what has
    /// `must-revalidate`.
    pub stale_window: Lifetime,
}

/// `[storage]`: what is kept.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Memory for stored responses: keys, headers, bodies and bookkeeping together.
    pub memory: Size<{ 1 << 20 }>,
    /// What is kept on disk, so that a restart begins warm.
    pub disk: Disk,
    /// The longest body that is stored; longer ones pass through. On disk, never more than half of
    /// what it may hold; without a disk, never more than an eighth of `memory`.
    pub max_object: Size<0>,
    /// Bytes of bodies on their way into the cache, all together.
    pub in_flight_bytes: Size<0>,
    /// How far a client may lag behind the fastest reader of the same fill before it goes on by
    /// its own means: the slowest client never slows the others.
    pub fill_window: Size<1024>,
    /// A fill whose clients have all left is ended only if more than this is missing.
    pub finish_fill: Size<0>,
    /// How long an URL whose answer could not be shared is remembered as such, so that its
    /// clients do not wait for each other.
    pub uncacheable_ttl: Length<0>,
    /// Refreshes in the background that may be under way or waiting.
    pub background_queue: Count<0>,
    /// The longest pause before a page whose refresh failed is asked for again: the first is 1 s,
    /// and each failure doubles it. Meanwhile it is served as it is.
    pub refresh_pause: Length<1>,
    /// Bodies that may be compressed at once, each with a few megabytes of memory; further ones go
    /// out as they are. 0 switches compression off.
    pub max_compressions: Count<0>,
    /// The longest lifetime guessed from `Last-Modified` where the origin names none (RFC 9111
    /// §4.2.2). "0s" switches guessing off.
    pub heuristic_max: Lifetime,
    /// Variants kept of one URL, as `Vary` tells them apart; beyond it the oldest goes.
    pub max_variants: Count<1>,
}

/// `storage.disk`: the tier on disk.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Disk {
    /// The folder. Not set: `cache` within that of `--data`.
    #[schemars(example = "/var/cache/larder")]
    pub path: Option<String>,
    /// How much it may hold. "0B": nothing is kept on disk. Not set: 10 GiB, or half of what is free
    /// if that is less.
    #[schemars(example = "10GiB")]
    pub size: Option<Size<0>>,
    /// How much of the file system always stays free; the cache makes room for it.
    pub min_free: Size<0>,
    /// Bytes that may wait to be written. What does not fit is not kept on disk.
    pub queue: Size<{ 1 << 20 }>,
    /// Threads that read what is not in the system's memory.
    pub readers: Count<1>,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk {
            path: None,
            size: None,
            min_free: Size(1 << 30),
            queue: Size(16 << 20),
            readers: Count(4),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        let default = ClientLimits::default();
        Limits {
            max_connections: Count(default.max_connections),
            max_target: Size(default.max_target_bytes as u64),
            max_head: Size(default.max_head_bytes as u64),
            max_fields: Count(default.max_fields),
            max_body: Size(default.max_body_bytes),
            header_timeout: Length(default.header_timeout),
            idle_timeout: Length(default.idle_timeout),
            body_timeout: Length(default.body_timeout),
            send_timeout: Length(default.send_timeout),
            min_send_rate: Size(default.min_send_bytes),
            max_streams: Count(default.max_streams),
            max_long_streams: Count(default.max_long_streams),
            long_stream_timeout: Length(default.long_stream_timeout),
            drain_timeout: Length(default.drain_timeout),
        }
    }
}

impl Default for Origins {
    fn default() -> Origins {
        let default = OriginLimits::default();
        Origins {
            connect_timeout: Length(default.connect_timeout),
            first_byte_timeout: Length(default.first_byte_timeout),
            between_bytes_timeout: Length(default.between_bytes_timeout),
            concurrency: Count(default.concurrency),
            queue: Count(default.queue),
            queue_timeout: Length(default.queue_timeout),
            max_idle_connections: Count(default.max_idle_connections),
            idle_timeout: Length(default.idle_timeout),
            max_head: Size(default.max_head_bytes as u64),
            max_fields: Count(default.max_fields),
            eject_after: Count(default.eject_after as usize),
            eject_for: Length(default.eject_for),
            retry_percent: Count(default.retry_percent as usize),
            dns_ttl: Length(default.dns_ttl),
        }
    }
}

impl Default for Purges {
    fn default() -> Purges {
        let default = PurgeLimits::default();
        Purges {
            paced_rate: Count(default.paced_per_second),
            stale_window: Lifetime(default.stale_window),
        }
    }
}

impl Default for Storage {
    fn default() -> Storage {
        let default = FillLimits::default();
        Storage {
            memory: Size(64 << 20),
            disk: Disk::default(),
            max_object: Size(default.max_object_bytes),
            in_flight_bytes: Size(default.in_flight_bytes),
            fill_window: Size(default.window_bytes),
            finish_fill: Size(default.finish_bytes),
            uncacheable_ttl: Length(default.uncacheable_ttl),
            background_queue: Count(default.background_queue),
            refresh_pause: Length(default.refresh_pause),
            max_compressions: Count(default.max_compressions),
            heuristic_max: Lifetime(Seconds::new(3600)),
            max_variants: Count(64),
        }
    }
}

impl From<&Limits> for ClientLimits {
    fn from(written: &Limits) -> ClientLimits {
        ClientLimits {
            max_connections: written.max_connections.0,
            max_target_bytes: written.max_target.in_memory(),
            max_head_bytes: written.max_head.in_memory(),
            max_fields: written.max_fields.0,
            max_body_bytes: written.max_body.0,
            header_timeout: written.header_timeout.0,
            idle_timeout: written.idle_timeout.0,
            body_timeout: written.body_timeout.0,
            send_timeout: written.send_timeout.0,
            min_send_bytes: written.min_send_rate.0,
            max_streams: written.max_streams.0,
            max_long_streams: written.max_long_streams.0,
            long_stream_timeout: written.long_stream_timeout.0,
            drain_timeout: written.drain_timeout.0,
        }
    }
}

impl From<&Origins> for OriginLimits {
    fn from(written: &Origins) -> OriginLimits {
        OriginLimits {
            connect_timeout: written.connect_timeout.0,
            first_byte_timeout: written.first_byte_timeout.0,
            between_bytes_timeout: written.between_bytes_timeout.0,
            concurrency: written.concurrency.0,
            queue: written.queue.0,
            queue_timeout: written.queue_timeout.0,
            max_idle_connections: written.max_idle_connections.0,
            idle_timeout: written.idle_timeout.0,
            max_head_bytes: written.max_head.in_memory(),
            max_fields: written.max_fields.0,
            eject_after: u32::try_from(written.eject_after.0).unwrap_or(u32::MAX),
            eject_for: written.eject_for.0,
            retry_percent: u32::try_from(written.retry_percent.0).unwrap_or(u32::MAX),
            dns_ttl: written.dns_ttl.0,
        }
    }
}

impl From<&Purges> for PurgeLimits {
    fn from(written: &Purges) -> PurgeLimits {
        PurgeLimits { paced_per_second: written.paced_rate.0, stale_window: written.stale_window.0 }
    }
}

impl From<&Storage> for FillLimits {
    fn from(written: &Storage) -> FillLimits {
        FillLimits {
            max_object_bytes: written.max_object.0,
            in_flight_bytes: written.in_flight_bytes.0,
            window_bytes: written.fill_window.0,
            finish_bytes: written.finish_fill.0,
            uncacheable_ttl: written.uncacheable_ttl.0,
            background_queue: written.background_queue.0,
            refresh_pause: written.refresh_pause.0,
            max_compressions: written.max_compressions.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_means_the_defaults_of_the_data_path() {
        let same = |written: String, default: String| assert_eq!(written, default);
        let limits = ClientLimits::from(&Limits::default());
        same(format!("{limits:?}"), format!("{:?}", ClientLimits::default()));
        let origins = OriginLimits::from(&Origins::default());
        same(format!("{origins:?}"), format!("{:?}", OriginLimits::default()));
        let fill = FillLimits::from(&Storage::default());
        same(format!("{fill:?}"), format!("{:?}", FillLimits::default()));
    }
}
