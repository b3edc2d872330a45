//! ioctl(2): the requests that every file answers.

use lazaret_abi::{errno::Errno, id::Fd, ioctl::request};

use super::SysResult;
use crate::{
    fs::{
        descriptor,
        file::{File, flags},
        inode::FileKind,
    },
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// ioctl(2): what every file answers here; the rest is the file's own.
pub fn ioctl(current: &mut Current, fd: Fd, request: u32, argument: u64) -> SysResult {
    let argument = UserAddr::new(argument);
    let file = descriptor::usable(current, fd)?;
    match request {
        request::FIOCLEX => current.task.files().set_close_on_exec(fd.get(), true).map(|()| 0),
        request::FIONCLEX => current.task.files().set_close_on_exec(fd.get(), false).map(|()| 0),
        request::FIONBIO => toggle(current, &file, argument, flags::NONBLOCK),
        request::FIOASYNC => {
            let on: i32 = current.read(UserPtr::new(argument))?;
            if !file.ops().tells_by_signal() {
                return Err(Errno::ENOTTY);
            }
            file.set_async(current.task.kernel(), fd.get(), on != 0);
            Ok(0)
        }
        request::FIONREAD if file.inode().kind() == FileKind::Regular => {
            let left = file.attributes()?.size.saturating_sub(*file.position());
            current.write(UserPtr::new(argument), &i32::try_from(left).unwrap_or(i32::MAX))?;
            Ok(0)
        }
        request::FIOQSIZE if matches!(file.inode().kind(), FileKind::Regular | FileKind::Directory) => {
            let size = i64::try_from(file.attributes()?.size).unwrap_or(i64::MAX);
            current.write(UserPtr::new(argument), &size)?;
            Ok(0)
        }
        request::FIGETBSZ if file.inode().kind() == FileKind::Regular => {
            let size = i32::try_from(file.attributes()?.block_size).unwrap_or(4096);
            current.write(UserPtr::new(argument), &size)?;
            Ok(0)
        }
        // No file system here shares blocks between files.
        request::FICLONE | request::FICLONERANGE if file.inode().kind() == FileKind::Regular => Err(Errno::EOPNOTSUPP),
        _ => file.ops().ioctl(&file, current, request, argument),
    }
}

fn toggle(current: &Current, file: &File, argument: UserAddr, flag: u32) -> SysResult {
    let on: i32 = current.read(UserPtr::new(argument))?;
    file.set_flags(if on != 0 { file.flags() | flag } else { file.flags() & !flag });
    Ok(0)
}
