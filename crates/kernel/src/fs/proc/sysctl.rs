//! `/proc/sys`: parameters of the kernel.

use lazaret_abi::errno::Errno;

use crate::{
    boot::Kernel,
    fs::{
        inode::Inode,
        pseudo::{PseudoDirectory, PseudoFile, PseudoFs, StaticDirectory},
    },
    sync::Arc,
    task::{
        Task,
        uts::{RELEASE, VERSION},
    },
};

/// The directory `/proc/sys`.
pub fn new_root(fs: &Arc<PseudoFs>, kernel: &Arc<Kernel>) -> Arc<dyn Inode> {
    let fixed =
        |text: &'static str| PseudoFile::inode(fs, 0o444, move || Ok::<_, Errno>(format!("{text}\n").into_bytes()));
    let directory = |entries| PseudoDirectory::inode(fs, entries);

    let random = StaticDirectory::new()
        .with("boot_id", {
            let id = new_uuid();
            PseudoFile::inode(fs, 0o444, move || Ok::<_, Errno>(id.clone().into_bytes()))
        })
        .with("entropy_avail", fixed("256"))
        .with("poolsize", fixed("256"))
        .with("uuid", PseudoFile::inode(fs, 0o444, || Ok::<_, Errno>(new_uuid().into_bytes())));
    let text = |make: fn(&Kernel) -> String| {
        let kernel = Arc::downgrade(kernel);
        PseudoFile::inode(fs, 0o444, move || {
            let kernel = kernel.upgrade().ok_or(Errno::ESRCH)?;
            Ok::<_, Errno>((make(&kernel) + "\n").into_bytes())
        })
    };
    let kernel_directory = StaticDirectory::new()
        .with("cap_last_cap", fixed("40"))
        .with("core_pattern", fixed("core"))
        .with(
            "domainname",
            text(|_| {
                Task::try_current().map_or_else(String::new, |task| {
                    String::from_utf8_lossy(&task.namespaces().uts.domain()).into_owned()
                })
            }),
        )
        .with(
            "hostname",
            text(|_| {
                Task::try_current().map_or_else(String::new, |task| {
                    String::from_utf8_lossy(&task.namespaces().uts.host()).into_owned()
                })
            }),
        )
        .with("msgmax", fixed("8192"))
        .with("msgmnb", fixed("16384"))
        .with("msgmni", fixed("32000"))
        .with("ngroups_max", fixed("65536"))
        .with("osrelease", text(|_| RELEASE.to_owned()))
        .with("ostype", fixed("Linux"))
        .with("overflowgid", fixed("65534"))
        .with("overflowuid", fixed("65534"))
        .with("pid_max", fixed("4194304"))
        .with("pty", directory(StaticDirectory::new().with("max", fixed("4096"))))
        .with("random", directory(random))
        .with("randomize_va_space", fixed("2"))
        .with("sched_child_runs_first", fixed("0"))
        .with("sem", fixed("32000\t1024000000\t500\t32000"))
        .with("shmall", fixed("18446744073692774399"))
        .with("shmmax", fixed("18446744073692774399"))
        .with("shmmni", fixed("4096"))
        .with("threads-max", fixed("192000"))
        .with("version", text(|_| VERSION.to_owned()))
        .with("yama", directory(StaticDirectory::new().with("ptrace_scope", fixed("0"))));
    let vm = StaticDirectory::new()
        .with("max_map_count", fixed("65530"))
        .with("mmap_min_addr", fixed("65536"))
        .with("overcommit_memory", fixed("0"))
        .with("overcommit_ratio", fixed("50"))
        .with("swappiness", fixed("60"));
    let fs_directory = StaticDirectory::new()
        .with("aio-max-nr", fixed("65536"))
        .with("file-max", fixed("9223372036854775807"))
        .with("file-nr", fixed("0\t0\t9223372036854775807"))
        .with(
            "inotify",
            directory(
                StaticDirectory::new()
                    .with("max_queued_events", fixed("16384"))
                    .with("max_user_instances", fixed("128"))
                    .with("max_user_watches", fixed("65536")),
            ),
        )
        .with(
            "mqueue",
            directory(
                StaticDirectory::new()
                    .with("msg_default", fixed("10"))
                    .with("msg_max", fixed("10"))
                    .with("msgsize_default", fixed("8192"))
                    .with("msgsize_max", fixed("8192"))
                    .with("queues_max", fixed("256")),
            ),
        )
        .with("nr_open", fixed("1048576"))
        .with("pipe-max-size", fixed("1048576"))
        .with("pipe-user-pages-soft", fixed("16384"))
        .with("protected_hardlinks", fixed("0"))
        .with("protected_symlinks", fixed("0"));
    let core = StaticDirectory::new()
        .with("rmem_default", fixed("212992"))
        .with("rmem_max", fixed("212992"))
        .with("somaxconn", fixed("4096"))
        .with("wmem_default", fixed("212992"))
        .with("wmem_max", fixed("212992"));
    let ipv4 = StaticDirectory::new()
        .with("ip_local_port_range", fixed("32768\t60999"))
        .with(
            "ip_unprivileged_port_start",
            text(|kernel| kernel.network.settings.lock().first_unprivileged.to_string()),
        )
        .with(
            "ping_group_range",
            text(|kernel| {
                let (first, last) = kernel.network.settings.lock().ping_groups;
                format!("{first}\t{last}")
            }),
        )
        .with("tcp_rmem", fixed("4096\t131072\t6291456"))
        .with("tcp_sack", fixed("1"))
        .with("tcp_wmem", fixed("4096\t16384\t4194304"));
    let unix = StaticDirectory::new().with("max_dgram_qlen", fixed("512"));
    let net = StaticDirectory::new()
        .with("core", directory(core))
        .with("ipv4", directory(ipv4))
        .with("unix", directory(unix));
    directory(
        StaticDirectory::new()
            .with("fs", directory(fs_directory))
            .with("kernel", directory(kernel_directory))
            .with("net", directory(net))
            .with("vm", directory(vm)),
    )
}

/// A random UUID (version 4) with a newline.
fn new_uuid() -> String {
    let mut bytes = [0; 16];
    // Sixteen bytes come whole once the host's pool is ready, long before any sandbox runs.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
    let hex = format!("{number:032x}");
    format!("{}-{}-{}-{}-{}\n", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_their_version() {
        let uuid = new_uuid();
        assert_eq!(uuid.len(), 37);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
        assert_ne!(uuid, new_uuid());
    }
}
