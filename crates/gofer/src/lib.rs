//! The process that opens host files for a container.
//!
//! It alone sees the host's file tree. In a mount namespace of its own it resolves the sources
//! that the container's specification names, clones each into a detached mount (so that what the
//! sandbox holds has no way up, and shows no later mount of the host), hands the descriptors to the
//! sandbox process, and ends. See open_tree(2) and mount_setattr(2).

#![forbid(unsafe_code)]

mod confine;
pub mod filter;
pub mod join;
mod open;
pub mod serve;

use std::{os::fd::AsFd, path::PathBuf};

use lazaret_control::{Channel, Failure, MAX_FDS, Report};

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
    /// Directories inside it, as absolute paths, that are covered by an empty one: the container gets
    /// a file system of the kernel's there, and the host's (/proc, /sys) must not be in reach.
    pub covered: Vec<PathBuf>,
}

/// Opens the sources and sends them, in their order, to the sandbox process: the body of the
/// gofer process. Returns its exit status; a failure is told to `maker`. With `join` the sandbox runs already.
///
/// Starts when the maker says [`Report::Proceed`].
pub fn run(sources: &[Source], maker: &Channel, sandbox: &Channel, join: Option<&Join>) -> i32 {
    match serve(sources, maker, sandbox, join) {
        Ok(()) => 0,
        Err(failure) => {
            // If nobody listens any more there is nobody to tell.
            let _ = maker.send(&Report::Failed(failure), &[]);
            1
        }
    }
}

fn serve(sources: &[Source], maker: &Channel, sandbox: &Channel, join: Option<&Join>) -> Result<(), Failure> {
    match maker.receive::<Report>() {
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
    if let Some(join) = join {
        files = join.attach(sources, files)?;
    }
    let mut remaining = files.len().div_ceil(MAX_FDS);
    for group in files.chunks(MAX_FDS) {
        remaining -= 1;
        let group: Vec<_> = group.iter().map(AsFd::as_fd).collect();
        sandbox
            .send(&Report::Files { remaining }, &group)
            .map_err(|error| Failure::new("hand files to the sandbox process", error))?;
    }
    Ok(())
}
