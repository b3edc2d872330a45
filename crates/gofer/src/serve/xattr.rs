//! Extended attributes; see xattr(7).

use std::{ffi::CString, os::fd::OwnedFd};

use lazaret_p9::{Reply, Request};
use rustix::{
    fs::{FileType, OFlags, XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr},
    io::{Errno, Result},
};

use super::{
    connection::Session,
    fid::{Fid, NewValue, State},
    node::Node,
};

/// Longest value, and longest list of names.
const SIZE_MAX: usize = 64 * 1024;

/// A file open for its attributes.
fn open(node: &Node) -> Result<OwnedFd> {
    match node.kind {
        FileType::RegularFile | FileType::Directory => node.open(OFlags::RDONLY),
        _ => Err(Errno::OPNOTSUPP),
    }
}

fn attribute_name(name: &[u8]) -> Result<CString> {
    CString::new(name).map_err(|_| Errno::INVAL)
}

impl Session<'_> {
    pub(super) fn xattr(&mut self, tag: u16, request: &Request<'_>) -> Result<()> {
        match *request {
            Request::XattrWalk { fid, new_fid, name } => {
                self.fids.check_new(new_fid)?;
                let (node, uid) = (self.fids.node(fid)?, self.fids.get(fid)?.uid);
                let mut value = vec![0; SIZE_MAX];
                let length = match name {
                    b"" if !matches!(node.kind, FileType::RegularFile | FileType::Directory) => 0,
                    b"" => flistxattr(open(&node)?, &mut value[..])?,
                    name => fgetxattr(open(&node)?, attribute_name(name)?, &mut value[..])?,
                };
                value.truncate(length);
                value.shrink_to_fit();
                let size = length as u64;
                self.fids.set(new_fid, Fid { node, uid, state: State::Value(value) });
                self.done(tag, Reply::XattrWalk { size })
            }
            Request::XattrCreate { fid, name, size, flags } => {
                let size = usize::try_from(size).ok().filter(|size| *size <= SIZE_MAX).ok_or(Errno::TOOBIG)?;
                let fid = self.fids.get_mut(fid)?;
                if !matches!(fid.state, State::Closed) {
                    return Err(Errno::BUSY);
                }
                attribute_name(name)?;
                fid.state = State::NewValue(NewValue { name: name.into(), value: Vec::new(), size, flags });
                self.done(tag, Reply::XattrCreate {})
            }
            Request::XattrRemove { fid, name } if self.extended => {
                fremovexattr(open(&*self.fids.node(fid)?)?, attribute_name(name)?)?;
                self.done(tag, Reply::XattrRemove {})
            }
            _ => Err(Errno::OPNOTSUPP),
        }
    }
}

impl NewValue {
    /// Takes the next part of the value.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Result<usize> {
        if offset != self.value.len() as u64 {
            return Err(Errno::INVAL);
        }
        if data.len() > self.size - self.value.len() {
            return Err(Errno::NOSPC);
        }
        self.value.extend_from_slice(data);
        Ok(data.len())
    }

    /// Sets the attribute. An empty value removes it in the standard protocol, which has no other way.
    pub fn set(self, node: &Node, extended: bool) -> Result<()> {
        if self.value.len() != self.size {
            return Err(Errno::INVAL);
        }
        let (file, name) = (open(node)?, attribute_name(&self.name)?);
        if self.size == 0 && !extended {
            return fremovexattr(file, name);
        }
        fsetxattr(file, name, &self.value, XattrFlags::from_bits_retain(self.flags))
    }
}
