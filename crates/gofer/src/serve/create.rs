//! New files, and other names.

use std::rc::Rc;

use lazaret_p9::{Qid, Reply, Request, open};
use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, RenameFlags, linkat, makedev, mkdirat, mknodat, renameat_with, symlinkat,
        unlinkat,
    },
    io::{Errno, Result},
};

use super::{
    attributes::{set_mode, set_owner},
    connection::Session,
    fid::{AS_IT_COMES, State},
    io::host_flags,
    node::{Node, entry_name, qid_of, stat},
};

/// Set-user-id and set-group-id, which a change of owner takes away.
const SET_ID: u32 = 0o6000;

/// AT_REMOVEDIR.
const REMOVE_DIRECTORY: u32 = 0x200;

impl Session {
    pub(super) fn create(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        match *request {
            Request::Lcreate { fid, name, flags, mode, gid } => self.create_file(tag, fid, name, flags, (mode, gid)),
            Request::Symlink { directory, name, target, gid } => {
                let target = std::ffi::CString::new(target).map_err(|_| Errno::INVAL)?;
                let make = |directory: &Node, name: &_| symlinkat(&*target, &directory.file, name);
                let qid = self.make(directory, name, (0o777, gid), make)?;
                self.done(tag, Reply::Symlink { qid })
            }
            Request::Mknod { directory, name, mode, major, minor, gid } => {
                let kind = FileType::from_raw_mode(mode);
                if !matches!(kind, FileType::RegularFile | FileType::Fifo | FileType::Socket) {
                    return Err(Errno::PERM);
                }
                let device = makedev(major, minor);
                let make = |directory: &Node, name: &_| mknodat(&directory.file, name, kind, permissions(mode), device);
                let qid = self.make(directory, name, (mode, gid), make)?;
                self.done(tag, Reply::Mknod { qid })
            }
            Request::Mkdir { directory, name, mode, gid } => {
                let make = |directory: &Node, name: &_| mkdirat(&directory.file, name, permissions(mode));
                let qid = self.make(directory, name, (mode, gid), make)?;
                self.done(tag, Reply::Mkdir { qid })
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

    /// Makes an entry, which gets the owner and the mode that the client wants.
    fn make(
        &self,
        directory: u32,
        name: &[u8],
        (mode, gid): (u32, u32),
        make: impl FnOnce(&Node, &std::ffi::CStr) -> Result<()>,
    ) -> Result<Qid> {
        let directory = self.fids.get(directory)?;
        let name = entry_name(name)?;
        make(&directory.node, &name)?;
        let (node, stat) = directory.node.entry(name)?;
        give(&node, directory.uid, gid, mode)?;
        Ok(qid_of(&stat))
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
                let (node, _) = Node::new(rustix::io::fcntl_dupfd_cloexec(&file, 0)?, None)?;
                give(&node, fid.uid, gid, mode)?;
                file
            }
            Err(Errno::EXIST) if flags & open::EXCLUSIVE == 0 => {
                let (node, _) = directory.entry(name.clone())?;
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

fn permissions(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o7777)
}

/// Gives a new file to those who have asked for it.
fn give(node: &Node, uid: u32, gid: u32, mode: u32) -> Result<()> {
    let stat = stat(&node.file, c"")?;
    let other = |wanted: u32, is: u32| (wanted != AS_IT_COMES && wanted != is).then_some(wanted);
    let (uid, gid) = (other(uid, stat.stx_uid), other(gid, stat.stx_gid));
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    set_owner(node, uid, gid)?;
    if mode & SET_ID != 0 && node.kind != FileType::Symlink { set_mode(node, mode) } else { Ok(()) }
}
