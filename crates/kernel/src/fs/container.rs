//! The file tree of a container: its root, mounts, masked and read-only paths.

use lazaret_abi::errno::Errno;

use super::{
    dev::{self, make_device},
    hostfs::{Changed, Handle, HostFile, HostFs},
    inode::{FileKind, Inode, NewAttributes, NewNode},
    overlay::OverlayFs,
    registry::{self, Mounter},
    tmpfs::{self, TmpfsOptions},
    vfs::{Location, LookupFlags, Mount, MountFlags, MountNamespace, PathContext, SuperBlock},
};
use crate::{
    boot::{Kernel, MountSource, MountSpec, StartError},
    sync::Arc,
    task::creds::Creds,
};

/// What the tree of a container is made of.
pub struct TreeSpec {
    /// Root file system; its destination is not looked at.
    pub root: MountSpec,
    /// Further mounts, in order.
    pub mounts: Vec<MountSpec>,
    /// Paths to hide.
    pub masked_paths: Vec<Vec<u8>>,
    /// Paths to make read-only.
    pub readonly_paths: Vec<Vec<u8>>,
}

/// Makes the mount namespace of a container.
///
/// # Errors
/// Names the mount or path that failed.
pub fn build(mounter: Mounter<'_>, spec: TreeSpec, creds: Arc<Creds>) -> Result<Arc<MountNamespace>, StartError> {
    let step = |what: &str, path: &[u8]| {
        let step = format!("{what} {}", String::from_utf8_lossy(path));
        move |cause| StartError { step, cause }
    };
    let root_flags = MountFlags::from_ms(spec.root.flags);
    // Mount points that are missing are made before the root becomes read-only.
    let root = mount_of(mounter, spec.root.source, root_flags - MountFlags::READ_ONLY).map_err(step("mount", b"/"))?;
    let namespace = MountNamespace::new(root);
    let place = namespace.root();
    let context = PathContext { root: place.clone(), directory: place, creds, umask: 0o022 };
    let mut read_only = Vec::new();
    let mut links = Vec::new();
    for spec in spec.mounts.into_iter().flat_map(|spec| with_controllers(mounter, spec, &mut links)) {
        let failed = step("mount", &spec.destination);
        let flags = MountFlags::from_ms(spec.flags);
        let mounted = mount_of(mounter, spec.source, flags - MountFlags::READ_ONLY).and_then(|mount| {
            let directory = mount.root().inode().kind() == FileKind::Directory;
            let target = make_mount_point(&context, &spec.destination, directory)?;
            namespace.mount(&mount, &target)?;
            Ok(mount)
        });
        let mounted = mounted.map_err(failed)?;
        if flags.contains(MountFlags::READ_ONLY) {
            read_only.push((mounted, flags));
        }
    }
    for (path, target) in links {
        context.make_symlink(target.as_bytes(), &path).map_err(step("link", &path))?;
    }
    for path in spec.masked_paths {
        mask(mounter, &namespace, &context, &path).map_err(step("mask", &path))?;
    }
    for path in spec.readonly_paths {
        protect(&namespace, &context, &path).map_err(step("make read-only", &path))?;
    }
    for (mount, flags) in read_only {
        mount.set_flags(flags);
    }
    context.root.mount.set_flags(root_flags);
    Ok(namespace)
}

/// Where the container is in hierarchies of version 1, a mount of its cgroups is a directory with a mount of each.
/// Controllers that share a hierarchy are found by links, too.
fn with_controllers(
    mounter: Mounter<'_>,
    spec: MountSpec,
    links: &mut Vec<(Vec<u8>, String)>,
) -> impl Iterator<Item = MountSpec> + use<> {
    let mut mounts = Vec::new();
    let place = |name: &str| [&spec.destination, b"/".as_slice(), name.as_bytes()].concat();
    if let MountSource::Cgroup { unified: false } = spec.source {
        for hierarchy in mounter.cgroup.hierarchies.legacy() {
            let name = hierarchy.name();
            if hierarchy.controllers.len() > 1 {
                links.extend(hierarchy.controllers.iter().map(|controller| (place(controller), name.clone())));
            }
            let destination = place(&name);
            mounts.push(MountSpec { destination, source: MountSource::CgroupController { name }, flags: spec.flags });
        }
    }
    let source = if mounts.is_empty() { spec.source } else { MountSource::Tmpfs { options: "mode=755".into() } };
    std::iter::once(MountSpec { source, ..spec }).chain(mounts)
}

fn mount_of(mounter: Mounter<'_>, source: MountSource, flags: MountFlags) -> Result<Arc<Mount>, Errno> {
    let superblock = match source {
        MountSource::Host { file, overlay, exclusive } => host_superblock(mounter.kernel, file, overlay, exclusive)?,
        MountSource::Tmpfs { options } => registry::new_superblock(mounter, "tmpfs", "tmpfs", &options)?,
        MountSource::Proc => registry::new_superblock(mounter, "proc", "proc", "")?,
        MountSource::Sysfs => registry::new_superblock(mounter, "sysfs", "sysfs", "")?,
        MountSource::Dev => registry::new_superblock(mounter, "devtmpfs", "devtmpfs", "")?,
        MountSource::Devpts { options } => registry::new_superblock(mounter, "devpts", "devpts", &options)?,
        MountSource::Mqueue => registry::new_superblock(mounter, "mqueue", "mqueue", "")?,
        MountSource::Cgroup { .. } => registry::new_superblock(mounter, "cgroup2", "cgroup", "")?,
        MountSource::CgroupController { name } => registry::new_superblock(mounter, "cgroup", "cgroup", &name)?,
    };
    Ok(Mount::new(superblock, flags))
}

/// The tree of a host directory, or a host file; with a writable layer above it if asked for.
fn host_superblock(
    kernel: &Arc<Kernel>,
    file: HostFile,
    overlay: bool,
    exclusive: bool,
) -> Result<Arc<SuperBlock>, Errno> {
    let weak = Arc::downgrade(kernel);
    let lost = move || {
        if let Some(kernel) = weak.upgrade() {
            kernel.log.tell_user(format_args!("the gofer has ended: the files that it served are out of reach"));
        }
    };
    let root = Handle::open(file, lost)?;
    if !overlay {
        return kernel.host_trees.open(root, exclusive);
    }
    let changed = if exclusive { Changed::Never } else { Changed::ByOthers };
    let lower: Arc<dyn Inode> = HostFs::open_tree(root, SuperBlock::allocate_device(), changed)?;
    if lower.kind() != FileKind::Directory {
        // There is no directory to copy the file to when it is written.
        let superblock = SuperBlock::new("hostfs", "host", "", lower);
        superblock.set_read_only(true);
        return Ok(superblock);
    }
    let upper: Arc<dyn Inode> = tmpfs::new_root(&TmpfsOptions::default());
    let root: Arc<dyn Inode> = OverlayFs::new_root(upper, lower, SuperBlock::allocate_device())?;
    Ok(SuperBlock::new("overlay", "overlay", "", root))
}

/// The place of a mount point; what is missing on the way is made.
fn make_mount_point(context: &PathContext, path: &[u8], directory: bool) -> Result<Location, Errno> {
    match context.lookup(path, LookupFlags::FOLLOW) {
        Err(Errno::ENOENT) => {}
        found => return found,
    }
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    let mut here = vec![b'/'];
    for (position, name) in names.iter().enumerate() {
        here.extend_from_slice(name);
        let last = position + 1 == names.len();
        match context.lookup(&here, LookupFlags::FOLLOW) {
            Err(Errno::ENOENT) if last && !directory => {
                context.make_node(&here, FileKind::Regular, 0, 0o755)?;
            }
            Err(Errno::ENOENT) => {
                context.make_directory(&here, 0o755)?;
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        here.push(b'/');
    }
    context.lookup(path, LookupFlags::FOLLOW)
}

/// Finds a path that may be missing.
fn existing(context: &PathContext, path: &[u8]) -> Result<Option<Location>, Errno> {
    match context.lookup(path, LookupFlags::FOLLOW) {
        Ok(location) => Ok(Some(location)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Hides a path: an empty read-only directory over a directory, the null device over a file.
fn mask(
    mounter: Mounter<'_>,
    namespace: &Arc<MountNamespace>,
    context: &PathContext,
    path: &[u8],
) -> Result<(), Errno> {
    let Some(target) = existing(context, path)? else { return Ok(()) };
    if target.inode().kind() == FileKind::Directory {
        let superblock = registry::new_superblock(mounter, "tmpfs", "tmpfs", "mode=755")?;
        return namespace.mount(&Mount::new(superblock, MountFlags::READ_ONLY), &target);
    }
    let root: Arc<dyn Inode> = tmpfs::new_root(&TmpfsOptions::default());
    let attributes = NewAttributes { permissions: 0o666, uid: 0, gid: 0 };
    let null =
        root.create(b"null", NewNode::Node { kind: FileKind::CharDevice, rdev: make_device(1, 3) }, &attributes)?;
    namespace.mount(&Mount::new(SuperBlock::new("tmpfs", "tmpfs", "", null), MountFlags::empty()), &target)
}

/// Makes a path read-only.
fn protect(namespace: &Arc<MountNamespace>, context: &PathContext, path: &[u8]) -> Result<(), Errno> {
    let Some(target) = existing(context, path)? else { return Ok(()) };
    namespace.bind(&target, &target, true)?;
    if let Some(bound) = existing(context, path)? {
        let flags = bound.mount.flags() | MountFlags::READ_ONLY;
        namespace.remount(&bound, flags)?;
    }
    Ok(())
}

/// Makes the `/dev` of a container: the standard nodes and links, and places for mounts.
///
/// # Errors
/// Those of making the nodes.
pub fn new_dev() -> Result<Arc<SuperBlock>, Errno> {
    let root: Arc<dyn Inode> = tmpfs::new_root(&TmpfsOptions { permissions: 0o755, ..TmpfsOptions::default() });
    let attributes = |permissions| NewAttributes { permissions, uid: 0, gid: 0 };
    for (name, major, minor) in dev::STANDARD_NODES {
        let node = NewNode::Node { kind: FileKind::CharDevice, rdev: make_device(major, minor) };
        root.create(name.as_bytes(), node, &attributes(0o666))?;
    }
    for (name, target) in dev::STANDARD_LINKS {
        root.create(name.as_bytes(), NewNode::Symlink(target.as_bytes()), &attributes(0o777))?;
    }
    root.create(b"pts", NewNode::Directory, &attributes(0o755))?;
    root.create(b"shm", NewNode::Directory, &attributes(0o1777))?;
    Ok(SuperBlock::new("devtmpfs", "devtmpfs", "", root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{file::flags, vfs::OpenHow};

    fn tmpfs(destination: &str, flags: u64) -> MountSpec {
        let source = MountSource::Tmpfs { options: "mode=755".to_owned() };
        MountSpec { destination: destination.into(), source, flags }
    }

    #[test]
    fn trees_are_built_with_missing_mount_points() {
        let creds = Arc::new(Creds::root());
        let spec = TreeSpec {
            root: tmpfs("/", 1),
            mounts: vec![
                tmpfs("/deep/down", 0),
                MountSpec { destination: b"/dev".into(), source: MountSource::Dev, flags: 2 },
                tmpfs("/ro", 1),
            ],
            masked_paths: vec![b"/dev/full".into(), b"/deep".into(), b"/none".into()],
            readonly_paths: vec![b"/dev/shm".into()],
        };
        let kernel = crate::testing::kernel();
        let (ipc, cgroup) = (crate::ipc::IpcNamespace::new(), Arc::default());
        let mounter = Mounter { kernel: &kernel, namespace: &kernel.pids, ipc: &ipc, cgroup: &cgroup };
        let root = build(mounter, spec, creds.clone()).unwrap().root();
        let context = PathContext { root: root.clone(), directory: root, creds, umask: 0 };
        let make = |path: &str| context.make_directory(path.as_bytes(), 0o755).map(drop);
        assert_eq!(make("/x"), Err(Errno::EROFS));
        assert_eq!(make("/ro/x"), Err(Errno::EROFS));
        assert_eq!(make("/deep/x"), Err(Errno::EROFS));
        assert_eq!(make("/dev/shm/x"), Err(Errno::EROFS));
        assert_eq!(make("/dev/x"), Ok(()));
        let full = context.open(b"/dev/full", &OpenHow { flags: flags::WRONLY, ..OpenHow::default() }).unwrap();
        assert_eq!(full.write(&mut b"gone".as_slice()), Ok(4));
    }
}
