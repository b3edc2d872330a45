//! containerd's runtime v2 shim: serves the tasks of one container, or of one pod, with sandboxes.
//!
//! containerd starts it with `start`, which leaves a server behind ([`start`]); the server answers requests
//! ([`task`]) until the last container is deleted. Containers are made by the `lazaret` program beside this one,
//! because a sandbox is made by a process with one thread; all else goes through the library.

#![forbid(unsafe_code)]

mod arguments;
mod container;
mod create;
mod events;
mod options;
mod process;
mod rootfs;
mod serve;
mod start;
mod stats;
mod streams;
mod task;

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use arguments::{Action, Arguments};
use containerd_shim_protos::{
    protobuf::Message,
    types::introspection::{RuntimeInfo, RuntimeVersion},
};
use lazaret_sandbox::Config;

/// The runtime's name for containerd.
const NAME: &str = "io.containerd.lazaret.v1";

/// Where the state of containers is, one directory for each of containerd's namespaces.
const STATE: &str = "/run/containerd/lazaret";

fn main() -> ExitCode {
    let arguments = match Arguments::parse(env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => return fail(&error),
    };
    let output = match arguments.action {
        Action::Serve => serve::serve(&arguments).map(|()| Vec::new()),
        Action::Start => start::start(&arguments).map(String::into_bytes),
        Action::Delete => start::delete(&arguments),
        Action::Info => info(),
        Action::Version => Ok(format!("{NAME} {}\n", env!("CARGO_PKG_VERSION")).into_bytes()),
    };
    match output.and_then(|bytes| io::stdout().write_all(&bytes)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    log(error);
    ExitCode::FAILURE
}

/// Tells containerd's log. A log that nobody reads is no reason to end.
fn log(message: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "level=error msg={:?}", message.to_string());
}

/// The library's settings for a namespace of containerd.
fn config(namespace: &str) -> Config {
    Config::of_root(Path::new(STATE).join(namespace))
}

/// What this runtime is, for containerd's introspection.
fn info() -> io::Result<Vec<u8>> {
    let version = RuntimeVersion { version: env!("CARGO_PKG_VERSION").into(), ..RuntimeVersion::default() };
    let info = RuntimeInfo { name: NAME.into(), version: Some(version).into(), ..RuntimeInfo::default() };
    info.write_to_bytes().map_err(io::Error::other)
}
