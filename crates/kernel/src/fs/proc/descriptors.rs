//! `/proc/PID/fd` and `/proc/PID/fdinfo`.

use std::fmt::Write;

use lazaret_abi::errno::Errno;

use super::process::Subject;
use crate::{
    fs::{
        file::flags,
        inode::{FileKind, Inode, LinkTarget},
        pseudo::{Entries, NodeAttributes, PseudoDirectory, PseudoFile, PseudoLink},
    },
    sync::Arc,
};

/// `/proc/PID/fd`.
pub fn links(subject: &Subject) -> Arc<dyn Inode> {
    let entries = Descriptors { subject: subject.clone(), links: true };
    PseudoDirectory::with_attributes(&subject.fs, subject.attributes(0o500), entries)
}

/// `/proc/PID/fdinfo`.
pub fn infos(subject: &Subject) -> Arc<dyn Inode> {
    let entries = Descriptors { subject: subject.clone(), links: false };
    PseudoDirectory::with_attributes(&subject.fs, subject.attributes(0o555), entries)
}

struct Descriptors {
    subject: Subject,
    links: bool,
}

impl Entries for Descriptors {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        self.subject.check_access()?;
        let fd = super::number(name).ok_or(Errno::ENOENT)?;
        let subject = self.subject.clone();
        let file = subject.task()?.files().get(fd).map_err(|_| Errno::ENOENT)?;
        let fs = &self.subject.fs;
        if self.links {
            // The permissions tell how the file was opened.
            let mode = 0o100 | if file.is_readable() { 0o400 } else { 0 } | if file.is_writable() { 0o200 } else { 0 };
            let attributes: NodeAttributes = subject.attributes(mode);
            return Ok(PseudoLink::with_attributes(fs, attributes, move || {
                subject.check_access()?;
                let file = subject.task()?.files().get(fd).map_err(|_| Errno::ENOENT)?;
                Ok(LinkTarget::Object(file.location().clone()))
            }));
        }
        Ok(PseudoFile::with_attributes(fs, subject.attributes(0o400), move || info(&subject, fd)))
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        self.subject.check_access()?;
        let kind = if self.links { FileKind::Symlink } else { FileKind::Regular };
        let open = self.subject.task()?.files().open_descriptors();
        let entry = |fd: i32| {
            let position = u64::from(fd.unsigned_abs()) + 1;
            (position, fd.to_string().into_bytes(), kind, position)
        };
        Ok(open.into_iter().map(entry).collect())
    }
}

fn info(subject: &Subject, fd: i32) -> Result<Vec<u8>, Errno> {
    // It may have got another program since the file was opened.
    subject.check_access()?;
    let descriptor = subject.task()?.files().descriptor(fd).map_err(|_| Errno::ENOENT)?;
    let file = &descriptor.file;
    let shown = file.flags() | flags::LARGEFILE | if descriptor.close_on_exec { flags::CLOEXEC } else { 0 };
    let position = if file.ops().is_seekable() { *file.position() } else { 0 };
    let mut text = String::new();
    let mount = file.location().mount.id();
    let inode = file.attributes()?.inode;
    let _ = write!(text, "pos:\t{position}\nflags:\t0{shown:o}\nmnt_id:\t{mount}\nino:\t{inode}\n");
    Ok(text.into_bytes())
}
