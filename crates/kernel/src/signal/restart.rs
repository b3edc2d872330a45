//! Calls that go on after a signal; see signal(7), "Interruption of system calls", and
//! restart_syscall(2).

use lazaret_abi::{
    errno::Errno,
    signal::{SigAction, action},
};
use lazaret_platform::Regs;

use crate::{syscalls::SysResult, task::Current};

/// The rest of an interrupted call that cannot simply be made again, because its arguments tell a
/// duration and part of it is over. The call leaves it in [`Current::restart`] and fails with
/// `ERESTART_RESTARTBLOCK`.
pub trait Restart: Send {
    /// Goes on with the call.
    ///
    /// # Errors
    /// The call's own.
    fn restart(self: Box<Self>, current: &mut Current) -> SysResult;
}

/// Number of restart_syscall(2).
const RESTART_SYSCALL: u64 = 219;

/// Length of the `syscall` instruction.
const INSTRUCTION: u64 = 2;

/// Prepares the registers for a handler to run after a call that was interrupted with `error`: the call
/// fails with EINTR, or will be made again when the handler returns.
pub fn before_handler(regs: &mut Regs, error: Errno, handler: &SigAction) {
    let again = match error {
        Errno::ERESTARTNOINTR => true,
        Errno::ERESTARTSYS => handler.has(action::RESTART),
        _ => false,
    };
    if again {
        make_again(regs, regs.orig_rax);
    } else {
        regs.rax = i64::from(-Errno::EINTR.raw()).cast_unsigned();
    }
}

/// Prepares the registers to go on without any handler: the call is made again.
pub fn without_handler(regs: &mut Regs, error: Errno) {
    match error {
        Errno::ERESTARTSYS | Errno::ERESTARTNOINTR | Errno::ERESTARTNOHAND => make_again(regs, regs.orig_rax),
        Errno::ERESTART_RESTARTBLOCK => make_again(regs, RESTART_SYSCALL),
        _ => {}
    }
}

fn make_again(regs: &mut Regs, number: u64) {
    regs.rax = number;
    regs.rip = regs.rip.wrapping_sub(INSTRUCTION);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupted(error: Errno) -> Regs {
        Regs { rax: i64::from(-error.raw()).cast_unsigned(), orig_rax: 7, rip: 0x1002, ..Regs::default() }
    }

    #[test]
    fn a_handler_decides_about_restart() {
        let restarting = SigAction { flags: action::RESTART, ..SigAction::default() };
        let cases = [
            (Errno::ERESTARTSYS, SigAction::default(), false),
            (Errno::ERESTARTSYS, restarting, true),
            (Errno::ERESTARTNOHAND, restarting, false),
            (Errno::ERESTARTNOINTR, SigAction::default(), true),
            (Errno::ERESTART_RESTARTBLOCK, restarting, false),
        ];
        for (error, handler, again) in cases {
            let mut regs = interrupted(error);
            before_handler(&mut regs, error, &handler);
            assert_eq!(regs.rip, if again { 0x1000 } else { 0x1002 }, "{error:?}");
            assert_eq!(regs.rax, if again { 7 } else { -4_i64 as u64 }, "{error:?}");
        }
    }

    #[test]
    fn without_handlers_calls_go_on() {
        for error in [Errno::ERESTARTSYS, Errno::ERESTARTNOHAND, Errno::ERESTART_RESTARTBLOCK] {
            let mut regs = interrupted(error);
            without_handler(&mut regs, error);
            assert_eq!(regs.rip, 0x1000);
            assert_eq!(regs.rax, if error == Errno::ERESTART_RESTARTBLOCK { 219 } else { 7 });
        }
    }
}
