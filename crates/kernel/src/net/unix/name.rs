//! Names of Unix sockets: files and the abstract namespace; see unix(7).

use std::{collections::HashMap, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;

use super::Endpoint;
use crate::{
    fs::{
        hostfs::HostBinding,
        inode::FileKind,
        vfs::{Location, LookupFlags, PathContext, permission},
    },
    net::address::UnixName,
    sync::{Arc, Mutex, OnceLock, Weak},
    task::Task,
};

/// Who is bound to which name.
#[derive(Default)]
struct Names {
    abstracts: HashMap<Vec<u8>, Weak<Endpoint>>,
    /// By device and inode number; the bound socket keeps the inode from being used again.
    files: HashMap<(u64, u64), Weak<Endpoint>>,
    next: u32,
}

fn names() -> &'static Mutex<Names> {
    static NAMES: OnceLock<Mutex<Names>> = OnceLock::new();
    NAMES.get_or_init(Mutex::default)
}

/// A name that a socket is bound to, until this is dropped.
pub struct Binding {
    name: UnixName,
    /// The file of a path, and how it is told from others.
    file: Option<(Location, (u64, u64))>,
}

impl Binding {
    /// The name.
    pub fn name(&self) -> &UnixName {
        &self.name
    }
}

fn context() -> Result<PathContext, Errno> {
    let task = Task::try_current().ok_or(Errno::ENOENT)?;
    let (root, directory, umask) = task.fs().all();
    Ok(PathContext { root, directory, creds: task.creds(), umask })
}

fn key(location: &Location) -> Result<(u64, u64), Errno> {
    let attributes = location.inode().attributes()?;
    Ok((attributes.device, attributes.inode))
}

/// What a name leads to.
pub enum Target {
    /// A socket of the sandbox.
    Own(Arc<Endpoint>),
    /// One of the host: a socket that is connected to it.
    Host(OwnedFd),
}

/// Binds an endpoint to a name; an unnamed one gets an abstract name that is free. Where the host's programs are to reach
/// the socket, there is one of the host as well.
///
/// # Errors
/// `EADDRINUSE`, and those of mknod(2).
pub fn bind(endpoint: &Arc<Endpoint>, name: &UnixName) -> Result<(Binding, Option<HostBinding>), Errno> {
    match name {
        UnixName::Path(path) => {
            let (location, of_host) = context()?
                .make_socket(path, endpoint.kind)
                .map_err(|error| if error == Errno::EEXIST { Errno::EADDRINUSE } else { error })?;
            // The host may take its time to tell: not with all names locked.
            let key = key(&location)?;
            names().lock().files.insert(key, Arc::downgrade(endpoint));
            Ok((Binding { name: name.clone(), file: Some((location, key)) }, of_host))
        }
        UnixName::Abstract(bytes) => {
            let mut names = names().lock();
            if names.abstracts.get(bytes).is_some_and(|bound| bound.strong_count() > 0) {
                return Err(Errno::EADDRINUSE);
            }
            names.abstracts.insert(bytes.clone(), Arc::downgrade(endpoint));
            Ok((Binding { name: name.clone(), file: None }, None))
        }
        UnixName::Unnamed => {
            let mut names = names().lock();
            // Five hexadecimal digits, as on Linux.
            for _ in 0..1 << 20 {
                names.next = (names.next + 1) & 0xf_ffff;
                let bytes = format!("{:05x}", names.next).into_bytes();
                if !names.abstracts.contains_key(&bytes) {
                    names.abstracts.insert(bytes.clone(), Arc::downgrade(endpoint));
                    return Ok((Binding { name: UnixName::Abstract(bytes), file: None }, None));
                }
            }
            Err(Errno::ENOSPC)
        }
    }
}

/// A path at which there is a file already.
pub fn exists(name: &UnixName) -> bool {
    match name {
        UnixName::Path(path) => context().and_then(|context| context.lookup(path, LookupFlags::empty())).is_ok(),
        _ => false,
    }
}

/// The endpoint bound to a name, for a socket of this kind.
///
/// # Errors
/// `ECONNREFUSED` when nobody is, and those of looking up a path and writing to it.
pub fn find(name: &UnixName, kind: u32) -> Result<Target, Errno> {
    let found = match name {
        UnixName::Unnamed => return Err(Errno::EINVAL),
        UnixName::Abstract(bytes) => names().lock().abstracts.get(bytes).and_then(Weak::upgrade),
        UnixName::Path(path) => {
            let context = context()?;
            let location = context.lookup(path, LookupFlags::FOLLOW)?;
            permission::check_access(location.inode(), &context.creds, permission::WRITE)?;
            if location.inode().kind() != FileKind::Socket {
                return Err(Errno::ECONNREFUSED);
            }
            let key = key(&location)?;
            let found = names().lock().files.get(&key).and_then(Weak::upgrade);
            match found {
                Some(found) => Some(found),
                None => return location.inode().connect_host(kind).map(Target::Host),
            }
        }
    };
    found.map(Target::Own).ok_or(Errno::ECONNREFUSED)
}

impl Drop for Binding {
    fn drop(&mut self) {
        let mut names = names().lock();
        match (&self.name, &self.file) {
            (UnixName::Abstract(bytes), _) => drop(names.abstracts.remove(bytes)),
            (_, Some((_, key))) => drop(names.files.remove(key)),
            _ => {}
        }
    }
}
