//! The life of a task on its host thread: run application code, answer what it asks, deliver signals.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lazaret_abi::{
    errno::Errno,
    signal::{SigInfo, Signal},
};
use lazaret_platform::{Error, Fault, Trap};

use super::{Current, Task, exit, pause};
use crate::{
    boot::ExitStatus,
    log::Level,
    signal::{self, deliver},
    sync::Arc,
    syscalls,
};

/// Runs a task until it ends.
pub fn run(mut current: Current) {
    let task = current.task.clone();
    Task::enter(task.clone(), current.context.interrupter());
    // A fault of the kernel's own must end the program that met it, and no other.
    let status = catch_unwind(AssertUnwindSafe(|| run_until_end(&mut current))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let log = &task.kernel().log;
        log.tell_user(format_args!("internal error, process {} is killed: {text}", task.group().id()));
        let status = ExitStatus::signaled(Signal::KILL);
        task.group().signals().kill_all(status);
        status
    });
    if catch_unwind(AssertUnwindSafe(|| exit::exit(current, status))).is_err() {
        // It would stay among the living, and its container would wait for it for ever.
        task.kernel().log.tell_user(format_args!("internal error at the end of process {}", task.group().id()));
        std::process::abort();
    }
    Task::leave();
}

fn run_until_end(current: &mut Current) -> ExitStatus {
    let task = current.task.clone();
    loop {
        if task.enter_application() {
            let trap = current.context.run();
            task.leave_application();
            match trap {
                Ok(Trap::Syscall) => answer(current),
                Ok(Trap::Fault(fault)) => raise_fault(current, &fault),
                Ok(Trap::Interrupted) => {}
                Err(error) => lose(&task, &error),
            }
        }
        if let Some(status) = current.exit {
            return status;
        }
        pause::wait_for_end(&task);
        if (task.work() != 0 || current.has_signal_work())
            && let Some(status) = deliver::deliver(current)
        {
            return status;
        }
    }
}

/// Answers a system call.
fn answer(current: &mut Current) {
    let (number, args) = current.context.call();
    // Linux looks at the low half of the register alone. Bit 30, which would ask for the x32
    // interface, leads beyond the table like any other number that is too high.
    let number = (number & 0xffff_ffff) as u32;
    current.task.parker().begin_wait();
    current.task.activity().begin(number, args);
    let result = syscalls::dispatch(current, number, args);
    current.task.activity().end();
    let value = match result {
        // A usize has as many bits as the register.
        Ok(value) => value as u64,
        Err(error) => {
            current.note_interruption(error);
            i64::from(-error.raw()).cast_unsigned()
        }
    };
    current.context.answer(value);
}

/// Turns an exception of application code into its signal.
fn raise_fault(current: &mut Current, fault: &Fault) {
    let signal = Signal::new(fault.signal).unwrap_or(Signal::SEGV);
    current.fault = Some(*fault);
    let log = &current.task.kernel().log;
    if log.enabled(Level::Debug) {
        log.write(Level::Debug, format_args!("[{}] {fault:x?} at {:x?}", current.task.tid(), current.context.regs()));
    }
    signal::force(&current.task, signal, SigInfo::fault(signal, fault.code, fault.address));
}

/// The process has lost its address space: it was killed from outside, or its stub is broken.
fn lose(task: &Arc<Task>, error: &Error) {
    let group = task.group();
    let mut signals = group.signals();
    if signals.exit.is_none() && signals.executing.is_none() {
        let level = if *error == Error::Dead { Level::Info } else { Level::Warning };
        task.kernel().log.write(level, format_args!("process {} is killed: {error}", group.id()));
    }
    if signals.executing.is_some() && signals.exit.is_none() {
        // Another thread has replaced the address space; this one is about to end anyway.
        task.notify(super::work::KILL);
        return;
    }
    signals.kill_all(ExitStatus::signaled(Signal::KILL));
}

/// The call may be made again after a signal.
pub fn is_restart(error: Errno) -> bool {
    matches!(error, Errno::ERESTARTSYS | Errno::ERESTARTNOINTR | Errno::ERESTARTNOHAND | Errno::ERESTART_RESTARTBLOCK)
}
