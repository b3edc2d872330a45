//! Where the host has its cgroups.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lazaret_control::Failure;

use super::failure;

/// The hierarchies of the host.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// One in version 2, several in version 1.
    pub hierarchies: Vec<Hierarchy>,
}

/// A mounted hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy {
    /// It is of version 2.
    pub is_unified: bool,
    /// Its controllers, by their names in version 1.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Our own cgroup in it, as a directory.
    pub own: PathBuf,
}

impl Layout {
    /// That of this host.
    pub fn of_host() -> Result<Layout, Failure> {
        let read = |path: &str| fs::read_to_string(path).map_err(failure("read", Path::new(path)));
        let mut layout = Layout::parse(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?);
        for unified in layout.hierarchies.iter_mut().filter(|hierarchy| hierarchy.is_unified) {
            let text = fs::read_to_string(unified.mount.join("cgroup.controllers")).unwrap_or_default();
            unified.controllers = text.split_whitespace().map(predecessor).collect();
        }
        Ok(layout)
    }

    /// From the contents of `/proc/self/mountinfo` and `/proc/self/cgroup`.
    fn parse(mounts: &str, own: &str) -> Layout {
        let mut hierarchies: Vec<Hierarchy> = mounts.lines().filter_map(|line| parse_mount(line, own)).collect();
        let mut seen = Vec::new();
        hierarchies.retain(|hierarchy| {
            let new = !seen.contains(&hierarchy.controllers);
            seen.push(hierarchy.controllers.clone());
            new
        });
        Layout { hierarchies }
    }
}

/// One line of mountinfo; see proc(5).
fn parse_mount(line: &str, own: &str) -> Option<Hierarchy> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let right: Vec<&str> = right.split(' ').collect();
    let (root, mount, kind, options) = (left.get(3)?, left.get(4)?, right.first()?, right.get(2)?);
    let is_unified = match *kind {
        "cgroup2" => true,
        "cgroup" => false,
        _ => return None,
    };
    // The other options tell how the hierarchy is mounted; no cgroup is named so.
    let controllers: Vec<String> = if is_unified { Vec::new() } else { options.split(',').map(Into::into).collect() };
    let own = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let is_this = if is_unified {
            names.is_empty()
        } else {
            names.split(',').any(|name| controllers.iter().any(|c| c == name))
        };
        is_this.then_some(path)
    })?;
    let mount = PathBuf::from(mount);
    let own = Path::new(own).strip_prefix(root).unwrap_or(Path::new(""));
    Some(Hierarchy { is_unified, controllers, own: mount.join(own), mount })
}

impl Hierarchy {
    /// Where the cgroup `path` of container `id` is: an absolute one below the root of the hierarchy, a
    /// relative one below our own. runc does the same, and takes the id for want of a path. In version 2 a
    /// cgroup with processes may have none below it that are limited, so there it is the one above.
    pub fn directory(&self, path: Option<&str>, id: &str) -> PathBuf {
        let above = if self.is_unified && self.own != self.mount { self.own.parent() } else { None };
        let base = above.unwrap_or(&self.own);
        match path {
            Some(path) => match Path::new(path).strip_prefix("/") {
                Ok(absolute) => self.mount.join(absolute),
                Err(_) => base.join(path),
            },
            None => base.join(id),
        }
    }
}

/// What version 1 calls a controller of version 2.
fn predecessor(controller: &str) -> String {
    if controller == "io" { "blkio".into() } else { controller.into() }
}

/// Lets the cgroups down to `directory` have the controllers that a sandbox is limited by. What cannot be
/// enabled is missed only where a limit needs it, and named there.
pub fn enable_controllers(directory: &Path) {
    let Some(above) = directory.parent() else { return };
    let ancestors: Vec<&Path> = above.ancestors().take_while(|path| path.join("cgroup.procs").exists()).collect();
    for ancestor in ancestors.into_iter().rev() {
        for controller in ["cpu", "memory", "pids", "io", "cpuset", "hugetlb", "rdma", "misc"] {
            let _ = fs::write(ancestor.join("cgroup.subtree_control"), format!("+{controller}"));
        }
    }
}

/// A new cgroup of the version 1 cpuset has no processors and no memory, and takes no process before it does.
pub fn inherit_cpuset(directory: &Path) -> Result<(), Failure> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let path = directory.join(name);
        let read = |path: &Path| fs::read_to_string(path).map_err(failure("read", path));
        if read(&path)?.trim().is_empty()
            && let Some(above) = directory.parent()
        {
            inherit_cpuset(above)?;
            fs::write(&path, read(&above.join(name))?).map_err(failure("write", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 /pod /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
";

    #[test]
    fn hybrid_hosts_have_both() {
        let layout = Layout::parse(HYBRID, "3:memory:/a\n2:cpu,cpuacct:/pod/b\n0::/x\n");
        let [unified, memory, cpu] = &layout.hierarchies[..] else { panic!("{layout:?}") };
        assert!(unified.is_unified && !memory.is_unified);
        assert_eq!(memory.directory(None, "id"), Path::new("/sys/fs/cgroup/memory/a/id"));
        assert_eq!(memory.directory(Some("/p/q"), "id"), Path::new("/sys/fs/cgroup/memory/p/q"));
        assert_eq!(cpu.directory(Some("p"), "id"), Path::new("/sys/fs/cgroup/cpu,cpuacct/b/p"));
    }

    #[test]
    fn version_2_alone_is_unified() {
        let layout = Layout::parse("31 30 0:27 / /sys/fs/cgroup rw - cgroup2 none rw\n", "0::/user.slice/mine\n");
        let [unified] = &layout.hierarchies[..] else { panic!("{layout:?}") };
        assert!(unified.is_unified);
        assert_eq!(unified.directory(None, "id"), Path::new("/sys/fs/cgroup/user.slice/id"));
    }
}
