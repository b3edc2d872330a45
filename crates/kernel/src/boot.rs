//! The kernel as a whole, and how a sandbox starts it.
//!
//! The sandbox process makes a [`Kernel`], gives it containers to create, and starts their first
//! processes. Everything here has been validated by the caller; what comes from an image or the
//! application is not trusted.

mod activity;
mod container;
mod inspect;
mod leash;
mod prepared;
mod signal;

use std::os::fd::OwnedFd;

use lazaret_abi::{errno::Errno, seccomp::BpfInstruction, signal::Signal};
use lazaret_platform::Platform;
use lazaret_snapshot::Snapshot;

pub use self::{
    activity::{TaskInfo, TaskState, ThreadInfo},
    container::Container,
    inspect::ProcessInfo,
    leash::Leash,
    prepared::Prepared,
    signal::Targets,
};

use crate::{
    fs::{
        cgroup::Hierarchies,
        hostfs::{HostFile, HostTrees},
    },
    log::{Level, Log},
    net::Network,
    sync::{Arc, Mutex, MutexGuard},
    syscalls::{missing::Missing, strace},
    task::{devices::DeviceRules, pid::PidNamespace, sched::CpuSet, tree::ProcessTree},
    tty::job::ControllingTerminals,
};

/// What a kernel is made with.
pub struct KernelConfig {
    /// Processors that the sandbox may use.
    pub cpus: CpuSet,
    /// Processors that the machine has.
    pub online: usize,
    /// How application code runs.
    pub platform: Box<dyn Platform>,
    /// Log files.
    pub log: Log,
    /// The host's procfs of the sandbox's own pid namespace, for statistics of memory and processors.
    pub host_proc: Option<OwnedFd>,
    /// What the host tells of itself.
    pub host_files: HostFiles,
    /// Where sockets reach to.
    pub network: Network,
    /// Write a line for each system call to the debug log; `Some` of an empty list means all calls.
    pub strace: Option<Vec<String>>,
}

/// Files of the host's procfs that are the container's too: they tell of the machine, and of nobody's
/// processes.
#[derive(Default)]
pub struct HostFiles {
    /// `/proc/cpuinfo`.
    pub processors: Option<OwnedFd>,
    /// `/proc/meminfo`.
    pub memory: Option<OwnedFd>,
}

/// One mounted tree of a container.
pub struct MountSpec {
    /// Absolute path in the container; missing directories (or a file, for a bind of a file) are made.
    pub destination: Vec<u8>,
    /// What is mounted.
    pub source: MountSource,
    /// MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC ... of mount(2).
    pub flags: u64,
}

/// What a mount shows.
pub enum MountSource {
    /// A host directory or file, opened by the gofer. Writes reach the host unless `overlay`.
    Host {
        /// The directory or file.
        file: HostFile,
        /// Keep writes in the sandbox, above the host's tree.
        overlay: bool,
        /// Nobody else changes it as long as it is mounted.
        exclusive: bool,
    },
    /// A tmpfs; `options` are its mount data (`size=64k,mode=1777`).
    Tmpfs {
        /// Mount data.
        options: String,
    },
    /// procfs.
    Proc,
    /// sysfs.
    Sysfs,
    /// devtmpfs-like `/dev` with the standard nodes.
    Dev,
    /// Pseudo-terminals.
    Devpts {
        /// Mount data (`newinstance,ptmxmode=0666,mode=0620,gid=5`).
        options: String,
    },
    /// POSIX message queues.
    Mqueue,
    /// The container's cgroups, as its specification or its host has them.
    Cgroup {
        /// Version 2, where the host has version 1 too.
        unified: bool,
    },
    /// One hierarchy of version 1.
    CgroupController {
        /// Its controllers, with commas.
        name: String,
    },
}

/// A container of the sandbox.
pub struct ContainerSpec {
    /// Its id.
    pub id: String,
    /// Host name.
    pub hostname: String,
    /// NIS domain name.
    pub domainname: String,
    /// Root file system: destination `/`, with its flags.
    pub root: MountSpec,
    /// Further mounts, in order.
    pub mounts: Vec<MountSpec>,
    /// Paths that are hidden from the container.
    pub masked_paths: Vec<Vec<u8>>,
    /// Paths that are made read-only.
    pub readonly_paths: Vec<Vec<u8>>,
    /// Kernel parameters of the container, as in `/proc/sys` (`kernel.msgmax`).
    pub sysctl: Vec<(String, String)>,
    /// Most tasks that it may have; `None` for any number.
    pub max_tasks: Option<u64>,
    /// The devices that it may use.
    pub devices: DeviceRules,
    /// The cgroups that it is in.
    pub cgroups: Hierarchies,
    /// The host counts it apart from other containers.
    pub is_apart: bool,
    /// The filter that all its processes start with.
    pub seccomp: Option<Vec<BpfInstruction>>,
    /// Namespaces that it does not get for itself.
    pub shared: SharedNamespaces,
}

/// Other containers in whose namespaces a container is.
#[derive(Default)]
pub struct SharedNamespaces {
    /// Process ids.
    pub pid: Option<Arc<Container>>,
    /// System V IPC and POSIX message queues.
    pub ipc: Option<Arc<Container>>,
    /// Host and domain name.
    pub uts: Option<Arc<Container>>,
    /// Network.
    pub network: Option<Arc<Container>>,
}

/// Standard input, output and error of a first process.
pub enum Stdio {
    /// Host files, sockets or pipes, for descriptors 0, 1, 2.
    Files([OwnedFd; 3]),
    /// A host terminal in raw mode; the kernel makes a pty for the process and relays to it.
    Terminal {
        /// The host's terminal.
        terminal: OwnedFd,
        /// Rows and columns at the start.
        size: (u16, u16),
    },
}

/// Five capability sets; bit n is capability n.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the names are capabilities(7)'s")]
pub struct CapabilitySets {
    pub bounding: u64,
    pub effective: u64,
    pub inheritable: u64,
    pub permitted: u64,
    pub ambient: u64,
}

/// A process to start in a container.
pub struct ProcessSpec {
    /// Arguments; the first is the program's name.
    pub args: Vec<Vec<u8>>,
    /// The program, looked up in PATH if it has no slash; `None` for the one that the first argument names.
    pub program: Option<Vec<u8>>,
    /// Environment, `NAME=value`.
    pub env: Vec<Vec<u8>>,
    /// Working directory, absolute.
    pub cwd: Vec<u8>,
    /// User id in the container.
    pub uid: u32,
    /// Group id in the container.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// File mode creation mask.
    pub umask: Option<u32>,
    /// Capabilities.
    pub capabilities: CapabilitySets,
    /// Limits: resource number (RLIMIT_*), soft, hard.
    pub rlimits: Vec<(u32, u64, u64)>,
    /// no_new_privs.
    pub no_new_privs: bool,
    /// Signals do to the container's first process what they do to any other: it was not written to be
    /// an init.
    pub ordinary_init: bool,
    /// OOM score adjustment that the process shows.
    pub oom_score_adj: Option<i32>,
    /// Standard streams.
    pub stdio: Stdio,
    /// Further host files: descriptor 3 and up.
    pub inherited: Vec<OwnedFd>,
}

/// Why a container or process could not be started. The step and the cause, for people.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{step}: {cause}")]
pub struct StartError {
    /// What was being done, with the name of the field, path or program.
    pub step: String,
    /// Why it failed.
    pub cause: Errno,
}

/// How a process ended, as wait(2) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Snapshot)]
pub enum ExitStatus {
    /// exit(2) with this code.
    Exited(u8),
    /// Killed by this signal; the flag tells whether a core would have been dumped.
    Signaled(u8, bool),
}

impl ExitStatus {
    /// Killed by a signal. The kernel writes no core files, so none is ever said to be dumped.
    pub fn signaled(signal: Signal) -> ExitStatus {
        // At most 64.
        ExitStatus::Signaled(signal.get() as u8, false)
    }

    /// What a shell would report: the code, or 128 + n for signal n.
    pub fn code(self) -> u8 {
        match self {
            ExitStatus::Exited(code) => code,
            ExitStatus::Signaled(signal, _) => 128_u8.saturating_add(signal),
        }
    }
}

/// The application kernel of one sandbox.
pub struct Kernel {
    /// How application code runs.
    pub platform: Box<dyn Platform>,
    /// Log files.
    pub log: Log,
    /// Which system calls are traced.
    pub strace: strace::Filter,
    /// System calls that programs made in vain.
    pub missing: Missing,
    /// Processors that the sandbox may use.
    pub cpus: CpuSet,
    /// Processors that the machine has.
    online: usize,
    /// The pid namespace that all containers' are in.
    pub pids: Arc<PidNamespace>,
    /// Controlling terminals by session.
    pub terminals: ControllingTerminals,
    /// The host's procfs of the sandbox's own pid namespace.
    pub host_proc: Option<OwnedFd>,
    /// What the host tells of itself.
    pub host_files: HostFiles,
    /// Directories and files of the host that containers share.
    pub host_trees: HostTrees,
    /// Where sockets reach to.
    pub network: Arc<Network>,
    processes: Mutex<ProcessTree>,
}

impl Kernel {
    /// A kernel without containers.
    pub fn new(config: KernelConfig) -> Arc<Kernel> {
        Kernel::with_pids(config, PidNamespace::root())
    }

    /// A kernel without processes whose root pid namespace is `pids`.
    pub(crate) fn with_pids(config: KernelConfig, pids: Arc<PidNamespace>) -> Arc<Kernel> {
        let strace = strace::Filter::default();
        for name in strace.set(config.strace.as_deref()) {
            config.log.write(Level::Warning, format_args!("strace: there is no system call {name}"));
        }
        let kernel = Arc::new(Kernel {
            platform: config.platform,
            log: config.log,
            strace,
            missing: Missing::default(),
            cpus: config.cpus,
            online: config.online.clamp(1, CpuSet::MAX),
            pids,
            terminals: ControllingTerminals::default(),
            host_proc: config.host_proc,
            host_files: config.host_files,
            host_trees: HostTrees::default(),
            network: Arc::new(config.network),
            processes: Mutex::default(),
        });
        let weak = Arc::downgrade(&kernel);
        kernel.platform.on_loss(Box::new(move || {
            if let Some(kernel) = weak.upgrade() {
                kernel.end_lost_processes();
            }
        }));
        kernel
    }

    /// Ends the processes whose address space is gone. Their tasks may all be asleep, and would not
    /// notice for long.
    fn end_lost_processes(&self) {
        let all: Vec<_> = self.processes().nodes().map(|node| node.process.clone()).collect();
        for process in all {
            if process.first_thread().is_some_and(|task| task.mm().space().is_dead()) {
                let mut signals = process.signals();
                // Else a thread is about to replace the address space.
                if signals.executing.is_none() {
                    signals.kill_all(ExitStatus::signaled(Signal::KILL));
                }
            }
        }
    }

    /// Number of processors of the machine. The sandbox may be confined to some of them.
    pub fn cpu_count(&self) -> usize {
        self.online
    }

    /// Processes and threads, locked.
    pub fn processes(&self) -> MutexGuard<'_, ProcessTree> {
        self.processes.lock()
    }

    /// Makes a container: its namespaces and its file tree. Nothing runs in it yet.
    ///
    /// # Errors
    /// Names the mount or setting that failed.
    pub fn create_container(self: &Arc<Self>, spec: ContainerSpec) -> Result<Arc<Container>, StartError> {
        Container::new(self, spec)
    }
}
