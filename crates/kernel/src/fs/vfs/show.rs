//! What `/proc/PID/mounts` and `/proc/PID/mountinfo` show; see proc_pid_mountinfo(5).

use std::fmt::Write;

use super::{
    dentry::Dentry,
    location::Location,
    mount::{Mount, MountFlags, Propagation},
    namespace::MountNamespace,
};
use crate::{fs::dev::split_device, sync::Arc};

/// Appends `text` with white space and backslashes as octal numbers, as the tables need it.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            byte => out.push(*byte),
        }
    }
}

/// Options of a mount, without those of its file system.
fn options(mount: &Mount) -> String {
    let flags = mount.flags();
    let mut text = if flags.contains(MountFlags::READ_ONLY) { "ro" } else { "rw" }.to_owned();
    for (flag, name) in [
        (MountFlags::NOSUID, ",nosuid"),
        (MountFlags::NODEV, ",nodev"),
        (MountFlags::NOEXEC, ",noexec"),
        (MountFlags::NOATIME, ",noatime"),
        (MountFlags::NODIRATIME, ",nodiratime"),
        (MountFlags::RELATIME, ",relatime"),
        (MountFlags::NOSYMFOLLOW, ",nosymfollow"),
    ] {
        if flags.contains(flag) {
            text.push_str(name);
        }
    }
    text
}

/// Options of a file system, beginning with a comma if there are any.
fn super_options(mount: &Mount) -> String {
    match mount.superblock().options() {
        "" => String::new(),
        options => format!(",{options}"),
    }
}

/// Where the mount is, seen from `root`; `None` when it cannot be reached from there.
fn mount_point(mount: &Arc<Mount>, root: &Location) -> Option<Vec<u8>> {
    let (path, reachable) = Location::root_of(mount.clone()).path_from(root);
    reachable.then_some(path)
}

/// Path of the mount's root in its file system.
fn root_path(mount: &Mount) -> Vec<u8> {
    let mut names = Vec::new();
    let mut at: Option<Arc<Dentry>> = Some(mount.root().clone());
    while let Some(dentry) = at {
        let (parent, name) = dentry.parent_and_name();
        if parent.is_some() {
            names.push(name);
        }
        at = parent;
    }
    let mut path = Vec::new();
    for name in names.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

impl MountNamespace {
    /// The table of `/proc/PID/mounts` for a process with this root.
    pub fn show_mounts(&self, root: &Location) -> Vec<u8> {
        let mut out = Vec::new();
        for mount in self.mounts() {
            let Some(point) = mount_point(&mount, root) else { continue };
            escape(mount.superblock().source().as_bytes(), &mut out);
            out.push(b' ');
            escape(&point, &mut out);
            let mut rest = String::new();
            // Writing to a string cannot fail.
            let _ =
                writeln!(rest, " {} {}{} 0 0", mount.superblock().fs_type(), options(&mount), super_options(&mount));
            out.extend_from_slice(rest.as_bytes());
        }
        out
    }

    /// The table of `/proc/PID/mountinfo` for a process with this root.
    pub fn show_mount_info(&self, root: &Location) -> Vec<u8> {
        let mut out = Vec::new();
        for mount in self.mounts() {
            let Some(point) = mount_point(&mount, root) else { continue };
            let parent = mount.parent().map_or(mount.id(), |(parent, _)| parent.id());
            let device = mount.root().inode().attributes().map_or(0, |attributes| attributes.device);
            let (major, minor) = split_device(device);
            let mut text = String::new();
            let _ = write!(text, "{} {parent} {major}:{minor} ", mount.id());
            out.extend_from_slice(text.as_bytes());
            escape(&root_path(&mount), &mut out);
            out.push(b' ');
            escape(&point, &mut out);
            let unbindable = if mount.propagation() == Propagation::Unbindable { " unbindable" } else { "" };
            let text = format!(" {}{unbindable} - {} ", options(&mount), mount.superblock().fs_type());
            out.extend_from_slice(text.as_bytes());
            escape(mount.superblock().source().as_bytes(), &mut out);
            let access = if mount.superblock().is_read_only() { "ro" } else { "rw" };
            out.extend_from_slice(format!(" {access}{}\n", super_options(&mount)).as_bytes());
        }
        out
    }
}
