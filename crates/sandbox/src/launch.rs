//! The maker's side of a start: processes, id maps, and who failed if one does.

mod ready;

use std::{
    cell::OnceCell,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use lazaret_control::{Channel, Failure, Report};
use lazaret_gofer::Parties;
use lazaret_hostcall::process::{Child, Namespaces, PANICKED, spawn};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, geteuid, pidfd_send_signal, waitid},
};
use serde_json::Value;

pub use self::ready::{Party, await_ready};
use crate::{
    cgroup::{Cgroup, View},
    ids,
    network::Namespace,
    process::{self, Descriptors, Setup, oom},
    server::{self, Server},
    spec::Resources,
};

/// How long a sandbox may take to start, or to end. It takes milliseconds; this only ends what hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running sandbox process, and the connection to it.
#[derive(Debug)]
pub struct Launched {
    /// The process.
    pub child: Child,
    /// Serves requests.
    pub channel: Channel,
    /// The process that serves files to it.
    pub gofer: Option<Child>,
}

/// What the maker gives to the sandbox process, beside the connections.
pub struct Files {
    /// The control socket.
    pub listener: OwnedFd,
    /// Standard streams of the container, or its terminal.
    pub stdio: Vec<OwnedFd>,
    /// Messages for the user.
    pub user_log: OwnedFd,
    /// The debug log.
    pub debug_log: OwnedFd,
    /// Where the sandbox process leaves its exit status.
    pub exit: OwnedFd,
    /// The file of resolved mounts, for writing and for reading.
    pub resolved: [OwnedFd; 2],
    /// `/dev/null`.
    pub null: OwnedFd,
}

/// What the host is told of the sandbox process.
pub struct Host<'a> {
    /// Where it is counted and limited.
    pub cgroup: Option<&'a mut Cgroup>,
    /// The limits.
    pub resources: &'a Resources,
    /// The container has a place to show it.
    pub shows_cgroups: bool,
    /// How soon it is killed when memory is short; see proc(5).
    pub oom_score_adj: Option<i32>,
}

impl Host<'_> {
    /// Before the process does anything. Returns what is to be told of its cgroups.
    fn receive(&mut self, pid: Pid) -> Result<(View, Vec<OwnedFd>), Failure> {
        set_score(pid, self.oom_score_adj)?;
        let Some(cgroup) = &mut self.cgroup else { return Ok(Default::default()) };
        cgroup.enter(pid, self.resources)?;
        Ok(cgroup.view(self.shows_cgroups))
    }
}

/// How soon a process of a sandbox is killed when memory is short.
pub fn set_score(pid: Pid, oom_score_adj: Option<i32>) -> Result<(), Failure> {
    let Some(score) = oom_score_adj.map(oom::of_sandbox) else { return Ok(()) };
    let written = std::fs::write(format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero()), score.to_string());
    match written {
        // An ordinary user may only ask to be killed sooner; runc, too, leaves it at that.
        Err(error) if !geteuid().is_root() && error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        result => result.map_err(|error| Failure::host(format!("process.oomScoreAdj {score}"), error)),
    }
}

/// Starts a sandbox process and its gofer; returns when the container is made.
///
/// # Errors
/// What failed, in the words of the process where it did. Then no process is left.
pub fn launch(setup: Setup, namespace: &Namespace, files: Files, mut host: Host<'_>) -> Result<Launched, Failure> {
    let (sandbox, maker_of_sandbox) = pair()?;
    let (gofer, maker_of_gofer) = pair()?;
    let (files_in, files_out) = pair()?;
    let (mode, sources) = (setup.ids, setup.container.plan.sources.clone());
    let mounts = setup.container.plan.listed.clone();
    let copy = |file: &OwnedFd| file.try_clone().map_err(|error| Failure::host("copy a descriptor", error));
    let streams = [copy(&files.null)?, copy(&files.debug_log)?];
    let served = server::setup(&setup.id, &setup.container.plan, setup.trap);

    let descriptors = Descriptors {
        maker: maker_of_sandbox.into(),
        gofer: files_in.into(),
        listener: files.listener,
        stdio: files.stdio,
        user_log: files.user_log,
        debug_log: files.debug_log,
        exit: files.exit,
        null: files.null,
    };
    let namespaces = match namespace {
        Namespace::New => Namespaces::all(),
        Namespace::Own | Namespace::Joined(_) => Namespaces::all() - Namespaces::NETWORK,
    };
    let entered = namespace.enter()?;
    let birthplace = host.cgroup.as_ref().map(|cgroup| cgroup.birthplace()).transpose()?.flatten();
    let child = spawn(namespaces, birthplace.as_ref(), descriptors.into_list(), |list| process::run(setup, list))
        .map_err(|error| explain_clone("make the sandbox process", error))?;
    drop(birthplace);
    drop(entered);
    let pid = child.pid;
    let child = Guarded::new("the sandbox process", child);
    let (cgroups, cgroup_files) = host.receive(pid)?;
    // In the same cgroup, which is there now.
    let start = |setup| server::start(&setup, streams, host.cgroup.as_deref(), host.oom_score_adj);
    let (server, to_server) = served.map(start).transpose()?.unzip();

    let mut namespaces = Namespaces::MOUNT | Namespaces::IPC | Namespaces::UTS;
    if mode == ids::Mode::Own {
        namespaces |= Namespaces::USER;
    }
    let mut keep = vec![maker_of_gofer.into(), files_out.into()];
    keep.extend(files.resolved);
    keep.extend(to_server.map(OwnedFd::from));
    let gofer_child = spawn(namespaces, None, keep, |list| {
        parties(list).map_or(PANICKED, |parties| lazaret_gofer::run(&sources, &mounts, &parties, None))
    })
    .map_err(|error| explain_clone("make the gofer", error))?;
    let gofer_pid = gofer_child.pid;
    let gofer_child = Guarded::new("the gofer", gofer_child);
    ids::write_maps(mode, pid)?;
    if mode == ids::Mode::Own {
        ids::write_maps(mode, gofer_pid)?;
    }
    // A process that has died already is found out below.
    let _ = gofer.send(&Report::Proceed { own_id: None, cgroups: Value::Null }, &[]);
    let proceed = Report::Proceed { own_id: ids::own_id(mode, pid), cgroups: cgroups.to_message()? };
    let _ = sandbox.send(&proceed, &cgroup_files.iter().map(AsFd::as_fd).collect::<Vec<_>>());
    drop(cgroup_files);

    let mut all = vec![
        Party { channel: &sandbox, child: &child, stays: true },
        Party { channel: &gofer, child: &gofer_child, stays: false },
    ];
    all.extend(server.as_ref().map(|server| Party { channel: &server.channel, child: &server.child, stays: true }));
    await_ready(&all)?;
    let child = child.keep().ok_or_else(|| Failure::new("start the sandbox", "its process is gone"))?;
    // From here on the application may be the one that answers.
    sandbox.set_timeout(Some(TIMEOUT)).map_err(|error| Failure::new("talk to the sandbox process", error))?;
    Ok(Launched { child, channel: sandbox, gofer: server.and_then(Server::keep) })
}

/// The connections of a gofer from the descriptors that it keeps.
pub fn parties(list: Vec<OwnedFd>) -> Option<Parties> {
    let mut list = list.into_iter();
    Some(Parties {
        maker: list.next()?.into(),
        sandbox: list.next()?.into(),
        resolved: list.next()?,
        resolved_to_read: list.next()?,
        server: list.next().map(Channel::from),
    })
}

/// Two connected channels.
pub fn pair() -> Result<(Channel, Channel), Failure> {
    Channel::pair().map_err(|error| Failure::new("make a socket pair", error))
}

/// Why a process could not be made.
pub fn explain_clone(step: &str, error: std::io::Error) -> Failure {
    let mut failure = Failure::host(step, error);
    match failure.errno.map(Errno::from_raw_os_error) {
        Some(Errno::PERM) => failure.cause += " (does the host allow user namespaces?)",
        Some(Errno::ACCESS | Errno::BUSY | Errno::OPNOTSUPP) => failure.cause += " (by its cgroup?)",
        Some(Errno::NOSPC | Errno::USERS) => failure.cause += " (see /proc/sys/user/max_user_namespaces)",
        _ => {}
    }
    failure
}

/// A child that is killed and reaped unless it is kept.
pub struct Guarded {
    name: &'static str,
    child: Option<Child>,
    ended: OnceCell<ChildEnd>,
}

impl Guarded {
    /// Watches over `child`, which messages call `name`.
    pub fn new(name: &'static str, child: Child) -> Guarded {
        Guarded { name, child: Some(child), ended: OnceCell::new() }
    }

    /// Waits for the child's end, which must be near.
    ///
    /// # Errors
    /// Says how it ended, if not well.
    pub fn reap(&self) -> Result<(), Failure> {
        let Some(child) = &self.child else { return Ok(()) };
        let end = match self.ended.get() {
            Some(end) => *end,
            None => {
                let end = await_end(child.pidfd.as_fd()).and_then(|()| wait_for(child));
                let end = end.map_err(|errno| Failure::host(format!("wait for {}", self.name), errno))?;
                *self.ended.get_or_init(|| end)
            }
        };
        match end {
            ChildEnd::Exited(0) => Ok(()),
            ChildEnd::Exited(PANICKED) => Err(Failure::new("start the sandbox", format!("{} has panicked", self.name))),
            ChildEnd::Exited(status) => {
                Err(Failure::new("start the sandbox", format!("{} has ended with status {status}", self.name)))
            }
            ChildEnd::Killed(libc::SIGSYS) => Err(Failure::new(
                "start the sandbox",
                format!("{} made a system call that its filter refuses; the host's log says which", self.name),
            )),
            ChildEnd::Killed(signal) => {
                Err(Failure::new("start the sandbox", format!("{} was killed by signal {signal}", self.name)))
            }
        }
    }

    /// The child, which is no longer watched over.
    pub fn keep(mut self) -> Option<Child> {
        self.child.take()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(child) = &self.child
            && self.ended.get().is_none()
        {
            let _ = kill(child);
        }
    }
}

/// Kills a child and reaps it.
pub fn kill(child: &Child) -> rustix::io::Result<ChildEnd> {
    // It may be dead already.
    let _ = pidfd_send_signal(&child.pidfd, Signal::KILL);
    await_end(child.pidfd.as_fd())?;
    wait_for(child)
}

/// Waits for the end of a process that was killed, or ends by itself; `ETIMEDOUT` after [`TIMEOUT`].
/// It is soon, unless the host has much memory to free or hangs itself.
pub fn await_end(pidfd: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let left = rustix::event::Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)], left.as_ref()) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildEnd {
    /// By exit(2).
    Exited(i32),
    /// By a signal.
    Killed(i32),
}

/// Waits for a child and reaps it.
pub fn wait_for(child: &Child) -> rustix::io::Result<ChildEnd> {
    loop {
        match waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED) {
            Ok(Some(status)) => {
                return Ok(match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => ChildEnd::Exited(code),
                    (_, signal) => ChildEnd::Killed(signal.unwrap_or(libc::SIGKILL)),
                });
            }
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
