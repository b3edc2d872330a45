//! sysfs: what C libraries, language runtimes and tools read of the machine.

use lazaret_abi::errno::Errno;

use super::{
    inode::{Inode, LinkTarget},
    pseudo::{PseudoDirectory, PseudoFile, PseudoFs, PseudoLink, StaticDirectory},
};
use crate::sync::Arc;

/// `f_type` of sysfs.
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// The root directory of a new sysfs. `cpus` is the number of processors that the sandbox has.
pub fn new_root(device: u64, cpus: usize) -> Arc<dyn Inode> {
    let fs = &PseudoFs::new(device, SYSFS_MAGIC);
    let directory = |entries| PseudoDirectory::new(fs, entries);
    let empty = || directory(StaticDirectory::new());
    directory(
        StaticDirectory::new()
            .with("block", empty())
            .with("bus", empty())
            .with("class", directory(StaticDirectory::new().with("net", network(fs)).with("tty", empty())))
            .with("dev", empty())
            .with(
                "devices",
                directory(StaticDirectory::new().with("system", system(fs, cpus)).with(
                    "virtual",
                    directory(
                        StaticDirectory::new().with("net", directory(StaticDirectory::new().with("lo", loopback(fs)))),
                    ),
                )),
            )
            .with("firmware", empty())
            .with("fs", directory(StaticDirectory::new().with("cgroup", empty())))
            .with("kernel", kernel(fs))
            .with("module", empty())
            .with("power", empty()),
    )
}

/// A read-only file with fixed text; sysfs ends each with a newline.
fn text(fs: &Arc<PseudoFs>, text: impl Into<String>) -> Arc<dyn Inode> {
    let text = text.into() + "\n";
    PseudoFile::new(fs, 0o444, move || Ok::<_, Errno>(text.clone().into_bytes()))
}

fn link(fs: &Arc<PseudoFs>, target: &'static str) -> Arc<dyn Inode> {
    PseudoLink::new(fs, move || Ok(LinkTarget::Path(target.as_bytes().to_vec())))
}

/// `0` or `0-3`, the form of sysfs for processors 0 to `count - 1`.
fn cpu_range(count: usize) -> String {
    if count <= 1 { "0".to_string() } else { format!("0-{}", count - 1) }
}

/// A bit mask of processors as comma-separated 32-bit words.
fn cpu_mask(first: usize, count: usize) -> String {
    let words = (first + count).div_ceil(32).max(1);
    let word = |index: usize| {
        (0..32)
            .filter(|bit| (first..first + count).contains(&(index * 32 + bit)))
            .fold(0_u32, |word, bit| word | 1 << bit)
    };
    (0..words).rev().map(|index| format!("{:08x}", word(index))).collect::<Vec<_>>().join(",")
}

fn system(fs: &Arc<PseudoFs>, cpus: usize) -> Arc<dyn Inode> {
    let mut cpu = StaticDirectory::new()
        .with("kernel_max", text(fs, "8191"))
        .with("offline", text(fs, ""))
        .with("online", text(fs, cpu_range(cpus)))
        .with("possible", text(fs, cpu_range(cpus)))
        .with("present", text(fs, cpu_range(cpus)))
        .with("isolated", text(fs, ""));
    for index in 0..cpus {
        let topology = StaticDirectory::new()
            .with("core_cpus", text(fs, cpu_mask(index, 1)))
            .with("core_cpus_list", text(fs, index.to_string()))
            .with("core_id", text(fs, index.to_string()))
            .with("core_siblings", text(fs, cpu_mask(0, cpus)))
            .with("core_siblings_list", text(fs, cpu_range(cpus)))
            .with("package_cpus_list", text(fs, cpu_range(cpus)))
            .with("physical_package_id", text(fs, "0"))
            .with("thread_siblings", text(fs, cpu_mask(index, 1)))
            .with("thread_siblings_list", text(fs, index.to_string()));
        let entries = StaticDirectory::new()
            .with("online", text(fs, "1"))
            .with("topology", PseudoDirectory::new(fs, topology))
            .with("node0", link(fs, "../../node/node0"));
        cpu.add(format!("cpu{index}"), PseudoDirectory::new(fs, entries));
    }
    let node0 = StaticDirectory::new()
        .with("cpulist", text(fs, cpu_range(cpus)))
        .with("cpumap", text(fs, cpu_mask(0, cpus)))
        .with("distance", text(fs, "10"));
    let node = StaticDirectory::new()
        .with("has_cpu", text(fs, "0"))
        .with("has_memory", text(fs, "0"))
        .with("has_normal_memory", text(fs, "0"))
        .with("node0", PseudoDirectory::new(fs, node0))
        .with("online", text(fs, "0"))
        .with("possible", text(fs, "0"));
    let entries =
        StaticDirectory::new().with("cpu", PseudoDirectory::new(fs, cpu)).with("node", PseudoDirectory::new(fs, node));
    PseudoDirectory::new(fs, entries)
}

fn kernel(fs: &Arc<PseudoFs>) -> Arc<dyn Inode> {
    // What the host does for application memory is its own affair; these are its usual answers.
    let huge = StaticDirectory::new()
        .with("defrag", text(fs, "always defer defer+madvise [madvise] never"))
        .with("enabled", text(fs, "always [madvise] never"))
        .with("hpage_pmd_size", text(fs, "2097152"))
        .with("shmem_enabled", text(fs, "always within_size advise [never] deny force"));
    let mm = StaticDirectory::new()
        .with("hugepages", PseudoDirectory::new(fs, StaticDirectory::new()))
        .with("transparent_hugepage", PseudoDirectory::new(fs, huge));
    PseudoDirectory::new(fs, StaticDirectory::new().with("mm", PseudoDirectory::new(fs, mm)))
}

fn network(fs: &Arc<PseudoFs>) -> Arc<dyn Inode> {
    PseudoDirectory::new(fs, StaticDirectory::new().with("lo", link(fs, "../../devices/virtual/net/lo")))
}

fn loopback(fs: &Arc<PseudoFs>) -> Arc<dyn Inode> {
    let entries = StaticDirectory::new()
        .with("address", text(fs, "00:00:00:00:00:00"))
        .with("flags", text(fs, "0x9"))
        .with("ifindex", text(fs, "1"))
        .with("mtu", text(fs, "65536"))
        .with("operstate", text(fs, "unknown"))
        .with("type", text(fs, "772"));
    PseudoDirectory::new(fs, entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_lists_have_the_form_of_sysfs() {
        assert_eq!(cpu_range(1), "0");
        assert_eq!(cpu_range(8), "0-7");
        assert_eq!(cpu_mask(0, 2), "00000003");
        assert_eq!(cpu_mask(33, 1), "00000002,00000000");
    }
}
