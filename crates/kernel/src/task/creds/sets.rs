//! Changes of capability sets and securebits; see capset(2), prctl(2), capabilities(7).

use lazaret_abi::{capability::cap, errno::Errno, prctl::securebits};

use super::{Creds, cap::ALL};

/// Securebits that lock the bit below them.
const LOCKS: u32 = securebits::NOROOT_LOCKED
    | securebits::NO_SETUID_FIXUP_LOCKED
    | securebits::KEEP_CAPS_LOCKED
    | securebits::NO_CAP_AMBIENT_RAISE_LOCKED
    | securebits::EXEC_RESTRICT_FILE_LOCKED
    | securebits::EXEC_DENY_INTERACTIVE_LOCKED;

/// Securebits that need no privilege, with their locks.
const UNPRIVILEGED: u32 = securebits::EXEC_RESTRICT_FILE
    | securebits::EXEC_RESTRICT_FILE_LOCKED
    | securebits::EXEC_DENY_INTERACTIVE
    | securebits::EXEC_DENY_INTERACTIVE_LOCKED;

/// The bit of a capability.
///
/// # Errors
/// `EINVAL` when it does not exist.
pub fn bit(capability: u64) -> Result<u64, Errno> {
    if capability <= u64::from(super::cap::LAST) { Ok(1 << capability) } else { Err(Errno::EINVAL) }
}

impl Creds {
    /// A securebit is set.
    pub fn has_securebit(&self, bit: u32) -> bool {
        self.securebits & bit != 0
    }

    /// capset(2).
    ///
    /// # Errors
    /// `EPERM` for sets that are not allowed.
    pub fn with_capabilities(&self, effective: u64, permitted: u64, inheritable: u64) -> Result<Creds, Errno> {
        let (effective, permitted, inheritable) = (effective & ALL, permitted & ALL, inheritable & ALL);
        let within = |set: u64, limit: u64| set & !limit == 0;
        let allowed = (self.has(cap::SETPCAP) || within(inheritable, self.inheritable | self.permitted))
            && within(inheritable, self.inheritable | self.bounding)
            && within(permitted, self.permitted)
            && within(effective, permitted);
        if !allowed {
            return Err(Errno::EPERM);
        }
        let ambient = self.ambient & permitted & inheritable;
        Ok(Creds { effective, permitted, inheritable, ambient, ..self.clone() })
    }

    /// PR_CAPBSET_DROP.
    ///
    /// # Errors
    /// `EPERM` without CAP_SETPCAP, `EINVAL` for a capability that does not exist.
    pub fn without_bounding(&self, capability: u64) -> Result<Creds, Errno> {
        if !self.has(cap::SETPCAP) {
            return Err(Errno::EPERM);
        }
        Ok(Creds { bounding: self.bounding & !bit(capability)?, ..self.clone() })
    }

    /// PR_SET_SECUREBITS.
    ///
    /// # Errors
    /// `EPERM` when a bit is locked, does not exist, or needs CAP_SETPCAP.
    pub fn with_securebits(&self, bits: u32) -> Result<Creds, Errno> {
        let changed = self.securebits ^ bits;
        let locked = (self.securebits & LOCKS) >> 1;
        let unlocks = self.securebits & LOCKS & !bits;
        let unknown = bits & !(LOCKS | LOCKS >> 1);
        if changed & locked != 0 || unlocks != 0 || unknown != 0 {
            return Err(Errno::EPERM);
        }
        if changed & !UNPRIVILEGED != 0 && !self.has(cap::SETPCAP) {
            return Err(Errno::EPERM);
        }
        Ok(Creds { securebits: bits, ..self.clone() })
    }

    /// PR_SET_KEEPCAPS.
    ///
    /// # Errors
    /// `EPERM` when the bit is locked.
    pub fn with_keep_caps(&self, keep: bool) -> Result<Creds, Errno> {
        if self.has_securebit(securebits::KEEP_CAPS_LOCKED) {
            return Err(Errno::EPERM);
        }
        let rest = self.securebits & !securebits::KEEP_CAPS;
        Ok(Creds { securebits: rest | if keep { securebits::KEEP_CAPS } else { 0 }, ..self.clone() })
    }

    /// PR_CAP_AMBIENT_RAISE and PR_CAP_AMBIENT_LOWER.
    ///
    /// # Errors
    /// `EINVAL` for a capability that does not exist, `EPERM` when it may not be raised.
    pub fn with_ambient(&self, capability: u64, raise: bool) -> Result<Creds, Errno> {
        let bit = bit(capability)?;
        if !raise {
            return Ok(Creds { ambient: self.ambient & !bit, ..self.clone() });
        }
        if self.permitted & self.inheritable & bit == 0 || self.has_securebit(securebits::NO_CAP_AMBIENT_RAISE) {
            return Err(Errno::EPERM);
        }
        Ok(Creds { ambient: self.ambient | bit, ..self.clone() })
    }

    /// A change from these credentials to `new` makes the process undumpable: it got rights, or shows
    /// others' ids; proc(5), prctl(2) PR_SET_DUMPABLE.
    pub fn hides(&self, new: &Creds) -> bool {
        self.euid != new.euid
            || self.egid != new.egid
            || self.fsuid != new.fsuid
            || self.fsgid != new.fsgid
            || new.permitted & !self.permitted != 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{root, user};
    use lazaret_abi::{capability::cap, errno::Errno, prctl::securebits};

    const ADMIN: u64 = 1 << cap::SYS_ADMIN;
    const KILL: u64 = 1 << cap::KILL;

    #[test]
    fn sets_only_shrink() {
        let creds = root().with_capabilities(ADMIN, ADMIN | KILL, 0).unwrap();
        assert_eq!((creds.effective, creds.permitted), (ADMIN, ADMIN | KILL));
        assert_eq!(creds.with_capabilities(1, 1, 0), Err(Errno::EPERM));
        assert_eq!(creds.with_capabilities(ADMIN | KILL, ADMIN, 0), Err(Errno::EPERM));
        assert_eq!(creds.with_capabilities(KILL, KILL, KILL).unwrap().inheritable, KILL);
        assert_eq!(user(1).with_capabilities(0, 0, KILL), Err(Errno::EPERM));
    }

    #[test]
    fn bits_beyond_the_last_are_dropped() {
        assert_eq!(root().with_capabilities(0, 0, u64::MAX).unwrap().inheritable, super::ALL);
        assert_eq!(root().without_bounding(41), Err(Errno::EINVAL));
        assert_eq!(root().without_bounding(u64::MAX), Err(Errno::EINVAL));
    }

    #[test]
    fn ambient_needs_permitted_and_inheritable() {
        let creds = root().with_capabilities(ADMIN, ADMIN, ADMIN).unwrap();
        let raised = creds.with_ambient(u64::from(cap::SYS_ADMIN), true).unwrap();
        assert_eq!(raised.ambient, ADMIN);
        assert_eq!(creds.with_ambient(u64::from(cap::KILL), true), Err(Errno::EPERM));
        assert_eq!(raised.with_capabilities(ADMIN, ADMIN, 0).unwrap().ambient, 0);
        let barred = creds.with_ambient(99, true);
        assert_eq!(barred, Err(Errno::EINVAL));
    }

    #[test]
    fn locked_securebits_stay() {
        let creds = root().with_securebits(securebits::NOROOT | securebits::NOROOT_LOCKED).unwrap();
        assert_eq!(creds.with_securebits(securebits::NOROOT_LOCKED), Err(Errno::EPERM));
        assert_eq!(creds.with_securebits(securebits::NOROOT), Err(Errno::EPERM));
        assert_eq!(creds.with_securebits(1 << 20), Err(Errno::EPERM));
        assert_eq!(user(1).with_securebits(securebits::NOROOT), Err(Errno::EPERM));
        user(1).with_securebits(securebits::EXEC_RESTRICT_FILE).unwrap();
        assert!(root().with_keep_caps(true).unwrap().has_securebit(securebits::KEEP_CAPS));
    }
}
