//! msgget(2), msgsnd(2), msgrcv(2), msgctl(2).

use lazaret_abi::{
    capability::cap,
    errno::Errno,
    ipc::{MsgInfo, MsqIdDs, command, get, message, receive},
};

use super::{caller, id, namespace, number};
use crate::{
    ipc::{
        OBJECTS_MAX,
        message::{MESSAGE_MAX, Message, MessageQueue, QUEUE_BYTES, Wanted},
        permission::{Permission, READ, WRITE},
    },
    sync::Arc,
    syscalls::SysResult,
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// msgget(2).
pub fn msgget(current: &mut Current, key: i32, flags: u32) -> SysResult {
    let creds = current.task.creds();
    let check = |queue: &MessageQueue| queue.state().permission.check(&creds, flags);
    let make = |sequence| Ok(MessageQueue::new(Permission::new(key, flags, &creds, sequence)));
    let made = namespace(current).messages.lock().open(key, flags & (get::CREAT | get::EXCL), check, make);
    id(made?)
}

/// Where the text of a message is: after its type.
fn text(address: UserAddr) -> Result<UserAddr, Errno> {
    address.checked_add(size_of::<i64>() as u64).ok_or(Errno::EFAULT)
}

/// msgsnd(2).
pub fn msgsnd(current: &mut Current, queue: i32, address: UserAddr, size: usize, flags: u32) -> SysResult {
    let kind: i64 = current.read(UserPtr::new(address))?;
    if size > MESSAGE_MAX || queue < 0 || kind < 1 {
        return Err(Errno::EINVAL);
    }
    let text = current.read_array(UserPtr::<u8>::new(text(address)?), size)?;
    let queue = namespace(current).messages.lock().get(queue)?;
    queue.state().permission.check(&current.task.creds(), WRITE)?;
    queue.send(Message { kind, text }, flags & get::NOWAIT == 0, caller(current))?;
    Ok(0)
}

/// msgrcv(2).
pub fn msgrcv(current: &mut Current, queue: i32, address: UserAddr, size: usize, kind: i64, flags: u32) -> SysResult {
    if i64::try_from(size).is_err() || queue < 0 {
        return Err(Errno::EINVAL);
    }
    let wait = flags & get::NOWAIT == 0;
    if flags & receive::COPY != 0 {
        // For checkpoints; a kernel without them has it not.
        return Err(if wait || flags & receive::EXCEPT != 0 { Errno::EINVAL } else { Errno::ENOSYS });
    }
    let wanted = match kind {
        0 => Wanted::Any,
        // The lowest number has no opposite.
        ..0 => Wanted::UpTo(kind.checked_neg().unwrap_or(i64::MAX)),
        _ if flags & receive::EXCEPT != 0 => Wanted::Except(kind),
        _ => Wanted::Kind(kind),
    };
    let queue = namespace(current).messages.lock().get(queue)?;
    queue.state().permission.check(&current.task.creds(), READ)?;
    let cut = flags & receive::NOERROR != 0;
    let message = queue.receive(wanted, size, cut, wait, caller(current))?;
    current.write(UserPtr::new(address), &message.kind)?;
    current.write_bytes(text(address)?, &message.text)?;
    Ok(message.text.len())
}

/// msgctl(2).
pub fn msgctl(current: &mut Current, queue: i32, operation: i32, buf: UserAddr) -> SysResult {
    let creds = current.task.creds();
    let namespace = namespace(current);
    match operation {
        command::INFO | message::INFO => {
            let int = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
            let (used, messages, bytes, highest) = {
                let queues = namespace.messages.lock();
                let shown: Vec<MsqIdDs> = queues.iter().map(|(_, queue)| queue.state().show(|_| 0)).collect();
                let sum = |field: fn(&MsqIdDs) -> u64| usize::try_from(shown.iter().map(field).sum::<u64>());
                let messages = sum(|queue| queue.messages).unwrap_or(usize::MAX);
                (shown.len(), messages, sum(|queue| queue.bytes).unwrap_or(usize::MAX), queues.highest())
            };
            let mut info = MsgInfo {
                pool: int(OBJECTS_MAX) * 16,
                map: int(OBJECTS_MAX) * 16,
                message_max: int(MESSAGE_MAX),
                queue_bytes: i32::try_from(QUEUE_BYTES).unwrap_or(i32::MAX),
                queues_max: int(OBJECTS_MAX),
                segment_size: 16,
                headers: int(OBJECTS_MAX) * 16,
                segments: u16::MAX,
                ..MsgInfo::default()
            };
            if operation == message::INFO {
                (info.pool, info.map, info.headers) = (int(used), int(messages), int(bytes));
            }
            current.write(UserPtr::new(buf), &info)?;
            Ok(highest)
        }
        command::STAT | message::STAT | message::STAT_ANY => {
            let (found, queue) = if operation == command::STAT {
                (0, namespace.messages.lock().get(queue)?)
            } else {
                namespace.messages.lock().at(queue)?
            };
            let shown = {
                let state = queue.state();
                if operation != message::STAT_ANY {
                    state.permission.check(&creds, READ)?;
                }
                state.show(number(current))
            };
            current.write(UserPtr::new(buf), &shown)?;
            id(found)
        }
        command::SET => {
            let new: MsqIdDs = current.read(UserPtr::new(buf))?;
            let queue = namespace.messages.lock().get(queue)?;
            {
                let mut state = queue.state();
                state.permission.check_owner(&creds)?;
                state.set(&new, creds.has(cap::SYS_RESOURCE))?;
            }
            queue.resized();
            Ok(0)
        }
        command::RMID => {
            let mut queues = namespace.messages.lock();
            let queue: Arc<MessageQueue> = queues.get(queue)?;
            queue.state().permission.check_owner(&creds)?;
            queues.remove(&queue);
            drop(queues);
            queue.remove();
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
