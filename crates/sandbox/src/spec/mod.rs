//! The parts of an OCI runtime specification (version 1.2) that Lazaret acts on.
//!
//! Fields that only steer host namespaces, which a sandbox has its own of, are read and ignored,
//! as is what the specification does not name. See the `config.md` and `config-linux.md` of
//! opencontainers/runtime-spec.

mod default;
pub mod devices;
mod kernel;
mod names;
mod resources;
mod seccomp;
mod validate;

use std::{collections::BTreeMap, fs::File, io::Read, path::Path, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

pub use default::{default_mounts, default_spec};
pub use names::{capability_bit, capability_names, is_file_system, resource_number, signal_number};
pub use resources::{
    BlockIo, Cpu, DeviceRule, HugepageLimit, InterfacePriority, Memory, Network, Pids, Rdma, Resources, ThrottleDevice,
    WeightDevice,
};
pub use seccomp::{ACTIONS, ARCHITECTURES, FLAGS, OPERATORS, Seccomp};

/// Longest `config.json` that is read, in bytes.
const MAX_CONFIG: u64 = 16 << 20;

/// A `config.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Version of the specification.
    pub oci_version: String,
    /// The container's first process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The root file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Host name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// NIS domain name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domainname: String,
    /// Further mounts, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Programs of the host to run at points of the container's life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// Free text for the tools above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What only Linux has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
}

/// `process`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Give it a terminal.
    #[serde(default)]
    pub terminal: bool,
    /// The terminal's size at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_size: Option<ConsoleSize>,
    /// User and groups.
    #[serde(default)]
    pub user: User,
    /// Program and arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment, `NAME=value`.
    #[serde(default)]
    pub env: Vec<String>,
    /// Working directory.
    #[serde(default)]
    pub cwd: String,
    /// Capability sets; absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Resource limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rlimits: Vec<Rlimit>,
    /// See PR_SET_NO_NEW_PRIVS in prctl(2).
    #[serde(default)]
    pub no_new_privileges: bool,
    /// OOM score adjustment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    /// The program was not written to be an init, so signals end it as they would elsewhere. Not part of
    /// the OCI specification: `do` sets it.
    #[serde(skip)]
    pub ordinary_init: bool,
}

/// `process.consoleSize`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ConsoleSize {
    /// Character rows.
    pub height: u16,
    /// Character columns.
    pub width: u16,
}

/// `process.user`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// User id.
    #[serde(default)]
    pub uid: u32,
    /// Group id.
    #[serde(default)]
    pub gid: u32,
    /// File mode creation mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Supplementary groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_gids: Vec<u32>,
}

/// `process.capabilities`: names such as `CAP_KILL`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are capabilities(7)'s")]
pub struct Capabilities {
    #[serde(default)]
    pub bounding: Vec<String>,
    #[serde(default)]
    pub effective: Vec<String>,
    #[serde(default)]
    pub inheritable: Vec<String>,
    #[serde(default)]
    pub permitted: Vec<String>,
    #[serde(default)]
    pub ambient: Vec<String>,
}

/// One of `process.rlimits`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rlimit {
    /// Name such as `RLIMIT_NOFILE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
}

/// `root`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Root {
    /// Directory, relative to the bundle or absolute.
    pub path: PathBuf,
    /// The container may not write to it.
    #[serde(default)]
    pub readonly: bool,
}

/// One of `mounts`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path in the container.
    pub destination: PathBuf,
    /// File system type; empty or `none` or `bind` for a bind mount.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Host path of a bind mount, relative to the bundle or absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// Mount options as in mount(8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
}

/// `hooks`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hooks {
    /// While the container is made; the specification's older name for `createRuntime`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prestart: Vec<Hook>,
    /// While the container is made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_runtime: Vec<Hook>,
    /// The same, after those; the namespaces that the specification wants them run in are the sandbox's,
    /// where no program of the host runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_container: Vec<Hook>,
    /// In the container, before its first process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start_container: Vec<Hook>,
    /// After the first process has been started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook>,
    /// After the container is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook>,
}

/// One of `hooks`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hook {
    /// Absolute path of the program.
    pub path: PathBuf,
    /// Its arguments, its name first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its environment; the command's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// Seconds it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
}

/// `linux`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Linux {
    /// Namespaces; a sandbox has its own of each kind but that of the network whatever this says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Kernel parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctl: BTreeMap<String, String>,
    /// Cgroup of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroups_path: Option<String>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Which system calls the container may make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    /// Paths the container may not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked_paths: Vec<PathBuf>,
    /// Paths the container may not write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readonly_paths: Vec<PathBuf>,
}

/// One of `linux.namespaces`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Namespace {
    /// `pid`, `network`, `mount` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// An existing namespace to join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

impl Process {
    /// Finds the first problem: the field, and what is wrong.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub(crate) fn validate(&self) -> Result<(), (String, String)> {
        validate::check_process(self)
    }
}

impl Spec {
    /// Reads and checks the `config.json` of a bundle.
    ///
    /// # Errors
    /// Names the file and the field that is wrong.
    pub fn load(bundle: &Path) -> Result<Spec, Error> {
        let path = bundle.join("config.json");
        let wrong = |error: std::io::Error| Error::host(format!("read {}", path.display()), error);
        let file = File::open(&path).map_err(wrong)?;
        let mut text = Vec::new();
        file.take(MAX_CONFIG + 1).read_to_end(&mut text).map_err(wrong)?;
        if text.len() as u64 > MAX_CONFIG {
            return Err(Error::spec(&path, "", format!("is longer than {MAX_CONFIG} bytes")));
        }
        let json = &mut serde_json::Deserializer::from_slice(&text);
        let spec: Spec = serde_path_to_error::deserialize(json)
            .map_err(|error| Error::spec(&path, &error.path().to_string(), error.inner().to_string()))?;
        validate::validate(&spec).map_err(|(field, problem)| Error::spec(&path, &field, problem))?;
        Ok(spec)
    }

    /// Checks a specification that was made, not read.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        validate::validate(self)
            .map_err(|(field, problem)| Error::spec(Path::new("the specification"), &field, problem))
    }
}
