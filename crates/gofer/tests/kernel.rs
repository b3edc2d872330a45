//! The application kernel as a client of the server.

use std::{
    fs,
    os::unix::{fs::FileExt, net::UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lazaret_abi::errno::Errno;
use lazaret_kernel::fs::{
    hostfs::{Changed, Handle, HostFile, HostFs, HostSockets},
    inode::{Attributes, DirSink, FileKind, Inode, NewAttributes, NewNode, SetAttributes, Timestamp},
};
use rustix::fs::{Mode, OFlags};

/// A host directory that is removed at the end.
struct Host(PathBuf);

impl Host {
    fn new(name: &str) -> Host {
        let path = std::env::temp_dir().join(format!("lazaret-served-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Host(path)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn directory(path: &Path) -> std::os::fd::OwnedFd {
    rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
}

fn served(path: &Path, lost: impl Fn() + Send + Sync + 'static) -> Handle {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let root = directory(path);
    thread::spawn(move || lazaret_gofer::serve::serve(root, theirs.into(), None));
    Handle::open(HostFile::Served { connection: ours.into(), read_only: false, sockets: HostSockets::default() }, lost)
        .unwrap()
}

fn never() {
    panic!("the server is gone");
}

/// The entries of a directory, sorted.
fn names(inode: &dyn Inode) -> Vec<(Vec<u8>, FileKind)> {
    #[derive(Default)]
    struct Names(Vec<(Vec<u8>, FileKind)>);
    impl DirSink for Names {
        fn entry(&mut self, name: &[u8], _inode: u64, kind: FileKind, _next: u64) -> bool {
            self.0.push((name.to_vec(), kind));
            true
        }
    }
    let mut names = Names::default();
    inode.read_dir(0, &mut names).unwrap();
    names.0.sort_by(|one, two| one.0.cmp(&two.0));
    names.0
}

/// What one does with files; the answers.
fn use_files(root: &Arc<dyn Inode>, host: &Path) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |text: String| said.push(text);
    let shown = |found: Attributes| {
        let Attributes { kind, permissions, links, uid, gid, rdev, size, .. } = found;
        format!("{kind:?} {permissions:o} {links} {uid} {gid} {rdev} {size}")
    };
    let made = |permissions| NewAttributes { permissions, uid: 0, gid: 0 };
    let file = NewNode::Node { kind: FileKind::Regular, rdev: 0 };
    let sub = root.create(b"sub", NewNode::Directory, &made(0o755)).unwrap();
    let plain = sub.create(b"plain", file, &NewAttributes { permissions: 0o4755, uid: 3, gid: 4 }).unwrap();
    say(shown(plain.attributes().unwrap()));
    say(format!("{:?}", sub.create(b"plain", file, &made(0o600)).err()));
    for kind in [FileKind::Fifo, FileKind::Socket] {
        let node = sub.create(format!("{kind:?}").as_bytes(), NewNode::Node { kind, rdev: 0 }, &made(0o640)).unwrap();
        let change = SetAttributes { permissions: Some(0o604), uid: Some(7), ..SetAttributes::default() };
        say(format!("{:?}", node.set_attributes(&change)));
        say(shown(node.attributes().unwrap()));
    }
    let link = sub.create(b"link", NewNode::Symlink(b"../over there"), &made(0o777)).unwrap();
    say(format!("{:?}", link.read_link()));
    let device = NewNode::Node { kind: FileKind::CharDevice, rdev: 0x103 };
    say(format!("{:?}", sub.create(b"device", device, &made(0o600)).err()));

    // What is written reaches the host at once, and what the host writes is seen.
    let mapping = plain.host_mapping(true).unwrap();
    rustix::io::pwrite(&mapping.fd, b"from inside", 0).unwrap();
    say(fs::read_to_string(host.join("sub/plain")).unwrap());
    let outside = fs::File::options().write(true).open(host.join("sub/plain")).unwrap();
    outside.write_all_at(b"FROM OUTSIDE", 0).unwrap();
    let mut content = [0; 12];
    rustix::io::pread(&plain.host_mapping(false).unwrap().fd, &mut content, 0).unwrap();
    say(format!("{} {}", plain.attributes().unwrap().size, String::from_utf8_lossy(&content)));
    let time = Timestamp { seconds: 1_000_000, nanoseconds: 5 };
    let change = SetAttributes { size: Some(4), mtime: Some(time), gid: Some(9), ..SetAttributes::default() };
    say(format!("{:?}", plain.set_attributes(&change)));
    say(format!("{} {:?}", shown(plain.attributes().unwrap()), plain.attributes().unwrap().mtime));

    // Extended attributes.
    for (name, value) in [(&b"user.a"[..], &b"one"[..]), (b"user.empty", b"")] {
        say(format!("{:?} {:?}", plain.set_xattr(name, value, 0), plain.get_xattr(name)));
    }
    say(format!("{:?}", plain.set_xattr(b"user.a", b"two", 1)));
    say(format!("{:?} {:?}", plain.get_xattr(b"user.none"), link.get_xattr(b"user.a")));
    let mut list = plain.list_xattrs().unwrap();
    list.sort();
    say(format!("{list:?} {:?} {:?}", plain.remove_xattr(b"user.a"), plain.list_xattrs()));
    say(format!("{:?} {:?}", sub.set_xattr(b"user.d", b"dir", 0), sub.get_xattr(b"user.d")));

    // Names.
    say(format!("{:?}", names(&*sub)));
    say(format!("{:?} {}", root.link(b"second", &plain), plain.attributes().unwrap().links));
    assert!(Arc::ptr_eq(&root.lookup(b"second").unwrap(), &plain));
    say(format!("{:?}", sub.rename(b"plain", root, b"moved", 0)));
    say(format!("{:?} {:?}", sub.lookup(b"plain").err(), root.lookup(b"moved").map(|_| ())));
    say(format!("{:?}", root.rename(b"moved", &sub, b"link", 2)));
    say(format!("{:?} {:?}", root.lookup(b"moved").unwrap().kind(), sub.lookup(b"link").unwrap().kind()));
    say(format!("{:?} {:?}", root.unlink(b"sub"), root.rmdir(b"sub")));
    // A file without a name lives as long as somebody uses it.
    say(format!("{:?} {:?}", root.unlink(b"second"), sub.unlink(b"link")));
    say(format!("{}", plain.attributes().unwrap().links));
    say(format!("{:?}", plain.set_attributes(&SetAttributes { permissions: Some(0o600), ..Default::default() })));
    say(format!("{:?}", plain.set_attributes(&SetAttributes { size: Some(2), ..Default::default() })));
    say(shown(plain.attributes().unwrap()));
    for name in names(&*sub) {
        sub.unlink(&name.0).unwrap();
    }
    say(format!("{:?} {:?}", root.rmdir(b"sub"), names(&**root)));
    say(format!("{:?}", sub.lookup(b"x").err()));
    let statistics = root.statistics().unwrap();
    say(format!("{:x} {} {}", statistics.magic, statistics.block_size, statistics.name_max));
    root.unlink(b"moved").unwrap();
    said
}

#[test]
fn served_files_are_as_those_at_hand() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let umask = rustix::process::umask(Mode::empty());
    let (local, remote) = (Host::new("local"), Host::new("remote"));
    let root: Arc<dyn Inode> = HostFs::open_tree(Handle::Local(directory(&local.0)), 1, Changed::ByOthers).unwrap();
    let expected = use_files(&root, &local.0);
    let root: Arc<dyn Inode> = HostFs::open_tree(served(&remote.0, never), 1, Changed::ByOthers).unwrap();
    let found = use_files(&root, &remote.0);
    rustix::process::umask(umask);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn long_directories_are_listed_whole() {
    let host = Host::new("long");
    let mut expected: Vec<String> = (0..3000).map(|number| format!("{number:0>200}")).collect();
    expected.iter().for_each(|name| fs::write(host.0.join(name), "").unwrap());
    expected.sort();
    let root = HostFs::open_tree(served(&host.0, never), 1, Changed::Never).unwrap();
    let found: Vec<String> = names(&*root).into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn threads_share_a_connection() {
    let host = Host::new("threads");
    for thread in 0..8 {
        fs::create_dir(host.0.join(thread.to_string())).unwrap();
        (0..20).for_each(|file| fs::write(host.0.join(format!("{thread}/{file}")), file.to_string()).unwrap());
    }
    let root = HostFs::open_tree(served(&host.0, never), 1, Changed::ByOthers).unwrap();
    thread::scope(|scope| {
        for thread in 0..8 {
            let root = &root;
            scope.spawn(move || {
                for round in 0..200 {
                    let file = (round % 20).to_string();
                    let directory = root.lookup(thread.to_string().as_bytes()).unwrap();
                    let inode = directory.lookup(file.as_bytes()).unwrap();
                    let mut content = [0; 8];
                    let fd = inode.host_mapping(false).unwrap().fd;
                    let length = rustix::io::pread(&*fd, &mut content, 0).unwrap();
                    assert_eq!(&content[..length], file.as_bytes());
                    assert_eq!(directory.lookup(b"none").err(), Some(Errno::ENOENT));
                }
            });
        }
    });
}

#[test]
fn a_server_that_ends_is_an_error() {
    static LOST: AtomicUsize = AtomicUsize::new(0);
    let host = Host::new("end");
    fs::write(host.0.join("file"), "").unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let root = directory(&host.0);
    let hang_up = theirs.try_clone().unwrap();
    thread::spawn(move || lazaret_gofer::serve::serve(root, theirs.into(), None));
    let file = HostFile::Served { connection: ours.into(), read_only: false, sockets: HostSockets::default() };
    let root = Handle::open(file, || LOST.store(LOST.load(Ordering::Relaxed) + 1, Ordering::Relaxed)).unwrap();
    let root = HostFs::open_tree(root, 1, Changed::ByOthers).unwrap();
    let held = root.lookup(b"file").unwrap();
    assert!(held.host_mapping(false).is_ok());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| while root.lookup(b"file").is_ok() {});
        }
        thread::sleep(Duration::from_millis(20));
        hang_up.shutdown(std::net::Shutdown::Both).unwrap();
    });
    assert_eq!(root.lookup(b"file").err(), Some(Errno::EIO));
    assert_eq!(root.attributes().err(), Some(Errno::EIO));
    drop((root, held));
    assert_eq!(LOST.load(Ordering::Relaxed), 1);
}
