//! Signal frames of x86_64: what a handler finds on its stack, and the way back (sigreturn(2)).

use lazaret_abi::{
    errno::Errno,
    sigframe::{
        FP_XSTATE_MAGIC1, FP_XSTATE_MAGIC2, FP_XSTATE_MAGIC2_SIZE, FpxSwBytes, RtSigFrame, SW_RESERVED_OFFSET,
        SigContext, UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS, UContext,
    },
    signal::{MIN_STACK_SIZE, SigAction, SigAltStack, SigInfo, SigSet, Signal, action, stack},
};
use lazaret_platform::Regs;
use zerocopy::IntoBytes;

use crate::{
    task::{Current, NO_ALTERNATE_STACK},
    uaddr::{UserAddr, UserPtr},
};

/// Bytes below the stack pointer that a function may use without moving it.
const RED_ZONE: u64 = 128;

/// Selectors of 64-bit application code and of its stack.
const USER_CS: u16 = 0x33;
const USER_SS: u16 = 0x2b;

/// Flags that a handler does not inherit: trap, direction, resume.
const CLEARED_FLAGS: u64 = 1 << 8 | 1 << 10 | 1 << 16;

/// Flags that sigreturn(2) takes from the frame: CF PF AF ZF SF TF DF OF RF AC.
const RESTORED_FLAGS: u64 = 0x5_0dd5;

/// Offset of the XSAVE header's end: a state without it is of FXSAVE.
const FP_LEGACY_SIZE: u64 = 512;

/// Features of a state that is only of FXSAVE: x87 and SSE.
const LEGACY_FEATURES: u64 = 3;

/// Alignment of an XSAVE area.
const FP_ALIGNMENT: u64 = 64;

/// Is `sp` on the alternate stack?
pub fn is_on(stack: &SigAltStack, sp: u64) -> bool {
    // One that disarms itself is never in use while it is set.
    stack.flags & stack::AUTODISARM == 0 && sp > stack.address && sp - stack.address <= stack.size
}

/// `ss_flags` that sigaltstack(2) shows.
pub fn shown_flags(stack: &SigAltStack, sp: u64) -> u32 {
    let state = if stack.size == 0 {
        stack::DISABLE
    } else if is_on(stack, sp) {
        stack::ONSTACK
    } else {
        0
    };
    state | stack.flags & stack::AUTODISARM
}

/// Writes a frame and makes the task continue in the handler. `mask` comes back with sigreturn(2).
///
/// # Errors
/// `EFAULT` when the stack is not writable, overflows, or there is no restorer.
pub fn push(
    current: &mut Current,
    signal: Signal,
    info: &SigInfo,
    action: &SigAction,
    mask: SigSet,
) -> Result<(), Errno> {
    if !action.has(action::RESTORER) {
        return Err(Errno::EFAULT);
    }
    let regs = *current.regs();
    let stack = current.alternate_stack;
    let mut sp = regs.rsp.wrapping_sub(RED_ZONE);
    let nested = is_on(&stack, regs.rsp);
    let entering = action.has(action::ONSTACK) && stack.size > 0 && !is_on(&stack, sp);
    if entering {
        sp = stack.address.wrapping_add(stack.size);
    }
    let platform = &current.task.kernel().platform;
    let fp_size = platform.fp_size() as u64;
    let fp_features = platform.fp_features();
    let fp = sp.wrapping_sub(fp_size + FP_XSTATE_MAGIC2_SIZE as u64) & !(FP_ALIGNMENT - 1);
    // As after a call: the stack pointer plus 8 is a multiple of 16.
    let frame = (fp.wrapping_sub(size_of::<RtSigFrame>() as u64) & !15).wrapping_sub(8);
    if (nested || entering) && !(frame > stack.address && frame - stack.address <= stack.size) {
        return Err(Errno::EFAULT);
    }
    current.context.save_fp(fp).map_err(|_| Errno::EFAULT)?;
    let size = u32::try_from(fp_size).map_err(|_| Errno::EFAULT)?;
    let software = FpxSwBytes {
        magic1: FP_XSTATE_MAGIC1,
        extended_size: size + FP_XSTATE_MAGIC2_SIZE as u32,
        features: fp_features,
        state_size: size,
        padding: [0; 7],
    };
    current.write_bytes(UserAddr::new(fp.wrapping_add(SW_RESERVED_OFFSET)), software.as_bytes())?;
    current.write_bytes(UserAddr::new(fp.wrapping_add(fp_size)), FP_XSTATE_MAGIC2.as_bytes())?;
    let content = RtSigFrame {
        return_address: action.restorer,
        context: UContext {
            flags: UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
            link: 0,
            stack,
            registers: save(current, &regs, fp, mask),
            mask,
        },
        info: *info,
    };
    current.write_bytes(UserAddr::new(frame), content.as_bytes())?;
    current.context.reset_fp().map_err(|_| Errno::EFAULT)?;
    if stack.flags & stack::AUTODISARM != 0 {
        current.alternate_stack = NO_ALTERNATE_STACK;
    }
    let info_offset = size_of::<u64>() + size_of::<UContext>();
    let regs = current.regs();
    regs.rip = action.handler;
    regs.rsp = frame;
    regs.rdi = signal.get().unsigned_abs().into();
    regs.rsi = frame.wrapping_add(info_offset as u64);
    regs.rdx = frame.wrapping_add(size_of::<u64>() as u64);
    regs.rax = 0;
    regs.rflags &= !CLEARED_FLAGS;
    Ok(())
}

fn save(current: &Current, regs: &Regs, fp: u64, mask: SigSet) -> SigContext {
    let fault = current.fault.as_ref();
    SigContext {
        r8: regs.r8,
        r9: regs.r9,
        r10: regs.r10,
        r11: regs.r11,
        r12: regs.r12,
        r13: regs.r13,
        r14: regs.r14,
        r15: regs.r15,
        rdi: regs.rdi,
        rsi: regs.rsi,
        rbp: regs.rbp,
        rbx: regs.rbx,
        rdx: regs.rdx,
        rax: regs.rax,
        rcx: regs.rcx,
        rsp: regs.rsp,
        rip: regs.rip,
        rflags: regs.rflags,
        cs: USER_CS,
        gs: 0,
        fs: 0,
        ss: USER_SS,
        error_code: fault.map_or(0, |fault| fault.error_code),
        trap_number: fault.map_or(0, |fault| fault.trap_number),
        old_mask: mask.bits(),
        cr2: fault.map_or(0, |fault| fault.cr2),
        fp_state: fp,
        reserved: [0; 8],
    }
}

/// rt_sigreturn(2): goes back to where the frame under the stack pointer says. Returns the value of
/// `rax` there.
///
/// # Errors
/// Any error means SIGSEGV: the frame cannot be read or makes no sense.
pub fn pop(current: &mut Current) -> Result<u64, Errno> {
    // The handler's return has taken the return address off the stack.
    let frame = current.regs().rsp.wrapping_sub(size_of::<u64>() as u64);
    let context: UContext = current.read(UserPtr::new(UserAddr::new(frame.wrapping_add(size_of::<u64>() as u64))))?;
    let saved = context.registers;
    current.task.set_blocked(context.mask);
    // Any address is one to go on at, the vDSO's above application memory too: what is wrong with it,
    // its first instruction finds out.
    if saved.cs != USER_CS {
        return Err(Errno::EFAULT);
    }
    // Seen from the handler's stack, as since Linux 6.12, and no reason to fail.
    let sp = current.regs().rsp;
    let _ = set_alternate_stack(current, &context.stack, sp);
    restore_fp(current, saved.fp_state)?;
    let regs = current.regs();
    regs.r8 = saved.r8;
    regs.r9 = saved.r9;
    regs.r10 = saved.r10;
    regs.r11 = saved.r11;
    regs.r12 = saved.r12;
    regs.r13 = saved.r13;
    regs.r14 = saved.r14;
    regs.r15 = saved.r15;
    regs.rdi = saved.rdi;
    regs.rsi = saved.rsi;
    regs.rbp = saved.rbp;
    regs.rbx = saved.rbx;
    regs.rdx = saved.rdx;
    regs.rcx = saved.rcx;
    regs.rsp = saved.rsp;
    regs.rip = saved.rip;
    regs.rflags = regs.rflags & !RESTORED_FLAGS | saved.rflags & RESTORED_FLAGS;
    current.restart = None;
    Ok(saved.rax)
}

/// Loads the floating-point state of a frame; see `fpu__restore_sig` of Linux.
fn restore_fp(current: &mut Current, fp: u64) -> Result<(), Errno> {
    if fp == 0 {
        return current.context.reset_fp().map_err(|_| Errno::EFAULT);
    }
    if !fp.is_multiple_of(FP_ALIGNMENT) {
        return Err(Errno::EFAULT);
    }
    let software: FpxSwBytes = current.read(UserPtr::new(UserAddr::new(fp.wrapping_add(SW_RESERVED_OFFSET))))?;
    let platform = &current.task.kernel().platform;
    let (size, known) = (platform.fp_size() as u64, platform.fp_features());
    let extended = u64::from(software.state_size);
    let is_extended = software.magic1 == FP_XSTATE_MAGIC1
        && extended > FP_LEGACY_SIZE
        && extended <= size
        && u64::from(software.extended_size) >= extended + FP_XSTATE_MAGIC2_SIZE as u64
        && current.read(UserPtr::<u32>::new(UserAddr::new(fp.wrapping_add(extended)))) == Ok(FP_XSTATE_MAGIC2);
    let features = if is_extended { software.features & known } else { LEGACY_FEATURES };
    current.context.restore_fp(fp, features).map_err(|_| Errno::EFAULT)
}

/// sigaltstack(2).
///
/// # Errors
/// `EPERM` while the task runs on the stack, `EINVAL` for unknown flags, `ENOMEM` for one too small.
pub fn set_alternate_stack(current: &mut Current, new: &SigAltStack, sp: u64) -> Result<(), Errno> {
    if is_on(&current.alternate_stack, sp) {
        return Err(Errno::EPERM);
    }
    match new.flags & !stack::AUTODISARM {
        stack::DISABLE => {
            current.alternate_stack = SigAltStack { flags: new.flags, ..NO_ALTERNATE_STACK };
        }
        0 | stack::ONSTACK => {
            if new.size < MIN_STACK_SIZE {
                return Err(Errno::ENOMEM);
            }
            current.alternate_stack = SigAltStack { pad: 0, ..*new };
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_layout_of_linux() {
        assert_eq!(size_of::<SigContext>(), 256);
        assert_eq!(size_of::<UContext>(), 304);
        assert_eq!(size_of::<RtSigFrame>(), 440);
        assert_eq!(size_of::<FpxSwBytes>(), 48);
    }

    #[test]
    fn being_on_the_stack_is_told_by_the_stack_pointer() {
        let mut stack = SigAltStack { address: 0x1000, flags: 0, pad: 0, size: 0x1000 };
        assert!(!is_on(&stack, 0x1000) && is_on(&stack, 0x1001) && is_on(&stack, 0x2000) && !is_on(&stack, 0x2001));
        assert_eq!(shown_flags(&stack, 0x1800), stack::ONSTACK);
        assert_eq!(shown_flags(&NO_ALTERNATE_STACK, 0x1800), stack::DISABLE);
        stack.flags = stack::AUTODISARM;
        assert_eq!(shown_flags(&stack, 0x1800), stack::AUTODISARM);
    }
}
