//! `do`: a command in a sandbox over the host's own files.

use std::path::{Path, PathBuf};

use lazaret_sandbox::{
    Config, Network, Spec,
    spec::{Capabilities, DeviceRule, Mount, Root, User, default_mounts, default_spec},
};

use super::user::{self, Ids};
use crate::{
    attached::{self, New},
    options::Do,
    report::CommandError,
    terminal::Terminal,
};

/// Exit statuses of a shell for a command that cannot be run, and for one that is not there.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Runs the command; returns its exit status.
pub fn run(config: &Config, args: &Do) -> Result<u8, CommandError> {
    let spec = specification(args, config.network)?;
    let id = format!("do-{}", std::process::id());
    let needs_link = config.network == Network::Sandbox;
    let container = New { id, spec, bundle: "/".into(), files: Vec::new(), pid_file: None, keep: false, needs_link };
    attached::run(config, container).map_err(|error| match error.start {
        Some(libc::ENOENT | libc::ENOTDIR) => CommandError { status: NOT_FOUND, ..error },
        Some(_) => CommandError { status: NOT_EXECUTABLE, ..error },
        None => error,
    })
}

fn specification(args: &Do, network: Network) -> Result<Spec, CommandError> {
    let ids = match &args.user {
        Some(text) => user::look_up(&args.root, text)?,
        None => Ids { uid: args.uid, gid: args.gid, groups: Vec::new() },
    };
    let mut spec = default_spec();
    spec.hostname = match &args.hostname {
        Some(name) => name.clone(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let root = std::fs::canonicalize(&args.root)
        .map_err(|error| CommandError::new(format!("--root {}: {error}", args.root.display())))?;
    spec.root = Some(Root { path: root, readonly: false });
    spec.mounts = default_mounts().into_iter().filter(is_mountable).collect();
    // Programs expect a place for temporary files that all may write to; what the root has there is shown.
    if std::fs::read_dir(args.root.join("tmp")).is_ok_and(|mut entries| entries.next().is_none()) {
        spec.mounts.push(Mount {
            destination: "/tmp".into(),
            kind: Some("tmpfs".into()),
            source: Some("tmpfs".into()),
            options: Some(["nosuid", "nodev", "mode=1777"].map(Into::into).into()),
        });
    }
    // The host's own /sys is not shown, so nothing in the sandbox's needs to be read-only.
    for directory in &args.rw {
        spec.mounts.push(writable(directory)?);
    }
    for volume in &args.volume {
        spec.mounts.push(parse_volume(volume)?);
    }
    if let Some(linux) = &mut spec.linux {
        // There are no devices of the host that nodes could stand for.
        let all = DeviceRule { allow: true, access: Some("rwm".into()), ..DeviceRule::default() };
        linux.resources.get_or_insert_default().devices = Some(vec![all]);
        linux.masked_paths.clear();
        linux.readonly_paths.clear();
        if network == Network::Host {
            // That of whoever types the command.
            linux.namespaces.retain(|namespace| namespace.kind != "network");
        }
    }
    if let Some(process) = &mut spec.process {
        process.terminal = Terminal::is_present();
        process.args.clone_from(&args.command);
        process.cwd = match &args.cwd {
            Some(directory) => directory.clone(),
            None => current_directory(&args.root)?,
        };
        process.env = environment(&args.env)?;
        process.user = User { uid: ids.uid, gid: ids.gid, umask: None, additional_gids: ids.groups };
        process.no_new_privileges = false;
        process.ordinary_init = true;
        process.rlimits.clear();
        process.capabilities = Some(capabilities(ids.uid));
    }
    Ok(spec)
}

/// The kernel has the file system. Unlike a specification, `do` asks for none by name.
fn is_mountable(mount: &Mount) -> bool {
    mount.kind.as_deref().is_some_and(lazaret_sandbox::spec::is_file_system)
}

/// All capabilities for root, as on Linux; they reach no further than the sandbox.
fn capabilities(uid: u32) -> Capabilities {
    let all: Vec<String> = lazaret_sandbox::spec::capability_names().map(|name| format!("CAP_{name}")).collect();
    let held = if uid == 0 { all.clone() } else { Vec::new() };
    Capabilities { bounding: all, effective: held.clone(), permitted: held, ..Capabilities::default() }
}

fn current_directory(root: &Path) -> Result<String, CommandError> {
    if root != Path::new("/") {
        return Ok("/".into());
    }
    let directory =
        std::env::current_dir().map_err(|error| CommandError::new(format!("the working directory: {error}")))?;
    directory
        .into_os_string()
        .into_string()
        .map_err(|path| CommandError::new(format!("the working directory {} is not UTF-8: use --cwd", path.display())))
}

/// The caller's environment, with changes.
fn environment(changes: &[String]) -> Result<Vec<String>, CommandError> {
    // Names and values that are not UTF-8 cannot be told in a specification.
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut variables: std::collections::BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
    for change in changes {
        match change.split_once('=') {
            Some((name, value)) if !name.is_empty() => variables.insert(name.into(), value.into()),
            _ => return Err(CommandError::new(format!("--env {change}: is not of the form NAME=VALUE"))),
        };
    }
    Ok(variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

fn bind(source: PathBuf, destination: PathBuf, mode: &str) -> Mount {
    Mount {
        destination,
        kind: Some("bind".into()),
        source: Some(source),
        options: Some(vec!["rbind".into(), mode.into()]),
    }
}

fn writable(directory: &Path) -> Result<Mount, CommandError> {
    let failed = |what: String| CommandError::new(format!("--rw {}: {what}", directory.display()));
    let path = std::fs::canonicalize(directory).map_err(|error| failed(error.to_string()))?;
    if !path.is_dir() {
        return Err(failed("is not a directory".into()));
    }
    Ok(bind(path.clone(), path, "rw"))
}

fn parse_volume(text: &str) -> Result<Mount, CommandError> {
    let failed = |what: &str| CommandError::new(format!("--volume {text}: {what}"));
    let fields: Vec<&str> = text.split(':').collect();
    let (source, destination, mode) = match fields[..] {
        [source, destination] => (source, destination, "rw"),
        [source, destination, mode @ ("ro" | "rw")] => (source, destination, mode),
        [_, _, _] => return Err(failed("the third part is neither ro nor rw")),
        _ => return Err(failed("is not of the form SOURCE:DESTINATION[:ro]")),
    };
    if source.is_empty() || !destination.starts_with('/') {
        return Err(failed("the destination is not an absolute path, or the source is empty"));
    }
    let source = std::path::absolute(source).map_err(|error| failed(&error.to_string()))?;
    Ok(bind(source, destination.into(), mode))
}
