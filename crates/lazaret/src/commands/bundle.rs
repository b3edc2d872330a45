//! `run` and `create`: containers from an OCI bundle.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use lazaret_sandbox::{Args, Config, Container, Role, Spec, Stdio};

use super::proxy;
use crate::{
    attached,
    options::{Create, Run, annotate},
    report::CommandError,
    streams,
};

/// Runs a container to its end, or only starts it.
pub fn run(config: &Config, args: &Run) -> Result<u8, CommandError> {
    if args.detach {
        let mut container = make(config, &args.create)?;
        return match container.start() {
            Ok(()) => Ok(0),
            Err(error) => {
                let _ = container.destroy();
                Err(error.into())
            }
        };
    }
    let Create { bundle, pid_file, console_socket, preserve_fds, id, .. } = &args.create;
    if console_socket.is_some() {
        return Err(CommandError::new("--console-socket: the container is not detached, so it gets this terminal"));
    }
    let files = streams::preserved(*preserve_fds)?;
    lazaret_sandbox::check_id(id)?;
    let (bundle, spec) = load(bundle)?;
    let config = &annotated(config, &spec)?;
    let (id, pid_file) = (id.clone(), pid_file.clone());
    attached::run(config, attached::New { id, spec, bundle, files, pid_file, keep: args.keep, needs_link: false })
}

/// Makes a container that waits for its start.
pub fn create(config: &Config, args: &Create) -> Result<(), CommandError> {
    make(config, args).map(drop)
}

fn load(bundle: &Path) -> Result<(PathBuf, Spec), CommandError> {
    let absolute = std::path::absolute(bundle)
        .map_err(|error| CommandError::new(format!("bundle {}: {error}", bundle.display())))?;
    let spec = Spec::load(&absolute)?;
    Ok((absolute, spec))
}

/// The settings for a container whose annotations may set some.
fn annotated(config: &Config, spec: &Spec) -> Result<Config, CommandError> {
    let mut config = config.clone();
    annotate(&mut config, &spec.annotations)?;
    Ok(config)
}

fn make(config: &Config, args: &Create) -> Result<Container, CommandError> {
    let files = streams::preserved(args.preserve_fds)?;
    lazaret_sandbox::check_id(&args.id)?;
    let (bundle, spec) = load(&args.bundle)?;
    let config = &annotated(config, &spec)?;
    let process = spec.process.clone().unwrap_or_default();
    let stdio = match (process.terminal, &args.console_socket) {
        (true, Some(socket)) => Stdio::console(socket, process.console_size)?,
        (true, None) => {
            return Err(CommandError::new("process.terminal: a detached container needs --console-socket for it"));
        }
        (false, Some(_)) => return Err(CommandError::new("--console-socket: process.terminal is false")),
        (false, None) => Stdio::Files(streams::standard()?),
    };
    let joins = matches!(Role::of(&spec), Role::Member { .. });
    let id = args.id.clone();
    let args_of_container = Args { id, spec, bundle, stdio, files, attached: false, stands_in: joins, is_open: false };
    let container =
        if joins { proxy::create(config, args_of_container)? } else { Container::new(config, args_of_container)? };
    if let Some(path) = &args.pid_file
        && let Err(error) = write_pid(path, container.state().host_pid())
    {
        let _ = container.destroy();
        return Err(error);
    }
    Ok(container)
}

/// Writes a pid file, which appears with its content or not at all.
pub fn write_pid(path: &Path, pid: i32) -> Result<(), CommandError> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let new = path.with_file_name(name);
    let write = || {
        // Of an earlier command that was killed; or a link that somebody put there.
        let _ = std::fs::remove_file(&new);
        File::create_new(&new)?.write_all(pid.to_string().as_bytes())?;
        std::fs::rename(&new, path)
    };
    write().map_err(|error| CommandError::new(format!("write {}: {error}", path.display())))
}
