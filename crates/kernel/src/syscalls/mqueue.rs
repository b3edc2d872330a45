//! POSIX message queues: mq_open(2) and what goes with it.

use lazaret_abi::{
    errno::Errno,
    id::Fd,
    mqueue::{COOKIE_SIZE, MqAttr, PRIORITIES},
    resource::limit,
    signal::{SigEvent, Signal, event},
    time::Timespec,
};

use super::SysResult;
use crate::{
    fs::{
        at, descriptor,
        file::{File, flags},
        mqueue::{How, QueueFile, Size},
    },
    net::netlink,
    sync::Arc,
    task::{Current, PATH_MAX},
    time::{Clock, Deadline, clock::duration_of},
    uaddr::{UserAddr, UserPtr},
};

/// mq_open(2); the C library has taken the slash off the name.
pub fn mq_open(
    current: &mut Current,
    name: UserAddr,
    open_flags: u32,
    mode: u32,
    attributes: UserPtr<MqAttr>,
) -> SysResult {
    let asked = if attributes.is_null() { None } else { Some(current.read(attributes)?) };
    let name = current.read_cstr(name, PATH_MAX)?;
    let context = at::context(current);
    let size = || match asked {
        Some(asked) => Size::new(asked.max_messages, asked.message_size, &context.creds),
        None => Ok(Size::default()),
    };
    let bytes = current.task.group().limit(limit::MSGQUEUE);
    let ipc = current.task.namespaces().ipc.clone();
    let file = ipc.queues().open(&context, &name, (open_flags, mode), size, bytes)?;
    descriptor::install(current, file, true)
}

/// mq_unlink(2).
pub fn mq_unlink(current: &mut Current, name: UserAddr) -> SysResult {
    let name = current.read_cstr(name, PATH_MAX)?;
    current.task.namespaces().ipc.queues().unlink(&at::context(current), &name)?;
    Ok(0)
}

/// A descriptor of a queue.
fn file(current: &Current, fd: Fd) -> Result<Arc<File>, Errno> {
    let file = current.task.files().get(fd.get())?;
    if opened(&file).is_ok() { Ok(file) } else { Err(Errno::EBADF) }
}

fn opened(file: &File) -> Result<&QueueFile, Errno> {
    file.ops().downcast_ref::<QueueFile>().ok_or(Errno::EBADF)
}

/// When a call gives up: a time of the realtime clock.
fn deadline(current: &Current, timeout: UserPtr<Timespec>) -> Result<Option<Deadline>, Errno> {
    if timeout.is_null() {
        return Ok(None);
    }
    let time = duration_of(current.read(timeout)?)?;
    Clock::REALTIME.deadline(time, &current.task).map(Some)
}

/// mq_timedsend(2).
pub fn mq_timedsend(
    current: &mut Current,
    fd: Fd,
    message: UserAddr,
    length: usize,
    priority: u32,
    timeout: UserPtr<Timespec>,
) -> SysResult {
    let deadline = deadline(current, timeout)?;
    if priority >= PRIORITIES {
        return Err(Errno::EINVAL);
    }
    let file = file(current, fd)?;
    let queue = opened(&file)?;
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    if length > queue.queue().message_size {
        return Err(Errno::EMSGSIZE);
    }
    let message = current.read_array(UserPtr::<u8>::new(message), length)?;
    queue.queue().send(&current.task, message, priority, !file.is_nonblocking(), deadline)?;
    queue.touch();
    Ok(0)
}

/// mq_timedreceive(2).
pub fn mq_timedreceive(
    current: &mut Current,
    fd: Fd,
    buffer: UserAddr,
    length: usize,
    priority: UserPtr<u32>,
    timeout: UserPtr<Timespec>,
) -> SysResult {
    let deadline = deadline(current, timeout)?;
    let file = file(current, fd)?;
    let queue = opened(&file)?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    if length < queue.queue().message_size {
        return Err(Errno::EMSGSIZE);
    }
    let (found, message) = queue.queue().receive(!file.is_nonblocking(), deadline)?;
    queue.touch();
    if !priority.is_null() {
        current.write(priority, &found)?;
    }
    current.write_bytes(buffer, &message)?;
    Ok(message.len())
}

/// mq_notify(2).
pub fn mq_notify(current: &mut Current, fd: Fd, event: UserPtr<SigEvent>) -> SysResult {
    let how = if event.is_null() { None } else { Some(how(current, &current.read(event)?)?) };
    let file = file(current, fd)?;
    let queue = opened(&file)?.queue();
    match how {
        Some(how) => queue.ask(current.task.group(), how)?,
        None => queue.ask_no_more(current.task.group()),
    }
    Ok(0)
}

/// What a `struct sigevent` asks for.
fn how(current: &Current, event: &SigEvent) -> Result<How, Errno> {
    match event.notify {
        event::NONE => Ok(How::Nothing),
        event::SIGNAL => Ok(How::Signal(Signal::new(event.signal).ok_or(Errno::EINVAL)?, event.value)),
        event::THREAD => {
            // The signal is a descriptor, and the value points to what is sent there.
            let mut cookie = Box::new([0; COOKIE_SIZE]);
            current.read_bytes(UserAddr::new(event.value), &mut *cookie)?;
            let file = current.task.files().get(event.signal)?;
            Ok(How::Cookie(netlink::inbox(&file)?, cookie))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// mq_getsetattr(2).
pub fn mq_getsetattr(current: &mut Current, fd: Fd, new: UserPtr<MqAttr>, old: UserPtr<MqAttr>) -> SysResult {
    const NONBLOCK: i64 = flags::NONBLOCK as i64;
    let new = if new.is_null() { None } else { Some(current.read(new)?) };
    if new.is_some_and(|new| new.flags & !NONBLOCK != 0) {
        return Err(Errno::EINVAL);
    }
    let file = file(current, fd)?;
    let queue = opened(&file)?.queue();
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let before = MqAttr {
        flags: if file.is_nonblocking() { NONBLOCK } else { 0 },
        max_messages: number(queue.max_messages),
        message_size: number(queue.message_size),
        messages: number(queue.count()),
        ..MqAttr::default()
    };
    if let Some(new) = new {
        let others = file.flags() & !flags::NONBLOCK;
        file.set_flags(if new.flags == 0 { others } else { others | flags::NONBLOCK });
    }
    if !old.is_null() {
        current.write(old, &before)?;
    }
    Ok(0)
}
