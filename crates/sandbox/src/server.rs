//! The making of the process that serves files of the host; see [`crate::process::server`].

use std::os::fd::OwnedFd;

use lazaret_control::{Channel, Failure, Report};
use lazaret_hostcall::process::{Child, Namespaces, spawn};
use serde_json::Value;

use crate::{
    cgroup::Cgroup,
    ids,
    launch::{Guarded, explain_clone, pair, set_score},
    mounts::Plan,
    process::server::{self, Descriptors, Setup},
};

/// The process, on its way.
pub struct Server {
    /// Tells when it is ready.
    pub channel: Channel,
    /// The process.
    pub child: Guarded,
}

/// What a process is told that serves what the plan wants served, if there is any.
pub fn setup(id: &str, plan: &Plan, trap: bool) -> Option<Setup> {
    let read_only: Vec<bool> = plan.served().map(|source| source.read_only).collect();
    (!read_only.is_empty()).then(|| Setup {
        id: id.into(),
        ids: ids::Mode::detect(),
        read_only,
        sockets: plan.sockets,
        trap,
    })
}

/// Makes the process; and the other end of the connection over which the gofer hands it the files. It is counted in the
/// sandbox's `cgroup`.
///
/// # Errors
/// Those of making a process.
pub fn start(
    setup: &Setup,
    [null, log]: [OwnedFd; 2],
    cgroup: Option<&Cgroup>,
    oom_score_adj: Option<i32>,
) -> Result<(Server, Channel), Failure> {
    let (channel, maker) = pair()?;
    let (gofer, files) = pair()?;
    let descriptors = Descriptors { maker: maker.into(), gofer: gofer.into(), null, log };
    let birthplace = cgroup.map(Cgroup::birthplace).transpose()?.flatten();
    let run = |list| server::run(setup, list);
    let child = spawn(Namespaces::all(), birthplace.as_ref(), descriptors.into_list(), run)
        .map_err(|error| explain_clone("make the process that serves files", error))?;
    let pid = child.pid;
    let child = Guarded::new("the process that serves files", child);
    set_score(pid, oom_score_adj)?;
    cgroup.map_or(Ok(()), |cgroup| cgroup.add(pid))?;
    ids::write_maps(setup.ids, pid)?;
    let own_id = ids::own_id(setup.ids, pid);
    // A process that has died already is found out later.
    let _ = channel.send(&Report::Proceed { own_id, cgroups: Value::Null }, &[]);
    Ok((Server { channel, child }, files))
}

impl Server {
    /// The process, which is no longer watched.
    pub fn keep(self) -> Option<Child> {
        self.child.keep()
    }
}
