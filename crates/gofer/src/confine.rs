//! The gofer gives up what it does not need before it looks at a path.

use lazaret_control::Failure;
use lazaret_hostcall::refused::report_refused_calls;
use rustix::{
    mount::{MountPropagationFlags, mount_change},
    thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs},
};

/// Reading every file and making mounts in the own namespace: nothing else.
const NEEDED: CapabilitySet =
    CapabilitySet::SYS_ADMIN.union(CapabilitySet::DAC_OVERRIDE).union(CapabilitySet::DAC_READ_SEARCH);

/// The same, for entering the sandbox's mount namespace.
const NEEDED_TO_JOIN: CapabilitySet = NEEDED.union(CapabilitySet::SYS_CHROOT);

/// Cuts the mount namespace loose from the host's, drops capabilities, and loads the filter.
pub fn confine(joins: bool) -> Result<(), Failure> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|error| Failure::host("make the gofer's mounts private", error))?;
    let held = rustix::thread::capabilities(None).map_err(|error| Failure::host("read capabilities", error))?;
    let kept = held.permitted & if joins { NEEDED_TO_JOIN } else { NEEDED };
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    clear_ambient_capability_set()
        .and_then(|()| set_capabilities(None, sets))
        .and_then(|()| set_no_new_privs(true))
        .map_err(|error| Failure::host("drop the gofer's capabilities", error))?;
    // Landlock cannot come on top: a process under it may not change mounts, which is the work.
    let trap = cfg!(debug_assertions);
    if trap {
        report_refused_calls().map_err(|error| Failure::host("handle SIGSYS", error))?;
    }
    crate::filter::load(trap, joins).map_err(|error| Failure::host("load the gofer's filter", error))
}
