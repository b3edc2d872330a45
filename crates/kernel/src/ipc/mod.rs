//! Interprocess communication: that of System V, see sysvipc(7), and the place of POSIX message queues.

pub mod message;
pub mod permission;
pub mod semaphore;
pub mod shared;
pub mod table;

use lazaret_abi::errno::Errno;
use lazaret_snapshot::{Reader, Snapshot, Writer};

use self::{message::MessageQueue, semaphore::SemaphoreSet, shared::Segment, table::Table};
use crate::{
    checkpoint,
    fs::mqueue::Queues,
    sync::{Arc, Mutex, OnceLock},
    task::namespaces::NamespaceId,
};

/// Most semaphore sets (SEMMNI) and message queues (MSGMNI) of a namespace.
pub const OBJECTS_MAX: usize = 32_000;
/// Most shared memory segments of a namespace (SHMMNI).
pub const SEGMENTS_MAX: usize = 4096;

/// The objects of an IPC namespace.
pub struct IpcNamespace {
    id: Arc<NamespaceId>,
    /// Semaphore sets.
    pub semaphores: Mutex<Table<SemaphoreSet>>,
    /// Message queues.
    pub messages: Mutex<Table<MessageQueue>>,
    /// Shared memory segments.
    pub segments: Mutex<Table<Segment>>,
    /// POSIX message queues, once somebody asks for them.
    queues: OnceLock<Queues>,
}

impl IpcNamespace {
    /// An empty namespace.
    pub fn new() -> Arc<IpcNamespace> {
        Arc::new(IpcNamespace::with_identity(NamespaceId::new()))
    }

    fn with_identity(id: Arc<NamespaceId>) -> IpcNamespace {
        IpcNamespace {
            id,
            semaphores: Mutex::new(Table::new(OBJECTS_MAX)),
            messages: Mutex::new(Table::new(OBJECTS_MAX)),
            segments: Mutex::new(Table::new(SEGMENTS_MAX)),
            queues: OnceLock::new(),
        }
    }

    /// Identity, as `/proc/PID/ns` shows it.
    pub fn identity(&self) -> &NamespaceId {
        &self.id
    }

    /// POSIX message queues.
    pub fn queues(&self) -> &Queues {
        self.queues.get_or_init(Queues::new)
    }

    /// The process `pid` has asked for something to be undone at its end (SEM_UNDO).
    pub fn has_adjustments(&self, pid: i32) -> bool {
        self.semaphores.lock().iter().any(|(_, set)| set.has_adjustments(pid))
    }

    /// Takes back what the process `pid` has asked to be undone at its end (SEM_UNDO).
    pub fn process_ends(&self, pid: i32) {
        let sets: Vec<_> = self.semaphores.lock().iter().map(|(_, set)| set.clone()).collect();
        for set in sets {
            set.undo(pid);
        }
    }
}

/// Only a namespace without objects can be saved.
impl Snapshot for IpcNamespace {
    fn save(&self, writer: &mut Writer) -> lazaret_snapshot::Result<()> {
        let used = self.semaphores.lock().iter().next().is_some()
            || self.messages.lock().iter().next().is_some()
            || self.segments.lock().iter().next().is_some()
            || self.queues.get().is_some_and(|queues| !queues.is_empty());
        if used {
            return Err(checkpoint::refused("an IPC object", Errno::EOPNOTSUPP));
        }
        self.id.save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> lazaret_snapshot::Result<Self> {
        Ok(IpcNamespace::with_identity(Snapshot::load(reader)?))
    }
}
