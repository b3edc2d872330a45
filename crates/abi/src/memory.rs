//! Memory mapping; see mmap(2), mremap(2), madvise(2), msync(2), mlock(2).

names! {
    /// Protection of mmap(2).
    pub mod prot: u32 = "PROT_" { READ = 1, WRITE = 2, EXEC = 4, SEM = 8, GROWSDOWN = 0x0100_0000, GROWSUP = 0x0200_0000, }

    /// Flags of mmap(2); the type first, which is a value of two bits and more.
    pub mod map: u32 = "MAP_" {
        SHARED_VALIDATE = 3, SHARED = 1, PRIVATE = 2, DROPPABLE = 8, FIXED = 0x10, ANONYMOUS = 0x20, BIT32 = 0x40,
        GROWSDOWN = 0x100, DENYWRITE = 0x800, EXECUTABLE = 0x1000, LOCKED = 0x2000, NORESERVE = 0x4000,
        POPULATE = 0x8000, NONBLOCK = 0x1_0000, STACK = 0x2_0000, HUGETLB = 0x4_0000, SYNC = 0x8_0000,
        FIXED_NOREPLACE = 0x10_0000, UNINITIALIZED = 0x400_0000,
    }

    /// Flags of mremap(2).
    pub mod remap: u32 = "MREMAP_" { MAYMOVE = 1, FIXED = 2, DONTUNMAP = 4, }

    /// Flags of msync(2).
    pub mod sync: u32 = "MS_" { ASYNC = 1, INVALIDATE = 2, SYNC = 4, }

    /// Flags of mlockall(2).
    pub mod lockall: u32 = "MCL_" { CURRENT = 1, FUTURE = 2, ONFAULT = 4, }

    /// Flags of mlock2(2).
    pub mod lock: u32 = "MLOCK_" { ONFAULT = 1, }

    /// Advice of madvise(2).
    pub mod advice: u32 = "MADV_" {
        NORMAL = 0, RANDOM = 1, SEQUENTIAL = 2, WILLNEED = 3, DONTNEED = 4, FREE = 8, REMOVE = 9, DONTFORK = 10,
        DOFORK = 11, MERGEABLE = 12, UNMERGEABLE = 13, HUGEPAGE = 14, NOHUGEPAGE = 15, DONTDUMP = 16, DODUMP = 17,
        WIPEONFORK = 18, KEEPONFORK = 19, COLD = 20, PAGEOUT = 21, POPULATE_READ = 22, POPULATE_WRITE = 23,
        DONTNEED_LOCKED = 24, COLLAPSE = 25, HWPOISON = 100, SOFT_OFFLINE = 101, GUARD_INSTALL = 102, GUARD_REMOVE = 103,
    }

    /// Commands of membarrier(2).
    pub mod membarrier: u32 = "MEMBARRIER_CMD_" {
        QUERY = 0, GLOBAL = 1, GLOBAL_EXPEDITED = 2, REGISTER_GLOBAL_EXPEDITED = 4, PRIVATE_EXPEDITED = 8,
        REGISTER_PRIVATE_EXPEDITED = 16, PRIVATE_EXPEDITED_SYNC_CORE = 32, REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
        PRIVATE_EXPEDITED_RSEQ = 128, REGISTER_PRIVATE_EXPEDITED_RSEQ = 256, GET_REGISTRATIONS = 512,
    }
}
