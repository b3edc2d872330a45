//! Which devices the tasks of a control group may make and open, by the rules of the devices controller.
//!
//! What is checked, and when, is as with Linux: after the permission bits, and with `EPERM`.

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::Task;
use crate::fs::{
    dev::split_device,
    inode::{FileKind, Inode},
    vfs::permission::{READ, WRITE},
};

bitflags::bitflags! {
    /// What is done with a device.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DeviceAccess: u8 {
        /// Reading.
        const READ = 1;
        /// Writing.
        const WRITE = 2;
        /// mknod(2).
        const MAKE = 4;
    }
}

/// Devices, and what may be done with them, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Snapshot)]
pub struct DeviceEntry {
    /// A block device.
    pub is_block: bool,
    /// Major number; none for all.
    pub major: Option<u32>,
    /// Minor number; none for all.
    pub minor: Option<u32>,
    /// Bits of [`DeviceAccess`].
    pub access: u8,
}

/// Entries that are exceptions from what holds for all other devices.
#[derive(Clone, Debug, PartialEq, Eq, Snapshot)]
pub struct DeviceRules {
    /// What has no entry is allowed.
    pub allows: bool,
    /// The exceptions.
    pub entries: Vec<DeviceEntry>,
}

impl Default for DeviceRules {
    /// All may be used.
    fn default() -> DeviceRules {
        DeviceRules { allows: true, entries: Vec::new() }
    }
}

impl DeviceRules {
    /// Something may be done with a device.
    pub fn allow(&self, is_block: bool, device: u64, access: DeviceAccess) -> bool {
        let (major, minor) = split_device(device);
        let mut of_device = self.entries.iter().filter(|entry| {
            entry.is_block == is_block
                && entry.major.is_none_or(|number| number == major)
                && entry.minor.is_none_or(|number| number == minor)
        });
        if self.allows {
            // An exception for a part is one for the whole.
            !of_device.any(|entry| entry.access & access.bits() != 0)
        } else {
            // One exception has to cover all of it.
            of_device.any(|entry| access.bits() & !entry.access == 0)
        }
    }
}

/// The calling task may do something with a device; the kernel itself may do anything.
///
/// # Errors
/// `EPERM`.
pub fn check(kind: FileKind, device: u64, access: DeviceAccess) -> Result<(), Errno> {
    let is_block = match kind {
        FileKind::BlockDevice => true,
        FileKind::CharDevice => false,
        _ => return Ok(()),
    };
    let allowed = access.is_empty()
        || Task::try_current().is_none_or(|task| task.group().cgroup().devices.allow(is_block, device, access));
    if allowed { Ok(()) } else { Err(Errno::EPERM) }
}

/// The calling task may read or write what an inode stands for, if that is a device; `mask` is that of a permission.
///
/// # Errors
/// `EPERM`.
pub fn check_inode(inode: &dyn Inode, mask: u32) -> Result<(), Errno> {
    let kind = inode.kind();
    if !matches!(kind, FileKind::CharDevice | FileKind::BlockDevice) {
        return Ok(());
    }
    let mut access = DeviceAccess::empty();
    access.set(DeviceAccess::READ, mask & READ != 0);
    access.set(DeviceAccess::WRITE, mask & WRITE != 0);
    check(kind, inode.attributes()?.rdev, access)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::dev::make_device;

    #[test]
    fn exceptions_are_looked_at_as_linux_does() {
        let entry =
            |major, minor, access: DeviceAccess| DeviceEntry { is_block: false, major, minor, access: access.bits() };
        let (read, write) = (DeviceAccess::READ, DeviceAccess::WRITE);
        let entries = vec![entry(Some(1), Some(3), read), entry(Some(1), None, write), entry(None, Some(7), read)];
        let denying = DeviceRules { allows: false, entries: entries.clone() };
        let allowing = DeviceRules { allows: true, entries };
        for (major, minor, access, allowed, else_allowed) in [
            (1, 3, read, true, false),
            (1, 3, write, true, false),
            // No single entry has both.
            (1, 3, read | write, false, false),
            (1, 4, read, false, true),
            (9, 7, read, true, false),
            (9, 8, read, false, true),
            (9, 7, DeviceAccess::MAKE, false, true),
        ] {
            let device = make_device(major, minor);
            assert_eq!(denying.allow(false, device, access), allowed, "{major}:{minor} {access:?}");
            assert_eq!(allowing.allow(false, device, access), else_allowed, "{major}:{minor} {access:?}");
        }
        assert!(!denying.allow(true, make_device(1, 3), read) && allowing.allow(true, make_device(1, 3), read));
    }
}
