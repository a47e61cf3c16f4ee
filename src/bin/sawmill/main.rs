//! The `sawmill` command.

mod basic;
mod check;
mod control;
mod decode;
mod event;
mod logs;
mod query;
mod recover;
mod replay;
mod serve;
mod tail;
mod testing;
mod text;
mod verify;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Python's logging model, without Python.
#[derive(Debug, Parser)]
#[command(name = "sawmill", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Feeds recorded log events through a configuration.
    Replay(replay::Options),
    /// Checks configuration files and prints what they make.
    Check(check::Options),
    /// Delivers what dead processes left in their mapped lanes, and removes it.
    Recover(recover::Options),
    /// Drains the mapped lanes of other processes, while they live and after they died.
    Serve(serve::Options),
    /// Shows binary logs as text or JSON lines, as formatters would have written them.
    Decode(decode::Options),
    /// Shows the last lines of a log, text, mapped or binary, and what comes behind them.
    Tail(tail::Options),
    /// Does the books of log files: attempted = found + reported lost, nothing doubled, torn or out
    /// of order.
    Verify(verify::Options),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Replay(options) => replay::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Recover(options) => recover::run(&options),
        Command::Serve(options) => serve::run(&options),
        Command::Decode(options) => decode::run(&options),
        Command::Tail(options) => tail::run(&options),
        Command::Verify(options) => verify::run(&options),
    }
}

/// A configuration file to read, as an argument of either command.
fn load(path: &std::path::Path) -> Result<sawmill::config::Config, sawmill::Error> {
    sawmill::config::Config::load(PathBuf::from(path))
}
