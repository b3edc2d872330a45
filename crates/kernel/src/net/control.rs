//! Ancillary data: descriptors and credentials beside a message; see cmsg(3) and unix(7).

use lazaret_abi::{
    errno::Errno,
    socket::{CMsgHdr, RIGHTS_MAX, UCred, ancillary, level},
};
use zerocopy::{FromBytes, IntoBytes};

use super::unix::flight::Rights;
use crate::{
    fs::descriptor,
    sync::Arc,
    task::{Current, Task, creds::cap, pid::Pid},
};

/// Credentials of a process, for others to see.
#[derive(Clone, Default)]
pub struct Sender {
    /// The process; none for the kernel.
    pid: Option<Arc<Pid>>,
    /// User id.
    uid: u32,
    /// Group id.
    gid: u32,
}

impl PartialEq for Sender {
    fn eq(&self, other: &Sender) -> bool {
        let pid = |sender: &Sender| sender.pid.as_ref().map(Arc::as_ptr);
        (pid(self), self.uid, self.gid) == (pid(other), other.uid, other.gid)
    }
}

impl Sender {
    /// A process with these ids.
    pub fn new(pid: Arc<Pid>, uid: u32, gid: u32) -> Sender {
        Sender { pid: Some(pid), uid, gid }
    }

    /// The calling task's process.
    pub fn calling() -> Sender {
        Task::try_current().map_or_else(Sender::default, |task| {
            let creds = task.creds();
            Sender::new(task.group().pid().clone(), creds.euid, creds.egid)
        })
    }

    /// As the calling task sees it: a process that its pid namespace does not show is 0.
    pub fn seen(&self) -> UCred {
        let task = Task::try_current();
        let pid = self.pid.as_ref().zip(task).map_or(0, |(pid, task)| pid.number_in(task.group().namespace()));
        UCred { pid, uid: self.uid, gid: self.gid }
    }
}

/// What travels beside data.
#[derive(Clone, Default)]
pub struct Control {
    /// Open files.
    pub rights: Rights,
    /// Who sent it.
    pub sender: Option<Sender>,
    /// What the address family knows alone, as it was given.
    pub others: Vec<Other>,
}

/// A control message that is carried and not looked into; see ip(7), ipv6(7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// SOL_*
    pub level: u32,
    /// The option that it belongs to.
    pub kind: u32,
    /// Its data.
    pub data: Vec<u8>,
}

impl Control {
    /// Data with `next` beside it may be joined to data with this.
    pub fn joins(&self, next: &Control) -> bool {
        self.rights.is_empty() && next.rights.is_empty() && self.sender == next.sender
    }

    /// What a receive gets: descriptors are given out once, the sender stays.
    pub fn take_once(&mut self) -> Control {
        Control {
            rights: std::mem::take(&mut self.rights),
            sender: self.sender.clone(),
            others: std::mem::take(&mut self.others),
        }
    }
}

/// Longest control buffer that is looked at (`net.core.optmem_max`).
const MAX_LENGTH: usize = 20_480;

const HEADER: usize = size_of::<CMsgHdr>();

const fn align(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// What a control buffer of sendmsg(2) holds. `check_claim` tells whose the given credentials are, if the caller
/// may send them.
///
/// # Errors
/// `EINVAL` for malformed buffers and unknown messages, `EBADF` for descriptors that are not open,
/// `EPERM` and `ESRCH` for credentials of others, `ENOBUFS` for a buffer that is too long, `ETOOMANYREFS`.
pub fn parse(
    current: &Current,
    mut buffer: &[u8],
    check_claim: impl Fn(&UCred) -> Result<Sender, Errno>,
) -> Result<Control, Errno> {
    if buffer.len() > MAX_LENGTH {
        return Err(Errno::ENOBUFS);
    }
    let mut control = Control::default();
    let mut files = Vec::new();
    while buffer.len() >= HEADER {
        let (header, _) = CMsgHdr::read_from_prefix(buffer).map_err(|_| Errno::EINVAL)?;
        let length = usize::try_from(header.length).map_err(|_| Errno::EINVAL)?;
        if length < HEADER || length > buffer.len() {
            return Err(Errno::EINVAL);
        }
        let data = &buffer[HEADER..length];
        match (header.level, header.kind) {
            (level::SOCKET, ancillary::RIGHTS) => {
                let numbers = data.as_chunks::<4>().0;
                if numbers.len() + files.len() > RIGHTS_MAX {
                    return Err(Errno::EINVAL);
                }
                for number in numbers {
                    let fd = lazaret_abi::id::Fd::new(i32::from_ne_bytes(*number));
                    files.push(descriptor::any(current, fd)?);
                }
            }
            (level::SOCKET, ancillary::CREDENTIALS) => {
                let claimed = UCred::read_from_bytes(data).map_err(|_| Errno::EINVAL)?;
                control.sender = Some(check_claim(&claimed)?);
            }
            (level::SOCKET, _) => return Err(Errno::EINVAL),
            (level, kind) => control.others.push(Other { level, kind, data: data.to_vec() }),
        }
        buffer = buffer.get(align(length)..).unwrap_or(&[]);
    }
    let creds = current.task.creds();
    let is_limited = !creds.has(cap::SYS_RESOURCE) && !creds.has(cap::SYS_ADMIN);
    let limit = if is_limited { descriptor::limit(current) } else { usize::MAX };
    control.rights = Rights::new(files, creds.uid, limit)?;
    Ok(control)
}

/// The messages in a control buffer that comes from the host.
pub fn others(mut buffer: &[u8]) -> Vec<Other> {
    let mut others = Vec::new();
    while let Ok((header, _)) = CMsgHdr::read_from_prefix(buffer) {
        let Ok(length) = usize::try_from(header.length) else { break };
        let Some(data) = buffer.get(HEADER..length) else { break };
        others.push(Other { level: header.level, kind: header.kind, data: data.to_vec() });
        buffer = buffer.get(align(length)..).unwrap_or(&[]);
    }
    others
}

/// A control buffer with these messages, for the host.
pub fn of_others(others: &[Other]) -> Vec<u8> {
    let mut writer = Writer::new(MAX_LENGTH);
    for other in others {
        writer.put(other.level, other.kind, &other.data);
    }
    writer.bytes
}

/// Puts together a control buffer of recvmsg(2).
pub struct Writer {
    bytes: Vec<u8>,
    capacity: usize,
    /// Something did not fit (MSG_CTRUNC).
    pub truncated: bool,
}

impl Writer {
    /// An empty buffer for `capacity` bytes.
    pub fn new(capacity: usize) -> Writer {
        Writer { bytes: Vec::new(), capacity: capacity.min(MAX_LENGTH), truncated: false }
    }

    /// What was put.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a message, cut to the room there is.
    pub fn put(&mut self, level: u32, kind: u32, data: &[u8]) {
        let room = self.capacity - self.bytes.len();
        if room < HEADER {
            self.truncated = true;
            return;
        }
        let kept = data.len().min(room - HEADER);
        self.truncated |= kept < data.len();
        let header = CMsgHdr { length: (HEADER + kept) as u64, level, kind };
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(&data[..kept]);
        // The next header is aligned, if there is room for one at all.
        let end = align(self.bytes.len()).min(self.capacity);
        self.bytes.resize(end, 0);
    }

    /// Gives out descriptors for files, as many as fit, and appends their numbers.
    pub fn put_rights(&mut self, current: &Current, rights: Rights, close_on_exec: bool) {
        if rights.is_empty() {
            return;
        }
        let room = (self.capacity - self.bytes.len()).saturating_sub(HEADER) / size_of::<i32>();
        let files = rights.into_files();
        self.truncated |= room < files.len();
        let mut numbers = Vec::new();
        for file in files.iter().take(room) {
            match descriptor::install(current, Arc::clone(file), close_on_exec).map(i32::try_from) {
                Ok(Ok(fd)) => numbers.extend_from_slice(&fd.to_ne_bytes()),
                _ => {
                    self.truncated = true;
                    break;
                }
            }
        }
        if !numbers.is_empty() {
            self.put(level::SOCKET, ancillary::RIGHTS, &numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_aligned_and_cut() {
        let mut writer = Writer::new(HEADER + 12 + 4 + HEADER + 4);
        writer.put(level::SOCKET, ancillary::CREDENTIALS, &[1; 12]);
        assert_eq!(writer.bytes().len(), HEADER + 16);
        writer.put(level::SOCKET, ancillary::RIGHTS, &[2; 8]);
        assert!(writer.truncated);
        assert_eq!(writer.bytes().len(), HEADER + 16 + HEADER + 4);
    }
}
