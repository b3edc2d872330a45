//! The making of a container in a sandbox that runs already.

mod apart;

use std::{
    fs::File,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::Duration,
};

use lazaret_control::{Answer, Call, Channel, Failure, MAX_FDS, Report, Request};
use lazaret_gofer::{Parties, join::Join};
use lazaret_hostcall::process::{Namespaces, PANICKED, spawn};
use serde_json::Value;

use crate::{
    cgroup::Cgroup,
    config::{Args, Config, Logging},
    container::{Container, Held},
    error::Error,
    ids,
    launch::{self, Guarded, Party, await_ready},
    mounts::{FileAccess, Origin, Plan},
    server::{self, Server},
    setup::{ContainerSetup, Sharing},
    spec::Spec,
    state::{Entry, Identity, Registry, State, Status},
};

/// How long the sandbox waits for the gofer, and we for both.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a container in the sandbox of `root`; on an error nothing is left but the entry.
pub fn join(
    config: &Config,
    registry: &Registry,
    root: &Container,
    args: Args,
    entry: &Entry,
) -> Result<(State, Held), Error> {
    let sandbox = root.state();
    match root.status() {
        Status::Created | Status::Running | Status::Paused => {}
        status => {
            let operation = "make a container in the sandbox of";
            return Err(Error::Status { id: sandbox.id.clone(), operation, status: status.name().into() });
        }
    }
    if !sandbox.is_open {
        let step = format!("make container {:?} in sandbox {:?}", args.id, sandbox.id);
        return Err(Failure::new(step, "the sandbox was not made for several containers").into());
    }
    let (terminal, streams) = args.stdio.into_parts();
    let access = FileAccess { directfs: config.access.directfs && !sandbox.is_served, ..config.access };
    let origin = Origin { bundle: &args.bundle, overlay_root: config.overlay, access };
    let mut setup = ContainerSetup::new(&args.id, &args.spec, origin, terminal.map(|terminal| terminal.size));
    setup.shared = sharing(&args.spec, registry, sandbox);
    if sandbox.is_served
        && let Some(source) = setup.plan.donated().next()
    {
        let step = format!("{} of container {:?}", source.name, args.id);
        return Err(Failure::new(step, "directfs is not possible in a sandbox that was made without").into());
    }
    let linux = args.spec.linux.unwrap_or_default();
    let ends_with_us = args.attached || args.stands_in;
    let mut state = State {
        sandbox: Some(sandbox.id.clone()),
        attached: args.attached,
        bundle: args.bundle,
        rootfs: setup.rootfs(),
        oci_version: args.spec.oci_version,
        annotations: args.spec.annotations,
        process: setup.start.process.clone(),
        hooks: args.spec.hooks.unwrap_or_default(),
        resources: linux.resources.clone().unwrap_or_default(),
        cgroup: if config.ignore_cgroups { None } else { Cgroup::plan(&args.id, &linux, config.systemd_cgroup)? },
        stand_in: ends_with_us.then(Identity::own),
        ..State::new(&args.id)
    };
    // If this process is killed from here on, others know what to clean up.
    entry.write(&state)?;
    let keeper = apart::prepare(&mut state.cgroup, &state.resources)?;
    let mut fds = Vec::new();
    if let Some(cgroup) = &state.cgroup {
        let room = streams.len() + args.files.len() <= MAX_FDS / 2;
        let (view, files) = cgroup.view(room && setup.plan.shows_cgroups());
        setup.cgroup = Some(view);
        setup.processors = cgroup.processors();
        fds = files;
    }
    fds.extend(streams.into_iter().chain(args.files));
    let remove_cgroup = |state: &State| {
        // The first failure is the one to tell.
        let _ = state.cgroup.as_ref().map(Cgroup::remove);
    };
    let resolved = entry.mounts_file();
    let made = resolved
        .and_then(|resolved| create(root, &config.logging, &args.id, setup, (fds, resolved)))
        .inspect_err(|_| remove_cgroup(&state));
    let Joined { channel, origin, gofer } = made?;
    (state.pid, state.start_time) = (sandbox.pid, sandbox.start_time);
    state.gofer = gofer;
    let leave = |error: Error| {
        abandon(&root.entry, &state);
        remove_cgroup(&state);
        error
    };
    if let (Some(cgroup), Some(origin)) = (&state.cgroup, origin) {
        let moved = apart::host_pid(sandbox.pid, origin).and_then(|pid| cgroup.adopt(pid));
        moved.map_err(|failure| leave(failure.into()))?;
        if args.stands_in {
            // Tools find the cgroup by this process. An ordinary user may not be able to move it.
            let _ = cgroup.adopt(rustix::process::getpid());
        }
    }
    drop(keeper);
    let held = if ends_with_us { leash(channel, &args.id).map_err(leave)? } else { Held::Nothing };
    entry.write(&state).map_err(leave)?;
    Ok((state, held))
}

/// Has the sandbox kill the container when this process closes the connection, and tell of its end over it.
fn leash(channel: Channel, id: &str) -> Result<Held, Error> {
    let call = Call { container: id.into(), request: Request::Wait { process: None, leash: true } };
    let sent = channel.set_timeout(None).and_then(|()| channel.send(&call, &[]));
    sent.map_err(|error| Error::Control { id: id.into(), error })?;
    Ok(Held::Leash(channel))
}

/// A container that a sandbox has made.
struct Joined {
    /// The connection to the sandbox.
    channel: Channel,
    /// The process of which the container's are copies if it has one for itself, as the sandbox calls it.
    origin: Option<i32>,
    /// The process that serves files.
    gofer: Option<Identity>,
}

/// Has the sandbox make the container, from files that a gofer hands to it.
fn create(
    root: &Container,
    logging: &Logging,
    id: &str,
    setup: ContainerSetup,
    (streams, [resolved, resolved_to_read]): (Vec<OwnedFd>, [OwnedFd; 2]),
) -> Result<Joined, Error> {
    let failed = |error| Failure::new("make a socket pair", error);
    let (maker, maker_of_gofer) = Channel::pair().map_err(failed)?;
    let (files_in, files_out) = Channel::pair().map_err(failed)?;
    for channel in [&maker, &files_in, &files_out] {
        channel.set_timeout(Some(TIMEOUT)).map_err(failed)?;
    }
    let null = || {
        File::options().read(true).write(true).open("/dev/null").map_err(|error| Error::host("open /dev/null", error))
    };
    let log = logging.open_debug_log(id)?.map_or_else(null, Ok)?;
    let streams_of_server = [null()?.into(), log.into()];
    let served = server::setup(id, &setup.plan, logging.debug || cfg!(debug_assertions));
    let start = |setup| server::start(&setup, streams_of_server, root.state().cgroup.as_ref(), None);
    let (server, to_server) = served.map(start).transpose()?.unzip();
    let (maker_end, sandbox) = (maker_of_gofer, files_out);
    let parties = Parties { maker: maker_end, sandbox, resolved, resolved_to_read, server: to_server };
    let gofer = start_gofer(root.state(), id, &setup.plan, parties)?;
    maker
        .send(&Report::Proceed { own_id: None, cgroups: Value::Null }, &[])
        .map_err(|error| Failure::new("start the gofer", error))?;
    let container = serde_json::to_value(setup).map_err(|error| Error::host("describe the container", error))?;
    let channel = root.connect()?;
    channel.set_timeout(Some(TIMEOUT)).map_err(|error| root.lost(error))?;
    let mut fds = vec![files_in.as_fd()];
    fds.extend(streams.iter().map(AsFd::as_fd));
    let call = Call { container: id.into(), request: Request::Create { container } };
    channel.send(&call, &fds).map_err(|error| root.lost(error))?;
    drop(files_in);
    // The gofer and who serves first: if they fail, the sandbox does so in their wake.
    let mut parties = vec![Party { channel: &maker, child: &gofer, stays: false }];
    parties.extend(server.as_ref().map(|server| Party { channel: &server.channel, child: &server.child, stays: true }));
    let gone = await_ready(&parties);
    let answer = channel.receive().map(|(answer, _)| answer);
    let made = match (gone, answer) {
        (Err(failure), _) => Err(failure.into()),
        (_, Ok(Answer::Created { origin })) => Ok(origin),
        (_, Ok(other)) => Err(root.refused(other)),
        (_, Err(error)) => Err(root.lost(error)),
    };
    let origin = made.inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = detach(&State { id: id.into(), ..root.state().clone() });
    })?;
    // It ends by itself once the sandbox has no use for its files any more.
    let gofer = server.and_then(Server::keep).map(|child| Identity::of(child.pid));
    Ok(Joined { channel, origin, gofer })
}

fn start_gofer(sandbox: &State, id: &str, plan: &Plan, parties: Parties) -> Result<Guarded, Failure> {
    let early = ids::Mode::detect() == ids::Mode::Own;
    // An ordinary user gets a mount namespace only in the sandbox's user namespace.
    let own = if early { Namespaces::empty() } else { Namespaces::MOUNT | Namespaces::IPC | Namespaces::UTS };
    let [user, mounts] = namespaces(sandbox)?;
    let Parties { maker, sandbox, resolved, resolved_to_read, server } = parties;
    let mut keep = vec![user, mounts, maker.into(), sandbox.into(), resolved, resolved_to_read];
    keep.extend(server.map(OwnedFd::from));
    let run = |mut list: Vec<OwnedFd>| {
        let rest = list.split_off(2);
        let namespaces = <[OwnedFd; 2]>::try_from(list).ok();
        let Some(([user, mounts], parties)) = namespaces.zip(launch::parties(rest)) else { return PANICKED };
        let join = Join { id: id.into(), user, mounts, early };
        lazaret_gofer::run(&plan.sources, &plan.listed, &parties, Some(&join))
    };
    let child = spawn(own, None, keep, run);
    Ok(Guarded::new("the gofer", child.map_err(|error| Failure::host("make the gofer", error))?))
}

/// The user and the mount namespace of a sandbox process.
fn namespaces(sandbox: &State) -> Result<[OwnedFd; 2], Failure> {
    let open = |name| {
        let path = format!("/proc/{}/ns/{name}", sandbox.pid);
        File::open(&path).map(OwnedFd::from).map_err(|error| Failure::host(format!("open {path}"), error))
    };
    let opened = [open("user")?, open("mnt")?];
    // Only now is it sure whose they are.
    match sandbox.pidfd() {
        Some(_) => Ok(opened),
        None => Err(Failure::new("enter the sandbox's namespaces", "the sandbox has ended")),
    }
}

/// Takes the root of a container that is gone out of the tree of its sandbox, if that lives.
///
/// # Errors
/// Those of making a process, and its failure.
pub fn detach(state: &State) -> Result<(), Error> {
    if state.pidfd().is_none() {
        return Ok(());
    }
    let early = ids::Mode::detect() == ids::Mode::Own;
    let [user, mounts] = namespaces(state)?;
    let child = spawn(Namespaces::empty(), None, vec![user, mounts], |list| match <[OwnedFd; 2]>::try_from(list) {
        Ok([user, mounts]) => lazaret_gofer::join::detach(&Join { id: state.id.clone(), user, mounts, early }),
        Err(_) => PANICKED,
    });
    let child = match child {
        Ok(child) => child,
        // Then it stays until the sandbox ends, unless the process that stands for the container has done it.
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
        Err(error) => return Err(Error::host("make a process that unmounts", error)),
    };
    Ok(Guarded::new("the process that unmounts", child).reap()?)
}

/// Has the sandbox forget a container of which nobody will do that any more, as far as it goes.
pub fn abandon(sandbox: &Entry, state: &State) {
    let call = Call { container: state.id.clone(), request: Request::Destroy };
    if let Ok(channel) = sandbox.connect() {
        let _ = channel.call::<_, Answer>(&call);
    }
    if let Ok(State { pid, start_time, .. }) = sandbox.read() {
        let _ = detach(&State { pid, start_time, ..state.clone() });
    }
}

/// The containers in whose namespaces one of this specification is.
fn sharing(spec: &Spec, registry: &Registry, sandbox: &State) -> Sharing {
    let listed = spec.linux.iter().flat_map(|linux| &linux.namespaces);
    let of = |kind: &str| match listed.clone().find(|namespace| namespace.kind == kind).map(|found| &found.path) {
        Some(None) => None,
        Some(Some(path)) => Some(owner(path, registry, sandbox)),
        None => Some(sandbox.id.clone()),
    };
    Sharing { pid: of("pid"), ipc: of("ipc"), uts: of("uts"), network: Some(sandbox.id.clone()) }
}

/// The container of a sandbox that a path such as `/proc/PID/ns/pid` names; the first one for all others, which
/// name what was made for the sandbox as a whole.
fn owner(path: &Path, registry: &Registry, sandbox: &State) -> String {
    let mut names = path.iter().filter_map(|name| name.to_str());
    let pid: Option<i32> = match (names.next(), names.next(), names.next(), names.next()) {
        (Some("/"), Some("proc"), Some(pid), Some("ns")) => pid.parse().ok(),
        _ => None,
    };
    let is_meant = |state: &State| state.sandbox.as_ref() == Some(&sandbox.id) && Some(state.host_pid()) == pid;
    if pid.is_none() || pid == Some(sandbox.pid) {
        return sandbox.id.clone();
    }
    let members = registry.list().unwrap_or_default();
    members.into_iter().find(is_meant).map_or_else(|| sandbox.id.clone(), |state| state.id)
}
