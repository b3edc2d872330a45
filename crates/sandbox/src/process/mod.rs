//! The sandbox process: what it does from its birth to the container's end.
//!
//! Each step takes something away; the order matters and is told at each step.

mod confine;
mod container;
mod debug;
mod follow;
mod hooks;
pub mod oom;
mod root;
mod serve;
pub mod server;

use std::{fs::File, os::fd::OwnedFd, sync::Arc};

use lazaret_control::{Channel, Failure, Report};
use lazaret_kernel::{
    boot::{Container, HostFiles, Kernel, KernelConfig, ProcessSpec, SharedNamespaces},
    log::{Level, Log},
    task::sched::CpuSet,
};
use lazaret_platform::{
    Platform,
    stub::{StubConfig, StubPlatform},
};

use self::follow::Followed;
pub use self::hooks::StartHooks;
use crate::{cgroup, ids, network::Network, setup::ContainerSetup};

/// What the sandbox process inherits with the memory of its maker.
pub struct Setup {
    /// Id of the first container, and of the sandbox.
    pub id: String,
    /// That container.
    pub container: ContainerSetup,
    /// Its terminal's size is that of the host's terminal, which the sandbox process takes as its own.
    pub follows_terminal: bool,
    /// Further containers may join.
    pub is_open: bool,
    /// It opens files of the host by itself, or those that join will.
    pub directfs: bool,
    /// How the user namespace's ids are mapped.
    pub ids: ids::Mode,
    /// What the container's sockets reach.
    pub network: Network,
    /// End with the maker.
    pub attached: bool,
    /// System calls to trace: all if empty.
    pub strace: Option<Vec<String>>,
    /// How much goes to the debug log.
    pub log_level: Option<Level>,
    /// The debug log is a file that somebody reads.
    pub has_log: bool,
    /// Report refused host calls instead of dying silently.
    pub trap: bool,
}

/// The descriptors of a sandbox process.
pub struct Descriptors {
    /// To the maker.
    pub maker: OwnedFd,
    /// To the gofer.
    pub gofer: OwnedFd,
    /// The control socket.
    pub listener: OwnedFd,
    /// Standard streams of the container, or its terminal; files of its first process.
    pub stdio: Vec<OwnedFd>,
    /// Messages for the user.
    pub user_log: OwnedFd,
    /// The debug log, and standard error of the sandbox process itself.
    pub debug_log: OwnedFd,
    /// Where the exit status is left for those who come later.
    pub exit: OwnedFd,
    /// For streams that the sandbox process itself does not use.
    pub null: OwnedFd,
}

impl Descriptors {
    /// As a list, for the copy of the process to keep.
    pub fn into_list(self) -> Vec<OwnedFd> {
        let mut list = vec![self.maker, self.gofer, self.listener, self.user_log, self.debug_log, self.exit, self.null];
        list.extend(self.stdio);
        list
    }

    /// From that list.
    pub fn from_list(list: Vec<OwnedFd>) -> Option<Descriptors> {
        let mut list = list.into_iter();
        Some(Descriptors {
            maker: list.next()?,
            gofer: list.next()?,
            listener: list.next()?,
            user_log: list.next()?,
            debug_log: list.next()?,
            exit: list.next()?,
            null: list.next()?,
            stdio: list.collect(),
        })
    }
}

/// Exit status of a sandbox process that could not start.
pub const FAILED: i32 = 1;

/// The body of the sandbox process; returns its exit status, which is the container's.
pub fn run(setup: Setup, descriptors: Vec<OwnedFd>) -> i32 {
    let Some(Descriptors { maker, gofer, listener, stdio, user_log, debug_log, exit, null }) =
        Descriptors::from_list(descriptors)
    else {
        return FAILED;
    };
    lazaret_hostcall::memory::use_one_heap();
    let maker = Arc::new(Channel::from(maker));
    let logs = Logs { user: user_log, debug: debug_log, null };
    let booted = boot(setup, &maker, &Channel::from(gofer), stdio, logs);
    match booted {
        Ok(booted) => {
            let status = serve::serve(booted, listener, &maker);
            // Nobody may be left to read it.
            let _ = rustix::io::write(&exit, status.to_string().as_bytes());
            status
        }
        Err(failure) => {
            // If nobody listens any more there is nobody to tell.
            let _ = maker.send(&Report::Failed(failure), &[]);
            FAILED
        }
    }
}

struct Logs {
    user: OwnedFd,
    debug: OwnedFd,
    null: OwnedFd,
}

/// A sandbox whose first container is ready to start.
pub struct Booted {
    /// The application kernel.
    pub kernel: Arc<Kernel>,
    /// Id of the container.
    pub id: String,
    /// The container.
    pub container: Arc<Container>,
    /// Its first process.
    pub process: ProcessSpec,
    /// What runs before.
    pub hooks: StartHooks,
    /// The host terminal whose size that process' terminal follows.
    pub followed: Option<Followed>,
    /// Further containers may join.
    pub is_open: bool,
}

/// Confines the process, then makes the kernel and the container.
fn boot(setup: Setup, maker: &Channel, gofer: &Channel, stdio: Vec<OwnedFd>, logs: Logs) -> Result<Booted, Failure> {
    // Nothing can be done before the ids are mapped.
    let (own_id, cgroups, cgroup_files) = match maker.receive::<Report>() {
        Ok((Report::Proceed { own_id, cgroups }, files)) => (own_id, cgroups, files),
        Ok(_) => return Err(Failure::new("start the sandbox process", "its maker sent what was not expected")),
        Err(error) => return Err(Failure::new("start the sandbox process", error)),
    };
    let forget = lazaret_hostcall::start::forget(&format!("lazaret: sandbox {}", setup.id));
    forget.map_err(|error| Failure::host("forget the maker's environment", error))?;
    confine::detach(&logs.null, &logs.debug)?;
    let followed = match stdio.first() {
        Some(terminal) if setup.follows_terminal => Some(Followed::new(terminal)?),
        _ => None,
    };
    let maps =
        std::fs::read_to_string("/proc/self/maps").map_err(|error| Failure::host("read /proc/self/maps", error))?;
    // Before Linux 6.4 what the host tells a program at its start is read from procfs, once.
    rustix::param::linux_hwcap();
    let online = online_processors();
    let score = oom::Score::of_this_process();
    let host_file = |path| File::open(path).ok().map(OwnedFd::from);
    let host_files = HostFiles { processors: host_file("/proc/cpuinfo"), memory: host_file("/proc/meminfo") };
    let network = setup.network.open()?;
    let root::EmptyRoot { procfs, mounts } = root::enter_empty_root(setup.is_open)?;
    let (files, resolved) = lazaret_gofer::receive_with_mounts(gofer)?;
    let plan = &setup.container.plan;
    let rights = if setup.is_open && setup.directfs {
        confine::WRITING
    } else {
        confine::rights(plan.donated().map(|source| source.read_only))
    };
    confine::drop_privileges(setup.ids, own_id, rights)?;
    confine::stay_dumpable()?;
    if setup.attached {
        confine::die_with_maker(maker)?;
    }
    // Before the zygote is made: the host lets a process under Landlock reach only into processes
    // that are under it too.
    let opened = plan.sources.iter().zip(&files).filter(|(source, _)| !source.served);
    let trees = opened.map(|(source, file)| (file, source.read_only));
    confine::landlock(setup.network, trees, procfs.as_ref(), mounts.as_ref())?;
    let host_proc = match &procfs {
        Some(procfs) => Some(procfs.try_clone().map_err(|error| Failure::host("keep the procfs", error))?),
        None => None,
    };
    // The platform confines this thread to one processor now and then.
    let cpus = CpuSet::of_host();
    let make = || platform(procfs, maps);
    let platform = match &score {
        Some(score) => score.for_stubs(make)?,
        None => make()?,
    };
    confine::load_filter(setup.network, setup.directfs, setup.trap)?;

    let user = File::from(logs.user);
    let debug = setup.has_log.then(|| File::from(logs.debug));
    let log = Log::new(setup.log_level, debug, Some(user));
    let config = KernelConfig { cpus, online, platform, log, host_proc, host_files, network, strace: setup.strace };
    let kernel = Kernel::new(config);
    let parts = container::Parts {
        files,
        resolved,
        streams: stdio,
        cgroups: cgroup::View::receive(cgroups, cgroup_files)?,
        shared: SharedNamespaces::default(),
    };
    let hooks = setup.container.start.clone();
    let (container, process) = container::create(&kernel, &setup.id, setup.container, parts)?;
    if !setup.attached {
        // Who makes a container now and starts it later wants to know at once.
        container.check(&process).map_err(container::start_failure)?;
    }
    Ok(Booted { kernel, id: setup.id, container, process, hooks, followed, is_open: setup.is_open })
}

/// One more than the highest number of a processor that the machine has switched on.
fn online_processors() -> usize {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let last = list.trim().rsplit(['-', ',']).next().and_then(|number| number.parse::<usize>().ok());
    last.unwrap_or_else(|| CpuSet::of_host().last()).saturating_add(1)
}

fn platform(proc: Option<OwnedFd>, maps: String) -> Result<Box<dyn Platform>, Failure> {
    match StubPlatform::new(StubConfig { proc, maps: Some(maps) }) {
        Ok(platform) => Ok(Box::new(platform)),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            Err(Failure::new(format!("start the platform: {error}"), cause))
        }
    }
}
