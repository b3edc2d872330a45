//! A line for each system call, as strace(1) writes it.

use std::fmt::Write;

use lazaret_abi::{
    errno::Errno,
    id::Fd,
    signal::{SigInfo, Signal},
};

use super::{
    SysResult,
    arg::{Show, View},
    by_name, by_number,
    expand::{Argument, Call},
};
use crate::{
    sync::{AtomicBool, AtomicU64, Ordering},
    task::{Current, Task},
};

/// Which calls are traced; may change at any time.
#[derive(Debug, Default)]
pub struct Filter {
    /// A bit for each number.
    wanted: [AtomicU64; WORDS],
    /// Something is traced: signals, ends of processes and numbers beyond the table are, too.
    events: AtomicBool,
}

/// Words of 64 bits that have room for all numbers of the table.
const WORDS: usize = 8;

/// Calls that do not return when they succeed: their line is written beforehand.
const NO_RETURN: [&str; 3] = ["exit", "exit_group", "rt_sigreturn"];

impl Filter {
    /// Traces the calls with these names from now on, all if there are none, or nothing. Names that do not exist are
    /// passed over and returned.
    pub fn set(&self, names: Option<&[String]>) -> Vec<String> {
        let mut wanted = [if names.is_some_and(<[String]>::is_empty) { u64::MAX } else { 0 }; WORDS];
        let mut unknown = Vec::new();
        for name in names.unwrap_or_default() {
            let known = by_name(name).map(|call| place(call.number));
            match known.and_then(|(word, bit)| Some((wanted.get_mut(word)?, bit))) {
                Some((word, bit)) => *word |= bit,
                None => unknown.push(name.clone()),
            }
        }
        for (word, bits) in self.wanted.iter().zip(wanted) {
            word.store(bits, Ordering::Relaxed);
        }
        self.events.store(names.is_some(), Ordering::Relaxed);
        unknown
    }

    /// The call is traced. With a trace of anything, numbers beyond the table are traced too.
    pub fn wants(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        match self.wanted.get(word) {
            Some(word) => word.load(Ordering::Relaxed) & bit != 0,
            None => self.events(),
        }
    }

    /// Signals and ends of processes are traced.
    fn events(&self) -> bool {
        self.events.load(Ordering::Relaxed)
    }
}

/// Which word has the bit of a call, and the bit.
fn place(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}

/// Makes a call by `answer` and writes its line to the log.
pub(super) fn traced(
    current: &mut Current,
    number: u32,
    args: [u64; 6],
    answer: fn(&mut Current, u32, [u64; 6]) -> SysResult,
) -> SysResult {
    let task = current.task.clone();
    let write = |line: String| task.kernel().log.trace(format_args!("[{}] {line}", task.tid()));
    let Some(call) = by_number(number) else {
        write(format!(
            "syscall_{number:#x}({:#x}, {:#x}, {:#x}, ...) = -1 {}",
            args[0],
            args[1],
            args[2],
            Errno::ENOSYS
        ));
        return answer(current, number, args);
    };
    // Memory that the call reads is shown as it was before: afterwards it may be another program's.
    let space = current.context.memory();
    let view = View { memory: &*space, args: &args, position: 0, result: None, path: None };
    let before: Vec<Option<String>> = show_inputs(call, &view);
    if NO_RETURN.contains(&call.name) {
        write(format!("{} = ?", line_of(call, before, &view)));
        return answer(current, number, args);
    }
    let result = answer(current, number, args);
    let view = View { result: Some(result), ..view };
    let mut line = line_of(call, before, &view);
    show_result(&call.result, result, &view, &mut line);
    write(line);
    result
}

/// Writes the line of a signal that is delivered.
pub fn signal(task: &Task, info: &SigInfo) {
    let kernel = task.kernel();
    if kernel.strace.events()
        && let Some(signal) = Signal::new(info.signal)
    {
        let mut shown = String::new();
        info.show(&mut shown);
        kernel.log.trace(format_args!("[{}] --- {signal} {shown} ---", task.tid()));
    }
}

/// Writes the line of a task's end; `how` is `exited with 0` or `killed by SIGTERM`.
pub fn ended(task: &Task, how: std::fmt::Arguments<'_>) {
    let kernel = task.kernel();
    if kernel.strace.events() {
        kernel.log.trace(format_args!("[{}] +++ {how} +++", task.tid()));
    }
}

/// A call that a task makes, from outside, with the paths of its files; as far as it can be told before its end.
pub fn unfinished(task: &Task, number: u32, args: &[u64; 6]) -> String {
    let Some(call) = by_number(number) else {
        return format!("syscall_{number:#x}({:#x}, {:#x}, {:#x}, ...)", args[0], args[1], args[2]);
    };
    let (mm, files, root) = (task.mm(), task.files(), task.fs().root());
    let path = |fd: Fd| files.get(fd.get()).ok().map(|file| file.location().display_path(&root));
    let view = View { memory: &**mm.space(), args, position: 0, result: None, path: Some(&path) };
    line_of(call, show_inputs(call, &view), &view)
}

/// Shows the arguments that the call does not fill in.
fn show_inputs(call: &Call, view: &View<'_>) -> Vec<Option<String>> {
    let show = |(position, argument): (usize, &Argument)| {
        (!argument.output).then(|| show_argument(argument, &View { position, ..*view }))
    };
    call.arguments.iter().enumerate().map(show).collect()
}

/// The line up to the closing parenthesis.
fn line_of(call: &Call, before: Vec<Option<String>>, view: &View<'_>) -> String {
    let mut line = format!("{}(", call.name);
    let mut separator = "";
    for (position, (argument, shown)) in call.arguments.iter().zip(before).enumerate() {
        let shown = shown.unwrap_or_else(|| show_argument(argument, &View { position, ..*view }));
        // An argument that does not count shows nothing.
        if !shown.is_empty() {
            line.push_str(separator);
            line.push_str(&shown);
            separator = ", ";
        }
    }
    line.push(')');
    line
}

fn show_argument(argument: &Argument, view: &View<'_>) -> String {
    let mut shown = String::new();
    let raw = view.args.get(view.position).copied().unwrap_or(0);
    (argument.show)(raw, view, &mut shown);
    shown
}

/// Appends the result.
fn show_result(shape: &Argument, result: SysResult, view: &View<'_>, line: &mut String) {
    line.push_str(" = ");
    match result {
        Ok(value) => (shape.show)(value as u64, view, line),
        Err(Errno::ERESTARTSYS) => line.push_str("? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
        Err(Errno::ERESTARTNOINTR) => line.push_str("? ERESTARTNOINTR (To be restarted)"),
        Err(Errno::ERESTARTNOHAND) => line.push_str("? ERESTARTNOHAND (To be restarted if no handler)"),
        Err(Errno::ERESTART_RESTARTBLOCK) => line.push_str("? ERESTART_RESTARTBLOCK (Interrupted by signal)"),
        Err(errno) => {
            let _ = write!(line, "-1 {errno}");
        }
    }
}

#[cfg(test)]
mod tests {
    use lazaret_abi::errno::Errno;
    use lazaret_platform::AddressSpace;

    use super::{super::table::CALLS, Filter, SysResult, View, by_name, line_of, show_inputs, show_result};

    /// Memory from address 1000 on.
    struct Memory(Vec<u8>);

    impl AddressSpace for Memory {
        fn read(&self, address: u64, into: &mut [u8]) -> usize {
            let rest = address.checked_sub(1000).and_then(|start| self.0.get(usize::try_from(start).ok()?..));
            let rest = rest.unwrap_or(&[]);
            let length = rest.len().min(into.len());
            into[..length].copy_from_slice(&rest[..length]);
            length
        }

        fn write(&self, _address: u64, _data: &[u8]) -> usize {
            0
        }

        fn is_dead(&self) -> bool {
            false
        }

        fn kill(&self) {}

        fn host_pid(&self) -> i32 {
            0
        }
    }

    fn line(name: &str, memory: &[u8], args: &[u64], result: SysResult) -> String {
        let call = by_name(name).unwrap();
        let memory = Memory(memory.to_vec());
        let mut all = [0; 6];
        all[..args.len()].copy_from_slice(args);
        let view = View { memory: &memory, args: &all, position: 0, result: None, path: None };
        let before = show_inputs(call, &view);
        let view = View { result: Some(result), ..view };
        let mut line = line_of(call, before, &view);
        show_result(&call.result, result, &view, &mut line);
        line
    }

    #[test]
    fn buffers() {
        assert_eq!(line("read", b"abcdef", &[3, 1000, 10], Ok(3)), r#"read(3, "abc", 10) = 3"#);
        assert_eq!(line("write", b"hello\n", &[1, 1000, 6], Ok(6)), r#"write(1, "hello\n", 6) = 6"#);
        assert_eq!(
            line("read", b"", &[3, 1000, 10], Err(Errno::EBADF)),
            "read(3, 0x3e8, 10) = -1 EBADF (Bad file descriptor)"
        );
    }

    #[test]
    fn paths_and_flags() {
        assert_eq!(
            line("openat", b"/etc/passwd\0", &[(-100_i64) as u64, 1000, 0o2000000], Ok(3)),
            r#"openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3"#
        );
        assert_eq!(line("open", b"f\0", &[1000, 0o101, 0o644], Ok(3)), r#"open("f", O_WRONLY|O_CREAT, 0644) = 3"#);
        assert_eq!(
            line("access", b"/x\0", &[1000, 4], Err(Errno::ENOENT)),
            r#"access("/x", R_OK) = -1 ENOENT (No such file or directory)"#
        );
        assert_eq!(line("chdir", b"", &[0], Err(Errno::EFAULT)), "chdir(NULL) = -1 EFAULT (Bad address)");
    }

    #[test]
    fn addresses_as_results() {
        assert_eq!(
            line("mmap", b"", &[0, 8192, 3, 0x22, u64::MAX, 0], Ok(0x7f00_0000_0000)),
            "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"
        );
    }

    #[test]
    fn structures_that_a_call_fills() {
        let mut memory = 5_i64.to_le_bytes().to_vec();
        memory.extend(7_i64.to_le_bytes());
        assert_eq!(
            line("clock_gettime", &memory, &[1, 1000], Ok(0)),
            "clock_gettime(CLOCK_MONOTONIC, {tv_sec=5, tv_nsec=7}) = 0"
        );
    }

    #[test]
    fn no_address_makes_it_fail() {
        for call in CALLS {
            for hostile in [0, 1000, 1003, u64::MAX, i64::MAX as u64, 0x8000_0000] {
                line(call.name, &[0xff; 64], &[hostile; 6], Ok(usize::MAX));
            }
        }
    }

    #[test]
    fn filters() {
        let filter = Filter::default();
        assert!(!filter.wants(0) && !filter.wants(5000));
        assert_eq!(filter.set(Some(&["read".into(), "nonsense".into()])), ["nonsense"]);
        assert!(filter.wants(0) && !filter.wants(1) && filter.wants(5000));
        assert!(filter.set(Some(&[])).is_empty());
        for call in CALLS {
            assert!(filter.wants(call.number), "{}", call.name);
        }
        filter.set(None);
        assert!(!filter.wants(0) && !filter.wants(5000));
    }

    #[test]
    fn each_call_has_a_bit() {
        for call in CALLS {
            assert!((call.number as usize) < super::WORDS * 64, "{}", call.name);
        }
    }
}
