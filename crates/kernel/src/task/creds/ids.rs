//! Changes of user and group ids; see setresuid(2), setreuid(2), setuid(2), setfsuid(2).
//!
//! `None` stands for -1: leave the id as it is. The methods return the changed credentials, or
//! `EPERM`.

use lazaret_abi::{capability::cap, errno::Errno, prctl::securebits};

use super::Creds;

/// Capabilities that come and go with the file-system user id (CAP_FS_SET).
const FILE_CAPABILITIES: u64 = 1 << cap::CHOWN
    | 1 << cap::DAC_OVERRIDE
    | 1 << cap::DAC_READ_SEARCH
    | 1 << cap::FOWNER
    | 1 << cap::FSETID
    | 1 << cap::LINUX_IMMUTABLE
    | 1 << cap::MKNOD
    | 1 << cap::MAC_OVERRIDE;

/// Refuses unless all of the ids asked for are among those one has.
fn check(privileged: bool, asked: &[Option<u32>], own: &[u32]) -> Result<(), Errno> {
    if privileged || asked.iter().flatten().all(|id| own.contains(id)) { Ok(()) } else { Err(Errno::EPERM) }
}

impl Creds {
    /// setresuid(2).
    ///
    /// # Errors
    /// `EPERM`.
    pub fn with_user_ids(&self, real: Option<u32>, effective: Option<u32>, saved: Option<u32>) -> Result<Creds, Errno> {
        check(self.has(cap::SETUID), &[real, effective, saved], &[self.uid, self.euid, self.suid])?;
        let mut new = self.clone();
        new.uid = real.unwrap_or(self.uid);
        new.euid = effective.unwrap_or(self.euid);
        new.suid = saved.unwrap_or(self.suid);
        new.fsuid = new.euid;
        new.follow_user_ids(self);
        Ok(new)
    }

    /// setreuid(2).
    ///
    /// # Errors
    /// `EPERM`.
    pub fn with_real_user_id(&self, real: Option<u32>, effective: Option<u32>) -> Result<Creds, Errno> {
        let privileged = self.has(cap::SETUID);
        check(privileged, &[real], &[self.uid, self.euid])?;
        check(privileged, &[effective], &[self.uid, self.euid, self.suid])?;
        let mut new = self.clone();
        new.uid = real.unwrap_or(self.uid);
        new.euid = effective.unwrap_or(self.euid);
        if real.is_some() || effective.is_some_and(|effective| effective != self.uid) {
            new.suid = new.euid;
        }
        new.fsuid = new.euid;
        new.follow_user_ids(self);
        Ok(new)
    }

    /// setuid(2).
    ///
    /// # Errors
    /// `EPERM`.
    pub fn with_user_id(&self, uid: u32) -> Result<Creds, Errno> {
        let mut new = self.clone();
        if self.has(cap::SETUID) {
            new.uid = uid;
            new.suid = uid;
        } else if uid != self.uid && uid != self.suid {
            return Err(Errno::EPERM);
        }
        new.euid = uid;
        new.fsuid = uid;
        new.follow_user_ids(self);
        Ok(new)
    }

    /// setfsuid(2).
    ///
    /// # Errors
    /// `EPERM`, which the call itself does not tell.
    pub fn with_fs_user_id(&self, uid: u32) -> Result<Creds, Errno> {
        check(self.has(cap::SETUID), &[Some(uid)], &[self.uid, self.euid, self.suid, self.fsuid])?;
        let mut new = Creds { fsuid: uid, ..self.clone() };
        if !self.has_securebit(securebits::NO_SETUID_FIXUP) {
            if self.fsuid == 0 && uid != 0 {
                new.effective &= !FILE_CAPABILITIES;
            } else if self.fsuid != 0 && uid == 0 {
                new.effective |= self.permitted & FILE_CAPABILITIES;
            }
        }
        Ok(new)
    }

    /// setresgid(2).
    ///
    /// # Errors
    /// `EPERM`.
    pub fn with_group_ids(
        &self,
        real: Option<u32>,
        effective: Option<u32>,
        saved: Option<u32>,
    ) -> Result<Creds, Errno> {
        check(self.has(cap::SETGID), &[real, effective, saved], &[self.gid, self.egid, self.sgid])?;
        let mut new = self.clone();
        new.gid = real.unwrap_or(self.gid);
        new.egid = effective.unwrap_or(self.egid);
        new.sgid = saved.unwrap_or(self.sgid);
        new.fsgid = new.egid;
        Ok(new)
    }

    /// setregid(2).
    ///
    /// # Errors
    /// `EPERM`.
    pub fn with_real_group_id(&self, real: Option<u32>, effective: Option<u32>) -> Result<Creds, Errno> {
        let privileged = self.has(cap::SETGID);
        check(privileged, &[real], &[self.gid, self.egid])?;
        check(privileged, &[effective], &[self.gid, self.egid, self.sgid])?;
        let mut new = self.clone();
        new.gid = real.unwrap_or(self.gid);
        new.egid = effective.unwrap_or(self.egid);
        if real.is_some() || effective.is_some_and(|effective| effective != self.gid) {
            new.sgid = new.egid;
        }
        new.fsgid = new.egid;
        Ok(new)
    }

    /// setgid(2).
    ///
    /// # Errors
    /// `EPERM`.
    pub fn with_group_id(&self, gid: u32) -> Result<Creds, Errno> {
        let mut new = self.clone();
        if self.has(cap::SETGID) {
            new.gid = gid;
            new.sgid = gid;
        } else if gid != self.gid && gid != self.sgid {
            return Err(Errno::EPERM);
        }
        new.egid = gid;
        new.fsgid = gid;
        Ok(new)
    }

    /// setfsgid(2).
    ///
    /// # Errors
    /// `EPERM`, which the call itself does not tell.
    pub fn with_fs_group_id(&self, gid: u32) -> Result<Creds, Errno> {
        check(self.has(cap::SETGID), &[Some(gid)], &[self.gid, self.egid, self.sgid, self.fsgid])?;
        Ok(Creds { fsgid: gid, ..self.clone() })
    }

    /// setgroups(2).
    ///
    /// # Errors
    /// `EPERM`.
    pub fn with_groups(&self, mut groups: Vec<u32>) -> Result<Creds, Errno> {
        if !self.has(cap::SETGID) {
            return Err(Errno::EPERM);
        }
        groups.sort_unstable();
        Ok(Creds { groups, ..self.clone() })
    }

    /// Lets the capabilities follow a change of user ids; capabilities(7), "Effect of user ID changes".
    fn follow_user_ids(&mut self, old: &Creds) {
        if old.has_securebit(securebits::NO_SETUID_FIXUP) {
            return;
        }
        let was_root = old.uid == 0 || old.euid == 0 || old.suid == 0;
        let is_root = self.uid == 0 || self.euid == 0 || self.suid == 0;
        if was_root && !is_root {
            if !old.has_securebit(securebits::KEEP_CAPS) {
                self.permitted = 0;
                self.effective = 0;
            }
            self.ambient = 0;
        }
        if old.euid == 0 && self.euid != 0 {
            self.effective = 0;
        }
        if old.euid != 0 && self.euid == 0 {
            self.effective = self.permitted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{root, user};
    use lazaret_abi::{capability::cap, errno::Errno, prctl::securebits};

    #[test]
    fn setuid_of_root_is_for_good() {
        let new = root().with_user_id(7).unwrap();
        assert_eq!((new.uid, new.euid, new.suid, new.fsuid), (7, 7, 7, 7));
        assert_eq!((new.permitted, new.effective), (0, 0));
        assert_eq!(new.with_user_id(0), Err(Errno::EPERM));
    }

    #[test]
    fn seteuid_of_root_can_be_undone() {
        let new = root().with_user_ids(None, Some(7), None).unwrap();
        assert_eq!((new.uid, new.euid, new.suid, new.fsuid), (0, 7, 0, 7));
        assert_eq!(new.effective, 0);
        assert_ne!(new.permitted, 0);
        let back = new.with_user_ids(None, Some(0), None).unwrap();
        assert_eq!(back.effective, back.permitted);
    }

    #[test]
    fn users_move_among_their_own_ids() {
        let creds = user(5);
        assert_eq!(creds.with_user_ids(Some(5), None, Some(5)).as_ref(), Ok(&creds));
        assert_eq!(creds.with_user_ids(None, Some(6), None), Err(Errno::EPERM));
        assert_eq!(creds.with_group_ids(None, None, Some(0)), Err(Errno::EPERM));
        assert_eq!(creds.with_groups(vec![]), Err(Errno::EPERM));
        let mut setuid_program = user(5);
        (setuid_program.euid, setuid_program.suid) = (9, 9);
        let swapped = setuid_program.with_real_user_id(Some(9), Some(5)).unwrap();
        assert_eq!((swapped.uid, swapped.euid, swapped.suid), (9, 5, 5));
        assert_eq!(setuid_program.with_real_user_id(None, Some(5)).unwrap().suid, 9);
    }

    #[test]
    fn capabilities_may_be_kept() {
        let mut creds = root();
        creds.securebits = securebits::KEEP_CAPS;
        creds.ambient = 1;
        let new = creds.with_user_id(7).unwrap();
        assert_eq!((new.permitted, new.effective, new.ambient), (creds.permitted, 0, 0));
        creds.securebits = securebits::NO_SETUID_FIXUP;
        assert_eq!(creds.with_user_id(7).unwrap().effective, creds.effective);
    }

    #[test]
    fn file_capabilities_follow_the_file_user_id() {
        let new = root().with_fs_user_id(7).unwrap();
        assert!(!new.has(cap::DAC_OVERRIDE) && new.has(cap::SYS_ADMIN));
        assert!(new.with_fs_user_id(0).unwrap().has(cap::DAC_OVERRIDE));
        assert_eq!(user(5).with_fs_user_id(0), Err(Errno::EPERM));
    }

    #[test]
    fn groups_are_kept_sorted() {
        let new = root().with_groups(vec![9, 3, 5]).unwrap();
        assert_eq!(new.groups, [3, 5, 9]);
        assert!(new.in_group(5) && !new.in_group(4));
    }
}
