//! The command line.

#![forbid(unsafe_code)]

mod attached;
mod commands;
mod options;
mod report;
mod streams;
mod terminal;

use std::{ffi::OsString, process::ExitCode};

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let mut options = options::parse(&typed);
    match options::add_file(&mut options, &typed).and_then(|()| commands::run(&options)) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            report::report(&options, &failure);
            ExitCode::from(failure.status)
        }
    }
}
