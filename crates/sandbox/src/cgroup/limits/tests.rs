use super::*;

fn parse(text: &str) -> Resources {
    serde_json::from_str(text).unwrap()
}

/// All settings on a host that has every file but those named, as `file=value`; or the first problem.
fn all(text: &str, is_unified: bool, lacks: &[&str]) -> Result<Vec<String>, String> {
    let resources = parse(text);
    let has = |file: &str| !lacks.contains(&file);
    let mut lines = Vec::new();
    for controller in LIMITING {
        let settings = settings(controller, &resources, Target { is_unified, has: &has });
        lines.extend(settings.map_err(|failure| failure.to_string())?);
    }
    lines.extend(by_name(&resources));
    Ok(lines.into_iter().map(|setting| format!("{}={}", setting.file, setting.value)).collect())
}

const MANY: &str = r#"{
    "memory": { "limit": 67108864, "swap": 134217728, "reservation": 1048576 },
    "cpu": { "shares": 1024, "quota": 50000, "period": 100000, "burst": 1000, "cpus": "0-1", "mems": "0" },
    "pids": { "limit": 10 },
    "blockIO": { "weight": 500, "weightDevice": [{ "major": 8, "minor": 0, "weight": 100 }],
                 "throttleReadBpsDevice": [{ "major": 8, "minor": 0, "rate": 1000 }],
                 "throttleWriteIOPSDevice": [{ "major": 8, "minor": 16, "rate": 0 }] },
    "hugepageLimits": [{ "pageSize": "2MB", "limit": 4194304 }],
    "rdma": { "mlx5_0": { "hcaHandles": 3 } }
}"#;

#[test]
fn version_1() {
    let expected = [
        "cpu.shares=1024",
        "cpu.cfs_period_us=100000",
        "cpu.cfs_quota_us=50000",
        "cpu.cfs_burst_us=1000",
        "cpuset.cpus=0-1",
        "cpuset.mems=0",
        "memory.limit_in_bytes=67108864",
        "memory.memsw.limit_in_bytes=134217728",
        "memory.soft_limit_in_bytes=1048576",
        "pids.max=84",
        "blkio.weight=500",
        "blkio.weight_device=8:0 100",
        "blkio.throttle.read_bps_device=8:0 1000",
        "blkio.throttle.write_iops_device=8:16 0",
        "hugetlb.2MB.limit_in_bytes=4194304",
        "hugetlb.2MB.rsvd.limit_in_bytes=4194304",
        "rdma.max=mlx5_0 hca_handle=3 hca_object=max",
    ];
    assert_eq!(all(MANY, false, &["blkio.bfq.weight"]).unwrap(), expected);
    let rest = r#"{ "memory": { "kernel": 1, "kernelTCP": 2, "swappiness": 0, "disableOOMKiller": true },
                    "cpu": { "realtimeRuntime": 3, "realtimePeriod": 4, "idle": 1 },
                    "blockIO": { "weight": 10, "leafWeight": 20 },
                    "network": { "classID": 1048577, "priorities": [{ "name": "eth0", "priority": 5 }] } }"#;
    let expected = [
        "cpu.rt_period_us=4",
        "cpu.rt_runtime_us=3",
        "cpu.idle=1",
        "memory.kmem.limit_in_bytes=1",
        "memory.kmem.tcp.limit_in_bytes=2",
        "memory.swappiness=0",
        "memory.oom_control=1",
        "blkio.bfq.weight=10",
        "blkio.leaf_weight=20",
        "net_cls.classid=1048577",
        "net_prio.ifpriomap=eth0 5",
    ];
    assert_eq!(all(rest, false, &[]).unwrap(), expected);
}

#[test]
fn version_2() {
    let expected = [
        "cpu.weight=39",
        "cpu.max=50000 100000",
        "cpu.max.burst=1000",
        "cpuset.cpus=0-1",
        "cpuset.mems=0",
        "memory.swap.max=67108864",
        "memory.max=67108864",
        "memory.low=1048576",
        "pids.max=84",
        "io.weight=4950",
        "io.weight=8:0 910",
        "io.max=8:0 rbps=1000",
        "io.max=8:16 wiops=max",
        "hugetlb.2MB.max=4194304",
        "rdma.max=mlx5_0 hca_handle=3 hca_object=max",
    ];
    assert_eq!(all(MANY, true, &["io.bfq.weight", "hugetlb.2MB.rsvd.max"]).unwrap(), expected);
    let weights = r#"{ "blockIO": { "weight": 500 }, "unified": { "memory.high": "max" } }"#;
    assert_eq!(all(weights, true, &[]).unwrap(), ["io.bfq.weight=500", "memory.high=max"]);
    assert_eq!(all(r#"{ "cpu": { "quota": -1 } }"#, true, &[]).unwrap(), ["cpu.max=max 100000"]);
    assert_eq!(all(r#"{ "cpu": { "idle": 1, "shares": 5 } }"#, true, &[]).unwrap(), ["cpu.idle=1"]);
}

#[test]
fn swap_depends_on_memory() {
    for (text, v1, v2) in [
        (r#"{ "limit": 8, "swap": -1 }"#, "memsw -1, limit 8", "swap.max max, max 8"),
        (r#"{ "limit": -1 }"#, "memsw -1, limit -1", "swap.max max, max max"),
        (r#"{ "limit": 8, "swap": 8 }"#, "limit 8, memsw 8", "swap.max 0, max 8"),
        (r#"{ "limit": 8 }"#, "limit 8", "max 8"),
        (r#"{ "limit": 0, "swap": 0 }"#, "", ""),
    ] {
        let text = format!(r#"{{ "memory": {text} }}"#);
        let short = |is_unified| {
            let lines = all(&text, is_unified, &[]).unwrap().join(", ").replace("_in_bytes", "").replace("=", " ");
            lines.replace("memory.memsw.limit", "memsw").replace("memory.", "")
        };
        assert_eq!((short(false).as_str(), short(true).as_str()), (v1, v2));
    }
    // A host without accounts of swap is not asked for what was not asked of it.
    let unlimited = all(r#"{ "memory": { "limit": -1 } }"#, false, &["memory.memsw.limit_in_bytes"]);
    assert_eq!(unlimited.unwrap(), ["memory.limit_in_bytes=-1"]);
    for (text, problem) in [
        (r#"{ "memory": { "limit": 8, "swap": 7 } }"#, "7 is less than the limit of memory, 8"),
        (r#"{ "memory": { "swap": 7 } }"#, "cannot be limited without a limit of memory"),
        (r#"{ "memory": { "limit": -1, "swap": 7 } }"#, "cannot be limited without a limit of memory"),
    ] {
        for is_unified in [false, true] {
            assert_eq!(all(text, is_unified, &[]).unwrap_err(), format!("linux.resources.memory.swap: {problem}"));
        }
    }
}

#[test]
fn what_version_2_has_not_is_named() {
    for (text, field) in [
        (r#"{ "memory": { "kernel": 1 } }"#, "memory.kernel"),
        (r#"{ "memory": { "kernelTCP": 1 } }"#, "memory.kernelTCP"),
        (r#"{ "memory": { "swappiness": 0 } }"#, "memory.swappiness"),
        (r#"{ "memory": { "disableOOMKiller": true } }"#, "memory.disableOOMKiller"),
        (r#"{ "cpu": { "realtimeRuntime": 1 } }"#, "cpu.realtimeRuntime"),
        (r#"{ "cpu": { "realtimePeriod": 1 } }"#, "cpu.realtimePeriod"),
        (r#"{ "blockIO": { "leafWeight": 10 } }"#, "blockIO.leafWeight"),
        (r#"{ "network": { "classID": 1 } }"#, "network.classID"),
        (r#"{ "network": { "priorities": [{ "name": "lo", "priority": 1 }] } }"#, "network.priorities"),
    ] {
        let problem = all(text, true, &[]).unwrap_err();
        assert_eq!(problem, format!("linux.resources.{field}: cgroups of version 2 have no such limit"));
        assert!(all(text, false, &[]).is_ok() && parse(text).is_limited());
    }
    // What Docker always says asks for nothing.
    let nothing = r#"{ "memory": { "disableOOMKiller": false }, "blockIO": {}, "network": { "classID": 0 } }"#;
    assert_eq!(all(nothing, true, &[]).unwrap(), [""; 0]);
    assert!(!parse(nothing).is_limited());
    assert!(parse(r#"{ "unified": { "misc.max": "x 1" } }"#).needs_cgroup());
    assert!(!parse(r#"{ "pids": { "limit": 5 } }"#).needs_cgroup());
}
