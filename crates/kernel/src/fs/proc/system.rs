//! Files of `/proc` about the system as a whole.

use std::{fmt::Write, os::fd::OwnedFd, time::Duration};

use lazaret_abi::errno::Errno;

use crate::{
    boot::Kernel,
    fs::{
        hostfs::{errno, read_whole},
        inode::LinkTarget,
        pseudo::{PseudoFile, PseudoFs, PseudoLink, StaticDirectory},
    },
    sync::Arc,
    task::{
        Task,
        uts::{RELEASE, VERSION},
    },
};

/// Adds the files to the root.
pub fn add_files(fs: &Arc<PseudoFs>, kernel: &Arc<Kernel>, mut root: StaticDirectory) -> StaticDirectory {
    type Make = fn(&Kernel) -> Result<Vec<u8>, Errno>;
    let files: [(&str, Make); 16] = [
        ("cgroups", |_| Ok(Task::try_current().ok_or(Errno::ESRCH)?.group().cgroup().hierarchies.table())),
        ("cmdline", |_| Ok(b"BOOT_IMAGE=/lazaret quiet\n".to_vec())),
        ("cpuinfo", |kernel| host_text(&kernel.host_files.processors)),
        ("devices", |_| Ok(DEVICES.as_bytes().to_vec())),
        ("diskstats", |_| Ok(Vec::new())),
        ("filesystems", |_| Ok(FILE_SYSTEMS.as_bytes().to_vec())),
        ("interrupts", interrupts),
        ("loadavg", loadavg),
        ("meminfo", |kernel| host_text(&kernel.host_files.memory)),
        ("modules", |_| Ok(Vec::new())),
        ("partitions", |_| Ok(b"major minor  #blocks  name\n\n".to_vec())),
        ("stat", stat),
        ("swaps", |_| Ok(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_vec())),
        ("uptime", uptime),
        ("version", |_| Ok(format!("Linux version {} ({}) {}\n", RELEASE, "lazaret@localhost", VERSION).into_bytes())),
        ("vmstat", |_| vmstat()),
    ];
    for (name, make) in files {
        let kernel = Arc::downgrade(kernel);
        let content = move || make(&*kernel.upgrade().ok_or(Errno::ESRCH)?);
        root.add(name, PseudoFile::inode(fs, 0o444, content));
    }
    for (name, target) in [("mounts", "self/mounts"), ("net", "self/net")] {
        root.add(name, PseudoLink::inode(fs, move || Ok(LinkTarget::Path(target.as_bytes().to_vec()))));
    }
    root
}

const DEVICES: &str = "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n";

const FILE_SYSTEMS: &str = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup\nnodev\tcgroup2\nnodev\tdevtmpfs\nnodev\tsockfs\n\
                            nodev\tpipefs\nnodev\tdevpts\nnodev\tmqueue\nnodev\toverlay\n";

/// Clock ticks of user space a second (USER_HZ).
pub const TICKS: u64 = 100;

/// A duration in clock ticks.
pub fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis() / u128::from(1000 / TICKS)).unwrap_or(u64::MAX)
}

fn vmstat() -> Result<Vec<u8>, Errno> {
    let info = rustix::system::sysinfo();
    let pages = info.freeram.saturating_mul(u64::from(info.mem_unit.max(1))) / 4096;
    Ok(format!("nr_free_pages {pages}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n")
        .into_bytes())
}

/// The processors, and no interrupt: none is the sandbox's.
fn interrupts(kernel: &Kernel) -> Result<Vec<u8>, Errno> {
    let columns: String = (0..kernel.cpu_count()).map(|cpu| format!("{:<11}", format!("CPU{cpu}"))).collect();
    Ok(format!("{:11}{columns}\n", "").into_bytes())
}

fn uptime(kernel: &Kernel) -> Result<Vec<u8>, Errno> {
    let up = kernel.uptime().as_secs_f64();
    let busy = kernel.cpu_time().as_secs_f64();
    let idle = (up * kernel.cpu_count() as f64 - busy).max(0.0);
    Ok(format!("{up:.2} {idle:.2}\n").into_bytes())
}

fn loadavg(kernel: &Kernel) -> Result<Vec<u8>, Errno> {
    let (running, total, last) = kernel.task_counts();
    let info = rustix::system::sysinfo();
    // The host counts in 65536ths.
    let load = info.loads.map(|load| load as f64 / 65536.0);
    Ok(format!("{:.2} {:.2} {:.2} {running}/{total} {last}\n", load[0], load[1], load[2]).into_bytes())
}

fn stat(kernel: &Kernel) -> Result<Vec<u8>, Errno> {
    let up = ticks(kernel.uptime());
    let busy = ticks(kernel.cpu_time());
    let cpus = u64::try_from(kernel.cpu_count()).unwrap_or(1).max(1);
    let mut text = String::new();
    let mut row = |name: &str, busy: u64, idle: u64| {
        let _ = writeln!(text, "{name} {busy} 0 0 {idle} 0 0 0 0 0 0");
    };
    row("cpu ", busy, (up * cpus).saturating_sub(busy));
    for cpu in 0..cpus {
        row(&format!("cpu{cpu}"), busy / cpus, up.saturating_sub(busy / cpus));
    }
    let (running, _, last) = kernel.task_counts();
    let _ = write!(
        text,
        "intr 0\nctxt 0\nbtime {}\nprocesses {last}\nprocs_running {running}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
        kernel.boot_time()
    );
    Ok(text.into_bytes())
}

impl Kernel {
    /// A file of the host's procfs of the sandbox's own processes.
    pub(crate) fn host_proc_file(&self, name: &str) -> Result<Vec<u8>, Errno> {
        use rustix::fs::{Mode, OFlags};
        let Some(directory) = &self.host_proc else { return Ok(Vec::new()) };
        let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, name, how, Mode::empty()).map_err(errno)?;
        read_whole(&file)
    }
}

impl Kernel {
    /// What the host's `/proc/PID/pagemap` says of `count` pages of one of the sandbox's processes; fewer at the
    /// end. Where pages are in the machine's memory is left out, as it is for those without privilege.
    pub fn host_pages(&self, pid: i32, first: u64, count: usize) -> Result<Vec<u64>, Errno> {
        use rustix::fs::{Mode, OFlags};
        const FRAME: u64 = (1 << 55) - 1;
        let Some(directory) = &self.host_proc else { return Ok(Vec::new()) };
        let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, format!("{pid}/pagemap"), how, Mode::empty()).map_err(errno)?;
        let mut bytes = vec![0; count.saturating_mul(8)];
        let got = rustix::io::pread(&file, &mut bytes, first.saturating_mul(8)).map_err(errno)?;
        let words = bytes.get(..got).unwrap_or_default().chunks_exact(8);
        Ok(words.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()) & !FRAME).collect())
    }
}

/// What a file of the host says; nothing if it could not be opened.
fn host_text(file: &Option<OwnedFd>) -> Result<Vec<u8>, Errno> {
    file.as_ref().map_or_else(|| Ok(Vec::new()), read_whole)
}
