//! Where mounts are to be: destinations without links, so that whoever mounts follows none.
//!
//! As runc does it, each is looked for from the container's root, over what the mounts before it show there. Links lead
//! no further than that root, and what is missing is taken as it is written.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use lazaret_control::Failure;
use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat},
    io::Errno,
};
use serde::{Deserialize, Serialize};

/// Links that one path leads through at most; see path_resolution(7).
const MAX_LINKS: usize = 40;

/// Largest file of resolved mounts.
const MAX_FILE: u64 = 4 << 20;

/// A mount of a container, in the form of the specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is, an absolute path in the container.
    pub destination: PathBuf,
    /// Type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is mounted: of a file of the host its path, without links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// Options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<String>>,
    /// Which of the gofer's sources it shows; the others are the kernel's own file systems.
    #[serde(skip)]
    pub opened: Option<usize>,
}

/// What is found at a path of the container.
struct Tree<'a> {
    root: BorrowedFd<'a>,
    /// Mounts so far, each with its tree; none for the kernel's own, which are empty yet.
    mounts: Vec<(PathBuf, Option<BorrowedFd<'a>>)>,
}

impl Tree<'_> {
    /// The target of a link; `None` for anything else, or nothing. No link is on the way to `path`.
    fn link(&self, path: &Path) -> Option<OsString> {
        let above = self.mounts.iter().filter(|(place, _)| path.starts_with(place));
        // The last one covers the others.
        let (place, file) = above
            .max_by_key(|(place, _)| place.as_os_str().len())
            .map_or_else(|| (Path::new("/"), Some(self.root)), |(place, file)| (place.as_path(), *file));
        let rest = path.strip_prefix(place).ok().filter(|rest| !rest.as_os_str().is_empty())?;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = openat2(file?, rest, flags, Mode::empty(), inside).ok()?;
        let is_link = fstat(&found).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        is_link
            .then(|| readlinkat(&found, "", Vec::new()).ok())
            .flatten()
            .map(|target| OsString::from_vec(target.into_bytes()))
    }

    /// A path without links, `.` and `..`.
    fn resolve(&self, path: &Path) -> rustix::io::Result<PathBuf> {
        let names = |path: &OsStr| -> Vec<OsString> {
            let names = path.as_bytes().split(|byte| *byte == b'/');
            names.map(|name| OsStr::from_bytes(name).to_owned()).collect()
        };
        let mut rest: VecDeque<OsString> = names(path.as_os_str()).into();
        let mut found = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            match name.as_bytes() {
                b"" | b"." => {}
                // Above the root there is the root.
                b".." => drop(found.pop()),
                _ => {
                    let next = found.join(&name);
                    let Some(target) = self.link(&next) else {
                        found = next;
                        continue;
                    };
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP);
                    }
                    if target.as_bytes().starts_with(b"/") {
                        found = "/".into();
                    }
                    for name in names(&target).into_iter().rev() {
                        rest.push_front(name);
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Replaces the destinations of mounts by what they lead to. `files` are what was opened, the root first.
///
/// # Errors
/// Names the mount.
pub fn resolve(mounts: &mut [Mount], root: &OwnedFd, files: &[OwnedFd]) -> Result<(), Failure> {
    let mut tree = Tree { root: root.as_fd(), mounts: Vec::new() };
    for mount in mounts {
        let failed = |errno| Failure::host(format!("mount {}", mount.destination.display()), errno);
        mount.destination = tree.resolve(&mount.destination).map_err(failed)?;
        let file = mount.opened.and_then(|index| files.get(index)).map(AsFd::as_fd);
        tree.mounts.push((mount.destination.clone(), file));
    }
    Ok(())
}

/// Writes resolved mounts to their file.
///
/// # Errors
/// Those of the host; a path that is not UTF-8.
pub(crate) fn write(mounts: &[Mount], file: &OwnedFd) -> Result<(), Failure> {
    let step = "write the file of resolved mounts";
    let text = serde_json::to_vec(mounts).map_err(|error| Failure::new(step, error))?;
    let mut done = 0;
    while let Some(rest) = text.get(done..).filter(|rest| !rest.is_empty()) {
        let offset = u64::try_from(done).unwrap_or(u64::MAX);
        done += rustix::io::retry_on_intr(|| rustix::io::pwrite(file, rest, offset))
            .map_err(|errno| Failure::host(step, errno))?;
    }
    Ok(())
}

/// Reads that file.
pub(crate) fn read(file: &OwnedFd) -> Result<Vec<Mount>, Failure> {
    let step = "read the file of resolved mounts";
    let host = |errno| Failure::host(step, errno);
    let size = fstat(file).map_err(host)?.st_size;
    let size = u64::try_from(size).ok().filter(|size| *size <= MAX_FILE).ok_or_else(|| host(Errno::FBIG))?;
    let mut text = vec![0; usize::try_from(size).unwrap_or(0)];
    let mut done = 0;
    while done < text.len() {
        let offset = u64::try_from(done).unwrap_or(u64::MAX);
        match rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut text[done..], offset)).map_err(host)? {
            0 => break,
            count => done += count,
        }
    }
    serde_json::from_slice(&text[..done]).map_err(|error| Failure::new(step, error))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn directory(path: &Path) -> OwnedFd {
        rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    #[test]
    fn links_end_at_the_root() {
        let place = std::env::temp_dir().join(format!("lazaret-resolve-{}", std::process::id()));
        let (root, volume) = (place.join("root"), place.join("volume"));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(volume.join("inner")).unwrap();
        for (link, target) in [
            ("absolute", "/a/b"),
            ("up", "../../../a"),
            ("a/relative", "b/../../absolute"),
            ("dangling", "/not/there"),
            ("loop", "loop"),
            ("out", "/proc/self/root/etc"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        symlink("/v/inner", volume.join("link")).unwrap();
        let files = [directory(&root), directory(&volume)];
        let mount = |path: &str, opened| Mount { destination: path.into(), opened, ..Mount::default() };
        let resolved = |paths: &[(&str, Option<usize>)]| {
            let mut mounts: Vec<_> = paths.iter().map(|(path, opened)| mount(path, *opened)).collect();
            resolve(&mut mounts, &files[0], &files).map(|()| {
                mounts.into_iter().map(|mount| mount.destination.to_str().unwrap().to_owned()).collect::<Vec<_>>()
            })
        };
        let alone = |path: &str| resolved(&[(path, None)]).unwrap().remove(0);
        assert_eq!(alone("/absolute/c"), "/a/b/c");
        assert_eq!(alone("/up/x"), "/a/x");
        assert_eq!(alone("/a/relative"), "/a/b");
        assert_eq!(alone("/dangling/x"), "/not/there/x");
        assert_eq!(alone("/../../etc/./../x//y"), "/x/y");
        assert_eq!(alone("/out"), "/proc/self/root/etc");
        assert_eq!(resolved(&[("/loop", None)]).unwrap_err().errno, Some(libc::ELOOP));
        // Over a mount it is its links that count, and what it covers does not.
        assert_eq!(resolved(&[("/v", Some(1)), ("/v/link/x", None)]).unwrap()[1], "/v/inner/x");
        assert_eq!(resolved(&[("/absolute", Some(1)), ("/a/b/link", None)]).unwrap(), ["/a/b", "/v/inner"]);
        assert_eq!(resolved(&[("/a", None), ("/a/relative", None)]).unwrap()[1], "/a/relative");
        fs::remove_dir_all(&place).unwrap();
    }
}
