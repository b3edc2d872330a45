//! What is seen of a container from outside, and what stops and limits it as a whole.

use std::collections::BTreeSet;

use lazaret_abi::errno::Errno;

use super::Container;
use crate::{
    fs::proc,
    sync::{Arc, Ordering},
    task::{group::ThreadGroup, pause, sched::CpuSet, usage::CpuTime},
};

/// A process, as ps(1) shows it.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Id in the container.
    pub pid: i32,
    /// Parent's id; 0 if it was started from outside.
    pub parent: i32,
    /// Process group.
    pub group: i32,
    /// Effective user id.
    pub uid: u32,
    /// Number of threads; 0 when it has ended and nobody has waited for it.
    pub threads: u32,
    /// Number of the controlling terminal in `/dev/pts`.
    pub terminal: Option<u32>,
    /// Seconds since the epoch at its start.
    pub started: u64,
    /// What it has used.
    pub cpu: CpuTime,
    /// Arguments, or the name of the program where they cannot be read.
    pub command: Vec<u8>,
    /// Its short name.
    pub name: Vec<u8>,
    /// Its session.
    pub session: i32,
    /// R, S, T or Z; see proc(5).
    pub state: char,
    /// Bytes of its address space, and those of it in memory.
    pub size: u64,
    /// The latter.
    pub resident: u64,
}

impl Container {
    /// The processes of the container.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        struct Relatives {
            parent: i32,
            group: i32,
            session: i32,
            terminal: Option<u32>,
            ended: Option<(u32, Vec<u8>)>,
        }
        let namespace = self.pids();
        let all: Vec<(Arc<ThreadGroup>, Relatives)> = {
            let tree = self.kernel().processes();
            tree.nodes_of(self.cgroup())
                .map(|node| {
                    let parent = tree.node(node.parent).map_or(0, |parent| parent.process.pid().number_in(namespace));
                    let terminal = self.kernel().terminals.get(node.session.global());
                    let relatives = Relatives {
                        parent,
                        group: node.group.number_in(namespace),
                        session: node.session.number_in(namespace),
                        terminal: terminal.map(|terminal| terminal.number()),
                        ended: node.zombie.as_ref().map(|zombie| (zombie.uid, zombie.name.clone())),
                    };
                    (node.process.clone(), relatives)
                })
                .collect()
        };
        let describe = |(process, relatives): (Arc<ThreadGroup>, Relatives)| {
            let Relatives { parent, group, session, terminal, ended } = relatives;
            let thread = process.first_thread();
            let (uid, command, name) = match (&thread, ended) {
                (Some(thread), _) => (thread.creds().euid, proc::arguments(thread), thread.name()),
                (None, Some((uid, name))) => (uid, [b"[", &name[..], b"] <defunct>"].concat(), name),
                (None, None) => (0, Vec::new(), Vec::new()),
            };
            let [size, resident] = thread.as_ref().map_or([0, 0], |thread| proc::memory_size(self.kernel(), thread));
            ProcessInfo {
                pid: process.pid().number_in(namespace),
                parent,
                group,
                uid,
                threads: u32::try_from(process.threads().len()).unwrap_or(u32::MAX),
                terminal,
                started: u64::try_from(process.start_time().seconds).unwrap_or(0),
                cpu: process.cpu_time(),
                command,
                name,
                session,
                state: proc::state(thread.as_ref()),
                size,
                resident,
            }
        };
        all.into_iter().map(describe).collect()
    }

    /// Processor time of what runs and of what has ended, and how many tasks live.
    pub fn usage(&self) -> (CpuTime, u64) {
        let (running, tasks, mut sum): (Vec<Arc<ThreadGroup>>, usize, CpuTime) = {
            let tree = self.kernel().processes();
            let running = tree.nodes_of(self.cgroup()).filter(|node| node.zombie.is_none());
            let running = running.map(|node| node.process.clone()).collect();
            (running, tree.tasks_of(self.cgroup()).count(), self.cgroup().ended())
        };
        running.iter().for_each(|process| sum.add(process.cpu_time()));
        (sum, u64::try_from(tasks).unwrap_or(u64::MAX))
    }

    /// Bytes of memory that its processes have for themselves: what they share with files is not theirs alone.
    pub fn memory(&self) -> u64 {
        let processes: Vec<Arc<ThreadGroup>> =
            self.kernel().processes().nodes_of(self.cgroup()).map(|node| node.process.clone()).collect();
        let tasks = processes.iter().filter_map(|process| process.first_thread());
        // After vfork(2) two processes have one space.
        let spaces: BTreeSet<i32> = tasks.map(|task| task.mm().space().host_pid()).collect();
        let own = |space| {
            let (resident, shared) = proc::resident_pages_of(self.kernel(), space);
            resident.saturating_sub(shared)
        };
        spaces.into_iter().map(own).sum::<u64>().saturating_mul(4096)
    }

    /// Sets the most tasks that may live; `None` for any number. Those that live already stay.
    pub fn limit_tasks(&self, most: Option<u64>) {
        self.cgroup().max_tasks.store(most.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Sets the processors that its tasks may use.
    pub fn limit_processors(&self, cpus: CpuSet) {
        self.cgroup().allow(self.kernel(), cpus);
    }

    /// Stops every task before it runs more application code. Pauses nest.
    ///
    /// # Errors
    /// `ETIMEDOUT` when application code does not stop; then nothing is paused.
    pub fn pause(&self) -> Result<(), Errno> {
        pause::pause(self.kernel(), self.cgroup())
    }

    /// Takes one pause back.
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn resume(&self) -> Result<(), Errno> {
        pause::resume(self.kernel(), self.cgroup())
    }

    /// No task runs application code.
    pub fn is_paused(&self) -> bool {
        self.cgroup().is_paused()
    }
}
