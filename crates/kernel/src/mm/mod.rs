//! Memory of the application: the tree of virtual memory areas, and the calls that change it.
//!
//! The host kernel manages the pages; the tree here is the truth about what is mapped, for
//! `/proc`, for limits, and for every decision the kernel takes.

use lazaret_platform::AddressSpace;

use crate::sync::Arc;

/// Memory of a process, shared by tasks cloned with CLONE_VM.
pub struct Mm {
    space: Arc<dyn AddressSpace>,
}

impl Mm {
    /// The memory of a fresh address space: nothing is mapped.
    pub fn new(space: Arc<dyn AddressSpace>) -> Mm {
        Mm { space }
    }

    /// The platform's address space.
    pub fn space(&self) -> &Arc<dyn AddressSpace> {
        &self.space
    }
}
