//! open(2) and its relatives, close(2), memfd_create(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::{OpenHow as AbiOpenHow, close_range as range_flags, memfd, resolve},
    id::Fd,
};

use super::SysResult;
use crate::{
    fs::{
        at, descriptor,
        file::flags,
        tmpfs::{MemfdFlags, create_memfd},
        vfs::{LookupFlags, OpenHow},
    },
    sync::Arc,
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// Flags that open(2) knows; it ignores others, openat2(2) refuses them.
const KNOWN: u32 = flags::ACCMODE
    | flags::CREAT
    | flags::EXCL
    | flags::NOCTTY
    | flags::TRUNC
    | flags::APPEND
    | flags::NONBLOCK
    | flags::SYNC
    | flags::ASYNC
    | flags::DIRECT
    | flags::LARGEFILE
    | flags::TMPFILE
    | flags::NOFOLLOW
    | flags::NOATIME
    | flags::CLOEXEC
    | flags::PATH;

/// The bit of O_TMPFILE that is not O_DIRECTORY.
const TMPFILE_BIT: u32 = flags::TMPFILE & !flags::DIRECTORY;

/// Checks combinations of flags as open(2) and openat2(2) both do.
fn check_flags(open_flags: u32) -> Result<u32, Errno> {
    if open_flags & flags::CREAT != 0 && open_flags & flags::DIRECTORY != 0 && open_flags & TMPFILE_BIT == 0 {
        return Err(Errno::EINVAL);
    }
    if open_flags & TMPFILE_BIT != 0
        && (open_flags & flags::DIRECTORY == 0
            || open_flags & flags::CREAT != 0
            || open_flags & flags::ACCMODE == flags::RDONLY)
    {
        return Err(Errno::EINVAL);
    }
    Ok(open_flags | flags::LARGEFILE)
}

/// With O_PATH all but a few flags are ignored.
fn path_only(open_flags: u32) -> u32 {
    if open_flags & flags::PATH == 0 {
        return open_flags;
    }
    open_flags & (flags::PATH | flags::DIRECTORY | flags::NOFOLLOW | flags::CLOEXEC)
}

fn do_open(current: &Current, directory: Fd, path: UserAddr, how: &OpenHow) -> SysResult {
    let path = current.read_path(path)?;
    // In a scope an absolute path starts at the directory as well.
    let scoped = how.resolve.intersects(LookupFlags::BENEATH | LookupFlags::IN_ROOT);
    let relative: &[u8] = if scoped { b"" } else { &path };
    let file = at::context_at(current, directory, relative)?.open(&path, how)?;
    descriptor::install(current, file, how.flags & flags::CLOEXEC != 0)
}

/// openat(2).
pub fn openat(current: &mut Current, directory: Fd, path: UserAddr, open_flags: u32, mode: u32) -> SysResult {
    let open_flags = path_only(open_flags & KNOWN);
    let makes = open_flags & (flags::CREAT | TMPFILE_BIT) != 0;
    let open_flags = if open_flags & flags::PATH != 0 { open_flags } else { check_flags(open_flags)? };
    let how = OpenHow { flags: open_flags, mode: if makes { mode & 0o7777 } else { 0 }, resolve: LookupFlags::empty() };
    do_open(current, directory, path, &how)
}

/// open(2).
pub fn open(current: &mut Current, path: UserAddr, open_flags: u32, mode: u32) -> SysResult {
    openat(current, Fd::CWD, path, open_flags, mode)
}

/// creat(2).
pub fn creat(current: &mut Current, path: UserAddr, mode: u32) -> SysResult {
    openat(current, Fd::CWD, path, flags::CREAT | flags::WRONLY | flags::TRUNC, mode)
}

/// openat2(2).
pub fn openat2(
    current: &mut Current,
    directory: Fd,
    path: UserAddr,
    how: UserPtr<AbiOpenHow>,
    size: usize,
) -> SysResult {
    const SIZE: usize = size_of::<AbiOpenHow>();
    if size < SIZE {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let asked = current.read(how)?;
    let mut rest = vec![0; size - SIZE];
    current.read_bytes(how.address().checked_add(SIZE as u64).ok_or(Errno::EFAULT)?, &mut rest)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let open_flags = u32::try_from(asked.flags).ok().filter(|bits| bits & !KNOWN == 0).ok_or(Errno::EINVAL)?;
    let allowed = flags::PATH | flags::DIRECTORY | flags::NOFOLLOW | flags::CLOEXEC;
    if open_flags & flags::PATH != 0 && open_flags & !allowed != 0 {
        return Err(Errno::EINVAL);
    }
    let makes = open_flags & (flags::CREAT | TMPFILE_BIT) != 0;
    let mode = u32::try_from(asked.mode).ok().filter(|mode| mode & !0o7777 == 0).ok_or(Errno::EINVAL)?;
    if !makes && mode != 0 {
        return Err(Errno::EINVAL);
    }
    let how = OpenHow {
        flags: if open_flags & flags::PATH != 0 { open_flags } else { check_flags(open_flags)? },
        mode,
        resolve: resolve_flags(asked.resolve, open_flags)?,
    };
    do_open(current, directory, path, &how)
}

fn resolve_flags(asked: u64, open_flags: u32) -> Result<LookupFlags, Errno> {
    let map = [
        (resolve::NO_XDEV, LookupFlags::NO_XDEV),
        (resolve::NO_MAGICLINKS, LookupFlags::NO_MAGICLINKS),
        (resolve::NO_SYMLINKS, LookupFlags::NO_SYMLINKS | LookupFlags::NO_MAGICLINKS),
        (resolve::BENEATH, LookupFlags::BENEATH),
        (resolve::IN_ROOT, LookupFlags::IN_ROOT),
        (resolve::CACHED, LookupFlags::empty()),
    ];
    let known = map.iter().fold(0, |known, (bit, _)| known | bit);
    if asked & !known != 0 || asked & resolve::BENEATH != 0 && asked & resolve::IN_ROOT != 0 {
        return Err(Errno::EINVAL);
    }
    // A walk that must not leave the cache may always say that it had to.
    if asked & resolve::CACHED != 0 {
        let changes = open_flags & (flags::TRUNC | flags::CREAT | TMPFILE_BIT) != 0;
        return Err(if changes { Errno::EINVAL } else { Errno::EAGAIN });
    }
    Ok(map.iter().filter(|(bit, _)| asked & bit != 0).fold(LookupFlags::empty(), |all, (_, flag)| all | *flag))
}

/// close(2).
pub fn close(current: &mut Current, fd: Fd) -> SysResult {
    let files = current.task.files();
    let file = files.remove(fd.get())?;
    files.closed(&file);
    Ok(0)
}

/// close_range(2).
pub fn close_range(current: &mut Current, first: u32, last: u32, how: u32) -> SysResult {
    if how & !(range_flags::UNSHARE | range_flags::CLOEXEC) != 0 || first > last {
        return Err(Errno::EINVAL);
    }
    let mut files = current.task.files();
    if how & range_flags::UNSHARE != 0 && Arc::strong_count(&files) > 2 {
        files = Arc::new(files.duplicate());
        current.task.set_files(files.clone());
    }
    let within = |fd: i32| u32::try_from(fd).is_ok_and(|fd| (first..=last).contains(&fd));
    if how & range_flags::CLOEXEC != 0 {
        for fd in files.open_descriptors().into_iter().filter(|fd| within(*fd)) {
            // A descriptor closed by another thread meanwhile needs no flag.
            let _ = files.set_close_on_exec(fd, true);
        }
        return Ok(0);
    }
    for file in files.remove_where(|fd, _| within(fd)) {
        files.closed(&file);
    }
    Ok(0)
}

/// memfd_create(2).
pub fn memfd_create(current: &mut Current, name: UserAddr, memfd_flags: u32) -> SysResult {
    const NAME_MAX: usize = 249;
    let memfd_flags = MemfdFlags::from_bits(memfd_flags).ok_or(Errno::EINVAL)?;
    let name = match current.read_cstr(name, NAME_MAX + 1) {
        Err(Errno::ENAMETOOLONG) => return Err(Errno::EINVAL),
        name => name?,
    };
    let file = create_memfd(&name, memfd_flags, &current.task.creds())?;
    descriptor::install(current, file, memfd_flags.bits() & memfd::CLOEXEC != 0)
}
