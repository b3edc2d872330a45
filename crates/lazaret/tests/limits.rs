//! Each limit of a specification: set, as runc sets it, or refused by its name.
//!
//! Needs root and busybox, and a host where cgroups can be made.

mod common;

use std::{fs, path::PathBuf};

use common::{
    change,
    runtime::{Runtime, both},
};
use serde_json::{Value, json};

/// Limits, the field that a refusal names, and the file and its content in version 1 and in version 2.
struct Case {
    resources: Value,
    field: &'static str,
    legacy: Option<(&'static str, &'static str)>,
    unified: Option<(&'static str, &'static str)>,
}

fn case(
    field: &'static str,
    resources: Value,
    legacy: Option<(&'static str, &'static str)>,
    unified: Option<(&'static str, &'static str)>,
) -> Case {
    Case { resources, field, legacy, unified }
}

/// The number of the disk that the root is on, and an unnamed one where there is none.
fn disk() -> (u64, u64) {
    let number = fs::read_dir("/sys/block").into_iter().flatten().flatten().find_map(|disk| {
        let name = disk.file_name().into_string().unwrap();
        let is_disk = ["vd", "sd", "nvme"].iter().any(|kind| name.starts_with(kind));
        let text = fs::read_to_string(disk.path().join("dev")).ok()?;
        let (major, minor) = text.trim().split_once(':')?;
        is_disk.then_some((major.parse().ok()?, minor.parse().ok()?))
    });
    number.unwrap_or((7, 0))
}

fn cases() -> Vec<Case> {
    let (major, minor) = disk();
    let throttle =
        |name: &str, rate: u64| json!({ "blockIO": { name: [{ "major": major, "minor": minor, "rate": rate }] } });
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let line = |text: &str| leak(format!("{major}:{minor} {text}"));
    vec![
        case(
            "memory.limit",
            json!({ "memory": { "limit": 100 << 20 } }),
            Some(("memory/memory.limit_in_bytes", "104857600")),
            Some(("memory.max", "104857600")),
        ),
        case(
            "memory.reservation",
            json!({ "memory": { "reservation": 50 << 20 } }),
            Some(("memory/memory.soft_limit_in_bytes", "52428800")),
            Some(("memory.low", "52428800")),
        ),
        case(
            "memory.swap",
            json!({ "memory": { "limit": 100 << 20, "swap": 150 << 20 } }),
            Some(("memory/memory.memsw.limit_in_bytes", "157286400")),
            Some(("memory.swap.max", "52428800")),
        ),
        case(
            "memory.swappiness",
            json!({ "memory": { "swappiness": 33 } }),
            Some(("memory/memory.swappiness", "33")),
            None,
        ),
        case(
            "memory.disableOOMKiller",
            json!({ "memory": { "disableOOMKiller": true } }),
            Some(("memory/memory.oom_control", "oom_kill_disable 1")),
            None,
        ),
        case(
            "cpu.shares",
            json!({ "cpu": { "shares": 512 } }),
            Some(("cpu/cpu.shares", "512")),
            Some(("cpu.weight", "20")),
        ),
        case(
            "cpu.quota",
            json!({ "cpu": { "quota": 20000, "period": 50000 } }),
            Some(("cpu/cpu.cfs_quota_us", "20000")),
            Some(("cpu.max", "20000 50000")),
        ),
        case(
            "cpu.period",
            json!({ "cpu": { "period": 60000 } }),
            Some(("cpu/cpu.cfs_period_us", "60000")),
            Some(("cpu.max", "max 60000")),
        ),
        case(
            "cpu.burst",
            json!({ "cpu": { "quota": 20000, "burst": 5000 } }),
            Some(("cpu/cpu.cfs_burst_us", "5000")),
            Some(("cpu.max.burst", "5000")),
        ),
        case("cpu.idle", json!({ "cpu": { "idle": 1 } }), Some(("cpu/cpu.idle", "1")), Some(("cpu.idle", "1"))),
        case(
            "cpu.realtime",
            json!({ "cpu": { "realtimeRuntime": 0, "realtimePeriod": 900_000 } }),
            Some(("cpu/cpu.rt_period_us", "900000")),
            None,
        ),
        case(
            "cpu.cpus",
            json!({ "cpu": { "cpus": "0", "mems": "0" } }),
            Some(("cpuset/cpuset.cpus", "0")),
            Some(("cpuset.cpus", "0")),
        ),
        case(
            "cpu.mems",
            json!({ "cpu": { "mems": "0" } }),
            Some(("cpuset/cpuset.mems", "0")),
            Some(("cpuset.mems", "0")),
        ),
        case(
            "pids.limit",
            json!({ "pids": { "limit": -1 } }),
            Some(("pids/pids.max", "max")),
            Some(("pids.max", "max")),
        ),
        case(
            "blockIO.weight",
            json!({ "blockIO": { "weight": 200 } }),
            Some(("blkio/blkio.bfq.weight", "200")),
            Some(("io.weight", "default 1920")),
        ),
        case(
            "blockIO.throttleReadBpsDevice[0]",
            throttle("throttleReadBpsDevice", 1 << 20),
            Some(("blkio/blkio.throttle.read_bps_device", line("1048576"))),
            Some(("io.max", line("rbps=1048576 wbps=max riops=max wiops=max"))),
        ),
        case(
            "blockIO.throttleWriteIOPSDevice[0]",
            throttle("throttleWriteIOPSDevice", 77),
            Some(("blkio/blkio.throttle.write_iops_device", line("77"))),
            Some(("io.max", line("rbps=max wbps=max riops=max wiops=77"))),
        ),
        case(
            "hugepageLimits[0]",
            json!({ "hugepageLimits": [{ "pageSize": "2MB", "limit": 4 << 20 }] }),
            Some(("hugetlb/hugetlb.2MB.limit_in_bytes", "4194304")),
            Some(("hugetlb.2MB.max", "4194304")),
        ),
        case(
            "network.classID",
            json!({ "network": { "classID": 0x10_0001 } }),
            Some(("net_cls/net_cls.classid", "1048577")),
            None,
        ),
        case(
            "network.priorities[0]",
            json!({ "network": { "priorities": [{ "name": "lo", "priority": 3 }] } }),
            Some(("net_prio/net_prio.ifpriomap", "lo 3")),
            None,
        ),
        case(
            "rdma.mlx9",
            json!({ "rdma": { "mlx9": { "hcaHandles": 2 } } }),
            Some(("rdma/rdma.max", "mlx9 hca_handle=2")),
            Some(("rdma.max", "mlx9 hca_handle=2")),
        ),
        case(
            "unified.memory.high",
            json!({ "unified": { "memory.high": "90000000" } }),
            None,
            Some(("memory.high", "89997312")),
        ),
    ]
}

/// The directories that a cgroup of this path may have, with what a case expects in them.
fn places<'a>(case: &'a Case, path: &str) -> Vec<(PathBuf, &'a str)> {
    let mut places = Vec::new();
    if let Some((file, content)) = case.legacy
        && let Some((controller, file)) = file.split_once('/')
    {
        places.push((PathBuf::from(format!("/sys/fs/cgroup/{controller}{path}/{file}")), content));
    }
    if let Some((file, content)) = case.unified {
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            places.push((PathBuf::from(format!("{root}{path}/{file}")), content));
        }
    }
    places
}

/// How a runtime takes limits: what the file has then, or why they are refused.
fn take(runtime: &Runtime, case: &Case) -> Result<Option<bool>, String> {
    let path = format!("/lazaret-test-{}", runtime.id);
    change(&runtime.place, |spec| {
        spec["process"]["args"] = json!(["/bin/sleep", "1000"]);
        spec["linux"]["cgroupsPath"] = path.as_str().into();
        spec["linux"]["resources"] = case.resources.clone();
        // Where a controller is missing runc fails to mount what it could not make.
        spec["mounts"].as_array_mut().unwrap().retain(|mount| mount["type"] != "cgroup");
    });
    let log = runtime.place.0.join("log");
    let file = fs::File::create(&log).unwrap();
    let mut command = runtime.command(&["run", "--detach", &runtime.id]);
    let mut child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
    if !common::wait(&mut child).success() {
        return Err(fs::read_to_string(&log).unwrap());
    }
    let matches = |(file, expected): &(PathBuf, &str)| {
        let text = fs::read_to_string(file).ok()?;
        Some(text.lines().any(|line| line.trim() == *expected))
    };
    let found = places(case, &path).iter().find_map(matches);
    runtime.good(&["delete", "--force", &runtime.id]);
    Ok(found)
}

#[test]
fn each_limit_is_set_or_named() {
    for case in cases() {
        let under_runc = std::cell::Cell::new(None);
        both(|runtime| {
            let taken = take(runtime, &case);
            if runtime.program.ends_with("runc") {
                return under_runc.set(taken.ok().flatten());
            }
            match taken {
                Ok(found) => assert_eq!(found, Some(true), "{}: not set", case.field),
                Err(error) => {
                    assert_ne!(under_runc.get(), Some(true), "{}: runc can: {error}", case.field);
                    let field = case.field.split('[').next().unwrap();
                    assert!(error.contains(&format!("linux.resources.{field}")), "{field}: {error}");
                    eprintln!("not set here: {}", error.trim());
                }
            }
        });
    }
}

/// Nothing is left of a container whose limits are refused, and of an update that is refused nothing is set.
#[test]
fn what_is_refused_leaves_nothing() {
    both(|runtime| {
        let path = format!("/lazaret-test-{}", runtime.id);
        let limits = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        let (root, file) =
            limits.into_iter().find(|(root, _)| fs::exists(format!("{root}/cgroup.procs")).unwrap()).unwrap();
        let limit = || fs::read_to_string(format!("{root}{path}/{file}")).map(|text| text.trim().to_owned());
        let set = |resources: Value| {
            change(&runtime.place, |spec| {
                spec["process"]["args"] = json!(["/bin/sleep", "1000"]);
                spec["linux"]["cgroupsPath"] = path.as_str().into();
                spec["linux"]["resources"] = resources;
            });
        };
        set(json!({ "memory": { "limit": 100 << 20 }, "cpu": { "cpus": "4000" } }));
        runtime.bad(&["create", &runtime.id]);
        assert!(limit().is_err(), "{}", runtime.program);
        set(json!({ "memory": { "limit": 100 << 20 }, "pids": { "limit": 100 } }));
        runtime.detached(&["run", "--detach", &runtime.id]);
        runtime.bad(&["update", "--memory", "80000000", "--cpuset-cpus", "4000", &runtime.id]);
        // runc undoes it with version 1 only.
        if !runtime.program.ends_with("runc") {
            assert_eq!(limit().unwrap(), (100 << 20).to_string());
        }
        runtime.good(&["update", "--memory", "83886080", "--cpu-quota", "30000", &runtime.id]);
        assert_eq!(limit().unwrap(), "83886080");
        // What was set before stays.
        runtime.good(&["update", "--cpu-period", "50000", &runtime.id]);
        let quotas = [format!("/sys/fs/cgroup/cpu{path}/cpu.cfs_quota_us"), format!("/sys/fs/cgroup{path}/cpu.max")];
        let quota = quotas.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap();
        assert!(quota.starts_with("30000"), "{}: {quota}", runtime.program);
        runtime.good(&["delete", "--force", &runtime.id]);
        assert!(limit().is_err());
    });
}
