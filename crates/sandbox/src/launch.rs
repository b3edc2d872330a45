//! The maker's side of a start: processes, id maps, and who failed if one does.

use std::{
    cell::OnceCell,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use lazaret_control::{Channel, Failure, Report};
use lazaret_hostcall::process::{Child, Namespaces, PANICKED, spawn};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, geteuid, pidfd_send_signal, waitid},
};
use serde_json::Value;

use crate::{
    cgroup::{Cgroup, View},
    ids,
    network::Namespace,
    process::{self, Descriptors, Setup, oom},
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
    fn receive(self, pid: Pid) -> Result<(View, Vec<OwnedFd>), Failure> {
        if let Some(score) = self.oom_score_adj.map(oom::of_sandbox) {
            let written = std::fs::write(format!("/proc/{}/oom_score_adj", pid.as_raw_nonzero()), score.to_string());
            match written {
                // An ordinary user may only ask to be killed sooner; runc, too, leaves it at that.
                Err(error) if !geteuid().is_root() && error.kind() == std::io::ErrorKind::PermissionDenied => {}
                result => result.map_err(|error| Failure::host(format!("process.oomScoreAdj {score}"), error))?,
            }
        }
        let Some(cgroup) = self.cgroup else { return Ok(Default::default()) };
        cgroup.enter(pid, self.resources)?;
        Ok(cgroup.view(self.shows_cgroups))
    }
}

/// Starts a sandbox process and its gofer; returns when the container is made.
///
/// # Errors
/// What failed, in the words of the process where it did. Then no process is left.
pub fn launch(setup: Setup, namespace: &Namespace, files: Files, host: Host<'_>) -> Result<Launched, Failure> {
    let (sandbox, maker_of_sandbox) = pair()?;
    let (gofer, maker_of_gofer) = pair()?;
    let (files_in, files_out) = pair()?;
    let (mode, sources) = (setup.ids, setup.container.plan.sources.clone());

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

    let mut namespaces = Namespaces::MOUNT | Namespaces::IPC | Namespaces::UTS;
    if mode == ids::Mode::Own {
        namespaces |= Namespaces::USER;
    }
    let keep = vec![maker_of_gofer.into(), files_out.into()];
    let gofer_child = spawn(namespaces, None, keep, |list| match <[OwnedFd; 2]>::try_from(list) {
        Ok([maker, sandbox]) => lazaret_gofer::run(&sources, &maker.into(), &sandbox.into(), None),
        Err(_) => PANICKED,
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

    await_ready(&[(&sandbox, &child), (&gofer, &gofer_child)])?;
    let child = child.keep().ok_or_else(|| Failure::new("start the sandbox", "its process is gone"))?;
    // From here on the application may be the one that answers.
    sandbox.set_timeout(Some(TIMEOUT)).map_err(|error| Failure::new("talk to the sandbox process", error))?;
    Ok(Launched { child, channel: sandbox })
}

fn pair() -> Result<(Channel, Channel), Failure> {
    Channel::pair().map_err(|error| Failure::new("make a socket pair", error))
}

fn explain_clone(step: &str, error: std::io::Error) -> Failure {
    let mut failure = Failure::host(step, error);
    match failure.errno.map(Errno::from_raw_os_error) {
        Some(Errno::PERM) => failure.cause += " (does the host allow user namespaces?)",
        Some(Errno::ACCESS | Errno::BUSY | Errno::OPNOTSUPP) => failure.cause += " (by its cgroup?)",
        Some(Errno::NOSPC | Errno::USERS) => failure.cause += " (see /proc/sys/user/max_user_namespaces)",
        _ => {}
    }
    failure
}

/// Waits until the first of these says that it is ready and the second has ended well.
fn await_ready(both: &[(&Channel, &Guarded); 2]) -> Result<(), Failure> {
    let timeout = rustix::event::Timespec::try_from(TIMEOUT).ok();
    let mut waiting = [true, true];
    while waiting != [false, false] {
        let mut fds: Vec<PollFd<'_>> = (0..2)
            .map(|index| PollFd::new(both[index].0, if waiting[index] { PollFlags::IN } else { PollFlags::empty() }))
            .collect();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Err(Failure::new("start the sandbox", format!("not ready after {TIMEOUT:?}"))),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::host("wait for the sandbox's processes", errno)),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        // The gofer first: if it fails, the sandbox process does so in its wake.
        for index in [1, 0] {
            let (channel, child) = both[index];
            if !waiting[index] || !ready[index] {
                continue;
            }
            match channel.receive() {
                Ok((Report::Ready, _)) if index == 0 => waiting[0] = false,
                Ok((Report::Failed(failure), _)) => return Err(first_cause(both, index, failure)),
                Err(lazaret_control::Error::Closed) => {
                    child.reap().map_err(|cause| first_cause(both, index, cause))?;
                    if index == 0 {
                        return Err(Failure::new(
                            "start the sandbox",
                            format!("{} has ended without a word", child.name),
                        ));
                    }
                    waiting[1] = false;
                }
                Ok(_) => return Err(Failure::new(format!("talk to {}", child.name), "it sent what was not expected")),
                Err(error) => return Err(Failure::new(format!("talk to {}", child.name), error)),
            }
        }
    }
    Ok(())
}

/// When the sandbox process fails, the gofer may have done so before, with the better words.
fn first_cause(both: &[(&Channel, &Guarded); 2], index: usize, failure: Failure) -> Failure {
    let (channel, child) = both[1];
    if index == 1 || child.ended.get().is_some() {
        return failure;
    }
    let _ = channel.set_timeout(Some(Duration::from_millis(100)));
    match channel.receive() {
        Ok((Report::Failed(first), _)) => first,
        Err(lazaret_control::Error::Closed) => child.reap().err().unwrap_or(failure),
        _ => failure,
    }
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

    fn keep(mut self) -> Option<Child> {
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
