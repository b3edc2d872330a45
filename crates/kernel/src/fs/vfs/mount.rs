//! Mounted file systems, and how mounts hang together.

use std::collections::HashMap;

use bitflags::bitflags;
use lazaret_abi::{errno::Errno, mount::mount as ms};
use lazaret_snapshot::{Context, Snapshot};

use super::{
    dentry::{Dentry, DentryCache},
    namespace::MountNamespace,
};
use crate::{
    checkpoint,
    fs::inode::Inode,
    sync::{Arc, AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Mutex, Ordering, RwLock, Weak},
};

bitflags! {
    /// Flags of one mount; the bits are those of mount(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MountFlags: u32 {
        /// MS_RDONLY
        const READ_ONLY = 1;
        /// MS_NOSUID
        const NOSUID = 2;
        /// MS_NODEV
        const NODEV = 4;
        /// MS_NOEXEC
        const NOEXEC = 8;
        /// MS_NOSYMFOLLOW
        const NOSYMFOLLOW = 256;
        /// MS_NOATIME
        const NOATIME = 1024;
        /// MS_NODIRATIME
        const NODIRATIME = 2048;
        /// MS_RELATIME
        const RELATIME = 1 << 21;
    }
}

impl MountFlags {
    /// Flags of a mount among those of mount(2); relatime unless something else is asked for.
    pub fn from_ms(flags: u64) -> MountFlags {
        let low = u32::try_from(flags & u64::from(u32::MAX)).unwrap_or(0);
        let mut kept = MountFlags::from_bits_truncate(low);
        if flags & (ms::NOATIME | ms::STRICTATIME) == 0 {
            kept |= MountFlags::RELATIME;
        }
        if flags & ms::STRICTATIME != 0 {
            kept -= MountFlags::RELATIME | MountFlags::NOATIME;
        }
        kept
    }
}

/// A file system instance.
#[derive(Snapshot)]
#[snapshot(attach = SuperBlock::restored)]
pub struct SuperBlock {
    #[snapshot(with = checkpoint::fs_type)]
    fs_type: &'static str,
    source: String,
    options: String,
    root: Arc<Dentry>,
    read_only: AtomicBool,
    /// Mounts that show it; with the last one the cache is emptied.
    mounts: AtomicUsize,
    /// Held while a name moves between directories.
    pub(super) rename: Mutex<()>,
    /// Dentries kept beyond use.
    #[snapshot(skip)]
    pub(in crate::fs) cache: DentryCache,
}

/// Minor number of the next file system without a device.
static NEXT_MINOR: AtomicU64 = AtomicU64::new(0x20);

impl SuperBlock {
    /// New file systems get other device numbers than restored ones have.
    fn restored(this: &Arc<SuperBlock>, _context: &Context) -> lazaret_snapshot::Result<()> {
        if let Ok(attributes) = this.root.inode().attributes() {
            let minor = attributes.device & 0xff | attributes.device >> 12 & 0xf_ff00;
            NEXT_MINOR.fetch_max(minor + 1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A file system with this root. `source` and `options` are what `/proc/mounts` shows.
    pub fn new(fs_type: &'static str, source: &str, options: &str, root: Arc<dyn Inode>) -> Arc<SuperBlock> {
        Arc::new(SuperBlock {
            fs_type,
            source: source.to_owned(),
            options: options.to_owned(),
            root: Dentry::root(root, b"/"),
            read_only: AtomicBool::new(false),
            mounts: AtomicUsize::new(0),
            rename: Mutex::new(()),
            cache: DentryCache::default(),
        })
    }

    /// A device number for a file system without a device: major number 0, as on Linux.
    pub fn allocate_device() -> u64 {
        let minor = NEXT_MINOR.fetch_add(1, Ordering::Relaxed);
        // The kernel's encoding: eight bits of the minor number, twelve of the major, then the rest.
        minor & 0xff | (minor >> 8) << 20
    }

    /// Type as in `/proc/filesystems`.
    pub fn fs_type(&self) -> &'static str {
        self.fs_type
    }

    /// What was mounted: a device, or any word.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Options of the file system itself, comma separated; may be empty.
    pub fn options(&self) -> &str {
        &self.options
    }

    /// The file system as a whole is read-only.
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// Makes it read-only or writable (remount).
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Relaxed);
    }

    /// Root of the whole file system.
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }
}

/// How mounts and unmounts below a mount spread to its peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Snapshot)]
pub enum Propagation {
    /// MS_PRIVATE: not at all.
    #[default]
    Private,
    /// MS_UNBINDABLE: not at all, and no bind mount can be made of it.
    Unbindable,
}

/// A file system tree, or a part of one, attached somewhere (one call of mount(2)).
#[derive(Snapshot)]
#[snapshot(attach = Mount::restored)]
pub struct Mount {
    id: u64,
    superblock: Arc<SuperBlock>,
    root: Arc<Dentry>,
    flags: AtomicU32,
    /// Never in a namespace: where pipes, sockets and memfds are.
    internal: bool,
    parent: RwLock<Option<MountPoint>>,
    /// Mounts on dentries seen through this one, by the address of the dentry, which the child's
    /// mount point keeps alive.
    #[snapshot(with = children)]
    children: RwLock<HashMap<usize, Arc<Mount>>>,
    namespace: RwLock<Weak<MountNamespace>>,
    propagation: RwLock<Propagation>,
}

#[derive(Snapshot)]
struct MountPoint {
    mount: Weak<Mount>,
    dentry: Arc<Dentry>,
}

/// Identity of the next mount.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Mounts below a mount in a snapshot: their keys are addresses, and made anew.
mod children {
    use lazaret_snapshot::{Reader, Result, Snapshot, Writer};

    use super::{Arc, HashMap, Mount, RwLock, key};

    type Children = RwLock<HashMap<usize, Arc<Mount>>>;

    pub fn save(children: &Children, writer: &mut Writer) -> Result<()> {
        children.read().values().cloned().collect::<Vec<_>>().save(writer)
    }

    pub fn load(reader: &mut Reader<'_>) -> Result<Children> {
        let mounts = Vec::<Arc<Mount>>::load(reader)?;
        let place = |mount: Arc<Mount>| {
            let key = mount.parent.read().as_ref().map(|point| key(&point.dentry))?;
            Some((key, mount))
        };
        Ok(RwLock::new(mounts.into_iter().filter_map(place).collect()))
    }
}

fn key(dentry: &Arc<Dentry>) -> usize {
    Arc::as_ptr(dentry).addr()
}

impl Mount {
    /// A mount of a whole file system, attached nowhere yet.
    pub fn new(superblock: Arc<SuperBlock>, flags: MountFlags) -> Arc<Mount> {
        let root = superblock.root().clone();
        Mount::of(superblock, root, flags, false)
    }

    /// A mount of the part of a file system below `root` (a bind mount), attached nowhere yet.
    pub fn bind(superblock: Arc<SuperBlock>, root: Arc<Dentry>, flags: MountFlags) -> Arc<Mount> {
        Mount::of(superblock, root, flags, false)
    }

    /// The mount of files that have no path.
    pub(in crate::fs) fn internal(superblock: Arc<SuperBlock>) -> Arc<Mount> {
        let root = superblock.root().clone();
        Mount::of(superblock, root, MountFlags::empty(), true)
    }

    fn of(superblock: Arc<SuperBlock>, root: Arc<Dentry>, flags: MountFlags, internal: bool) -> Arc<Mount> {
        superblock.mounts.fetch_add(1, Ordering::AcqRel);
        Arc::new(Mount {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            superblock,
            root,
            flags: AtomicU32::new(flags.bits()),
            internal,
            parent: RwLock::new(None),
            children: RwLock::new(HashMap::new()),
            namespace: RwLock::new(Weak::new()),
            propagation: RwLock::new(Propagation::Private),
        })
    }

    /// New mounts get other identities than restored ones have.
    fn restored(this: &Arc<Mount>, _context: &Context) -> lazaret_snapshot::Result<()> {
        NEXT_ID.fetch_max(this.id.saturating_add(1), Ordering::Relaxed);
        Ok(())
    }

    /// Identity, as `/proc/PID/mountinfo` shows it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The file system.
    pub fn superblock(&self) -> &Arc<SuperBlock> {
        &self.superblock
    }

    /// What is seen at the mount point.
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    /// Flags.
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// Changes the flags (MS_REMOUNT | MS_BIND).
    pub fn set_flags(&self, flags: MountFlags) {
        self.flags.store(flags.bits(), Ordering::Relaxed);
    }

    /// Nothing can be changed through the mount.
    pub fn is_read_only(&self) -> bool {
        self.flags().contains(MountFlags::READ_ONLY) || self.superblock.is_read_only()
    }

    /// It is in no namespace and never will be.
    pub fn is_internal(&self) -> bool {
        self.internal
    }

    /// How mounts below spread.
    pub fn propagation(&self) -> Propagation {
        *self.propagation.read()
    }

    /// Sets how mounts below spread.
    pub fn set_propagation(&self, propagation: Propagation) {
        *self.propagation.write() = propagation;
    }

    /// The namespace it is part of; none once it was unmounted.
    pub fn namespace(&self) -> Option<Arc<MountNamespace>> {
        self.namespace.read().upgrade()
    }

    pub(super) fn set_namespace(&self, namespace: &Weak<MountNamespace>) {
        *self.namespace.write() = namespace.clone();
    }

    /// The mount and the dentry it is attached to.
    pub fn parent(&self) -> Option<(Arc<Mount>, Arc<Dentry>)> {
        let parent = self.parent.read();
        let point = parent.as_ref()?;
        Some((point.mount.upgrade()?, point.dentry.clone()))
    }

    /// What is mounted on `dentry` as seen through this mount.
    pub fn child_at(&self, dentry: &Arc<Dentry>) -> Option<Arc<Mount>> {
        self.children.read().get(&key(dentry)).cloned()
    }

    /// Mounts attached to this one, in the order they were made.
    pub fn children(&self) -> Vec<Arc<Mount>> {
        let mut children: Vec<_> = self.children.read().values().cloned().collect();
        children.sort_by_key(|child| child.id);
        children
    }

    /// This mount and all below it, parents first.
    pub fn subtree(self: &Arc<Self>) -> Vec<Arc<Mount>> {
        let mut all = vec![self.clone()];
        let mut next = 0;
        while let Some(mount) = all.get(next) {
            let children = mount.children();
            all.extend(children);
            next += 1;
        }
        all
    }

    /// Hangs `self` on `dentry` of `parent`. The caller holds the topology lock of the namespace.
    pub(super) fn attach(self: &Arc<Self>, parent: &Arc<Mount>, dentry: &Arc<Dentry>) -> Result<(), Errno> {
        let mut children = parent.children.write();
        if children.contains_key(&key(dentry)) {
            return Err(Errno::EBUSY);
        }
        dentry.add_mount();
        *self.parent.write() = Some(MountPoint { mount: Arc::downgrade(parent), dentry: dentry.clone() });
        children.insert(key(dentry), self.clone());
        Ok(())
    }

    /// Takes the mount off its parent; what is mounted below stays with it.
    pub(super) fn detach(&self) {
        let Some(point) = self.parent.write().take() else { return };
        if let Some(parent) = point.mount.upgrade() {
            let child = parent.children.write().remove(&key(&point.dentry));
            drop(child);
        }
        point.dentry.remove_mount();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some(point) = self.parent.get_mut().take() {
            point.dentry.remove_mount();
        }
        // One by one: mounts may be nested deeper than a host stack.
        let mut below: Vec<_> = self.children.get_mut().drain().collect();
        while let Some((_, mount)) = below.pop() {
            if let Some(mut mount) = Arc::into_inner(mount) {
                below.extend(mount.children.get_mut().drain());
            }
        }
        if self.superblock.mounts.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.superblock.cache.clear();
        }
    }
}
