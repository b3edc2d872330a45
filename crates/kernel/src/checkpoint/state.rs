//! The state of a kernel as a whole.

use lazaret_abi::errno::Errno;
use lazaret_platform::{AddressSpace, Context as PlatformContext};
use lazaret_snapshot::{Context, Error, Reader, Result, Snapshot, Writer, load_with};

use super::refused;
use crate::{
    boot::{Kernel, KernelConfig},
    sync::{Arc, Mutex, OnceLock},
    task::{pid::PidNamespace, tree::ProcessTree},
};

/// A kernel with the state of another one. Its tasks do not run yet.
pub struct Restored {
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// The address spaces of its processes, with their first contexts. They are empty: what was mapped
    /// is in the processes' areas.
    pub spaces: Vec<(Arc<dyn AddressSpace>, Box<dyn PlatformContext>)>,
}

/// The state of `kernel`, whose tasks must all be paused.
///
/// # Errors
/// Names what cannot be saved.
pub fn save(kernel: &Arc<Kernel>) -> Result<Vec<u8>> {
    if !kernel.terminals.is_empty() {
        return Err(refused("a controlling terminal", Errno::EOPNOTSUPP));
    }
    lazaret_snapshot::save(&State(kernel.clone()))
}

/// A new kernel with a saved state, made with `config`.
///
/// # Errors
/// What is wrong with the bytes, or what the host refused.
pub fn restore(config: KernelConfig, bytes: &[u8]) -> Result<Restored> {
    let restoration = Arc::new(Restoration { config: Mutex::new(Some(config)), ..Restoration::default() });
    let state: State = load_with(bytes, &Context::new().with(restoration.clone()))?;
    let spaces = std::mem::take(&mut *restoration.spaces.lock());
    Ok(Restored { kernel: state.0, spaces })
}

/// The address space of a process that is loaded, and its first thread.
type LoadedSpace = (Arc<dyn AddressSpace>, Box<dyn PlatformContext>);

/// What objects find while they are loaded.
#[derive(Default)]
struct Restoration {
    /// Taken when the kernel is made.
    config: Mutex<Option<KernelConfig>>,
    kernel: OnceLock<Arc<Kernel>>,
    spaces: Mutex<Vec<LoadedSpace>>,
}

impl Restoration {
    fn kernel<'r>(reader: &Reader<'r>) -> Result<&'r Arc<Kernel>> {
        let restoration = reader.context::<Arc<Restoration>>()?;
        restoration.kernel.get().ok_or(Error::Invalid("task before its kernel"))
    }
}

/// The root of a snapshot.
struct State(Arc<Kernel>);

impl Snapshot for State {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.0.pids.save(writer)?;
        self.0.processes().save(writer)
    }

    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        let restoration = reader.context::<Arc<Restoration>>()?;
        let pids = <Arc<PidNamespace>>::load(reader)?;
        let config = restoration.config.lock().take().ok_or(Error::Invalid("second kernel"))?;
        let kernel = restoration.kernel.get_or_init(|| Kernel::with_pids(config, pids)).clone();
        let processes = ProcessTree::load(reader)?;
        *kernel.processes() = processes;
        Ok(State(kernel))
    }
}

/// The kernel that an object belongs to: the one that is being restored.
pub(crate) mod kernel {
    use super::{Arc, Kernel, Reader, Restoration, Result, Writer};

    pub fn save(_kernel: &Arc<Kernel>, _writer: &mut Writer) -> Result<()> {
        Ok(())
    }

    pub fn load(reader: &mut Reader<'_>) -> Result<Arc<Kernel>> {
        Restoration::kernel(reader).cloned()
    }
}

/// An address space: a new one.
pub(crate) mod space {
    use super::{AddressSpace, Arc, Error, Reader, Restoration, Result, Writer};

    pub fn save(_space: &Arc<dyn AddressSpace>, _writer: &mut Writer) -> Result<()> {
        Ok(())
    }

    pub fn load(reader: &mut Reader<'_>) -> Result<Arc<dyn AddressSpace>> {
        let made = Restoration::kernel(reader)?.platform.create();
        let (space, context) = made.map_err(|error| Error::Resource(format!("an address space: {error}")))?;
        reader.context::<Arc<Restoration>>()?.spaces.lock().push((space.clone(), context));
        Ok(space)
    }
}
