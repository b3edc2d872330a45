//! Signals that tell of a file: O_ASYNC, F_NOTIFY, F_SETOWN and F_SETSIG of fcntl(2).

use lazaret_abi::{
    fcntl::directory,
    signal::{SigInfo, Signal, code},
};
use lazaret_snapshot::Snapshot;

use super::{
    inotify::Mask,
    notify::{self, InodeId, Watcher},
};
use crate::{
    boot::Kernel,
    signal::{send_to_process, send_to_thread},
    sync::{Arc, Mutex, Weak},
    task::{creds::Creds, pid::Pid},
    wait::{Events, Wake},
};

/// Whom F_SETOWN names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Snapshot)]
pub enum OwnerKind {
    /// A thread (F_OWNER_TID).
    Thread,
    /// A process.
    #[default]
    Process,
    /// A process group.
    Group,
}

/// Who gets the signals of a file, and which.
#[derive(Clone, Default, Snapshot)]
pub struct AsyncOwner {
    /// What `pid` is.
    pub kind: OwnerKind,
    /// Its numbers; nobody once it is gone.
    pub pid: Weak<Pid>,
    /// The signal (F_SETSIG); 0 is SIGIO.
    pub signal: i32,
    /// The user who said so, and whose rights count.
    pub uid: u32,
    /// The effective one.
    pub euid: u32,
}

/// An owner that several may know.
pub type SharedOwner = Arc<Mutex<AsyncOwner>>;

/// `si_code` and `si_band` of a signal that F_SETSIG has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reason(i32, u64);

impl Reason {
    /// POLL_MSG: a change of a directory.
    const MESSAGE: Reason = Reason(3, 0x441);

    fn of(events: Events) -> Reason {
        if events.intersects(Events::READABLE) {
            Reason(1, 0x41)
        } else if events.intersects(Events::WRITABLE) {
            Reason(2, 0x304)
        } else if events.intersects(Events::PRI) {
            Reason(5, 0x82)
        } else if events.intersects(Events::ERR) {
            Reason(4, 0x8)
        } else {
            Reason(6, 0x18)
        }
    }
}

impl AsyncOwner {
    /// Names who gets the signals, in the name of `creds`.
    pub fn set(&mut self, kind: OwnerKind, pid: Option<&Arc<Pid>>, creds: &Creds) {
        let pid = pid.map_or_else(Weak::new, Arc::downgrade);
        *self = AsyncOwner { kind, pid, signal: self.signal, uid: creds.uid, euid: creds.euid };
    }

    /// The rules of kill(2), but for who is privileged at the end of it.
    fn may_signal(&self, target: &Creds) -> bool {
        self.euid == 0 || [self.euid, self.uid].iter().any(|id| [target.uid, target.suid].contains(id))
    }

    /// Sends the signal; `fd` is the descriptor by which the file was known when it was asked for.
    fn tell(&self, kernel: &Kernel, fd: i32, reason: Reason) {
        let Some(pid) = self.pid.upgrade() else { return };
        let tree = kernel.processes();
        if self.kind == OwnerKind::Thread {
            let thread = tree.task(pid.global()).cloned();
            drop(tree);
            if let Some(thread) = thread.filter(|thread| self.may_signal(&thread.creds())) {
                self.send(fd, reason, |signal, info| send_to_thread(&thread, signal, info, false));
            }
            return;
        }
        let processes = match self.kind {
            OwnerKind::Group => tree.group_processes(pid.global()),
            _ => tree.node(pid.global()).map(|node| node.process.clone()).into_iter().collect(),
        };
        drop(tree);
        for process in processes {
            if process.threads().first().is_some_and(|thread| self.may_signal(&thread.creds())) {
                self.send(fd, reason, |signal, info| send_to_process(&process, signal, info, false));
            }
        }
    }

    fn send<E>(&self, fd: i32, Reason(number, band): Reason, send: impl Fn(Signal, SigInfo) -> Result<(), E>) {
        if let Some(signal) = Signal::new(self.signal) {
            let mut info = SigInfo::new(signal, number);
            info.fields[0] = band;
            info.fields[1] = u64::from(fd.cast_unsigned());
            if send(signal, info).is_ok() {
                return;
            }
        }
        // Also when no more real-time signals may be queued. It is never refused itself.
        let _ = send(Signal::IO, SigInfo::new(Signal::IO, code::KERNEL));
    }
}

/// Turns readiness into signals.
pub struct Teller {
    kernel: Weak<Kernel>,
    owner: SharedOwner,
    fd: i32,
}

impl Teller {
    /// Tells `owner` of what happens to the file with the descriptor `fd`.
    pub fn new(kernel: &Arc<Kernel>, owner: &SharedOwner, fd: i32) -> Teller {
        Teller { kernel: Arc::downgrade(kernel), owner: owner.clone(), fd }
    }

    fn tell(&self, reason: Reason) {
        if let Some(kernel) = self.kernel.upgrade() {
            let owner = self.owner.lock().clone();
            owner.tell(&kernel, self.fd, reason);
        }
    }
}

impl Wake for Teller {
    fn wake(&self, events: Events) -> bool {
        self.tell(Reason::of(events));
        // Nobody slept.
        false
    }
}

/// What F_NOTIFY watches a directory for.
pub struct DirectoryNotice {
    teller: Teller,
    id: InodeId,
    /// DN_*.
    wanted: Mutex<u32>,
}

impl DirectoryNotice {
    /// Watches a directory.
    pub fn new(teller: Teller, id: InodeId, wanted: u32) -> Arc<DirectoryNotice> {
        let notice = Arc::new(DirectoryNotice { teller, id, wanted: Mutex::new(wanted) });
        let watcher: Arc<dyn Watcher> = notice.clone();
        notify::watch(id, &watcher);
        notice
    }

    /// Watches for these changes too.
    pub fn add(&self, wanted: u32) {
        *self.wanted.lock() |= wanted;
    }
}

impl Watcher for DirectoryNotice {
    fn notify(&self, event: Mask, _cookie: u32, name: &[u8]) {
        const MAP: [(Mask, u32); 6] = [
            (Mask::ACCESS, directory::ACCESS),
            (Mask::MODIFY, directory::MODIFY),
            (Mask::CREATE.union(Mask::MOVED_TO), directory::CREATE),
            (Mask::DELETE.union(Mask::MOVED_FROM), directory::DELETE),
            (Mask::MOVED_FROM, directory::RENAME),
            (Mask::ATTRIB, directory::ATTRIB),
        ];
        if name.is_empty() {
            return;
        }
        let happened = MAP.iter().filter(|(mask, _)| event.intersects(*mask)).fold(0, |all, (_, bit)| all | bit);
        let mut wanted = self.wanted.lock();
        if *wanted & happened == 0 {
            return;
        }
        if *wanted & directory::MULTISHOT == 0 {
            *wanted = 0;
        }
        drop(wanted);
        self.teller.tell(Reason::MESSAGE);
    }
}

impl Drop for DirectoryNotice {
    fn drop(&mut self) {
        notify::unwatch(self.id, self);
    }
}
