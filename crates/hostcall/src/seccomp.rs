//! System call filters as data; see seccomp(2).
//!
//! A [`Filter`] is a list of [`Rule`]s, each with the reason why it is there, so that the same
//! list gives the program for the host and the table in `docs/security.md`. A call is allowed if
//! any rule of its number has all its conditions met.

use std::{fmt, fmt::Write as _, io, ops::Range, os::fd::FromRawFd, os::fd::OwnedFd};

use libc::sock_filter;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It runs.
    Allow,
    /// It fails with this error number.
    Errno(u16),
    /// SIGSYS, with the call's number in siginfo.
    Trap,
    /// The holder of the filter's listener decides; see seccomp_unotify(2).
    Notify,
    /// It runs, and the host logs it.
    Log,
    /// The process dies, and the host logs it.
    Kill,
}

impl Action {
    const fn code(self) -> u32 {
        match self {
            Action::Allow => libc::SECCOMP_RET_ALLOW,
            Action::Errno(errno) => libc::SECCOMP_RET_ERRNO | errno as u32,
            Action::Trap => libc::SECCOMP_RET_TRAP,
            Action::Notify => libc::SECCOMP_RET_USER_NOTIF,
            Action::Log => libc::SECCOMP_RET_LOG,
            Action::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }
}

/// A test of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    argument: u8,
    test: Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// The lower half has exactly this value (arguments of type int).
    Int(u32),
    /// The lower half has one of these values.
    OneOf(&'static [u32]),
    /// None of these bits is set.
    Clear(u64),
    /// The bits under the first mask have the second value.
    Bits(u64, u64),
    /// All 64 bits have this value.
    Equal(u64),
    /// Below, unsigned.
    Below(u64),
}

/// Argument `index`, counted from 0, of a call.
pub const fn arg(index: u8) -> Argument {
    assert!(index < 6, "a call has six arguments");
    Argument(index)
}

/// An argument to make a [`Condition`] of.
#[derive(Clone, Copy, Debug)]
pub struct Argument(u8);

impl Argument {
    const fn test(self, test: Test) -> Condition {
        Condition { argument: self.0, test }
    }

    /// An `int` with this value; the upper half, which the host ignores, may be anything.
    pub const fn int(self, value: i32) -> Condition {
        self.test(Test::Int(value.cast_unsigned()))
    }

    /// An `int` with one of these values.
    pub const fn one_of(self, values: &'static [u32]) -> Condition {
        self.test(Test::OneOf(values))
    }

    /// None of these bits is set.
    pub const fn clear(self, bits: u64) -> Condition {
        self.test(Test::Clear(bits))
    }

    /// No bits but these are set.
    pub const fn only(self, bits: u64) -> Condition {
        self.test(Test::Clear(!bits))
    }

    /// The bits under `mask` are `value`.
    pub const fn bits(self, mask: u64, value: u64) -> Condition {
        self.test(Test::Bits(mask, value))
    }

    /// All 64 bits are `value`.
    pub const fn equal(self, value: u64) -> Condition {
        self.test(Test::Equal(value))
    }

    /// Unsigned less than `bound`.
    pub const fn below(self, bound: u64) -> Condition {
        self.test(Test::Below(bound))
    }
}

/// Flags of clone(2) that the C library makes threads with.
pub const THREAD: u64 = (libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID) as u64;

/// A call that is let through, under conditions, and why.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Name of the call's number in the headers, `SYS_read`.
    pub constant: &'static str,
    /// The call's number.
    pub number: i64,
    /// What must hold of its arguments.
    pub conditions: &'static [Condition],
    /// What happens if it holds.
    pub action: Action,
    /// Why the rule is there, and why it is harmless if that is not plain.
    pub reason: &'static str,
}

impl Rule {
    /// The call's name.
    pub fn name(&self) -> &'static str {
        self.constant.trim_start_matches("SYS_")
    }
}

/// Makes a list of [`Rule`]s, one a line:
/// `SYS_name [conditions] => action, "reason";`, where conditions and action may be left out.
#[macro_export]
macro_rules! seccomp_rules {
    ($($call:ident $([$($condition:expr),* $(,)?])? $(=> $action:expr,)? $reason:literal;)*) => {
        &[$($crate::seccomp::Rule {
            constant: stringify!($call),
            number: ::libc::$call,
            conditions: &[$($($condition),*)?],
            action: $crate::seccomp_rules!(@action $($action)?),
            reason: $reason,
        }),*]
    };
    (@action) => { $crate::seccomp::Action::Allow };
    (@action $action:expr) => { $action };
}

/// A filter for the system calls of a process.
#[derive(Clone, Debug)]
pub struct Filter<'a> {
    /// What is let through.
    pub rules: &'a [Rule],
    /// What happens to all else.
    pub default: Action,
    /// What happens to calls of another architecture's interface (i386, x32).
    pub foreign: Action,
    /// Calls from outside this range of instructions get another action, whatever they are.
    pub origin: Option<(Range<u64>, Action)>,
}

/// Offsets in seccomp_data.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const INSTRUCTION_POINTER: u32 = 8;
const ARGUMENTS: u32 = 16;

/// AUDIT_ARCH_X86_64
const X86_64: u32 = 0xc000_003e;
/// __X32_SYSCALL_BIT
const X32: u32 = 0x4000_0000;

/// A program under construction.
#[derive(Default)]
struct Program(Vec<sock_filter>);

impl Program {
    #[allow(clippy::cast_possible_truncation, reason = "the operation codes are of 16 bits")]
    fn emit(&mut self, code: u32, jt: u8, jf: u8, k: u32) {
        self.0.push(sock_filter { code: code as u16, jt, jf, k });
    }

    fn load(&mut self, offset: u32) {
        self.emit(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    }

    fn and(&mut self, mask: u32) {
        self.emit(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask);
    }

    fn finish(&mut self, action: Action) {
        self.emit(libc::BPF_RET | libc::BPF_K, 0, 0, action.code());
    }

    /// Skips the next instruction if `test` (BPF_JEQ, BPF_JGE, BPF_JGT) holds for `k`.
    fn skip_if(&mut self, test: u32, k: u32) {
        self.emit(libc::BPF_JMP | test | libc::BPF_K, 1, 0, k);
    }

    /// A jump whose target [`Program::land`] sets.
    fn jump(&mut self) -> usize {
        self.emit(libc::BPF_JMP | libc::BPF_JA, 0, 0, 0);
        self.0.len() - 1
    }

    /// Lets these jumps arrive here.
    fn land(&mut self, jumps: &[usize]) {
        let here = self.0.len();
        for &jump in jumps {
            self.0[jump].k = u32::try_from(here - jump - 1).unwrap_or(u32::MAX);
        }
    }

    /// Goes on if the 64-bit field at `offset` is below `bound`; else takes a jump from `failed`.
    fn below(&mut self, offset: u32, bound: u64, failed: &mut Vec<usize>) {
        let (high, low) = halves(bound);
        self.load(offset + 4);
        // Above in the upper half: fails. Below: holds. Equal: the lower half decides.
        self.emit(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, 0, high);
        let holds = self.jump();
        self.skip_if(libc::BPF_JEQ, high);
        failed.push(self.jump());
        self.load(offset);
        self.emit(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, low);
        failed.push(self.jump());
        self.land(&[holds]);
    }

    /// Goes on if the condition holds; else takes a jump from `failed`.
    fn condition(&mut self, condition: Condition, failed: &mut Vec<usize>) {
        let offset = ARGUMENTS + 8 * u32::from(condition.argument);
        match condition.test {
            Test::Int(value) => self.half(offset, u32::MAX, value, failed),
            Test::OneOf(values) => {
                self.load(offset);
                let mut holds = Vec::new();
                for &value in values {
                    self.emit(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, value);
                    holds.push(self.jump());
                }
                failed.push(self.jump());
                self.land(&holds);
            }
            Test::Clear(bits) => self.masked(offset, bits, 0, failed),
            Test::Bits(mask, value) => self.masked(offset, mask, value, failed),
            Test::Equal(value) => self.masked(offset, u64::MAX, value, failed),
            Test::Below(bound) => self.below(offset, bound, failed),
        }
    }

    fn masked(&mut self, offset: u32, mask: u64, value: u64, failed: &mut Vec<usize>) {
        let ((mask_high, mask_low), (high, low)) = (halves(mask), halves(value));
        self.half(offset + 4, mask_high, high, failed);
        self.half(offset, mask_low, low, failed);
    }

    fn half(&mut self, offset: u32, mask: u32, value: u32, failed: &mut Vec<usize>) {
        if mask == 0 {
            return;
        }
        self.load(offset);
        if mask != u32::MAX {
            self.and(mask);
        }
        self.skip_if(libc::BPF_JEQ, value);
        failed.push(self.jump());
    }

    /// Decides by the number, which is loaded: a binary search over calls sorted by number.
    fn search(&mut self, calls: &[(u32, Vec<&Rule>)], default: Action) {
        match calls {
            [] => self.finish(default),
            [(number, rules)] => {
                self.skip_if(libc::BPF_JEQ, *number);
                self.finish(default);
                for rule in rules {
                    let mut failed = Vec::new();
                    for &condition in rule.conditions {
                        self.condition(condition, &mut failed);
                    }
                    self.finish(rule.action);
                    self.land(&failed);
                    if failed.is_empty() {
                        return;
                    }
                }
                self.finish(default);
            }
            _ => {
                let (lower, upper) = calls.split_at(calls.len() / 2);
                self.skip_if(libc::BPF_JGE, upper[0].0);
                let down = self.jump();
                self.search(upper, default);
                self.land(&[down]);
                self.search(lower, default);
            }
        }
    }
}

/// The upper and lower half of a word.
fn halves(value: u64) -> (u32, u32) {
    let (bytes, mut high, mut low) = (value.to_be_bytes(), [0; 4], [0; 4]);
    high.copy_from_slice(&bytes[..4]);
    low.copy_from_slice(&bytes[4..]);
    (u32::from_be_bytes(high), u32::from_be_bytes(low))
}

impl Filter<'_> {
    /// The filter as a program for the host.
    pub fn program(&self) -> Vec<sock_filter> {
        let mut program = Program::default();
        if let Some((range, action)) = &self.origin {
            let mut outside = Vec::new();
            let mut below = Vec::new();
            // Loading the instruction pointer first keeps the host from trying the filter for each
            // number at load time, which would take longer than all its later gains.
            program.below(INSTRUCTION_POINTER, range.end, &mut outside);
            program.below(INSTRUCTION_POINTER, range.start, &mut below);
            outside.push(program.jump());
            program.land(&below);
            let inside = program.jump();
            program.land(&outside);
            program.finish(*action);
            program.land(&[inside]);
        }
        program.load(ARCHITECTURE);
        program.skip_if(libc::BPF_JEQ, X86_64);
        program.finish(self.foreign);
        program.load(NUMBER);
        program.emit(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32);
        program.finish(self.foreign);

        let mut calls: std::collections::BTreeMap<u32, Vec<&Rule>> = std::collections::BTreeMap::new();
        for rule in self.rules {
            if let Ok(number) = u32::try_from(rule.number) {
                calls.entry(number).or_default().push(rule);
            }
        }
        program.search(&calls.into_iter().collect::<Vec<_>>(), self.default);
        program.0
    }

    /// Puts the filter over all threads of this process, for good. It must have no_new_privs set.
    ///
    /// # Errors
    /// Those of seccomp(2).
    pub fn load(&self) -> io::Result<()> {
        install(&self.program(), libc::SECCOMP_FILTER_FLAG_TSYNC).map(|_| ())
    }

    /// Puts the filter over this thread, and returns the listener for [`Action::Notify`].
    ///
    /// # Errors
    /// Those of seccomp(2).
    pub fn load_with_listener(&self) -> io::Result<OwnedFd> {
        let fd = install(&self.program(), libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
        // SAFETY: with this flag the result is a new descriptor that nobody else owns.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

fn install(program: &[sock_filter], flags: libc::c_ulong) -> io::Result<i32> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let argument = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the program is valid for its length, and only read.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const argument) };
    match i32::try_from(result) {
        Ok(-1) => Err(io::Error::last_os_error()),
        Ok(0) => Ok(0),
        // With TSYNC alone, a positive result is a thread that could not take the filter.
        Ok(_) if flags == libc::SECCOMP_FILTER_FLAG_TSYNC => Err(io::ErrorKind::ResourceBusy.into()),
        Ok(fd) => Ok(fd),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The rules as a Markdown table for `docs/security.md`.
pub fn markdown(rules: &[Rule]) -> String {
    let mut table = String::from("| call | arguments | what happens | why |\n|---|---|---|---|\n");
    for rule in rules {
        let conditions: Vec<String> = rule.conditions.iter().map(ToString::to_string).collect();
        let conditions = if conditions.is_empty() { "any".into() } else { conditions.join(", ") };
        // Writing to a String does not fail.
        let _ = writeln!(table, "| {} | {conditions} | {} | {} |", rule.name(), rule.action, rule.reason);
    }
    table
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Allow => f.write_str("allowed"),
            Action::Errno(errno) => write!(f, "fails with {}", io::Error::from_raw_os_error(i32::from(*errno))),
            Action::Trap => f.write_str("SIGSYS"),
            Action::Notify => f.write_str("asked of the kernel"),
            Action::Log => f.write_str("allowed and logged"),
            Action::Kill => f.write_str("death"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.argument;
        match self.test {
            Test::Int(value) => write!(f, "arg{n} = {}", value.cast_signed()),
            Test::OneOf(values) => {
                let values: Vec<String> = values.iter().map(|value| format!("{value:#x}")).collect();
                write!(f, "arg{n} in {{{}}}", values.join(" "))
            }
            Test::Clear(bits) if bits.count_ones() > 32 => write!(f, "arg{n} within {:#x}", !bits),
            Test::Clear(bits) => write!(f, "arg{n} & {bits:#x} = 0"),
            Test::Bits(mask, value) => write!(f, "arg{n} & {mask:#x} = {value:#x}"),
            Test::Equal(value) => write!(f, "arg{n} = {value:#x}"),
            Test::Below(bound) => write!(f, "arg{n} < {bound:#x}"),
        }
    }
}

#[cfg(test)]
mod tests;
