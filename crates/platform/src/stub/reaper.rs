//! Notices the death of stubs, and ends those that nobody needs any more.
//!
//! One thread per sandbox process waits for all of them. Once it was woken, it goes on looking by itself for a while:
//! where one process ends after the other, nobody has to wake it, and what it does, the end of an address space above
//! all, is done apart from who waits for a process. Stubs are children without an exit signal,
//! so that it never takes a child that is somebody else's. A process id is another's only after it
//! was reaped, which happens under this module's lock: who holds it may send signals by id.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};

use lazaret_hostcall::remote::{
    dead_clone_child, has_clone_child, is_clone_child, reap_clone_child, signal_thread, wait_clone_child,
};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};

use super::process::Process;
use crate::MemoryUse;

/// Enough for what is called when a stub is lost.
const STACK_SIZE: usize = 512 * 1024;

/// How often the thread looks while processes end.
const ROUND: Duration = Duration::from_micros(300);
/// After so many looks at nothing it waits to be woken.
const QUIET_ROUNDS: u32 = 16;
/// Most stubs that wait for their end.
const MOST_ENDS: usize = 16;

#[derive(Default)]
struct Registry {
    running: bool,
    /// The thread will look at `ends` soon.
    looks: bool,
    /// Stubs that are to be killed.
    ends: Vec<Arc<Process>>,
    processes: HashMap<Pid, Arc<Process>>,
    /// Births that are under way, and the next one's number.
    births: BTreeSet<u64>,
    next_birth: u64,
    /// Reaped during those births before anybody registered them.
    strangers: HashSet<Pid>,
    /// Copies that nobody has registered. They are ended unless one of the births below this number does.
    suspects: HashMap<Pid, u64>,
}

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

impl Registry {
    /// Ends suspects that no birth can explain any more.
    fn end_suspects(&mut self) {
        let oldest = self.births.first().copied().unwrap_or(u64::MAX);
        let due: Vec<Pid> = self.suspects.iter().filter(|(_, birth)| **birth <= oldest).map(|(pid, _)| *pid).collect();
        for pid in due {
            self.suspects.remove(&pid);
            if !self.processes.contains_key(&pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// While this lives, a new stub may die before it is registered, and it shows.
pub(super) struct Birth(u64);

impl Birth {
    pub fn begin() -> Birth {
        let mut registry = REGISTRY.lock();
        let number = registry.next_birth;
        registry.next_birth += 1;
        registry.births.insert(number);
        Birth(number)
    }

    /// The stub of this id is dead already.
    pub fn is_still(&self, pid: Pid) -> bool {
        REGISTRY.lock().strangers.contains(&pid)
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        let mut registry = REGISTRY.lock();
        registry.births.remove(&self.0);
        if registry.births.is_empty() {
            registry.strangers.clear();
        }
        registry.end_suspects();
    }
}

/// Ends those of these processes that are copies of stubs, unless they are registered, or the births that are
/// under way register them.
pub(super) fn suspect(processes: impl Iterator<Item = Pid>) {
    let mut registry = REGISTRY.lock();
    let birth = registry.next_birth;
    // While this lock is held, none of them is reaped, and no id of theirs another's.
    for pid in processes {
        if !registry.processes.contains_key(&pid) && is_clone_child(pid) {
            registry.suspects.insert(pid, birth);
        }
    }
    registry.end_suspects();
}

/// Registers a new stub. Returns false if there is one of that id already, or it is dead already.
pub(super) fn register(process: &Arc<Process>) -> bool {
    let mut registry = REGISTRY.lock();
    let pid = process.pid();
    if registry.strangers.contains(&pid) || registry.processes.contains_key(&pid) {
        return false;
    }
    registry.processes.insert(pid, Arc::clone(process));
    true
}

/// Starts the reaper's thread unless it runs.
pub(super) fn start() -> std::io::Result<()> {
    let mut registry = REGISTRY.lock();
    if !registry.running {
        thread::Builder::new().name("reaper".into()).stack_size(STACK_SIZE).spawn(reap)?;
        registry.running = true;
    }
    Ok(())
}

/// Ends a stub that nobody needs any more, soon.
pub(super) fn end(process: &Arc<Process>) {
    let mut registry = REGISTRY.lock();
    if registry.looks && registry.ends.len() < MOST_ENDS {
        registry.ends.push(Arc::clone(process));
        return;
    }
    drop(registry);
    kill(process);
}

/// Ends a stub, unless it was reaped.
pub(super) fn kill(process: &Process) {
    let registry = REGISTRY.lock();
    if registry.processes.contains_key(&process.pid()) {
        let _ = kill_process(process.pid(), Signal::KILL);
    }
}

/// Ends the process of a thread that waits for the answer to a call. While it does, which is asked
/// when nothing can be reaped, its id is not another's.
pub(super) fn kill_caller(thread: Pid, is_waiting: impl Fn() -> bool) {
    let _registry = REGISTRY.lock();
    if is_waiting() {
        let _ = kill_process(thread, Signal::KILL);
    }
}

/// Sends the interrupt signal to a thread of a stub, unless the stub was reaped.
pub(super) fn interrupt(process: &Process, thread: Pid) {
    let registry = REGISTRY.lock();
    if registry.processes.contains_key(&process.pid()) {
        let _ = signal_thread(process.pid(), thread, Some(Signal::USR2));
    }
}

fn reap() {
    loop {
        if let Ok(pid) = wait_clone_child() {
            bury(pid);
            look_around();
            continue;
        }
        let mut registry = REGISTRY.lock();
        if has_clone_child() {
            // Born in between.
            continue;
        }
        registry.running = false;
        let lost: Vec<_> = registry.processes.drain().map(|(_, process)| process).collect();
        drop(registry);
        for process in lost {
            process.reap(|| Some(MemoryUse::default()));
            process.died();
        }
        return;
    }
}

/// Ends and reaps stubs as long as there are any.
fn look_around() {
    let mut quiet = 0;
    REGISTRY.lock().looks = true;
    loop {
        let mut registry = REGISTRY.lock();
        let ends = std::mem::take(&mut registry.ends);
        if ends.is_empty() && quiet >= QUIET_ROUNDS {
            registry.looks = false;
            return;
        }
        drop(registry);
        quiet += 1;
        for process in ends {
            process.with_pid(|pid| process.shared.load.end_aside(pid));
            kill(&process);
        }
        while let Ok(Some(pid)) = dead_clone_child() {
            bury(pid);
            quiet = 0;
        }
        thread::sleep(ROUND);
    }
}

/// Reaps a dead stub.
fn bury(pid: Pid) {
    let known = REGISTRY.lock().processes.get(&pid).cloned();
    let Some(process) = known else { return reap_stranger(pid) };
    // Whoever uses the id of a registered stub holds the lock that this takes.
    if process.reap(|| reap_registered(pid)) {
        process.died();
        if process.is_loss() {
            process.shared.report_loss();
        }
    }
}

fn reap_registered(pid: Pid) -> Option<MemoryUse> {
    let mut registry = REGISTRY.lock();
    let used = reap_clone_child(pid).ok()?;
    registry.processes.remove(&pid);
    Some(used)
}

fn reap_stranger(pid: Pid) {
    let mut registry = REGISTRY.lock();
    // Else it was registered meanwhile, and is found again.
    if registry.processes.contains_key(&pid) || reap_clone_child(pid).is_err() {
        return;
    }
    registry.suspects.remove(&pid);
    if !registry.births.is_empty() {
        registry.strangers.insert(pid);
    }
}
