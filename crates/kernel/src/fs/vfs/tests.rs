use lazaret_abi::errno::Errno;

use super::{
    Location, LookupFlags, Mount, MountFlags, MountNamespace, OpenHow, PathContext, change,
    open::open_for_exec,
    rename::{EXCHANGE, NOREPLACE, rename},
};
use crate::{
    fs::{
        file::{File, flags},
        inode::{DirSink, FileKind},
        tmpfs,
    },
    sync::Arc,
    task::creds::{Creds, cap},
    uio::BufferSink,
};

fn creds(uid: u32, capabilities: u64) -> Arc<Creds> {
    let root = Creds::root();
    let (permitted, effective, bounding) = (capabilities, capabilities, capabilities);
    Arc::new(Creds {
        uid,
        euid: uid,
        suid: uid,
        fsuid: uid,
        gid: uid,
        egid: uid,
        sgid: uid,
        fsgid: uid,
        permitted,
        effective,
        bounding,
        ..root
    })
}

fn tmpfs_mount() -> Arc<Mount> {
    Mount::new(tmpfs::mount("none", "mode=755").unwrap(), MountFlags::empty())
}

/// A fresh tree as root sees it.
fn context() -> (Arc<MountNamespace>, PathContext) {
    let namespace = MountNamespace::new(tmpfs_mount());
    let root = namespace.root();
    (namespace, PathContext { root: root.clone(), directory: root, creds: creds(0, cap::ALL), umask: 0o022 })
}

fn as_user(context: &PathContext, uid: u32) -> PathContext {
    PathContext { creds: creds(uid, 0), ..context.clone() }
}

fn create(context: &PathContext, path: &str, content: &str) -> Arc<File> {
    let how = OpenHow { flags: flags::CREAT | flags::RDWR, mode: 0o666, ..OpenHow::default() };
    let file = context.open(path.as_bytes(), &how).unwrap();
    assert_eq!(file.write(&mut content.as_bytes()), Ok(content.len()));
    file
}

fn open(context: &PathContext, path: &str, flags: u32) -> Result<Arc<File>, Errno> {
    context.open(path.as_bytes(), &OpenHow { flags, mode: 0o666, ..OpenHow::default() })
}

fn content(context: &PathContext, path: &str) -> Result<String, Errno> {
    let file = open(context, path, flags::RDONLY)?;
    let mut sink = BufferSink::new(1000);
    file.read(&mut sink)?;
    Ok(String::from_utf8(sink.data).unwrap())
}

fn mkdir(context: &PathContext, path: &str) -> Location {
    context.make_directory(path.as_bytes(), 0o777).unwrap()
}

fn follow(context: &PathContext, path: &str) -> Result<Location, Errno> {
    context.lookup(path.as_bytes(), LookupFlags::FOLLOW)
}

fn path_of(context: &PathContext, path: &str) -> Result<String, Errno> {
    let location = follow(context, path)?;
    Ok(String::from_utf8(location.path_from(&context.root).0).unwrap())
}

#[test]
fn paths_are_walked_as_path_resolution_tells() {
    let (_namespace, context) = context();
    mkdir(&context, "/a");
    mkdir(&context, "a/b/");
    create(&context, "/a/b/file", "x");
    assert_eq!(path_of(&context, "/a/./b/../b//file").as_deref(), Ok("/a/b/file"));
    assert_eq!(path_of(&context, "/../../a/").as_deref(), Ok("/a"));
    assert_eq!(path_of(&context, "/").as_deref(), Ok("/"));
    assert_eq!(path_of(&context, "").err(), Some(Errno::ENOENT));
    assert_eq!(path_of(&context, "/a/b/file/").err(), Some(Errno::ENOTDIR));
    assert_eq!(path_of(&context, "/a/b/file/.").err(), Some(Errno::ENOTDIR));
    assert_eq!(path_of(&context, "/a/none/..").err(), Some(Errno::ENOENT));
    assert_eq!(path_of(&context, &format!("/{}", "n".repeat(256))).err(), Some(Errno::ENAMETOOLONG));
    assert_eq!(path_of(&context, &format!("/{}", "n".repeat(255))).err(), Some(Errno::ENOENT));
}

#[test]
fn links_are_followed_up_to_forty() {
    let (_namespace, context) = context();
    mkdir(&context, "/d");
    create(&context, "/d/file", "x");
    context.make_symlink(b"d", b"/link").unwrap();
    context.make_symlink(b"/link/file", b"/d/again").unwrap();
    assert_eq!(path_of(&context, "/link/again").as_deref(), Ok("/d/file"));
    assert_eq!(path_of(&context, "/link/").as_deref(), Ok("/d"));
    assert_eq!(context.lookup(b"/link", LookupFlags::empty()).unwrap().inode().kind(), FileKind::Symlink);
    context.make_symlink(b"loop", b"/loop").unwrap();
    assert_eq!(path_of(&context, "/loop").err(), Some(Errno::ELOOP));
    let no_links = LookupFlags::FOLLOW | LookupFlags::NO_SYMLINKS;
    assert_eq!(context.lookup(b"/link/file", no_links).err(), Some(Errno::ELOOP));
    // A dangling link is made real by O_CREAT, but not with O_EXCL.
    context.make_symlink(b"d/new", b"/dangling").unwrap();
    assert_eq!(open(&context, "/dangling", flags::CREAT | flags::EXCL).err(), Some(Errno::EEXIST));
    create(&context, "/dangling", "y");
    assert_eq!(content(&context, "/d/new").as_deref(), Ok("y"));
    assert_eq!(open(&context, "/link", flags::NOFOLLOW).err(), Some(Errno::ELOOP));
    assert_eq!(open(&context, "/dangling/", flags::CREAT).err(), Some(Errno::EISDIR));
}

#[test]
fn scoped_walks_stay_inside() {
    let (_namespace, mut context) = context();
    mkdir(&context, "/jail");
    mkdir(&context, "/jail/in");
    create(&context, "/secret", "x");
    create(&context, "/jail/in/file", "x");
    context.make_symlink(b"/secret", b"/jail/abs").unwrap();
    context.make_symlink(b"../../secret", b"/jail/in/up").unwrap();
    context.directory = follow(&context, "/jail").unwrap();
    let beneath = LookupFlags::FOLLOW | LookupFlags::BENEATH;
    assert!(context.lookup(b"in/../in/file", beneath).is_ok());
    for path in ["/secret", "../secret", "abs", "in/up", "in/../.."] {
        assert_eq!(context.lookup(path.as_bytes(), beneath).err(), Some(Errno::EXDEV), "{path}");
    }
    let in_root = LookupFlags::FOLLOW | LookupFlags::IN_ROOT;
    for path in ["/secret", "../secret", "abs", "in/up"] {
        assert_eq!(context.lookup(path.as_bytes(), in_root).err(), Some(Errno::ENOENT), "{path}");
    }
    assert!(context.lookup(b"/../in/file", in_root).is_ok());
}

#[test]
fn permissions_are_checked_on_the_way_and_at_the_end() {
    let (_namespace, root) = context();
    let user = as_user(&root, 1000);
    let private = mkdir(&root, "/private");
    create(&root, "/private/file", "x");
    change::chmod(&private, 0o700, &root.creds).unwrap();
    assert_eq!(content(&user, "/private/file").err(), Some(Errno::EACCES));
    assert_eq!(user.make_directory(b"/mine", 0o777).err(), Some(Errno::EACCES));
    let tmp = mkdir(&root, "/tmp");
    change::chmod(&tmp, 0o1777, &root.creds).unwrap();
    create(&root, "/tmp/roots", "x");
    assert_eq!(user.unlink(b"/tmp/roots"), Err(Errno::EPERM));
    assert_eq!(rename(&user, b"/tmp/roots", &user, b"/tmp/x", 0), Err(Errno::EPERM));
    assert_eq!(open(&user, "/tmp/roots", flags::WRONLY).err(), Some(Errno::EACCES));
    create(&user, "/tmp/users", "x");
    assert_eq!(user.unlink(b"/tmp/users"), Ok(()));
    let place = follow(&user, "/tmp/roots").unwrap();
    assert_eq!(change::chmod(&place, 0o777, &user.creds), Err(Errno::EPERM));
    assert_eq!(change::chown(&place, Some(1000), None, &user.creds), Err(Errno::EPERM));
    // A set-group-id directory passes its group on.
    change::chown(&tmp, None, Some(7), &root.creds).unwrap();
    change::chmod(&tmp, 0o2777, &root.creds).unwrap();
    let made = mkdir(&user, "/tmp/dir").inode().attributes().unwrap();
    assert_eq!((made.gid, made.permissions), (7, 0o2755));
}

#[test]
fn removed_names_are_gone_for_all() {
    let (_namespace, context) = context();
    mkdir(&context, "/d");
    let file = create(&context, "/d/file", "text");
    assert_eq!(context.remove_directory(b"/d"), Err(Errno::ENOTEMPTY));
    assert_eq!(context.unlink(b"/d"), Err(Errno::EISDIR));
    assert_eq!(context.remove_directory(b"/d/file"), Err(Errno::ENOTDIR));
    assert_eq!(context.unlink(b"/d/file"), Ok(()));
    assert_eq!(content(&context, "/d/file").err(), Some(Errno::ENOENT));
    assert_eq!(file.attributes().unwrap().links, 0);
    assert_eq!(file.location().display_path(&context.root), b"/d/file (deleted)");
    let gone = PathContext { directory: follow(&context, "/d").unwrap(), ..context.clone() };
    assert_eq!(context.remove_directory(b"/d"), Ok(()));
    assert_eq!(gone.make_directory(b"x", 0o777).err(), Some(Errno::ENOENT));
    assert_eq!(context.remove_directory(b"/"), Err(Errno::EBUSY));
    assert_eq!(context.remove_directory(b"/."), Err(Errno::EINVAL));
    // The name can be used again.
    create(&context, "/d", "new");
    assert_eq!(content(&context, "/d").as_deref(), Ok("new"));
}

#[test]
fn names_move_and_swap() {
    let (_namespace, context) = context();
    for path in ["/a", "/b", "/a/sub", "/b/full", "/b/full/x"] {
        mkdir(&context, path);
    }
    create(&context, "/a/file", "1");
    create(&context, "/b/file", "2");
    let links = |path: &str| follow(&context, path).unwrap().inode().attributes().unwrap().links;
    let go = |old: &str, new: &str, flags| rename(&context, old.as_bytes(), &context, new.as_bytes(), flags);
    assert_eq!(go("/a/file", "/b/file", NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(go("/a/file", "/b/file", EXCHANGE), Ok(()));
    assert_eq!(content(&context, "/b/file").as_deref(), Ok("1"));
    assert_eq!(go("/a", "/a/sub/x", 0), Err(Errno::EINVAL));
    assert_eq!(go("/a/sub", "/a", 0), Err(Errno::ENOTEMPTY));
    assert_eq!(go("/a/sub", "/b/full", 0), Err(Errno::ENOTEMPTY));
    assert_eq!(go("/a/sub", "/b/file", 0), Err(Errno::ENOTDIR));
    assert_eq!(go("/a/file", "/b/full", 0), Err(Errno::EISDIR));
    assert_eq!(go("/a/file", "/b/none/", 0), Err(Errno::ENOTDIR));
    assert_eq!((links("/a"), links("/b")), (3, 3));
    assert_eq!(go("/a/sub", "/b/sub", 0), Ok(()));
    assert_eq!((links("/a"), links("/b")), (2, 4));
    assert_eq!(go("/a/file", "/b/file", 0), Ok(()));
    assert_eq!(content(&context, "/b/file").as_deref(), Ok("2"));
    assert_eq!(content(&context, "/a/file").err(), Some(Errno::ENOENT));
    // Two names of one inode: nothing happens.
    context.make_link(&follow(&context, "/b/file").unwrap(), b"/b/other").unwrap();
    assert_eq!(go("/b/file", "/b/other", 0), Ok(()));
    assert_eq!((links("/b/file"), links("/b/other")), (2, 2));
}

#[test]
fn mounts_hide_and_show() {
    let (namespace, context) = context();
    mkdir(&context, "/m");
    create(&context, "/m/below", "x");
    namespace.mount(&tmpfs_mount(), &follow(&context, "/m").unwrap()).unwrap();
    assert_eq!(content(&context, "/m/below").err(), Some(Errno::ENOENT));
    create(&context, "/m/above", "y");
    assert_eq!(path_of(&context, "/m/above").as_deref(), Ok("/m/above"));
    assert_eq!(path_of(&context, "/m/..").as_deref(), Ok("/"));
    assert_eq!(context.remove_directory(b"/m"), Err(Errno::EBUSY));
    assert_eq!(rename(&context, b"/m/above", &context, b"/x", 0), Err(Errno::EXDEV));
    let no_xdev = LookupFlags::FOLLOW | LookupFlags::NO_XDEV;
    assert_eq!(context.lookup(b"/m/above", no_xdev).err(), Some(Errno::EXDEV));
    // A read-only bind mount of it.
    mkdir(&context, "/bind");
    namespace.bind(&follow(&context, "/m").unwrap(), &follow(&context, "/bind").unwrap(), false).unwrap();
    let bind = follow(&context, "/bind").unwrap();
    namespace.remount(&bind, MountFlags::READ_ONLY).unwrap();
    drop(bind);
    assert_eq!(content(&context, "/bind/above").as_deref(), Ok("y"));
    assert_eq!(open(&context, "/bind/above", flags::WRONLY).err(), Some(Errno::EROFS));
    assert_eq!(context.unlink(b"/bind/above"), Err(Errno::EROFS));
    assert_eq!(context.make_directory(b"/bind/d", 0o777).err(), Some(Errno::EROFS));
    // In use, then not.
    let open_file = open(&context, "/m/above", flags::RDONLY).unwrap();
    assert_eq!(namespace.unmount(&follow(&context, "/m").unwrap(), false), Err(Errno::EBUSY));
    drop(open_file);
    assert_eq!(namespace.unmount(&follow(&context, "/m").unwrap(), false), Ok(()));
    assert_eq!(content(&context, "/m/below").as_deref(), Ok("x"));
    assert_eq!(namespace.unmount(&follow(&context, "/bind").unwrap(), true), Ok(()));
    assert_eq!(namespace.mounts().len(), 1);
}

#[test]
fn namespaces_are_copied_apart() {
    let (namespace, context) = context();
    mkdir(&context, "/m");
    namespace.mount(&tmpfs_mount(), &follow(&context, "/m").unwrap()).unwrap();
    let (other, copies) = namespace.duplicate();
    let there = PathContext {
        root: copies.translate(&context.root),
        directory: copies.translate(&context.directory),
        ..context.clone()
    };
    drop(copies);
    assert_eq!(other.unmount(&follow(&there, "/m").unwrap(), false), Ok(()));
    assert_eq!((namespace.mounts().len(), other.mounts().len()), (2, 1));
    create(&context, "/m/file", "x");
    assert_eq!(content(&there, "/m/file").err(), Some(Errno::ENOENT));
}

#[test]
fn the_root_can_be_exchanged() {
    let (namespace, context) = context();
    mkdir(&context, "/new");
    namespace.mount(&tmpfs_mount(), &follow(&context, "/new").unwrap()).unwrap();
    mkdir(&context, "/new/old");
    let new_root = follow(&context, "/new").unwrap();
    let put_old = follow(&context, "/new/old").unwrap();
    namespace.pivot_root(&context.root, &new_root, &put_old).unwrap();
    let inside = PathContext { root: new_root.clone(), directory: new_root, ..context.clone() };
    assert_eq!(path_of(&inside, "/old/new").as_deref(), Ok("/old/new"));
    assert!(namespace.root().is_same(&inside.root));
}

struct Names(Vec<String>, u64, usize);

impl DirSink for Names {
    fn entry(&mut self, name: &[u8], _inode: u64, _kind: FileKind, next: u64) -> bool {
        if self.0.len() == self.2 {
            return false;
        }
        self.0.push(String::from_utf8(name.to_vec()).unwrap());
        self.1 = next;
        true
    }
}

#[test]
fn directories_are_read_while_they_change() {
    let (_namespace, context) = context();
    for number in 0..10 {
        create(&context, &format!("/f{number}"), "");
    }
    let mut names = Names(Vec::new(), 0, 5);
    context.root.inode().read_dir(0, &mut names).unwrap();
    assert_eq!(names.0, ["f0", "f1", "f2", "f3", "f4"]);
    context.unlink(b"/f2").unwrap();
    context.unlink(b"/f5").unwrap();
    create(&context, "/f10", "");
    let mut rest = Names(Vec::new(), 0, 100);
    context.root.inode().read_dir(names.1, &mut rest).unwrap();
    assert_eq!(rest.0, ["f6", "f7", "f8", "f9", "f10"]);
}

#[test]
fn very_deep_trees_come_and_go() {
    let (_namespace, context) = context();
    let mut here = context.clone();
    for _ in 0..200_000 {
        here.directory = here.make_directory(b"d", 0o777).unwrap();
    }
    drop(here);
}

#[test]
fn unnamed_files_can_get_a_name() {
    let (_namespace, context) = context();
    let file = open(&context, "/", flags::TMPFILE | flags::RDWR).unwrap();
    assert_eq!(file.write(&mut b"late".as_slice()), Ok(4));
    context.make_link(file.location(), b"/named").unwrap();
    assert_eq!(content(&context, "/named").as_deref(), Ok("late"));
}

#[test]
fn what_is_executed_is_not_written() {
    let (_namespace, context) = context();
    let file = create(&context, "/program", "x");
    let place = follow(&context, "/program").unwrap();
    change::chmod(&place, 0o755, &context.creds).unwrap();
    assert_eq!(open_for_exec(place.clone(), &context.creds).err(), Some(Errno::ETXTBSY));
    drop(file);
    let running = open_for_exec(place.clone(), &context.creds).unwrap();
    assert_eq!(open(&context, "/program", flags::WRONLY).err(), Some(Errno::ETXTBSY));
    assert_eq!(change::truncate(&place, 0, &context.creds), Err(Errno::ETXTBSY));
    assert!(open(&context, "/program", flags::RDONLY).is_ok());
    drop(running);
    assert!(open(&context, "/program", flags::WRONLY | flags::TRUNC).is_ok());
}

#[test]
fn mount_tables_show_what_can_be_reached() {
    let (namespace, context) = context();
    mkdir(&context, "/a b");
    namespace.mount(&tmpfs_mount(), &follow(&context, "/a b").unwrap()).unwrap();
    mkdir(&context, "/a b/sub");
    mkdir(&context, "/c");
    namespace.bind(&follow(&context, "/a b/sub").unwrap(), &follow(&context, "/c").unwrap(), false).unwrap();
    let table = String::from_utf8(namespace.show_mounts(&context.root)).unwrap();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[1], "none /a\\040b tmpfs rw,mode=755 0 0");
    let info = String::from_utf8(namespace.show_mount_info(&context.root)).unwrap();
    assert!(info.lines().nth(2).unwrap().contains(" /sub /c rw - tmpfs none rw,mode=755"), "{info}");
    let inside = follow(&context, "/c").unwrap();
    assert_eq!(namespace.show_mounts(&inside), b"none / tmpfs rw,mode=755 0 0\n");
}

#[test]
fn what_moved_out_of_a_bind_mount_does_not_lead_out() {
    let (namespace, context) = context();
    for path in ["/shown", "/shown/d", "/shown/d/e", "/bind", "/other"] {
        mkdir(&context, path);
    }
    namespace.bind(&follow(&context, "/shown").unwrap(), &follow(&context, "/bind").unwrap(), false).unwrap();
    let inside = PathContext { directory: follow(&context, "/bind/d/e").unwrap(), ..context.clone() };
    assert!(inside.lookup(b"../..", LookupFlags::FOLLOW).is_ok());
    let scoped = PathContext { directory: follow(&context, "/shown").unwrap(), ..context.clone() };
    rename(&context, b"/shown/d", &context, b"/other/d", 0).unwrap();
    assert_eq!(inside.lookup(b"../..", LookupFlags::FOLLOW).err(), Some(Errno::ENOENT));
    assert!(scoped.lookup(b".", LookupFlags::BENEATH).is_ok());
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn threads_change_the_tree_at_once() {
    let (_namespace, context) = context();
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let context = context.clone();
            std::thread::spawn(move || {
                let mut numbers = Numbers(seed);
                for _ in 0..20_000 {
                    let mut path = || {
                        let depth = 1 + numbers.below(3);
                        let names = (0..depth).map(|_| format!("/n{}", numbers.below(3)));
                        names.collect::<String>().into_bytes()
                    };
                    let (one, two) = (path(), path());
                    // Most of these fail; what matters is that the tree stays whole and nobody waits for ever.
                    let _ = match numbers.below(8) {
                        0 => context.make_directory(&one, 0o755).map(drop),
                        1 => context.make_node(&one, FileKind::Regular, 0, 0o644).map(drop),
                        2 => context.unlink(&one),
                        3 => context.remove_directory(&one),
                        4 | 5 => rename(&context, &one, &context, &two, 0),
                        6 => rename(&context, &one, &context, &two, EXCHANGE),
                        _ => context.lookup(&one, LookupFlags::FOLLOW).map(drop),
                    };
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    check_tree(&context, "");
}

/// Checks that names, links and the cache agree below a directory.
fn check_tree(context: &PathContext, path: &str) {
    let here = follow(context, &format!("{path}/")).unwrap();
    let mut names = Names(Vec::new(), 0, 100);
    here.inode().read_dir(0, &mut names).unwrap();
    let mut directories = 0;
    for name in names.0 {
        let path = format!("{path}/{name}");
        let place = follow(context, &path).unwrap();
        assert_eq!(path_of(context, &path).as_deref(), Ok(&*path));
        if place.inode().kind() == FileKind::Directory {
            directories += 1;
            check_tree(context, &path);
        } else {
            assert_eq!(place.inode().attributes().unwrap().links, 1, "{path}");
        }
    }
    assert_eq!(here.inode().attributes().unwrap().links, 2 + directories, "{path}");
}
