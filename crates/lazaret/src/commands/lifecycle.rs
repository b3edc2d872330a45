//! Commands on a container that exists.

use lazaret_sandbox::{Config, Container, Error, Target, spec};

use crate::{
    options::{Delete, Kill, Wait},
    report::CommandError,
};

/// Starts a container's first process.
pub fn start(config: &Config, id: &str) -> Result<(), CommandError> {
    Ok(Container::load(config, id)?.start()?)
}

/// Sends a signal.
pub fn kill(config: &Config, args: &Kill) -> Result<(), CommandError> {
    let Some(signal) = spec::signal_number(&args.signal) else {
        return Err(CommandError::new(format!("unknown signal {:?}", args.signal)));
    };
    let target = match (args.all, args.foreground, args.pid) {
        (true, ..) => Target::All,
        (_, true, pid) => Target::Foreground(pid.unwrap_or(0)),
        (_, _, Some(pid)) => Target::Process(pid),
        _ => Target::Init,
    };
    Ok(Container::load(config, &args.id)?.signal(signal, target)?)
}

/// Stops all processes of a container.
pub fn pause(config: &Config, id: &str) -> Result<(), CommandError> {
    Ok(Container::load(config, id)?.pause_once()?)
}

/// Lets a paused container go on.
pub fn resume(config: &Config, id: &str) -> Result<(), CommandError> {
    Ok(Container::load(config, id)?.resume()?)
}

/// Removes containers; goes on after an error, and reports the first.
pub fn delete(config: &Config, args: &Delete) -> Result<(), CommandError> {
    let mut result = Ok(());
    for id in &args.ids {
        let deleted = match Container::load(config, id).and_then(|container| container.delete(args.force)) {
            Ok(()) => Ok(()),
            Err(Error::NotFound(_)) if args.force => Ok(()),
            Err(Error::Spec { .. }) if args.force => Container::discard(config, id),
            Err(error) => Err(error),
        };
        result = result.and(deleted);
    }
    Ok(result?)
}

/// Waits for the end of a container, or of one of its processes.
pub fn wait(config: &Config, args: &Wait) -> Result<u8, CommandError> {
    let mut container = Container::load(config, &args.id)?;
    match args.pid {
        Some(pid) => Ok(container.wait_pid(pid)?),
        None => Ok(container.wait()?.status()),
    }
}
