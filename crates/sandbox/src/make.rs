//! The making of a sandbox: from its arguments to its processes.

use std::{fs::File, os::fd::OwnedFd, path::Path};

use crate::{
    cgroup::Cgroup,
    config::{Args, Config, Logging},
    error::Error,
    ids,
    launch::{Files, Host, Launched, kill, launch},
    links::Links,
    logfile::open_log,
    mounts::Origin,
    network::Namespace,
    pod::Role,
    process::{Setup, oom},
    setup::ContainerSetup,
    state::{self, Entry, Identity, State},
};

/// Makes the processes and the state of a sandbox; on an error nothing is left but the entry.
pub fn make(config: &Config, args: Args, entry: &Entry) -> Result<(State, Launched), Error> {
    let (terminal, mut stdio) = args.stdio.into_parts();
    stdio.extend(args.files);
    let (files, has_log) = files(&config.logging, &args.id, args.attached, entry, stdio)?;
    let mode = ids::Mode::detect();
    let linux = args.spec.linux.clone().unwrap_or_default();
    let namespace = Namespace::of(config.network, &linux.namespaces)?;
    let links = Links::plan(config.network, &linux.namespaces)?;
    let resources = linux.resources.clone().unwrap_or_default();
    let oom_score_adj = args.spec.process.as_ref().and_then(|process| process.oom_score_adj);
    let planned = if config.ignore_cgroups { None } else { Cgroup::plan(&args.id, &linux, config.systemd_cgroup)? };
    let mut cgroup = planned;
    if let Some(planned) = &cgroup {
        // If this process is killed from here on, others know what to clean up.
        entry.write(&State { cgroup: cgroup.clone(), ..State::new(&args.id) })?;
        if !planned.make(&resources)? {
            cgroup = None;
        }
    }
    let origin = Origin { bundle: &args.bundle, overlay_root: config.overlay, access: config.access };
    let container = ContainerSetup::new(&args.id, &args.spec, origin, terminal.map(|terminal| terminal.size));
    let rootfs = container.rootfs();
    let is_open = args.is_open || Role::of(&args.spec) == Role::Sandbox;
    let directfs = container.plan.donated().next().is_some() || is_open && config.access.directfs;
    let shows_cgroups = container.plan.shows_cgroups();
    let setup = Setup {
        id: args.id.clone(),
        container,
        follows_terminal: terminal.is_some_and(|terminal| terminal.followed),
        is_open,
        directfs,
        ids: mode,
        network: config.network,
        attached: args.attached,
        strace: config.logging.strace.clone(),
        log_level: config.logging.level(),
        has_log,
        trap: config.logging.debug || cfg!(debug_assertions),
    };
    let host = Host { cgroup: cgroup.as_mut(), resources: &resources, oom_score_adj, shows_cgroups };
    let launched = launch(setup, &namespace, files, host).inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = cgroup.as_ref().map(Cgroup::remove);
    })?;
    let pid = launched.child.pid.as_raw_nonzero().get();
    let state = State {
        oci_version: args.spec.oci_version,
        pid,
        start_time: state::start_time(pid).unwrap_or(0),
        attached: args.attached,
        is_open,
        is_served: !directfs,
        gofer: launched.gofer.as_ref().map(|child| Identity::of(child.pid)),
        bundle: args.bundle,
        rootfs,
        annotations: args.spec.annotations,
        process: args.spec.process.unwrap_or_default(),
        hooks: args.spec.hooks.unwrap_or_default(),
        cgroup,
        resources,
        original_oom_score_adj: oom::inherited(),
        links,
        ..State::new(&args.id)
    };
    entry.write(&state).inspect_err(|_| {
        // Unreleased, it ends with this connection; its cgroup can be removed then.
        for child in [Some(&launched.child), launched.gofer.as_ref()].into_iter().flatten() {
            let _ = kill(child);
        }
        let _ = state.cgroup.as_ref().map(Cgroup::remove);
    })?;
    Ok((state, launched))
}

/// Opens what the sandbox process gets from its maker; whether the debug log is a file that somebody reads.
fn files(
    logging: &Logging,
    id: &str,
    attached: bool,
    entry: &Entry,
    stdio: Vec<OwnedFd>,
) -> Result<(Files, bool), Error> {
    let null_path = Path::new("/dev/null");
    let open = |path: &Path| -> Result<OwnedFd, Error> {
        let file = open_log(path);
        file.map(Into::into).map_err(|error| Error::host(format!("open {}", path.display()), error))
    };
    let null = File::options().read(true).write(true).open(null_path);
    let null: OwnedFd = null.map_err(|error| Error::host("open /dev/null", error))?.into();
    let in_directory = logging.open_debug_log(id)?.map(OwnedFd::from);
    let (debug_log, has_log) = match in_directory {
        Some(file) => (file, true),
        None if attached || logging.debug || logging.strace.is_some() => {
            let copy = rustix::io::dup(rustix::stdio::stderr());
            (copy.map_err(|error| Error::host("copy standard error", error))?, true)
        }
        None => (open(null_path)?, false),
    };
    let user_log = open(logging.user_log.as_deref().unwrap_or(null_path))?;
    // Whom a container is attached to sees its end, and nobody else asks for it.
    let exit = if attached { open(null_path)? } else { entry.exit_file()? };
    Ok((
        Files { listener: entry.listen()?, stdio, user_log, debug_log, exit, resolved: entry.mounts_file()?, null },
        has_log,
    ))
}
