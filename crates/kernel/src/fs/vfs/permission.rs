//! Who may do what with an inode; see path_resolution(7) and capabilities(7).

use lazaret_abi::errno::Errno;

use crate::{
    fs::inode::{Attributes, FileKind, Inode},
    sync::Arc,
    task::{
        Task,
        creds::{Creds, cap},
    },
};

/// Execute a file, or search a directory (X_OK).
pub const EXEC: u32 = 1;
/// Write (W_OK).
pub const WRITE: u32 = 2;
/// Read (R_OK).
pub const READ: u32 = 4;

/// Set-user-id bit.
pub const S_ISUID: u32 = 0o4000;
/// Set-group-id bit.
pub const S_ISGID: u32 = 0o2000;
/// Sticky bit.
pub const S_ISVTX: u32 = 0o1000;
/// Execution by the group.
pub const S_IXGRP: u32 = 0o010;

/// Checks whether `creds` give the access in `mask` ([`EXEC`], [`WRITE`], [`READ`]).
///
/// # Errors
/// `EACCES`, or what the file system answers.
pub fn check_access(inode: &Arc<dyn Inode>, creds: &Creds, mask: u32) -> Result<(), Errno> {
    if let Some(decision) = inode.permission(creds, mask) {
        return decision;
    }
    let directory = inode.kind() == FileKind::Directory;
    if directory && creds.has(cap::DAC_OVERRIDE) {
        return Ok(());
    }
    let attributes = inode.attributes()?;
    if mode_allows(&attributes, creds, mask) {
        return Ok(());
    }
    if creds.has(cap::DAC_OVERRIDE) && (mask & EXEC == 0 || attributes.permissions & 0o111 != 0) {
        return Ok(());
    }
    let only_reads = if directory { mask & WRITE == 0 } else { mask == READ };
    if only_reads && creds.has(cap::DAC_READ_SEARCH) {
        return Ok(());
    }
    Err(Errno::EACCES)
}

/// What the mode bits alone say.
fn mode_allows(attributes: &Attributes, creds: &Creds, mask: u32) -> bool {
    let class = if attributes.uid == creds.fsuid {
        attributes.permissions >> 6
    } else if creds.in_group(attributes.gid) {
        attributes.permissions >> 3
    } else {
        attributes.permissions
    };
    class & mask == mask
}

/// `creds` are the owner's or may act like it (CAP_FOWNER).
pub fn is_owner(attributes: &Attributes, creds: &Creds) -> bool {
    attributes.uid == creds.fsuid || creds.has(cap::FOWNER)
}

/// Checks that `creds` may remove or rename `victim` in `directory`: write access to the directory
/// and the rule of the sticky bit.
///
/// # Errors
/// `EACCES`, `EPERM`.
pub fn check_delete(directory: &Arc<dyn Inode>, victim: &Arc<dyn Inode>, creds: &Creds) -> Result<(), Errno> {
    check_access(directory, creds, WRITE | EXEC)?;
    let directory = directory.attributes()?;
    if directory.permissions & S_ISVTX != 0
        && directory.uid != creds.fsuid
        && victim.attributes()?.uid != creds.fsuid
        && !creds.has(cap::FOWNER)
    {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// Permission bits of a regular file after its content or owner was changed by somebody who lacks
/// CAP_FSETID: without set-user-id, and without set-group-id unless that meant mandatory locking.
/// `None` when nothing changes.
pub fn without_set_id(permissions: u32) -> Option<u32> {
    let mut kept = permissions & !S_ISUID;
    if kept & S_IXGRP != 0 {
        kept &= !S_ISGID;
    }
    (kept != permissions).then_some(kept)
}

/// [`without_set_id`] for a write by the task that runs on this host thread.
pub fn without_set_id_after_write(permissions: u32) -> Option<u32> {
    let kept = without_set_id(permissions)?;
    match Task::try_current() {
        Some(task) if !task.creds().has(cap::FSETID) => Some(kept),
        _ => None,
    }
}
