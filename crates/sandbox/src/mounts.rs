//! From the mounts of a specification to what the gofer opens and the kernel mounts.

mod own;

use std::{
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use lazaret_gofer::{Source, resolve};
use lazaret_kernel::{
    boot::{MountSource, MountSpec},
    fs::hostfs::{self, HostFile},
};
use serde::{Deserialize, Serialize};

pub use self::own::{FileAccess, FileSharing, HostSockets, Own};
use crate::spec::{Mount, Spec};

/// File system types the kernel mounts by itself.
pub const KINDS: [&str; 8] = ["proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2"];

/// Flags of mount(2).
const MS_RDONLY: u64 = 1;
const MS_BIND: u64 = 4096;
const MS_REC: u64 = 16384;

/// Mount options that are flags: name, bits set, bits cleared. See mount(8).
const FLAGS: [(&str, u64, u64); 25] = [
    ("defaults", 0, 0),
    ("ro", MS_RDONLY, 0),
    ("rw", 0, MS_RDONLY),
    ("nosuid", 2, 0),
    ("suid", 0, 2),
    ("nodev", 4, 0),
    ("dev", 0, 4),
    ("noexec", 8, 0),
    ("exec", 0, 8),
    ("sync", 16, 0),
    ("async", 0, 16),
    ("dirsync", 128, 0),
    ("nosymfollow", 256, 0),
    ("symfollow", 0, 256),
    ("noatime", 1 << 10, 0),
    ("atime", 0, 1 << 10),
    ("nodiratime", 1 << 11, 0),
    ("diratime", 0, 1 << 11),
    ("bind", MS_BIND, 0),
    ("rbind", MS_BIND | MS_REC, 0),
    ("silent", 1 << 15, 0),
    ("loud", 0, 1 << 15),
    ("relatime", 1 << 21, 0),
    ("norelatime", 0, 1 << 21),
    ("strictatime", 1 << 24, 1 << 21),
];

/// Options about propagation, which ends at the sandbox: no later mount of the host appears in it.
const PROPAGATION: [&str; 8] =
    ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"];

/// What options begin with that mean nothing to a file system; see mount(8).
const COMMENT: &str = "x-";

/// The mount options that are known, apart from those of a file system.
pub fn mount_options() -> Vec<&'static str> {
    let mut names: Vec<_> = FLAGS.iter().map(|(name, ..)| *name).chain(PROPAGATION).collect();
    names.sort_unstable();
    names
}

/// The mount shows a file or directory of the host.
pub fn is_bind(mount: &Mount) -> bool {
    let kind = mount.kind.as_deref().unwrap_or("");
    let option = mount.options.iter().flatten().any(|option| option == "bind" || option == "rbind");
    kind == "bind" || (option && matches!(kind, "" | "none"))
}

/// The flags of mount(2) and the mount data behind a list of options.
fn parse_options(options: &[String]) -> (u64, String) {
    let (mut flags, mut data) = (0, Vec::new());
    for option in options {
        if let Some((_, set, clear)) = FLAGS.iter().find(|(name, ..)| name == option) {
            flags = (flags & !clear) | set;
        } else if !PROPAGATION.contains(&option.as_str()) && !option.starts_with(COMMENT) {
            data.push(option.as_str());
        }
    }
    (flags, data.join(","))
}

/// What is mounted, before the gofer's descriptors are there.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kind {
    Host { overlay: bool, served: bool, exclusive: bool },
    Tmpfs { options: String },
    Proc,
    Sysfs,
    Dev,
    Devpts { options: String },
    Mqueue,
    Cgroup { unified: bool },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Planned {
    destination: PathBuf,
    kind: Kind,
    flags: u64,
}

/// The mounts of a container, the root first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    mounts: Vec<Planned>,
    /// What the gofer opens: one for each mount of a host file, in order.
    #[serde(skip)]
    pub sources: Vec<Source>,
    /// The mounts but the root, in order, as the gofer is told of them.
    #[serde(skip)]
    pub listed: Vec<resolve::Mount>,
    /// What may be done with sockets in those that are served.
    pub sockets: HostSockets,
}

/// Where a container's root and mounts come from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Directory that relative paths start from.
    pub bundle: &'a Path,
    /// Keep writes to the root in the sandbox.
    pub overlay_root: bool,
    /// How the host's files are reached, unless a mount says otherwise.
    pub access: FileAccess,
}

impl Plan {
    /// Plans the mounts of a valid specification.
    pub fn new(spec: &Spec, origin: Origin<'_>) -> Plan {
        let root = spec.root.clone().unwrap_or_default();
        let mut plan =
            Plan { mounts: Vec::new(), sources: Vec::new(), listed: Vec::new(), sockets: origin.access.sockets };
        let flags = if root.readonly { MS_RDONLY } else { 0 };
        let (overlay, served) = (origin.overlay_root, !origin.access.directfs);
        // Nobody is expected to change an image that is in use.
        let exclusive = origin.access.root.map_or(overlay, |access| access == FileSharing::Exclusive);
        plan.mounts.push(Planned { destination: "/".into(), kind: Kind::Host { overlay, served, exclusive }, flags });
        plan.sources.push(Source {
            name: "root.path".into(),
            path: origin.bundle.join(root.path),
            read_only: root.readonly || origin.overlay_root,
            recursive: true,
            directory: true,
            served,
        });
        for (index, mount) in spec.mounts.iter().enumerate() {
            plan.add(index, mount, origin);
        }
        // The kernel's own devices stand in for those that a runtime makes with mknod(2).
        if !plan.mounts.iter().any(|mount| mount.destination == Path::new("/dev")) {
            let dev = Planned { destination: "/dev".into(), kind: Kind::Dev, flags: 2 };
            plan.mounts.insert(1, dev);
            let kind = Some("devtmpfs".into());
            plan.listed.insert(0, resolve::Mount { destination: "/dev".into(), kind, ..resolve::Mount::default() });
        }
        plan
    }

    fn add(&mut self, index: usize, mount: &Mount, origin: Origin<'_>) {
        let (flags, data) = parse_options(mount.options.as_deref().unwrap_or_default());
        let destination = mount.destination.clone();
        let mut listed = resolve::Mount {
            destination: destination.clone(),
            kind: mount.kind.clone(),
            source: mount.source.clone(),
            options: mount.options.clone(),
            opened: None,
        };
        let kind = match mount.kind.as_deref().unwrap_or("") {
            _ if is_bind(mount) => {
                let own = Own::of(mount).unwrap_or_default();
                let access = origin.access;
                let served = !own.directfs.unwrap_or(access.directfs && !access.sockets.is_any());
                let exclusive = own.access.unwrap_or(origin.access.mounts) == FileSharing::Exclusive;
                listed.opened = Some(self.sources.len());
                self.sources.push(Source {
                    name: format!("mounts[{index}].source"),
                    path: origin.bundle.join(mount.source.as_deref().unwrap_or(Path::new(""))),
                    read_only: flags & MS_RDONLY != 0,
                    recursive: flags & MS_REC != 0,
                    directory: false,
                    served,
                });
                Kind::Host { overlay: false, served, exclusive }
            }
            "proc" => Kind::Proc,
            "sysfs" => Kind::Sysfs,
            "devpts" => Kind::Devpts { options: data },
            "mqueue" => Kind::Mqueue,
            "cgroup" => Kind::Cgroup { unified: false },
            "cgroup2" => Kind::Cgroup { unified: true },
            "devtmpfs" => Kind::Dev,
            _ if destination == Path::new("/dev") => Kind::Dev,
            _ => Kind::Tmpfs { options: data },
        };
        self.listed.push(listed);
        self.mounts.push(Planned { destination, kind, flags: flags & !(MS_BIND | MS_REC) });
    }

    /// The sources that the sandbox process opens by itself.
    pub fn donated(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| !source.served)
    }

    /// The sources that another process serves to it.
    pub fn served(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.served)
    }

    /// Whether the container's cgroups are shown somewhere.
    pub fn shows_cgroups(&self) -> bool {
        self.mounts.iter().any(|mount| matches!(mount.kind, Kind::Cgroup { .. }))
    }

    /// The mounts with the gofer's descriptors in their places: the root, and the others in order, where the gofer has
    /// found that they are to be. `None` if there are not exactly as many descriptors as mounts of host files, or not
    /// all mounts.
    pub fn bind(mut self, files: Vec<OwnedFd>, resolved: Vec<resolve::Mount>) -> Option<(MountSpec, Vec<MountSpec>)> {
        let wanted = self.mounts.iter().filter(|planned| matches!(planned.kind, Kind::Host { .. })).count();
        if files.len() != wanted || resolved.len() + 1 != self.mounts.len() {
            return None;
        }
        for (planned, resolved) in self.mounts.iter_mut().skip(1).zip(resolved) {
            planned.destination = resolved.destination;
        }
        let HostSockets { open, create } = self.sockets;
        let sockets = hostfs::HostSockets { open, create };
        let mut files = files.into_iter();
        let mut mounts = self.mounts.into_iter().map(|planned| {
            let source = match planned.kind {
                Kind::Host { overlay, served, exclusive } => {
                    let file = files.next()?;
                    let read_only = planned.flags & MS_RDONLY != 0 || overlay;
                    let file = match served {
                        true => HostFile::Served { connection: file, read_only, sockets },
                        false => HostFile::Donated(file),
                    };
                    MountSource::Host { file, overlay, exclusive }
                }
                Kind::Tmpfs { options } => MountSource::Tmpfs { options },
                Kind::Proc => MountSource::Proc,
                Kind::Sysfs => MountSource::Sysfs,
                Kind::Dev => MountSource::Dev,
                Kind::Devpts { options } => MountSource::Devpts { options },
                Kind::Mqueue => MountSource::Mqueue,
                Kind::Cgroup { unified } => MountSource::Cgroup { unified },
            };
            let destination = planned.destination.as_os_str().as_bytes().to_vec();
            Some(MountSpec { destination, source, flags: planned.flags })
        });
        let root = mounts.next()??;
        Some((root, mounts.collect::<Option<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::default_spec;

    fn origin(access: FileAccess) -> Origin<'static> {
        Origin { bundle: Path::new("/bundle"), overlay_root: true, access }
    }

    fn options(text: &str) -> Vec<String> {
        text.split(',').map(Into::into).collect()
    }

    #[test]
    fn options_become_flags_and_data() {
        assert_eq!(parse_options(&options("ro,nosuid,rprivate,size=64k,mode=755")), (3, "size=64k,mode=755".into()));
        assert_eq!(parse_options(&options("ro,rw")), (0, String::new()));
        assert_eq!(parse_options(&options("rbind,relatime,strictatime")), (MS_BIND | MS_REC | 1 << 24, String::new()));
    }

    #[test]
    fn plans_sources_in_order() {
        let mut spec = default_spec();
        spec.mounts.push(Mount {
            destination: "/data".into(),
            kind: Some("bind".into()),
            source: Some("data".into()),
            options: Some(options("rbind,ro")),
        });
        let plan = Plan::new(&spec, origin(FileAccess::default()));
        assert_eq!(plan.sources.len(), 2);
        assert_eq!(plan.sources[0].path, Path::new("/bundle/rootfs"));
        assert!(plan.listed.iter().any(|mount| mount.destination == Path::new("/proc")));
        assert_eq!(plan.listed.last().unwrap().opened, Some(1));
        assert_eq!(plan.sources[1].name, "mounts[7].source");
        assert_eq!(plan.sources[1].path, Path::new("/bundle/data"));
        assert!(plan.sources[1].read_only && plan.sources[1].recursive);
        assert!(!plan.donated().any(|source| !source.read_only));
        assert!(plan.bind(Vec::new(), Vec::new()).is_none());
    }

    #[test]
    fn a_mount_decides_for_itself() {
        let mut spec = default_spec();
        for (destination, own) in [("/a", ""), ("/b", ",x-lazaret.directfs=true"), ("/c", ",x-lazaret.directfs=false")]
        {
            spec.mounts.push(Mount {
                destination: destination.into(),
                kind: Some("bind".into()),
                source: Some("data".into()),
                options: Some(options(&format!("bind{own}"))),
            });
        }
        let served = |directfs| -> Vec<bool> {
            let access = FileAccess { directfs, ..FileAccess::default() };
            Plan::new(&spec, origin(access)).sources.iter().map(|source| source.served).collect()
        };
        assert_eq!(served(true), [false, false, false, true]);
        assert_eq!(served(false), [true, true, false, true]);
        assert_eq!(parse_options(&options("x-lazaret.directfs=true,size=1m")), (0, "size=1m".into()));
    }
}
