//! tmpfs: files in memory; see tmpfs(5).

mod content;
mod directory;
mod file;
mod inode;
mod memfd;
mod rename;

pub use self::{
    file::{TmpDirectory, TmpFile},
    inode::TmpInode,
    memfd::{MemfdFlags, Seals, create_memfd},
};

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    inode::{FsStatistics, Inode},
    vfs::SuperBlock,
};
use crate::sync::{Arc, AtomicU64, Ordering};

const PAGE_SIZE: u64 = 4096;

/// `f_type` of tmpfs (TMPFS_MAGIC).
const MAGIC: u64 = 0x0102_1994;

/// Space and inodes in use, and their limits.
#[derive(Snapshot)]
pub struct Usage {
    pages: AtomicU64,
    max_pages: AtomicU64,
    inodes: AtomicU64,
    max_inodes: AtomicU64,
}

fn take(counter: &AtomicU64, count: u64, limit: &AtomicU64) -> bool {
    let limit = limit.load(Ordering::Relaxed);
    let update = |used: u64| used.checked_add(count).filter(|used| *used <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).is_ok()
}

fn give_back(counter: &AtomicU64, count: u64) {
    let update = |used: u64| Some(used.saturating_sub(count));
    // Cannot fail: the closure always gives a value.
    let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
}

impl Usage {
    /// Nothing in use.
    pub fn new(max_pages: u64, max_inodes: u64) -> Usage {
        Usage {
            pages: AtomicU64::new(0),
            max_pages: AtomicU64::new(max_pages),
            inodes: AtomicU64::new(0),
            max_inodes: AtomicU64::new(max_inodes),
        }
    }

    /// Takes pages; false when there are not so many.
    pub fn charge(&self, pages: u64) -> bool {
        take(&self.pages, pages, &self.max_pages)
    }

    /// So many pages are left.
    pub fn has_room(&self, pages: u64) -> bool {
        self.used_pages().checked_add(pages).is_some_and(|used| used <= self.max_pages.load(Ordering::Relaxed))
    }

    /// Gives pages back.
    pub fn release(&self, pages: u64) {
        give_back(&self.pages, pages);
    }

    /// A file that used `old` pages uses `new` ones.
    pub fn adjust(&self, old: u64, new: u64) {
        self.pages.fetch_add(new, Ordering::Relaxed);
        self.release(old);
    }

    /// Pages in use.
    pub fn used_pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }
}

/// A tmpfs.
#[derive(Snapshot)]
pub struct TmpFs {
    device: u64,
    usage: Usage,
    next_inode: AtomicU64,
}

impl TmpFs {
    /// A new inode number, counted.
    fn new_inode(&self) -> Result<u64, Errno> {
        if !take(&self.usage.inodes, 1, &self.usage.max_inodes) {
            return Err(Errno::ENOSPC);
        }
        Ok(self.next_inode.fetch_add(1, Ordering::Relaxed))
    }

    fn statistics(&self) -> FsStatistics {
        let (max_pages, max_inodes) =
            (self.usage.max_pages.load(Ordering::Relaxed), self.usage.max_inodes.load(Ordering::Relaxed));
        let free = max_pages.saturating_sub(self.usage.used_pages());
        FsStatistics {
            magic: MAGIC,
            block_size: PAGE_SIZE,
            blocks: max_pages,
            blocks_free: free,
            blocks_available: free,
            files: max_inodes,
            files_free: max_inodes.saturating_sub(self.usage.inodes.load(Ordering::Relaxed)),
            name_max: 255,
        }
    }
}

/// Options of a tmpfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TmpfsOptions {
    /// Most pages of 4096 bytes.
    pub pages: u64,
    /// Most inodes.
    pub inodes: u64,
    /// Permission bits of the root.
    pub permissions: u32,
    /// Owner of the root.
    pub uid: u32,
    /// Group of the root.
    pub gid: u32,
}

impl Default for TmpfsOptions {
    /// Half of the memory, as on Linux.
    fn default() -> TmpfsOptions {
        let half = memory_pages() / 2;
        TmpfsOptions { pages: half, inodes: half, permissions: 0o1777, uid: 0, gid: 0 }
    }
}

fn memory_pages() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit.max(1))) / PAGE_SIZE
}

impl TmpfsOptions {
    /// Reads mount data (`size=64k,mode=1777`).
    ///
    /// # Errors
    /// `EINVAL` for an option or value that tmpfs(5) does not know.
    pub fn parse(data: &str) -> Result<TmpfsOptions, Errno> {
        let mut options = TmpfsOptions::default();
        for option in data.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let unlimited = |value: u64| if value == 0 { u64::MAX / PAGE_SIZE } else { value };
            match name {
                "size" => options.pages = unlimited(parse_size(value)?.div_ceil(PAGE_SIZE)),
                "nr_blocks" => options.pages = unlimited(parse_number(value)?),
                "nr_inodes" => options.inodes = unlimited(parse_number(value)?),
                "mode" => {
                    options.permissions = u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL)? & 0o7777;
                }
                "uid" => options.uid = value.parse().map_err(|_| Errno::EINVAL)?,
                "gid" => options.gid = value.parse().map_err(|_| Errno::EINVAL)?,
                // Where memory comes from is the host's matter; the security label has no meaning here.
                "huge" | "mpol" | "inode32" | "inode64" | "noswap" | "context" | "rootcontext" => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }
}

/// A number with an optional suffix k, m, g or t (1024 and its powers).
fn parse_number(text: &str) -> Result<u64, Errno> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return Err(Errno::EINVAL),
    };
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)).ok_or(Errno::EINVAL)
}

/// A size in bytes, or in percent of the memory.
fn parse_size(text: &str) -> Result<u64, Errno> {
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent: u64 = percent.parse().map_err(|_| Errno::EINVAL)?;
            Ok(memory_pages().saturating_mul(PAGE_SIZE) / 100 * percent.min(1000))
        }
        None => parse_number(text),
    }
}

/// Makes a tmpfs and returns its root directory.
pub fn new_root(options: &TmpfsOptions) -> Arc<TmpInode> {
    TmpInode::root(
        Arc::new(TmpFs {
            device: SuperBlock::allocate_device(),
            usage: Usage::new(options.pages, options.inodes),
            next_inode: AtomicU64::new(1),
        }),
        options,
    )
}

impl TmpInode {
    /// Changes the limits of the file system (remount). Those that are not named stay.
    ///
    /// # Errors
    /// `EINVAL` for bad mount data or a limit below what is in use.
    pub fn reconfigure(&self, data: &str) -> Result<(), Errno> {
        let options = TmpfsOptions::parse(data)?;
        let named = |names: &[&str]| {
            data.split(',').any(|option| names.contains(&option.split_once('=').map_or(option, |(name, _)| name)))
        };
        let usage = &self.fs.usage;
        if named(&["size", "nr_blocks"]) {
            if options.pages < usage.used_pages() {
                return Err(Errno::EINVAL);
            }
            usage.max_pages.store(options.pages, Ordering::Relaxed);
        }
        if named(&["nr_inodes"]) {
            if options.inodes < usage.inodes.load(Ordering::Relaxed) {
                return Err(Errno::EINVAL);
            }
            usage.max_inodes.store(options.inodes, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Makes a tmpfs to be mounted; `data` is the mount data.
///
/// # Errors
/// `EINVAL` for bad mount data.
pub fn mount(source: &str, data: &str) -> Result<Arc<SuperBlock>, Errno> {
    let root: Arc<dyn Inode> = new_root(&TmpfsOptions::parse(data)?);
    Ok(SuperBlock::new("tmpfs", source, data, root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let options = TmpfsOptions::parse("size=64k,mode=0700,uid=5,nr_inodes=10").unwrap();
        assert_eq!((options.pages, options.inodes), (16, 10));
        assert_eq!((options.permissions, options.uid), (0o700, 5));
        assert_eq!(TmpfsOptions::parse("size=1x"), Err(Errno::EINVAL));
        assert_eq!(TmpfsOptions::parse("colour=red"), Err(Errno::EINVAL));
        assert_eq!(TmpfsOptions::parse("size=99999999999999999999t"), Err(Errno::EINVAL));
    }
}
