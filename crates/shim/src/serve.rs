//! The server that `start` leaves behind.

use std::{env, fs, io, os::fd::IntoRawFd, sync::Arc};

use containerd_shim_protos::{create_task, ttrpc::Server};
use rustix::{io::fcntl_dupfd_cloexec, stdio};

use crate::{arguments::Arguments, events::Events, start::socket_path, task::Service};

/// Where containerd takes events; it tells its shims by this variable.
const EVENTS: &str = "TTRPC_ADDRESS";

/// Serves requests on the socket that is standard input, until containerd says that it is enough.
///
/// # Errors
/// Those of starting the server.
pub fn serve(arguments: &Arguments) -> io::Result<()> {
    let listener = fcntl_dupfd_cloexec(stdio::stdin(), 3)?;
    stdio::dup2_stdin(fs::File::open("/dev/null")?)?;
    let address = env::var(EVENTS).unwrap_or_else(|_| format!("{}.ttrpc", arguments.address));
    let address = if address.contains("://") { address } else { format!("unix://{address}") };
    let events = Events::to(address, arguments.namespace.clone())?;
    let service = Arc::new(Service::new(&arguments.namespace, events));
    // Version 3 of the task API is version 2 by another name. containerd 1 knows that one only, and containerd 2
    // takes it from a shim that prints a bare address.
    let methods = create_task(service.clone()).into_iter();
    let methods = methods.map(|(name, method)| (name.replace("/containerd.task.v3.", "/containerd.task.v2."), method));
    let mut server = Server::new()
        .add_listener(listener.into_raw_fd())
        .map_err(io::Error::other)?
        .register_service(methods.collect());
    server.start().map_err(io::Error::other)?;
    service.await_shutdown();
    // Its threads end with the process: one of them may be answering a question that nobody waits for any more.
    match fs::remove_file(socket_path(arguments)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
