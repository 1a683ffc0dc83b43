//! The command line, as `larder --help` tells it.

mod feeds;

pub use feeds::{Feeds, FeedsCommand, FeedsDrop, FeedsSweep, Refresh};

use crate::config::Flags;
use crate::config::address::{Listener, Origin};
use crate::config::quantity::Length;
use crate::config::written::Preset;
use crate::supervisor;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

/// An HTTP cache in front of your site.
#[derive(Debug, Parser)]
#[command(version = env!("LARDER_VERSION"), about, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Try it: larder serve --origin http://127.0.0.1:4321
        larder run -- node ./dist/server/entry.mjs
        curl -I http://127.0.0.1:8080/

Exit codes: 0 done, 1 what was asked for failed, 2 wrong usage.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve sites through the cache
    Serve(Serve),
    /// Start an app, watch over it, and serve it through the cache
    Run(Run),
    /// Show what Larder does: a slow news site, and Larder in front of it
    Demo(Demo),
    /// Find all mistakes of a configuration file
    Check(Check),
    /// Write a commented larder.toml into this folder
    Init(Init),
    /// Show what can be configured
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask a running Larder whether it is ready (for containers)
    Health(Health),
    /// Tell how a running Larder does, in a few numbers
    Status(Status),
    /// Show how a running Larder does, live in the terminal
    Top(Top),
    /// Tell what would happen to a request, why, and what to change
    Explain(Explain),
    /// List what a running Larder has stored
    Objects(Objects),
    /// Make a running Larder forget
    Purge(Purge),
    /// Show one stored response of a running Larder whole
    Show(Show),
    /// List the feeds of a running Larder, and look after their files
    Feeds(Feeds),
    /// Have a running Larder fetch a feed at once
    Refresh(Refresh),
    /// Webhooks: what came of them, and what one would purge
    #[command(subcommand)]
    Hook(HookCommand),
    /// Look at the cache on disk while no Larder runs on it
    #[command(subcommand)]
    Store(StoreCommand),
    /// Print completions for a shell: larder completions bash > /etc/bash_completion.d/larder
    Completions(Completions),
    /// Make pictures for the Larder that began this process
    #[command(hide = true)]
    PictureWorker(PictureWorker),
    /// Watch over an app for the Larder that began this process
    #[command(hide = true)]
    AppGuard(AppGuard),
}

/// `larder picture-worker`: begun by `larder serve`, and of no use to anybody else.
#[derive(Debug, Args)]
pub struct PictureWorker {
    /// Bytes of memory that a picture may take
    #[arg(long)]
    pub memory: u64,
    /// Whether nobody waits for what it makes
    #[arg(long)]
    pub patient: bool,
}

/// `larder demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Address to serve on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: Listener,
    /// Address of the admin listener
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    pub admin: Listener,
    /// Folder for what outlives the demo [default: larder-demo and the user's number among temporary
    /// files]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Port of the news site; its API and its pictures have the next two
    #[arg(long, value_name = "PORT", default_value = "4321")]
    pub port: u16,
    /// News items, each with a picture
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u64).range(1..=2000))]
    pub items: u64,
    /// Only the news site and its upstream, for a Larder of your own
    #[arg(long)]
    pub only_upstream: bool,
}

/// `larder app-guard`: begun by `larder run`, and of no use to anybody else.
#[derive(Debug, Args)]
pub struct AppGuard {
    /// The app's command
    #[arg(required = true, last = true)]
    pub command: Vec<OsString>,
}

/// `larder completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `larder top`
#[derive(Debug, Args)]
pub struct Top {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub interval: f64,
    /// How many frames; then it ends
    #[arg(long, value_name = "N")]
    pub frames: Option<u64>,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print a line of JSON for each look
    #[arg(long)]
    pub json: bool,
}

/// Seconds from a tenth to an hour.
fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("write seconds from 0.1 to 3600".to_owned()),
    }
}

/// `larder serve`
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// Where the site's responses come from, such as http://127.0.0.1:4321
    #[arg(long, value_name = "URL")]
    pub origin: Option<Origin>,
    /// What does not depend on where they come from.
    #[command(flatten)]
    pub serving: Serving,
}

/// `larder run`
#[derive(Debug, Args)]
pub struct Run {
    /// What does not depend on the app.
    #[command(flatten)]
    pub serving: Serving,
    /// Variable of the environment that tells the app its port
    #[arg(long, value_name = "NAME", default_value = "PORT", value_parser = variable)]
    pub port_env: String,
    /// After so many crashes in a row (ten take a minute) Larder ends too, with the app's exit code; 0:
    /// it never gives up
    #[arg(long, value_name = "N", default_value_t = supervisor::MAX_CRASHES)]
    pub max_crashes: u32,
    /// How long the app may take to end when it is told to; then it is killed
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub stop_timeout: Length<0>,
    /// Begin each line that the app prints with `app | `; else they are passed on as they are
    #[arg(long)]
    pub mark_output: bool,
    /// The app and its arguments, in which {port} and {host} stand for where it has to listen
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// A name that a variable of the environment may have.
fn variable(name: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match !name.is_empty() && name.bytes().all(fits) {
        true => Ok(name.to_owned()),
        false => Err("write it as in PORT or NITRO_PORT".to_owned()),
    }
}

/// What `larder serve` and `larder run` are both told.
#[derive(Debug, Default, Args)]
pub struct Serving {
    /// Configuration file; not needed for one site that needs no settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to serve on; may be given several times [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<Listener>,
    /// Address of the admin listener [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<Listener>,
    /// Folder for what outlives the process [default: $XDG_STATE_HOME/larder, or
    /// ~/.local/state/larder; as root /var/lib/larder]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// `larder check`
#[derive(Debug, Args)]
pub struct Check {
    /// The file to check
    #[arg(default_value = "larder.toml")]
    pub file: PathBuf,
    /// Check it as `larder run` would read it: the app is the origin of sites that name none
    #[arg(long)]
    pub run: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where the site's responses come from
    #[arg(long, value_name = "URL")]
    pub origin: Option<Origin>,
    /// The framework that the site is made with
    #[arg(long, value_name = "NAME", default_value = "none")]
    pub preset: Preset,
}

/// `larder config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with its default and its reason
    Default,
    /// Print the JSON Schema of the file, for editors
    Schema,
}

/// `larder store`
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Count what it holds
    Stat(StoreFolder),
    /// Read all of it and check it; exit code 1 where anything is damaged
    Verify(StoreFolder),
}

/// `larder hook`
#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// Tell what a payload would purge, without purging it
    Test(HookTest),
    /// List the hooks and what came of the last deliveries
    List(HookList),
}

/// `larder hook test`
#[derive(Debug, Args)]
pub struct HookTest {
    /// The hook's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// A file with a payload as the content system sends it; `-` for what is piped in
    #[arg(value_name = "FILE")]
    pub payload: PathBuf,
    /// The event, where the system names it in a header
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// Try it by this configuration file rather than by a running Larder
    #[arg(long, value_name = "FILE", conflicts_with_all = ["admin", "data"])]
    pub config: Option<PathBuf>,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder hook list`
#[derive(Debug, Args)]
pub struct HookList {
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print them as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which cache on disk.
#[derive(Debug, Args)]
pub struct StoreFolder {
    /// The folder of --data, or that of storage.disk.path
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder health`
#[derive(Debug, Args)]
pub struct Health {
    /// The admin listener to ask
    #[arg(long, value_name = "URL", env = "LARDER_ADMIN", default_value = "http://127.0.0.1:9090")]
    pub admin: Origin,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which Larder is asked, and how it is told who asks.
#[derive(Clone, Debug, Args)]
pub struct Asking {
    /// The admin listener to ask
    #[arg(long, value_name = "URL", env = "LARDER_ADMIN", default_value = "http://127.0.0.1:9090")]
    pub admin: Origin,
    /// The folder that Larder was given as --data, for its admin.token; LARDER_TOKEN wins over it
    /// [default: as with serve]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// `larder status`
#[derive(Debug, Args)]
pub struct Status {
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print the numbers as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder purge`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub struct Purge {
    /// URLs: https://example.com/page?x, or /page on every host
    #[arg(value_name = "URL", group = "what")]
    pub urls: Vec<String>,
    /// What bears a tag; may be given several times
    #[arg(long = "tag", value_name = "T", group = "what")]
    pub tags: Vec<String>,
    /// A path and all below it: example.com/news, or /news on every host
    #[arg(long = "prefix", value_name = "P", group = "what")]
    pub prefixes: Vec<String>,
    /// What fits a pattern, such as example.com/*.html
    #[arg(long = "pattern", value_name = "G", group = "what")]
    pub patterns: Vec<String>,
    /// A site by one of its hosts; with --tag, whose tags
    #[arg(long = "site", value_name = "HOST", group = "what")]
    pub sites: Vec<String>,
    /// All that is stored
    #[arg(long, group = "what")]
    pub all: bool,
    /// Let it be stale rather than gone
    #[arg(long)]
    pub soft: bool,
    /// The same, but serve it stale for a while, and make it anew no faster than purge.paced_rate
    #[arg(long)]
    pub paced: bool,
    /// Then ask the origin until it gives something new, for a minute at the most
    #[arg(long, conflicts_with = "dry_run")]
    pub verify: bool,
    /// Only say how much it would be
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the log
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder objects`
#[derive(Debug, Args)]
pub struct Objects {
    /// Only URLs below it: example.com, example.com/news, /news (on every host) or a whole URL
    #[arg(long, value_name = "P")]
    pub prefix: Option<String>,
    /// How many at the most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print them as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The URL: host, path and query, with or without scheme
    #[arg(value_name = "URL")]
    pub url: String,
    /// A header of the request; may be given several times
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The method of the request
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    pub method: String,
    /// Ask the origin too, and tell whether its answer would be stored; it is not
    #[arg(long)]
    pub fetch: bool,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder show`
#[derive(Debug, Args)]
pub struct Show {
    /// The URL: host, path and query, with or without scheme
    #[arg(value_name = "URL")]
    pub url: String,
    /// A header of a request, to pick the response that it would find; may be given several times
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

impl Serve {
    /// What the flags say about the configuration.
    pub fn flags(&self) -> Flags {
        Flags { origin: self.origin.clone(), ..self.serving.flags() }
    }
}

impl Run {
    /// What the flags say about the configuration.
    pub fn flags(&self) -> Flags {
        Flags { app: Some(supervisor::unplaced()), ..self.serving.flags() }
    }
}

impl Serving {
    fn flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            admin: self.admin,
            data: self.data.clone(),
            ..Flags::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_taken_as_they_are_given() {
        let line = ["larder", "serve", "--origin", "http://a:1", "--listen", "0.0.0.0:1"];
        let more = ["--listen", "[::]:1", "--admin", "127.0.0.1:2", "--data", "/d"];
        let cli = Cli::try_parse_from(line.iter().chain(&more)).expect("a right command line");
        let Command::Serve(serve) = cli.command else { panic!("not serve: {cli:?}") };
        let flags = serve.flags();
        assert_eq!(flags.listen.len(), 2);
        assert_eq!(flags.origin.map(|origin| origin.to_string()), Some("http://a:1".into()));
        assert_eq!((flags.admin.is_some(), flags.data.is_some()), (true, true));
    }

    #[test]
    fn an_app_is_what_stands_behind_two_dashes() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' '));
        let cli =
            parse("larder run --port-env NITRO_PORT -- sh -c x --config").expect("it is right");
        let Command::Run(run) = cli.command else { panic!("not run: {cli:?}") };
        assert_eq!(run.command, ["sh", "-c", "x", "--config"]);
        assert_eq!(
            (run.port_env.as_str(), run.max_crashes),
            ("NITRO_PORT", supervisor::MAX_CRASHES)
        );
        assert!(run.flags().app.is_some() && run.flags().origin.is_none());
        for wrong in [
            "larder run",
            "larder run node entry.mjs",
            "larder run --origin http://a -- node",
            "larder run --port-env A=B -- node",
        ] {
            assert_eq!(parse(wrong).expect_err(wrong).exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_origin_is_wrong_usage_and_says_what_to_write() {
        let line = ["larder", "serve", "--origin", "localhost:4321"];
        let error = Cli::try_parse_from(line).expect_err("the scheme is missing");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("http://localhost:4321"), "{error}");
    }
}
