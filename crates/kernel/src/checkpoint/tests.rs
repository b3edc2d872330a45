//! Objects of the kernel come back as they were.

use lazaret_abi::signal::{SigAction, SigInfo, SigSet, Signal};
use lazaret_platform::{Prot, layout::APP_MAX};
use lazaret_snapshot::{Snapshot, load, save};

use crate::{
    boot::Kernel,
    fs::{
        context::FsContext,
        eventfd,
        fdtable::FdTable,
        file::{File, flags},
        pipe, tmpfs,
        vfs::{LookupFlags, Mount, MountFlags, MountNamespace, OpenHow, PathContext},
    },
    mm::{
        MapRequest, MemoryLimits, Mm, Placement,
        vma::{VmaBacking, VmaFlags},
    },
    seccomp::Seccomp,
    sync::Arc,
    task::{
        Task, TaskParts,
        creds::Creds,
        group::ThreadGroup,
        limits::Limits,
        namespaces::{NamespaceId, Namespaces},
        pid::{Pid, PidNamespace},
        sched::Scheduling,
        uts::UtsNamespace,
    },
    testing,
    uio::BufferSink,
};

fn copy<T: Snapshot>(value: &T) -> T {
    load(&save(value).unwrap()).unwrap()
}

fn tmpfs() -> Arc<Mount> {
    Mount::new(tmpfs::mount("none", "mode=755").unwrap(), MountFlags::empty())
}

/// A file tree of a root and a mount below.
fn tree() -> (Arc<MountNamespace>, PathContext) {
    let namespace = MountNamespace::new(tmpfs());
    let root = namespace.root();
    let creds = Arc::new(Creds::root());
    let context = PathContext { root: root.clone(), directory: root, creds, umask: 0o022 };
    context.make_directory(b"/mnt", 0o755).unwrap();
    let target = context.lookup(b"/mnt", LookupFlags::FOLLOW).unwrap();
    namespace.mount(&tmpfs(), &target).unwrap();
    (namespace, context)
}

fn make(context: &PathContext, path: &str, content: &[u8]) -> Arc<File> {
    let how = OpenHow { flags: flags::RDWR | flags::CREAT, mode: 0o640, ..OpenHow::default() };
    let file = context.open(path.as_bytes(), &how).unwrap();
    assert_eq!(file.write(&mut { content }), Ok(content.len()));
    file
}

fn content(file: &File) -> Vec<u8> {
    let mut sink = BufferSink::new(64);
    file.read_at(0, &mut sink).unwrap();
    sink.data
}

fn read(table: &FdTable, fd: i32) -> Vec<u8> {
    let mut sink = BufferSink::new(64);
    table.get(fd).unwrap().read(&mut sink).unwrap();
    sink.data
}

/// The state that tasks share, without tasks.
fn parts(namespace: &Arc<MountNamespace>, context: &PathContext) -> (Arc<MountNamespace>, PathContext) {
    copy(&(namespace.clone(), context.clone()))
}

#[test]
fn file_trees_keep_files_mounts_and_directories() {
    let (namespace, mut context) = tree();
    context.make_directory(b"/home", 0o755).unwrap();
    make(&context, "/home/a", b"below the root");
    make(&context, "/mnt/b", b"in a mount");
    context.directory = context.lookup(b"/home", LookupFlags::FOLLOW).unwrap();

    let (_namespace, loaded) = parts(&namespace, &context);
    let open = |path: &[u8]| loaded.open(path, &OpenHow::default()).map(|file| content(&file));
    assert_eq!(open(b"a").unwrap(), b"below the root");
    assert_eq!(open(b"/mnt/b").unwrap(), b"in a mount");
    assert_eq!(loaded.directory.display_path(&loaded.root), b"/home");
    // The copy goes its own way.
    loaded.make_directory(b"/mnt/new", 0o755).unwrap();
    assert!(context.lookup(b"/mnt/new", LookupFlags::FOLLOW).is_err());
}

#[test]
fn open_files_keep_positions_content_and_names() {
    let (_namespace, context) = tree();
    let table = FdTable::new();
    let file = make(&context, "/f", b"hello");
    table.insert(file.clone(), false, 0, 16).unwrap();
    table.insert(file, true, 7, 16).unwrap();
    let gone = make(&context, "/gone", b"still there");
    context.unlink(b"/gone").unwrap();
    table.insert(gone, false, 0, 16).unwrap();

    let loaded = copy(&table);
    let (first, second) = (loaded.descriptor(0).unwrap(), loaded.descriptor(7).unwrap());
    assert!(Arc::ptr_eq(&first.file, &second.file));
    assert!(!first.close_on_exec && second.close_on_exec);
    assert_eq!(*first.file.position(), 5);
    assert_eq!(content(&first.file), b"hello");
    assert_eq!(&*first.file.location().dentry.name(), b"f");
    assert_eq!(content(&loaded.get(1).unwrap()), b"still there");
    assert!(loaded.get(2).is_err());
}

#[test]
fn pipes_and_events_keep_what_they_hold() {
    let table = FdTable::new();
    let (reader, writer) = pipe::create(0);
    writer.write(&mut b"in flight".as_slice()).unwrap();
    for file in [reader, writer, eventfd::create(7, false, 0)] {
        table.insert(file, false, 0, 16).unwrap();
    }
    let loaded = copy(&table);
    drop(table);
    assert_eq!(read(&loaded, 0), b"in flight");
    // With the last writer gone, the reader sees the end.
    drop(loaded.remove(1).unwrap());
    assert_eq!(read(&loaded, 0), b"");
    assert_eq!(read(&loaded, 2), 7_u64.to_ne_bytes());
}

/// What two processes of a tree share, and what they do not.
struct Family<'k> {
    kernel: &'k Arc<Kernel>,
    namespaces: Arc<Namespaces>,
    context: PathContext,
}

impl<'k> Family<'k> {
    fn new(kernel: &'k Arc<Kernel>) -> Family<'k> {
        let (mount, context) = tree();
        let namespaces = Arc::new(Namespaces {
            uts: Arc::new(UtsNamespace::new(b"box", b"(none)")),
            uts_id: NamespaceId::new(),
            mount,
            mount_id: NamespaceId::new(),
            pid_for_children: PidNamespace::new(&kernel.pids).unwrap(),
            user: NamespaceId::new(),
            net: NamespaceId::new(),
            ipc: crate::ipc::IpcNamespace::new(),
            cgroup: NamespaceId::new(),
            time: NamespaceId::new(),
        });
        Family { kernel, namespaces, context }
    }

    /// A process with one thread, whose memory has one mapping of `file`.
    fn process(&self, parent: i32, files: &Arc<FdTable>, file: &Arc<File>) -> Arc<Task> {
        let pid = self.pid();
        let namespace = self.namespaces.pid_for_children.clone();
        let group =
            Arc::new(ThreadGroup::new(pid.clone(), namespace, Arc::default(), Arc::default(), Limits::default()));
        let (space, mut context) = self.kernel.platform.create().unwrap();
        let mm = Mm::new(space, APP_MAX);
        let request = MapRequest {
            file: Some((file.clone(), 0)),
            flags: VmaFlags::SHARED,
            ..MapRequest::anonymous(Placement::Hint(0), 4096, Prot::READ)
        };
        mm.map(&mut *context, &request, &MemoryLimits::UNLIMITED).unwrap();
        let task = self.thread(&group, pid, files, &Arc::new(mm));
        self.kernel.processes().add(group, parent, parent, (parent != 0).then_some(parent));
        task
    }

    fn thread(&self, group: &Arc<ThreadGroup>, pid: Arc<Pid>, files: &Arc<FdTable>, mm: &Arc<Mm>) -> Arc<Task> {
        let parts = TaskParts {
            pid,
            namespaces: self.namespaces.clone(),
            blocked: Signal::USR1.set(),
            personality: 0,
            creds: self.context.creds.clone(),
            fs: Arc::new(FsContext::new(self.context.root.clone(), self.context.directory.clone())),
            files: files.clone(),
            mm: mm.clone(),
            name: b"worker".to_vec(),
            scheduling: Scheduling::new(self.kernel.cpus),
            seccomp: Seccomp::default(),
        };
        let task = Arc::new(Task::new(self.kernel.clone(), group.clone(), parts));
        group.signals().threads.push(task.clone());
        self.kernel.processes().add_task(task.clone());
        task
    }

    fn pid(&self) -> Arc<Pid> {
        Pid::allocate(&self.namespaces.pid_for_children, &[]).unwrap()
    }
}

#[test]
fn a_process_tree_comes_back_in_a_new_kernel() {
    let kernel = testing::kernel();
    let family = Family::new(&kernel);
    let files = Arc::new(FdTable::new());
    let file = make(&family.context, "/data", b"mapped");
    files.insert(file.clone(), false, 0, 16).unwrap();
    let init = family.process(0, &files, &file);
    let child = family.process(init.tid(), &files, &file);
    family.thread(child.group(), family.pid(), &files, &child.mm());
    let info = SigInfo::sent(Signal::USR1, 0, 7, 8);
    child.signals().pending.push(Signal::USR1, info, true).unwrap();
    child.group().actions().set(Signal::TERM, SigAction { handler: 0x1000, ..SigAction::default() });
    kernel.processes().begin_session(child.tid()).unwrap();

    let bytes = super::save(&kernel).unwrap();
    let restored = super::restore(testing::config(), &bytes).unwrap();
    assert_eq!(restored.spaces.len(), 2);
    let kernel = restored.kernel;
    let tree = kernel.processes();
    assert_eq!(tree.task_count(), 3);
    let node = tree.node(child.tid()).unwrap();
    assert_eq!((node.parent, node.session.global()), (init.tid(), child.tid()));
    let threads = node.process.threads();
    assert_eq!(threads.len(), 2);
    assert_eq!(threads[0].tid(), child.tid(), "the leader comes first");
    let loaded = &threads[0];
    assert!(Arc::ptr_eq(loaded.kernel(), &kernel));
    assert_eq!(loaded.name(), b"worker");
    assert_eq!(loaded.signals().blocked, Signal::USR1.set());
    assert_eq!(loaded.signals().pending.take(SigSet::EMPTY), Some((Signal::USR1, info)));
    assert_eq!(node.process.actions().get(Signal::TERM).handler, 0x1000);
    assert_eq!(loaded.namespaces().uts.host(), b"box");
    // What processes shared they share again.
    let other = tree.task(init.tid()).unwrap();
    assert!(Arc::ptr_eq(&loaded.files(), &other.files()));
    assert!(!Arc::ptr_eq(&loaded.mm(), &other.mm()));
    assert!(Arc::ptr_eq(&loaded.mm(), &threads[1].mm()));
    let mm = loaded.mm();
    let areas = mm.areas();
    let area = areas.tree.iter().next().unwrap();
    let VmaBacking::Object { file: Some(mapped), .. } = &area.backing else { panic!("no file is mapped") };
    assert!(Arc::ptr_eq(mapped, &loaded.files().get(0).unwrap()));
    assert_eq!(content(mapped), b"mapped");
    // Numbers are taken from where the first kernel left off.
    let namespace = node.process.namespace();
    assert_eq!(Pid::allocate(namespace, &[]).unwrap().number_in(namespace), 4);
}

#[test]
fn damaged_kernel_state_is_an_error() {
    let kernel = testing::kernel();
    let family = Family::new(&kernel);
    let files = Arc::new(FdTable::new());
    let file = make(&family.context, "/data", b"mapped");
    family.process(0, &files, &file);
    let bytes = super::save(&kernel).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        assert!(super::restore(testing::config(), &bytes[..length]).is_err());
    }
    assert!(super::restore(testing::config(), &bytes).is_ok());
}
