//! `start` and `delete`: a server for each container or pod, and what is left of one.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::OpenOptionsExt,
            net::{UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use containerd_shim_protos::{api::DeleteResponse, protobuf::Message};
use lazaret_sandbox::{Container, Error};
use serde::Deserialize;

use crate::{arguments::Arguments, config, process::timestamp, rootfs};

/// Where containerd's shims have their sockets. Names are short, for a path may not be longer than 107 bytes.
const SOCKETS: &str = "/run/containerd/s";

/// Where containerd looks for a server's address, in the container's directory.
const ADDRESS: &str = "address";

/// The annotation that names the pod of a container.
const POD: &str = "io.kubernetes.cri.sandbox-id";

/// Exit status of a container whose server is gone.
const KILLED: u32 = 128 + libc::SIGKILL.cast_unsigned();

/// Starts a server for the container in the current directory, or finds that of its pod; returns its address.
///
/// # Errors
/// Names the step that failed.
pub fn start(arguments: &Arguments) -> io::Result<String> {
    let address = match address_of_pod(&arguments.id) {
        Some(address) => address,
        None => spawn(arguments)?,
    };
    fs::write(ADDRESS, &address)?;
    Ok(address)
}

/// The address of the server of the pod that the container belongs to, if it belongs to one and that is served.
fn address_of_pod(id: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Annotated {
        #[serde(default)]
        annotations: BTreeMap<String, String>,
    }
    let spec: Annotated = serde_json::from_reader(io::BufReader::new(File::open("config.json").ok()?)).ok()?;
    let pod = spec.annotations.get(POD).filter(|pod| *pod != id)?;
    lazaret_sandbox::check_id(pod).ok()?;
    let address = fs::read_to_string(Path::new("..").join(pod).join(ADDRESS)).ok()?;
    UnixStream::connect(address.strip_prefix("unix://")?).ok()?;
    Some(address)
}

/// Starts a server that outlives this process, with its socket as standard input and containerd's log as
/// standard error.
fn spawn(arguments: &Arguments) -> io::Result<String> {
    let path = socket_path(arguments);
    fs::create_dir_all(SOCKETS)?;
    if UnixStream::connect(&path).is_err() {
        // Of a server that was killed.
        let _ = fs::remove_file(&path);
    }
    let listener = UnixListener::bind(&path)?;
    // Read and write, so that it opens without a reader; lines that nobody reads are lost instead of waiting.
    let log = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("log");
    let spawned = Command::new(env::current_exe()?)
        .args(["-namespace", &arguments.namespace, "-id", &arguments.id, "-address", &arguments.address])
        .stdin(OwnedFd::from(listener))
        .stdout(Stdio::null())
        .stderr(log.map_or(Stdio::null(), Stdio::from))
        .process_group(0)
        .spawn();
    match spawned {
        Ok(_) => Ok(format!("unix://{}", path.display())),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

/// Where the server of a container listens.
pub fn socket_path(arguments: &Arguments) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (&arguments.address, &arguments.namespace, &arguments.id).hash(&mut hasher);
    Path::new(SOCKETS).join(format!("lazaret-{:016x}", hasher.finish()))
}

/// Removes what is left of a container; returns the answer for containerd.
///
/// # Errors
/// Names the step that failed.
pub fn delete(arguments: &Arguments) -> io::Result<Vec<u8>> {
    let config = config(&arguments.namespace);
    let removed = match Container::load(&config, &arguments.id) {
        Ok(container) => container.delete(true),
        Err(Error::NotFound(_)) => Ok(()),
        Err(_) => Container::discard(&config, &arguments.id),
    };
    removed.map_err(io::Error::other)?;
    rootfs::unmount(&arguments.bundle)?;
    // A pod's server may serve others still.
    let address = fs::read_to_string(arguments.bundle.join(ADDRESS)).unwrap_or_default();
    if let Some(path) = address.strip_prefix("unix://").filter(|path| UnixStream::connect(path).is_err()) {
        let _ = fs::remove_file(path);
    }
    let response = DeleteResponse {
        exit_status: KILLED,
        exited_at: Some(timestamp(SystemTime::now())).into(),
        ..DeleteResponse::default()
    };
    response.write_to_bytes().map_err(io::Error::other)
}
