//! Owners and modes of objects.

use lazaret_abi::{capability::cap, errno::Errno, ipc::IpcPerm};

use crate::task::creds::Creds;

/// May read the object (S_IRUGO).
pub const READ: u32 = 0o444;
/// May change the object (S_IWUGO).
pub const WRITE: u32 = 0o222;

/// Who owns an object and what others may do with it.
#[derive(Clone, Copy, Debug)]
pub struct Permission {
    /// Key.
    pub key: i32,
    /// Owner.
    pub uid: u32,
    /// Owner's group.
    pub gid: u32,
    creator: (u32, u32),
    /// Permission bits.
    pub mode: u32,
    sequence: u16,
}

impl Permission {
    /// Of an object that `creds` makes, with the mode in `flags`.
    pub fn new(key: i32, flags: u32, creds: &Creds, sequence: u16) -> Permission {
        let (uid, gid) = (creds.euid, creds.egid);
        Permission { key, uid, gid, creator: (uid, gid), mode: flags & 0o777, sequence }
    }

    /// `creds` may do what the bits of `wanted` say, in any of the three classes.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn check(&self, creds: &Creds, wanted: u32) -> Result<(), Errno> {
        let wanted = (wanted >> 6) | (wanted >> 3) | wanted;
        let granted = if creds.euid == self.uid || creds.euid == self.creator.0 {
            self.mode >> 6
        } else if creds.egid == self.gid
            || creds.egid == self.creator.1
            || creds.in_group(self.gid)
            || creds.in_group(self.creator.1)
        {
            self.mode >> 3
        } else {
            self.mode
        };
        if wanted & !granted & 0o7 == 0 || creds.has(cap::IPC_OWNER) { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// `creds` may remove the object and change its owner.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn check_owner(&self, creds: &Creds) -> Result<(), Errno> {
        if creds.euid == self.uid || creds.euid == self.creator.0 || creds.has(cap::SYS_ADMIN) {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    /// IPC_SET.
    ///
    /// # Errors
    /// `EINVAL` for an id of -1.
    pub fn set(&mut self, new: &IpcPerm) -> Result<(), Errno> {
        if new.uid == u32::MAX || new.gid == u32::MAX {
            return Err(Errno::EINVAL);
        }
        self.uid = new.uid;
        self.gid = new.gid;
        self.mode = self.mode & !0o777 | new.mode & 0o777;
        Ok(())
    }

    /// As the IPC_STAT commands show it.
    pub fn show(&self) -> IpcPerm {
        IpcPerm {
            key: self.key,
            uid: self.uid,
            gid: self.gid,
            creator_uid: self.creator.0,
            creator_gid: self.creator.1,
            mode: self.mode,
            sequence: self.sequence,
            ..IpcPerm::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Creds, Errno, Permission, READ, WRITE};

    #[test]
    fn classes_of_users() {
        let user = |uid, gid| Creds { euid: uid, egid: gid, effective: 0, ..Creds::root() };
        let permission = Permission::new(1, 0o640, &user(5, 6), 0);
        assert_eq!(permission.check(&user(5, 9), READ | WRITE), Ok(()));
        assert_eq!(permission.check(&user(7, 6), READ), Ok(()));
        assert_eq!(permission.check(&user(7, 6), WRITE), Err(Errno::EACCES));
        assert_eq!(permission.check(&user(7, 7), READ), Err(Errno::EACCES));
        assert_eq!(permission.check(&Creds::root(), READ | WRITE), Ok(()));
        assert_eq!(permission.check_owner(&user(7, 6)), Err(Errno::EPERM));
    }
}
