//! `news`: the news page on 512 MB and half a core. Larder stands before the demo's upstream, a slow,
//! rate-limited API and an unreliable CDN, and both are visited: the site by itself, and Larder.

mod room;
mod visitor;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use room::Room;
use visitor::Visits;

use crate::cli::NewsArgs;
use crate::peers::PinnedProcess;
use crate::{cpu, get, machine};

/// How long the first edition may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long Larder is left alone before its memory counts as that of an idle one.
const REST: Duration = Duration::from_secs(75);

/// The demo's upstream, as a process of its own.
struct Upstream {
    process: Child,
    api: SocketAddr,
    app: SocketAddr,
}

impl Upstream {
    fn start(program: &Path, items: u64) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["demo", "--only-upstream", "--port", "0", "--items", &items.to_string()]);
        let mut process = command.stdout(Stdio::piped()).spawn().context("the upstream")?;
        let output = process.stdout.take().context("its output")?;
        let lines: Vec<String> =
            BufReader::new(output).lines().take(3).collect::<Result<_, _>>()?;
        let address = |name: &str| -> anyhow::Result<SocketAddr> {
            let line = lines.iter().find_map(|line| line.strip_prefix(name));
            Ok(line.context("it names its addresses")?.trim().parse()?)
        };
        Ok(Self { api: address("api ")?, app: address("app ")?, process })
    }

    /// Bytes that the API and the CDN have sent.
    fn bytes(&self) -> anyhow::Result<u64> {
        get::body(self.api, "/sent")?.trim().parse().context("a number")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Measures and prints a table.
pub fn command(args: &NewsArgs) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("larder-bench-").tempdir()?;
    let upstream = Upstream::start(&args.larder, args.items)?;
    let (address, admin) = (machine::free_address()?, machine::free_address()?);
    let text = configuration(&upstream, address, admin);
    let config = folder.path().join("larder.toml");
    std::fs::write(&config, text)?;
    let mut command = Command::new(&args.larder);
    command.arg("serve").arg("--config").arg(&config);
    command.arg("--data").arg(folder.path().join("data"));
    let began = Instant::now();
    let mut process = PinnedProcess::start(command, None, &folder.path().join("output.log"))?;
    let room = Room::around(process.pid());
    while get::body(admin, "/ready").map_or(true, |text| text.contains("nothing yet")) {
        if process.has_ended()? || began.elapsed() > PATIENCE {
            let output = std::fs::read(folder.path().join("output.log")).unwrap_or_default();
            bail!("there is no edition: {}", String::from_utf8_lossy(&output));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (first, refresh_peak) = (began.elapsed(), peak_bytes(process.pid())?);
    let mirrored = upstream.bytes()?;
    let before = Visits::to(upstream.app, args.before)?;
    let bytes_before = upstream.bytes()? - mirrored;
    let cpu_began = cpu::cpu_time(process.pid())?;
    let after = Visits::to(address, args.after)?;
    let cpu_taken = cpu::cpu_time(process.pid())? - cpu_began;
    let bytes_after = upstream.bytes()? - mirrored - bytes_before;
    let peak = peak_bytes(process.pid())?;
    std::thread::sleep(REST);
    let idle = cpu::memory(process.pid())?.rss;
    println!("{}", room.told());
    println!(
        "first edition of {} items: {:.1} s, {} KB of the upstream",
        args.items,
        first.as_secs_f64(),
        mirrored / 1000
    );
    println!("\n| | by itself | through Larder |\n|---|--:|--:|");
    let row = |name: &str, one: String, other: String| println!("| {name} | {one} | {other} |");
    row("visits", before.count.to_string(), after.count.to_string());
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let millis = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
        row(
            &format!("news {name}"),
            millis(before.news.quantile(share)),
            millis(after.news.quantile(share)),
        );
        let of = |visits: &Visits| millis(visits.pictures.quantile(share));
        row(&format!("pictures {name}"), of(&before), of(&after));
    }
    row("failed", before.failed.to_string(), after.failed.to_string());
    let each = |bytes: u64, visits: &Visits| {
        format!("{:.1} KB", bytes as f64 / 1000.0 / visits.count as f64)
    };
    row("upstream bytes a visit", each(bytes_before, &before), each(bytes_after, &after));
    let all = (bytes_after + mirrored) as f64 / after.count as f64;
    let whole = bytes_before as f64 / before.count as f64;
    row(
        "the same with the first edition",
        format!("{:.1} KB", whole / 1000.0),
        format!("{:.1} KB", all / 1000.0),
    );
    row("upstream bytes", "100 %".to_owned(), format!("{:.1} %", 100.0 * all / whole));
    let answers = after.count * (1 + visitor::SEEN as u64);
    row(
        "CPU an answer",
        String::new(),
        format!("{:.0} µs", cpu_taken.as_secs_f64() * 1e6 / answers as f64),
    );
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    row("resident, most while refreshing", String::new(), mib(refresh_peak));
    row("resident, most in all", String::new(), mib(peak));
    row("resident, idle after it", String::new(), mib(idle));
    Ok(())
}

/// The most that a process has held in memory so far, in bytes.
fn peak_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}

fn configuration(upstream: &Upstream, address: SocketAddr, admin: SocketAddr) -> String {
    let (api, app) = (upstream.api, upstream.app);
    format!(
        "server.listen = [\"{address}\"]\nadmin.listen = \"{admin}\"\n[[site]]\norigin = \"http://{app}\"\n\
         [[feed]]\nname = \"news\"\nurl = \"http://{api}/v1/news\"\nserve_at = \"/api/news.json\"\n\
         every = \"10m\"\nimages = [\"$.data[*].enclosure\"]\nallow_private = true\n"
    )
}
