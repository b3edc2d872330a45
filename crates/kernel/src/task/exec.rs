//! Running another program; see execve(2).

use lazaret_abi::{
    errno::Errno,
    resource::limit,
    signal::{SigAction, SigAltStack, SigInfo, Signal, code},
};
use lazaret_platform::{Context, Regs, layout::APP_MAX};

use super::{
    Current, NO_ALTERNATE_STACK, Task,
    cgroup::ControlGroup,
    creds::Creds,
    exit::leave_memory,
    limits::Limits,
    privilege::{self, Granted},
    work,
};
use crate::{
    boot::Kernel,
    fs::{
        file::File,
        vfs::{Location, PathContext, open::open_for_exec, permission},
    },
    loader::{self, LoadInfo},
    mm::{Mm, host_errno},
    signal,
    sync::{Arc, Ordering},
    wait::{Events, Interruptible, wait_until},
};

/// Flags that every program starts with: interrupts are on.
const INITIAL_FLAGS: u64 = 0x202;

/// PER_LINUX with ADDR_NO_RANDOMIZE; see personality(2).
const ADDR_NO_RANDOMIZE: u32 = 0x004_0000;

/// What to run.
pub struct Program {
    /// The file's place.
    pub location: Location,
    /// The name it was called by (AT_EXECFN, and what a script's interpreter is given).
    pub path: Vec<u8>,
    /// The new program can open the file by `path`: not one that leads through a descriptor that is closed.
    pub can_reopen: bool,
    /// Arguments.
    pub args: Vec<Vec<u8>>,
    /// Environment.
    pub env: Vec<Vec<u8>>,
}

/// Who runs it.
pub struct Runner<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// How it finds interpreters.
    pub paths: &'a PathContext,
    /// Its credentials.
    pub creds: &'a Creds,
    /// Its control group.
    pub cgroup: &'a ControlGroup,
    /// Its limits.
    pub limits: &'a Limits,
    /// personality(2).
    pub personality: u32,
    /// Another process can change where it looks for files.
    pub shares_paths: bool,
}

/// A program in memory, ready to run.
pub struct Image {
    /// Its memory.
    pub mm: Arc<Mm>,
    /// Its first thread, with registers set.
    pub context: Box<dyn Context>,
    /// Credentials that it gets.
    pub granted: Granted,
    /// Others of its user may look into it: it has no rights that they have not, and its file can be read.
    pub dumpable: bool,
    /// Name of its first thread.
    pub name: Vec<u8>,
}

/// Why a program does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The caller gets this error.
    Refused(Errno),
    /// The program was found good before its parts were mapped, and could not be mapped: the caller
    /// has been left by then, as Linux does it.
    Broken(Errno),
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Failure {
        Failure::Refused(error)
    }
}

impl Failure {
    /// The error.
    pub fn errno(self) -> Errno {
        match self {
            Failure::Refused(error) | Failure::Broken(error) => error,
        }
    }
}

/// Loads a program into an address space of its own. Nothing else changes.
///
/// # Errors
/// Those of execve(2).
pub fn load(runner: &Runner<'_>, program: Program) -> Result<Image, Failure> {
    let file = open_for_exec(program.location, runner.creds)?;
    let stack_limit = runner.limits.soft(limit::STACK);
    loader::check_size(&program.args, &program.env, stack_limit)?;
    let name = program.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
    let resolved = loader::resolve(runner.paths, file, program.path, program.args, program.can_reopen)?;
    let granted = privilege::of_program(runner.creds, &resolved.file, runner.shares_paths)?;
    let readable = permission::check_access(resolved.file.inode(), runner.creds, permission::READ).is_ok();
    let dumpable = readable && !granted.secure;
    let origin = runner.cgroup.origin.as_ref().unwrap_or(&runner.kernel.platform);
    let (space, mut context) = origin.create().map_err(host_errno)?;
    let mm = Mm::new(space, APP_MAX);
    let creds = &granted.creds;
    let info = LoadInfo {
        env: &program.env,
        ids: [creds.uid, creds.euid, creds.gid, creds.egid],
        secure: granted.secure,
        stack_limit,
        limits: runner.limits.memory(true),
        vdso: runner.kernel.platform.vdso().start,
        min_signal_stack: rustix::param::linux_minsigstksz() as u64,
        randomize: runner.personality & ADDR_NO_RANDOMIZE == 0,
    };
    let loaded = loader::load(&resolved, &mm, &mut *context, &info).map_err(Failure::Broken)?;
    *context.regs() = Regs { rip: loaded.entry, rsp: loaded.stack_pointer, rflags: INITIAL_FLAGS, ..Regs::default() };
    mm.set_executable(resolved.file);
    Ok(Image { mm: Arc::new(mm), context, granted, dumpable, name })
}

/// execve(2): the task runs another program, and is then the only thread of its process.
///
/// # Errors
/// Those of execve(2); the task goes on as before.
pub fn exec(current: &mut Current, paths: &PathContext, program: Program) -> Result<(), Errno> {
    let task = current.task.clone();
    let group = task.group().clone();
    let limits = *group.limits.lock();
    let image = {
        let creds = task.creds();
        let personality = task.personality.load(Ordering::Relaxed);
        let shares_paths = shares_paths(&task);
        let runner = Runner {
            kernel: task.kernel(),
            paths,
            creds: &creds,
            cgroup: group.cgroup(),
            limits: &limits,
            personality,
            shares_paths,
        };
        load(&runner, program)
    };
    let image = image.map_err(|failure| {
        if let Failure::Broken(_) = failure {
            let signal = Signal::SEGV;
            group.actions().set(signal, SigAction::default());
            signal::force(&task, signal, SigInfo::new(signal, code::KERNEL));
        }
        failure.errno()
    })?;
    become_only_thread(&task)?;

    // From here on there is no way back.
    leave_memory(current);
    current.task.set_left_locks(false);
    let old_mm = task.set_mm(image.mm.clone());
    let shared = Arc::strong_count(&old_mm) > 1;
    group.account.enter_space((!shared).then_some(&**old_mm.space()), &**image.mm.space());
    task.set_interrupt(image.context.interrupter());
    let old_context = std::mem::replace(&mut current.context, image.context);
    current.alternate_stack = SigAltStack { ..NO_ALTERNATE_STACK };
    current.restart = None;
    current.fault = None;

    let actions = Arc::new(group.actions().duplicate());
    actions.reset_handlers();
    group.set_actions(actions);
    group.exit_signal.store(Signal::CHLD.get(), Ordering::Relaxed);
    group.has_executed.store(true, Ordering::Relaxed);
    let before = task.creds();
    if before.hides(&image.granted.creds) {
        task.death_signal.store(0, Ordering::Relaxed);
    }
    group.barriers.store(0, Ordering::Relaxed);
    group.dumpable.store(u32::from(image.dumpable), Ordering::Relaxed);
    task.set_creds(Arc::new(image.granted.creds));
    task.set_name(&image.name);
    if let Some(timers) = task.group().used_timers() {
        timers.executed();
    }
    close_on_exec(&task);
    // Last, since nobody waits for it.
    drop(old_context);
    drop(old_mm);
    Ok(())
}

/// A task of another process has the same root and working directory (CLONE_FS).
fn shares_paths(task: &Arc<Task>) -> bool {
    let fs = task.fs();
    // One reference is the task's, the other the one here.
    Arc::strong_count(&fs) > 2
        && task
            .kernel()
            .processes()
            .tasks()
            .any(|other| !Arc::ptr_eq(other.group(), task.group()) && Arc::ptr_eq(&other.fs(), &fs))
}

/// Closes what is marked for it, in a table that is the task's own.
fn close_on_exec(task: &Task) {
    let mut files = task.files();
    // One reference is the task's, the other the one counted here.
    if Arc::strong_count(&files) > 2 {
        files = Arc::new(files.duplicate());
        task.set_files(files.clone());
    }
    for file in files.remove_where(|_, descriptor| descriptor.close_on_exec) {
        files.closed(&file);
    }
}

/// Ends all other threads of the process, and takes the place of its leader.
fn become_only_thread(task: &Arc<Task>) -> Result<(), Errno> {
    let group = task.group();
    {
        let mut signals = group.signals();
        if signals.exit.is_some() || signals.executing.is_some() {
            return Err(Errno::ERESTARTNOINTR);
        }
        signals.executing = Some(task.tid());
        for other in signals.threads.iter().filter(|other| !Arc::ptr_eq(other, task)) {
            other.notify(work::KILL);
        }
    }
    let waited = wait_until(&[(&group.ended, Events::all())], None, Interruptible::Kill, || {
        (group.signals().threads.len() == 1).then_some(())
    });
    let mut tree = task.kernel().processes();
    let mut signals = group.signals();
    signals.executing = None;
    waited.map_err(|_| Errno::ERESTARTNOINTR)?;
    drop(signals);
    let (old, new) = (task.tid(), group.id());
    if old != new {
        tree.remove_task(old);
        let own = task.pid();
        task.set_pid(group.pid().clone());
        tree.add_task(task.clone());
        let children = tree.node(new).map(|node| node.children.clone()).unwrap_or_default();
        for child in children {
            if let Some(child) = tree.node_mut(child)
                && child.parent_thread == old
            {
                child.parent_thread = new;
            }
        }
        drop(tree);
        drop(own);
    }
    Ok(())
}

/// The file of the program that a task runs, for /proc/PID/exe.
pub fn executable(task: &Task) -> Option<Arc<File>> {
    task.mm().executable()
}
