//! Containers: their namespaces, and the processes started from outside.

use std::{collections::HashMap, time::Duration};

use lazaret_abi::{
    errno::Errno,
    resource::RLimit,
    signal::{SigSet, Signal},
};

use lazaret_hostcall::netlink::Tables;

use super::{ContainerSpec, ExitStatus, Kernel, Prepared, ProcessSpec, SharedNamespaces, StartError, Stdio};
use crate::{
    fs::{
        container::{TreeSpec, build},
        context::FsContext,
        fdtable::{FdTable, NR_OPEN},
        file::flags,
        inode::SetAttributes,
        registry::Mounter,
        stream,
        vfs::{Location, LookupFlags, MountNamespace, OpenHow, PathContext, open::open_for_exec},
    },
    ipc::IpcNamespace,
    seccomp::{self, Seccomp},
    sync::{Arc, Mutex, OnceLock, Ordering},
    task::{
        Current, Task, TaskParts,
        cgroup::ControlGroup,
        creds::{Creds, cap},
        exec::{self, Failure, Image, Program, Runner},
        group::ThreadGroup,
        limits::Limits,
        namespaces::{NamespaceId, Namespaces},
        pid::{Pid, PidNamespace},
        sched::Scheduling,
        uts::UtsNamespace,
    },
    time::Deadline,
    tty::{Console, Devpts, WindowSize, job},
    wait::{Events, Interruptible, wait_until},
};

/// Where programs are looked for when the environment names no PATH.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A container of the sandbox.
pub struct Container {
    kernel: Arc<Kernel>,
    namespaces: Namespaces,
    /// What processes that are started from outside inherit.
    seccomp: Seccomp,
    cgroup: Arc<ControlGroup>,
    /// The first process that was started, by its pid in the container.
    first: OnceLock<i32>,
    /// Its numbers, until it is started: others may be before it.
    reserved: Mutex<Option<Arc<Pid>>>,
    /// Processes that were started from outside, by their pid in the container.
    started: Mutex<HashMap<i32, Arc<ThreadGroup>>>,
    /// Their terminals, where they have one.
    consoles: Mutex<HashMap<i32, Arc<Console>>>,
}

fn failed(step: impl Into<String>) -> impl FnOnce(Errno) -> StartError {
    let step = step.into();
    move |cause| StartError { step, cause }
}

fn shown(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

impl Container {
    /// Makes the namespaces and the file tree of a container.
    ///
    /// # Errors
    /// Names the mount or setting that failed.
    pub(super) fn new(kernel: &Arc<Kernel>, spec: ContainerSpec) -> Result<Arc<Container>, StartError> {
        let tree = TreeSpec {
            root: spec.root,
            mounts: spec.mounts,
            masked_paths: spec.masked_paths,
            readonly_paths: spec.readonly_paths,
        };
        let SharedNamespaces { pid, ipc, uts, network } = spec.shared;
        if network.is_none() && !kernel.network.is_host() {
            let mut settings = kernel.network.settings.lock();
            for (name, value) in &spec.sysctl {
                settings.set(name, value).map_err(|cause| failed(&format!("set {name} to {value:?}"))(cause))?;
            }
        }
        let (pid_for_children, reserved) = match pid {
            Some(other) => (other.pids().clone(), None),
            None => {
                let namespace = PidNamespace::new(&kernel.pids).map_err(failed("make a pid namespace"))?;
                let first = Pid::allocate(&namespace, &[]).map_err(failed("take a process id"))?;
                (namespace, Some(first))
            }
        };
        let ipc = ipc.map_or_else(IpcNamespace::new, |other| other.namespaces.ipc.clone());
        let mut cgroup = ControlGroup::new(spec.max_tasks, spec.cgroups);
        cgroup.devices = spec.devices;
        if spec.is_apart {
            let branch = kernel.platform.branch().map_err(crate::mm::host_errno);
            cgroup.origin = Some(branch.map_err(failed("make a process of which the container's are copies"))?);
        }
        let cgroup = Arc::new(cgroup);
        let mounter = Mounter { kernel, namespace: &pid_for_children, ipc: &ipc, cgroup: &cgroup };
        let mount = build(mounter, tree, Arc::new(Creds::root()))?;
        let (uts, uts_id) = match uts {
            Some(other) => (other.namespaces.uts.clone(), other.namespaces.uts_id.clone()),
            None => {
                let names = UtsNamespace::new(spec.hostname.as_bytes(), spec.domainname.as_bytes());
                (Arc::new(names), NamespaceId::new())
            }
        };
        let namespaces = Namespaces {
            uts,
            uts_id,
            mount,
            mount_id: NamespaceId::new(),
            pid_for_children,
            user: NamespaceId::new(),
            net: network.map_or_else(NamespaceId::new, |other| other.namespaces.net.clone()),
            ipc,
            cgroup: NamespaceId::new(),
            time: NamespaceId::new(),
        };
        let seccomp = Seccomp::default();
        if let Some(code) = spec.seccomp {
            let added = seccomp::Program::new(&code).and_then(|program| seccomp.add_filter(program));
            added.map_err(failed("load the seccomp filter"))?;
        }
        Ok(Arc::new(Container {
            kernel: kernel.clone(),
            namespaces,
            seccomp,
            cgroup,
            first: OnceLock::new(),
            reserved: Mutex::new(reserved),
            started: Mutex::default(),
            consoles: Mutex::default(),
        }))
    }

    pub(super) fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Network interfaces, addresses and routes that it sees.
    pub fn network(&self) -> Tables {
        self.kernel.network.tables()
    }

    /// The process of which all of the container's are copies, by the host's id in the sandbox, if it has one for
    /// itself.
    pub fn origin(&self) -> Option<i32> {
        self.cgroup.origin.as_ref().map(|origin| origin.origin())
    }

    /// The container's control group.
    pub(super) fn cgroup(&self) -> &Arc<ControlGroup> {
        &self.cgroup
    }

    /// The container's pid namespace.
    pub(super) fn pids(&self) -> &Arc<PidNamespace> {
        &self.namespaces.pid_for_children
    }

    /// Finds out whether a process could be started: its working directory and its program. What the
    /// program's file holds is seen at the start.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn check(&self, process: &ProcessSpec) -> Result<(), StartError> {
        let (paths, name) = self.paths_and_name(process)?;
        let find = |path: Vec<u8>| {
            let location = paths.lookup(&path, LookupFlags::FOLLOW)?;
            open_for_exec(location, &paths.creds).map(drop)
        };
        search(process, &name, find).map_err(failed(format!("exec: {:?}", shown(&name))))
    }

    /// Starts a further process (exec), also before the first one. Returns its pid in the
    /// container's pid namespace once its program is loaded.
    ///
    /// # Errors
    /// Names what failed: working directory, program, interpreter ...
    pub fn execute(self: &Arc<Self>, process: ProcessSpec) -> Result<i32, StartError> {
        self.make(process, false)?.run()
    }

    /// Makes the container's init, which is to be run.
    ///
    /// # Errors
    /// As [`Container::execute`].
    pub fn prepare(self: &Arc<Self>, process: ProcessSpec) -> Result<Prepared, StartError> {
        self.make(process, true)
    }

    fn make(self: &Arc<Self>, process: ProcessSpec, is_first: bool) -> Result<Prepared, StartError> {
        let mut limits = Limits::default();
        for (resource, current, maximum) in &process.rlimits {
            if !limits.set(*resource, RLimit { current: *current, maximum: *maximum }) {
                return Err(failed(format!("set resource limit {resource}"))(Errno::EINVAL));
            }
        }
        let (paths, name) = self.paths_and_name(&process)?;
        let start_failed = |cause| StartError { step: format!("exec: {:?}", shown(&name)), cause };
        let image = self.load(&paths, &limits, &process, &name).map_err(start_failed)?;

        let files = FdTable::new();
        let console = self.open_stdio(process.stdio, &files, &paths).map_err(failed("open the standard streams"))?;
        for file in process.inherited {
            let opened = stream::open(file).and_then(|file| files.insert(file, false, 3, NR_OPEN));
            opened.map_err(failed("open the files that the process inherits"))?;
        }
        let fs = FsContext::new(paths.root.clone(), paths.directory.clone());
        fs.set_umask(paths.umask);

        let reserved = if is_first { self.reserved.lock().take() } else { None };
        let pid = match reserved {
            Some(pid) => pid,
            None => Pid::allocate(&self.namespaces.pid_for_children, &[]).map_err(start_failed)?,
        };
        let number = pid.number_in(&self.namespaces.pid_for_children);
        let namespace = self.namespaces.pid_for_children.clone();
        let group = Arc::new(ThreadGroup::new(pid.clone(), namespace, self.cgroup.clone(), Arc::default(), limits));
        group.exit_signal.store(Signal::CHLD.get(), Ordering::Relaxed);
        group.has_executed.store(true, Ordering::Relaxed);
        group.is_ordinary_init.store(process.ordinary_init, Ordering::Relaxed);
        group.dumpable.store(u32::from(image.dumpable), Ordering::Relaxed);
        group.oom_score_adj.store(process.oom_score_adj.unwrap_or(0), Ordering::Relaxed);
        group.account.enter_space(None, &**image.mm.space());
        let parts = TaskParts {
            pid,
            namespaces: Arc::new(self.namespaces.clone()),
            blocked: SigSet::EMPTY,
            personality: 0,
            creds: Arc::new(image.granted.creds),
            fs: Arc::new(fs),
            files: Arc::new(files),
            mm: image.mm,
            name: image.name.into_iter().take(15).collect(),
            scheduling: Scheduling::new(self.cgroup.cpus(&self.kernel.cpus)),
            seccomp: self.seccomp.clone(),
        };
        let task = Arc::new(Task::new(self.kernel.clone(), group.clone(), parts));
        {
            let mut tree = self.kernel.processes();
            group.signals().threads.push(task.clone());
            tree.add_task(task.clone());
            tree.add(group.clone(), 0, 0, None);
            if is_first {
                tree.adopt(group.id());
            }
        }
        if let Some(console) = console {
            job::attach(&self.kernel, console.terminal(), group.id(), group.id());
            self.consoles.lock().insert(number, console);
        }
        if is_first {
            // It is started once.
            let _ = self.first.set(number);
        }
        self.started.lock().insert(number, group);
        Ok(Prepared { current: Current::new(task, image.context), number, step: format!("exec: {:?}", shown(&name)) })
    }

    /// Where the process starts, and what its program is called.
    fn paths_and_name(&self, process: &ProcessSpec) -> Result<(PathContext, Vec<u8>), StartError> {
        let creds = credentials(process);
        let directory = working_directory(&self.namespaces.mount, &creds, &process.cwd)
            .map_err(failed(format!("working directory {}", shown(&process.cwd))))?;
        let root = self.namespaces.mount.root();
        let paths = PathContext { root, directory, creds, umask: process.umask.unwrap_or(0o022) };
        let name = process.program.as_ref().or(process.args.first()).cloned();
        Ok((paths, name.ok_or_else(|| failed("start a process: no arguments")(Errno::EINVAL))?))
    }

    /// Finds the program and loads it.
    fn load(&self, paths: &PathContext, limits: &Limits, process: &ProcessSpec, name: &[u8]) -> Result<Image, Errno> {
        let (kernel, cgroup, creds) = (&*self.kernel, &*self.cgroup, &*paths.creds);
        let runner = Runner { kernel, paths, creds, cgroup, limits, personality: 0, shares_paths: false };
        search(process, name, |path: Vec<u8>| {
            let location = paths.lookup(&path, LookupFlags::FOLLOW)?;
            let program =
                Program { location, path, can_reopen: true, args: process.args.clone(), env: process.env.clone() };
            exec::load(&runner, program).map_err(Failure::errno)
        })
    }

    /// Fills descriptors 0 to 2; returns the bridge to the host's terminal, if there is one.
    fn open_stdio(&self, stdio: Stdio, files: &FdTable, paths: &PathContext) -> Result<Option<Arc<Console>>, Errno> {
        match stdio {
            Stdio::Files(streams) => {
                for stream in streams {
                    files.insert(stream::open(stream)?, false, 0, NR_OPEN)?;
                }
                Ok(None)
            }
            Stdio::Terminal { terminal, size: (rows, columns) } => {
                let owner = paths.creds.uid;
                let paths = PathContext { creds: Arc::new(Creds::root()), ..paths.clone() };
                let directory = paths.lookup(b"/dev/pts", LookupFlags::FOLLOW)?;
                let devpts = Devpts::of_root(directory.inode()).ok_or(Errno::ENOTTY)?;
                let master = devpts.open_master()?;
                let slave = format!("/dev/pts/{}", master.terminal().number());
                let console = Console::connect(terminal, master, rows, columns)?;
                let how = OpenHow { flags: flags::RDWR | flags::NOCTTY, ..OpenHow::default() };
                let file = paths.open(slave.as_bytes(), &how)?;
                file.inode().set_attributes(&SetAttributes { uid: Some(owner), ..SetAttributes::default() })?;
                for _ in 0..3 {
                    files.insert(file.clone(), false, 0, NR_OPEN)?;
                }
                Ok(Some(console))
            }
        }
    }

    /// Waits for the end of a process that [`Container::start`] started; may be asked by several
    /// callers, and after the end.
    ///
    /// # Errors
    /// `ESRCH` when there never was one.
    pub fn wait(&self, pid: i32) -> Result<ExitStatus, Errno> {
        self.wait_for(pid, None)
    }

    /// As [`Container::wait`], for so long; `None` is as long as it takes.
    ///
    /// # Errors
    /// `ETIMEDOUT` when it has not ended by then, and those of [`Container::wait`].
    pub fn wait_for(&self, pid: i32, timeout: Option<Duration>) -> Result<ExitStatus, Errno> {
        let process = self.started.lock().get(&pid).cloned().ok_or(Errno::ESRCH)?;
        let deadline = timeout.map(Deadline::after);
        let status = wait_until(&[(&process.ended, Events::all())], deadline, Interruptible::Nothing, || {
            process.ended_with.get().copied()
        })?;
        if self.first.get() == Some(&pid) {
            // Those that are in a pid namespace with a longer life.
            self.kill_all();
        }
        let console = self.consoles.lock().remove(&pid);
        if let Some(console) = console {
            // With the first process all others end; whatever they wrote is to be seen.
            if self.first.get() == Some(&pid) { console.finish() } else { console.stop() }
        }
        Ok(status)
    }

    /// Tells the kernel the size of the host terminal of a process: rows and columns.
    ///
    /// # Errors
    /// `ENOTTY` when it has none.
    pub fn resize(&self, pid: i32, rows: u16, columns: u16) -> Result<(), Errno> {
        self.console(pid)?.terminal().set_size(WindowSize { rows, columns, ..WindowSize::default() });
        Ok(())
    }

    /// The terminal that a process was started with.
    pub(super) fn console(&self, pid: i32) -> Result<Arc<Console>, Errno> {
        self.consoles.lock().get(&pid).cloned().ok_or(Errno::ENOTTY)
    }
}

/// Tries the places where a program of this name may be: those in PATH if it has no slash.
fn search<T>(
    process: &ProcessSpec,
    name: &[u8],
    mut attempt: impl FnMut(Vec<u8>) -> Result<T, Errno>,
) -> Result<T, Errno> {
    if name.contains(&b'/') {
        return attempt(name.to_vec());
    }
    if name.is_empty() {
        return Err(Errno::ENOENT);
    }
    let places = process.env.iter().find_map(|entry| entry.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
    let mut result = Err(Errno::ENOENT);
    for directory in places.split(|byte| *byte == b':') {
        let mut path = if directory.is_empty() { b".".to_vec() } else { directory.to_vec() };
        path.push(b'/');
        path.extend_from_slice(name);
        match attempt(path) {
            // As execvp(3): what may not be executed is passed over, but remembered.
            Err(Errno::EACCES) => result = Err(Errno::EACCES),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            other => return other,
        }
    }
    result
}

fn credentials(process: &ProcessSpec) -> Arc<Creds> {
    let mut groups = process.groups.clone();
    groups.sort_unstable();
    let (uid, gid) = (process.uid, process.gid);
    let sets = &process.capabilities;
    Arc::new(Creds {
        uid,
        euid: uid,
        suid: uid,
        fsuid: uid,
        gid,
        egid: gid,
        sgid: gid,
        fsgid: gid,
        groups,
        permitted: sets.permitted & cap::ALL,
        effective: sets.effective & cap::ALL,
        inheritable: sets.inheritable & cap::ALL,
        bounding: sets.bounding & cap::ALL,
        ambient: sets.ambient & cap::ALL,
        securebits: 0,
        no_new_privs: process.no_new_privs,
    })
}

/// The working directory; as runc does, it is made if it is missing.
fn working_directory(mounts: &Arc<MountNamespace>, creds: &Arc<Creds>, path: &[u8]) -> Result<Location, Errno> {
    let root = mounts.root();
    let all = PathContext { root: root.clone(), directory: root.clone(), creds: Arc::new(Creds::root()), umask: 0o022 };
    let mut here = Vec::new();
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        here.push(b'/');
        here.extend_from_slice(name);
        match all.make_directory(&here, 0o755) {
            Ok(_) | Err(Errno::EEXIST | Errno::EROFS) => {}
            Err(error) => return Err(error),
        }
    }
    here.push(b'/');
    let own = PathContext { creds: creds.clone(), ..all };
    own.lookup(&here, LookupFlags::FOLLOW | LookupFlags::DIRECTORY)
}
