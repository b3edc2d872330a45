//! The command line.

#![forbid(unsafe_code)]

mod attached;
mod commands;
mod options;
mod report;
mod streams;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let options = options::Options::parse();
    match commands::run(&options) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            report::report(&options, &failure);
            ExitCode::from(failure.status)
        }
    }
}
