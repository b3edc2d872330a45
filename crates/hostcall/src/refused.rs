//! Says which system call a filter with [`Action::Trap`](crate::seccomp::Action) has refused.

use std::io;

/// Installs a handler for SIGSYS that writes the refused call's number, arguments and place to
/// standard error, and ends the process with SIGABRT.
///
/// # Errors
/// Those of sigaction(2).
pub fn report_refused_calls() -> io::Result<()> {
    // SAFETY: an all-zero sigaction is valid: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = report as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
    // SAFETY: the handler is async-signal-safe: it formats on its stack and makes system calls.
    match unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A line of text on the stack.
struct Line {
    text: [u8; 256],
    length: usize,
}

impl std::fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.text.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

extern "C" fn report(_signal: libc::c_int, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the third argument is the interrupted thread's ucontext.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let register = |index: libc::c_int| usize::try_from(index).ok().and_then(|index| registers.get(index)).copied();
    let mut line = Line { text: [0; 256], length: 0 };
    let _ = std::fmt::Write::write_fmt(
        &mut line,
        format_args!(
            "lazaret: the filter of this process refused system call {} ({:#x}, {:#x}, {:#x}, {:#x}) at {:#x}\n",
            register(libc::REG_RAX).unwrap_or(-1),
            register(libc::REG_RDI).unwrap_or(0),
            register(libc::REG_RSI).unwrap_or(0),
            register(libc::REG_RDX).unwrap_or(0),
            register(libc::REG_R10).unwrap_or(0),
            register(libc::REG_RIP).unwrap_or(0),
        ),
    );
    // SAFETY: the line is valid for its length; nothing else is touched.
    unsafe {
        libc::write(2, line.text.as_ptr().cast(), line.length);
        libc::abort();
    }
}
