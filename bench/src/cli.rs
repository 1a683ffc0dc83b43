//! The command line: what can be asked of the bench, and the defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::images::Maker;
use crate::pattern::UrlPattern;
use crate::peers::Kind;

/// Measures Larder beside other HTTP caches on one machine.
#[derive(Parser)]
#[command(name = "bench", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The parts of the bench.
#[derive(Subcommand)]
pub enum Command {
    /// Start the peers one beside the other and print the side-by-side table.
    Compare(CompareArgs),
    /// Have Larder abused for a while, check honest answers meanwhile and what stays behind.
    Soak(SoakArgs),
    /// Measure purges of Larder, or kill it right behind their answers.
    Purge(PurgeArgs),
    /// Have Larder and other makers of pictures make the same ones, and print what each costs.
    Images(ImagesArgs),
    /// Put Larder before the demo's slow upstream, in 512 MB and half a core where the system lets it,
    /// and print what visitors get with and without it.
    News(NewsArgs),
    /// Load one server with keep-alive GETs.
    Load(LoadArgs),
    /// Send one request on each of many open connections at the same moment.
    Storm(StormArgs),
    /// Replay made-up traces against the memory tier and other policies, and print hit ratios.
    Eviction(EvictionArgs),
    /// Run the origin that the peers stand in front of.
    Origin(ServeArgs),
    /// Run the bare epoll loop: the floor a server can reach.
    Bare(BareArgs),
}

/// What `compare` takes.
#[derive(Args)]
pub struct CompareArgs {
    /// How often each peer is measured in each row, in alternation.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// How long one measurement takes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// The rows to measure, by name; all when absent.
    #[arg(long, value_delimiter = ',')]
    pub rows: Vec<String>,
    /// The peers to measure.
    #[arg(long, value_delimiter = ',', default_value = "larder,nginx,haproxy,varnish,bare")]
    pub peers: Vec<Kind>,
    /// Larder's binary.
    #[arg(long, default_value = "target/release/larder")]
    pub larder: PathBuf,
    /// Where to write every single measurement as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The core that the measured server has for itself.
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,
    /// The core that load generator and origin share.
    #[arg(long, default_value_t = 1)]
    pub load_core: usize,
}

/// What `soak` takes.
#[derive(Args)]
pub struct SoakArgs {
    /// Larder's binary.
    #[arg(long, default_value = "target/release/larder")]
    pub larder: PathBuf,
    /// How long it lasts.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(3..=86_400))]
    pub seconds: u64,
    /// The seed of all that is chosen at random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What `purge` takes.
#[derive(Args)]
pub struct PurgeArgs {
    /// Larder's binary.
    #[arg(long, default_value = "target/release/larder")]
    pub larder: PathBuf,
    /// With how many stored objects purges are measured, in rising order.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    pub objects: Vec<u64>,
    /// How many scopes are purged between the two measurements of hits.
    #[arg(long, default_value_t = 100_000)]
    pub scopes: u64,
    /// Purge, kill Larder right behind the answer, start it again and look whether the purge holds,
    /// so many times; nothing is measured then.
    #[arg(long, num_args = 0..=1, default_missing_value = "20")]
    pub kills: Option<u64>,
    /// The core that Larder has for itself where hits are measured.
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,
    /// The core of the load generator there.
    #[arg(long, default_value_t = 1)]
    pub load_core: usize,
}

/// What `news` takes.
#[derive(Args)]
pub struct NewsArgs {
    /// Larder's binary.
    #[arg(long, default_value = "target/release/larder")]
    pub larder: PathBuf,
    /// News items, each with a picture.
    #[arg(long, default_value_t = 200)]
    pub items: u64,
    /// Visits to the site by itself.
    #[arg(long, default_value_t = 15)]
    pub before: u64,
    /// Visits through Larder.
    #[arg(long, default_value_t = 1000)]
    pub after: u64,
}

/// What `images` takes.
#[derive(Args)]
pub struct ImagesArgs {
    /// Where `scripts/setup bench-images` has put photographs and makers.
    #[arg(long, env = "LARDER_BENCH_HOME")]
    pub home: PathBuf,
    /// Larder's binary.
    #[arg(long, default_value = "target/release/larder")]
    pub larder: PathBuf,
    /// How often each is measured in each row, in alternation.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// The rows to measure, by name; all when absent.
    #[arg(long, value_delimiter = ',')]
    pub rows: Vec<String>,
    /// Who is measured.
    #[arg(long, value_delimiter = ',', default_value = "larder,sharp,next,ipx,oximg")]
    pub peers: Vec<Maker>,
    /// How many mixed pictures Larder makes for the row of its memory; 0 leaves it out.
    #[arg(long, default_value_t = 10_000)]
    pub mixed: u32,
    /// Where to write every single measurement as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The core that the makers share, of whom one has something to do at a time.
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,
    /// The core of who asks.
    #[arg(long, default_value_t = 1)]
    pub load_core: usize,
}

/// What `load` takes.
#[derive(Args)]
pub struct LoadArgs {
    /// The server, as address and port.
    pub server: SocketAddr,
    /// The URLs, as a path with at most one range such as `/k/{0..10000}` (the end is left out).
    pub pattern: UrlPattern,
    /// How many connections are kept busy.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Stop after this many seconds.
    #[arg(long, default_value_t = 3)]
    pub seconds: u64,
    /// Stop after this many requests instead.
    #[arg(long)]
    pub requests: Option<u64>,
    /// Ask for the URLs one after the other instead of in random order.
    #[arg(long)]
    pub in_order: bool,
    /// One more header line, such as `If-None-Match: "s1024"`.
    #[arg(long)]
    pub header: Option<String>,
    /// The status that every answer must have.
    #[arg(long, default_value_t = 200)]
    pub status: u16,
    /// The seed of the random order.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What `eviction` takes.
#[derive(Args)]
pub struct EvictionArgs {
    /// How many requests a trace has.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1000..))]
    pub requests: u64,
    /// The seed of the traces.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What `storm` takes.
#[derive(Args)]
pub struct StormArgs {
    /// The server, as address and port.
    pub server: SocketAddr,
    /// The path that all ask for, such as `/slow/500/1024/x`.
    pub path: String,
    /// How many clients ask at once.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clients: u32,
    /// The bench origin behind the server, to learn how many requests got through.
    #[arg(long)]
    pub origin: Option<SocketAddr>,
}

/// What `origin` takes.
#[derive(Args)]
pub struct ServeArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9901")]
    pub listen: SocketAddr,
}

/// What `bare` takes.
#[derive(Args)]
pub struct BareArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9902")]
    pub listen: SocketAddr,
    /// Pass every byte on to this server instead of answering from memory.
    #[arg(long)]
    pub relay: Option<SocketAddr>,
}
