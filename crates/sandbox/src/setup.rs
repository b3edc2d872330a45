//! What the sandbox process is told of a container.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    cgroup::View,
    mounts::{Origin, Plan},
    process::StartHooks,
    spec::{self, Spec},
    state::{State, Status},
};

/// A container, without the files that come along. The first one's is in the memory that the sandbox process
/// inherits, those of others come over its control socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerSetup {
    /// Host name in the container.
    pub hostname: String,
    /// NIS domain name in the container.
    pub domainname: String,
    /// The container's mounts.
    pub plan: Plan,
    /// Paths hidden from the container.
    pub masked_paths: Vec<PathBuf>,
    /// Paths made read-only.
    pub readonly_paths: Vec<PathBuf>,
    /// Kernel parameters.
    pub sysctl: Vec<(String, String)>,
    /// Most tasks of the container.
    pub max_tasks: Option<u64>,
    /// Rules for the devices that it may use.
    pub devices: Vec<spec::DeviceRule>,
    /// The filter of its system calls.
    pub seccomp: Option<spec::Seccomp>,
    /// The container's first process, and what runs before it.
    pub start: StartHooks,
    /// Rows and columns of its terminal, if there is one.
    pub terminal: Option<(u16, u16)>,
    /// Containers in whose namespaces it is.
    pub shared: Sharing,
    /// The cgroup that a container which joins has for itself.
    pub cgroup: Option<View>,
    /// The processors that it may use there.
    pub processors: Option<String>,
}

/// Ids of containers of the sandbox in whose namespaces another one is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Process ids.
    pub pid: Option<String>,
    /// System V IPC and POSIX message queues.
    pub ipc: Option<String>,
    /// Host and domain name.
    pub uts: Option<String>,
    /// Network.
    pub network: Option<String>,
}

impl ContainerSetup {
    /// The container of a valid specification, which shares nothing.
    pub fn new(id: &str, spec: &Spec, origin: Origin<'_>, terminal: Option<(u16, u16)>) -> ContainerSetup {
        let linux = spec.linux.clone().unwrap_or_default();
        let resources = linux.resources.unwrap_or_default();
        ContainerSetup {
            hostname: hostname(spec),
            domainname: spec.domainname.clone(),
            plan: Plan::new(spec, origin),
            masked_paths: linux.masked_paths,
            readonly_paths: linux.readonly_paths,
            sysctl: linux.sysctl.into_iter().collect(),
            max_tasks: resources.max_tasks(),
            devices: resources.devices.unwrap_or_default(),
            seccomp: linux.seccomp,
            start: start_hooks(id, origin.bundle, spec),
            terminal,
            shared: Sharing::default(),
            cgroup: None,
            processors: None,
        }
    }

    /// The directory of the host that its root is.
    pub fn rootfs(&self) -> PathBuf {
        self.plan.sources.first().map_or(Path::new(""), |root| &root.path).into()
    }
}

/// The hooks that run in the container, for which its first process is number 1.
fn start_hooks(id: &str, bundle: &Path, spec: &Spec) -> StartHooks {
    let state = State {
        oci_version: spec.oci_version.clone(),
        pid: 1,
        bundle: bundle.to_owned(),
        annotations: spec.annotations.clone(),
        ..State::new(id)
    };
    StartHooks {
        hooks: spec.hooks.as_ref().map(|hooks| hooks.start_container.clone()).unwrap_or_default(),
        state: state.describe(Status::Created),
        process: spec.process.clone().unwrap_or_default(),
    }
}

/// The specification's, or that of the host, as a new uts namespace has it.
fn hostname(spec: &Spec) -> String {
    match spec.hostname.as_str() {
        "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        name => name.to_owned(),
    }
}
