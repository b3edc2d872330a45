//! Dentries: the tree of names of a file system, with its cache.
//!
//! A dentry is a name in a directory together with the inode it leads to. While a dentry is in use
//! its ancestors are too (a child holds its parent); a parent knows its children weakly, and what
//! nobody uses stays for a while in the [`DentryCache`] of its file system. Names that were looked
//! up in vain are remembered in their directory.

use std::collections::{HashMap, HashSet, VecDeque};

use lazaret_abi::errno::Errno;
use lazaret_snapshot::{Context, Reader, Snapshot, Writer};

use crate::{
    checkpoint,
    fs::{inode::Inode, notify},
    sync::{Arc, AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, RwLock, Weak},
};

/// Longest name of a directory entry, in bytes (NAME_MAX).
pub const NAME_MAX: usize = 255;

/// An entry of the tree of names: a name in a directory, and the inode it leads to.
pub struct Dentry {
    inode: Arc<dyn Inode>,
    place: RwLock<Place>,
    children: Mutex<Children>,
    /// Number of mounts, in any namespace, that have the dentry as mount point.
    mounts: AtomicUsize,
    /// Used since the cache last looked.
    referenced: AtomicBool,
    /// The dentry itself, while the cache keeps it; a removed name is not kept.
    kept: Mutex<Option<Arc<Dentry>>>,
    /// The name was removed from its directory.
    unlinked: AtomicBool,
}

#[derive(Clone, Snapshot)]
struct Place {
    /// None for the root of a file system and for files without a name.
    parent: Option<Arc<Dentry>>,
    name: Arc<[u8]>,
    /// A file that was made without a name must not get one (O_TMPFILE with O_EXCL).
    nameless: bool,
}

/// What is known of the names in a directory. Its lock is held while the file system is asked about
/// a name or changes one, so that the cache and the file system agree.
///
/// Lock order: parent before child, else the lower address first, and two at a time only under the
/// rename lock of the file system.
pub struct Children {
    present: HashMap<Box<[u8]>, Weak<Dentry>>,
    absent: HashSet<Box<[u8]>>,
    /// When this many entries are present, look for dead ones.
    sweep_at: usize,
}

/// Names known to be absent that one directory remembers at most.
const MAX_ABSENT: usize = 4096;

/// Entries below which sweeping for dead ones is not worth it.
const MIN_SWEEP: usize = 64;

/// What the directory knows of its names is built up again; so is what the cache keeps.
impl Snapshot for Dentry {
    fn save(&self, writer: &mut Writer) -> lazaret_snapshot::Result<()> {
        self.place.save(writer)?;
        self.mounts.save(writer)?;
        self.unlinked.save(writer)?;
        let generated = self.inode.is_generated() && self.parent().is_some();
        generated.save(writer)?;
        if generated { Ok(()) } else { self.inode.save(writer) }
    }

    fn load(reader: &mut Reader<'_>) -> lazaret_snapshot::Result<Self> {
        let place = Place::load(reader)?;
        let mounts = usize::load(reader)?;
        let unlinked = bool::load(reader)?;
        let generated = bool::load(reader)?;
        let inode = match &place.parent {
            Some(parent) if generated => {
                parent.inode.lookup(&place.name).map_err(|error| checkpoint::not_found(&place.name, error))?
            }
            _ => <Arc<dyn Inode>>::load(reader)?,
        };
        let dentry = Dentry::of(inode, place);
        dentry.mounts.store(mounts, Ordering::Relaxed);
        dentry.unlinked.store(unlinked, Ordering::Relaxed);
        Ok(dentry)
    }

    fn attach(this: &Arc<Self>, _context: &Context) -> lazaret_snapshot::Result<()> {
        if let (Some(parent), name) = this.parent_and_name()
            && !this.is_unlinked()
        {
            parent.lock().present.insert((&*name).into(), Arc::downgrade(this));
        }
        Ok(())
    }
}

impl Dentry {
    /// The root of a file system, or a file that has no name in any directory (a pipe); `name` is
    /// what the latter shows in `/proc/PID/fd`.
    pub fn root(inode: Arc<dyn Inode>, name: &[u8]) -> Arc<Dentry> {
        Dentry::new(inode, None, name)
    }

    /// A file that was made in `directory` without a name (O_TMPFILE), and will never have one if it is
    /// `nameless`.
    pub fn unnamed(inode: Arc<dyn Inode>, directory: &Arc<Dentry>, name: &[u8], nameless: bool) -> Arc<Dentry> {
        let place = Place { parent: Some(directory.clone()), name: name.into(), nameless };
        let dentry = Arc::new(Dentry::of(inode, place));
        dentry.mark_unlinked();
        dentry
    }

    fn new(inode: Arc<dyn Inode>, parent: Option<Arc<Dentry>>, name: &[u8]) -> Arc<Dentry> {
        Arc::new(Dentry::of(inode, Place { parent, name: name.into(), nameless: false }))
    }

    fn of(inode: Arc<dyn Inode>, place: Place) -> Dentry {
        Dentry {
            inode,
            place: RwLock::new(place),
            children: Mutex::new(Children { present: HashMap::new(), absent: HashSet::new(), sweep_at: MIN_SWEEP }),
            mounts: AtomicUsize::new(0),
            referenced: AtomicBool::new(true),
            kept: Mutex::new(None),
            unlinked: AtomicBool::new(false),
        }
    }

    /// The inode the name leads to.
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    /// The directory the name is in, or was in before it was removed.
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.place.read().parent.clone()
    }

    /// The name.
    pub fn name(&self) -> Arc<[u8]> {
        self.place.read().name.clone()
    }

    /// Directory and name at one moment.
    pub fn parent_and_name(&self) -> (Option<Arc<Dentry>>, Arc<[u8]>) {
        let place = self.place.read().clone();
        (place.parent, place.name)
    }

    /// It was made without a name and must not get one.
    pub fn is_nameless(&self) -> bool {
        self.place.read().nameless
    }

    /// The name was removed from its directory.
    pub fn is_unlinked(&self) -> bool {
        self.unlinked.load(Ordering::Acquire)
    }

    /// Something is mounted on the dentry in some namespace.
    pub fn is_mount_point(&self) -> bool {
        self.mounts.load(Ordering::Acquire) != 0
    }

    pub(super) fn add_mount(&self) {
        self.mounts.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn remove_mount(&self) {
        self.mounts.fetch_sub(1, Ordering::AcqRel);
    }

    /// Locks the names of the directory; the holder may change them.
    pub fn lock(&self) -> MutexGuard<'_, Children> {
        self.children.lock()
    }

    /// `other` is this directory or in it, at any depth.
    pub fn is_ancestor_of(self: &Arc<Self>, other: &Arc<Dentry>) -> bool {
        let mut at = Some(other.clone());
        while let Some(dentry) = at {
            if Arc::ptr_eq(&dentry, self) {
                return true;
            }
            at = dentry.parent();
        }
        false
    }

    /// Finds the entry `name` of this directory; `None` when there is none.
    ///
    /// # Errors
    /// Those of [`Inode::lookup`] but `ENOENT`.
    pub fn child(self: &Arc<Self>, name: &[u8], cache: &DentryCache) -> Result<Option<Arc<Dentry>>, Errno> {
        let mut children = self.lock();
        let child = self.child_locked(&mut children, name, cache);
        drop(children);
        child
    }

    /// [`Dentry::child`] for a caller that holds the lock.
    ///
    /// # Errors
    /// As [`Dentry::child`].
    pub fn child_locked(
        self: &Arc<Self>,
        children: &mut Children,
        name: &[u8],
        cache: &DentryCache,
    ) -> Result<Option<Arc<Dentry>>, Errno> {
        let known = children.present.get(name).and_then(Weak::upgrade);
        let cacheable = self.inode.cacheable();
        if let Some(known) = &known
            && (cacheable || known.is_mount_point())
        {
            known.referenced.store(true, Ordering::Relaxed);
            return Ok(Some(known.clone()));
        }
        if known.is_none() && cacheable && children.absent.contains(name) {
            return Ok(None);
        }
        match self.inode.lookup(name) {
            Ok(inode) => match known {
                Some(known) if is_same(&known.inode, &inode) => Ok(Some(known)),
                _ => Ok(Some(self.insert(children, name, inode, cache))),
            },
            Err(Errno::ENOENT) => {
                children.present.remove(name);
                if cacheable {
                    children.remember_absent(name);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Notes that `name` now leads to `inode`.
    pub fn insert(
        self: &Arc<Self>,
        children: &mut Children,
        name: &[u8],
        inode: Arc<dyn Inode>,
        cache: &DentryCache,
    ) -> Arc<Dentry> {
        let child = Dentry::new(inode, Some(self.clone()), name);
        children.set(name, &child);
        if self.inode.cacheable() {
            cache.keep(&child);
        }
        child
    }

    /// Notes that `name`, which led to `child`, is gone.
    pub fn forget(&self, children: &mut Children, name: &[u8], child: &Dentry) {
        children.present.remove(name);
        if self.inode.cacheable() {
            children.remember_absent(name);
        }
        child.mark_unlinked();
    }

    /// Notes that the name was removed or taken by another.
    pub fn mark_unlinked(&self) {
        self.unlinked.store(true, Ordering::Release);
        let kept = self.kept.lock().take();
        drop(kept);
    }

    /// Notes that `child` moved to `name` in directory `parent`; the caller holds the locks of both
    /// directories, and takes the old name out with [`Children::take`].
    pub fn moved(children: &mut Children, child: &Arc<Dentry>, parent: &Arc<Dentry>, name: &[u8]) {
        *child.place.write() = Place { parent: Some(parent.clone()), name: name.into(), nameless: false };
        children.set(name, child);
    }
}

impl Children {
    fn set(&mut self, name: &[u8], child: &Arc<Dentry>) {
        if self.present.len() >= self.sweep_at {
            self.present.retain(|_, child| child.strong_count() > 0);
            self.sweep_at = (self.present.len() * 2).max(MIN_SWEEP);
        }
        self.absent.remove(name);
        self.present.insert(name.into(), Arc::downgrade(child));
    }

    fn remember_absent(&mut self, name: &[u8]) {
        if self.absent.len() >= MAX_ABSENT {
            self.absent.clear();
        }
        self.absent.insert(name.into());
    }

    /// Forgets all about a name.
    pub fn take(&mut self, name: &[u8]) {
        self.present.remove(name);
        self.absent.remove(name);
    }
}

impl Drop for Dentry {
    /// Lets go of the ancestors one by one: a path may be deeper than a host stack.
    fn drop(&mut self) {
        if self.is_unlinked() {
            notify::gone(&self.inode);
        }
        let mut parent = self.place.get_mut().parent.take();
        while let Some(dentry) = parent.and_then(Arc::into_inner) {
            parent = {
                let mut dentry = dentry;
                dentry.place.get_mut().parent.take()
            };
        }
    }
}

/// Both are the same inode; a file system that makes its inodes anew for each lookup is asked for
/// their numbers.
pub fn is_same(old: &Arc<dyn Inode>, new: &Arc<dyn Inode>) -> bool {
    if Arc::ptr_eq(old, new) {
        return true;
    }
    match (old.attributes(), new.attributes()) {
        (Ok(old), Ok(new)) => (old.device, old.inode, old.kind) == (new.device, new.inode, new.kind),
        _ => false,
    }
}

/// Keeps the dentries of a file system that were used lately, by the second-chance rule.
#[derive(Default)]
pub struct DentryCache {
    /// Those that are kept, and some that are gone.
    queue: Mutex<VecDeque<Weak<Dentry>>>,
}

/// Dentries that one file system keeps beyond those in use.
const CACHE_SIZE: usize = 16 * 1024;

impl DentryCache {
    fn keep(&self, dentry: &Arc<Dentry>) {
        *dentry.kept.lock() = Some(dentry.clone());
        let mut evicted = None;
        let mut queue = self.queue.lock();
        // One round at most: every entry that is passed over has lost its mark.
        for _ in 0..queue.len() {
            if queue.len() < CACHE_SIZE {
                break;
            }
            let Some(oldest) = queue.pop_front() else { break };
            let Some(known) = oldest.upgrade() else { continue };
            if known.referenced.swap(false, Ordering::Relaxed) {
                queue.push_back(oldest);
            } else {
                evicted = known.kept.lock().take();
            }
        }
        queue.push_back(Arc::downgrade(dentry));
        drop(queue);
        // Its inode may close host files: not under the lock.
        drop(evicted);
    }

    /// Lets go of all dentries that are not in use (the last mount is gone).
    pub fn clear(&self) {
        let queue = std::mem::take(&mut *self.queue.lock());
        for dentry in queue.iter().filter_map(Weak::upgrade) {
            let kept = dentry.kept.lock().take();
            drop(kept);
        }
    }
}

impl Drop for DentryCache {
    fn drop(&mut self) {
        self.clear();
    }
}
