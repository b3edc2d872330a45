//! `exec`: a further process in a running container.

use std::path::Path;

use lazaret_sandbox::{Config, Container, Stdio, Ties, spec::Process};

use super::{bundle::write_pid, proxy};
use crate::{attached::Foreground, options::Exec, report::CommandError, streams};

/// Starts the process; returns its exit status, or 0 if it is detached.
pub fn run(config: &Config, args: &Exec) -> Result<u8, CommandError> {
    let files = streams::preserved(args.preserve_fds)?;
    if let Some(profile) = args.apparmor.as_ref().filter(|profile| !profile.is_empty()) {
        return Err(CommandError::new(format!("--apparmor {profile}: a sandbox has no AppArmor")));
    }
    // The part after the controllers; the container's own is `/`.
    let below = |path: &&String| !path.rsplit(':').next().unwrap_or_default().trim_matches('/').is_empty();
    if let Some(path) = args.cgroup.iter().find(below) {
        return Err(CommandError::new(format!("--cgroup {path}: the container has no cgroup of that name")));
    }
    let container = Container::load(config, &args.id)?;
    let mut process = match &args.process {
        Some(path) => read(path)?,
        None => describe(&container.state().process, args)?,
    };
    process.terminal |= args.tty;
    if args.detach {
        let terminal = match (process.terminal, &args.console_socket) {
            (true, Some(socket)) => Some(Stdio::console(socket, process.console_size)?),
            (true, None) => {
                return Err(CommandError::new("process.terminal: a detached process needs --console-socket for it"));
            }
            (false, _) => None,
        };
        let pid = proxy::start(config, &args.id, process, terminal, files, args.ignore_paused)?;
        args.pid_file.as_ref().map_or(Ok(()), |path| write_pid(path, pid))?;
        return Ok(0);
    }
    let foreground = Foreground::new(process.terminal)?;
    let ties = Ties { even_paused: args.ignore_paused, ..Ties::default() };
    let execution = container.execute_with(&process, foreground.stdio()?, files, ties);
    let execution = execution.map_err(|error| CommandError::of_start(&error))?;
    if let Some(path) = &args.pid_file {
        write_pid(path, rustix::process::getpid().as_raw_nonzero().get())?;
    }
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
    process.user.additional_gids.extend(&args.additional_gids);
    process.no_new_privileges |= args.no_new_privs;
    for name in &args.cap {
        if lazaret_sandbox::spec::capability_bit(name).is_none() {
            return Err(CommandError::new(format!("--cap {name}: is unknown")));
        }
        let sets = process.capabilities.get_or_insert_default();
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            set.push(name.clone());
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
