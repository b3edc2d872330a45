//! Files that are being executed cannot be written, and the other way round (`ETXTBSY`).

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

use super::{
    inode::{FileKind, Inode},
    notify::{InodeId, identity},
};
use crate::sync::{Mutex, OnceLock};

/// How an inode is in use: open for writing so many times, or denied to writers so many times.
/// Never both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Writers(usize),
    Denials(usize),
}

fn uses() -> &'static Mutex<HashMap<InodeId, Use>> {
    static USES: OnceLock<Mutex<HashMap<InodeId, Use>>> = OnceLock::new();
    USES.get_or_init(Mutex::default)
}

/// Identity of a regular file; others are never busy.
fn regular(inode: &dyn Inode) -> Option<InodeId> {
    if inode.kind() == FileKind::Regular { identity(inode) } else { None }
}

/// Notes that the file is open for writing.
///
/// # Errors
/// `ETXTBSY` when it is being executed.
pub fn begin_write(inode: &dyn Inode) -> Result<(), Errno> {
    let Some(id) = regular(inode) else { return Ok(()) };
    match uses().lock().entry(id).or_insert(Use::Writers(0)) {
        Use::Writers(count) => {
            *count += 1;
            Ok(())
        }
        Use::Denials(_) => Err(Errno::ETXTBSY),
    }
}

/// Takes [`begin_write`] back.
pub fn end_write(inode: &dyn Inode) {
    let Some(id) = regular(inode) else { return };
    let mut uses = uses().lock();
    match uses.get_mut(&id) {
        Some(Use::Writers(count)) if *count > 1 => *count -= 1,
        Some(Use::Writers(_)) => {
            uses.remove(&id);
        }
        _ => {}
    }
}

/// Denies writing while the file is executed.
///
/// # Errors
/// `ETXTBSY` when somebody has it open for writing.
pub fn deny_write(inode: &dyn Inode) -> Result<(), Errno> {
    let Some(id) = regular(inode) else { return Ok(()) };
    match uses().lock().entry(id).or_insert(Use::Denials(0)) {
        Use::Denials(count) => {
            *count += 1;
            Ok(())
        }
        Use::Writers(_) => Err(Errno::ETXTBSY),
    }
}

/// Takes [`deny_write`] back.
pub fn allow_write(inode: &dyn Inode) {
    let Some(id) = regular(inode) else { return };
    let mut uses = uses().lock();
    match uses.get_mut(&id) {
        Some(Use::Denials(count)) if *count > 1 => *count -= 1,
        Some(Use::Denials(_)) => {
            uses.remove(&id);
        }
        _ => {}
    }
}
