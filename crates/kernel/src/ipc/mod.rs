//! System V interprocess communication; see sysvipc(7).

use lazaret_snapshot::Snapshot;

use crate::{sync::Arc, task::namespaces::NamespaceId};

/// The objects of an IPC namespace.
#[derive(Snapshot)]
pub struct IpcNamespace {
    id: Arc<NamespaceId>,
}

impl IpcNamespace {
    /// An empty namespace.
    pub fn new() -> Arc<IpcNamespace> {
        Arc::new(IpcNamespace { id: NamespaceId::new() })
    }

    /// Identity, as `/proc/PID/ns` shows it.
    pub fn identity(&self) -> &NamespaceId {
        &self.id
    }
}
