//! The bench: measures Larder beside other HTTP caches on one machine.
//!
//! `compare` starts each peer pinned to one core, drives it from the other and prints the table;
//! `soak` has Larder abused for a while and looks at what stays behind;
//! `purge` measures purges, and kills Larder right behind their answers;
//! `images` has it and other makers of pictures make the same ones;
//! `news` puts it before the demo's slow upstream in 512 MB and half a core;
//! `load`, `storm`, `origin` and `bare` are its parts, each usable alone.
#![allow(clippy::print_stdout, reason = "a command-line tool: results go to standard output")]
#![allow(clippy::print_stderr, reason = "a command-line tool: progress goes to standard error")]

mod bare;
mod certificate;
mod cli;
mod client;
mod compare;
mod cpu;
mod eviction;
mod get;
mod histogram;
mod images;
mod load;
mod machine;
mod news;
mod origin;
mod origin_process;
mod pattern;
mod peers;
mod purge;
mod relay;
mod report;
mod response;
mod rng;
mod rows;
mod serve;
mod soak;
mod stats;
mod storm;
mod tcp;

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    machine::raise_open_files_limit()?;
    match cli::Cli::parse().command {
        cli::Command::Compare(args) => compare::command(&args),
        cli::Command::Soak(args) => soak::command(&args),
        cli::Command::Purge(args) => purge::command(&args),
        cli::Command::Images(args) => images::command(&args),
        cli::Command::News(args) => news::command(&args),
        cli::Command::Load(args) => load::command(&args),
        cli::Command::Storm(args) => storm::command(&args),
        cli::Command::Eviction(args) => eviction::command(&args),
        cli::Command::Origin(args) => origin::command(&args),
        cli::Command::Bare(args) => bare::command(&args),
    }
}
