//! How processes are related: parents and children, process groups, sessions; see credentials(7),
//! setpgid(2), setsid(2).
//!
//! One lock guards all of it. Processes are named by their number in the root pid namespace.
//! Signals are sent after the lock is released: the methods return whom to send them to.

use std::collections::{BTreeMap, HashMap, HashSet};

use lazaret_abi::{errno::Errno, signal::Signal};
use lazaret_snapshot::Snapshot;

use super::{Task, cgroup::ControlGroup, group::ThreadGroup, pid::Pid, usage::Usage, work};
use crate::{
    boot::ExitStatus,
    sync::{Arc, Ordering},
};

/// A process among its relatives.
#[derive(Snapshot)]
pub struct Node {
    /// The process.
    pub process: Arc<ThreadGroup>,
    /// The parent; 0 for the first process of a container.
    pub parent: i32,
    /// The thread of the parent that made it (for PR_SET_PDEATHSIG and __WNOTHREAD).
    pub parent_thread: i32,
    /// The children, in the order of their birth.
    pub children: Vec<i32>,
    /// The process group, by its leader's pid.
    pub group: Arc<Pid>,
    /// The session, by its leader's pid.
    pub session: Arc<Pid>,
    /// Ended, and not yet waited for.
    pub zombie: Option<Zombie>,
    /// Stopped by this signal, and not yet waited for.
    pub stopped: Option<Signal>,
    /// Continued, and not yet waited for.
    pub continued: bool,
}

/// What is left of a process that has ended.
#[derive(Clone, Debug, Snapshot)]
pub struct Zombie {
    /// How it ended.
    pub status: ExitStatus,
    /// Real user id.
    pub uid: u32,
    /// Saved user id.
    pub saved_uid: u32,
    /// Name, for /proc.
    pub name: Vec<u8>,
    /// What it and its own children used.
    pub usage: Usage,
}

/// All processes and threads of the sandbox.
#[derive(Default, Snapshot)]
pub struct ProcessTree {
    nodes: BTreeMap<i32, Node>,
    #[snapshot(with = tasks)]
    tasks: HashMap<i32, Arc<Task>>,
    /// Members of each process group, by the group's number.
    groups: HashMap<i32, HashSet<i32>>,
}

/// Threads in a snapshot. A process and its threads hold each other, so the threads are saved here, in
/// the order that their processes list them, and join them when they are loaded.
mod tasks {
    use lazaret_snapshot::{Reader, Result, Snapshot, Writer};

    use super::{Arc, HashMap, Task};

    pub fn save(tasks: &HashMap<i32, Arc<Task>>, writer: &mut Writer) -> Result<()> {
        let position = |task: &Arc<Task>| {
            let signals = task.group().signals();
            signals.threads.iter().position(|other| Arc::ptr_eq(other, task))
        };
        let mut all: Vec<_> = tasks.values().map(|task| (position(task), task.clone())).collect();
        all.sort_by_key(|(position, _)| *position);
        let all: Vec<_> = all.into_iter().map(|(position, task)| (position.is_some(), task)).collect();
        all.save(writer)
    }

    pub fn load(reader: &mut Reader<'_>) -> Result<HashMap<i32, Arc<Task>>> {
        let mut tasks = HashMap::new();
        for (listed, task) in Vec::<(bool, Arc<Task>)>::load(reader)? {
            if listed {
                task.group().signals().threads.push(task.clone());
            }
            tasks.insert(task.tid(), task);
        }
        Ok(tasks)
    }
}

/// What a change did to process groups: those that became orphaned while a member is stopped, whose
/// members get SIGHUP and SIGCONT.
pub type Orphaned = Vec<Arc<ThreadGroup>>;

impl ProcessTree {
    /// Tells all tasks of a control group to pause.
    pub(super) fn add_pause(&mut self, cgroup: &Arc<ControlGroup>) {
        cgroup.add_pause();
        self.tasks_of(cgroup).for_each(|task| task.notify(work::PAUSE));
    }

    /// Takes one pause back; the last one lets all tasks go on. Returns whether there was one.
    pub(super) fn remove_pause(&mut self, cgroup: &Arc<ControlGroup>) -> bool {
        let was_paused = cgroup.remove_pause();
        if was_paused && !cgroup.is_paused() {
            for task in self.tasks_of(cgroup) {
                task.clear_work(work::PAUSE);
                task.parker().unpark();
            }
        }
        was_paused
    }

    /// Whether one more task would be more than the control group may have. Those that nobody has waited
    /// for count too.
    pub fn is_full(&self, cgroup: &Arc<ControlGroup>) -> bool {
        let most = cgroup.max_tasks.load(Ordering::Relaxed);
        let reached = |count: usize| u64::try_from(count).is_ok_and(|count| count >= most);
        let zombies = || self.nodes_of(cgroup).filter(|node| node.zombie.is_some()).count();
        // Seldom near; only then it is counted.
        reached(self.tasks.len() + self.nodes.len()) && reached(self.tasks_of(cgroup).count() + zombies())
    }

    /// The threads of a control group, in no order.
    pub fn tasks_of(&self, cgroup: &Arc<ControlGroup>) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.values().filter(move |task| Arc::ptr_eq(task.group().cgroup(), cgroup))
    }

    /// The processes of a control group, zombies included, by rising number.
    pub fn nodes_of(&self, cgroup: &Arc<ControlGroup>) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(move |node| Arc::ptr_eq(node.process.cgroup(), cgroup))
    }

    /// Adds a process. It joins the process group and session of `relative` (a new process's parent);
    /// without one it begins its own.
    pub fn add(&mut self, process: Arc<ThreadGroup>, parent: i32, parent_thread: i32, relative: Option<i32>) {
        let id = process.id();
        let (group, session) = match relative.and_then(|relative| self.nodes.get(&relative)) {
            Some(relative) => (relative.group.clone(), relative.session.clone()),
            None => (process.pid().clone(), process.pid().clone()),
        };
        self.groups.entry(group.global()).or_default().insert(id);
        if let Some(parent) = self.nodes.get_mut(&parent) {
            parent.children.push(id);
        }
        let node = Node {
            process,
            parent,
            parent_thread,
            children: Vec::new(),
            group,
            session,
            zombie: None,
            stopped: None,
            continued: false,
        };
        self.nodes.insert(id, node);
    }

    /// Removes a process that was waited for (or that leaves no zombie), and returns it.
    pub fn remove(&mut self, id: i32) -> Option<Node> {
        let node = self.nodes.remove(&id)?;
        if let Some(parent) = self.nodes.get_mut(&node.parent) {
            parent.children.retain(|child| *child != id);
        }
        self.leave_group(id, node.group.global());
        node.process.is_reaped.store(true, Ordering::Relaxed);
        Some(node)
    }

    fn leave_group(&mut self, id: i32, group: i32) {
        if let Some(members) = self.groups.get_mut(&group) {
            members.remove(&id);
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }
    }

    /// A thread lives from now on.
    pub fn add_task(&mut self, task: Arc<Task>) {
        if task.group().cgroup().is_paused() {
            task.notify(work::PAUSE);
        }
        self.tasks.insert(task.tid(), task);
    }

    /// A thread is gone.
    pub fn remove_task(&mut self, tid: i32) -> Option<Arc<Task>> {
        self.tasks.remove(&tid)
    }

    /// The thread with this number in the root namespace.
    pub fn task(&self, tid: i32) -> Option<&Arc<Task>> {
        self.tasks.get(&tid)
    }

    /// All threads that live, in no order.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.values()
    }

    /// Number of threads that live.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// The process, which may be a zombie.
    pub fn node(&self, id: i32) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// The process, to be changed.
    pub fn node_mut(&mut self, id: i32) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    /// All processes, zombies included, by rising number.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// Members of a process group, zombies included.
    pub fn group_members(&self, group: i32) -> impl Iterator<Item = &Node> {
        self.groups.get(&group).into_iter().flatten().filter_map(|id| self.nodes.get(id))
    }

    /// The processes of a group that can take signals.
    pub fn group_processes(&self, group: i32) -> Vec<Arc<ThreadGroup>> {
        self.group_members(group).map(|node| node.process.clone()).collect()
    }

    /// The session that a process group belongs to.
    pub fn session_of_group(&self, group: i32) -> Option<i32> {
        self.group_members(group).next().map(|node| node.session.global())
    }

    /// setsid(2): the process begins a session and a process group of its own.
    ///
    /// # Errors
    /// `EPERM` when it leads a process group, or its pid names one.
    pub fn begin_session(&mut self, id: i32) -> Result<(), Errno> {
        if self.groups.contains_key(&id) {
            return Err(Errno::EPERM);
        }
        let node = self.nodes.get(&id).ok_or(Errno::ESRCH)?;
        let pid = node.process.pid().clone();
        self.move_to_group(id, pid.clone());
        if let Some(node) = self.nodes.get_mut(&id) {
            node.session = pid;
        }
        Ok(())
    }

    fn move_to_group(&mut self, id: i32, group: Arc<Pid>) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let number = group.global();
        let old = std::mem::replace(&mut node.group, group).global();
        self.leave_group(id, old);
        self.groups.entry(number).or_default().insert(id);
    }

    /// setpgid(2): `target`, which is `caller` or a child of it, joins `group` (its own number for
    /// a new group).
    ///
    /// # Errors
    /// `ESRCH`, `EPERM`, `EACCES` as setpgid(2) tells.
    pub fn set_group(&mut self, caller: i32, target: i32, group: i32) -> Result<(), Errno> {
        let own = self.nodes.get(&caller).ok_or(Errno::ESRCH)?;
        let node = self.nodes.get(&target).ok_or(Errno::ESRCH)?;
        if target != caller {
            if node.parent != caller {
                return Err(Errno::ESRCH);
            }
            if node.session.global() != own.session.global() {
                return Err(Errno::EPERM);
            }
            if node.process.has_executed.load(Ordering::Relaxed) {
                return Err(Errno::EACCES);
            }
        }
        if node.session.global() == target {
            return Err(Errno::EPERM);
        }
        let pid = if group == target {
            node.process.pid().clone()
        } else {
            let member = self.group_members(group).next().ok_or(Errno::EPERM)?;
            if member.session.global() != own.session.global() {
                return Err(Errno::EPERM);
            }
            member.group.clone()
        };
        if node.group.global() != group {
            self.move_to_group(target, pid);
        }
        Ok(())
    }

    /// No member has a parent in another group of the same session, so nobody would continue it:
    /// such a group is not stopped by a terminal; see setpgid(2).
    pub fn is_orphaned(&self, group: i32) -> bool {
        !self.group_members(group).any(|node| node.zombie.is_none() && self.is_controlled(node, node.parent))
    }

    /// `parent` could do job control for `node`.
    fn is_controlled(&self, node: &Node, parent: i32) -> bool {
        self.nodes.get(&parent).is_some_and(|parent| {
            parent.group.global() != node.group.global() && parent.session.global() == node.session.global()
        })
    }

    fn has_stopped(&self, group: i32) -> bool {
        self.group_members(group).any(|node| node.process.signals().stop.is_complete())
    }

    /// The init of a pid namespace that had processes before it becomes the parent of their orphans.
    pub fn adopt(&mut self, id: i32) {
        let mut orphans: Vec<i32> =
            self.nodes.iter().filter(|(_, node)| node.parent == id).map(|(id, _)| *id).collect();
        orphans.sort_unstable();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.children = orphans;
        }
    }

    /// The process ends: its group, and those of its children, may become orphaned, and its children
    /// get a new parent. Returns the members of groups that became orphaned with a stopped member, and
    /// the children that moved.
    pub fn orphan_children(&mut self, id: i32, reaper: i32) -> (Orphaned, Vec<i32>) {
        let Some(node) = self.nodes.get(&id) else { return (Vec::new(), Vec::new()) };
        let mut candidates: HashSet<i32> = HashSet::new();
        // Its own group loses a controller's child in it.
        if self.is_controlled(node, node.parent) {
            candidates.insert(node.group.global());
        }
        let children = node.children.clone();
        for child in &children {
            if let Some(child) = self.nodes.get(child)
                && self.is_controlled(child, id)
            {
                candidates.insert(child.group.global());
            }
        }
        let was_orphaned: HashSet<i32> = candidates.iter().copied().filter(|group| self.is_orphaned(*group)).collect();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.children.clear();
        }
        for child in &children {
            if let Some(child) = self.nodes.get_mut(child) {
                child.parent = reaper;
                child.parent_thread = reaper;
            }
        }
        if let Some(reaper) = self.nodes.get_mut(&reaper) {
            reaper.children.extend(&children);
        }
        // The dying process counts as gone for the group it leaves.
        let own_group = self.nodes.get(&id).map(|node| node.group.global());
        let mut orphaned = Vec::new();
        for group in candidates.difference(&was_orphaned) {
            let gone = |node: &Node| node.process.id() == id && Some(*group) == own_group;
            let controlled = self
                .group_members(*group)
                .any(|node| !gone(node) && node.zombie.is_none() && self.is_controlled(node, node.parent));
            if !controlled && self.has_stopped(*group) {
                orphaned.extend(self.group_processes(*group));
            }
        }
        (orphaned, children)
    }

    /// Who becomes the parent of a dying process's children: the nearest ancestor that is a subreaper,
    /// or the init of the pid namespace; never one in another namespace.
    pub fn reaper_of(&self, id: i32) -> i32 {
        let Some(node) = self.nodes.get(&id) else { return 0 };
        let namespace = node.process.namespace();
        let init = namespace.init().unwrap_or(0);
        let mut at = node.parent;
        while let Some(ancestor) = self.nodes.get(&at) {
            if at == init || !Arc::ptr_eq(ancestor.process.namespace(), namespace) {
                break;
            }
            if ancestor.process.is_subreaper.load(Ordering::Relaxed) && ancestor.zombie.is_none() {
                return at;
            }
            at = ancestor.parent;
        }
        init
    }
}
