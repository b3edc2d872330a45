//! `run` and `create`: containers from an OCI bundle.

use std::path::{Path, PathBuf};

use lazaret_sandbox::{Args, Config, Sandbox, Spec, Stdio};

use crate::{
    attached,
    options::{Create, Run},
    report::CommandError,
};

/// Runs a container to its end, or only starts it.
pub fn run(config: &Config, args: &Run) -> Result<u8, CommandError> {
    if args.detach || args.pid_file.is_some() {
        let mut sandbox = make(config, &args.id, &args.bundle, args.pid_file.as_deref())?;
        if let Err(error) = sandbox.start() {
            let _ = sandbox.destroy();
            return Err(error.into());
        }
        if args.detach {
            return Ok(0);
        }
        let end = sandbox.wait()?;
        sandbox.destroy()?;
        return Ok(super::lifecycle::status(end));
    }
    lazaret_sandbox::check_id(&args.id)?;
    let (bundle, spec) = load(&args.bundle)?;
    attached::run(config, args.id.clone(), spec, bundle)
}

/// Makes a container that waits for its start.
pub fn create(config: &Config, args: &Create) -> Result<(), CommandError> {
    make(config, &args.id, &args.bundle, args.pid_file.as_deref()).map(drop)
}

fn load(bundle: &Path) -> Result<(PathBuf, Spec), CommandError> {
    let absolute = std::path::absolute(bundle)
        .map_err(|error| CommandError::new(format!("bundle {}: {error}", bundle.display())))?;
    let spec = Spec::load(&absolute)?;
    Ok((absolute, spec))
}

fn make(config: &Config, id: &str, bundle: &Path, pid_file: Option<&Path>) -> Result<Sandbox, CommandError> {
    lazaret_sandbox::check_id(id)?;
    let (bundle, spec) = load(bundle)?;
    if spec.process.as_ref().is_some_and(|process| process.terminal) {
        return Err(CommandError::new("process.terminal: a detached container cannot have a terminal yet"));
    }
    let stdio = Stdio::Files(attached::standard_streams()?);
    let sandbox = Sandbox::new(config, Args { id: id.into(), spec, bundle, stdio, attached: false })?;
    if let Some(path) = pid_file
        && let Err(error) = std::fs::write(path, sandbox.state().pid.to_string())
    {
        let _ = sandbox.destroy();
        return Err(CommandError::new(format!("write {}: {error}", path.display())));
    }
    Ok(sandbox)
}
