//! Credentials: user and group ids, capabilities; see credentials(7) and capabilities(7).

use lazaret_snapshot::Snapshot;

mod ids;
pub mod sets;

/// Credentials of a task. Immutable; a change makes a new set.
#[derive(Clone, Debug, PartialEq, Eq, Snapshot)]
pub struct Creds {
    /// Real user id.
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Saved set-user-id.
    pub suid: u32,
    /// User id for file access.
    pub fsuid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Saved set-group-id.
    pub sgid: u32,
    /// Group id for file access.
    pub fsgid: u32,
    /// Supplementary groups, sorted.
    pub groups: Vec<u32>,
    /// Permitted capabilities; bit n is capability n.
    pub permitted: u64,
    /// Effective capabilities.
    pub effective: u64,
    /// Inheritable capabilities.
    pub inheritable: u64,
    /// Bounding set.
    pub bounding: u64,
    /// Ambient capabilities.
    pub ambient: u64,
    /// Securebits (PR_SET_SECUREBITS).
    pub securebits: u32,
    /// no_new_privs is set.
    pub no_new_privs: bool,
}

/// Numbers of capabilities that the kernel checks.
pub mod cap {
    #![allow(missing_docs, reason = "the names are capabilities(7)'s")]
    pub const CHOWN: u32 = 0;
    pub const DAC_OVERRIDE: u32 = 1;
    pub const DAC_READ_SEARCH: u32 = 2;
    pub const FOWNER: u32 = 3;
    pub const FSETID: u32 = 4;
    pub const KILL: u32 = 5;
    pub const SETGID: u32 = 6;
    pub const SETUID: u32 = 7;
    pub const SETPCAP: u32 = 8;
    pub const NET_BIND_SERVICE: u32 = 10;
    pub const NET_ADMIN: u32 = 12;
    pub const NET_RAW: u32 = 13;
    pub const IPC_LOCK: u32 = 14;
    pub const IPC_OWNER: u32 = 15;
    pub const SYS_CHROOT: u32 = 18;
    pub const SYS_PTRACE: u32 = 19;
    pub const SYS_ADMIN: u32 = 21;
    pub const SYS_BOOT: u32 = 22;
    pub const SYS_NICE: u32 = 23;
    pub const SYS_RESOURCE: u32 = 24;
    pub const SYS_TIME: u32 = 25;
    pub const SYS_TTY_CONFIG: u32 = 26;
    pub const MKNOD: u32 = 27;
    pub const LEASE: u32 = 28;
    pub const SETFCAP: u32 = 31;
    pub const LAST: u32 = 40;
    /// All capabilities.
    pub const ALL: u64 = (1 << (LAST + 1)) - 1;
}

impl Creds {
    /// The superuser with all capabilities: what the kernel itself acts as.
    pub fn root() -> Creds {
        Creds {
            uid: 0,
            euid: 0,
            suid: 0,
            fsuid: 0,
            gid: 0,
            egid: 0,
            sgid: 0,
            fsgid: 0,
            groups: Vec::new(),
            permitted: cap::ALL,
            effective: cap::ALL,
            inheritable: 0,
            bounding: cap::ALL,
            ambient: 0,
            securebits: 0,
            no_new_privs: false,
        }
    }

    /// The effective set has the capability.
    pub fn has(&self, capability: u32) -> bool {
        self.effective & (1 << capability) != 0
    }

    /// `gid` is the file-access group or a supplementary one.
    pub fn in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.groups.binary_search(&gid).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Creds, cap};

    /// Credentials of a superuser with everything.
    pub fn root() -> Creds {
        Creds { permitted: cap::ALL, effective: cap::ALL, ..user(0) }
    }

    /// Credentials of a user with a group of the same number.
    pub fn user(id: u32) -> Creds {
        Creds {
            uid: id,
            euid: id,
            suid: id,
            fsuid: id,
            gid: id,
            egid: id,
            sgid: id,
            fsgid: id,
            groups: Vec::new(),
            permitted: 0,
            effective: 0,
            inheritable: 0,
            bounding: cap::ALL,
            ambient: 0,
            securebits: 0,
            no_new_privs: false,
        }
    }
}
