//! memfd_create(2) and file seals.

use bitflags::bitflags;
use lazaret_abi::errno::Errno;
use lazaret_snapshot::snapshot_bits;
use rustix::fs::SealFlags;

use super::{TmpFs, TmpfsOptions, Usage, inode::TmpInode};
use crate::{
    fs::{
        anon::anonymous_location,
        file::{File, flags},
        inode::{Inode, NewAttributes},
        vfs::SuperBlock,
    },
    sync::{Arc, AtomicU64, OnceLock},
    task::creds::Creds,
};

bitflags! {
    /// Seals of a file; see F_ADD_SEALS in fcntl(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Seals: u32 {
        /// F_SEAL_SEAL: no more seals.
        const SEALED = 1;
        /// F_SEAL_SHRINK
        const SHRINK = 2;
        /// F_SEAL_GROW
        const GROW = 4;
        /// F_SEAL_WRITE
        const WRITE = 8;
        /// F_SEAL_FUTURE_WRITE
        const FUTURE_WRITE = 16;
        /// F_SEAL_EXEC
        const EXEC = 32;
    }

    /// Flags of memfd_create(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MemfdFlags: u32 {
        /// MFD_CLOEXEC
        const CLOEXEC = 1;
        /// MFD_ALLOW_SEALING
        const ALLOW_SEALING = 2;
        /// MFD_HUGETLB
        const HUGETLB = 4;
        /// MFD_NOEXEC_SEAL
        const NOEXEC_SEAL = 8;
        /// MFD_EXEC
        const EXEC = 16;
    }
}

snapshot_bits!(Seals);

impl Seals {
    /// The file may change from `size` to `new_size`.
    pub(super) fn check_resize(self, size: u64, new_size: u64) -> Result<(), Errno> {
        if new_size < size && self.contains(Seals::SHRINK) || new_size > size && self.contains(Seals::GROW) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// A write that ends at `end` is allowed.
    pub(super) fn check_write(self, size: u64, end: u64) -> Result<(), Errno> {
        if self.intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
            return Err(Errno::EPERM);
        }
        self.check_resize(size, size.max(end))
    }

    /// A new mapping may be shared and writable.
    pub(super) fn check_map_writable(self) -> Result<(), Errno> {
        if self.intersects(Seals::WRITE | Seals::FUTURE_WRITE) { Err(Errno::EPERM) } else { Ok(()) }
    }
}

impl TmpInode {
    /// F_GET_SEALS.
    ///
    /// # Errors
    /// `EINVAL` for what is no regular file.
    pub fn seals(&self) -> Result<Seals, Errno> {
        self.regular().map(|regular| *regular.seals.lock()).ok_or(Errno::EINVAL)
    }

    /// F_ADD_SEALS; the caller has checked that the file is open for writing.
    ///
    /// # Errors
    /// `EPERM` when sealed against it, `EBUSY` when mapped writable, `EINVAL` for what is no
    /// regular file.
    pub fn add_seals(&self, added: Seals) -> Result<(), Errno> {
        let regular = self.regular().ok_or(Errno::EINVAL)?;
        let mut content = regular.content.write();
        let mut seals = regular.seals.lock();
        if seals.contains(Seals::SEALED) {
            return Err(Errno::EPERM);
        }
        let mut added = added;
        if added.contains(Seals::EXEC) && self.attributes.lock().permissions & 0o111 != 0 {
            // fcntl(2): a file sealed while executable must not be modified any more.
            added |= Seals::SHRINK | Seals::GROW | Seals::WRITE | Seals::FUTURE_WRITE;
        }
        let host = added.intersection(Seals::WRITE | Seals::FUTURE_WRITE);
        if !host.is_empty() {
            content.seal(SealFlags::from_bits_truncate(host.bits()))?;
        }
        *seals |= added;
        Ok(())
    }
}

/// The tmpfs that memfds are in; it has no limits but the sandbox's memory.
fn memfd_fs() -> Arc<TmpFs> {
    static FS: OnceLock<Arc<TmpFs>> = OnceLock::new();
    let new = || {
        let options = TmpfsOptions::default();
        let usage = Usage::new(options.pages.saturating_mul(2), u64::MAX);
        Arc::new(TmpFs { device: SuperBlock::allocate_device(), usage, next_inode: AtomicU64::new(1) })
    };
    FS.get_or_init(new).clone()
}

/// Makes the file of memfd_create(2); `name` without the prefix `memfd:`.
///
/// # Errors
/// `EINVAL` for huge pages, which tmpfs files do not have here.
pub fn create_memfd(name: &[u8], memfd_flags: MemfdFlags, creds: &Creds) -> Result<Arc<File>, Errno> {
    if memfd_flags.contains(MemfdFlags::HUGETLB) || memfd_flags.contains(MemfdFlags::EXEC | MemfdFlags::NOEXEC_SEAL) {
        return Err(Errno::EINVAL);
    }
    let no_exec = memfd_flags.contains(MemfdFlags::NOEXEC_SEAL);
    let mut seals = Seals::SEALED;
    if memfd_flags.intersects(MemfdFlags::ALLOW_SEALING | MemfdFlags::NOEXEC_SEAL) {
        seals = Seals::empty();
    }
    if no_exec {
        seals |= Seals::EXEC;
    }
    let permissions = if no_exec { 0o666 } else { 0o777 };
    let owner = NewAttributes { permissions, uid: creds.fsuid, gid: creds.fsgid };
    let inode = TmpInode::unnamed(memfd_fs(), &owner, seals)?;
    let mut shown = b"/memfd:".to_vec();
    shown.extend_from_slice(name);
    shown.extend_from_slice(b" (deleted)");
    let ops = inode.clone().open(flags::RDWR)?;
    Ok(File::new(ops, anonymous_location(inode, &shown), flags::RDWR | flags::LARGEFILE))
}
