//! Memory of the application: the tree of virtual memory areas, and the calls that change it.
//!
//! The host kernel manages the pages; the tree here is the truth about what is mapped, for
//! `/proc`, for limits, and for every decision the kernel takes. A change is made in the address
//! space by the calling task's own stub thread (its [`Context`]) while the tree is locked, so that
//! both always agree.

mod advice;
mod heap;
mod map;
mod remap;
mod resident;
mod shared;
pub mod stack;
pub mod tree;
pub mod vma;

pub use advice::MemoryAdvice;
pub use map::{MapRequest, Placement};
pub use remap::RemapRequest;

use std::ops::Range;

use lazaret_abi::errno::Errno;
use lazaret_platform::{AddressSpace, Backing, Context, Error, Prot, layout::APP_MAX};
use lazaret_snapshot::Snapshot;

use self::{
    tree::VmaTree,
    vma::{Vma, VmaBacking, VmaFlags},
};
use crate::{
    checkpoint,
    fs::file::File,
    sync::{Arc, Mutex, MutexGuard},
};

/// Most areas a process may have (`vm.max_map_count`).
pub const MAX_MAP_COUNT: usize = 65_530;

/// Limits that bound memory calls, in bytes; see getrlimit(2).
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimits {
    /// RLIMIT_AS.
    pub address_space: u64,
    /// RLIMIT_DATA.
    pub data: u64,
    /// RLIMIT_MEMLOCK; `u64::MAX` for those with CAP_IPC_LOCK.
    pub locked: u64,
}

impl MemoryLimits {
    /// No limits.
    pub const UNLIMITED: MemoryLimits = MemoryLimits { address_space: u64::MAX, data: u64::MAX, locked: u64::MAX };
}

/// Addresses that `/proc/PID/stat` shows and prctl(PR_SET_MM) sets.
#[derive(Clone, Copy, Debug, Default, Snapshot)]
#[allow(missing_docs, reason = "the names are those of the fields in proc(5)")]
pub struct ImageLayout {
    pub code_start: u64,
    pub code_end: u64,
    pub data_start: u64,
    pub data_end: u64,
    pub stack_start: u64,
    pub arg_start: u64,
    pub arg_end: u64,
    pub env_start: u64,
    pub env_end: u64,
}

/// What the lock of an [`Mm`] guards.
#[derive(Clone, Snapshot)]
pub struct Areas {
    /// The areas.
    pub tree: VmaTree,
    /// Where the heap begins, and where it ends now; both in bytes, not pages.
    heap: Range<u64>,
    /// mmap(2) places areas below this.
    top: u64,
    /// mlockall(MCL_FUTURE) is in force.
    lock_future: bool,
    /// Where the image and its arguments are.
    pub image: ImageLayout,
    /// Auxiliary vector, as `/proc/PID/auxv` shows it.
    pub auxv: Vec<(u64, u64)>,
    /// Most bytes ever mapped (`VmPeak`).
    peak: u64,
}

/// Memory of a process, shared by tasks cloned with CLONE_VM.
#[derive(Snapshot)]
pub struct Mm {
    #[snapshot(with = checkpoint::space)]
    space: Arc<dyn AddressSpace>,
    areas: Mutex<Areas>,
    /// The program that was loaded (`/proc/PID/exe`).
    executable: Mutex<Option<Arc<File>>>,
}

/// Identity of the memory word a futex is at; see futex(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FutexKey {
    /// A word of one address space: its identity and the address.
    Private(usize, u64),
    /// A word of a host object: its identity and the offset.
    Shared(usize, u64),
}

impl Mm {
    /// The memory of a fresh address space: nothing is mapped. `top` is where mmap(2) begins to
    /// place areas, downwards.
    pub fn new(space: Arc<dyn AddressSpace>, top: u64) -> Mm {
        let areas = Areas {
            tree: VmaTree::default(),
            heap: 0..0,
            top: top.min(APP_MAX),
            lock_future: false,
            image: ImageLayout::default(),
            auxv: Vec::new(),
            peak: 0,
        };
        Mm { space, areas: Mutex::new(areas), executable: Mutex::new(None) }
    }

    /// The platform's address space.
    pub fn space(&self) -> &Arc<dyn AddressSpace> {
        &self.space
    }

    /// The range lies in one area that is writable and private, so that writing there succeeds and
    /// is nobody else's affair.
    pub fn is_plain(&self, address: u64, length: u64) -> bool {
        self.areas().tree.find(address).is_some_and(|area| {
            area.prot.contains(Prot::READ | Prot::WRITE)
                && !area.flags.contains(VmaFlags::SHARED)
                && length <= area.end - address
        })
    }

    /// The program that was loaded.
    pub fn executable(&self) -> Option<Arc<File>> {
        self.executable.lock().clone()
    }

    /// Notes the program that was loaded (execve, prctl PR_SET_MM_EXE_FILE).
    pub fn set_executable(&self, file: Arc<File>) {
        *self.executable.lock() = Some(file);
    }

    /// Lets go of the program, which may be written from now on, and of all mapped files: the last task
    /// ends, and with it the address space.
    pub fn release_files(&self) {
        let tree = std::mem::take(&mut self.areas.lock().tree);
        let executable = self.executable.lock().take();
        // Files close without a lock held.
        drop((tree, executable));
    }

    /// The areas, locked; for those who show them.
    pub fn areas(&self) -> MutexGuard<'_, Areas> {
        self.areas.lock()
    }

    /// Copies the memory of the calling task for fork(2); the returned context is the child's.
    ///
    /// # Errors
    /// `EAGAIN` when the host has no process left, `ENOMEM`.
    pub fn fork(&self, context: &mut dyn Context) -> Result<(Mm, Box<dyn Context>), Errno> {
        // The lock is held across the host's fork: the copy of the tree is the copy's tree.
        let areas = self.areas.lock();
        let (space, mut child) = context.fork().map_err(host_errno)?;
        let mut copy = areas.clone();
        drop(areas);
        copy.lock_future = false;
        let special: Vec<Vma> = copy
            .tree
            .iter()
            .filter(|area| area.flags.intersects(VmaFlags::DONT_FORK | VmaFlags::WIPE_ON_FORK | VmaFlags::LOCKED))
            .cloned()
            .collect();
        for mut area in special {
            if area.flags.contains(VmaFlags::DONT_FORK) {
                copy.tree.remove(area.start..area.end);
                child.unmap(area.start, area.length()).map_err(host_errno)?;
                continue;
            }
            if area.flags.contains(VmaFlags::WIPE_ON_FORK) {
                child.map(area.start, area.length(), area.prot, Backing::Anonymous).map_err(host_errno)?;
            }
            // Memory locks are not inherited; mlock(2).
            area.flags.remove(VmaFlags::LOCKED);
            copy.tree.insert(area);
        }
        let executable = Mutex::new(self.executable());
        Ok((Mm { space, areas: Mutex::new(copy), executable }, child))
    }

    /// The key of the futex word at `address`. `private` is FUTEX_PRIVATE_FLAG.
    ///
    /// # Errors
    /// `EFAULT` when a shared futex is at an address that is not mapped.
    pub fn futex_key(&self, address: u64, private: bool) -> Result<FutexKey, Errno> {
        let here = Arc::as_ptr(&self.space).cast::<u8>().addr();
        if !private {
            let areas = self.areas.lock();
            let area = areas.tree.find(address).ok_or(Errno::EFAULT)?;
            if let VmaBacking::Object { mapping, offset, .. } = &area.backing
                && area.flags.contains(VmaFlags::SHARED)
            {
                return Ok(FutexKey::Shared(
                    Arc::as_ptr(&mapping.fd).addr(),
                    offset.wrapping_add(address - area.start),
                ));
            }
        }
        Ok(FutexKey::Private(here, address))
    }
}

impl Areas {
    /// End of the heap, as brk(2) returns it.
    pub fn heap(&self) -> Range<u64> {
        self.heap.clone()
    }

    /// Most bytes ever mapped.
    pub fn peak(&self) -> u64 {
        self.peak.max(self.tree.total())
    }

    /// Bytes of private writable memory (`VmData`).
    pub fn data_bytes(&self) -> u64 {
        self.tree.iter().filter(|area| area.is_data()).map(Vma::length).sum()
    }

    /// Bytes locked (`VmLck`).
    pub fn locked_bytes(&self) -> u64 {
        self.tree.iter().filter(|area| area.flags.contains(VmaFlags::LOCKED)).map(Vma::length).sum()
    }

    /// Adds an area to the tree and keeps the statistics.
    fn insert(&mut self, area: Vma) {
        self.tree.insert(area);
        self.peak = self.peak.max(self.tree.total());
    }
}

/// The errno an application sees for a failed platform operation. A stub that is gone or broken is
/// noticed by the task's next `run`; until then the call failed for lack of memory.
pub fn host_errno(error: Error) -> Errno {
    match error {
        Error::Host(errno) => Errno::from_raw(errno),
        Error::Dead | Error::Corrupted(_) => Errno::ENOMEM,
    }
}
