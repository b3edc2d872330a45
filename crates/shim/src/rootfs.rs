//! The root file system of a container: mounts that containerd's snapshotter has asked for.

use std::{
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::Path,
};

use containerd_shim_protos::types::mount::Mount;
use rustix::{
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, mount_remount},
};

/// Where the root is in a bundle.
const ROOTFS: &str = "rootfs";

/// Longest options that mount(2) takes: a page, with the zero at its end.
const MAX_OPTIONS: usize = 4095;

/// Mounts the root of a bundle, one over the other; on an error nothing stays mounted.
///
/// # Errors
/// Names the mount.
pub fn mount_all(bundle: &Path, mounts: &[Mount]) -> io::Result<()> {
    let target = bundle.join(ROOTFS);
    if mounts.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(&target)?;
    for one in mounts {
        if let Err(error) = mount_one(one, &target) {
            let _ = unmount(bundle);
            return Err(io::Error::new(error.kind(), format!("mount {} of the root: {error}", one.type_)));
        }
    }
    Ok(())
}

/// Unmounts the root of a bundle; one that is not mounted is no error.
///
/// # Errors
/// Those of umount(2).
pub fn unmount(bundle: &Path) -> io::Result<()> {
    let target = bundle.join(ROOTFS);
    loop {
        match rustix::mount::unmount(&target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            // Not a mount point any more, or not there.
            Err(Errno::INVAL | Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn mount_one(one: &Mount, target: &Path) -> io::Result<()> {
    let (flags, data) = split(&one.options);
    if flags.contains(MountFlags::BIND) {
        mount(&one.source, target, "", flags & (MountFlags::BIND | MountFlags::REC), None)?;
        let rest = flags - MountFlags::REC;
        // A bind mount takes its other flags by a second call; see mount(2).
        return if rest == MountFlags::BIND { Ok(()) } else { Ok(mount_remount(target, rest, "")?) };
    }
    let (data, _held) = shorten(data)?;
    let data = std::ffi::CString::new(data)?;
    Ok(mount(&one.source, target, &one.type_, flags, data.as_c_str())?)
}

/// Flags of mount(2), and options of the file system.
fn split(options: &[String]) -> (MountFlags, String) {
    let mut flags = MountFlags::empty();
    let mut data = Vec::new();
    for option in options {
        match option.as_str() {
            "bind" => flags |= MountFlags::BIND,
            "rbind" => flags |= MountFlags::BIND | MountFlags::REC,
            "ro" => flags |= MountFlags::RDONLY,
            "rw" => flags -= MountFlags::RDONLY,
            "nosuid" => flags |= MountFlags::NOSUID,
            "nodev" => flags |= MountFlags::NODEV,
            "noexec" => flags |= MountFlags::NOEXEC,
            "noatime" => flags |= MountFlags::NOATIME,
            // Understood by mount(8) only.
            "loop" | "defaults" => {}
            _ => data.push(option.as_str()),
        }
    }
    (flags, data.join(","))
}

/// The options of an overlay with too many layers, by way of a descriptor of the directory that all of them are in.
/// The descriptor must live until the mount is made.
fn shorten(data: String) -> io::Result<(String, Option<File>)> {
    if data.len() <= MAX_OPTIONS {
        return Ok((data, None));
    }
    let common =
        data.split([',', '=', ':']).filter(|part| part.starts_with('/')).map(str::to_owned).reduce(|one, two| {
            let length = one.bytes().zip(two.bytes()).take_while(|(one, two)| one == two).count();
            one.get(..length).unwrap_or_default().into()
        });
    let Some((directory, _)) = common.as_deref().and_then(|common| common.rsplit_once('/')) else {
        return Ok((data, None));
    };
    if directory.is_empty() {
        return Ok((data, None));
    }
    let file = File::open(directory)?;
    let short = format!("/proc/{}/fd/{}/", std::process::id(), file.as_raw_fd());
    Ok((data.replace(&format!("{directory}/"), &short), Some(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_flags_or_the_file_systems() {
        let options = ["ro", "nosuid", "lowerdir=/a:/b", "index=off"].map(str::to_owned);
        let expected = (MountFlags::RDONLY | MountFlags::NOSUID, "lowerdir=/a:/b,index=off".to_owned());
        assert_eq!(split(&options), expected);
        assert_eq!(split(&["rbind".to_owned()]).0, MountFlags::BIND | MountFlags::REC);
    }

    #[test]
    fn long_options_go_by_a_descriptor() {
        let layers: Vec<String> = (0..200).map(|layer| format!("/tmp/./././././././././{layer}/fs")).collect();
        let data = format!("lowerdir={},index=off", layers.join(":"));
        let (short, held) = shorten(data.clone()).unwrap();
        assert!(held.is_some() && short.len() < data.len() && short.ends_with("/199/fs,index=off"), "{short}");
        assert!(short.starts_with(&format!("lowerdir=/proc/{}/fd/", std::process::id())), "{short}");
        assert!(shorten("lowerdir=/a:/b".into()).unwrap().1.is_none());
    }
}
