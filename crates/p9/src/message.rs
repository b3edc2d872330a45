//! The messages.

use crate::{
    HEADER, Malformed,
    wire::{Data, Field, Input, Many},
};

/// A structure that is part of messages.
macro_rules! structure {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl<'a> Field<'a> for $name {
            fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
                Ok($name { $($field: Field::take(input)?,)* })
            }

            fn put(&self, output: &mut Vec<u8>) {
                $(self.$field.put(output);)*
            }
        }
    };
}

/// All messages of one direction, with their numbers.
macro_rules! messages {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $number:literal $variant:ident { $($field:ident: $type:ty),* })* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name<'a> {
            $(
                $(#[$variant_doc])*
                $variant {
                    $(
                        #[doc = concat!("Field `", stringify!($field), "`.")]
                        $field: $type,
                    )*
                },
            )*
        }

        impl<'a> $name<'a> {
            /// There is such a message.
            pub fn knows(number: u8) -> bool {
                [$($number),*].contains(&number)
            }

            /// Reads the message with this number from the bytes after the header.
            ///
            /// # Errors
            /// [`Malformed`], also where bytes are left over.
            pub fn decode(number: u8, body: &'a [u8]) -> Result<Self, Malformed> {
                let mut input = Input(body);
                let message = match number {
                    $($number => $name::$variant { $($field: Field::take(&mut input)?,)* },)*
                    _ => return Err(Malformed),
                };
                if input.0.is_empty() { Ok(message) } else { Err(Malformed) }
            }

            /// Appends the message with its header.
            pub fn encode(&self, tag: u16, output: &mut Vec<u8>) {
                let start = output.len();
                output.extend_from_slice(&[0; 4]);
                match self {
                    $($name::$variant { $($field,)* } => {
                        output.push($number);
                        tag.put(output);
                        $($field.put(output);)*
                    })*
                }
                let size = u32::try_from(output.len() - start).unwrap_or(u32::MAX);
                output[start..start + 4].copy_from_slice(&size.to_le_bytes());
                debug_assert!(output.len() >= start + HEADER);
            }
        }
    };
}

structure! {
    /// What tells files apart: a type and a number. A file has the same as long as it exists.
    Qid {
        /// Bits of [`qid`].
        kind: u8,
        /// Changes with the content; 0 if it is not told.
        version: u32,
        /// The inode number.
        path: u64,
    }
}

/// Types of a [`Qid`].
pub mod qid {
    /// A directory.
    pub const DIRECTORY: u8 = 0x80;
    /// A symbolic link.
    pub const SYMLINK: u8 = 0x02;
    /// Anything else.
    pub const FILE: u8 = 0;
}

/// Flags of `Lopen` and `Lcreate`; they are those of open(2).
pub mod open {
    /// Access mode.
    pub const ACCESS: u32 = 0o3;
    /// Only for writing.
    pub const WRITE_ONLY: u32 = 0o1;
    /// For reading and writing.
    pub const READ_WRITE: u32 = 0o2;
    /// Fail if it exists.
    pub const EXCLUSIVE: u32 = 0o200;
    /// Cut it to no length.
    pub const TRUNCATE: u32 = 0o1000;
    /// Write at the end.
    pub const APPEND: u32 = 0o2000;
    /// Data are on the disk when a write returns.
    pub const DATA_SYNC: u32 = 0o10000;
    /// Only a directory.
    pub const DIRECTORY: u32 = 0o200000;
    /// The same as [`DATA_SYNC`], with attributes.
    pub const SYNC: u32 = 0o4000000;
}

/// Which [`Attributes`] are asked for, or told.
pub mod attribute {
    /// All that stat(2) tells.
    pub const BASIC: u64 = 0x7ff;
    /// Time of birth.
    pub const BIRTH: u64 = 0x800;
    /// `generation`.
    pub const GENERATION: u64 = 0x1000;
}

structure! {
    /// Attributes of a file.
    Attributes {
        /// Which of them are told: bits of [`attribute`].
        valid: u64,
        /// Type and inode number.
        qid: Qid,
        /// `st_mode`.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Number of names.
        links: u64,
        /// Device number of a device node.
        rdev: u64,
        /// Size in bytes.
        size: u64,
        /// Preferred size of I/O.
        block_size: u64,
        /// Blocks of 512 bytes.
        blocks: u64,
        /// Last access.
        atime: u64,
        /// Its nanoseconds.
        atime_nanoseconds: u64,
        /// Last change of content.
        mtime: u64,
        /// Its nanoseconds.
        mtime_nanoseconds: u64,
        /// Last change of attributes.
        ctime: u64,
        /// Its nanoseconds.
        ctime_nanoseconds: u64,
        /// Birth.
        btime: u64,
        /// Its nanoseconds.
        btime_nanoseconds: u64,
        /// Unused by the standard; `st_dev` in the extended protocol.
        generation: u64,
        /// Unused.
        data_version: u64,
    }
}

/// What a [`Change`] changes.
pub mod change {
    /// Permission bits.
    pub const MODE: u32 = 0x1;
    /// Owner.
    pub const UID: u32 = 0x2;
    /// Group.
    pub const GID: u32 = 0x4;
    /// Size.
    pub const SIZE: u32 = 0x8;
    /// Last access: to the present.
    pub const ATIME: u32 = 0x10;
    /// Last change of content: to the present.
    pub const MTIME: u32 = 0x20;
    /// Last access: to the time given.
    pub const ATIME_SET: u32 = 0x80;
    /// Last change of content: to the time given.
    pub const MTIME_SET: u32 = 0x100;
}

structure! {
    /// A change of attributes.
    Change {
        /// Bits of [`change`].
        valid: u32,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Size in bytes.
        size: u64,
        /// Last access.
        atime: u64,
        /// Its nanoseconds.
        atime_nanoseconds: u64,
        /// Last change of content.
        mtime: u64,
        /// Its nanoseconds.
        mtime_nanoseconds: u64,
    }
}

structure! {
    /// Statistics of a file system; see statfs(2).
    StatFs {
        /// `f_type`.
        magic: u32,
        /// Block size.
        block_size: u32,
        /// Blocks.
        blocks: u64,
        /// Free ones.
        blocks_free: u64,
        /// Those free to ordinary users.
        blocks_available: u64,
        /// Inodes.
        files: u64,
        /// Free ones.
        files_free: u64,
        /// `f_fsid`.
        id: u64,
        /// Longest name.
        name_length: u32,
    }
}

/// Numbers of `Lock` and `GetLock`.
pub mod lock {
    /// A shared lock.
    pub const READ: u8 = 0;
    /// An exclusive lock.
    pub const WRITE: u8 = 1;
    /// No lock.
    pub const UNLOCK: u8 = 2;
    /// Status: it is held.
    pub const SUCCESS: u8 = 0;
    /// Status: another holds one.
    pub const BLOCKED: u8 = 1;
}

structure! {
    /// The bytes of a lock, and the process that holds it.
    LockRange {
        /// The first byte.
        start: u64,
        /// How many; 0 is all up to the end.
        length: u64,
        /// The process, a number of the client's.
        process: u32,
    }
}

/// An entry of a directory, in the data of `Readdir`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Type and inode number.
    pub qid: Qid,
    /// Where to go on after it.
    pub offset: u64,
    /// `d_type`.
    pub kind: u8,
    /// Its name.
    pub name: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Bytes that an entry with this name takes.
    pub fn size(name: &[u8]) -> usize {
        24 + name.len()
    }

    /// Appends the entry.
    pub fn encode(&self, output: &mut Vec<u8>) {
        self.qid.put(output);
        self.offset.put(output);
        self.kind.put(output);
        self.name.put(output);
    }

    /// The first entry of the data, and the rest of them; `None` at their end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(data: &'a [u8]) -> Result<Option<(Entry<'a>, &'a [u8])>, Malformed> {
        if data.is_empty() {
            return Ok(None);
        }
        let mut input = Input(data);
        let (qid, offset, kind) = (Qid::take(&mut input)?, u64::take(&mut input)?, u8::take(&mut input)?);
        let entry = Entry { qid, offset, kind, name: Field::take(&mut input)? };
        Ok(Some((entry, input.0)))
    }
}

messages! {
    /// What a client asks.
    Request {
        /// Statistics of the file system.
        8 StatFs { fid: u32 }
        /// Opens a file.
        12 Lopen { fid: u32, flags: u32 }
        /// Makes and opens a regular file; `fid`, a directory, then stands for the file.
        14 Lcreate { fid: u32, name: &'a [u8], flags: u32, mode: u32, gid: u32 }
        /// Makes a symbolic link.
        16 Symlink { directory: u32, name: &'a [u8], target: &'a [u8], gid: u32 }
        /// Makes a node.
        18 Mknod { directory: u32, name: &'a [u8], mode: u32, major: u32, minor: u32, gid: u32 }
        /// Moves a file to another directory.
        20 Rename { fid: u32, directory: u32, name: &'a [u8] }
        /// Target of a symbolic link.
        22 ReadLink { fid: u32 }
        /// Attributes.
        24 GetAttributes { fid: u32, mask: u64 }
        /// Changes attributes.
        26 SetAttributes { fid: u32, change: Change }
        /// Makes a fid from which an extended attribute can be read, or the list of all if there is no name.
        30 XattrWalk { fid: u32, new_fid: u32, name: &'a [u8] }
        /// Makes the fid one to which an extended attribute is to be written.
        32 XattrCreate { fid: u32, name: &'a [u8], size: u64, flags: u32 }
        /// Lists a directory.
        40 ReadDirectory { fid: u32, offset: u64, count: u32 }
        /// Has data written to the disk.
        50 Fsync { fid: u32, data_only: u32 }
        /// Takes a lock, or gives it back.
        52 Lock { fid: u32, kind: u8, flags: u32, range: LockRange, client: &'a [u8] }
        /// Finds a lock that is in the way.
        54 GetLock { fid: u32, kind: u8, range: LockRange, client: &'a [u8] }
        /// Makes another name of a file.
        70 Link { directory: u32, fid: u32, name: &'a [u8] }
        /// Makes a directory.
        72 Mkdir { directory: u32, name: &'a [u8], mode: u32, gid: u32 }
        /// Renames an entry.
        74 RenameAt { directory: u32, name: &'a [u8], new_directory: u32, new_name: &'a [u8] }
        /// Removes an entry.
        76 UnlinkAt { directory: u32, name: &'a [u8], flags: u32 }
        /// Agrees on a version, and ends all that was before.
        100 Version { max_message: u32, version: &'a [u8] }
        /// Makes a fid for authentication.
        102 Auth { fid: u32, user: &'a [u8], tree: &'a [u8], uid: u32 }
        /// Makes a fid of the root.
        104 Attach { fid: u32, auth: u32, user: &'a [u8], tree: &'a [u8], uid: u32 }
        /// Gives up a request.
        108 Flush { old_tag: u16 }
        /// Makes a fid of what the names lead to.
        110 Walk { fid: u32, new_fid: u32, names: Many<&'a [u8]> }
        /// Reads.
        116 Read { fid: u32, offset: u64, count: u32 }
        /// Writes.
        118 Write { fid: u32, offset: u64, data: Data<'a> }
        /// Ends a fid.
        120 Clunk { fid: u32 }
        /// Removes the file, and ends the fid.
        122 Remove { fid: u32 }
        /// An addition: as `RenameAt`, with flags of renameat2(2).
        240 RenameWith { directory: u32, name: &'a [u8], new_directory: u32, new_name: &'a [u8], flags: u32 }
        /// An addition: removes an extended attribute. In the standard protocol that is setting an empty one.
        242 XattrRemove { fid: u32, name: &'a [u8] }
        /// An addition: makes whatever `mode` says, with this owner. `target` is that of a symbolic link.
        244 Make { directory: u32, name: &'a [u8], mode: u32, uid: u32, gid: u32, target: &'a [u8] }
        /// An addition: makes a socket (SOCK_STREAM ...) that is connected to the one whose file this is. The reply
        /// brings it.
        246 Connect { fid: u32, kind: u32 }
        /// An addition: makes a socket that is bound to a new name, and a fid that stands for it. The reply brings it.
        248 Bind { directory: u32, new_fid: u32, name: &'a [u8], kind: u32, mode: u32, uid: u32, gid: u32 }
        /// An addition: has a socket that was bound listen.
        250 Listen { fid: u32, backlog: u32 }
    }
}

messages! {
    /// What a server answers.
    Reply {
        /// The request has failed.
        7 Error { errno: u32 }
        /// To `StatFs`.
        9 StatFs { statistics: StatFs }
        /// To `Lopen`.
        13 Lopen { qid: Qid, unit: u32 }
        /// To `Lcreate`.
        15 Lcreate { qid: Qid, unit: u32 }
        /// To `Symlink`.
        17 Symlink { qid: Qid }
        /// To `Mknod`.
        19 Mknod { qid: Qid }
        /// To `Rename`.
        21 Rename { }
        /// To `ReadLink`.
        23 ReadLink { target: &'a [u8] }
        /// To `GetAttributes`.
        25 GetAttributes { attributes: Attributes }
        /// To `SetAttributes`.
        27 SetAttributes { }
        /// To `XattrWalk`.
        31 XattrWalk { size: u64 }
        /// To `XattrCreate`.
        33 XattrCreate { }
        /// To `ReadDirectory`: entries, none at the end.
        41 ReadDirectory { data: Data<'a> }
        /// To `Fsync`.
        51 Fsync { }
        /// To `Lock`.
        53 Lock { status: u8 }
        /// To `GetLock`.
        55 GetLock { kind: u8, range: LockRange, client: &'a [u8] }
        /// To `Link`.
        71 Link { }
        /// To `Mkdir`.
        73 Mkdir { qid: Qid }
        /// To `RenameAt`.
        75 RenameAt { }
        /// To `UnlinkAt`.
        77 UnlinkAt { }
        /// To `Version`.
        101 Version { max_message: u32, version: &'a [u8] }
        /// To `Auth`.
        103 Auth { qid: Qid }
        /// To `Attach`.
        105 Attach { qid: Qid }
        /// To `Flush`.
        109 Flush { }
        /// To `Walk`: one for each name that was found.
        111 Walk { qids: Many<Qid> }
        /// To `Read`.
        117 Read { data: Data<'a> }
        /// To `Write`.
        119 Write { count: u32 }
        /// To `Clunk`.
        121 Clunk { }
        /// To `Remove`.
        123 Remove { }
        /// To `RenameWith`.
        241 RenameWith { }
        /// To `XattrRemove`.
        243 XattrRemove { }
        /// To `Make`.
        245 Make { attributes: Attributes }
        /// To `Connect`.
        247 Connect { }
        /// To `Bind`.
        249 Bind { attributes: Attributes }
        /// To `Listen`.
        251 Listen { }
    }
}
