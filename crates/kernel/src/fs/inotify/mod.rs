//! inotify(7) instances.

mod mask;

pub use self::mask::Mask;

use std::collections::{BTreeMap, VecDeque};

use lazaret_abi::errno::Errno;

use super::{
    anon::anonymous_file,
    file::{File, FileOps},
    inode::FileKind,
    notify::{self, InodeId, Watcher},
    vfs::Location,
};
use crate::{
    sync::{Arc, AtomicBool, Mutex, Ordering, Weak},
    task::Current,
    uaddr::{UserAddr, UserPtr},
    uio::Sink,
    wait::{Events, Poller, WaitQueue, take_or_wait},
};

/// Events an instance holds before it reports an overflow (`fs.inotify.max_queued_events`).
const MAX_QUEUED: usize = 16_384;
/// Watches of one instance (`fs.inotify.max_user_watches`).
const MAX_WATCHES: usize = 65_536;
/// Size of an event without its name.
const HEADER: usize = 16;

/// FIONREAD
const FIONREAD: u32 = 0x541b;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    descriptor: i32,
    mask: Mask,
    cookie: u32,
    name: Vec<u8>,
}

impl Event {
    /// Length of the name with its zeros: it fills whole multiples of the header's size.
    fn name_length(&self) -> usize {
        if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(HEADER) }
    }

    fn encode(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(HEADER + self.name_length());
        data.extend_from_slice(&self.descriptor.to_ne_bytes());
        data.extend_from_slice(&self.mask.bits().to_ne_bytes());
        data.extend_from_slice(&self.cookie.to_ne_bytes());
        // Names are at most 255 bytes long.
        data.extend_from_slice(&u32::try_from(self.name_length()).unwrap_or(0).to_ne_bytes());
        data.extend_from_slice(&self.name);
        data.resize(HEADER + self.name_length(), 0);
        data
    }
}

/// One watched inode of an instance.
pub struct Watch {
    instance: Weak<Instance>,
    descriptor: i32,
    id: InodeId,
    mask: Mutex<Mask>,
    /// No more events: removed, or a one-shot watch that fired.
    done: AtomicBool,
}

impl Watcher for Watch {
    /// Reports an event to the instance if it is watched for.
    fn notify(&self, event: Mask, cookie: u32, name: &[u8]) {
        let wanted = *self.mask.lock();
        let Some(instance) = self.instance.upgrade() else { return };
        if self.done.load(Ordering::Acquire) {
            return;
        }
        let fires = wanted.intersects(event & Mask::ALL_EVENTS);
        if fires {
            instance.push(Event { descriptor: self.descriptor, mask: event, cookie, name: name.to_vec() });
        }
        if event.contains(Mask::DELETE_SELF) || fires && wanted.contains(Mask::ONESHOT) {
            instance.remove_watch(self.descriptor);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        notify::unwatch(self.id, self);
    }
}

struct Watches {
    by_descriptor: BTreeMap<i32, Arc<Watch>>,
    next: i32,
}

struct Instance {
    watches: Mutex<Watches>,
    events: Mutex<VecDeque<Event>>,
    queue: Arc<WaitQueue>,
}

impl Instance {
    fn push(&self, event: Event) {
        let mut events = self.events.lock();
        if events.back() == Some(&event) {
            return;
        }
        let overflow = Event { descriptor: -1, mask: Mask::Q_OVERFLOW, cookie: 0, name: Vec::new() };
        if events.len() < MAX_QUEUED {
            events.push_back(event);
        } else if events.back() != Some(&overflow) {
            events.push_back(overflow);
        }
        drop(events);
        self.queue.wake(Events::READABLE);
    }

    fn remove_watch(&self, descriptor: i32) -> bool {
        let Some(watch) = self.watches.lock().by_descriptor.remove(&descriptor) else { return false };
        watch.done.store(true, Ordering::Release);
        self.push(Event { descriptor, mask: Mask::IGNORED, cookie: 0, name: Vec::new() });
        true
    }
}

/// The open file of an instance.
pub struct Inotify {
    instance: Arc<Instance>,
}

impl Inotify {
    /// inotify_init1(2); `flags` are those of open(2).
    pub fn open(flags: u32) -> Arc<File> {
        let instance = Arc::new(Instance {
            watches: Mutex::new(Watches { by_descriptor: BTreeMap::new(), next: 1 }),
            events: Mutex::default(),
            queue: Arc::new(WaitQueue::new()),
        });
        anonymous_file("inotify", Box::new(Inotify { instance }), flags)
    }

    /// inotify_add_watch(2) for a place that was looked up as the mask demands.
    ///
    /// # Errors
    /// `ENOTDIR`, `EEXIST`, `ENOSPC`.
    pub fn add_watch(&self, location: &Location, mask: Mask) -> Result<i32, Errno> {
        if mask.contains(Mask::ONLYDIR) && location.inode().kind() != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        let attributes = location.inode().attributes()?;
        let id = (attributes.device, attributes.inode);
        let kept = mask & (Mask::ALL_EVENTS | Mask::ONESHOT | Mask::EXCL_UNLINK);
        let mut watches = self.instance.watches.lock();
        if let Some(known) = watches.by_descriptor.values().find(|watch| watch.id == id) {
            if mask.contains(Mask::MASK_CREATE) {
                return Err(Errno::EEXIST);
            }
            let mut current = known.mask.lock();
            *current = if mask.contains(Mask::MASK_ADD) { *current | kept } else { kept };
            return Ok(known.descriptor);
        }
        if watches.by_descriptor.len() >= MAX_WATCHES {
            return Err(Errno::ENOSPC);
        }
        let descriptor = watches.next;
        watches.next = descriptor.checked_add(1).ok_or(Errno::ENOSPC)?;
        let watch = Arc::new(Watch {
            instance: Arc::downgrade(&self.instance),
            descriptor,
            id,
            mask: Mutex::new(kept),
            done: AtomicBool::new(false),
        });
        let watcher: Arc<dyn Watcher> = watch.clone();
        notify::watch(id, &watcher);
        watches.by_descriptor.insert(descriptor, watch);
        Ok(descriptor)
    }

    /// inotify_rm_watch(2).
    ///
    /// # Errors
    /// `EINVAL` when there is no such watch.
    pub fn remove_watch(&self, descriptor: i32) -> Result<(), Errno> {
        if self.instance.remove_watch(descriptor) { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

impl FileOps for Inotify {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let instance = &self.instance;
        loop {
            let mut data = Vec::new();
            let mut events = instance.events.lock();
            while let Some(event) = events.front() {
                let size = HEADER + event.name_length();
                if data.len() + size > sink.remaining() {
                    if data.is_empty() {
                        return Err(Errno::EINVAL);
                    }
                    break;
                }
                data.extend(event.encode());
                events.pop_front();
            }
            drop(events);
            if !data.is_empty() {
                return sink.put(&data);
            }
            take_or_wait(file.is_nonblocking(), &instance.queue, Events::READABLE, || {
                (!instance.events.lock().is_empty()).then_some(())
            })?;
        }
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn seeks_to_start(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(&self.instance.queue, Events::READABLE);
        }
        if self.instance.events.lock().is_empty() { Events::empty() } else { Events::READABLE }
    }

    fn tells_by_signal(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn ioctl(&self, _file: &File, current: &mut Current, request: u32, argument: UserAddr) -> Result<usize, Errno> {
        if request != FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let bytes: usize = self.instance.events.lock().iter().map(|event| HEADER + event.name_length()).sum();
        current.write(UserPtr::new(argument), &i32::try_from(bytes).unwrap_or(i32::MAX))?;
        Ok(0)
    }
}

#[cfg(test)]
mod tests;
