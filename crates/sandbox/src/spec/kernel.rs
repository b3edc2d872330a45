//! A process of a specification, for the kernel.

use std::os::fd::OwnedFd;

use lazaret_kernel::boot::{CapabilitySets, ProcessSpec, Stdio};

use super::{Process, capability_bit, resource_number};

impl Process {
    /// What the kernel is told. Names must have been checked by [`Process::validate`].
    pub(crate) fn for_kernel(&self, stdio: Stdio, inherited: Vec<OwnedFd>) -> ProcessSpec {
        let bytes = |texts: &[String]| texts.iter().map(|text| text.clone().into_bytes()).collect();
        let set = |names: &[String]| names.iter().filter_map(|name| capability_bit(name)).fold(0, |set, bit| set | bit);
        let capabilities = self.capabilities.clone().unwrap_or_default();
        let limit = |limit: &super::Rlimit| Some((resource_number(&limit.kind)?, limit.soft, limit.hard));
        ProcessSpec {
            args: bytes(&self.args),
            program: None,
            env: bytes(&self.env),
            cwd: self.cwd.clone().into_bytes(),
            uid: self.user.uid,
            gid: self.user.gid,
            groups: self.user.additional_gids.clone(),
            umask: self.user.umask,
            capabilities: CapabilitySets {
                bounding: set(&capabilities.bounding),
                effective: set(&capabilities.effective),
                inheritable: set(&capabilities.inheritable),
                permitted: set(&capabilities.permitted),
                ambient: set(&capabilities.ambient),
            },
            rlimits: self.rlimits.iter().filter_map(limit).collect(),
            no_new_privs: self.no_new_privileges,
            ordinary_init: self.ordinary_init,
            oom_score_adj: self.oom_score_adj,
            stdio,
            inherited,
        }
    }
}
