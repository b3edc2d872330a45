//! `exec`: a further process in a running container.

use std::path::Path;

use lazaret_sandbox::{Config, Sandbox, spec::Process};

use crate::{
    attached::{self, Foreground},
    options::Exec,
    report::CommandError,
};

/// Starts the process; returns its exit status, or 0 if it is detached.
pub fn run(config: &Config, args: &Exec) -> Result<u8, CommandError> {
    let sandbox = Sandbox::load(config, &args.id)?;
    let process = match &args.process {
        Some(path) => read(path)?,
        None => describe(&sandbox.state().process, args)?,
    };
    if args.detach {
        if process.terminal {
            return Err(CommandError::new("process.terminal: a detached process cannot have a terminal yet"));
        }
        let stdio = lazaret_sandbox::Stdio::Files(attached::standard_streams()?);
        sandbox.execute(&process, stdio).map_err(|error| CommandError::of_start(&error))?;
        return Ok(0);
    }
    let foreground = Foreground::new(process.terminal)?;
    let execution = sandbox.execute(&process, foreground.stdio()?).map_err(|error| CommandError::of_start(&error))?;
    foreground.make_raw()?;
    let signal = |number| execution.signal(number);
    foreground.relay(execution.ended(), signal, |rows, columns| execution.resize(rows, columns))?;
    Ok(execution.wait()?)
}

fn read(path: &Path) -> Result<Process, CommandError> {
    let failed = |error: &dyn std::fmt::Display| CommandError::new(format!("{}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| failed(&error))?;
    serde_json::from_slice(&text).map_err(|error| failed(&error))
}

/// The container's first process, with changes.
fn describe(first: &Process, args: &Exec) -> Result<Process, CommandError> {
    let mut process = Process { args: args.command.clone(), terminal: args.tty, ..first.clone() };
    if let Some(user) = &args.user {
        let wrong = || CommandError::new(format!("--user {user}: is not of the form UID[:GID]"));
        let (uid, gid) = user.split_once(':').map_or((user.as_str(), None), |(uid, gid)| (uid, Some(gid)));
        process.user.uid = uid.parse().map_err(|_| wrong())?;
        process.user.additional_gids.clear();
        if let Some(gid) = gid {
            process.user.gid = gid.parse().map_err(|_| wrong())?;
        }
    }
    if let Some(cwd) = &args.cwd {
        process.cwd.clone_from(cwd);
    }
    for change in &args.env {
        let Some((name, _)) = change.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(CommandError::new(format!("--env {change}: is not of the form NAME=VALUE")));
        };
        process.env.retain(|variable| variable.split_once('=').is_none_or(|(known, _)| known != name));
        process.env.push(change.clone());
    }
    Ok(process)
}
