//! Files of `/proc/PID` with numbers: `stat`, `status`, `statm`, `limits` ...

use std::fmt::Write;

use lazaret_abi::{errno::Errno, resource::RLimit};

use super::{process::Subject, system};
use crate::{
    boot::Kernel,
    mm::vma::VmaFlags,
    sync::{Arc, Ordering},
    task::{Task, tree::Zombie, wait::Change},
};

/// What of a process stays when it has ended.
struct Summary {
    name: Vec<u8>,
    state: char,
    task: Option<Arc<Task>>,
    zombie: Option<Zombie>,
    /// Parent, process group, session, in the numbers of the file system's namespace.
    relatives: [i32; 3],
    /// Threads that live, and a first one that has ended before them.
    threads: usize,
}

fn summary(subject: &Subject) -> Result<Summary, Errno> {
    let kernel = subject.kernel()?;
    let tree = kernel.processes();
    let node = tree.node(subject.process.id()).ok_or(Errno::ESRCH)?;
    let parent = tree.node(node.parent).map_or(0, |parent| parent.process.pid().number_in(&subject.namespace));
    let relatives = [parent, node.group.number_in(&subject.namespace), node.session.number_in(&subject.namespace)];
    let zombie = node.zombie.clone();
    drop(tree);
    let task = subject.thread.clone().or_else(|| subject.process.first_thread());
    let threads = subject.process.threads().len();
    // The process is shown by its first thread, which stays as a zombie until the last one has ended.
    let first_is_gone =
        subject.thread.is_none() && task.as_ref().is_some_and(|task| task.tid() != subject.process.id());
    let state = state(task.as_ref().filter(|_| !first_is_gone));
    let name = match (&task, &zombie) {
        (Some(task), _) => task.name(),
        (None, Some(zombie)) => zombie.name.clone(),
        (None, None) => Vec::new(),
    };
    let threads = threads + usize::from(first_is_gone);
    Ok(Summary { name, state, task, zombie, relatives, threads })
}

/// What a task does, as one letter; none has ended.
pub fn state(task: Option<&Arc<Task>>) -> char {
    match task {
        None => 'Z',
        Some(task) if task.is_stopped() => 'T',
        Some(task) if task.parker().is_parked() => 'S',
        Some(_) => 'R',
    }
}

/// Bytes of a task's address space, and those of it in memory.
pub fn memory_size(kernel: &Kernel, task: &Task) -> [u64; 2] {
    const PAGE: u64 = 4096;
    let mm = task.mm();
    let size = mm.areas().tree.total();
    [size, resident_pages_of(kernel, mm.space().host_pid()).0.saturating_mul(PAGE)]
}

/// Pages in memory, and those of them that are shared, as the host counts them.
pub fn resident_pages(subject: &Subject, task: &Task) -> (u64, u64) {
    subject.kernel().map_or((0, 0), |kernel| resident_pages_of(&kernel, task.mm().space().host_pid()))
}

/// The same of an address space.
pub fn resident_pages_of(kernel: &Kernel, space: i32) -> (u64, u64) {
    let text = kernel.host_proc_file(&format!("{space}/statm")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut fields = text.split_whitespace().map(|field| field.parse::<u64>().unwrap_or(0));
    (fields.nth(1).unwrap_or(0), fields.next().unwrap_or(0))
}

/// `comm`.
pub fn name(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let mut name = summary(subject)?.name;
    name.push(b'\n');
    Ok(name)
}

/// Writing to `comm`: only a thread of the process may.
pub fn set_name(subject: &Subject, data: &[u8]) -> Result<(), Errno> {
    let caller = Task::try_current().ok_or(Errno::EINVAL)?;
    if !Arc::ptr_eq(caller.group(), &subject.process) {
        return Err(Errno::EINVAL);
    }
    let name = data.split(|byte| matches!(byte, 0 | b'\n')).next().unwrap_or_default();
    subject.task()?.set_name(name);
    Ok(())
}

fn memory_of(subject: &Subject, range: impl Fn(&crate::mm::ImageLayout) -> (u64, u64)) -> Result<Vec<u8>, Errno> {
    // Arguments are bounded when a program starts; it may claim more later.
    const LIMIT: u64 = 8 << 20;
    Ok(subject.task().map_or_else(|_| Vec::new(), |task| read_image(&task, LIMIT, range)))
}

/// A part of a program's memory, as far as it can be read.
fn read_image(task: &Task, limit: u64, range: impl Fn(&crate::mm::ImageLayout) -> (u64, u64)) -> Vec<u8> {
    let mm = task.mm();
    let (start, end) = range(&mm.areas().image);
    let length = end.saturating_sub(start).min(limit);
    let mut text = vec![0; usize::try_from(length).unwrap_or(0)];
    let got = mm.space().read(start, &mut text);
    text.truncate(got);
    text
}

/// The arguments of a task's program on one line, or its name in brackets where they cannot be read.
pub fn arguments(task: &Task) -> Vec<u8> {
    const LIMIT: u64 = 4096;
    let mut text = read_image(task, LIMIT, |image| (image.arg_start, image.arg_end));
    while text.last() == Some(&0) {
        text.pop();
    }
    if text.is_empty() {
        return [b"[", &task.name()[..], b"]"].concat();
    }
    text.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect()
}

/// `cmdline`.
pub fn command_line(subject: &Subject) -> Result<Vec<u8>, Errno> {
    memory_of(subject, |image| (image.arg_start, image.arg_end))
}

/// `environ`.
pub fn environment(subject: &Subject) -> Result<Vec<u8>, Errno> {
    memory_of(subject, |image| (image.env_start, image.env_end))
}

/// `auxv`.
pub fn auxv(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let mm = subject.task()?.mm();
    let auxv = mm.areas().auxv.clone();
    Ok(auxv.iter().flat_map(|(kind, value)| [kind.to_le_bytes(), value.to_le_bytes()].concat()).collect())
}

/// `oom_score_adj`.
pub fn oom_score_adj(subject: &Subject) -> Result<Vec<u8>, Errno> {
    Ok(format!("{}\n", subject.process.oom_score_adj.load(Ordering::Relaxed)).into_bytes())
}

/// Writing to `oom_score_adj`.
pub fn set_oom_score_adj(subject: &Subject, data: &[u8]) -> Result<(), Errno> {
    let text = std::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
    let value: i32 = text.trim().parse().map_err(|_| Errno::EINVAL)?;
    if !(-1000..=1000).contains(&value) {
        return Err(Errno::EINVAL);
    }
    let admin = Task::try_current().is_some_and(|task| task.creds().has(crate::task::creds::cap::SYS_RESOURCE));
    if value < subject.process.oom_score_adj.load(Ordering::Relaxed) && !admin {
        return Err(Errno::EACCES);
    }
    subject.process.oom_score_adj.store(value, Ordering::Relaxed);
    Ok(())
}

/// `personality`.
pub fn personality(subject: &Subject) -> Result<Vec<u8>, Errno> {
    Ok(format!("{:08x}\n", subject.task()?.personality.load(Ordering::Relaxed)).into_bytes())
}

/// `io`. Bytes are not counted.
pub fn io(subject: &Subject) -> Result<Vec<u8>, Errno> {
    subject.task()?;
    Ok(b"rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n".to_vec())
}

/// `sched`, as far as it has a fixed form.
pub fn sched(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let summary = summary(subject)?;
    let name = String::from_utf8_lossy(&summary.name).into_owned();
    let number = subject.process.pid().number_in(&subject.namespace);
    let threads = summary.threads;
    Ok(format!("{name} ({number}, #threads: {threads})\npolicy : 0\nprio : 120\n").into_bytes())
}

/// `schedstat`: time on the processor in nanoseconds, time waiting for it, turns.
pub fn schedstat(subject: &Subject) -> Result<Vec<u8>, Errno> {
    Ok(format!("{} 0 0\n", subject.process.cpu_time().total().as_nanos()).into_bytes())
}

/// `limits`.
pub fn limits(subject: &Subject) -> Result<Vec<u8>, Errno> {
    const ROWS: [(&str, &str); 16] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
    let limits = *subject.process.limits.lock();
    let value = |value: u64| if value == RLimit::INFINITY { "unlimited".to_string() } else { value.to_string() };
    let mut text = format!("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for ((name, unit), resource) in ROWS.iter().zip(0..) {
        let Some(limit) = limits.get(resource) else { continue };
        let _ = writeln!(text, "{name:<25} {:<20} {:<20} {unit:<10}", value(limit.current), value(limit.maximum));
    }
    Ok(text.into_bytes())
}

/// `statm`.
pub fn statm(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let Ok(task) = subject.task() else { return Ok(b"0 0 0 0 0 0 0\n".to_vec()) };
    let (resident, shared) = resident_pages(subject, &task);
    let mm = task.mm();
    let areas = mm.areas();
    let code = areas.image.code_end.saturating_sub(areas.image.code_start).div_ceil(4096);
    let (total, data) = (areas.tree.total() / 4096, areas.data_bytes() / 4096);
    Ok(format!("{total} {} {} {code} 0 {data} 0\n", resident.min(total), shared.min(total)).into_bytes())
}

/// `stat`.
pub fn stat(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let summary = summary(subject)?;
    let [parent, group, session] = summary.relatives;
    let number = match &subject.thread {
        Some(thread) => thread.pid().number_in(&subject.namespace),
        None => subject.process.pid().number_in(&subject.namespace),
    };
    let kernel = subject.kernel()?;
    let terminal = kernel.terminals.get(session_global(subject)?);
    let (tty, foreground) = terminal.map_or((0, -1), |terminal| {
        let foreground = terminal.foreground().map_or(-1, crate::tty::job::number_for_caller);
        // Major number 136, in the encoding of the file.
        (u64::from(136_u32 << 8 | terminal.number() & 0xff | (terminal.number() & 0xfff00) << 12), foreground)
    });
    let own = match &summary.zombie {
        Some(zombie) => zombie.usage.cpu,
        None => subject.process.cpu_time(),
    };
    let children = subject.process.account.children().cpu;
    let threads = summary.threads;
    let nice = summary.task.as_ref().map_or(0, |task| task.scheduling().nice);
    let priority = 20 + nice;
    let start = system::ticks(kernel.since_boot(subject.process.start()));
    let (total, resident, image) = match &summary.task {
        Some(task) => {
            let (resident, _) = resident_pages(subject, task);
            let mm = task.mm();
            let areas = mm.areas();
            (areas.tree.total(), resident, areas.image)
        }
        None => Default::default(),
    };
    let see = subject.check_access().is_ok();
    let secret = |value: u64| if see { value } else { 0 };
    let exit_code = summary.zombie.as_ref().map_or(0, |zombie| Change::Ended(zombie.status).status());
    let mut text = format!("{number} (").into_bytes();
    text.extend_from_slice(&summary.name);
    let rest = format!(
        ") {} {parent} {group} {session} {tty} {foreground} 4194304 0 0 0 0 {} {} {} {} {priority} {nice} {threads} 0 {start} {total} {resident} \
         18446744073709551615 {} {} {} 0 0 0 0 0 0 0 0 0 17 {} 0 0 0 0 0 {} {} {} {} {} {} {} {exit_code}\n",
        summary.state,
        system::ticks(own.user),
        system::ticks(own.system),
        system::ticks(children.user),
        system::ticks(children.system),
        secret(image.code_start),
        secret(image.code_end),
        secret(image.stack_start),
        0,
        secret(image.data_start),
        secret(image.data_end),
        0,
        secret(image.arg_start),
        secret(image.arg_end),
        secret(image.env_start),
        secret(image.env_end),
    );
    text.extend_from_slice(rest.as_bytes());
    Ok(text)
}

/// The session of the process, by its number in the root namespace.
fn session_global(subject: &Subject) -> Result<i32, Errno> {
    Ok(subject.kernel()?.processes().node(subject.process.id()).ok_or(Errno::ESRCH)?.session.global())
}

/// `status`.
pub fn status(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let summary = summary(subject)?;
    let process = &subject.process;
    let number = process.pid().number_in(&subject.namespace);
    let thread = subject.thread.as_ref().map_or(number, |thread| thread.pid().number_in(&subject.namespace));
    let state = match summary.state {
        'R' => "R (running)",
        'S' => "S (sleeping)",
        'T' => "T (stopped)",
        _ => "Z (zombie)",
    };
    let mut text = b"Name:\t".to_vec();
    text.extend(summary.name.iter().flat_map(|byte| match byte {
        b'\n' => b"\\n".to_vec(),
        b'\\' => b"\\\\".to_vec(),
        byte => vec![*byte],
    }));
    let mut rest = String::from("\n");
    if let Some(task) = &summary.task {
        let _ = writeln!(rest, "Umask:\t{:04o}", task.fs().umask());
    }
    let _ = write!(
        rest,
        "State:\t{state}\nTgid:\t{number}\nNgid:\t0\nPid:\t{thread}\nPPid:\t{}\nTracerPid:\t0\n",
        summary.relatives[0]
    );
    if let Some(task) = &summary.task {
        let creds = task.creds();
        let _ = writeln!(rest, "Uid:\t{}\t{}\t{}\t{}", creds.uid, creds.euid, creds.suid, creds.fsuid);
        let _ = writeln!(rest, "Gid:\t{}\t{}\t{}\t{}", creds.gid, creds.egid, creds.sgid, creds.fsgid);
        let _ = writeln!(rest, "FDSize:\t{}", task.files().open_descriptors().len().next_power_of_two().max(64));
        let groups: String = creds.groups.iter().map(|group| format!("{group} ")).collect();
        let _ = write!(
            rest,
            "Groups:\t{groups}\nNStgid:\t{number}\nNSpid:\t{thread}\nNSpgid:\t{}\nNSsid:\t{}\n",
            summary.relatives[1], summary.relatives[2]
        );
        memory_rows(subject, task, &mut rest);
    }
    let _ = writeln!(rest, "Threads:\t{}", summary.threads);
    if let Some(task) = &summary.task {
        signal_rows(subject, task, &mut rest);
        let creds = task.creds();
        let _ = write!(
            rest,
            "CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\nNoNewPrivs:\t{}\nSeccomp:\t{}\nSeccomp_filters:\t{}\n",
            creds.inheritable,
            creds.permitted,
            creds.effective,
            creds.bounding,
            creds.ambient,
            u8::from(creds.no_new_privs),
            task.seccomp().mode(),
            task.seccomp().filters()
        );
        let cpus = task.scheduling().affinity;
        let (mask, range) = (cpus.mask(subject.kernel()?.cpu_count()), cpus.list());
        let _ = write!(
            rest,
            "Speculation_Store_Bypass:\tthread vulnerable\nCpus_allowed:\t{mask}\nCpus_allowed_list:\t{range}\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
        );
    }
    let sleeps = summary.task.as_ref().map_or(0, |task| task.parker().sleeps());
    let _ = write!(rest, "voluntary_ctxt_switches:\t{sleeps}\nnonvoluntary_ctxt_switches:\t0\n");
    text.extend_from_slice(rest.as_bytes());
    Ok(text)
}

fn memory_rows(subject: &Subject, task: &Task, text: &mut String) {
    let (resident, shared) = resident_pages(subject, task);
    let mm = task.mm();
    let areas = mm.areas();
    let kib = |bytes: u64| bytes / 1024;
    let stack: u64 =
        areas.tree.iter().filter(|area| area.flags.contains(VmaFlags::STACK)).map(|area| area.length()).sum();
    let code = areas.image.code_end.saturating_sub(areas.image.code_start);
    for (name, value) in [
        ("VmPeak", kib(areas.peak())),
        ("VmSize", kib(areas.tree.total())),
        ("VmLck", kib(areas.locked_bytes())),
        ("VmPin", 0),
        ("VmHWM", resident * 4),
        ("VmRSS", resident * 4),
        ("RssAnon", resident.saturating_sub(shared) * 4),
        ("RssFile", shared * 4),
        ("RssShmem", 0),
        ("VmData", kib(areas.data_bytes())),
        ("VmStk", kib(stack)),
        ("VmExe", kib(code)),
        ("VmLib", 0),
        ("VmPTE", 0),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ] {
        let _ = writeln!(text, "{name}:\t{value:>8} kB");
    }
    text.push_str("CoreDumping:\t0\nTHP_enabled:\t1\n");
}

fn signal_rows(subject: &Subject, task: &Arc<Task>, text: &mut String) {
    let signals = subject.process.signals();
    let own = task.signals();
    let (pending, shared, blocked) = (own.pending.set(), signals.pending.set(), own.blocked);
    let queued = own.pending.len() + signals.pending.len();
    drop(own);
    drop(signals);
    let (ignored, caught) = subject.process.actions().ignored_and_caught();
    let limit = subject.process.limit(lazaret_abi::resource::limit::SIGPENDING);
    let _ = write!(
        text,
        "SigQ:\t{queued}/{limit}\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
        pending.bits(),
        shared.bits(),
        blocked.bits(),
        ignored.bits(),
        caught.bits()
    );
}
