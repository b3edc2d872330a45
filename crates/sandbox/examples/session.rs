//! Starts a sandbox over this machine's root, runs a command in it, and stops it.
//!
//! `cargo run -p lazaret-sandbox --example session`

use std::{
    env,
    error::Error,
    io,
    os::fd::{AsFd, OwnedFd},
};

use lazaret_sandbox::{Args, Config, Sandbox, Stdio, spec};

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::temp_dir().join(format!("lazaret-session-{}", std::process::id()));
    let config = Config::of_root(root.clone());

    // What runs: a process that waits, so that others can be started beside it.
    let mut spec = spec::default_spec();
    spec.root = Some(spec::Root { path: "/".into(), readonly: false });
    let mut process = spec::Process { terminal: false, ..spec.process.take().unwrap_or_default() };
    process.args = ["sleep", "1000"].map(Into::into).into();
    spec.process = Some(process.clone());

    // `attached`: it ends with this process, whatever happens.
    let args = Args {
        id: "session".into(),
        spec,
        bundle: "/".into(),
        stdio: standard_streams()?,
        files: Vec::new(),
        attached: true,
        stands_in: false,
        is_open: false,
    };
    let mut sandbox = Sandbox::new(&config, args)?;
    sandbox.root_mut().start()?;

    process.args =
        ["sh", "-c", "echo this is process $$ of $(ls /proc | grep -c '^[0-9]'); exit 7"].map(Into::into).into();
    let status = sandbox.root().execute(&process, standard_streams()?, Vec::new())?.wait()?;
    println!("its status was {status}");

    sandbox.destroy()?;
    Ok(std::fs::remove_dir(root)?)
}

/// Copies of our own, for a process in the sandbox.
fn standard_streams() -> io::Result<Stdio> {
    let copy = |stream: &dyn AsFd| -> io::Result<OwnedFd> { stream.as_fd().try_clone_to_owned() };
    Ok(Stdio::Files([copy(&io::stdin())?, copy(&io::stdout())?, copy(&io::stderr())?]))
}
