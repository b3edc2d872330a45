//! Leaving and joining namespaces; see namespaces(7).

use lazaret_abi::{capability::cap, errno::Errno, id::Fd, process::clone as flag};

use super::SysResult;
use crate::{
    fs::{
        descriptor,
        nsfs::{Namespace, NamespaceFile},
    },
    sync::Arc,
    task::{
        Current, Task,
        clone::{NEW_NAMESPACES, new_namespaces},
        namespaces::{Namespaces, with_new_mounts},
        pidfd::PidFd,
    },
};

/// unshare(2).
pub fn unshare(current: &mut Current, flags: u64) -> SysResult {
    let task = current.task.clone();
    let single = flag::THREAD | flag::SIGHAND | flag::VM;
    let known = NEW_NAMESPACES | flag::FS | flag::FILES | flag::SYSVSEM | single;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    // These can only be "unshared" by who shares them with nobody.
    if flags & single != 0 && task.group().threads().len() > 1 {
        return Err(Errno::EINVAL);
    }
    let mut namespaces = None;
    if flags & NEW_NAMESPACES != 0 {
        namespaces = Some(new_namespaces(&task, flags)?);
    }
    if flags & (flag::FS | flag::NEWNS) != 0 {
        task.set_fs(Arc::new(task.fs().duplicate()));
    }
    if flags & flag::FILES != 0 {
        let files = Arc::new(task.files().duplicate());
        drop(task.set_files(files));
    }
    if let Some(mut namespaces) = namespaces {
        if flags & flag::NEWNS != 0 {
            namespaces = with_new_mounts(&namespaces, &task.fs());
        }
        task.set_namespaces(Arc::new(namespaces));
    }
    Ok(0)
}

/// setns(2).
pub fn setns(current: &mut Current, fd: Fd, kinds: u64) -> SysResult {
    let task = current.task.clone();
    let file = descriptor::usable(current, fd)?;
    let joined = match (NamespaceFile::of(&file), PidFd::of(&file)) {
        (Some(namespace), _) => {
            if kinds != 0 && kinds != namespace.kind() {
                return Err(Errno::EINVAL);
            }
            vec![namespace.clone()]
        }
        (None, Ok(pidfd)) => {
            if kinds == 0 || kinds & !NEW_NAMESPACES != 0 {
                return Err(Errno::EINVAL);
            }
            let other = pidfd.process().first_thread().ok_or(Errno::ESRCH)?;
            Namespace::all(&other).into_iter().filter(|namespace| namespace.kind() & kinds != 0).collect()
        }
        (None, Err(_)) => return Err(Errno::EINVAL),
    };
    let mut namespaces = (*task.namespaces()).clone();
    for namespace in &joined {
        join(&task, &mut namespaces, namespace)?;
    }
    // Nothing can fail any more.
    for namespace in &joined {
        if let Namespace::Mount(..) = namespace {
            let fs = Arc::new(task.fs().duplicate());
            fs.set_root(namespaces.mount.root());
            fs.set_directory(namespaces.mount.root());
            task.set_fs(fs);
        }
    }
    task.set_namespaces(Arc::new(namespaces));
    Ok(0)
}

/// Puts a namespace into the set that the task will have.
fn join(task: &Task, namespaces: &mut Namespaces, namespace: &Namespace) -> Result<(), Errno> {
    let creds = task.creds();
    let privileged = creds.has(cap::SYS_ADMIN);
    match namespace {
        // One can join a user namespace only from outside of it, and there is no other one.
        Namespace::User(_) => return Err(Errno::EINVAL),
        _ if !privileged => return Err(Errno::EPERM),
        Namespace::Uts(uts, id) => (namespaces.uts, namespaces.uts_id) = (uts.clone(), id.clone()),
        Namespace::Ipc(ipc) => namespaces.ipc = ipc.clone(),
        Namespace::Net(id) => namespaces.net = id.clone(),
        Namespace::Cgroup(id) => namespaces.cgroup = id.clone(),
        Namespace::Time(id) => {
            if task.group().threads().len() > 1 {
                return Err(Errno::EUSERS);
            }
            namespaces.time = id.clone();
        }
        Namespace::Mount(mount, id) => {
            if !creds.has(cap::SYS_CHROOT) {
                return Err(Errno::EPERM);
            }
            // Others who share root and directory would move along.
            if Arc::strong_count(&task.fs()) > 2 {
                return Err(Errno::EINVAL);
            }
            (namespaces.mount, namespaces.mount_id) = (mount.clone(), id.clone());
        }
        Namespace::Pid(pids) => {
            if !task.group().namespace().contains(pids) {
                return Err(Errno::EINVAL);
            }
            namespaces.pid_for_children = pids.clone();
        }
    }
    Ok(())
}
