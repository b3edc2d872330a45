//! Starts a sandbox with two containers over this machine's root, which share a directory.
//!
//! `cargo run -p lazaret-sandbox --example pod`

use std::{
    env,
    error::Error,
    fs, io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use lazaret_sandbox::{Args, Config, Container, Sandbox, Stdio, spec};

fn main() -> Result<(), Box<dyn Error>> {
    let place = env::temp_dir().join(format!("lazaret-pod-{}", std::process::id()));
    let volume = place.join("volume");
    fs::create_dir_all(&volume)?;
    let config = Config::of_root(place.join("state"));

    // The first container only keeps the sandbox; it is open for others.
    let args = args("pod", "exec sleep 1000", &volume)?;
    let mut sandbox = Sandbox::new(&config, Args { is_open: true, ..args })?;
    sandbox.root_mut().start()?;

    let mut writer = sandbox.create_container(&config, self::args("writer", "echo hello > /mnt/letter", &volume)?)?;
    writer.start()?;
    println!("the writer: {:?}", writer.wait()?);

    let mut reader = sandbox.create_container(&config, self::args("reader", "exec sleep 1000", &volume)?)?;
    reader.start()?;
    let mut process = reader.state().process.clone();
    process.args = ["cat", "/mnt/letter"].map(Into::into).into();
    reader.execute(&process, standard_streams()?, Vec::new())?.wait()?;

    let names: Vec<String> = sandbox.containers(&config)?.iter().map(|container| container.id().into()).collect();
    println!("containers: {}", names.join(", "));
    for container in [reader, writer] {
        Container::destroy(container)?;
    }
    sandbox.destroy()?;
    Ok(fs::remove_dir_all(place)?)
}

/// A container that runs a shell script and sees `volume` as `/mnt`. `attached`: it ends with this process, whatever
/// happens.
fn args(id: &str, script: &str, volume: &Path) -> io::Result<Args> {
    let mut spec = spec::default_spec();
    spec.root = Some(spec::Root { path: "/".into(), readonly: false });
    spec.mounts.push(spec::Mount {
        destination: "/mnt".into(),
        kind: Some("bind".into()),
        source: Some(volume.into()),
        options: Some(vec!["bind".into()]),
    });
    let process = spec.process.take().unwrap_or_default();
    let args = ["sh", "-c", script].map(Into::into).into();
    spec.process = Some(spec::Process { terminal: false, args, ..process });
    let stdio = standard_streams()?;
    let bundle = "/".into();
    Ok(Args { id: id.into(), spec, bundle, stdio, files: Vec::new(), attached: true, stands_in: false, is_open: false })
}

/// Copies of our own, for a process in the sandbox.
fn standard_streams() -> io::Result<Stdio> {
    let copy = |stream: &dyn AsFd| -> io::Result<OwnedFd> { stream.as_fd().try_clone_to_owned() };
    Ok(Stdio::Files([copy(&io::stdin())?, copy(&io::stdout())?, copy(&io::stderr())?]))
}
