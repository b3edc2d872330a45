//! Mount namespaces and the operations on their trees: mount(2), umount(2), pivot_root(2).

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    attach::{copy_for_bind, copy_tree},
    location::Location,
    mount::{Mount, MountFlags, Propagation},
};
use crate::{
    fs::inode::FileKind,
    sync::{Arc, AtomicU64, Mutex, Ordering, RwLock},
};

/// Mounts that one namespace may have (`fs.mount-max`).
const MOUNT_MAX: usize = 100_000;

/// A tree of mounts; see mount_namespaces(7).
#[derive(Snapshot)]
pub struct MountNamespace {
    root: RwLock<Arc<Mount>>,
    /// Held while the shape of the tree changes.
    topology: Mutex<()>,
    /// Number of changes, for those who poll `/proc/PID/mounts`.
    changes: AtomicU64,
}

/// Old mounts and their copies in a new namespace.
pub struct MountCopies(Vec<(Arc<Mount>, Arc<Mount>)>);

impl MountCopies {
    pub(super) fn new(copies: Vec<(Arc<Mount>, Arc<Mount>)>) -> MountCopies {
        MountCopies(copies)
    }

    /// The same place in the copy.
    pub fn translate(&self, location: &Location) -> Location {
        self.0.iter().find(|(old, _)| Arc::ptr_eq(old, &location.mount)).map_or_else(
            || location.clone(),
            |(_, new)| Location { mount: new.clone(), dentry: location.dentry.clone() },
        )
    }
}

impl MountNamespace {
    /// A namespace whose root is `root`, a mount attached nowhere.
    pub fn new(root: Arc<Mount>) -> Arc<MountNamespace> {
        let namespace = Arc::new(MountNamespace {
            root: RwLock::new(root.clone()),
            topology: Mutex::new(()),
            changes: AtomicU64::new(0),
        });
        for mount in root.subtree() {
            mount.set_namespace(&Arc::downgrade(&namespace));
        }
        namespace
    }

    /// The root of the tree, with what is mounted over it.
    pub fn root(&self) -> Location {
        Location::root_of(self.root.read().clone()).cross_mounts()
    }

    /// All mounts, parents first.
    pub fn mounts(&self) -> Vec<Arc<Mount>> {
        self.root.read().subtree()
    }

    /// Grows with each change of the tree.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// A copy of the namespace (CLONE_NEWNS), and what became of each mount.
    pub fn duplicate(&self) -> (Arc<MountNamespace>, MountCopies) {
        let _topology = self.topology.lock();
        let (root, copies) = copy_tree(&self.root.read(), |_| true);
        (MountNamespace::new(root), copies)
    }

    /// Attaches `mount`, with what is below it, at `target` (which mounts have been crossed to).
    ///
    /// # Errors
    /// `ENOTDIR` when one is a directory and the other is not, `ENOENT` when the target was
    /// removed, `EINVAL` when it is not in this namespace, `ENOSPC` when there are too many mounts.
    pub fn mount(self: &Arc<Self>, mount: &Arc<Mount>, target: &Location) -> Result<(), Errno> {
        let _topology = self.topology.lock();
        self.attach(mount, target)
    }

    fn attach(self: &Arc<Self>, mount: &Arc<Mount>, target: &Location) -> Result<(), Errno> {
        let target = target.clone().cross_mounts();
        self.check_member(&target.mount)?;
        let is_directory = |kind| kind == FileKind::Directory;
        if is_directory(mount.root().inode().kind()) != is_directory(target.inode().kind()) {
            return Err(Errno::ENOTDIR);
        }
        if target.dentry.is_unlinked() {
            return Err(Errno::ENOENT);
        }
        let added = mount.subtree();
        if self.mounts().len() + added.len() > MOUNT_MAX {
            return Err(Errno::ENOSPC);
        }
        mount.attach(&target.mount, &target.dentry)?;
        for mount in added {
            mount.set_namespace(&Arc::downgrade(self));
        }
        self.changed();
        Ok(())
    }

    /// Makes `source` visible at `target` too (MS_BIND); with the mounts below it if `recursive`.
    ///
    /// # Errors
    /// `EINVAL` when the source is not in this namespace or cannot be bound; else as
    /// [`MountNamespace::mount`].
    pub fn bind(self: &Arc<Self>, source: &Location, target: &Location, recursive: bool) -> Result<(), Errno> {
        let _topology = self.topology.lock();
        self.check_member(&source.mount)?;
        let mount = copy_for_bind(source, recursive)?;
        self.attach(&mount, target)
    }

    /// Moves the mount whose root is `source` to `target` (MS_MOVE).
    ///
    /// # Errors
    /// `EINVAL` when the source is no mount root or the root of the namespace, `ELOOP` when the
    /// target is below it; else as [`MountNamespace::mount`].
    pub fn move_mount(self: &Arc<Self>, source: &Location, target: &Location) -> Result<(), Errno> {
        let _topology = self.topology.lock();
        self.check_member(&source.mount)?;
        if !source.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        let Some((old_parent, old_point)) = source.mount.parent() else { return Err(Errno::EINVAL) };
        let target = target.clone().cross_mounts();
        if source.mount.subtree().iter().any(|mount| Arc::ptr_eq(mount, &target.mount)) {
            return Err(Errno::ELOOP);
        }
        source.mount.detach();
        let result = self.attach(&source.mount, &target);
        if result.is_err() {
            source.mount.attach(&old_parent, &old_point)?;
        }
        result
    }

    /// Takes the mount at `location` (its root) out of the tree. `lazy` is MNT_DETACH: the mount
    /// lives on, with what is below it, for those who use it.
    ///
    /// # Errors
    /// `EINVAL` when the location is no mount root, or the root of the namespace; `EBUSY` when it
    /// is in use and not lazy.
    pub fn unmount(&self, location: &Location, lazy: bool) -> Result<(), Errno> {
        let _topology = self.topology.lock();
        if !location.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        let mount = &location.mount;
        self.check_member(mount)?;
        if mount.parent().is_none() {
            return Err(Errno::EINVAL);
        }
        if !lazy && !mount.children().is_empty() {
            return Err(Errno::EBUSY);
        }
        // Users of a mount are open files, working directories and walks; the tree's own reference
        // and the caller's are the other two.
        if !lazy && Arc::strong_count(mount) > 2 {
            return Err(Errno::EBUSY);
        }
        for member in mount.subtree() {
            member.set_namespace(&std::sync::Weak::new());
        }
        mount.detach();
        self.changed();
        Ok(())
    }

    /// pivot_root(2): makes the mount at `new_root` the root of the namespace and attaches the old
    /// root at `put_old`. `root` is the caller's root.
    ///
    /// # Errors
    /// Those of pivot_root(2).
    pub fn pivot_root(self: &Arc<Self>, root: &Location, new_root: &Location, put_old: &Location) -> Result<(), Errno> {
        let _topology = self.topology.lock();
        self.check_member(&new_root.mount)?;
        self.check_member(&root.mount)?;
        if Arc::ptr_eq(&new_root.mount, &root.mount) || Arc::ptr_eq(&put_old.mount, &root.mount) {
            return Err(Errno::EBUSY);
        }
        if !root.is_mount_root() || !new_root.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        let Some((parent, point)) = new_root.mount.parent() else { return Err(Errno::EINVAL) };
        if !is_below(put_old, new_root) || !is_below(&Location { mount: parent, dentry: point }, root) {
            return Err(Errno::EINVAL);
        }
        let root_point = root.mount.parent();
        new_root.mount.detach();
        root.mount.detach();
        root.mount.attach(&put_old.mount, &put_old.dentry)?;
        match root_point {
            Some((parent, point)) => new_root.mount.attach(&parent, &point)?,
            None => *self.root.write() = new_root.mount.clone(),
        }
        self.changed();
        Ok(())
    }

    /// Changes the flags of one mount (MS_REMOUNT | MS_BIND).
    ///
    /// # Errors
    /// `EINVAL` when the location is no mount root of this namespace.
    pub fn remount(&self, location: &Location, flags: MountFlags) -> Result<(), Errno> {
        self.check_member(&location.mount)?;
        if !location.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        location.mount.set_flags(flags);
        self.changed();
        Ok(())
    }

    /// Sets how mounts below spread; for the mounts below too if `recursive`.
    ///
    /// # Errors
    /// `EINVAL` when the location is not in this namespace.
    pub fn set_propagation(&self, location: &Location, propagation: Propagation, recursive: bool) -> Result<(), Errno> {
        self.check_member(&location.mount)?;
        let mounts = if recursive { location.mount.subtree() } else { vec![location.mount.clone()] };
        for mount in mounts {
            mount.set_propagation(propagation);
        }
        self.changed();
        Ok(())
    }

    /// The mount is part of this namespace.
    ///
    /// # Errors
    /// `EINVAL` when it is another's, or nobody's.
    pub fn check_member(&self, mount: &Mount) -> Result<(), Errno> {
        match mount.namespace() {
            Some(namespace) if std::ptr::eq(&*namespace, self) => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// `place` is `top` or below it, mounts crossed.
pub fn is_below(place: &Location, top: &Location) -> bool {
    let mut at = place.clone();
    loop {
        if Arc::ptr_eq(&at.mount, &top.mount) {
            return top.dentry.is_ancestor_of(&at.dentry);
        }
        match at.mount.parent() {
            Some((mount, dentry)) => at = Location { mount, dentry },
            None => return false,
        }
    }
}
