//! The sandbox process at work: answers its callers and waits for the end of its first container.

use std::{
    collections::{BTreeMap, btree_map},
    os::fd::{BorrowedFd, OwnedFd},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use lazaret_abi::errno::Errno;
use lazaret_control::{
    Answer, Call, Channel, Failure, Report, Request,
    server::{self, Service, converse},
};
use lazaret_hostcall::netlink::Tables;
use lazaret_kernel::boot::{Container, Kernel, SharedNamespaces, StartError};
use serde_json::Value;

use super::{
    Booted, FAILED,
    container::{Parts, Served, create, lock, start_failure},
    debug,
    follow::Followed,
};
use crate::setup::ContainerSetup;

/// How long the process waits at the end for answers that are on their way.
const LINGER: Duration = Duration::from_secs(1);

/// When a start is over, and with it the need for most of the program's code.
const SETTLED: Duration = Duration::from_millis(300);

/// Most containers of a sandbox.
const MAX_CONTAINERS: usize = 1024;

/// The sandbox, as its callers see it.
struct Pod {
    kernel: Arc<Kernel>,
    /// Id of the first container, which is the sandbox's.
    id: String,
    /// By their ids; `None` while one is being made.
    containers: Mutex<BTreeMap<String, Option<Arc<Served>>>>,
    /// Further containers may join.
    is_open: bool,
    /// Requests that have not been answered.
    pending: Mutex<usize>,
    answered: Condvar,
    /// The sandbox lives on without its maker.
    released: AtomicBool,
}

impl Pod {
    fn container(&self, id: &str) -> Result<Arc<Served>, Failure> {
        let known = lock(&self.containers).get(id).cloned().flatten();
        known.ok_or_else(|| Failure::new(format!("container {id:?}"), "is not in this sandbox"))
    }

    /// All containers that are made, with their ids.
    fn all(&self) -> Vec<(String, Arc<Container>)> {
        let containers = lock(&self.containers);
        let made =
            |(id, served): (&String, &Option<Arc<Served>>)| Some((id.clone(), served.as_ref()?.container.clone()));
        containers.iter().filter_map(made).collect()
    }

    /// Makes a further container. The process of which its own are copies, if it has one.
    fn create(&self, id: &str, setup: Value, fds: Vec<OwnedFd>) -> Result<Option<i32>, Failure> {
        let step = || format!("make container {id:?}");
        if !self.is_open {
            return Err(Failure::new(step(), "the sandbox was not made for several containers"));
        }
        let setup = serde_json::from_value(setup).map_err(|error| Failure::new(step(), error))?;
        {
            let mut containers = lock(&self.containers);
            if containers.len() >= MAX_CONTAINERS {
                return Err(Failure::new(step(), format!("the sandbox has {MAX_CONTAINERS} containers")));
            }
            match containers.entry(id.into()) {
                btree_map::Entry::Occupied(_) => return Err(Failure::new(step(), "it exists already")),
                btree_map::Entry::Vacant(place) => place.insert(None),
            };
        }
        let made = self.make(id, setup, fds);
        let mut containers = lock(&self.containers);
        match made {
            Ok(served) => {
                let origin = served.container.origin();
                containers.insert(id.into(), Some(served));
                Ok(origin)
            }
            Err(failure) => {
                containers.remove(id);
                Err(failure)
            }
        }
    }

    fn make(&self, id: &str, setup: ContainerSetup, mut fds: Vec<OwnedFd>) -> Result<Arc<Served>, Failure> {
        if fds.is_empty() {
            return Err(Failure::new("receive files from the gofer", "there is no connection to it"));
        }
        let gofer = Channel::from(fds.remove(0));
        let (files, resolved) = lazaret_gofer::receive_with_mounts(&gofer)?;
        let other = |id: &Option<String>| -> Result<Option<Arc<Container>>, Failure> {
            id.as_deref().map(|id| self.container(id).map(|served| served.container.clone())).transpose()
        };
        let shared = SharedNamespaces {
            pid: other(&setup.shared.pid)?,
            ipc: other(&setup.shared.ipc)?,
            uts: other(&setup.shared.uts)?,
            network: other(&setup.shared.network)?,
        };
        let view = setup.cgroup.clone().unwrap_or_default();
        if view.count() > fds.len() {
            return Err(Failure::new("receive files of the cgroup", "a wrong number of them"));
        }
        let streams = fds.split_off(view.count());
        let cgroups = view.bind(fds);
        let hooks = setup.start.clone();
        let parts = Parts { files, resolved, streams, cgroups, shared };
        let (container, process) = create(&self.kernel, id, setup, parts)?;
        container.check(&process).map_err(start_failure)?;
        let served = Served::new(container, hooks, process);
        served.watch().map_err(|error| Failure::host("wait for the container's end", error))?;
        Ok(served)
    }

    /// Gets its links.
    fn attach(&self, network: Value, sockets: Vec<OwnedFd>) -> Result<(), Failure> {
        let step = "use the links of the network namespace";
        let tables: Tables = serde_json::from_value(network).map_err(|error| Failure::new(step, error))?;
        if tables.links.len() != sockets.len() {
            return Err(Failure::new(step, "there is not one socket for each"));
        }
        let sockets = tables.links.iter().map(|link| link.index).zip(sockets).collect();
        let refused = |cause: Errno| start_failure(StartError { step: step.into(), cause });
        self.kernel.network.attach(tables, sockets).map_err(refused)
    }

    /// Ends a further container.
    fn destroy(&self, id: &str) -> Result<(), Failure> {
        if id == self.id {
            return Err(Failure::new(format!("end container {id:?}"), "it ends with its sandbox"));
        }
        let known = lock(&self.containers).get(id).cloned().flatten();
        if let Some(served) = known {
            served.destroy();
            lock(&self.containers).remove(id);
        }
        Ok(())
    }
}

impl Service for Pod {
    fn answer(&self, call: Call, fds: Vec<OwnedFd>, caller: BorrowedFd<'_>) -> Answer {
        *lock(&self.pending) += 1;
        let Call { container: id, request } = call;
        match request {
            Request::Release => {
                self.released.store(true, Ordering::Relaxed);
                Ok(Answer::Done)
            }
            Request::Attach { network } if id == self.id => self.attach(network, fds).map(|()| Answer::Done),
            Request::Create { container } => self.create(&id, container, fds).map(|origin| Answer::Created { origin }),
            Request::Destroy => self.destroy(&id).map(|()| Answer::Done),
            Request::Threads { after } => Ok(Answer::Threads(debug::threads(&self.kernel, &self.all(), after))),
            Request::Logging { level, trace } => {
                debug::change_logging(&self.kernel, level, trace, fds).map(|()| Answer::Done)
            }
            request => self.container(&id).and_then(|served| served.answer(request, fds, caller)),
        }
        .unwrap_or_else(Answer::Failed)
    }

    fn answered(&self) {
        *lock(&self.pending) -= 1;
        self.answered.notify_all();
    }
}

/// Serves callers until the first container has ended; returns its exit status.
pub fn serve(booted: Booted, listener: OwnedFd, maker: &Arc<Channel>) -> i32 {
    let Booted { kernel, id, container, process, hooks, followed, is_open } = booted;
    let root = Served::new(container, hooks, process);
    let pod = Arc::new(Pod {
        kernel,
        containers: Mutex::new(BTreeMap::from([(id.clone(), Some(root.clone()))])),
        id,
        is_open,
        pending: Mutex::new(0),
        answered: Condvar::new(),
        released: AtomicBool::new(false),
    });
    let service: Arc<dyn Service> = pod.clone();
    let first = {
        let (pod, maker) = (pod.clone(), maker.clone());
        move || {
            converse(&maker, pod.as_ref());
            if !pod.released.load(Ordering::Relaxed) {
                // Nobody knows of this sandbox, or nobody wants it any more.
                std::process::exit(FAILED);
            }
        }
    };
    let spawned = maker.send(&Report::Ready, &[]).is_ok()
        && thread::Builder::new().name("maker".into()).spawn(first).is_ok()
        && thread::Builder::new().name("control".into()).spawn(move || server::serve(&listener, &service)).is_ok();
    if !spawned {
        return FAILED;
    }
    let status = await_end(&root, followed);
    drop(pod.answered.wait_timeout_while(lock(&pod.pending), LINGER, |pending| *pending > 0));
    i32::from(status)
}

/// Waits until the first container has ended; its exit status.
fn await_end(root: &Served, followed: Option<Followed>) -> u8 {
    let pid = match root.await_start() {
        Ok(pid) => pid,
        Err(status) => return status,
    };
    // Without it the process takes some more memory.
    drop(thread::Builder::new().name("settle".into()).spawn(|| {
        thread::sleep(SETTLED);
        lazaret_hostcall::memory::release_program();
    }));
    if let Some(followed) = followed {
        let container = root.container.clone();
        let spawned = thread::Builder::new().name("size".into()).spawn(move || followed.follow(&container, pid));
        // Without it the terminal keeps its size.
        drop(spawned);
    }
    root.await_end(pid)
}
