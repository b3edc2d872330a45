//! New files, and other names.

use std::rc::Rc;

use lazaret_p9::{Reply, Request, open};
use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, RenameFlags, Statx, linkat, mkdirat, mknodat, renameat_with, symlinkat,
        unlinkat,
    },
    io::{Errno, Result},
};

use super::{
    attributes::{attributes_of, set_mode, set_owner},
    connection::Session,
    fid::{AS_IT_COMES, State},
    io::host_flags,
    node::{Node, entry_name, qid_of, stat},
};

/// Set-user-id and set-group-id, which a change of owner takes away.
const SET_ID: u32 = 0o6000;

/// AT_REMOVEDIR.
const REMOVE_DIRECTORY: u32 = 0x200;

impl Session<'_> {
    pub(super) fn create(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        match *request {
            Request::Lcreate { fid, name, flags, mode, gid } => self.create_file(tag, fid, name, flags, (mode, gid)),
            Request::Symlink { directory, name, target, gid } => {
                let qid = qid_of(&self.make(directory, name, symlink(gid), target)?);
                self.done(tag, Reply::Symlink { qid })
            }
            Request::Mknod { directory, name, mode, gid, .. } => {
                let kind = FileType::from_raw_mode(mode);
                if matches!(kind, FileType::Symlink | FileType::Directory) {
                    return Err(Errno::INVAL);
                }
                let qid = qid_of(&self.make(directory, name, New { mode, uid: None, gid }, b"")?);
                self.done(tag, Reply::Mknod { qid })
            }
            Request::Mkdir { directory, name, mode, gid } => {
                let mode = FileType::Directory.as_raw_mode() | permissions(mode).as_raw_mode();
                let qid = qid_of(&self.make(directory, name, New { mode, uid: None, gid }, b"")?);
                self.done(tag, Reply::Mkdir { qid })
            }
            Request::Make { directory, name, mode, uid, gid, target } if self.extended => {
                let stat = self.make(directory, name, New { mode, uid: Some(uid), gid }, target)?;
                let attributes = attributes_of(&stat, true);
                self.done(tag, Reply::Make { attributes })
            }
            Request::Link { directory, fid, name } => {
                let (directory, name) = (self.fids.node(directory)?, entry_name(name)?);
                let (from, old) = self.fids.get(fid)?.node.place()?;
                linkat(&from.file, old, &directory.file, name, AtFlags::empty())?;
                self.done(tag, Reply::Link {})
            }
            Request::Rename { fid, directory, name } => {
                let (node, directory, name) = (self.fids.node(fid)?, self.fids.node(directory)?, entry_name(name)?);
                let (from, old) = node.place()?;
                renameat_with(&from.file, old, &directory.file, &*name, RenameFlags::empty())?;
                node.moved(directory, name);
                self.done(tag, Reply::Rename {})
            }
            Request::RenameAt { directory, name, new_directory, new_name } => {
                self.rename(directory, name, new_directory, new_name, 0)?;
                self.done(tag, Reply::RenameAt {})
            }
            Request::RenameWith { directory, name, new_directory, new_name, flags } if self.extended => {
                self.rename(directory, name, new_directory, new_name, flags)?;
                self.done(tag, Reply::RenameWith {})
            }
            Request::UnlinkAt { directory, name, flags } => {
                let directory = self.fids.node(directory)?;
                let flags = match flags {
                    0 => AtFlags::empty(),
                    REMOVE_DIRECTORY => AtFlags::REMOVEDIR,
                    _ => return Err(Errno::INVAL),
                };
                unlinkat(&directory.file, entry_name(name)?, flags)?;
                self.done(tag, Reply::UnlinkAt {})
            }
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    fn rename(&self, from: u32, name: &[u8], to: u32, new_name: &[u8], flags: u32) -> Result<()> {
        let (from, to) = (self.fids.node(from)?, self.fids.node(to)?);
        let flags = RenameFlags::from_bits(flags).ok_or(Errno::INVAL)?;
        renameat_with(&from.file, entry_name(name)?, &to.file, entry_name(new_name)?, flags)
    }

    /// Makes an entry, which gets the owner and the mode that the client wants; its attributes.
    fn make(&self, directory: u32, name: &[u8], new: New, target: &[u8]) -> Result<Statx> {
        let directory = self.fids.get(directory)?;
        let (place, name) = (&directory.node.file, entry_name(name)?);
        let mode = permissions(new.mode);
        match FileType::from_raw_mode(new.mode) {
            FileType::Symlink => symlinkat(target, place, &name)?,
            FileType::Directory => mkdirat(place, &name, mode)?,
            FileType::RegularFile => {
                // It is given away by what it was made as: its name may be another file's by then.
                let how = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
                let (node, found) = Node::new(directory.node.make_entry(&name, how, mode)?, None)?;
                return give(&node, found, New { uid: Some(new.uid.unwrap_or(directory.uid)), ..new });
            }
            kind @ (FileType::Fifo | FileType::Socket) => mknodat(place, &name, kind, mode, 0)?,
            // Devices, which nobody could open.
            _ => return Err(Errno::PERM),
        }
        let (node, found) = directory.node.entry(name)?;
        give(&node, found, New { uid: Some(new.uid.unwrap_or(directory.uid)), ..new })
    }

    fn create_file(&mut self, tag: u16, number: u32, name: &[u8], flags: u32, (mode, gid): (u32, u32)) -> Result<()> {
        let unit = self.unit();
        let fid = self.fids.get_mut(number)?;
        if !matches!(fid.state, State::Closed) || fid.node.kind != FileType::Directory {
            return Err(Errno::BADF);
        }
        let (directory, name) = (fid.node.clone(), entry_name(name)?);
        let how = (host_flags(flags) - OFlags::DIRECTORY) | OFlags::NOCTTY | OFlags::NONBLOCK;
        let made = directory.make_entry(&name, how | OFlags::CREATE | OFlags::EXCL, permissions(mode));
        let file = match made {
            Ok(file) => {
                let (node, found) = Node::new(rustix::io::fcntl_dupfd_cloexec(&file, 0)?, None)?;
                give(&node, found, New { mode, uid: Some(fid.uid), gid })?;
                file
            }
            Err(Errno::EXIST) if flags & open::EXCLUSIVE == 0 => {
                let (node, _) = directory.entry(name.clone())?;
                // As open(2) with O_CREAT has it. What is opened here is handed over.
                if node.kind == FileType::Directory {
                    return Err(Errno::ISDIR);
                }
                node.open(how)?
            }
            Err(errno) => return Err(errno),
        };
        let place = Some((directory, name));
        let (node, stat) = Node::new(rustix::io::fcntl_dupfd_cloexec(&file, 0)?, place)?;
        let file = Rc::new(file);
        fid.node = node;
        fid.state = State::File(file.clone());
        self.reply(tag, &Reply::Lcreate { qid: qid_of(&stat), unit });
        self.opened(&file);
        Ok(())
    }
}

/// Removes a file by the name that it was found by.
pub(super) fn remove(node: &Node) -> Result<()> {
    let (directory, name) = node.place()?;
    let flags = if node.kind == FileType::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    unlinkat(&directory.file, name, flags)
}

pub(super) fn permissions(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o7777)
}

/// What a client wants a new file to be.
#[derive(Clone, Copy)]
pub(super) struct New {
    /// Type and permission bits.
    pub mode: u32,
    /// The owner, if not the one who has attached.
    pub uid: Option<u32>,
    /// The group.
    pub gid: u32,
}

fn symlink(gid: u32) -> New {
    New { mode: FileType::Symlink.as_raw_mode() | 0o777, uid: None, gid }
}

/// Gives a new file to those who have asked for it; its attributes then.
pub(super) fn give(node: &Node, found: Statx, new: New) -> Result<Statx> {
    let other = |wanted: u32, is: u32| (wanted != AS_IT_COMES && wanted != is).then_some(wanted);
    let (uid, gid) = (other(new.uid.unwrap_or(AS_IT_COMES), found.stx_uid), other(new.gid, found.stx_gid));
    if uid.is_none() && gid.is_none() {
        return Ok(found);
    }
    set_owner(node, uid, gid)?;
    if new.mode & SET_ID != 0 && node.kind != FileType::Symlink {
        set_mode(node, new.mode)?;
    }
    stat(&node.file, c"")
}
