//! What the sandbox process gives up.

use std::os::fd::{AsFd, OwnedFd};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope,
};
use lazaret_control::{Channel, Failure};
use lazaret_hostcall::refused::report_refused_calls;
use rustix::{
    fs::Mode,
    process::{
        DumpableBehavior, Gid, Resource, Rlimit, Signal, Uid, getrlimit, set_dumpable_behavior,
        set_parent_process_death_signal, setrlimit, setsid, umask,
    },
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_keep_capabilities,
        set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use crate::{filter, ids, network::Network};

fn step(name: &'static str) -> impl Fn(rustix::io::Errno) -> Failure {
    move |errno| Failure::host(name, errno)
}

/// Leaves the terminal's session, the standard streams and the maker's settings.
pub fn detach(null: &OwnedFd, log: &OwnedFd) -> Result<(), Failure> {
    let leave = step("leave the maker's session");
    setsid().map_err(&leave)?;
    rustix::stdio::dup2_stdin(null).map_err(&leave)?;
    rustix::stdio::dup2_stdout(null).map_err(&leave)?;
    rustix::stdio::dup2_stderr(log).map_err(&leave)?;
    umask(Mode::empty());
    let limit = step("set resource limits");
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum }).map_err(&limit)?;
    let most = files.maximum.and_then(|maximum| i32::try_from(maximum).ok()).unwrap_or(i32::MAX);
    reserve_descriptors(null, most).map_err(step("make room for descriptors"))?;
    // A core dump would write application memory to a place the host chooses.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(&limit)
}

/// Lets the host make the table of descriptors as large as it will be. Now it takes microseconds; in a process with
/// threads the host waits 10 ms or more each time that it doubles the table, since others may be reading the old one.
fn reserve_descriptors(file: &OwnedFd, most: i32) -> rustix::io::Result<()> {
    /// The directories of one tree, and as many others.
    const DESCRIPTORS: i32 = 4096;
    rustix::io::fcntl_dupfd_cloexec(file, DESCRIPTORS.min(most) - 1).map(drop)
}

/// Reading files whoever owns them: the kernel checks the application's rights.
pub const READING: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;
/// The same for writing, and giving new files to the application's users.
pub const WRITING: CapabilitySet = READING
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID);

/// What a process needs that opens files of the host in trees, each of which may be read-only.
pub fn rights(trees: impl Iterator<Item = bool>) -> CapabilitySet {
    let needed = |read_only| if read_only { READING } else { WRITING };
    trees.map(needed).fold(CapabilitySet::empty(), CapabilitySet::union)
}

/// Becomes an unprivileged user, with no capability (in the own user namespace) but those for files.
pub fn drop_privileges(mode: ids::Mode, own_id: Option<u32>, kept: CapabilitySet) -> Result<(), Failure> {
    let failed = step("drop privileges");
    if let Some(id) = own_id {
        let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
        set_keep_capabilities(true).map_err(&failed)?;
        set_thread_groups(&[]).map_err(&failed)?;
        set_thread_res_gid(group, group, group).map_err(&failed)?;
        set_thread_res_uid(user, user, user).map_err(&failed)?;
    } else if mode == ids::Mode::Identity {
        set_thread_groups(&[]).map_err(&failed)?;
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    clear_ambient_capability_set().map_err(&failed)?;
    set_capabilities(None, sets).map_err(&failed)?;
    set_no_new_privs(true).map_err(&failed)
}

/// The change of user has cleared this, and without it the kernel may not read its own stubs.
pub fn stay_dumpable() -> Result<(), Failure> {
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(step("drop privileges"))
}

/// The sandbox process is killed when its maker dies.
pub fn die_with_maker(maker: &Channel) -> Result<(), Failure> {
    let failed = step("tie the sandbox process to its maker");
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(&failed)?;
    // It may be dead already; then it has closed its end.
    let mut poll = [rustix::event::PollFd::new(maker, rustix::event::PollFlags::empty())];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match rustix::event::poll(&mut poll, Some(&now)).map_err(&failed)? {
        0 => Ok(()),
        _ => Err(Failure::new("tie the sandbox process to its maker", "the maker is gone")),
    }
}

/// Restricts the process to the trees that it was given (each may be read-only), to its own kind for signals and
/// sockets, and to no network unless it is the host's; see landlock(7). A host without Landlock, or with an older one, gives less.
///
/// The files of containers that join later will hang below `mounts`; whether they may be written is a matter of
/// each mount.
pub fn landlock<'a>(
    network: Network,
    trees: impl Iterator<Item = (&'a OwnedFd, bool)>,
    procfs: Option<&OwnedFd>,
    mounts: Option<&OwnedFd>,
) -> Result<(), Failure> {
    let restrict = || -> Result<(), RulesetError> {
        let abi = ABI::V6;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        // No devices: none can be made, and none would work below a mount without devices.
        let write = AccessFs::from_all(abi) & !(AccessFs::Execute | AccessFs::MakeBlock | AccessFs::MakeChar);
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .scope(Scope::from_all(abi))?;
        if network != Network::Host {
            rules = rules.handle_access(AccessNet::from_all(abi))?;
        }
        let mut rules = rules.create()?;
        for (file, read_only) in trees {
            // Single files come open with the rights they have: they need no rule.
            if rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags.contains(rustix::fs::OFlags::PATH)) {
                let access = if read_only { read } else { write };
                rules = rules.add_rule(PathBeneath::new(file, access))?;
            }
        }
        if let Some(procfs) = procfs {
            rules = rules.add_rule(PathBeneath::new(procfs.as_fd(), read | AccessFs::WriteFile))?;
        }
        if let Some(mounts) = mounts {
            rules = rules.add_rule(PathBeneath::new(mounts, write))?;
        }
        rules.restrict_self()?;
        Ok(())
    };
    restrict().map_err(|error| Failure::new("restrict the process by Landlock", error))
}

/// From here on only the listed system calls.
pub fn load_filter(network: Network, directfs: bool, trap: bool) -> Result<(), Failure> {
    if trap {
        report_refused_calls().map_err(|error| Failure::host("handle SIGSYS", error))?;
    }
    filter::load(network, directfs, trap).map_err(|error| Failure::host("load the sandbox process' filter", error))
}
