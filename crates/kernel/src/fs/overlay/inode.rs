//! Inodes of an overlay.

use lazaret_abi::errno::Errno;

use super::{Origin, OverlayFs, copy, directory, identity, is_whiteout};
use crate::{
    fs::{
        file::{FileOps, flags},
        inode::{
            Attributes, DirSink, FileKind, FsStatistics, HostMapping, Inode, LinkTarget, NewAttributes, NewNode,
            SetAttributes,
        },
    },
    sync::{Arc, Mutex, RwLock, Weak},
};

/// `RENAME_EXCHANGE` of renameat2(2).
const RENAME_EXCHANGE: u32 = 2;
/// `RENAME_WHITEOUT`.
const RENAME_WHITEOUT: u32 = 4;

/// A file of an overlay: the upper one if there is one, else the lower.
pub struct OverlayInode {
    fs: Arc<OverlayFs>,
    kind: FileKind,
    layers: RwLock<Layers>,
    /// Directory and name to copy up into; none for the root.
    place: Mutex<Option<(Arc<OverlayInode>, Vec<u8>)>>,
}

#[derive(Clone)]
struct Layers {
    upper: Option<Arc<dyn Inode>>,
    lower: Option<Arc<dyn Inode>>,
}

/// Prefix of attributes that Linux's overlayfs keeps for itself; never shown nor taken.
const PRIVATE_XATTR: &[u8] = b"trusted.overlay.";

impl OverlayInode {
    /// The inode that shows these layers, found among those in use or new.
    pub(super) fn new(
        fs: &Arc<OverlayFs>,
        upper: Option<Arc<dyn Inode>>,
        lower: Option<Arc<dyn Inode>>,
        place: Option<(Arc<OverlayInode>, Vec<u8>)>,
    ) -> Result<Arc<OverlayInode>, Errno> {
        let top = upper.as_ref().or(lower.as_ref()).ok_or(Errno::ENOENT)?;
        let (key, kind) = (identity(top), top.kind());
        let mut inodes = fs.inodes.lock();
        if let Some(known) = inodes.get(&key).and_then(Weak::upgrade) {
            // The old place may be the last user of its directory, whose end wants the table too.
            let old = std::mem::replace(&mut *known.place.lock(), place);
            drop(inodes);
            drop(old);
            return Ok(known);
        }
        let inode = Arc::new(OverlayInode {
            fs: fs.clone(),
            kind,
            layers: RwLock::new(Layers { upper, lower }),
            place: Mutex::new(place),
        });
        inodes.insert(key, Arc::downgrade(&inode));
        Ok(inode)
    }

    fn upper(&self) -> Option<Arc<dyn Inode>> {
        self.layers.read().upper.clone()
    }

    /// The upper and the lower inode.
    pub(super) fn layers(&self) -> [Option<Arc<dyn Inode>>; 2] {
        let layers = self.layers.read();
        [layers.upper.clone(), layers.lower.clone()]
    }

    /// The number shown for an upper inode.
    pub(super) fn shown_number(&self, upper: u64) -> u64 {
        self.fs.shown_upper(upper).inode
    }

    /// The inode whose content and attributes count.
    pub(super) fn top(&self) -> Result<Arc<dyn Inode>, Errno> {
        let layers = self.layers.read();
        layers.upper.clone().or_else(|| layers.lower.clone()).ok_or(Errno::ESTALE)
    }

    /// The upper inode, made by copying the lower one if need be. `content` is false when the content
    /// is about to be thrown away. The caller holds `fs.change`.
    fn copy_up(self: &OverlayInode, this: &Arc<OverlayInode>, content: bool) -> Result<Arc<dyn Inode>, Errno> {
        if let Some(upper) = self.upper() {
            return Ok(upper);
        }
        let lower = self.top()?;
        let (parent, name) = self.place.lock().clone().ok_or(Errno::ESTALE)?;
        let directory = parent.copy_up(&parent, true)?;
        let upper = copy::copy(&lower, &*directory, &name, content)?;
        let origin = Origin {
            shown: self.fs.shown_lower(&lower.attributes()?),
            lower: (self.kind == FileKind::Directory).then(|| lower.clone()),
        };
        self.fs.origins.lock().insert(upper.attributes()?.inode, origin);
        // Both layers lead here from now on: other names of the lower file, and names of the upper.
        self.fs.inodes.lock().insert(identity(&upper), Arc::downgrade(this));
        self.layers.write().upper = Some(upper.clone());
        Ok(upper)
    }

    /// As [`OverlayInode::copy_up`], for those who do not hold the lock.
    fn writable(&self, content: bool) -> Result<Arc<dyn Inode>, Errno> {
        if let Some(upper) = self.upper() {
            return Ok(upper);
        }
        let _change = self.fs.change.lock();
        self.copy_up(&self.shared()?, content)
    }

    /// This inode as a shared object.
    fn shared(&self) -> Result<Arc<OverlayInode>, Errno> {
        let key = identity(&self.top()?);
        self.fs.inodes.lock().get(&key).and_then(Weak::upgrade).ok_or(Errno::ESTALE)
    }

    fn find(&self, this: &Arc<OverlayInode>, name: &[u8]) -> Result<Arc<OverlayInode>, Errno> {
        let [upper, lower] = self.layers();
        let place = Some((this.clone(), name.to_vec()));
        if let Some(upper) = upper {
            match upper.lookup(name) {
                Ok(found) if is_whiteout(&*found)? => return Err(Errno::ENOENT),
                Ok(found) => {
                    let origin = self.fs.origins.lock().get(&found.attributes()?.inode).cloned();
                    return OverlayInode::new(&self.fs, Some(found), origin.and_then(|origin| origin.lower), place);
                }
                Err(Errno::ENOENT) => {}
                Err(error) => return Err(error),
            }
        }
        let found = lower.ok_or(Errno::ENOENT)?.lookup(name)?;
        OverlayInode::new(&self.fs, None, Some(found), place)
    }

    /// The lower layer has an entry of this name.
    fn is_in_lower(&self, name: &[u8]) -> Result<bool, Errno> {
        match self.layers.read().lower.clone().map(|lower| lower.lookup(name)) {
            None | Some(Err(Errno::ENOENT)) => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(error),
        }
    }

    /// Removes a whiteout, if there is one, so that the name can be made. Tells whether there was one.
    fn clear_whiteout(upper: &Arc<dyn Inode>, name: &[u8]) -> Result<bool, Errno> {
        match upper.lookup(name) {
            Ok(found) if is_whiteout(&*found)? => upper.unlink(name).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Hides a lower entry.
    fn add_whiteout(upper: &Arc<dyn Inode>, name: &[u8]) -> Result<(), Errno> {
        let attributes = NewAttributes { permissions: 0, uid: 0, gid: 0 };
        upper.create(name, NewNode::Node { kind: FileKind::CharDevice, rdev: 0 }, &attributes).map(drop)
    }

    /// Removes a name that leads to `victim`.
    fn remove(&self, name: &[u8], victim: &OverlayInode) -> Result<(), Errno> {
        let upper = self.copy_up(&self.shared()?, true)?;
        if let Some(removed) = victim.upper() {
            if victim.kind == FileKind::Directory {
                // Nothing but whiteouts is left in it.
                for entry in directory::entries(&*removed)?.from(0) {
                    removed.unlink(entry.name)?;
                }
                upper.rmdir(name)?;
            } else {
                upper.unlink(name)?;
            }
            let attributes = removed.attributes()?;
            if attributes.links == 0 || victim.kind == FileKind::Directory {
                self.fs.origins.lock().remove(&attributes.inode);
            }
        }
        if self.is_in_lower(name)? { Self::add_whiteout(&upper, name) } else { Ok(()) }
    }
}

impl Drop for OverlayInode {
    fn drop(&mut self) {
        let layers = self.layers.get_mut();
        let mut inodes = self.fs.inodes.lock();
        for key in [&layers.upper, &layers.lower].into_iter().flatten().map(identity) {
            // A newer inode of the same file may have taken the place already.
            if inodes.get(&key).is_some_and(|known| known.strong_count() == 0) {
                inodes.remove(&key);
            }
        }
        drop(inodes);
        // One after the other: a recursion would be as deep as the tree.
        let mut place = self.place.get_mut().take();
        while let Some(mut above) = place.and_then(|(above, _)| Arc::into_inner(above)) {
            place = above.place.get_mut().take();
        }
    }
}

impl Inode for OverlayInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        let [upper, lower] = self.layers();
        let (attributes, shown) = match (&upper, &lower) {
            (Some(upper), _) => {
                let attributes = upper.attributes()?;
                (attributes, self.fs.shown_upper(attributes.inode))
            }
            (None, Some(lower)) => {
                let attributes = lower.attributes()?;
                (attributes, self.fs.shown_lower(&attributes))
            }
            (None, None) => return Err(Errno::ESTALE),
        };
        Ok(Attributes { device: shown.device, inode: shown.inode, ..attributes })
    }

    fn cacheable(&self) -> bool {
        self.fs.cacheable
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        self.writable(change.size != Some(0))?.set_attributes(change)
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        if self.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        Ok(self.find(&self.shared()?, name)?)
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        if let NewNode::Node { kind: FileKind::CharDevice, rdev: 0 } = node {
            // It would be taken for a whiteout.
            return Err(Errno::EPERM);
        }
        let _change = self.fs.change.lock();
        let this = self.shared()?;
        let upper = self.copy_up(&this, true)?;
        let hidden = Self::clear_whiteout(&upper, name)?;
        match upper.create(name, node, attributes) {
            Ok(made) => Ok(OverlayInode::new(&self.fs, Some(made), None, Some((this, name.to_vec())))?),
            Err(error) => {
                if hidden {
                    Self::add_whiteout(&upper, name)?;
                }
                Err(error)
            }
        }
    }

    fn create_unnamed(&self, attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        let made = self.writable(true)?.create_unnamed(attributes)?;
        Ok(OverlayInode::new(&self.fs, Some(made), None, None)?)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        let target = target.downcast_ref::<OverlayInode>().ok_or(Errno::EXDEV)?;
        let _change = self.fs.change.lock();
        let source = target.copy_up(&target.shared()?, true)?;
        let upper = self.copy_up(&self.shared()?, true)?;
        let hidden = Self::clear_whiteout(&upper, name)?;
        upper.link(name, &source).inspect_err(|_| {
            if hidden {
                // The first error is the one to report.
                let _ = Self::add_whiteout(&upper, name);
            }
        })
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let _change = self.fs.change.lock();
        let victim = self.find(&self.shared()?, name)?;
        if victim.kind == FileKind::Directory {
            return Err(Errno::EISDIR);
        }
        self.remove(name, &victim)
    }

    fn rmdir(&self, name: &[u8]) -> Result<(), Errno> {
        let _change = self.fs.change.lock();
        let victim = self.find(&self.shared()?, name)?;
        if victim.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        if !directory::merged(&victim)?.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.remove(name, &victim)
    }

    fn rename(&self, name: &[u8], new_directory: &Arc<dyn Inode>, new_name: &[u8], flags: u32) -> Result<(), Errno> {
        let target = new_directory.downcast_ref::<OverlayInode>().ok_or(Errno::EXDEV)?;
        if flags & RENAME_WHITEOUT != 0 {
            return Err(Errno::EINVAL);
        }
        let _change = self.fs.change.lock();
        let (this, other) = (self.shared()?, target.shared()?);
        let moved = self.find(&this, name)?;
        moved.copy_up(&moved, true)?;
        let (from, to) = (self.copy_up(&this, true)?, target.copy_up(&other, true)?);
        let replaced = match target.find(&other, new_name) {
            Ok(found) => Some(found),
            Err(Errno::ENOENT) => None,
            Err(error) => return Err(error),
        };
        if flags & RENAME_EXCHANGE != 0 {
            let replaced = replaced.ok_or(Errno::ENOENT)?;
            replaced.copy_up(&replaced, true)?;
            from.rename(name, &to, new_name, flags)?;
            *replaced.place.lock() = Some((this, name.to_vec()));
            *moved.place.lock() = Some((other, new_name.to_vec()));
            return Ok(());
        }
        if let Some(replaced) = replaced {
            if Arc::ptr_eq(&replaced, &moved) {
                return Ok(());
            }
            match (moved.kind == FileKind::Directory, replaced.kind == FileKind::Directory) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                (true, true) if !directory::merged(&replaced)?.is_empty() => return Err(Errno::ENOTEMPTY),
                _ => {}
            }
            // Whatever of it is in the upper layer goes; a whiteout over its lower part is not needed,
            // since the new entry hides that as well.
            target.remove(new_name, &replaced)?;
        }
        Self::clear_whiteout(&to, new_name)?;
        from.rename(name, &to, new_name, 0)?;
        if self.is_in_lower(name)? {
            Self::add_whiteout(&from, name)?;
        }
        *moved.place.lock() = Some((other, new_name.to_vec()));
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>, Errno> {
        self.top()?.read_link()
    }

    fn follow_link(&self) -> Result<LinkTarget, Errno> {
        self.top()?.follow_link()
    }

    fn read_dir(&self, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        if self.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        directory::merged(self)?.emit(from, sink);
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        if self.kind == FileKind::Directory {
            return Ok(Box::new(directory::OverlayDirectory::new(self)));
        }
        let writes = flags & flags::ACCMODE != flags::RDONLY || flags & flags::TRUNC != 0;
        if writes && self.kind == FileKind::Regular {
            return self.writable(flags & flags::TRUNC == 0)?.open(flags);
        }
        self.top()?.open(flags)
    }

    fn host_mapping(&self, writable: bool) -> Result<HostMapping, Errno> {
        if writable { self.writable(true)? } else { self.top()? }.host_mapping(writable)
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if name.starts_with(PRIVATE_XATTR) {
            return Err(Errno::ENODATA);
        }
        self.top()?.get_xattr(name)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        if name.starts_with(PRIVATE_XATTR) {
            return Err(Errno::EPERM);
        }
        self.writable(true)?.set_xattr(name, value, flags)
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>, Errno> {
        let mut names = self.top()?.list_xattrs()?;
        names.retain(|name| !name.starts_with(PRIVATE_XATTR));
        Ok(names)
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<(), Errno> {
        if name.starts_with(PRIVATE_XATTR) {
            return Err(Errno::EPERM);
        }
        self.top()?.get_xattr(name)?;
        self.writable(true)?.remove_xattr(name)
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        const OVERLAYFS_SUPER_MAGIC: u64 = 0x794c_7630;
        let statistics = self.top()?.statistics()?;
        Ok(FsStatistics { magic: OVERLAYFS_SUPER_MAGIC, ..statistics })
    }
}
