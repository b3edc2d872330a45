//! Profiles of `linux.seccomp`: a program that makes many calls sees what it sees under runc.

mod common;

use std::{fs, path::Path, process::Command, process::Output};

use common::{Place, change, run};
use serde_json::{Value, json};

/// A bundle whose root holds one program, which makes the calls. `None` where there is no compiler.
fn bundle(profile: &Value) -> Option<Place> {
    let place = Place::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/calls.c");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-static", "-D_GNU_SOURCE", "-o"]).arg(place.bundle().join("rootfs/calls")).arg(source);
    if !gcc.status().is_ok_and(|status| status.success()) {
        eprintln!("not tested: gcc is missing");
        return None;
    }
    change(&place, |spec| {
        spec["process"]["args"] = json!(["/calls"]);
        spec["linux"]["seccomp"] = profile.clone();
        // Names of the host's terminals need no group for this.
        spec["mounts"] = json!([{ "destination": "/proc", "type": "proc", "source": "proc" }]);
    });
    Some(place)
}

/// What runc prints for the bundle; `None` where it does not run.
fn under_runc(place: &Place) -> Option<Output> {
    // Of this test alone: it names the container's cgroup, too.
    let id = place.0.file_name().unwrap();
    let root = place.0.join("runc");
    let mut runc = Command::new("runc");
    runc.arg("--root").arg(root).args(["run", "--bundle"]).arg(place.bundle()).arg(id);
    if !rustix::process::geteuid().is_root() || Command::new("runc").arg("--version").output().is_err() {
        eprintln!("compared with nothing: runc is missing, or we are not root");
        return None;
    }
    Some(run(&mut runc))
}

#[track_caller]
fn agree(profile: &Value) -> Option<String> {
    let place = bundle(profile)?;
    let here = place.run("c");
    let text = String::from_utf8_lossy(&here.stdout).into_owned();
    assert!(here.status.success(), "{here:?}");
    if let Some(there) = under_runc(&place) {
        assert_eq!(text, String::from_utf8_lossy(&there.stdout), "{there:?}");
    }
    Some(text)
}

#[test]
fn actions_and_arguments() {
    let argument = |index: u32, value: u64, two: u64, op: &str| json!({ "index": index, "value": value, "valueTwo": two, "op": op });
    let text = agree(&json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [
            { "names": ["getppid", "kexec_load", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 },
            { "names": ["uname"], "action": "SCMP_ACT_TRAP" },
            { "names": ["mkdir"], "action": "SCMP_ACT_KILL" },
            { "names": ["chroot"], "action": "SCMP_ACT_KILL_PROCESS" },
            { "names": ["personality"], "action": "SCMP_ACT_ERRNO",
              "args": [argument(0, 0, 0, "SCMP_CMP_EQ"), argument(0, 4, 0, "SCMP_CMP_EQ")] },
            { "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22,
              "args": [argument(0, 16, 0, "SCMP_CMP_EQ"), argument(2, 9, 0, "SCMP_CMP_EQ")] },
            { "names": ["lseek"], "action": "SCMP_ACT_ERRNO", "args": [argument(1, 1 << 40, 1 << 40, "SCMP_CMP_MASKED_EQ")] },
            { "names": ["add_key"], "action": "SCMP_ACT_TRACE" },
        ],
    }));
    let Some(text) = text else { return };
    assert!(text.contains("getppid: EOPNOTSUPP\n") && text.contains("mkdir: signal SYS\n"), "{text}");
}

#[test]
fn what_is_not_named_is_refused() {
    let names: Vec<&str> = "\
        execve statfs fstatfs brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink readlinkat getrandom \
        mprotect mmap munmap newfstatat fstat write prctl clone wait4 rt_sigaction rt_sigprocmask \
        rt_sigreturn exit exit_group getpid gettid close read futex openat close_range fcntl getdents64 \
        capset setuid setgid chdir epoll_ctl epoll_pwait nanosleep tgkill madvise sigaltstack sched_yield \
        getppid"
        .split_whitespace()
        .collect();
    for architectures in [json!(["SCMP_ARCH_X86_64"]), json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])] {
        let text = agree(&json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": architectures,
            "syscalls": [{ "names": names, "action": "SCMP_ACT_ALLOW" }],
        }));
        let Some(text) = text else { return };
        assert!(text.contains("mkdir: EPERM\n") && text.contains("no such call: ENOSYS\n"), "{text}");
    }
}

/// As an engine writes it for a container without further capabilities.
#[test]
fn the_profile_of_podman_and_docker() {
    let Ok(text) = fs::read_to_string("/usr/share/containers/seccomp.json") else {
        eprintln!("not tested: Debian's golang-github-containers-common is missing");
        return;
    };
    let mut profile: Value = serde_json::from_str(&text).unwrap();
    profile["architectures"] = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    let entries = profile["syscalls"].as_array_mut().unwrap();
    entries.retain(|entry| {
        let has = |list: &str, key: &str, what: &str| {
            entry[list][key].as_array().is_some_and(|names| names.contains(&what.into()))
        };
        let for_others = entry["includes"]["arches"].is_array() && !has("includes", "arches", "amd64");
        !for_others && !entry["includes"]["caps"].is_array() && !has("excludes", "caps", "CAP_AUDIT_WRITE")
    });
    for entry in entries {
        entry.as_object_mut().unwrap().retain(|key, value| key != "comment" && !value.is_null());
    }
    let Some(text) = agree(&profile) else { return };
    assert!(text.contains("mode 2,") && text.contains("kexec_load: EPERM\n"), "{text}");
}

#[test]
fn a_profile_that_cannot_be_kept_is_refused() {
    let place = Place::new();
    for (profile, error) in [
        (
            json!({ "defaultAction": "SCMP_ACT_NOTIFY" }),
            "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY is not supported",
        ),
        (json!({ "defaultAction": "SCMP_ACT_NAP" }), "linux.seccomp.defaultAction: unknown variant `SCMP_ACT_NAP`"),
        (
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"] }),
            "linux.seccomp.architectures: \"SCMP_ARCH_VAX\" is unknown",
        ),
        (
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ERRNO",
                "args": [{ "index": 6, "value": 0, "op": "SCMP_CMP_EQ" }] }] }),
            "linux.seccomp.syscalls[0].args[0].index: is greater than 5",
        ),
    ] {
        change(&place, |spec| spec["linux"]["seccomp"] = profile);
        let refused = place.run("c");
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(1) && stderr.contains(error), "{stderr}");
        place.assert_clean();
    }
}
