//! Tells those who watch the file tree (inotify) what happens in it.

use std::collections::HashMap;

use super::{
    inode::{FileKind, Inode},
    inotify::Mask,
    vfs::{Dentry, Location},
};
use crate::sync::{Arc, AtomicU32, AtomicUsize, Mutex, OnceLock, Ordering, Weak};

/// Something that happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its name was made.
    Created,
    /// Its attributes changed.
    Attributes,
    /// Its content changed.
    Modified,
    /// It was read.
    Accessed,
    /// It was opened.
    Opened,
    /// An open file that could be written was closed.
    ClosedWritable,
    /// An open file that could only be read was closed.
    ClosedReadOnly,
}

impl Change {
    fn mask(self) -> Mask {
        match self {
            Change::Created => Mask::CREATE,
            Change::Attributes => Mask::ATTRIB,
            Change::Modified => Mask::MODIFY,
            Change::Accessed => Mask::ACCESS,
            Change::Opened => Mask::OPEN,
            Change::ClosedWritable => Mask::CLOSE_WRITE,
            Change::ClosedReadOnly => Mask::CLOSE_NOWRITE,
        }
    }
}

/// Who watches an inode.
pub trait Watcher: Send + Sync {
    /// Something happened to the inode, or to its entry `name`.
    fn notify(&self, event: Mask, cookie: u32, name: &[u8]);
}

/// Identity of an inode for watching: device and number.
pub type InodeId = (u64, u64);

/// Number of watches there are: without any, a change costs one load.
static COUNT: AtomicUsize = AtomicUsize::new(0);

type Watches = HashMap<InodeId, Vec<Weak<dyn Watcher>>>;

fn watches() -> &'static Mutex<Watches> {
    static WATCHES: OnceLock<Mutex<Watches>> = OnceLock::new();
    WATCHES.get_or_init(Mutex::default)
}

/// Identity of an inode.
pub fn identity(inode: &dyn Inode) -> Option<InodeId> {
    inode.attributes().ok().map(|attributes| (attributes.device, attributes.inode))
}

/// Adds a watch.
pub fn watch(id: InodeId, watch: &Arc<dyn Watcher>) {
    watches().lock().entry(id).or_default().push(Arc::downgrade(watch));
    COUNT.fetch_add(1, Ordering::SeqCst);
}

/// Takes a watch back.
pub fn unwatch(id: InodeId, watch: &dyn Watcher) {
    let mut watches = watches().lock();
    if let Some(list) = watches.get_mut(&id) {
        list.retain(|other| !std::ptr::addr_eq(other.as_ptr(), watch));
        if list.is_empty() {
            watches.remove(&id);
        }
    }
    COUNT.fetch_sub(1, Ordering::SeqCst);
}

fn is_watched() -> bool {
    COUNT.load(Ordering::Relaxed) != 0
}

fn send(inode: &dyn Inode, mask: Mask, cookie: u32, name: &[u8]) {
    let Some(id) = identity(inode) else { return };
    let targets: Vec<Arc<dyn Watcher>> =
        watches().lock().get(&id).map(|list| list.iter().filter_map(Weak::upgrade).collect()).unwrap_or_default();
    for target in targets {
        target.notify(mask, cookie, name);
    }
}

fn directory_bit(location: &Location) -> Mask {
    if location.inode().kind() == FileKind::Directory { Mask::ISDIR } else { Mask::empty() }
}

fn send_to_parent(location: &Location, mask: Mask) {
    if let (Some(parent), name) = location.dentry.parent_and_name() {
        send(&**parent.inode(), mask, 0, &name);
    }
}

/// Something happened to a file: tells watchers of it and of its directory.
pub fn changed(location: &Location, change: Change) {
    if !is_watched() || location.mount.is_internal() {
        return;
    }
    let mask = change.mask() | directory_bit(location);
    send_to_parent(location, mask);
    send(&**location.inode(), mask, 0, b"");
}

/// A name was made: tells watchers of its directory.
pub fn changed_entry(location: &Location, change: Change) {
    if is_watched() {
        send_to_parent(location, change.mask() | directory_bit(location));
    }
}

/// A name was removed from a directory.
pub fn removed(directory: &Arc<Dentry>, name: &[u8], kind: FileKind) {
    if is_watched() {
        let directory_bit = if kind == FileKind::Directory { Mask::ISDIR } else { Mask::empty() };
        send(&**directory.inode(), Mask::DELETE | directory_bit, 0, name);
    }
}

/// A file got or lost a name: its own watchers learn of it.
pub fn links_changed(inode: &Arc<dyn Inode>) {
    if is_watched() && inode.kind() != FileKind::Directory {
        send(&**inode, Mask::ATTRIB, 0, b"");
    }
}

/// The last user of a removed name let go of it; with its last name the file is gone.
pub fn gone(inode: &Arc<dyn Inode>) {
    if !is_watched() {
        return;
    }
    let directory = inode.kind() == FileKind::Directory;
    if directory || inode.attributes().is_ok_and(|now| now.links == 0) {
        send(&**inode, Mask::DELETE_SELF, 0, b"");
    }
}

/// A name moved.
pub fn renamed(location: &Location, old: &Arc<Dentry>, old_name: &[u8], new: &Arc<Dentry>, new_name: &[u8]) {
    static COOKIE: AtomicU32 = AtomicU32::new(1);
    if !is_watched() {
        return;
    }
    let cookie = COOKIE.fetch_add(1, Ordering::Relaxed);
    let directory = directory_bit(location);
    send(&**old.inode(), Mask::MOVED_FROM | directory, cookie, old_name);
    send(&**new.inode(), Mask::MOVED_TO | directory, cookie, new_name);
    send(&**location.inode(), Mask::MOVE_SELF, 0, b"");
}
