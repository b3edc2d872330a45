//! Attributes of files.

use lazaret_hostcall::file::change_mode;
use lazaret_p9::{Attributes, Change, Reply, Request, StatFs, attribute, change};
use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, Statx, StatxFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, Uid,
        chownat, fstatfs, ftruncate, makedev, readlinkat, utimensat,
    },
    io::{Errno, Result},
};

use super::{
    connection::Session,
    fid::{Fid, State},
    node::{Node, key_of, qid_of, stat},
};

impl Session<'_> {
    pub(super) fn attributes(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        match *request {
            Request::StatFs { fid } => {
                let statistics = statistics(&*self.fids.node(fid)?)?;
                self.done(tag, Reply::StatFs { statistics })
            }
            Request::GetAttributes { fid, .. } => {
                let stat = stat(&self.fids.get(fid)?.node.file, c"")?;
                let attributes = attributes_of(&stat, self.extended);
                self.done(tag, Reply::GetAttributes { attributes })
            }
            Request::SetAttributes { fid, change } => {
                set(self.fids.get(fid)?, &change)?;
                self.done(tag, Reply::SetAttributes {})
            }
            Request::ReadLink { fid } => {
                let target = readlinkat(&self.fids.get(fid)?.node.file, c"", Vec::new())?;
                self.done(tag, Reply::ReadLink { target: target.as_bytes() })
            }
            _ => Err(Errno::OPNOTSUPP),
        }
    }
}

/// Attributes as the client gets them, with our additions or without.
pub(super) fn attributes_of(stat: &Statx, extended: bool) -> Attributes {
    let has_birth = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
    let told = |is: bool, bit: u64| if is { bit } else { 0 };
    Attributes {
        valid: attribute::BASIC | told(has_birth, attribute::BIRTH) | told(extended, attribute::GENERATION),
        qid: qid_of(stat),
        mode: stat.stx_mode.into(),
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        links: stat.stx_nlink.into(),
        rdev: makedev(stat.stx_rdev_major, stat.stx_rdev_minor),
        size: stat.stx_size,
        block_size: stat.stx_blksize.into(),
        blocks: stat.stx_blocks,
        atime: stat.stx_atime.tv_sec.cast_unsigned(),
        atime_nanoseconds: stat.stx_atime.tv_nsec.into(),
        mtime: stat.stx_mtime.tv_sec.cast_unsigned(),
        mtime_nanoseconds: stat.stx_mtime.tv_nsec.into(),
        ctime: stat.stx_ctime.tv_sec.cast_unsigned(),
        ctime_nanoseconds: stat.stx_ctime.tv_nsec.into(),
        btime: stat.stx_btime.tv_sec.cast_unsigned(),
        btime_nanoseconds: stat.stx_btime.tv_nsec.into(),
        generation: if extended { key_of(stat).0 } else { 0 },
        data_version: 0,
    }
}

fn statistics(node: &Node) -> Result<StatFs> {
    let found = fstatfs(&node.file)?;
    let small = |number: i64| u32::try_from(number).unwrap_or(0);
    Ok(StatFs {
        magic: small(found.f_type),
        block_size: small(found.f_bsize),
        blocks: found.f_blocks,
        blocks_free: found.f_bfree,
        blocks_available: found.f_bavail,
        files: found.f_files,
        files_free: found.f_ffree,
        id: key_of(&stat(&node.file, c"")?).0,
        name_length: small(found.f_namelen),
    })
}

fn set(fid: &Fid, wanted: &Change) -> Result<()> {
    let node = &fid.node;
    let given = |bit: u32| wanted.valid & bit != 0;
    if given(change::UID | change::GID) {
        let (uid, gid) = (given(change::UID).then_some(wanted.uid), given(change::GID).then_some(wanted.gid));
        set_owner(node, uid, gid)?;
    }
    if given(change::MODE) {
        set_mode(node, wanted.mode)?;
    }
    if given(change::SIZE) {
        let writable = |file: &rustix::fd::OwnedFd| {
            let access = rustix::fs::fcntl_getfl(file)?.intersection(OFlags::RWMODE);
            Ok(access != OFlags::RDONLY)
        };
        match &fid.state {
            State::File(file) if writable(file)? => ftruncate(&**file, wanted.size)?,
            _ if node.kind == FileType::RegularFile => ftruncate(node.open(OFlags::RDWR)?, wanted.size)?,
            _ if node.kind == FileType::Directory => return Err(Errno::ISDIR),
            _ => return Err(Errno::INVAL),
        }
    }
    let time = |now: u32, set: u32, seconds: u64, nanoseconds: u64| match (given(set), given(now)) {
        (true, _) => Ok(Timespec {
            tv_sec: seconds.cast_signed(),
            tv_nsec: i64::try_from(nanoseconds).ok().filter(|count| *count < 1_000_000_000).ok_or(Errno::INVAL)?,
        }),
        (_, true) => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
        _ => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }),
    };
    if given(change::ATIME | change::ATIME_SET | change::MTIME | change::MTIME_SET) {
        let times = Timestamps {
            last_access: time(change::ATIME, change::ATIME_SET, wanted.atime, wanted.atime_nanoseconds)?,
            last_modification: time(change::MTIME, change::MTIME_SET, wanted.mtime, wanted.mtime_nanoseconds)?,
        };
        utimensat(&node.file, c"", &times, AtFlags::EMPTY_PATH)?;
    }
    Ok(())
}

/// Gives a file to others.
pub(super) fn set_owner(node: &Node, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
    chownat(&node.file, c"", uid.map(Uid::from_raw), gid.map(Gid::from_raw), AtFlags::EMPTY_PATH)
}

/// Changes permission bits. Hosts before Linux 6.6 can do that with regular files and directories only.
pub(super) fn set_mode(node: &Node, mode: u32) -> Result<()> {
    let mode = Mode::from_raw_mode(mode & 0o7777);
    match change_mode(&node.file, mode) {
        Err(Errno::NOSYS) if matches!(node.kind, FileType::RegularFile | FileType::Directory) => {
            rustix::fs::fchmod(node.open(OFlags::RDONLY)?, mode)
        }
        Err(Errno::NOSYS) => Err(Errno::OPNOTSUPP),
        result => result,
    }
}
