//! Control groups: what is limited, counted and stopped for the tasks of one container as a whole; see
//! cgroups(7).
//!
//! A process is in the group of the process that made it, for ever: the application cannot move it.

use lazaret_platform::Platform;
use lazaret_snapshot::Snapshot;

use super::{devices::DeviceRules, sched::CpuSet, usage::CpuTime};
use crate::{
    boot::Kernel,
    fs::cgroup::Hierarchies,
    sync::{Arc, AtomicU32, AtomicU64, Mutex, Ordering},
};

/// A control group.
#[derive(Snapshot)]
pub struct ControlGroup {
    /// Most tasks that may live (`pids.max`); [`u64::MAX`] for any number.
    pub max_tasks: AtomicU64,
    /// The processors that its tasks may use, where they are fewer than the sandbox's or others.
    cpus: Mutex<Option<CpuSet>>,
    /// The devices that its tasks may use.
    pub devices: DeviceRules,
    /// Where the host counts and limits the group.
    pub hierarchies: Hierarchies,
    /// Of what its processes are copies, where the host counts and limits them apart. After a restore it does not.
    #[snapshot(skip)]
    pub origin: Option<Box<dyn Platform>>,
    /// How often it is paused; changed under the lock of the process tree.
    #[snapshot(skip)]
    pauses: AtomicU32,
    /// What processes have used that have ended.
    ended: Mutex<CpuTime>,
}

impl Default for ControlGroup {
    /// One without limits that the host does not know of.
    fn default() -> ControlGroup {
        ControlGroup::new(None, Hierarchies::default())
    }
}

impl ControlGroup {
    /// A group without tasks, which may have so many; `None` for any number.
    pub fn new(max_tasks: Option<u64>, hierarchies: Hierarchies) -> ControlGroup {
        ControlGroup {
            max_tasks: AtomicU64::new(max_tasks.unwrap_or(u64::MAX)),
            cpus: Mutex::default(),
            devices: DeviceRules::default(),
            hierarchies,
            origin: None,
            pauses: AtomicU32::new(0),
            ended: Mutex::default(),
        }
    }

    /// The processors that its tasks may use, among those that there are.
    pub fn cpus(&self, all: &CpuSet) -> CpuSet {
        self.cpus.lock().unwrap_or(*all)
    }

    /// Sets them. Tasks keep to the choice that they have made, as far as it goes.
    pub fn allow(self: &Arc<ControlGroup>, kernel: &Kernel, cpus: CpuSet) {
        let before = self.cpus.lock().replace(cpus).unwrap_or(kernel.cpus);
        for task in kernel.processes().tasks_of(self) {
            let mut scheduling = task.scheduling();
            let chosen = scheduling.affinity.intersection(&cpus);
            let has_chosen = scheduling.affinity != before && !chosen.is_empty();
            scheduling.affinity = if has_chosen { chosen } else { cpus };
        }
    }

    /// No task may run application code.
    pub fn is_paused(&self) -> bool {
        self.pauses.load(Ordering::Relaxed) > 0
    }

    /// Counts one pause more.
    pub(super) fn add_pause(&self) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one pause less; whether there was one.
    pub(super) fn remove_pause(&self) -> bool {
        self.pauses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |pauses| pauses.checked_sub(1)).is_ok()
    }

    /// A process of the group has ended, which had used so much.
    pub(super) fn process_ended(&self, used: CpuTime) {
        self.ended.lock().add(used);
    }

    /// What processes have used that have ended.
    pub fn ended(&self) -> CpuTime {
        *self.ended.lock()
    }
}
