//! Looks at Larder from outside: memory, open files and the gauges that tell what is under way.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::larder::{Larder, MEMORY_MIB};
use crate::get;
use crate::stats::median;

/// Gauges that are 0 when nobody is there.
pub const GAUGES: [&str; 6] = [
    "larder_connections",
    "larder_fills",
    "larder_in_flight_bytes",
    "larder_long_streams",
    "larder_refreshes",
    "larder_compressing",
];
/// The look from which memory may hardly grow: by then the cache is full and all have been there.
pub const ONE_THIRD: &str = "one third";
/// How much more memory may be resident at a later look than after the first third.
const MAX_GROWTH_BYTES: u64 = 32 << 20;
/// After all have left: until the last fill, time-out and idle connection to an origin is over.
const QUIET_WITHIN: Duration = Duration::from_secs(30);
const QUIET_POLL: Duration = Duration::from_millis(200);
/// How often, and how far apart, memory is measured for one look.
const RSS_SAMPLES: usize = 11;
const RSS_PAUSE: Duration = Duration::from_millis(100);
/// Files that may be open beside those of the start once all is quiet.
const MAX_MORE_FILES: u64 = 8;

/// One look.
pub struct Look {
    /// When it was.
    pub when: &'static str,
    /// Resident memory, the median of a second.
    pub rss_bytes: u64,
    /// Open file descriptors.
    pub open_files: u64,
    /// Bytes in the cache.
    pub stored_bytes: u64,
    /// Bytes of bodies stored or still being sent, such as those that slow readers hold.
    pub alive_bytes: u64,
    /// The values of `GAUGES`.
    pub gauges: [u64; GAUGES.len()],
}

/// All looks of a run, in order.
pub struct Watch {
    /// The first is from before the first client came.
    pub looks: Vec<Look>,
}

impl Watch {
    /// Looks for the first time.
    pub fn begin(larder: &Larder) -> anyhow::Result<Self> {
        Ok(Self { looks: vec![look("start", larder)?] })
    }

    /// Looks once more.
    pub fn look(&mut self, when: &'static str, larder: &Larder) -> anyhow::Result<()> {
        self.looks.push(look(when, larder)?);
        Ok(())
    }

    /// Waits until nothing is under way any more; gives what still is in the end.
    pub fn wait_for_quiet(&mut self, larder: &Larder) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + QUIET_WITHIN;
        let files_at_start = self.looks[0].open_files;
        loop {
            let look = look("quiet", larder)?;
            let stays = look.stays(files_at_start);
            if stays.is_empty() || Instant::now() > deadline {
                self.looks.push(look);
                return Ok(stays);
            }
            std::thread::sleep(QUIET_POLL);
        }
    }

    /// The looks at which too much memory was resident.
    pub fn growth(&self) -> Vec<String> {
        growth(self.looks.iter().map(|look| (look.when, look.rss_bytes)))
    }
}

impl Look {
    fn stays(&self, files_at_start: u64) -> Vec<String> {
        let busy = GAUGES.iter().zip(self.gauges).filter(|(_, value)| *value != 0);
        let mut stays: Vec<String> =
            busy.map(|(name, value)| format!("{name} stays at {value}, not 0")).collect();
        if self.open_files > files_at_start + MAX_MORE_FILES {
            let open = self.open_files;
            stays.push(format!("{open} files stay open, {files_at_start} were at the start"));
        }
        stays.into_iter().map(|what| format!("after {QUIET_WITHIN:?}: {what}")).collect()
    }
}

fn growth<'a>(looks: impl Iterator<Item = (&'a str, u64)>) -> Vec<String> {
    let mut later = looks.skip_while(|(when, _)| *when != ONE_THIRD);
    let Some((_, base)) = later.next() else { return Vec::new() };
    let too_much = later.filter(|(_, bytes)| *bytes > base + MAX_GROWTH_BYTES);
    let say = |(when, bytes)| {
        let [bytes, base, allowed] = [bytes, base, MAX_GROWTH_BYTES].map(|bytes: u64| bytes >> 20);
        format!(
            "memory grows: {bytes} MiB at {when:?}, {base} MiB after one third; \
             {allowed} MiB more are allowed, the cache has {MEMORY_MIB}"
        )
    };
    too_much.map(say).collect()
}

fn look(when: &'static str, larder: &Larder) -> anyhow::Result<Look> {
    let pid = larder.pid();
    let rss_bytes = usual_rss_bytes(pid)?;
    let open_files = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64;
    let metrics = get::body(larder.admin, "/metrics").context("asking for the metrics")?;
    let gauge = |name| gauge(&metrics, name).with_context(|| format!("no gauge {name}"));
    let mut gauges = [0; GAUGES.len()];
    for (value, name) in gauges.iter_mut().zip(GAUGES) {
        *value = gauge(name)?;
    }
    let stored_bytes = gauge("larder_memory_bytes")?;
    let alive_bytes = gauge("larder_alive_bytes")?;
    Ok(Look { when, rss_bytes, open_files, stored_bytes, alive_bytes, gauges })
}

/// The median of several measurements: what a few bodies take for a moment says nothing of growth.
fn usual_rss_bytes(pid: u32) -> anyhow::Result<u64> {
    let mut measured = Vec::new();
    for _ in 0..RSS_SAMPLES {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
            .context("reading the status of Larder's process")?;
        measured.push(rss_bytes(&status).context("the process of Larder has no VmRSS")? as f64);
        std::thread::sleep(RSS_PAUSE);
    }
    Ok(median(measured).unwrap_or(0.0) as u64)
}

/// VmRSS in proc_pid_status(5).
fn rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// The value of a metric without labels.
fn gauge(metrics: &str, name: &str) -> Option<u64> {
    let is_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '));
    metrics.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_found_by_its_whole_name() {
        let metrics = "# HELP larder_fills x 7\nlarder_fills_old 3\nlarder_fills 2\n";
        assert_eq!(gauge(metrics, "larder_fills"), Some(2));
        assert_eq!(gauge(metrics, "larder"), None);
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(rss_bytes("Name:\tlarder\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(rss_bytes("Name:\tlarder\n"), None);
    }

    #[test]
    fn memory_may_grow_until_the_first_third_and_a_little_after() {
        let looks = |end: u64| {
            let mib = [("start", 20), (ONE_THIRD, 90), ("end", end), ("quiet", 60)];
            growth(mib.into_iter().map(|(when, mib)| (when, mib << 20)))
        };
        assert_eq!(looks(122), Vec::<String>::new());
        let said = looks(123);
        assert!(matches!(&said[..], [one] if one.contains("123 MiB at \"end\"")), "{said:?}");
    }

    #[test]
    fn what_stays_is_named() {
        let gauges = [0, 0, 5, 0, 0, 0];
        let (when, open_files, [rss_bytes, stored_bytes, alive_bytes]) = ("quiet", 29, [0; 3]);
        let look = Look { when, rss_bytes, open_files, stored_bytes, alive_bytes, gauges };
        let said = look.stays(20);
        let wanted = [
            "after 30s: larder_in_flight_bytes stays at 5, not 0",
            "after 30s: 29 files stay open, 20 were at the start",
        ];
        assert_eq!(said, wanted);
    }
}
