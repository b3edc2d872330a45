//! A virtual memory area: a range of addresses with one set of rights and one backing.

use lazaret_abi::errno::Errno;
use lazaret_platform::Prot;
use lazaret_snapshot::{Reader, Snapshot, Writer, snapshot_bits};

use crate::{
    checkpoint,
    fs::{file::File, inode::HostMapping},
    ipc::shared::Attachment,
    sync::Arc,
};

bitflags::bitflags! {
    /// What is special about an area.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct VmaFlags: u32 {
        /// MAP_SHARED.
        const SHARED = 1;
        /// The main stack.
        const STACK = 1 << 1;
        /// Made by brk(2).
        const HEAP = 1 << 2;
        /// mlock(2).
        const LOCKED = 1 << 3;
        /// MADV_DONTFORK.
        const DONT_FORK = 1 << 4;
        /// MADV_WIPEONFORK.
        const WIPE_ON_FORK = 1 << 5;
        /// MADV_DONTDUMP.
        const DONT_DUMP = 1 << 6;
        /// MAP_NORESERVE.
        const NO_RESERVE = 1 << 7;
        /// mseal(2).
        const SEALED = 1 << 8;
        /// MAP_GROWSDOWN was asked for; shown, not acted on.
        const GROWS_DOWN = 1 << 9;
    }
}

/// Where the content of an area comes from.
#[derive(Clone)]
pub enum VmaBacking {
    /// Zero pages.
    Anonymous,
    /// A host object: a file's pages, or the memfd behind a shared anonymous mapping.
    Object {
        /// The pages.
        mapping: HostMapping,
        /// Offset of the area's start in the object, in bytes.
        offset: u64,
        /// The open file, if the area came from one; it names the area in `/proc/PID/maps`.
        file: Option<Arc<File>>,
        /// Counts the area, if it shows a System V segment.
        attachment: Option<Attachment>,
    },
}

snapshot_bits!(VmaFlags);

/// A file is asked for its mapping again. What memory holds is not the kernel's to save.
impl Snapshot for VmaBacking {
    fn save(&self, writer: &mut Writer) -> lazaret_snapshot::Result<()> {
        match self {
            VmaBacking::Anonymous => None,
            VmaBacking::Object { mapping, offset, file: Some(file), .. } => {
                Some((file.clone(), mapping.writable, *offset))
            }
            VmaBacking::Object { file: None, .. } => {
                return Err(checkpoint::refused("shared anonymous memory", Errno::EOPNOTSUPP));
            }
        }
        .save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> lazaret_snapshot::Result<Self> {
        let Some((file, writable, offset)) = Option::<(Arc<File>, bool, u64)>::load(reader)? else {
            return Ok(VmaBacking::Anonymous);
        };
        let mapping = file.ops().host_mapping(&file, writable);
        let mapping = mapping.map_err(|error| checkpoint::refused("a mapped file", error))?;
        let attachment = file.ops().attachment();
        Ok(VmaBacking::Object { mapping, offset, file: Some(file), attachment })
    }
}

impl VmaBacking {
    /// The backing of the part that starts `distance` bytes into the area.
    fn advanced(&self, distance: u64) -> VmaBacking {
        match self {
            VmaBacking::Anonymous => VmaBacking::Anonymous,
            VmaBacking::Object { mapping, offset, file, attachment } => VmaBacking::Object {
                mapping: mapping.clone(),
                offset: offset.wrapping_add(distance),
                file: file.clone(),
                attachment: attachment.clone(),
            },
        }
    }

    /// `next`, which begins `distance` bytes after `self` does, continues it.
    fn continued_by(&self, distance: u64, next: &VmaBacking) -> bool {
        match (self, next) {
            (VmaBacking::Anonymous, VmaBacking::Anonymous) => true,
            (
                VmaBacking::Object { mapping: a, offset: from, file: f, .. },
                VmaBacking::Object { mapping: b, offset: to, file: g, .. },
            ) => {
                Arc::ptr_eq(&a.fd, &b.fd)
                    && from.checked_add(distance) == Some(*to)
                    && match (f, g) {
                        (Some(f), Some(g)) => Arc::ptr_eq(f, g),
                        (None, None) => true,
                        _ => false,
                    }
            }
            _ => false,
        }
    }
}

/// A virtual memory area.
#[derive(Clone, Snapshot)]
pub struct Vma {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// Access rights.
    #[snapshot(with = checkpoint::prot)]
    pub prot: Prot,
    /// The most rights that mprotect(2) may give it.
    #[snapshot(with = checkpoint::prot)]
    pub max_prot: Prot,
    /// What is special about it.
    pub flags: VmaFlags,
    /// Where its content comes from.
    pub backing: VmaBacking,
}

impl Vma {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }

    /// Contains the address.
    pub fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// Accounted as private writable memory (RLIMIT_DATA, overcommit).
    pub fn is_data(&self) -> bool {
        self.prot.contains(Prot::WRITE) && !self.flags.intersects(VmaFlags::SHARED | VmaFlags::STACK)
    }

    /// The part of the area from `start` to `end`, which lie in it.
    pub fn part(&self, start: u64, end: u64) -> Vma {
        Vma { start, end, backing: self.backing.advanced(start - self.start), ..self.clone() }
    }

    /// `next` follows without a gap and may be merged into one area with this.
    pub fn merges_with(&self, next: &Vma) -> bool {
        self.end == next.start
            && self.prot == next.prot
            && self.max_prot == next.max_prot
            && self.flags == next.flags
            && self.backing.continued_by(self.length(), &next.backing)
    }
}
