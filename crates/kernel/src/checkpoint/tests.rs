//! Objects of the kernel come back as they were.

use lazaret_snapshot::{Snapshot, load, save};

use crate::{
    fs::{
        eventfd,
        fdtable::FdTable,
        file::{File, flags},
        pipe, tmpfs,
        vfs::{LookupFlags, Mount, MountFlags, MountNamespace, OpenHow, PathContext},
    },
    sync::Arc,
    task::creds::Creds,
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
