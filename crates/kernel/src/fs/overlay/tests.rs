use std::{fs, os::unix::fs::symlink, path::PathBuf};

use super::OverlayFs;
use crate::{
    fs::{
        file::{File, flags},
        hostfs::{Changed, Handle, HostFs},
        inode::{DirSink, FileKind, Inode},
        tmpfs::{self, TmpfsOptions},
        vfs::{LookupFlags, Mount, MountFlags, MountNamespace, OpenHow, PathContext, SuperBlock},
    },
    sync::Arc,
    task::creds::Creds,
    uio::BufferSink,
};

/// A host directory that is removed at the end.
struct Host(PathBuf);

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An overlay above a host directory of the test's own.
fn overlay(name: &str, fill: impl FnOnce(&PathBuf)) -> (Host, PathContext) {
    let path = std::env::temp_dir().join(format!("lazaret-overlay-{name}-{}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    let host = Host(path);
    fill(&host.0);
    let how = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
    let descriptor = rustix::fs::open(&host.0, how, rustix::fs::Mode::empty()).unwrap();
    let lower = HostFs::open_tree(Handle::Local(descriptor), 1, Changed::Never).unwrap();
    let upper = tmpfs::new_root(&TmpfsOptions::default());
    let root: Arc<dyn Inode> = OverlayFs::new_root(upper, lower, 2).unwrap();
    let root = MountNamespace::new(Mount::new(SuperBlock::new("overlay", "o", "", root), MountFlags::empty())).root();
    (host, PathContext { root: root.clone(), directory: root, creds: Arc::new(Creds::root()), umask: 0 })
}

fn open(context: &PathContext, path: &str, flags: u32) -> Arc<File> {
    context.open(path.as_bytes(), &OpenHow { flags, ..OpenHow::default() }).unwrap()
}

fn content(context: &PathContext, path: &str) -> Vec<u8> {
    let mut sink = BufferSink::new(1 << 20);
    open(context, path, flags::RDONLY).read(&mut sink).unwrap();
    sink.data
}

#[derive(Default)]
struct Names(Vec<String>);

impl DirSink for Names {
    fn entry(&mut self, name: &[u8], _inode: u64, _kind: FileKind, _next: u64) -> bool {
        self.0.push(String::from_utf8_lossy(name).into_owned());
        true
    }
}

fn list(context: &PathContext, path: &str) -> Vec<String> {
    let file = open(context, path, flags::RDONLY | flags::DIRECTORY);
    let mut names = Names::default();
    file.ops().read_dir(&file, 0, &mut names).unwrap();
    names.0.sort();
    names.0
}

#[test]
fn a_file_is_copied_up_with_its_content() {
    let data: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let (host, context) = overlay("copy", |host| fs::write(host.join("file"), &data).unwrap());
    let file = open(&context, "/file", flags::WRONLY | flags::APPEND);
    assert_eq!(file.write(&mut b"more".as_slice()), Ok(4));
    assert_eq!(content(&context, "/file"), [&data, &b"more"[..]].concat());
    assert_eq!(fs::read(host.0.join("file")).unwrap(), data);
}

#[test]
fn directories_show_both_layers() {
    let (_host, context) = overlay("list", |host| {
        fs::create_dir(host.join("dir")).unwrap();
        fs::write(host.join("dir/old"), "").unwrap();
        fs::write(host.join("dir/gone"), "").unwrap();
    });
    // Twice, since what the host lists is kept.
    assert_eq!(list(&context, "/dir"), ["gone", "old"]);
    assert_eq!(list(&context, "/dir"), ["gone", "old"]);
    context.unlink(b"/dir/gone").unwrap();
    context.make_directory(b"/dir/new", 0o755).unwrap();
    assert_eq!(list(&context, "/dir"), ["new", "old"]);
}

#[test]
fn links_of_the_host_are_followed_again_and_again() {
    let (_host, context) = overlay("link", |host| {
        fs::write(host.join("file"), "text").unwrap();
        symlink("file", host.join("link")).unwrap();
    });
    for _ in 0..2 {
        assert_eq!(content(&context, "/link"), b"text");
        let link = context.lookup(b"/link", LookupFlags::empty()).unwrap();
        assert_eq!(link.inode().read_link(), Ok(b"file".to_vec()));
        assert_eq!(link.inode().list_xattrs(), Ok(Vec::new()));
    }
}

#[test]
fn numbers_of_new_files_are_apart_from_those_of_the_host() {
    let (host, context) = overlay("numbers", |host| fs::write(host.join("old"), "old").unwrap());
    let number = |file: &Arc<File>| file.inode().attributes().unwrap().inode;
    let old = number(&open(&context, "/old", flags::RDONLY));
    assert_eq!(old, std::os::unix::fs::MetadataExt::ino(&fs::metadata(host.0.join("old")).unwrap()));
    for index in 0..100 {
        let new = number(&open(&context, &format!("/new{index}"), flags::WRONLY | flags::CREAT));
        assert!(new > u64::MAX >> 2, "{new} may be a number of the host");
    }
    // Copied up it keeps its number.
    assert_eq!(number(&open(&context, "/old", flags::WRONLY)), old);
}

#[test]
fn a_deep_tree_goes_without_a_deep_stack() {
    let (_host, context) = overlay("deep", |_| {});
    let run = move || {
        let owner = crate::fs::inode::NewAttributes { permissions: 0o755, uid: 0, gid: 0 };
        let mut deepest = context.root.inode().clone();
        for _ in 0..20_000 {
            deepest = deepest.create(b"a", crate::fs::inode::NewNode::Directory, &owner).unwrap();
        }
        drop(deepest);
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(run).unwrap().join().unwrap();
}
