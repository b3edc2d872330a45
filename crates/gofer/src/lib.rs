//! The process that opens host files for a container.
//!
//! It alone sees the host's file tree. In a mount namespace of its own it resolves the sources
//! that the container's specification names, clones each into a detached mount (so that what the
//! sandbox holds has no way up, and shows no later mount of the host), hands the descriptors to the
//! sandbox process, and ends. See open_tree(2) and mount_setattr(2).
//!
//! What the sandbox process must not open by itself goes to another process, which serves it as long as the container
//! lives, and sees nothing else of the host: [`serve`].

#![forbid(unsafe_code)]

mod confine;
pub mod filter;
pub mod join;
mod open;
pub mod resolve;
pub mod serve;

use std::{
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use lazaret_control::{Channel, Failure, MAX_FDS, Report};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use self::{join::Join, resolve::Mount};

/// A file or directory of the host to hand over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What the failure to open it is called: the field of the specification.
    pub name: String,
    /// Absolute path on the host.
    pub path: PathBuf,
    /// Hand over a read-only mount.
    pub read_only: bool,
    /// Clone the mounts below it too.
    pub recursive: bool,
    /// Refuse what is not a directory.
    pub directory: bool,
    /// Serve it by 9P instead of handing it over.
    pub served: bool,
}

/// Whom the gofer gets its orders from, and who gets what it opens.
#[derive(Debug)]
pub struct Parties {
    /// Hears of a failure.
    pub maker: Channel,
    /// The sandbox process.
    pub sandbox: Channel,
    /// The file of resolved mounts, for writing.
    pub resolved: OwnedFd,
    /// The same for reading, which the sandbox process gets.
    pub resolved_to_read: OwnedFd,
    /// Serves files to the sandbox process, in a process of its own; see [`serve`].
    pub server: Option<Channel>,
}

/// Opens the sources and sends them, in their order, to the sandbox process: the body of the
/// gofer process. Returns its exit status; a failure is told to the maker. With `join` the sandbox runs already.
///
/// Before that it finds out where the `mounts` are to be, and writes them to their file; see [`resolve`].
///
/// Those that are served go to the server, each with one end of a connection, whose other end the sandbox process gets.
///
/// Starts when the maker says [`Report::Proceed`].
pub fn run(sources: &[Source], mounts: &[Mount], parties: &Parties, join: Option<&Join>) -> i32 {
    match hand_over(sources, mounts.to_vec(), parties, join) {
        Ok(()) => 0,
        Err(failure) => {
            // If nobody listens any more there is nobody to tell.
            let _ = parties.maker.send(&Report::Failed(failure), &[]);
            1
        }
    }
}

fn hand_over(
    sources: &[Source],
    mut mounts: Vec<Mount>,
    parties: &Parties,
    join: Option<&Join>,
) -> Result<(), Failure> {
    match parties.maker.receive::<Report>() {
        Ok((Report::Proceed { .. }, _)) => {}
        Ok(_) => return Err(Failure::new("start the gofer", "the maker sent what was not expected")),
        Err(error) => return Err(Failure::new("start the gofer", error)),
    }
    if let Some(join) = join {
        join.prepare()?;
    }
    confine::confine(join.is_some())?;
    let (first, others) = sources.split_first().ok_or_else(|| Failure::new("open the root", "none was named"))?;
    let root = open::find(first)?;
    // What the sources are must be known first: covering directories in the root must not cover other sources.
    let found = others.iter().map(open::find).collect::<Result<Vec<_>, _>>()?;
    let mut files = vec![root.copy()?];
    for other in &found {
        files.push(other.open(&[])?);
    }
    resolve::resolve(&mut mounts, &files[0], &files)?;
    let covered: Vec<_> = mounts.iter().map(|mount| mount.destination.clone()).collect();
    for mount in &mut mounts {
        if let Some(index) = mount.opened {
            mount.source = index.checked_sub(1).and_then(|index| found.get(index)).map(|found| found.path.clone());
        }
    }
    resolve::write(&mounts, &parties.resolved)?;
    files[0] = root.open(&covered)?;
    if let Some(server) = &parties.server {
        let mut served = Vec::new();
        for (_, file) in sources.iter().zip(&mut files).filter(|(source, _)| source.served) {
            let (near, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .map_err(|errno| Failure::host("make a socket pair", errno))?;
            served.extend([std::mem::replace(file, near), far]);
        }
        send(server, &served).map_err(|error| Failure::new("hand files to the process that serves them", error))?;
    }
    if let Some(join) = join {
        files = join.attach(sources, files)?;
    }
    let copy = rustix::io::fcntl_dupfd_cloexec(&parties.resolved_to_read, 0);
    files.push(copy.map_err(|errno| Failure::host("copy a descriptor", errno))?);
    send(&parties.sandbox, &files).map_err(|error| Failure::new("hand files to the sandbox process", error))
}

fn send(receiver: &Channel, files: &[OwnedFd]) -> Result<(), lazaret_control::Error> {
    let mut remaining = files.len().div_ceil(MAX_FDS);
    for group in files.chunks(MAX_FDS) {
        remaining -= 1;
        let group: Vec<_> = group.iter().map(AsFd::as_fd).collect();
        receiver.send(&Report::Files { remaining }, &group)?;
    }
    Ok(())
}

/// Receives what a gofer sends to the sandbox process: files, and the resolved mounts.
///
/// # Errors
/// Says that the gofer, or what it sent, was not as expected.
pub fn receive_with_mounts(gofer: &Channel) -> Result<(Vec<OwnedFd>, Vec<Mount>), Failure> {
    let mut files = receive(gofer)?;
    let resolved = files.pop().ok_or_else(|| Failure::new("receive files from the gofer", "there were none"))?;
    Ok((files, resolve::read(&resolved)?))
}

/// Receives what a gofer sends to one of the parties.
///
/// # Errors
/// Says that the gofer, or what it sent, was not as expected.
pub fn receive(gofer: &Channel) -> Result<Vec<OwnedFd>, Failure> {
    let mut files = Vec::new();
    loop {
        match gofer.receive() {
            Ok((Report::Files { remaining }, group)) => {
                files.extend(group);
                if remaining == 0 {
                    return Ok(files);
                }
            }
            Ok(_) => return Err(Failure::new("receive files from the gofer", "it sent what was not expected")),
            Err(error) => return Err(Failure::new("receive files from the gofer", error)),
        }
    }
}
