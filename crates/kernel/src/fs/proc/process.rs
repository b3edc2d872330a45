//! `/proc/PID` and `/proc/PID/task/TID`: one process or thread.

use lazaret_abi::errno::Errno;

use super::{
    descriptors, maps,
    memory::{MemoryFile, View},
    network, status,
};
use crate::{
    boot::Kernel,
    fs::{
        file::Location,
        inode::{FileKind, Inode, LinkTarget},
        nsfs::Namespace,
        pseudo::{Content, Entries, NodeAttributes, PseudoDirectory, PseudoFile, PseudoFs, PseudoLink},
    },
    sync::{Arc, Ordering, Weak},
    task::{Task, creds::cap, group::ThreadGroup, pid::PidNamespace},
};

/// A process, or one thread of it, as a directory shows it.
#[derive(Clone)]
pub struct Subject {
    /// The file system.
    pub fs: Arc<PseudoFs>,
    /// The kernel.
    pub kernel: Weak<Kernel>,
    /// Whose numbers the files use: the pid namespace that the procfs was mounted in.
    pub namespace: Arc<PidNamespace>,
    /// The process.
    pub process: Arc<ThreadGroup>,
    /// The thread; the process as a whole without.
    pub thread: Option<Arc<Task>>,
}

impl Subject {
    /// A thread that tells what the process shares: the thread itself, or the first that lives.
    ///
    /// # Errors
    /// `ESRCH` for a zombie.
    pub fn task(&self) -> Result<Arc<Task>, Errno> {
        self.thread.clone().or_else(|| self.process.first_thread()).ok_or(Errno::ESRCH)
    }

    /// The kernel.
    ///
    /// # Errors
    /// `ESRCH` when the sandbox ends.
    pub fn kernel(&self) -> Result<Arc<Kernel>, Errno> {
        self.kernel.upgrade().ok_or(Errno::ESRCH)
    }

    /// Owner and group of the files.
    fn owner(&self) -> (u32, u32) {
        self.task().map_or((0, 0), |task| {
            let creds = task.creds();
            (creds.euid, creds.egid)
        })
    }

    /// Attributes of a file of the directory.
    pub fn attributes(&self, permissions: u32) -> NodeAttributes {
        let (uid, gid) = self.owner();
        NodeAttributes { uid, gid, ..NodeAttributes::new(&self.fs, permissions) }
    }

    /// The caller may look into the process: the rule of ptrace(2), PTRACE_MODE_READ.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn check_access(&self) -> Result<(), Errno> {
        let Some(caller) = Task::try_current() else { return Ok(()) };
        if Arc::ptr_eq(caller.group(), &self.process) {
            return Ok(());
        }
        let (own, theirs) = (caller.creds(), self.task()?.creds());
        let same_user = [theirs.uid, theirs.euid, theirs.suid].iter().all(|uid| *uid == own.fsuid)
            && [theirs.gid, theirs.egid, theirs.sgid].iter().all(|gid| *gid == own.fsgid);
        // It may hold what it got with rights that it has no more.
        let is_dumpable = self.process.dumpable.load(Ordering::Relaxed) == 1;
        if own.has(cap::SYS_PTRACE) || same_user && is_dumpable && theirs.permitted & !own.permitted == 0 {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }
}

/// What makes the text of a file.
type Make = fn(&Subject) -> Result<Vec<u8>, Errno>;
/// What takes what is written to a file.
type Take = fn(&Subject, &[u8]) -> Result<(), Errno>;
/// What finds the target of a link.
type Follow = fn(&Subject) -> Result<LinkTarget, Errno>;

enum Kind {
    /// Mode, text.
    File(u32, Make),
    /// Text that only those see who may look into the process.
    Private(u32, Make),
    /// Text that can be written.
    Setting(Make, Take),
    /// A link that only those may follow who may look into the process.
    Link(Follow),
    /// Memory itself, or what is known of its pages.
    Memory(u32, View),
    /// A directory.
    Directory(fn(&Subject) -> Arc<dyn Inode>),
}

/// The entries, in the order of their names. `task` is only in the directory of a process.
const ENTRIES: [(&str, Kind); 39] = [
    ("auxv", Kind::Private(0o400, status::auxv)),
    ("cgroup", Kind::File(0o444, |subject| Ok(subject.process.cgroup().hierarchies.of_process()))),
    ("cmdline", Kind::File(0o444, status::command_line)),
    ("comm", Kind::Setting(status::name, status::set_name)),
    ("cwd", Kind::Link(|subject| object(subject.task()?.fs().directory()))),
    ("environ", Kind::Private(0o400, status::environment)),
    ("exe", Kind::Link(executable)),
    ("fd", Kind::Directory(descriptors::links)),
    ("fdinfo", Kind::Directory(descriptors::infos)),
    ("gid_map", Kind::File(0o644, |_| Ok(b"         0          0 4294967295\n".to_vec()))),
    ("io", Kind::Private(0o400, status::io)),
    ("limits", Kind::File(0o444, status::limits)),
    ("maps", Kind::Private(0o444, maps::maps)),
    ("mem", Kind::Memory(0o600, View::Content)),
    ("mountinfo", Kind::File(0o444, mount_info)),
    ("mounts", Kind::File(0o444, mounts)),
    ("net", Kind::Directory(network::directory)),
    ("ns", Kind::Directory(namespaces)),
    ("oom_adj", Kind::File(0o444, |_| Ok(b"0\n".to_vec()))),
    ("oom_score", Kind::File(0o444, |_| Ok(b"0\n".to_vec()))),
    ("oom_score_adj", Kind::Setting(status::oom_score_adj, status::set_oom_score_adj)),
    ("pagemap", Kind::Memory(0o400, View::Presence)),
    ("personality", Kind::Private(0o400, status::personality)),
    ("root", Kind::Link(|subject| object(subject.task()?.fs().root()))),
    ("sched", Kind::File(0o444, status::sched)),
    ("schedstat", Kind::File(0o444, status::schedstat)),
    ("sessionid", Kind::File(0o444, |_| Ok(b"4294967295".to_vec()))),
    ("setgroups", Kind::File(0o644, |_| Ok(b"allow\n".to_vec()))),
    ("smaps", Kind::Private(0o444, maps::smaps)),
    ("smaps_rollup", Kind::Private(0o444, maps::smaps_rollup)),
    ("stat", Kind::File(0o444, status::stat)),
    ("statm", Kind::File(0o444, status::statm)),
    ("status", Kind::File(0o444, status::status)),
    ("task", Kind::Directory(threads)),
    ("timers", Kind::File(0o444, |_| Ok(Vec::new()))),
    ("timerslack_ns", Kind::File(0o444, |_| Ok(b"50000\n".to_vec()))),
    ("uid_map", Kind::File(0o644, |_| Ok(b"         0          0 4294967295\n".to_vec()))),
    ("loginuid", Kind::File(0o444, |_| Ok(b"4294967295".to_vec()))),
    ("wchan", Kind::File(0o444, |_| Ok(b"0".to_vec()))),
];

fn object(location: Location) -> Result<LinkTarget, Errno> {
    Ok(LinkTarget::Object(location))
}

fn mounts(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let task = subject.task()?;
    Ok(task.namespaces().mount.show_mounts(&task.fs().root()))
}

fn mount_info(subject: &Subject) -> Result<Vec<u8>, Errno> {
    let task = subject.task()?;
    Ok(task.namespaces().mount.show_mount_info(&task.fs().root()))
}

fn executable(subject: &Subject) -> Result<LinkTarget, Errno> {
    let file = subject.task()?.mm().executable().ok_or(Errno::ENOENT)?;
    object(file.location().clone())
}

/// The directory of a process or thread.
pub fn directory(subject: Subject) -> Arc<dyn Inode> {
    let (fs, attributes) = (subject.fs.clone(), subject.attributes(0o555));
    PseudoDirectory::with_attributes(&fs, attributes, ProcessDirectory { subject })
}

/// The process that an inode is the directory of, `/proc/PID`.
pub fn shown_by(inode: &dyn Inode) -> Option<&Arc<ThreadGroup>> {
    let directory = inode.downcast_ref::<PseudoDirectory<ProcessDirectory>>()?;
    let subject = &directory.entries().subject;
    subject.thread.is_none().then_some(&subject.process)
}

struct ProcessDirectory {
    subject: Subject,
}

impl ProcessDirectory {
    fn entries(&self) -> impl Iterator<Item = (u64, &'static str, &'static Kind)> {
        let thread = self.subject.thread.is_some();
        let all = ENTRIES.iter().zip(1..).map(|((name, kind), position)| (position, *name, kind));
        all.filter(move |(_, name, _)| !thread || *name != "task")
    }

    fn make(&self, kind: &'static Kind) -> Arc<dyn Inode> {
        let subject = self.subject.clone();
        let fs = &self.subject.fs;
        match *kind {
            Kind::File(permissions, make) => {
                let attributes = subject.attributes(permissions);
                PseudoFile::with_attributes(fs, attributes, ProcessFile { subject, make, take: None, private: false })
            }
            Kind::Private(permissions, make) => {
                let attributes = subject.attributes(permissions);
                PseudoFile::with_attributes(fs, attributes, ProcessFile { subject, make, take: None, private: true })
            }
            Kind::Setting(make, take) => {
                let attributes = subject.attributes(0o644);
                PseudoFile::with_attributes(
                    fs,
                    attributes,
                    ProcessFile { subject, make, take: Some(take), private: false },
                )
            }
            Kind::Link(follow) => {
                let attributes = subject.attributes(0o777);
                PseudoLink::with_attributes(fs, attributes, move || {
                    subject.check_access()?;
                    follow(&subject)
                })
            }
            Kind::Memory(permissions, view) => MemoryFile::inode(subject, permissions, view),
            Kind::Directory(make) => make(&subject),
        }
    }
}

impl Entries for ProcessDirectory {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let (_, _, kind) = self.entries().find(|(_, known, _)| known.as_bytes() == name).ok_or(Errno::ENOENT)?;
        Ok(self.make(kind))
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        let kind_of = |kind: &Kind| match kind {
            Kind::File(..) | Kind::Private(..) | Kind::Setting(..) | Kind::Memory(..) => FileKind::Regular,
            Kind::Link(_) => FileKind::Symlink,
            Kind::Directory(_) => FileKind::Directory,
        };
        let entries = self.entries();
        Ok(entries
            .map(|(position, name, kind)| (position, name.as_bytes().to_vec(), kind_of(kind), position))
            .collect())
    }
}

struct ProcessFile {
    subject: Subject,
    make: Make,
    take: Option<Take>,
    private: bool,
}

impl Content for ProcessFile {
    fn read(&self) -> Result<Vec<u8>, Errno> {
        // It may have got another program since the file was opened.
        self.check_open()?;
        (self.make)(&self.subject)
    }

    fn write(&self, data: &[u8]) -> Result<(), Errno> {
        self.take.ok_or(Errno::EACCES).and_then(|take| take(&self.subject, data))
    }

    fn check_open(&self) -> Result<(), Errno> {
        if self.private { self.subject.check_access() } else { Ok(()) }
    }
}

/// `/proc/PID/task`.
fn threads(subject: &Subject) -> Arc<dyn Inode> {
    PseudoDirectory::with_attributes(&subject.fs, subject.attributes(0o555), Threads { subject: subject.clone() })
}

struct Threads {
    subject: Subject,
}

impl Entries for Threads {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let number = super::number(name).ok_or(Errno::ENOENT)?;
        let threads = self.subject.process.threads();
        let thread = threads.into_iter().find(|task| task.pid().number_in(&self.subject.namespace) == number);
        Ok(directory(Subject { thread: Some(thread.ok_or(Errno::ENOENT)?), ..self.subject.clone() }))
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        let threads = self.subject.process.threads();
        let numbers = threads.iter().map(|task| task.pid().number_in(&self.subject.namespace));
        Ok(super::numbered(numbers))
    }
}

/// `/proc/PID/ns`.
fn namespaces(subject: &Subject) -> Arc<dyn Inode> {
    let names = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"];
    let entries = NamespaceLinks { subject: subject.clone(), names };
    PseudoDirectory::with_attributes(&subject.fs, subject.attributes(0o511), entries)
}

struct NamespaceLinks {
    subject: Subject,
    names: [&'static str; 10],
}

impl Entries for NamespaceLinks {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let name = *self.names.iter().find(|known| known.as_bytes() == name).ok_or(Errno::ENOENT)?;
        let subject = self.subject.clone();
        let fs = &self.subject.fs;
        Ok(PseudoLink::with_attributes(fs, self.subject.attributes(0o777), move || {
            subject.check_access()?;
            let task = subject.task()?;
            let namespace = match name {
                "pid_for_children" => Namespace::Pid(task.namespaces().pid_for_children.clone()),
                name => {
                    let kind = name.strip_suffix("_for_children").unwrap_or(name);
                    let mut all = Namespace::all(&task).into_iter();
                    all.find(|namespace| namespace.name() == kind).ok_or(Errno::ENOENT)?
                }
            };
            object(namespace.location())
        }))
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        let names = self.names.iter().zip(1..);
        Ok(names.map(|(name, position)| (position, name.as_bytes().to_vec(), FileKind::Symlink, position)).collect())
    }
}
