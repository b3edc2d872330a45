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
pub mod serve;

use std::{
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use lazaret_control::{Channel, Failure, MAX_FDS, Report};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use self::join::Join;

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
    /// Directories inside it, as absolute paths, that are covered by an empty one: the container gets
    /// a file system of the kernel's there, and the host's (/proc, /sys) must not be in reach.
    pub covered: Vec<PathBuf>,
}

/// Whom the gofer gets its orders from, and who gets what it opens.
#[derive(Debug)]
pub struct Parties {
    /// Hears of a failure.
    pub maker: Channel,
    /// The sandbox process.
    pub sandbox: Channel,
    /// Serves files to the sandbox process, in a process of its own; see [`serve`].
    pub server: Option<Channel>,
}

/// Opens the sources and sends them, in their order, to the sandbox process: the body of the
/// gofer process. Returns its exit status; a failure is told to the maker. With `join` the sandbox runs already.
///
/// Those that are served go to the server, each with one end of a connection, whose other end the sandbox process gets.
///
/// Starts when the maker says [`Report::Proceed`].
pub fn run(sources: &[Source], parties: &Parties, join: Option<&Join>) -> i32 {
    match hand_over(sources, parties, join) {
        Ok(()) => 0,
        Err(failure) => {
            // If nobody listens any more there is nobody to tell.
            let _ = parties.maker.send(&Report::Failed(failure), &[]);
            1
        }
    }
}

fn hand_over(sources: &[Source], parties: &Parties, join: Option<&Join>) -> Result<(), Failure> {
    match parties.maker.receive::<Report>() {
        Ok((Report::Proceed { .. }, _)) => {}
        Ok(_) => return Err(Failure::new("start the gofer", "the maker sent what was not expected")),
        Err(error) => return Err(Failure::new("start the gofer", error)),
    }
    if let Some(join) = join {
        join.prepare()?;
    }
    confine::confine(join.is_some())?;
    // Backwards, for the first is the root: covering directories in it must not cover other sources.
    let mut files = sources.iter().rev().map(open::open).collect::<Result<Vec<_>, _>>()?;
    files.reverse();
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
