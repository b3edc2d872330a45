//! What the host has counted for a cgroup.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::UNIFIED;

/// Figures of a cgroup; `None` where the host counts none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processor time in nanoseconds: of all, in application code, in kernels.
    pub cpu: Option<[u64; 3]>,
    /// Processor time of each processor in nanoseconds.
    pub per_cpu: Vec<u64>,
    /// Time of each processor in application code and in kernels.
    pub per_cpu_parts: Vec<[u64; 2]>,
    /// Processors and memory nodes that it may use, and further settings, by the host's names; version 1 alone.
    pub cpuset: BTreeMap<String, String>,
    /// How its processor limit worked.
    pub throttling: Option<Throttling>,
    /// Memory in use, file caches included.
    pub memory: Option<MemoryStats>,
    /// Memory and swap in use, taken together.
    pub swap: Option<MemoryStats>,
    /// Memory of the host's kernel.
    pub kernel_memory: Option<MemoryStats>,
    /// The same for buffers of TCP.
    pub kernel_tcp_memory: Option<MemoryStats>,
    /// All figures about memory, by the host's names.
    pub memory_raw: BTreeMap<String, u64>,
    /// Processes that were killed because of the memory limit.
    pub oom_kills: Option<u64>,
    /// Bytes that were read from and written to block devices.
    pub io_bytes: Vec<DeviceStats>,
    /// Operations of them.
    pub io_operations: Vec<DeviceStats>,
}

/// Periods of the processor limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Periods with something to run.
    pub periods: u64,
    /// Periods that ended at the limit.
    pub throttled: u64,
    /// Time that was waited for the next period, in nanoseconds.
    pub time: u64,
}

/// Figures about memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// In use.
    pub usage: u64,
    /// `None` if there is no limit.
    pub limit: Option<u64>,
    /// The most that was in use; 0 where the host does not keep it.
    pub max: u64,
    /// How often the limit was met.
    pub failures: u64,
}

/// A figure about a block device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceStats {
    /// Major and minor number.
    pub device: (u64, u64),
    /// `Read`, `Write` ..., as the host names them in version 1.
    pub operation: String,
    /// The figure.
    pub value: u64,
}

/// Version 1 shows no limit as the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 62;

/// Files of the controller `cpuset`.
const CPUSET: [&str; 11] = [
    "cpus",
    "cpu_exclusive",
    "mems",
    "mem_hardwall",
    "mem_exclusive",
    "memory_migrate",
    "memory_spread_page",
    "memory_spread_slab",
    "memory_pressure",
    "sched_load_balance",
    "sched_relax_domain_level",
];

/// Lines of a processor's number, its time in application code, and in kernels, after a heading.
fn parts(text: &str) -> Vec<[u64; 2]> {
    let line = |line: &str| {
        let mut fields = line.split_whitespace().skip(1).map(str::parse);
        Some([fields.next()?.ok()?, fields.next()?.ok()?])
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// Reads the figures.
pub fn read(directories: &BTreeMap<String, PathBuf>) -> Stats {
    let files = Files(directories);
    if files.are_unified() { files.unified() } else { files.legacy() }
}

/// How many processes were killed because of the memory limit.
pub fn oom_kills(directories: &BTreeMap<String, PathBuf>) -> Option<u64> {
    let files = Files(directories);
    let (controller, file) =
        if files.are_unified() { (UNIFIED, "memory.events") } else { ("memory", "memory.oom_control") };
    files.pairs(controller, file).get("oom_kill").copied()
}

struct Files<'a>(&'a BTreeMap<String, PathBuf>);

impl Files<'_> {
    /// On a hybrid host what is counted here is version 1's.
    fn are_unified(&self) -> bool {
        self.0.keys().all(|name| name == UNIFIED)
    }

    fn text(&self, controller: &str, name: &str) -> Option<String> {
        fs::read_to_string(self.0.get(controller)?.join(name)).ok()
    }

    fn number(&self, controller: &str, name: &str) -> Option<u64> {
        self.text(controller, name)?.trim().parse().ok()
    }

    fn pairs(&self, controller: &str, name: &str) -> BTreeMap<String, u64> {
        self.text(controller, name).map(|text| pairs(&text)).unwrap_or_default()
    }

    fn unified(&self) -> Stats {
        let number = |name: &str| self.number(UNIFIED, name);
        let cpu = self.pairs(UNIFIED, "cpu.stat");
        let nanoseconds = |name: &str| cpu.get(name).map(|micros| micros.saturating_mul(1000));
        let failures = self.pairs(UNIFIED, "memory.events").get("max").copied().unwrap_or(0);
        let memory = number("memory.current").map(|usage| {
            let max = number("memory.peak").unwrap_or(0);
            MemoryStats { usage, limit: number("memory.max"), max, failures }
        });
        // Version 2 counts swap alone.
        let swap = memory.zip(number("memory.swap.current")).map(|(memory, swap)| {
            let limit = memory.limit.zip(number("memory.swap.max")).map(|(memory, swap)| memory.saturating_add(swap));
            MemoryStats { usage: memory.usage.saturating_add(swap), limit, ..MemoryStats::default() }
        });
        let io = self.text(UNIFIED, "io.stat").unwrap_or_default();
        Stats {
            cpu: nanoseconds("usage_usec")
                .map(|all| [all, nanoseconds("user_usec").unwrap_or(0), nanoseconds("system_usec").unwrap_or(0)]),
            per_cpu: Vec::new(),
            per_cpu_parts: Vec::new(),
            cpuset: BTreeMap::new(),
            kernel_memory: None,
            kernel_tcp_memory: None,
            throttling: cpu.get("nr_periods").map(|periods| Throttling {
                periods: *periods,
                throttled: cpu.get("nr_throttled").copied().unwrap_or(0),
                time: nanoseconds("throttled_usec").unwrap_or(0),
            }),
            memory,
            swap,
            memory_raw: self.pairs(UNIFIED, "memory.stat"),
            oom_kills: oom_kills(self.0),
            io_bytes: io_stat(&io, [("rbytes", "Read"), ("wbytes", "Write"), ("dbytes", "Discard")]),
            io_operations: io_stat(&io, [("rios", "Read"), ("wios", "Write"), ("dios", "Discard")]),
        }
    }

    fn legacy(&self) -> Stats {
        let cpu = self.pairs("cpu", "cpu.stat");
        let memory = |kind: &str| {
            let number = |name: &str| self.number("memory", &format!("memory.{kind}{name}"));
            Some(MemoryStats {
                usage: number("usage_in_bytes")?,
                limit: number("limit_in_bytes").filter(|limit| *limit < NO_LIMIT),
                max: number("max_usage_in_bytes").unwrap_or(0),
                failures: number("failcnt").unwrap_or(0),
            })
        };
        // The scheduler of the device counts, or else the layer that limits.
        let io = |name: &str| {
            let read = |layer: &str| self.text("blkio", &format!("blkio.{layer}.{name}_recursive"));
            ["bfq", "throttle"].into_iter().filter_map(read).map(|text| devices(&text)).find(|list| !list.is_empty())
        };
        Stats {
            cpu: self.number("cpuacct", "cpuacct.usage").map(|all| {
                let part = |name| self.number("cpuacct", name).unwrap_or(0);
                [all, part("cpuacct.usage_user"), part("cpuacct.usage_sys")]
            }),
            per_cpu: self
                .text("cpuacct", "cpuacct.usage_percpu")
                .map(|text| text.split_whitespace().filter_map(|field| field.parse().ok()).collect())
                .unwrap_or_default(),
            throttling: cpu.get("nr_periods").map(|periods| Throttling {
                periods: *periods,
                throttled: cpu.get("nr_throttled").copied().unwrap_or(0),
                time: cpu.get("throttled_time").copied().unwrap_or(0),
            }),
            per_cpu_parts: self.text("cpuacct", "cpuacct.usage_all").map(|text| parts(&text)).unwrap_or_default(),
            cpuset: CPUSET
                .iter()
                .filter_map(|name| {
                    Some(((*name).into(), self.text("cpuset", &format!("cpuset.{name}"))?.trim().into()))
                })
                .collect(),
            memory: memory(""),
            swap: memory("memsw."),
            kernel_memory: memory("kmem."),
            kernel_tcp_memory: memory("kmem.tcp."),
            memory_raw: self.pairs("memory", "memory.stat"),
            oom_kills: oom_kills(self.0),
            io_bytes: io("io_service_bytes").unwrap_or_default(),
            io_operations: io("io_serviced").unwrap_or_default(),
        }
    }
}

/// Lines of a name and a number.
fn pairs(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

fn device(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Lines of a device, an operation and a number.
fn devices(text: &str) -> Vec<DeviceStats> {
    let one = |line: &str| {
        let mut fields = line.split_whitespace();
        let (device, operation) = (device(fields.next()?)?, fields.next()?.to_owned());
        Some(DeviceStats { device, operation, value: fields.next()?.parse().ok()? })
    };
    text.lines().filter_map(one).collect()
}

/// Lines of a device and figures with their names, of which some are wanted under others.
fn io_stat(text: &str, wanted: [(&str, &str); 3]) -> Vec<DeviceStats> {
    let mut all = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let Some(device) = fields.next().and_then(device) else { continue };
        for (name, value) in fields.filter_map(|field| field.split_once('=')) {
            let known = wanted.iter().find(|(known, _)| *known == name);
            if let (Some((_, operation)), Ok(value)) = (known, value.parse()) {
                all.push(DeviceStats { device, operation: (*operation).to_owned(), value });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cgroup made of ordinary files.
    fn with_files<T>(test: &str, files: &[(&str, &str)], check: impl FnOnce(&PathBuf) -> T) -> T {
        let place = std::env::temp_dir().join(format!("lazaret-stats-{test}-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        files.iter().for_each(|(name, text)| fs::write(place.join(name), text).unwrap());
        let result = check(&place);
        fs::remove_dir_all(place).unwrap();
        result
    }

    #[test]
    fn version_2() {
        let files = [
            ("cpu.stat", "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 3\nnr_throttled 1\nthrottled_usec 2\n"),
            ("memory.current", "4096\n"),
            ("memory.max", "8192\n"),
            ("memory.events", "low 0\nhigh 0\nmax 2\noom 1\noom_kill 1\n"),
            ("memory.swap.current", "1\n"),
            ("memory.swap.max", "max\n"),
            ("io.stat", "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"),
        ];
        let stats = with_files("v2", &files, |place| read(&[(UNIFIED.to_owned(), place.clone())].into()));
        assert_eq!(stats.cpu, Some([9000, 5000, 4000]));
        assert_eq!(stats.throttling, Some(Throttling { periods: 3, throttled: 1, time: 2000 }));
        let memory = MemoryStats { usage: 4096, limit: Some(8192), max: 0, failures: 2 };
        assert_eq!(stats.memory, Some(memory));
        assert_eq!(stats.swap, Some(MemoryStats { usage: 4097, ..MemoryStats::default() }));
        assert_eq!(stats.oom_kills, Some(1));
        let io = |operation: &str, value| DeviceStats { device: (254, 0), operation: operation.into(), value };
        assert_eq!(stats.io_bytes, [io("Read", 1), io("Write", 2), io("Discard", 0)]);
        assert_eq!(stats.io_operations[0], io("Read", 3));
    }

    #[test]
    fn version_1() {
        let files = [
            ("cpuacct.usage", "7\n"),
            ("cpuacct.usage_percpu", "3 4 \n"),
            ("memory.usage_in_bytes", "10\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.memsw.usage_in_bytes", "11\n"),
            ("memory.memsw.limit_in_bytes", "20\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"),
            ("blkio.bfq.io_service_bytes_recursive", "Total 0\n"),
            ("blkio.throttle.io_service_bytes_recursive", "8:16 Read 512\n8:16 Total 512\nTotal 512\n"),
        ];
        let controllers = ["cpu", "cpuacct", "memory", "blkio"];
        let stats = with_files("v1", &files, |place| {
            read(&controllers.map(|controller| (controller.to_owned(), place.clone())).into())
        });
        assert_eq!((stats.cpu, stats.per_cpu.as_slice()), (Some([7, 0, 0]), [3, 4].as_slice()));
        assert_eq!(stats.memory.map(|memory| (memory.usage, memory.limit)), Some((10, None)));
        assert_eq!(stats.swap.map(|swap| (swap.usage, swap.limit)), Some((11, Some(20))));
        assert_eq!(stats.oom_kills, Some(5));
        assert_eq!(stats.io_bytes[0], DeviceStats { device: (8, 16), operation: "Read".into(), value: 512 });
        assert!(stats.throttling.is_none() && stats.io_operations.is_empty());
    }
}
