//! What a client's numbers stand for.

use std::{collections::HashMap, os::fd::OwnedFd, rc::Rc};

use rustix::io::{Errno, Result};

use super::node::Node;

/// Most fids of a connection.
const MAX_FIDS: usize = 1 << 16;

/// A fid.
pub struct Fid {
    /// The file.
    pub node: Rc<Node>,
    /// Who made it, by `Attach`; new files are his. [`AS_IT_COMES`] leaves that to the host.
    pub uid: u32,
    /// What it is open for.
    pub state: State,
}

/// No particular user or group.
pub const AS_IT_COMES: u32 = u32::MAX;

/// What a fid is open for.
pub enum State {
    /// Nothing.
    Closed,
    /// Reading and writing of a regular file.
    File(Rc<OwnedFd>),
    /// Listing of a directory.
    Directory {
        /// The open directory.
        file: OwnedFd,
        /// Where it goes on.
        position: u64,
    },
    /// Reading of an extended attribute, or of the list of all.
    Value(Vec<u8>),
    /// Writing of one.
    NewValue(NewValue),
    /// A socket that is bound to the file.
    Socket(Rc<OwnedFd>),
}

/// An extended attribute that is set once it is complete.
pub struct NewValue {
    /// Its name.
    pub name: Vec<u8>,
    /// What has come of the value.
    pub value: Vec<u8>,
    /// Its size when it is complete.
    pub size: usize,
    /// Flags of setxattr(2).
    pub flags: u32,
}

/// The fids of a connection.
#[derive(Default)]
pub struct Fids(HashMap<u32, Fid>);

impl Fids {
    /// The fid of a number.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn get(&self, number: u32) -> Result<&Fid> {
        self.0.get(&number).ok_or(Errno::BADF)
    }

    /// The fid of a number, to be changed.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn get_mut(&mut self, number: u32) -> Result<&mut Fid> {
        self.0.get_mut(&number).ok_or(Errno::BADF)
    }

    /// The file behind a number.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn node(&self, number: u32) -> Result<Rc<Node>> {
        Ok(self.get(number)?.node.clone())
    }

    /// Refuses a number that is in use.
    ///
    /// # Errors
    /// `EBADF`; `ENFILE` if there is no room for another.
    pub fn check_new(&self, number: u32) -> Result<()> {
        if number == lazaret_p9::NO_FID || self.0.contains_key(&number) {
            return Err(Errno::BADF);
        }
        if self.0.len() < MAX_FIDS { Ok(()) } else { Err(Errno::NFILE) }
    }

    /// Gives a number a meaning.
    pub fn set(&mut self, number: u32, fid: Fid) {
        self.0.insert(number, fid);
    }

    /// Takes a number's meaning.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn remove(&mut self, number: u32) -> Result<Fid> {
        self.0.remove(&number).ok_or(Errno::BADF)
    }
}
