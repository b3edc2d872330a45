//! sysfs: what C libraries, language runtimes and tools read of the machine.

mod network;

use lazaret_abi::errno::Errno;

use super::{
    inode::{Inode, LinkTarget},
    pseudo::{PseudoDirectory, PseudoFile, PseudoFs, PseudoLink, StaticDirectory},
};
use crate::{boot::Kernel, sync::Arc, task::sched::CpuSet};

/// `f_type` of sysfs.
const SYSFS_MAGIC: u64 = 0x6265_6572;

/// The root directory of a new sysfs.
pub fn new_root(device: u64, shown: &Arc<Kernel>) -> Arc<dyn Inode> {
    let (fs, cpus) = (&PseudoFs::new(device, SYSFS_MAGIC), shown.cpu_count());
    let of_links = Arc::downgrade(shown);
    let directory = |entries| PseudoDirectory::inode(fs, entries);
    let empty = || directory(StaticDirectory::new());
    directory(
        StaticDirectory::new()
            .with("block", empty())
            .with("bus", empty())
            .with(
                "class",
                directory(StaticDirectory::new().with("net", network::links(fs, &of_links)).with("tty", empty())),
            )
            .with("dev", empty())
            .with(
                "devices",
                directory(StaticDirectory::new().with("system", system(fs, cpus)).with(
                    "virtual",
                    directory(StaticDirectory::new().with("net", network::directories(fs, &of_links))),
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
    PseudoFile::inode(fs, 0o444, move || Ok::<_, Errno>(text.clone().into_bytes()))
}

fn link(fs: &Arc<PseudoFs>, target: &'static str) -> Arc<dyn Inode> {
    PseudoLink::inode(fs, move || Ok(LinkTarget::Path(target.as_bytes().to_vec())))
}

fn system(fs: &Arc<PseudoFs>, cpus: usize) -> Arc<dyn Inode> {
    let all = CpuSet::first(cpus);
    let mask = |set: CpuSet| text(fs, set.mask(cpus));
    let one = |index: usize| {
        let mut set = CpuSet::EMPTY;
        set.insert(index);
        set
    };
    let mut cpu = StaticDirectory::new()
        .with("kernel_max", text(fs, "8191"))
        .with("offline", text(fs, ""))
        .with("online", text(fs, all.list()))
        .with("possible", text(fs, all.list()))
        .with("present", text(fs, all.list()))
        .with("isolated", text(fs, ""));
    for index in 0..cpus {
        let topology = StaticDirectory::new()
            .with("core_cpus", mask(one(index)))
            .with("core_cpus_list", text(fs, index.to_string()))
            .with("core_id", text(fs, index.to_string()))
            .with("core_siblings", mask(all))
            .with("core_siblings_list", text(fs, all.list()))
            .with("package_cpus_list", text(fs, all.list()))
            .with("physical_package_id", text(fs, "0"))
            .with("thread_siblings", mask(one(index)))
            .with("thread_siblings_list", text(fs, index.to_string()));
        let entries = StaticDirectory::new()
            .with("online", text(fs, "1"))
            .with("topology", PseudoDirectory::inode(fs, topology))
            .with("node0", link(fs, "../../node/node0"));
        cpu.add(format!("cpu{index}"), PseudoDirectory::inode(fs, entries));
    }
    let node0 = StaticDirectory::new()
        .with("cpulist", text(fs, all.list()))
        .with("cpumap", mask(all))
        .with("distance", text(fs, "10"));
    let node = StaticDirectory::new()
        .with("has_cpu", text(fs, "0"))
        .with("has_memory", text(fs, "0"))
        .with("has_normal_memory", text(fs, "0"))
        .with("node0", PseudoDirectory::inode(fs, node0))
        .with("online", text(fs, "0"))
        .with("possible", text(fs, "0"));
    let entries = StaticDirectory::new()
        .with("cpu", PseudoDirectory::inode(fs, cpu))
        .with("node", PseudoDirectory::inode(fs, node));
    PseudoDirectory::inode(fs, entries)
}

fn kernel(fs: &Arc<PseudoFs>) -> Arc<dyn Inode> {
    // What the host does for application memory is its own affair; these are its usual answers.
    let huge = StaticDirectory::new()
        .with("defrag", text(fs, "always defer defer+madvise [madvise] never"))
        .with("enabled", text(fs, "always [madvise] never"))
        .with("hpage_pmd_size", text(fs, "2097152"))
        .with("shmem_enabled", text(fs, "always within_size advise [never] deny force"));
    let mm = StaticDirectory::new()
        .with("hugepages", PseudoDirectory::inode(fs, StaticDirectory::new()))
        .with("transparent_hugepage", PseudoDirectory::inode(fs, huge));
    PseudoDirectory::inode(fs, StaticDirectory::new().with("mm", PseudoDirectory::inode(fs, mm)))
}
