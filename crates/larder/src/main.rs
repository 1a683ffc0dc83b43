//! The `larder` command.

use clap::Parser;
use larder::cli::{Cli, Command, ConfigCommand};
use larder::commands::{self, Failure};
use larder::demo;
use larder::outlet;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(arguments) => commands::serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments).map_err(Failure::Failed),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Config(ConfigCommand::Default) => commands::config::print_example(),
        Command::Config(ConfigCommand::Schema) => commands::config::print_schema(),
        Command::Health(arguments) => commands::health::run(&arguments),
        Command::Status(arguments) => commands::status::run(&arguments),
        Command::Explain(arguments) => commands::explain::run(&arguments),
        Command::Objects(arguments) => commands::objects::run(&arguments),
        Command::Purge(arguments) => commands::purge::run(&arguments),
        Command::Show(arguments) => commands::show::run(&arguments),
        Command::Hook(command) => commands::hook::run(&command),
        Command::Feeds(arguments) => commands::feeds::run(&arguments),
        Command::Refresh(arguments) => commands::refresh::run(&arguments),
        Command::Store(command) => commands::store::run(&command),
        Command::Top(arguments) => commands::top::run(&arguments),
        Command::PictureWorker(arguments) => commands::picture_worker::run(&arguments),
        Command::AppGuard(arguments) => commands::app_guard::run(&arguments),
        Command::Completions(arguments) => commands::completions::run(arguments.shell),
    };
    let code = done.map_or_else(Failure::report, |()| ExitCode::SUCCESS);
    outlet::finish();
    code
}
