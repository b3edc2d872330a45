//! devpts: `/dev/pts`, the directory of the slaves, with `ptmx` to make new terminals.

use std::collections::BTreeMap;

use lazaret_abi::errno::Errno;

use super::{
    device::{Master, Slave},
    terminal::Terminal,
};
use crate::{
    boot::Kernel,
    fs::{
        descriptor,
        dev::make_device,
        file::{File, FileOps, flags},
        inode::{Attributes, FileKind, FsStatistics, Inode, SetAttributes, Timestamp},
        pseudo::{Entries, NodeAttributes, PseudoDirectory, PseudoFs},
    },
    sync::{Arc, Mutex, Weak},
    task::{Current, Task},
};

/// `f_type` of devpts.
const DEVPTS_MAGIC: u64 = 0x1cd1;

/// Most terminals of one instance (`kernel.pty.max`).
const MAX_TERMINALS: u32 = 4096;

/// An instance of devpts.
pub struct Devpts {
    kernel: Weak<Kernel>,
    fs: Arc<PseudoFs>,
    options: Options,
    terminals: Mutex<BTreeMap<u32, Arc<dyn Inode>>>,
}

/// Mount options.
#[derive(Clone, Copy, Debug)]
struct Options {
    /// Mode of slaves.
    mode: u32,
    /// Mode of `ptmx`.
    ptmx_mode: u32,
    /// Owner of slaves, if not their maker.
    uid: Option<u32>,
    /// Group of slaves, if not their maker's.
    gid: Option<u32>,
}

impl Options {
    fn parse(text: &str) -> Result<Options, Errno> {
        let mut options = Options { mode: 0o600, ptmx_mode: 0, uid: None, gid: None };
        let octal = |value: &str| u32::from_str_radix(value, 8).map(|mode| mode & 0o777).map_err(|_| Errno::EINVAL);
        for option in text.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("mode", value)) => options.mode = octal(value)?,
                Some(("ptmxmode", value)) => options.ptmx_mode = octal(value)?,
                Some(("uid", value)) => options.uid = Some(value.parse().map_err(|_| Errno::EINVAL)?),
                Some(("gid", value)) => options.gid = Some(value.parse().map_err(|_| Errno::EINVAL)?),
                Some(("max", value)) => drop(value.parse::<u32>().map_err(|_| Errno::EINVAL)?),
                None if option == "newinstance" => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }
}

impl Devpts {
    /// A new instance with these mount options.
    ///
    /// # Errors
    /// `EINVAL` for an option that does not exist.
    pub fn new(kernel: &Arc<Kernel>, device: u64, options: &str) -> Result<Arc<Devpts>, Errno> {
        Ok(Arc::new(Devpts {
            kernel: Arc::downgrade(kernel),
            fs: PseudoFs::new(device, DEVPTS_MAGIC),
            options: Options::parse(options)?,
            terminals: Mutex::default(),
        }))
    }

    /// The root directory.
    pub fn root(self: &Arc<Self>) -> Arc<dyn Inode> {
        let ptmx: Arc<dyn Inode> =
            Arc::new(Ptmx { devpts: self.clone(), attributes: NodeAttributes::new(&self.fs, self.options.ptmx_mode) });
        let attributes = NodeAttributes::new(&self.fs, 0o755);
        PseudoDirectory::with_attributes(&self.fs, attributes, Root { devpts: self.clone(), ptmx })
    }

    /// The instance with this root directory.
    pub fn of_root(root: &Arc<dyn Inode>) -> Option<Arc<Devpts>> {
        root.downcast_ref::<PseudoDirectory<Root>>().map(|root| root.entries().devpts.clone())
    }

    /// An inode is a node of some devpts.
    pub fn has_node(inode: &Arc<dyn Inode>) -> bool {
        inode.downcast_ref::<Ptmx>().is_some() || inode.downcast_ref::<SlaveInode>().is_some()
    }

    /// Makes a terminal and opens its master.
    ///
    /// # Errors
    /// `ENOSPC` when there are too many.
    pub fn open_master(self: &Arc<Self>) -> Result<Master, Errno> {
        let mut terminals = self.terminals.lock();
        let number = (0..MAX_TERMINALS).find(|number| !terminals.contains_key(number)).ok_or(Errno::ENOSPC)?;
        let (uid, gid) = Task::try_current().map_or((0, 0), |task| {
            let creds = task.creds();
            (creds.uid, creds.gid)
        });
        let attributes = NodeAttributes {
            uid: self.options.uid.unwrap_or(uid),
            gid: self.options.gid.unwrap_or(gid),
            ..NodeAttributes::new(&self.fs, self.options.mode)
        };
        let terminal = Terminal::new(self.kernel.clone(), number);
        let inode = SlaveInode { fs: self.fs.clone(), terminal: terminal.clone(), attributes: Mutex::new(attributes) };
        terminals.insert(number, Arc::new(inode));
        Ok(Master::new(terminal, self.clone()))
    }

    /// The master of a terminal is gone, and with it the slave's name.
    pub(super) fn remove(&self, number: u32) {
        let gone = self.terminals.lock().remove(&number);
        drop(gone);
    }

    /// The node of a slave.
    pub fn slave(&self, number: u32) -> Option<Arc<dyn Inode>> {
        self.terminals.lock().get(&number).cloned()
    }

    /// TIOCGPTPEER: opens the slave without its name, which the caller may not see.
    pub(super) fn open_peer(
        &self,
        terminal: &Arc<Terminal>,
        current: &mut Current,
        flags: u32,
    ) -> Result<usize, Errno> {
        let inode = self.slave(terminal.number()).ok_or(Errno::EIO)?;
        let ops = Slave::open(terminal, flags)?;
        let name = format!("/dev/pts/{}", terminal.number());
        let location = crate::fs::anon::anonymous_location(inode, name.as_bytes());
        let file = File::new(ops, location, flags & !flags::CLOEXEC);
        descriptor::install(current, file, flags & flags::CLOEXEC != 0)
    }
}

struct Root {
    devpts: Arc<Devpts>,
    ptmx: Arc<dyn Inode>,
}

impl Entries for Root {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        if name == b"ptmx" {
            return Ok(self.ptmx.clone());
        }
        let number = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()).ok_or(Errno::ENOENT)?;
        self.devpts.slave(number).ok_or(Errno::ENOENT)
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        let mut entries = vec![(1, b"ptmx".to_vec(), FileKind::CharDevice, self.ptmx.attributes()?.inode)];
        for (number, inode) in &*self.devpts.terminals.lock() {
            let position = u64::from(*number) + 2;
            entries.push((position, number.to_string().into_bytes(), FileKind::CharDevice, inode.attributes()?.inode));
        }
        Ok(entries)
    }
}

/// `ptmx`: each open makes a terminal.
struct Ptmx {
    devpts: Arc<Devpts>,
    attributes: NodeAttributes,
}

impl Inode for Ptmx {
    fn attributes(&self) -> Result<Attributes, Errno> {
        let attributes = self.devpts.fs.attributes(&self.attributes, FileKind::CharDevice);
        Ok(Attributes { rdev: make_device(5, 2), ..attributes })
    }

    fn kind(&self) -> FileKind {
        FileKind::CharDevice
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        Ok(Box::new(self.devpts.open_master()?))
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(self.devpts.fs.statistics())
    }
}

/// A slave's node.
struct SlaveInode {
    fs: Arc<PseudoFs>,
    terminal: Arc<Terminal>,
    attributes: Mutex<NodeAttributes>,
}

impl Inode for SlaveInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        let attributes = self.fs.attributes(&self.attributes.lock(), FileKind::CharDevice);
        let now = Timestamp::now();
        Ok(Attributes {
            rdev: make_device(136, self.terminal.number()),
            block_size: 1024,
            atime: now,
            mtime: now,
            ..attributes
        })
    }

    fn kind(&self) -> FileKind {
        FileKind::CharDevice
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        let mut attributes = self.attributes.lock();
        attributes.permissions = change.permissions.unwrap_or(attributes.permissions);
        attributes.uid = change.uid.unwrap_or(attributes.uid);
        attributes.gid = change.gid.unwrap_or(attributes.gid);
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        Slave::open(&self.terminal, flags)
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(self.fs.statistics())
    }
}
