//! The specification that `lazaret spec` writes: that of runc, so that tools made for it agree.

use std::collections::BTreeMap;

use super::{Capabilities, DeviceRule, Linux, Mount, Namespace, Process, Resources, Rlimit, Root, Spec, User};

/// Version of the specification this follows.
pub const OCI_VERSION: &str = "1.2.0";

/// A specification of a shell in `rootfs`.
pub fn default_spec() -> Spec {
    let capabilities: Vec<String> = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"].map(Into::into).into();
    Spec {
        oci_version: OCI_VERSION.into(),
        process: Some(Process {
            terminal: true,
            console_size: None,
            user: User::default(),
            args: vec!["sh".into()],
            env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(), "TERM=xterm".into()],
            cwd: "/".into(),
            capabilities: Some(Capabilities {
                bounding: capabilities.clone(),
                effective: capabilities.clone(),
                permitted: capabilities,
                inheritable: Vec::new(),
                ambient: Vec::new(),
            }),
            rlimits: vec![Rlimit { kind: "RLIMIT_NOFILE".into(), soft: 1024, hard: 1024 }],
            no_new_privileges: true,
            oom_score_adj: None,
            ordinary_init: false,
        }),
        root: Some(Root { path: "rootfs".into(), readonly: true }),
        hostname: "lazaret".into(),
        domainname: String::new(),
        mounts: default_mounts(),
        hooks: None,
        annotations: BTreeMap::new(),
        linux: Some(Linux {
            namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"]
                .map(|kind| Namespace { kind: kind.into(), path: None })
                .into(),
            resources: Some(Resources {
                devices: Some(vec![DeviceRule { access: Some("rwm".into()), ..DeviceRule::default() }]),
                ..Resources::default()
            }),
            masked_paths: [
                "/proc/acpi",
                "/proc/asound",
                "/proc/kcore",
                "/proc/keys",
                "/proc/latency_stats",
                "/proc/timer_list",
                "/proc/timer_stats",
                "/proc/sched_debug",
                "/sys/firmware",
                "/proc/scsi",
            ]
            .map(Into::into)
            .into(),
            readonly_paths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
                .map(Into::into)
                .into(),
            ..Linux::default()
        }),
    }
}

/// The file systems a program expects beside its root.
pub fn default_mounts() -> Vec<Mount> {
    let mount = |destination: &str, kind: &str, source: &str, options: &[&str]| Mount {
        destination: destination.into(),
        kind: Some(kind.into()),
        source: Some(source.into()),
        options: (!options.is_empty()).then(|| options.iter().copied().map(Into::into).collect()),
    };
    let inert = ["nosuid", "noexec", "nodev"];
    vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &inert),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ]
}
