//! The words for feeds.

use super::Asking;
use clap::{Args, Subcommand};

/// `larder feeds`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Feeds {
    /// What to do with one of them; otherwise all are listed
    #[command(subcommand)]
    pub command: Option<FeedsCommand>,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print them as JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be done with a feed's files.
#[derive(Debug, Subcommand)]
pub enum FeedsCommand {
    /// Remove files that nothing published refers to any more
    Sweep(FeedsSweep),
    /// Forget what a feed has published, and remove all of its files
    Drop(FeedsDrop),
}

/// `larder feeds sweep`
#[derive(Debug, Args)]
pub struct FeedsSweep {
    /// The feed
    pub name: String,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder feeds drop`
#[derive(Debug, Args)]
pub struct FeedsDrop {
    /// The feed
    pub name: String,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// `larder refresh`
#[derive(Debug, Args)]
pub struct Refresh {
    /// The feed
    pub name: String,
    /// Take the document however few items it has
    #[arg(long)]
    pub accept_shrink: bool,
    /// Which one, and who asks.
    #[command(flatten)]
    pub asking: Asking,
    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}
