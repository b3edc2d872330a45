//! seccomp(2), and the check of each call of a task that has set filters.

use lazaret_abi::{
    capability::cap,
    errno::Errno,
    seccomp::{
        ARCH_X86_64, BpfInstruction, BpfProgram, PROGRAM_MAX, SYS_SECCOMP, SeccompData, action, flag, mode, operation,
    },
    signal::{SigInfo, Signal},
};

use super::{SysResult, by_number};
use crate::{
    boot::ExitStatus,
    log::Level,
    seccomp::{Program, Verdict},
    signal,
    sync::Arc,
    task::{Current, Task},
    uaddr::{UserAddr, UserPtr},
};

/// Calls that strict mode leaves.
const STRICT: [&str; 4] = ["read", "write", "exit", "rt_sigreturn"];

/// seccomp(2).
pub fn seccomp(current: &mut Current, operation: u32, flags: u32, argument: UserAddr) -> SysResult {
    match operation {
        operation::SET_MODE_STRICT if flags == 0 && argument.is_null() => set_strict(current),
        operation::SET_MODE_FILTER => set_filter(current, flags, argument),
        operation::GET_ACTION_AVAIL if flags == 0 => {
            const AVAILABLE: [u32; 7] = [
                action::KILL_PROCESS,
                action::KILL_THREAD,
                action::TRAP,
                action::ERRNO,
                action::TRACE,
                action::LOG,
                action::ALLOW,
            ];
            let wanted = current.read(UserPtr::<u32>::new(argument))?;
            if AVAILABLE.contains(&wanted) { Ok(0) } else { Err(Errno::EOPNOTSUPP) }
        }
        _ => Err(Errno::EINVAL),
    }
}

/// SECCOMP_SET_MODE_STRICT.
pub(super) fn set_strict(current: &Current) -> SysResult {
    current.task.seccomp().set_strict()?;
    Ok(0)
}

/// SECCOMP_SET_MODE_FILTER. A listener for notifications is not offered, as by a kernel before 5.0.
pub(super) fn set_filter(current: &Current, flags: u32, argument: UserAddr) -> SysResult {
    const KNOWN: u32 = flag::TSYNC | flag::LOG | flag::SPEC_ALLOW | flag::TSYNC_ESRCH;
    if flags & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let header = current.read(UserPtr::<BpfProgram>::new(argument))?;
    let length = usize::from(header.length);
    if length == 0 || length > PROGRAM_MAX {
        return Err(Errno::EINVAL);
    }
    let creds = current.task.creds();
    if !creds.no_new_privs && !creds.has(cap::SYS_ADMIN) {
        return Err(Errno::EACCES);
    }
    let code = current.read_array(UserPtr::<BpfInstruction>::new(UserAddr::new(header.instructions)), length)?;
    let program = Program::new(&code)?;
    if flags & flag::TSYNC == 0 {
        current.task.seccomp().add_filter(program)?;
        return Ok(0);
    }
    let others: Vec<_> =
        current.task.group().threads().into_iter().filter(|thread| !Arc::ptr_eq(thread, &current.task)).collect();
    if let Some(diverged) = others.iter().find(|thread| !current.task.seccomp().extends(thread.seccomp())) {
        if flags & flag::TSYNC_ESRCH != 0 {
            return Err(Errno::ESRCH);
        }
        let number = diverged.pid().number_in(current.task.group().namespace());
        return usize::try_from(number).map_err(|_| Errno::ESRCH);
    }
    current.task.seccomp().add_filter(program)?;
    for thread in others {
        thread.seccomp().copy_from(current.task.seccomp());
        if creds.no_new_privs && !thread.creds().no_new_privs {
            let mut changed = (*thread.creds()).clone();
            changed.no_new_privs = true;
            thread.set_creds(Arc::new(changed));
        }
    }
    Ok(0)
}

/// Lets the task's filters decide about a call. `None` when it may be made, otherwise its result.
pub(super) fn check(current: &mut Current, number: u32, args: [u64; 6]) -> Option<SysResult> {
    let task: Arc<Task> = current.task.clone();
    match task.seccomp().mode() {
        mode::DISABLED => return None,
        mode::STRICT => {
            if by_number(number).is_some_and(|call| STRICT.contains(&call.name)) {
                return None;
            }
            current.exit = Some(ExitStatus::signaled(Signal::KILL));
            return Some(Err(Errno::ENOSYS));
        }
        _ => {}
    }
    let instruction_pointer = current.regs().rip;
    let verdict = task.seccomp().judge(&SeccompData { number, arch: ARCH_X86_64, instruction_pointer, args });
    match verdict {
        Verdict::Allow => return None,
        Verdict::Log => {
            let name = by_number(number).map_or("an unknown call", |call| call.name);
            let pid = task.pid().global();
            task.kernel().log.write(Level::Info, format_args!("seccomp: process {pid} makes {name} {args:#x?}"));
            return None;
        }
        Verdict::Fail(error) => return Some(Err(error)),
        Verdict::Trap(errno) => {
            let info = SigInfo::syscall(SYS_SECCOMP, errno, instruction_pointer, number, ARCH_X86_64);
            signal::force(&task, Signal::SYS, info);
        }
        Verdict::KillThread => current.exit = Some(ExitStatus::signaled(Signal::SYS)),
        Verdict::KillProcess => task.group().signals().kill_all(ExitStatus::signaled(Signal::SYS)),
    }
    // The register still holds the number, as if the call had not been made.
    let number = current.regs().orig_rax;
    Some(usize::try_from(number).map_err(|_| Errno::ENOSYS))
}
