//! Numbers behind the names that a specification uses.

/// Names of the capabilities by number; see capabilities(7).
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Names of the resource limits by number; see getrlimit(2).
const RESOURCES: [&str; 16] = [
    "CPU",
    "FSIZE",
    "DATA",
    "STACK",
    "CORE",
    "RSS",
    "NPROC",
    "NOFILE",
    "MEMLOCK",
    "AS",
    "LOCKS",
    "SIGPENDING",
    "MSGQUEUE",
    "NICE",
    "RTPRIO",
    "RTTIME",
];

/// Names of the signals by number, from 1; see signal(7).
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// Names of all capabilities, without the prefix `CAP_`.
pub fn capability_names() -> impl Iterator<Item = &'static str> {
    CAPABILITIES.into_iter()
}

/// The kernel can mount a file system of this type.
pub fn is_file_system(kind: &str) -> bool {
    lazaret_kernel::fs::registry::NAMES.contains(&kind)
}

/// The bit of a capability in a set, by its name such as `CAP_KILL`.
pub fn capability_bit(name: &str) -> Option<u64> {
    let name = name.strip_prefix("CAP_")?;
    CAPABILITIES.iter().position(|known| *known == name).map(|number| 1 << number)
}

/// The number of a resource limit, by its name such as `RLIMIT_NOFILE`.
pub fn resource_number(name: &str) -> Option<u32> {
    let name = name.strip_prefix("RLIMIT_")?;
    RESOURCES.iter().position(|known| *known == name).and_then(|number| u32::try_from(number).ok())
}

/// The number of a signal: `9`, `KILL`, `SIGKILL`, `sigkill`, `RTMIN+3` or `SIGRTMAX-1`.
pub fn signal_number(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse() {
        return (0..=64).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(number) = SIGNALS.iter().position(|known| *known == name) {
        return i32::try_from(number + 1).ok();
    }
    match name {
        "CLD" => return Some(17),
        "POLL" => return Some(29),
        "RTMIN" => return Some(34),
        "RTMAX" => return Some(64),
        _ => {}
    }
    let number = match name.strip_prefix("RTMIN+") {
        Some(offset) => 34_i32.checked_add(offset.parse().ok()?)?,
        None => 64_i32.checked_sub(name.strip_prefix("RTMAX-")?.parse().ok()?)?,
    };
    (34..=64).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_numbers() {
        assert_eq!(capability_bit("CAP_CHECKPOINT_RESTORE"), Some(1 << 40));
        assert_eq!(capability_bit("CAP_SYS_ADMIN"), Some(1 << 21));
        assert_eq!(capability_bit("SYS_ADMIN"), None);
        assert_eq!(resource_number("RLIMIT_NOFILE"), Some(7));
        assert_eq!(resource_number("RLIMIT_RTTIME"), Some(15));
        for (name, number) in
            [("9", 9), ("KILL", 9), ("sigterm", 15), ("SYS", 31), ("RTMIN+1", 35), ("SIGRTMAX-1", 63), ("0", 0)]
        {
            assert_eq!(signal_number(name), Some(number), "{name}");
        }
        for name in ["", "65", "-1", "SIGFOO", "RTMIN+31", "RTMAX-99"] {
            assert_eq!(signal_number(name), None, "{name}");
        }
    }
}
